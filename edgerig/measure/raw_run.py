"""`raw.json`: what a runner says of one process, parsed, bounded and checked.

Its arrays, and what several processes and attempts left in one folder, are `raw.py`'s to read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, ValidationError, model_validator

from edgerig.errors import RunError, UnparsableOutput, printable
from edgerig.measure.raw_affinity import RawAffinity
from edgerig.measure.raw_served import RawServed
from edgerig.measure.raw_sustained import RawSustained
from edgerig.measure.untrusted import FromDevice, Nanoseconds, Text, Total
from edgerig.results import TensorRecord
from edgerig.spec.toml import Dtype, shown

SAMPLES_LIMIT_BYTES = 256 * 2**20


Bytes = Annotated[int, Field(gt=0, le=2**53)]
Operators = Annotated[int, Field(ge=0, le=10**9)]


class RawEngine(FromDevice):
    inputs: list[TensorRecord] = Field(max_length=64)
    outputs: list[TensorRecord] = Field(min_length=1, max_length=64)
    runtime: Text
    version: Text
    threads: int = Field(ge=0, le=4096)
    delegated: Operators | None = None
    total: Operators | None = None
    delegation_reason: Text = ""
    undelegated: list[Text] = Field(default=[], max_length=20)
    notes: list[Text] = Field(default=[], max_length=20)
    state: list[Text] = Field(default=[], max_length=200)
    signature: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    compile_ns: Nanoseconds | None = None

    @model_validator(mode="after")
    def _known_dtypes(self) -> Self:
        for tensor in (*self.inputs, *self.outputs):
            if tensor.dtype not in get_args(Dtype):
                raise ValueError(f"a tensor of dtype {shown(tensor.dtype)}")
        return self

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Self:
        if self.delegated is not None and self.total is not None and self.delegated > self.total:
            raise ValueError(f"{self.delegated} of {self.total} operators are delegated")
        return self


class RawMemory(FromDevice):
    peak_rss_bytes: Bytes | None = None
    runtime_rss_bytes: Bytes | None = None
    includes: Text = ""
    reason: Text = ""


Count = Annotated[int, Field(ge=0, le=10**15)]


class RawInstructions(FromDevice):
    """Of single inferences (`counts`) and of nothing, counted the same way (`empty`); see `ondevice/markers.py`."""

    counts: list[Count] = Field(default=[], max_length=1000)
    empty: list[Count] = Field(default=[], max_length=1000)
    reason: Text = ""


class RawReading(FromDevice):
    """The device's state at one moment, as `ondevice/sensors.py` reads it."""

    at_ns: Nanoseconds | None = None
    load1: float | None = Field(default=None, ge=0, le=1e6)
    memory_available_bytes: int | None = Field(default=None, ge=0, le=2**60)
    temperature_c: float | None = Field(default=None, ge=-60, le=200)
    cpu: int | None = Field(default=None, ge=0, le=65535)
    frequency_khz: int | None = Field(default=None, ge=0, le=10**9)
    max_frequency_khz: int | None = Field(default=None, ge=0, le=10**9)
    throttled_bits: int | None = Field(default=None, ge=0, lt=2**32)


class RawState(FromDevice):
    before: RawReading | None = None
    during: list[RawReading] = Field(default=[], max_length=1000)
    after: RawReading | None = None
    reasons: dict[Annotated[str, Field(max_length=40)], Text] = Field(default={}, max_length=40)
    reason: Text = ""


class RawStretch(FromDevice):
    """The machine between two pauses of the timed loop; see `ondevice/contention.py`."""

    bursts: int = Field(ge=0, le=SAMPLES_LIMIT_BYTES // 8)
    wall_ns: Nanoseconds
    idle_ns: Total
    steal_ns: Total
    own_ns: Total
    chain_ns: Nanoseconds | None = None


class RawContention(FromDevice):
    bursts: int = Field(default=0, ge=0, le=SAMPLES_LIMIT_BYTES // 8)
    cpus: int = Field(default=1, ge=1, le=65536)
    threads: int = Field(default=0, ge=0, le=65536)
    stretches: list[RawStretch] = Field(default=[], max_length=1000)
    reasons: dict[Annotated[str, Field(max_length=40)], Text] = Field(default={}, max_length=10)
    reason: Text = ""


Microjoules = Annotated[int, Field(ge=0, le=10**15)]


class RawEnergy(FromDevice):
    """What the device's sensor saw during the timed loop and while the device was idle; see `ondevice/energy.py`."""

    sensor: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    kind: Literal["counter", "power"] = "power"
    update_ns: Nanoseconds = 0
    microjoules: Microjoules = 0
    window_ns: Nanoseconds = 0
    inferences: int = Field(default=0, ge=0, le=SAMPLES_LIMIT_BYTES // 8)
    readings: Count = 0
    changes: Count = 0
    idle_microjoules: Microjoules = 0
    idle_ns: Nanoseconds = 0
    idle_changes: Count = 0
    reason: Text = ""


class RawControls(FromDevice):
    """Computations that are always the same, before and after the timed loop; see `ondevice/control.py`."""

    clock_ns: list[Annotated[Nanoseconds, Field(gt=0)]] = Field(default=[], max_length=2)
    core_ns: list[Annotated[Nanoseconds, Field(gt=0)]] = Field(default=[], max_length=2)
    memory_ns: list[Annotated[Nanoseconds, Field(gt=0)]] = Field(default=[], max_length=2)
    reason: Text = ""


class RawError(FromDevice):
    type: Text
    message: Text


class RawRun(FromDevice):
    """`raw.json`, schema 1 (see `ondevice/job.py`)."""

    schema_: Literal[1] = Field(alias="schema")
    cell: Text
    engine: RawEngine
    runtime_import_ns: Nanoseconds | None
    load_ns: Nanoseconds | None
    first_inference_ns: Nanoseconds | None
    warmup_runs: int = Field(ge=0, le=10**9)
    samples: int = Field(ge=1, le=SAMPLES_LIMIT_BYTES // 8)
    timer_overhead_ns: Nanoseconds
    controls: RawControls = RawControls(reason="the runner timed none")
    memory: RawMemory
    instructions: RawInstructions = RawInstructions(reason="the runner counted none")
    affinity: RawAffinity = RawAffinity(reason="the runner did not look")
    state: RawState = RawState(reason="the runner read no state")
    contention: RawContention = RawContention(reason="the runner did not watch for it")
    energy: RawEnergy = RawEnergy(reason="the runner measured none")
    sustained: RawSustained | None = None
    served: RawServed | None = None

    @model_validator(mode="after")
    def _compiled_within(self) -> Self:
        if self.load_ns is not None and (self.engine.compile_ns or 0) > self.load_ns:
            raise ValueError(f"{self.engine.compile_ns} ns of compilation in a load of {self.load_ns} ns")
        return self

    @model_validator(mode="before")
    @classmethod
    def _older(cls, found: Any) -> Any:
        """Older runners timed the one bound by the processor alone, and wrote `control_ns`."""
        if isinstance(found, dict) and "controls" not in found and "control_ns" in found:
            older = {"clock_ns": found["control_ns"], "reason": "the runner was an older one"}
            return {**found, "controls": older}
        return found


class _FailedRun(FromDevice):
    error: RawError


def parse_raw(text: bytes, cell: str) -> RawRun:
    """The raw run in `text`. Raises RunError with the runner's own words when it reports a failure, and
    UnparsableOutput when it is no raw run of this cell."""
    try:
        return _of_cell(RawRun.model_validate_json(text), cell)
    except ValidationError as error:
        try:
            failed = _FailedRun.model_validate_json(text).error
        except ValidationError:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise UnparsableOutput(
                f"{cell}: raw.json is not a raw run: {where}: {first['msg']}",
                hint="is the runner on the device the one that was pushed?",
            ) from error
        raise RunError(
            f"{cell}: the engine failed on the device: {failed.type}: {failed.message}",
            hint="the runner's log has its traceback",
        ) from None


def _of_cell(run: RawRun, cell: str) -> RawRun:
    if run.cell != cell:
        raise UnparsableOutput(f"{cell}: the raw run is of {run.cell!r}", hint="two runs may have shared a folder")
    return run
