"""The MLPerf Tiny keyword-spotting files on their official evaluation set, against their published figures."""

import os
from pathlib import Path

import pytest
from e2e.commands import Edgerig

pytestmark = pytest.mark.e2e

DATA = Path(os.environ.get("EDGERIG_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
KWS = DATA / "mlperf_tiny" / "keyword_spotting"


@pytest.mark.skipif(not KWS.is_dir(), reason=f"no reference models in {KWS} (set EDGERIG_TEST_DATA)")
def test_the_published_accuracies(edgerig: Edgerig) -> None:
    files = [KWS / "kws_ref_model.tflite", KWS / "kws_ref_model_float32.tflite"]
    models = [word for file in files for word in ("--model", str(file))]
    done = edgerig("sweep", *models, "--dataset", str(KWS / "kws01.npz"), "--out", str(edgerig.folder / "reports"))
    assert done.code == 0, done.err
    found = {cell["model"]: cell for cell in done.cells.values()}
    assert found["kws_ref_model"]["accuracy"]["value"] == pytest.approx(0.902)
    assert found["kws_ref_model_float32"]["accuracy"]["value"] == pytest.approx(0.900)
    for file in files:
        assert found[file.stem]["size_bytes"] == file.stat().st_size
        assert found[file.stem]["recipe"] == "as-is"
        assert found[file.stem]["accuracy"]["samples"] == 1000
