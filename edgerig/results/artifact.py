"""What is known of a built variant: its file and those beside it, its tensors, and the check it passed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from edgerig.results.value import Value


class TensorRecord(Value):
    """A tensor of a built file; `scale` 0.0 means not quantized, else real = scale * (stored - zero_point)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


class OutputParity(Value):
    """One output tensor against another computation of it on the same samples.

    `relative_error` is ||found - expected|| / ||expected||, the 2-norms over all elements of all samples. Where some
    channels' own scale is far below the whole's, it is the larger of the whole's and of those channels' own (`weak`
    says so): one norm over boxes of hundreds and scores below one would hide scores that are destroyed.
    """

    name: str
    compared: Literal["real", "index"] = Field(description="index, integer and bool outputs are compared by agreement")
    relative_error: float | None = None
    max_abs_error: float | None = None
    agreement: float | None = Field(
        default=None, description="share of samples with the same top class; of an index output, of equal elements"
    )
    weak: str = Field(default="", description="channels whose own scale is far below the whole output's")
    constant: tuple[int, ...] = Field(default=(), description="channels that vary there and not here, at most 20")
    reason: str = Field(default="", description="why it could not be compared")


class CheckRecord(Value):
    """A built file against its source model on sample inputs, at build time on the host; the errors are those of the
    output that is furthest off (`worst`), None where no output is real-valued."""

    relative_error: float | None
    max_abs_error: float | None
    samples: int
    worst: str | None = None
    outputs: tuple[OutputParity, ...] = ()


class FedRecord(Value):
    """The file's input number `input` is fed from its output number `output` of the inference before; `initial` is what
    it holds at first: a number, or nested lists of its shape. `keep`: the output is a result as well."""

    output: int
    input: int
    initial: float | list[JsonValue] = 0.0
    keep: bool = False


class BesideFile(Value):
    """A file that belongs to a variant's main one, such as weights an ONNX file keeps outside of itself."""

    name: str
    sha256: str
    size_bytes: int


class Artifact(Value):
    """A built variant: its file in the store, with what is known of it. `layout` is that of its 4-D inputs."""

    key: str
    file: str
    sha256: str
    size_bytes: int = Field(description="of the file and of those beside it")
    beside: tuple[BesideFile, ...] = Field(default=(), description="the files that belong to it")
    format: str
    recipe: str
    engine: str
    layout: Literal["NCHW", "NHWC", "any"]
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    constants: dict[str, int] = Field(description="bytes of constant tensors in the file, by dtype")
    signature: str = Field(default="", description="the file's entry that is run; empty: its default")
    fed: tuple[FedRecord, ...] = Field(default=(), description="the file's inputs fed from its outputs")
    shapes: tuple[tuple[int, ...], ...] = Field(default=(), description="its inputs are given, where not its own")
    delegated: int | None = None
    operators: int | None = None
    undelegated: tuple[str, ...] = ()
    check: CheckRecord | None
    check_reason: str = ""
    calibration: str | None = Field(default=None, description="fingerprint of the calibration data")
    options: dict[str, str] = Field(default={})
    notes: tuple[str, ...] = ()
