"""The MLPerf Tiny references: fetched from a mirror, built in every format, held against what is published."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from e2e.commands import QUICK, Edgerig, Ended

pytestmark = pytest.mark.e2e

DATA = Path(os.environ.get("EDGERIG_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
REFERENCE = DATA / "mlperf_tiny" / "image_classification" / "pretrainedResnet_quant.tflite"
FORMATS = ("tflite", "executorch", "onnx")
REFERENCE_BYTES = 98_496
STEP = 1 / 256
"""Of the reference's quantized probabilities."""

needs_mirror = pytest.mark.skipif(
    not (DATA / "mlperf_tiny").is_dir(), reason=f"no reference models in {DATA} (set EDGERIG_TEST_DATA)"
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Keyword spotting and ResNet-8 in fp32 and int8-static, through all three formats on this machine."""
    edgerig = Edgerig(tmp_path_factory.mktemp("mlperf"))
    for name in ("mlperf_tiny_kws", "mlperf_tiny_resnet8"):
        fetched = edgerig("models", "fetch", name, "--from", str(DATA))
        assert fetched.code == 0, fetched.err
        assert f"{name} is ready" in fetched.out
    models = ("--model", "mlperf_tiny_kws", "--model", "mlperf_tiny_resnet8")
    done = edgerig("sweep", edgerig.sweep_file(QUICK), *models, "--recipe", "fp32", "--recipe", "int8-static")
    assert done.code == 0, done.err
    return done


@needs_mirror
def test_keyword_spotting_is_as_accurate_as_published_in_every_format(swept: Ended) -> None:
    for form in FORMATS:
        accuracy = {
            recipe: swept.cells[f"mlperf_tiny_kws-keras-{form}-{recipe}@local/t1"]["accuracy"]
            for recipe in ("fp32", "int8-static")
        }
        assert accuracy["fp32"]["value"] >= 0.895
        assert abs(accuracy["int8-static"]["value"] - accuracy["fp32"]["value"]) <= 0.01
        assert accuracy["fp32"]["samples"] == 900


@needs_mirror
def test_resnet8_from_its_h5_computes_the_same_in_every_format_on_the_fast_backend(swept: Ended) -> None:
    for form in FORMATS:
        cell = swept.cells[f"mlperf_tiny_resnet8-keras-{form}-fp32@local/t1"]
        assert cell["parity"]["relative_error"] <= 1e-4
        if cell["delegation"]["total"] is not None:
            assert cell["delegation"]["delegated"] >= 0.95 * cell["delegation"]["total"]


@needs_mirror
def test_resnet8_int8_is_as_small_as_the_reference_and_no_further_from_the_float_network(swept: Ended) -> None:
    """Two int8 builds calibrated on different images differ by what each differs from the float network. On random
    images the reference itself is off by 0.14 (relative error of the probabilities), edgerig's build by 0.11."""
    cell = "mlperf_tiny_resnet8-keras-tflite-int8-static"
    assert abs(swept.cells[f"{cell}@local/t1"]["size_bytes"] / REFERENCE_BYTES - 1) <= 0.1
    images = np.round(np.random.default_rng(0).uniform(0, 255, (64, 32, 32, 3))).astype(np.float32)
    ours, theirs, exact = (
        _probabilities(path, images)
        for path in (
            swept.run / "artifacts" / f"{cell}.tflite",
            REFERENCE,
            swept.run / "artifacts" / "mlperf_tiny_resnet8-keras-tflite-fp32.tflite",
        )
    )
    assert _relative(ours, exact) <= _relative(theirs, exact) + 0.02
    assert (np.abs(ours - theirs) <= 1.01 * STEP).mean() >= 0.75
    assert (ours.argmax(1) == theirs.argmax(1)).mean() >= 0.85


@needs_mirror
def test_the_report_and_the_card_hold_measured_against_published(swept: Ended) -> None:
    assert "quality target, closed division" in (swept.run / "report.md").read_text()
    done = Edgerig(swept.folder)("models", "show", "mlperf_tiny_kws", "--json")
    assert done.code == 0, done.err
    card = json.loads(done.out)
    assert card["network"]["parameters"] == 24_908
    assert card["network"]["macs"] == 2_656_768
    assert card["sources"] == ["keras", "torch"]
    assert {file["state"] for file in card["files"]} == {"fetched"}
    assert card["measured"]["run"] == swept.results["run"]["id"]
    shown = Edgerig(swept.folder)("models", "show", "mlperf_tiny_kws")
    assert "never measured" not in shown.out
    assert "DepthwiseConv2D" in shown.out


def test_without_its_files_a_model_is_refused_and_its_card_says_so(
    edgerig: Edgerig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGERIG_CACHE", str(edgerig.folder / "cache"))
    swept = edgerig("sweep", "--model", "mlperf_tiny_resnet8")
    assert swept.code == 2
    assert "pretrainedResnet.h5 (absent)" in swept.err
    assert "edgerig models fetch mlperf_tiny_resnet8" in swept.err
    shown = edgerig("models", "show", "mlperf_tiny_resnet8")
    assert shown.code == 0, shown.err
    assert "absent" in shown.out
    assert "never measured" in shown.out
    (edgerig.folder / "mirror").mkdir()
    (edgerig.folder / "mirror" / "pretrainedResnet.h5").write_bytes(b"cut short")
    fetched = edgerig("models", "fetch", "mlperf_tiny_resnet8", "--from", "mirror")
    assert fetched.code == 9
    assert "5f938a8eea605438cc7360aa13c987bc6d7bd0c8d931b2917361ae7ae4eeda2f" in fetched.err
    assert "Traceback" not in fetched.err


def _probabilities(path: Path, images: np.ndarray) -> np.ndarray:
    """The file's outputs (N, 10), its inputs and outputs quantized as its tensors say."""
    from edgerig.ondevice import engines
    from edgerig.ondevice.evaluate import evaluate
    from edgerig.spec import load_engines

    engine = engines.create(load_engines()["litert"].module, {})
    engine.load(str(path), 1)
    return evaluate(engine, [images])[0]


def _relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
