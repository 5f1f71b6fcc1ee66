"""What a comparison needs to know of a run: small enough to be kept in a repository as a baseline.

A snapshot of a run's folder also holds the medians of stretches of its samples, for the bootstrap; a baseline file
holds the interval they give instead.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from edgerig import figures
from edgerig.compare.known import names, taken
from edgerig.compare.machine import WIDEST, Milliseconds, Speed, speed_of
from edgerig.figures import metric
from edgerig.measure import contention
from edgerig.measure.error import Outputs
from edgerig.measure.latency import BETWEEN_ASSUMED, block_medians, interval_of, median_interval
from edgerig.measure.raw import Raw
from edgerig.results import Accuracy, CellResult, MedianInterval, Profile, Results, Status, Value
from edgerig.spec.keyed import Keyed, Quantity

SNAPSHOT_VERSION, SNAPSHOT_MINOR = 1, 0
"""As of results (`results/schema.py`)."""
WRONG_LIMIT = 500
"""Samples listed by index as wrongly classified; of more, a baseline file says only how many."""
Amount = Annotated[int, Field(ge=0, le=2**53)]


class LatencySnapshot(Value):
    """`half_width` is half of the 95 % interval of the run's median over the median, from its samples alone (`within`
    of `results.MedianInterval`), at most `WIDEST`: beyond that nothing is known."""

    p50_ms: Milliseconds
    p90_ms: Milliseconds
    p99_ms: Milliseconds
    process_p50_ms: tuple[Milliseconds, ...] = Field(min_length=1, max_length=100)
    half_width: Annotated[float, Field(ge=0, le=WIDEST)] | None = None
    timed: Literal["server", "round trip"] | None = None
    """Of a served model, what it is of (`results.Served`)."""
    control_ms: Milliseconds | None = None
    core_control_ms: Milliseconds | None = None
    beside_ms: Milliseconds | None = None
    """The core's short one, beside the samples that count (`results.Controls`)."""
    blocks_ms: tuple[tuple[Milliseconds, ...], ...] = Field(default=(), exclude=True)
    """Medians of consecutive stretches of each process' samples; of a run's folder only."""

    @property
    def within(self) -> float:
        return BETWEEN_ASSUMED if self.half_width is None else self.half_width

    @property
    def interval(self) -> MedianInterval:
        """What is known of the median, by the one method there is for it."""
        return interval_of(self.process_p50_ms, self.within)


class AccuracySnapshot(Value):
    """A metric of the model, by the key it is known by (`"top1"`, `"scores=top1"`), in its own `unit`.

    `wrong` are the indices of the samples that were not classified right, None where that is not known.
    """

    metric: str
    value: float
    ci95: tuple[float, float] | None = None
    higher_is_better: bool = True
    unit: str = "fraction"
    samples: Annotated[int, Field(ge=1)]
    dataset: str
    wrong: tuple[Amount, ...] | None = None


class CellSnapshot(Keyed):
    """Beside its fields it has the numbers of every figure that is compared or may be limited, under the names of
    `known.names`."""

    model_config = ConfigDict(allow_inf_nan=False)

    device: str
    emulated: bool
    status: Status
    verdict: str | None = None
    undelegated: Amount | None = None
    outputs_sha256: str | None = Field(default=None, description="of every output of every sample, on the device")
    latency: LatencySnapshot | None = None
    accuracy: AccuracySnapshot | None = None
    """By the model's first metric."""
    metrics: dict[str, AccuracySnapshot] = Field(default={}, description="the model's further metrics, by their keys")
    profile: Profile | None = Field(default=None, exclude=True)
    """Of a run's folder only, where there is one."""
    remarks: dict[str, str] = Field(default={}, exclude=True)
    """What is told behind a figure, by its key. Of a run's folder only, as is `reasons`."""
    reasons: dict[str, str] = Field(default={}, exclude=True)
    """Why a figure is missing, by its key; `status` for a cell that is not ok. Of a run's folder only."""

    @classmethod
    def row_keys(cls) -> Mapping[str, Quantity]:
        return names()


class DeviceSnapshot(Value):
    kind: str
    emulated: bool
    cpu: str | None = None
    speed: Speed = Speed()


class Snapshot(Value):
    """`speed` of a device that has none (a baseline written before there was) is made of its cells' `control_ms`."""

    schema_version: Literal[1] = 1
    schema_minor: int = Field(default=SNAPSHOT_MINOR, ge=0, le=10_000)
    run: str
    started: str
    devices: dict[str, DeviceSnapshot]
    cells: dict[str, CellSnapshot]

    def speed(self, device: str) -> Speed:
        found = self.devices.get(device)
        if found is not None and found.speed.clock is not None:
            return found.speed
        own = [cell.latency for cell in self.cells.values() if cell.device == device and cell.latency]
        return speed_of([_alone(each.control_ms) for each in own])


def snapshot(results: Results, raws: dict[str, Raw], labels: dict[str, npt.NDArray[np.int64] | None]) -> Snapshot:
    """The snapshot of `results`; `raws` and `labels` go by cell id and may lack cells whose raw run is not at hand."""
    return Snapshot(
        run=results.run.id,
        started=results.run.started,
        devices={
            name: DeviceSnapshot(
                kind=device.kind, emulated=device.emulated, cpu=device.cpu, speed=_speed(results, name)
            )
            for name, device in results.devices.items()
        },
        cells={
            cell.id: _cell(cell, _dataset(results, cell), raws.get(cell.id), labels.get(cell.id))
            for cell in results.cells
        },
    )


def _speed(results: Results, device: str) -> Speed:
    found = [cell.latency for cell in results.cells if cell.device == device and cell.latency and not cell.emulated]
    return speed_of(
        [each.controls.clock_ms or _alone(each.control_ms) for each in found],
        [each.controls.core_ms for each in found],
        [each.controls.memory_ms for each in found],
        [each.controls.beside_ms for each in found],
    )


def _median(values: tuple[float, ...]) -> float | None:
    return float(np.median(values)) if values else None


def _alone(value: float | None) -> tuple[float, ...]:
    return () if value is None else (value,)


def _cell(cell: CellResult, dataset: str, raw: Raw | None, labels: npt.NDArray[np.int64] | None) -> CellSnapshot:
    found = cell.delegation
    left = None if found.total is None or found.delegated is None else found.total - found.delegated
    reasons = {figure.key: figure.reason(cell) for figure in figures.every() if figure.value(cell) is None}
    reasons |= {f"{metric.OF}{name}": one.reason for name, one in metric.others(cell).items() if one.value is None}
    if cell.error is not None:
        reasons["status"] = f"{cell.error.stage}, {cell.error.kind}: {cell.error.message}"
    remarks = {figure.key: figure.remark(cell) for figure in figures.every()}
    return CellSnapshot(
        device=cell.device,
        emulated=cell.emulated,
        status=cell.status,
        verdict=None if cell.verdict is None else cell.verdict.label,
        undelegated=left,
        outputs_sha256=None if raw is None else _fingerprint(raw.outputs),
        latency=_latency(cell, raw),
        accuracy=_accuracy(cell.accuracy, dataset, None if raw is None else raw.outputs, labels),
        metrics={
            name: known
            for name, found in metric.others(cell).items()
            if (known := _accuracy(found, dataset, None, None)) is not None
        },
        profile=cell.profile if cell.profile.operators else None,
        remarks={key: remark for key, remark in remarks.items() if remark},
        reasons={key: reason for key, reason in reasons.items() if reason},
        **taken(cell),
    )


def _latency(cell: CellResult, raw: Raw | None) -> LatencySnapshot | None:
    """None for an emulated cell too: its time is no latency, and no baseline should keep it."""
    found = cell.latency
    if found is None or cell.emulated or found.p50_ms <= 0:
        return None
    alone = None if found.contention is None else found.contention.alone
    processes = () if raw is None else contention.select(raw, cell.size_bytes, alone).processes_ns
    interval = median_interval(processes) if processes else found.interval
    return LatencySnapshot(
        p50_ms=found.p50_ms,
        p90_ms=found.p90_ms,
        p99_ms=found.p99_ms,
        process_p50_ms=found.process_p50_ms or (found.p50_ms,),
        half_width=_recorded_width(cell) if interval is None else min(interval.within, WIDEST),
        timed=cell.served.timed or None,
        control_ms=found.control_ms,
        core_control_ms=_median(found.controls.core_ms),
        beside_ms=_median(found.controls.beside_ms),
        blocks_ms=_blocks(processes),
    )


def _blocks(processes_ns: tuple[npt.NDArray[np.int64], ...]) -> tuple[tuple[float, ...], ...]:
    blocks = tuple(tuple(float(ns) / 1e6 for ns in block_medians(samples)) for samples in processes_ns)
    return blocks if all(each and min(each) > 0 for each in blocks) else ()


def _recorded_width(cell: CellResult) -> float | None:
    """As the verdict's evidence had it before there was `Latency.interval`."""
    width = None if cell.verdict is None else cell.verdict.evidence.relative_half_width
    return None if width is None or width < 0 else min(width, WIDEST)


def _accuracy(
    found: Accuracy, dataset: str, outputs: Outputs | None, labels: npt.NDArray[np.int64] | None
) -> AccuracySnapshot | None:
    """`wrong` where the outputs and labels of a top1 are given and its output is the only one."""
    if found.value is None or found.metric is None or found.samples < 1:
        return None
    wrong = None
    if outputs is not None and labels is not None and found.metric == "top1":
        wrong = _wrong(outputs, labels[: found.samples])
        wrong = None if _of_answers(wrong, found) else wrong
    return AccuracySnapshot(
        metric=metric.key(found),
        value=found.value,
        ci95=found.ci95,
        higher_is_better=found.higher_is_better,
        unit=found.unit,
        samples=found.samples,
        dataset=dataset,
        wrong=wrong,
    )


def _wrong(outputs: Outputs, labels: npt.NDArray[np.int64]) -> tuple[int, ...] | None:
    if len(outputs) != 1 or outputs[0].ndim != 2 or len(outputs[0]) != len(labels):
        return None
    return tuple(int(index) for index in np.flatnonzero(outputs[0].argmax(axis=1) != labels))


def _of_answers(wrong: tuple[int, ...] | None, found: Accuracy) -> bool:
    """Is the accuracy of what a postprocess function made of the outputs, so that they do not say which are wrong?"""
    return wrong is not None and not math.isclose(1 - len(wrong) / found.samples, found.value or 0.0, abs_tol=1e-9)


def _dataset(results: Results, cell: CellResult) -> str:
    """What the evaluation data is known by: its fingerprint, else where it came from."""
    model = results.models.get(f"{cell.model}-{cell.source}") or results.models.get(cell.model)
    dataset = (model.dataset if model is not None else None) or "unknown"
    fingerprint = re.search(r"sha256 [0-9a-f]{8,64}", dataset)
    return fingerprint.group() if fingerprint else dataset


def _fingerprint(outputs: Outputs) -> str:
    digest = hashlib.sha256()
    for array in outputs:
        digest.update(f"{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
