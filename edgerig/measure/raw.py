"""What a device left of a raw run, a folder of `raw.json` and arrays for each process: untrusted until it has passed
through here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.confined import Confined
from edgerig.errors import UnparsableOutput
from edgerig.measure.raw_run import RawContention, RawControls, RawEnergy, RawReading, RawRun, RawState, parse_raw
from edgerig.measure.raw_sustained import SUSTAINED, RawSustained
from edgerig.measure.untrusted import LONGEST_NS
from edgerig.npy import HOST, load_untrusted
from edgerig.ondevice.contention import COLUMNS, UNKNOWN
from edgerig.ondevice.tensors import of_sample, outside_dtype

RAW_LIMIT_BYTES = 4 * 2**20
MAX_REPEATS = 100
MAX_ATTEMPTS = 10
ROUND_TRIPS = "round_trips.npy"
"""Beside the samples of a served model: int64 (S,), what each request took from here."""


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
