"""A raw run as it came off a device: untrusted until it has passed through here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, ValidationError, model_validator

from edgerig.confined import Confined
from edgerig.errors import RunError, UnparsableOutput, printable
from edgerig.measure.raw_affinity import RawAffinity
from edgerig.measure.raw_served import RawServed
from edgerig.measure.raw_sustained import SUSTAINED, RawSustained
from edgerig.measure.untrusted import LONGEST_NS, FromDevice, Nanoseconds, Text, Total
from edgerig.npy import HOST, load_untrusted
from edgerig.ondevice.contention import COLUMNS, UNKNOWN
from edgerig.ondevice.tensors import of_sample, outside_dtype
from edgerig.results import TensorRecord
from edgerig.spec.toml import Dtype, shown

RAW_LIMIT_BYTES = 4 * 2**20
MAX_REPEATS = 100
MAX_ATTEMPTS = 10
SAMPLES_LIMIT_BYTES = 256 * 2**20
ROUND_TRIPS = "round_trips.npy"
"""Beside the samples of a served model: int64 (S,), what each request took from here."""
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
    first_inference_ns: Nanoseconds
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


@dataclass(frozen=True)
class Watched:
    """What one process' watch saw: `bursts` is int64 (B, 8), by `COLUMNS`, whose samples are all of the process' in
    order; (0, 8) where nothing was watched, for which `told` has the reason."""

    bursts: npt.NDArray[np.int64]
    raw: RawContention


@dataclass(frozen=True)
class Raw:
    """A whole raw run: one (N, …) array per output tensor, and the samples of every process it was timed in.

    `processes_ns` holds an int64 (S,) array for each, in the order they ran; `controls` their control computations;
    `watched` what took the processor from them.
    """

    run: RawRun
    processes_ns: tuple[npt.NDArray[np.int64], ...]
    outputs: list[npt.NDArray[Any]]
    controls: tuple[RawControls, ...] = ()
    host: list[npt.NDArray[Any]] | None = None
    """The same file's outputs where it was built, on the first samples; None where none were kept."""
    watched: tuple[Watched, ...] = ()
    """One a process; () for a raw run that is not from a folder."""
    energies: tuple[RawEnergy, ...] = ()
    """One a process, as `watched`."""
    sustained: RawSustained | None = None
    round_trips_ns: npt.NDArray[np.int64] | None = None
    """Of a served model, beside what the server tells; None of any other."""
    again: tuple[Raw, ...] = ()
    """Further attempts at the timing alone, without outputs, where the ones before were contended."""

    @property
    def samples_ns(self) -> npt.NDArray[np.int64]:
        """Every sample, process after process."""
        return np.concatenate(self.processes_ns)


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


def read_raw(folder: Path | Confined, cell: str) -> Raw:
    """The raw run saved in `folder`. Raises RunError or UnparsableOutput."""
    first = read_timing(folder, cell)
    again = [read_timing(folder / attempt_name(number), cell) for number in range(2, attempts_of(folder) + 1)]
    kept = (folder / f"{HOST}_0.npy").is_file()
    return replace(
        first,
        outputs=_outputs(folder, "output", first.run),
        host=_outputs(folder, HOST, first.run) if kept else None,
        round_trips_ns=None if first.run.served is None else _samples(folder, first.run, ROUND_TRIPS),
        again=tuple(again),
        sustained=read_sustained(folder, cell),
    )


def read_sustained(folder: Path | Confined, cell: str) -> RawSustained | None:
    """What that process said; None where there is none. Raises RunError or UnparsableOutput."""
    own = folder / SUSTAINED
    return _read_run(own, cell).sustained if own.is_dir() else None


def attempt_name(number: int) -> str:
    """The folder of a further attempt, from 2 on, in the cell's."""
    return f"attempt-{number}"


def attempts_of(folder: Path | Confined) -> int:
    """How many attempts at the timing the raw run in `folder` has."""
    there = (number for number in range(2, MAX_ATTEMPTS + 1) if not (folder / attempt_name(number)).is_dir())
    return next(there, MAX_ATTEMPTS + 1) - 1


def read_timing(folder: Path | Confined, cell: str) -> Raw:
    """The raw run of one attempt, without outputs. Raises RunError or UnparsableOutput."""
    found = list(_processes(folder, cell))
    _, first = found[0]
    return Raw(
        first.model_copy(update={"state": _one_state([run.state for _, run in found])}),
        tuple(_samples(place, run) for place, run in found),
        [],
        tuple(run.controls for _, run in found),
        watched=tuple(_watched(place, run) for place, run in found),
        energies=tuple(run.energy for _, run in found),
    )


def read_watched(folder: Path | Confined, cell: str) -> tuple[RawRun, tuple[Watched, ...]]:
    """Of one attempt its first process' raw run and what was watched of each, no samples. Raises as `read_timing`."""
    found = list(_processes(folder, cell))
    return found[0][1], tuple(_watched(place, run) for place, run in found)


def read_outputs(folder: Path | Confined, cell: str) -> list[npt.NDArray[Any]]:
    """The outputs of the raw run saved in `folder`, one (N, …) array a tensor. Raises RunError or UnparsableOutput."""
    return _outputs(folder, "output", _read_run(folder, cell))


def _processes(folder: Path | Confined, cell: str) -> Iterator[tuple[Path | Confined, RawRun]]:
    """Where each process of one attempt left its raw run, in the order in which they ran."""
    yield folder, _read_run(folder, cell)
    for number in range(1, MAX_REPEATS):
        repeat = folder / f"repeat-{number}"
        if not repeat.is_dir():
            break
        yield repeat, _read_run(repeat, cell)


def _outputs(folder: Path | Confined, stem: str, run: RawRun) -> list[npt.NDArray[Any]]:
    return [
        _array(
            folder / f"{stem}_{index}.npy",
            outside_dtype(tensor.dtype, tensor.scale).str,
            (None, *(n if n >= 0 else None for n in of_sample(tensor.shape))),
            run.cell,
        )
        for index, tensor in enumerate(run.engine.outputs)
    ]


def _one_state(states: list[RawState]) -> RawState:
    """The states of processes that ran one after the other: from before the first to after the last.

    Each one's clock began with itself, so that those after the first are set behind the one before; what lies between
    two processes, their imports and warm-ups, is not counted.
    """
    readings: list[RawReading] = []
    offset = 0
    for state in states:
        own = [reading for reading in (state.before, *state.during, state.after) if reading is not None]
        readings += [
            reading if reading.at_ns is None else reading.model_copy(update={"at_ns": reading.at_ns + offset})
            for reading in own
        ]
        offset = max((reading.at_ns or 0 for reading in readings), default=0)
    first, last = states[0], states[-1]
    if len(states) == 1 or first.before is None or last.after is None:
        return first
    return first.model_copy(update={"during": readings[1:-1], "after": readings[-1]})


def _read_run(folder: Path | Confined, cell: str) -> RawRun:
    try:
        return parse_raw(Confined.at(folder / "raw.json").read_bytes(RAW_LIMIT_BYTES), cell)
    except OSError as error:
        raise UnparsableOutput(f"{cell}: {folder / 'raw.json'} cannot be read: {error.strerror}") from error


def _samples(folder: Path | Confined, run: RawRun, name: str = "samples.npy") -> npt.NDArray[np.int64]:
    samples = _array(folder / name, "<i8", (run.samples,), run.cell)
    shortest, longest = int(samples.min()), int(samples.max())
    if shortest < 1 or longest > LONGEST_NS:
        raise UnparsableOutput(
            f"{run.cell}: {name} holds durations from {shortest} to {longest} ns",
            hint="is the device's clock too coarse to time this model by?" if shortest == 0 else "",
        )
    return samples


def _watched(folder: Path | Confined, run: RawRun) -> Watched:
    raw = run.contention
    if not raw.bursts:
        return Watched(np.empty((0, len(COLUMNS)), np.int64), raw)
    bursts = _array(folder / "bursts.npy", "<i8", (raw.bursts, None), run.cell)
    if bursts.shape[1] == len(COLUMNS) - 1:  # an older runner's, which did not look for who shares the core
        bursts = np.pad(bursts, ((0, 0), (0, 1)), constant_values=UNKNOWN)
    if bursts.shape[1] != len(COLUMNS):
        raise UnparsableOutput(f"{run.cell}: bursts.npy has {bursts.shape[1]} columns for {len(COLUMNS)}")
    counts = bursts[:, COLUMNS.index("samples")]
    stretched = sum(stretch.bursts for stretch in raw.stretches)
    if counts.min() < 1 or counts.max() > run.samples or counts.sum() != run.samples or stretched > raw.bursts:
        raise UnparsableOutput(f"{run.cell}: bursts.npy does not hold the {run.samples} samples of samples.npy")
    if bursts.min() < UNKNOWN or bursts.max() > LONGEST_NS:
        raise UnparsableOutput(f"{run.cell}: bursts.npy holds values from {bursts.min()} to {bursts.max()}")
    return Watched(bursts, raw)


def _array(path: Path | Confined, dtype: str, shape: tuple[int | None, ...], cell: str) -> npt.NDArray[Any]:
    try:
        return load_untrusted(path, dtype, shape)
    except (OSError, ValueError) as error:
        raise UnparsableOutput(
            f"{cell}: {path.name}: {error}", hint="is the runner on the device the one that was pushed?"
        ) from error
