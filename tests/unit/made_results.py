"""A sweep's results as they come: two models, three formats, four recipes, two devices, and not all of it went well."""

from __future__ import annotations

from typing import Any

import pytest

from edgerig.results import (
    QUANTILE_LEVELS,
    Accuracy,
    BuildRecord,
    CellResult,
    Cost,
    Delegation,
    DeviceRecord,
    Engine,
    Environment,
    ErrorRecord,
    HostInfo,
    Latency,
    Memory,
    ModelRecord,
    Parity,
    Results,
    RunInfo,
    Verdict,
    VerdictEvidence,
    order,
)

FORMATS = {"tflite": "litert", "executorch": "executorch", "onnx": "onnxruntime"}
RECIPES = ("fp32", "fp16", "int8-dynamic", "int8-static")
HOSTILE_DEVICE = "<script>alert(1)</script>"
HOSTILE_MODEL = "=cmd()|`x`"
HOSTILE_MESSAGE = "converter said:\n</script><!-- | <img src=x onerror=alert(2)>\n```\n# not a heading"
SIZES = {
    ("tflite", "fp32"): 155_112,
    ("tflite", "fp16"): 111_020,
    ("tflite", "int8-dynamic"): 84_344,
    ("tflite", "int8-static"): 74_016,
    ("executorch", "fp32"): 130_048,
    ("executorch", "fp16"): 123_104,
    ("executorch", "int8-dynamic"): 62_208,
    ("executorch", "int8-static"): 67_296,
    ("onnx", "fp32"): 183_297,
    ("onnx", "fp16"): 127_410,
    ("onnx", "int8-dynamic"): 170_552,
    ("onnx", "int8-static"): 110_730,
}
P50_MS = {
    ("tflite", "fp32"): 0.0131,
    ("tflite", "fp16"): 0.0129,
    ("tflite", "int8-dynamic"): 0.0362,
    ("tflite", "int8-static"): 0.0204,
    ("executorch", "fp32"): 0.0312,
    ("executorch", "fp16"): 0.0411,
    ("executorch", "int8-dynamic"): 0.0371,
    ("executorch", "int8-static"): 0.0372,
    ("onnx", "fp32"): 0.0394,
    ("onnx", "fp16"): 0.0601,
    ("onnx", "int8-dynamic"): 0.0431,
    ("onnx", "int8-static"): 0.0542,
}
ACCURACY = {"fp32": 0.985185, "fp16": 0.985185, "int8-dynamic": 0.983333, "int8-static": 0.97037}
ERRORS = {"fp32": 2.1e-7, "fp16": 4.3e-4, "int8-dynamic": 0.0141, "int8-static": 0.0287}


def error_of(format_name: str, recipe: str, device: str) -> tuple[str, ErrorRecord] | None:
    """The cells that did not go well, the same for both models."""
    if (format_name, recipe) == ("executorch", "fp16"):
        return "unsupported", ErrorRecord(
            stage="build",
            kind="UnsupportedRecipe",
            hint="leave the recipe out",
            message="executorch lowers fp16 for Linear weights only",
        )
    if (format_name, recipe) == ("onnx", "int8-static"):
        return "failed", ErrorRecord(stage="build", kind="BuildError", message=HOSTILE_MESSAGE, hint="see the *log*")
    if (format_name, recipe, device) == ("tflite", "int8-dynamic", HOSTILE_DEVICE):
        return "skipped", ErrorRecord(stage="deploy", kind="DeviceError", message="the device went away", hint="")
    return None


def make_cell(model: str, format_name: str, recipe: str, device: str) -> CellResult:
    emulated = device == HOSTILE_DEVICE
    identity = {
        "id": f"{model}-torch-{format_name}-{recipe}@{device}/t1",
        "model": model,
        "source": "torch",
        "format": format_name,
        "recipe": recipe,
        "device": device,
        "threads": 1,
        "emulated": emulated,
        "build": BuildRecord(
            seconds=9.1,
            cached=emulated,
            peak_rss_bytes=812_000_000,
            log="logs/build.log",
            key="ab12",
            constants={"int8": 30_000, "float32": 1_000} if "int8" in recipe else {"float32": 50_000},
        ),
    }
    failed = error_of(format_name, recipe, device)
    if failed is not None:
        return CellResult.model_validate({**identity, "status": failed[0], "error": failed[1]})
    return CellResult.model_validate({**identity, **_measured(model, format_name, recipe, emulated)})


def _measured(model: str, format_name: str, recipe: str, emulated: bool) -> dict[str, Any]:
    """The figures of a cell that ran, by the names of its fields; the second model is seven times as large."""
    scale = 1 if model == "digits_cnn" else 7
    p50 = P50_MS[format_name, recipe] * scale * (90 if emulated else 1)
    no_labels = Accuracy(reason="no labelled data came with this file")
    untold = Delegation(reason="the runtime does not tell")
    return {
        "status": "ok",
        "size_bytes": SIZES[format_name, recipe] * scale,
        "runtime_import_ms": 210.0,
        "load_ms": 1.21,
        "first_inference_ms": 0.4,
        "latency": _latency(p50),
        "memory": Memory(reason="the emulator's own memory hides the model's")
        if emulated
        else Memory(
            peak_rss_bytes=41_000_000 * scale, runtime_rss_bytes=38_000_000, includes="runtime and interpreter"
        ),
        "accuracy": _accuracy(recipe) if model == "digits_cnn" else no_labels,
        "parity": Parity(relative_error=ERRORS[recipe], max_abs_error=0.3, samples=540, disagreement=0.002),
        "delegation": untold
        if format_name == "onnx"
        else Delegation(delegated=11, total=12, undelegated=("aten.mean.dim",)),
        "cost": Cost(instructions=int(2_200_000 * p50), spread=0) if emulated else Cost(reason="not emulated"),
        "verdict": _verdict(emulated, format_name),
        "engine": Engine(name=FORMATS[format_name], runtime="runtime", version="1.2.3", threads=1),
        "raw": f"raw/{format_name}",
    }


def _latency(p50: float) -> Latency:
    return Latency(
        p50_ms=p50,
        p90_ms=p50 * 1.07,
        p99_ms=p50 * 1.9,
        mean_ms=p50 * 1.02,
        std_ms=p50 * 0.1,
        min_ms=p50 * 0.97,
        max_ms=p50 * 6,
        samples=5000,
        warmup_runs=10,
        quantiles_ms=tuple(p50 * (0.97 + 0.2 * (level / 100) ** 4) for level in QUANTILE_LEVELS),
    )


def _accuracy(recipe: str) -> Accuracy:
    value = ACCURACY[recipe]
    found = Accuracy(metric="top1", value=value, ci95=(value - 0.011, value + 0.008), samples=540)
    if recipe == "fp32":
        return found.model_copy(update={"delta_reason": "this is the fp32 variant"})
    delta = value - ACCURACY["fp32"]
    return found.model_copy(update={"delta": delta, "delta_ci95": (delta - 0.006, delta + 0.006)})


def _verdict(emulated: bool, format_name: str) -> Verdict:
    if emulated:
        return Verdict(label="emulated", evidence=VerdictEvidence(), advice="compare size and accuracy, not latency")
    if format_name == "onnx":
        return Verdict(
            label="noisy", evidence=VerdictEvidence(relative_half_width=0.05), advice="quiet the device & run longer"
        )
    return Verdict(
        label="stable", evidence=VerdictEvidence(relative_half_width=0.004), advice="the median is known to ±0.40%"
    )


MODELS = {
    "digits_cnn-torch": ModelRecord(
        model="digits_cnn",
        description="depthwise CNN on 8×8 digits",
        source="torch",
        licence="Apache-2.0",
        dataset="scikit-learn digits, sha256 12ab",
    ),
    f"{HOSTILE_MODEL}-torch": ModelRecord(
        model=HOSTILE_MODEL,
        description="a file from <outside>",
        source="torch",
        licence="",
        dataset=None,
        no_accuracy_reason="no labelled data came with this file",
    ),
}


def make_results(cells: tuple[CellResult, ...]) -> Results:
    return Results(
        run=RunInfo(
            id="20260102-030405-a1b2",
            started="2026-01-02T03:04:05Z",
            seed=0,
            spec={"threads": [1]},
            command=("edgerig", "sweep", "--model", "digits_cnn", "--model", HOSTILE_MODEL),
        ),
        environment=Environment(
            edgerig="0.1.0",
            python="3.11.2",
            tools={"torch": "2.13.0", "onnxruntime": "1.31.1"},
            host=HostInfo(
                cpu="Example CPU",
                cores=2,
                memory_bytes=8_000_000_000,
                os="Debian 12",
                governor=None,
                governor_reason="the kernel shows none",
            ),
        ),
        devices={
            "local": DeviceRecord(
                kind="local",
                emulated=False,
                arch="x86_64",
                cpu="Example CPU",
                cores=2,
                memory_bytes=8_000_000_000,
                os="Debian 12",
            ),
            HOSTILE_DEVICE: DeviceRecord(kind="qemu-user", emulated=True, arch="aarch64", cpu="cortex-a72"),
        },
        models=MODELS,
        cells=cells,
    )


def changed(cell: CellResult, **fields: object) -> CellResult:
    return cell.model_copy(update=fields)


def cells_of(results: Results, model: int, device: int) -> list[CellResult]:
    """Of one model on one device, in order; model 0 has an accuracy, device 1 is emulated."""
    models, devices = list(dict.fromkeys(cell.model for cell in results.cells)), list(results.devices)
    return [cell for cell in order.ordered(results) if (cell.model, cell.device) == (models[model], devices[device])]


@pytest.fixture
def results() -> Results:
    """48 cells, in the order of a plan."""
    return make_results(
        tuple(
            make_cell(model, format_name, recipe, device)
            for device in ("local", HOSTILE_DEVICE)
            for model in ("digits_cnn", HOSTILE_MODEL)
            for format_name in FORMATS
            for recipe in RECIPES
        )
    )
