"""Runs made by hand: one model, one cell per run unless told otherwise."""

from __future__ import annotations

import math
from typing import Any

from edgerig.results import (
    Accuracy,
    CellResult,
    Cost,
    DeviceRecord,
    Engine,
    Environment,
    ErrorRecord,
    HostInfo,
    Latency,
    MedianInterval,
    Memory,
    ModelRecord,
    Results,
    RunInfo,
    Verdict,
    VerdictEvidence,
)

MODEL = "digits_cnn"


def make_cell(
    cell: str = f"{MODEL}-torch-tflite-fp32@local/t1",
    *,
    p50: float | None = 1.0,
    size: int | None = 1000,
    label: str = "stable",
    device: str = "local",
    emulated: bool = False,
    instructions: int | None = None,
    accuracy: tuple[float, int] | None = (0.99, 540),
    peak: int | None = 40_000_000,
    half: float | None = 0.01,
    failed: str = "",
    model: str = MODEL,
) -> CellResult:
    known: dict[str, Any] = {
        "id": cell, "model": model, "source": "torch", "format": "tflite", "recipe": "fp32", "device": device,
        "threads": 1, "emulated": emulated,
    }  # fmt: skip
    if failed:
        error = ErrorRecord(stage="run", kind="RunTimeout", message=failed, hint="")
        return CellResult(**known, status="failed", error=error)
    names = ("p50_ms", "p90_ms", "p99_ms", "mean_ms", "std_ms", "min_ms", "max_ms")
    latency = (
        None
        if p50 is None
        else Latency.model_validate(
            {**dict.fromkeys(names, p50), "samples": 100, "warmup_runs": 10, "interval": half and _interval(p50, half)}
        )
    )
    return CellResult(
        **known,
        status="ok",
        size_bytes=size,
        load_ms=1.5,
        first_inference_ms=2.5,
        latency=latency,
        memory=Memory(peak_rss_bytes=peak) if peak else Memory(reason="an emulator's memory hides it"),
        accuracy=Accuracy(metric="top1", value=accuracy[0], samples=accuracy[1])
        if accuracy
        else Accuracy(reason="no labels"),
        cost=Cost(instructions=instructions, spread=0) if instructions else Cost(reason="not emulated"),
        verdict=Verdict(label=label, evidence=VerdictEvidence(), advice="-"),
        engine=Engine(name="litert", runtime="LiteRT", version="2.3.0", threads=1),
    )


def _interval(p50: float, half: float) -> MedianInterval:
    factor = math.exp(math.asinh(half))
    return MedianInterval(
        low_ms=p50 / factor, high_ms=p50 * factor, half_width=half, within=half, blocks=50, processes=5
    )


def make_run(
    number: int,
    *cells: CellResult,
    run: str | None = None,
    cpu: str = "Example CPU",
    tools: dict[str, str] | None = None,
    commit: str | None = None,
) -> Results:
    cells = cells or (make_cell(),)
    devices = {
        c.device: DeviceRecord(
            kind="qemu-user" if c.emulated else "local", emulated=c.emulated, cpu="cortex-a72" if c.emulated else cpu
        )
        for c in cells
    }
    host = HostInfo(cpu=cpu, cores=2, memory_bytes=None, os="Debian 12", governor=None, governor_reason="none")
    return Results(
        run=RunInfo(
            id=run or f"run-{number:03d}",
            started=f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00+00:00",
            seed=0,
            command=("edgerig", "sweep"),
            spec={},
        ),
        environment=Environment(
            edgerig="0.1.0", python="3.11.2", tools=tools or {"torch": "2.13.0"}, host=host, commit=commit
        ),
        devices=devices,
        models={f"{MODEL}-torch": ModelRecord(model=MODEL, source="torch", description="", licence="", dataset=None)},
        cells=cells,
    )
