"""Cells with profiles, made by hand: float and quantized twins of one network."""

from __future__ import annotations

from typing import Any

from unit.made_results import make_results

from edgerig.explain import Why, explained
from edgerig.results import (
    BuildRecord,
    CellResult,
    Cost,
    DeviceRecord,
    DeviceState,
    Engine,
    Latency,
    OperatorProfile,
    Profile,
    Results,
    Verdict,
    VerdictEvidence,
)

ENGINES = {"tflite": "litert", "executorch": "executorch", "onnx": "onnxruntime"}


def operator(name: str, kind: str, value: float, runner: str = "xnnpack", partition: int | None = 0) -> dict[str, Any]:
    """`value` in µs, or in instructions."""
    return {"name": name, "kind": kind, "runner": runner, "partition": partition, "value": value}


def profile(whole: float, *operators: dict[str, Any], unit: str = "ns", partitions: int | None = 1) -> Profile:
    """`whole` and values in µs (in instructions where that is the unit)."""
    scale = 1000.0 if unit == "ns" else 1.0
    known = [
        OperatorProfile.model_validate(
            {
                "calls": 1,
                **each,
                "index": index,
                "value": scale * each["value"],
                "spread": 0,
                "share": each["value"] / whole,
            }
        )
        for index, each in enumerate(operators)
    ]
    total = sum(each.value for each in known)
    return Profile(
        method="made",
        unit="ns" if unit == "ns" else "instructions",
        whole=scale * whole,
        sum=total,
        outside=max(0.0, scale * whole - total),
        runs=10,
        partitions=partitions,
        operators=tuple(known),
    )


def cell(recipe: str, p50_us: float, format_name: str = "tflite", **more: Any) -> CellResult:
    """That ran on `local`, stable, its median known to a thousandth."""
    threads = more.pop("threads", 1)
    known: dict[str, Any] = {
        "id": f"net-torch-{format_name}-{recipe}@local/t{threads}",
        "model": "net",
        "source": "torch",
        "format": format_name,
        "recipe": recipe,
        "device": "local",
        "threads": threads,
        "emulated": False,
        "status": "ok",
        "size_bytes": 1000,
        "latency": _latency(p50_us / 1000),
        "verdict": Verdict(
            label="stable",
            evidence=VerdictEvidence(median_ci95_ms=(p50_us * 0.999 / 1000, p50_us * 1.001 / 1000)),
            advice="-",
        ),
        "engine": Engine(name=ENGINES[format_name], runtime="a runtime", version="1", threads=threads),
        "build": BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None),
    }
    return CellResult.model_validate({**known, **more})


def emulated(recipe: str, instructions: int, **more: Any) -> CellResult:
    known = {
        "id": f"net-torch-tflite-{recipe}@local/t1",
        "emulated": True,
        "cost": Cost(instructions=instructions, spread=0),
        "verdict": Verdict(label="emulated", evidence=VerdictEvidence(), advice="-"),
    }
    return cell(recipe, 1000.0, **{**known, **more})


def _latency(p50: float) -> Latency:
    names = ("p50_ms", "p90_ms", "p99_ms", "mean_ms", "std_ms", "min_ms", "max_ms")
    return Latency.model_validate({**dict.fromkeys(names, p50), "samples": 100, "warmup_runs": 10})


def run(*cells: CellResult, arch: str = "x86_64", features: tuple[str, ...] = ("avx2", "avx512_vnni")) -> Results:
    device = DeviceRecord(
        kind="local", emulated=False, arch=arch, cpu="Example CPU", cores=4, state=DeviceState(features=features)
    )
    return make_results(tuple(cells)).model_copy(update={"devices": {"local": device}})


CONV = operator("Convolution (NHWC, F32)", "convolution", 60)
FLOAT = profile(100, CONV, operator("Fully Connected", "matrix product", 30))


def only(results: Results) -> Why:
    (found,) = explained(results)
    return found


def causes(results: Results) -> list[str]:
    return [reason.cause for reason in only(results).reasons]
