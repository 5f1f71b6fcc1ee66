"""What a cell is judged from: its raw run, and all that is known of it beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgerig.measure.answers import Answers
from edgerig.measure.error import Outputs
from edgerig.measure.metrics import Given, Unmeasurable
from edgerig.measure.raw import Raw
from edgerig.measure.sequences import Sequences, judged
from edgerig.plan import Cell
from edgerig.results import (
    Accuracy,
    Artifact,
    DeviceRecord,
)
from edgerig.results.stages import HostStage
from edgerig.spec import ModelSpec, RunSettings


@dataclass(frozen=True)
class CellRun:
    """What a cell is judged from.

    `output_names` is what the source calls its outputs, () for a ready file. `inputs` are the model's, where a metric
    needs them; `own_metrics` what the user's own metrics gave. `reference` are the source model's outputs and `fp32`
    the outputs of the same cell's fp32 sibling, None where there is none (`no_fp32` says why). `before` and `after` is
    the device around the run, `alone` what the run's cells on it say of its core (`measure/sharing.py`).
    `settings` is how it was to be timed; `drifted` what the device's reference cell says;
    `sustained`: it was to be kept at work.
    """

    cell: Cell
    model: ModelSpec
    artifact: Artifact
    raw: Raw
    output_names: Sequence[str] = ()
    labels: Mapping[str, Given] = field(default_factory=dict)
    inputs: Outputs = field(default_factory=list)
    own_metrics: Mapping[str, Accuracy] = field(default_factory=dict)
    answers: Answers | None = None
    preprocess: HostStage | None = None
    reference: Outputs | None = None
    fp32: Outputs | None = None
    no_fp32: str = ""
    before: DeviceRecord | None = None
    after: DeviceRecord | None = None
    alone: float | None = None
    settings: RunSettings = field(default_factory=RunSettings)
    drifted: Sequence[str] = ()
    sustained: bool = False
    sequences: Sequences | None = None
    """What of a sample's steps is judged, where samples are sequences."""

    @property
    def found(self) -> tuple[Sequence[str], Sequence[Given]]:
        """What metrics are taken of, and what it is called. Raises Unmeasurable where a postprocess function failed."""
        if self.answers is None:
            return self.names, judged(self.sequences, self.raw.outputs)
        if self.answers.record.failure:
            raise Unmeasurable(self.answers.record.failure)
        return self.answers.record.names, self.answers.values

    @property
    def names(self) -> Sequence[str]:
        """Of the outputs: the source's, the file's own where it has others."""
        return names_of(self.output_names, self.artifact)


def names_of(source: Sequence[str], artifact: Artifact) -> tuple[str, ...]:
    """What a built file's outputs are called: as the source has them, as the file where it has more or fewer."""
    own = tuple(tensor.name for tensor in artifact.outputs)
    return tuple(source) if len(source) == len(own) else own
