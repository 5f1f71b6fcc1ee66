"""What a cell's answers are worth: by labels, beside the source's, and how far the data goes beyond calibration."""

from __future__ import annotations

from pydantic import Field

from edgerig.results.artifact import OutputParity
from edgerig.results.value import Value


class Accuracy(Value):
    """A metric over the evaluation samples; `value` and `ci95` are in `unit`."""

    metric: str | None = None
    output: str | None = Field(default=None, description="of the model's, where the metric names one; several by comma")
    value: float | None = None
    ci95: tuple[float, float] | None = None
    higher_is_better: bool = True
    unit: str = Field(default="fraction", description='"fraction" of 1, such as top1\'s; "dB"; "" for a plain number')
    samples: int = 0
    reason: str = ""
    delta: float | None = Field(default=None, description="less the value of the fp32 variant that is placed alike")
    delta_ci95: tuple[float, float] | None = Field(default=None, description="from the same samples in both, paired")
    delta_reason: str = ""


class Parity(Value):
    """Against the source model's outputs on the same inputs: each output by itself, the one furthest off in front.

    `relative_error` and `max_abs_error` are those of the output `worst`, `agreement` the least of the outputs'.
    `disagreement` is the share of samples whose argmax differs from the fp32 variant of the same model, format, device
    and threads.
    """

    relative_error: float | None = None
    max_abs_error: float | None = None
    worst: str | None = None
    agreement: float | None = None
    outputs: tuple[OutputParity, ...] = ()
    samples: int = 0
    disagreement: float | None = None
    reason: str = ""
    disagreement_reason: str = ""


class Coverage(Value):
    """How far the evaluation data reaches beyond what a calibrated recipe's ranges were taken from."""

    outside: float | None = Field(
        default=None, description="share of samples with a value of an input or output beyond the calibrated range"
    )
    samples: int = 0
    reason: str = ""
