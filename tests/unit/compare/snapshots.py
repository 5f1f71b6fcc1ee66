"""Runs of one cell, as a comparison reads them."""

from __future__ import annotations

import numpy as np

from edgerig.compare.comparison import compare
from edgerig.compare.figure_change import MetricChange
from edgerig.compare.snapshot import AccuracySnapshot, CellSnapshot, DeviceSnapshot, LatencySnapshot, Snapshot

CELL = "net-torch-tflite-fp32@local/t1"


def timed(*process_p50_ms: float, control_ms: float | None = 0.118, jitter: float = 0.002) -> LatencySnapshot:
    generator = np.random.default_rng(1)
    blocks = tuple(tuple(p50 * generator.normal(1.0, jitter, 17)) for p50 in process_p50_ms)
    return LatencySnapshot(
        p50_ms=process_p50_ms[0],
        p90_ms=process_p50_ms[0] * 1.1,
        p99_ms=process_p50_ms[0] * 1.5,
        process_p50_ms=process_p50_ms,
        half_width=0.002,
        control_ms=control_ms,
        blocks_ms=blocks,
    )


def accuracy(wrong: tuple[int, ...] | None, samples: int = 540, dataset: str = "sha256 aa") -> AccuracySnapshot:
    value = 1 - len(wrong or range(5)) / samples
    return AccuracySnapshot(
        metric="top1", value=value, ci95=(value - 0.01, value + 0.005), samples=samples, dataset=dataset, wrong=wrong
    )


def cell(**changes: object) -> CellSnapshot:
    known = {
        "device": "local",
        "emulated": False,
        "status": "ok",
        "verdict": "stable",
        "undelegated": 0,
        "size_bytes": 100_000_000,
        "peak_memory_bytes": 40_000_000,
        "relative_error": 0.018,
        "outputs_sha256": "aaaa",
        "latency": timed(1.00, 1.01, 0.99),
        "accuracy": accuracy((1, 2, 3)),
    }
    return CellSnapshot.model_validate({**known, **changes})


def run(found: CellSnapshot | None, cpu: str = "cpu A") -> Snapshot:
    devices = {"local": DeviceSnapshot(kind="local", emulated=False, cpu=cpu)}
    return Snapshot(run="r", started="2026-01-01T00:00:00", devices=devices, cells={CELL: found} if found else {})


def change(base: CellSnapshot, new: CellSnapshot, metric: str, cpu: str = "cpu A") -> MetricChange:
    (only,) = compare(run(base), run(new, cpu)).cells
    return next(each for each in only.metrics if each.metric == metric)
