"""`edgerig debug` as a user has it: a cell by its id, of a run, of a file; and what is not one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from e2e.commands import QUICK, Edgerig, Ended

pytestmark = pytest.mark.e2e

STATIC = "digits_cnn-torch-onnx-int8-static"
FEW = ("--samples", "4")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run of digits_cnn in ONNX, with a recipe of its own."""
    edgerig = Edgerig(tmp_path_factory.mktemp("swept"))
    own = '[recipe.narrow]\nlike = "int8-static"\noptions = { calibration_samples = 1 }\n'
    sweep = edgerig.sweep_file(QUICK + own)
    recipes = [word for name in ("fp32", "int8-static", "narrow") for word in ("--recipe", name)]
    done = edgerig("sweep", sweep, "--model", "digits_cnn", "--format", "onnx", *recipes, "--limit", "8")
    assert done.code == 0, done.err
    return done


def told(done: Ended) -> dict[str, Any]:
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_variant_by_its_id_is_told_to_people_and_on_a_page(edgerig: Edgerig) -> None:
    done = edgerig("debug", STATIC, *FEW, "--html", "layers.html")
    assert done.code == 0, done.err
    assert "no layer is under 20 dB (4 samples" in done.out
    assert "op00_Conv" in done.out
    assert "nothing: no layer is under the threshold" in done.out
    page = (edgerig.folder / "layers.html").read_text()
    assert STATIC in page
    assert "<svg" in page


def test_a_cell_of_a_run_by_its_id_and_by_a_glob(edgerig: Edgerig, swept: Ended) -> None:
    """Its own recipe, which only the run knows, and the very file that the run had."""
    by_id = told(edgerig("debug", str(swept.run), f"{STATIC}@local/t1", *FEW, "--json"))
    assert (by_id["variant"], by_id["samples"], by_id["suspect"]) == (STATIC, 4, None)
    (file,) = (swept.run / "artifacts").glob(f"*{STATIC}*")
    assert by_id["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert [each["remedy"] for each in by_id["advice"]] == ["nothing"]
    by_glob = told(edgerig("debug", str(swept.run), "*-narrow*", *FEW, "--json", "--threshold", "45"))
    assert (by_glob["recipe"], by_glob["threshold_db"]) == ("narrow", 45)
    assert by_glob["first_below"] is not None
    first, *_, last = by_glob["layers"]
    assert first["operator"] == "INPUT"
    assert last["reads"]
    assert last["sqnr_db"] < 45


def test_a_file_that_edgerig_does_not_know_by_name(edgerig: Edgerig, swept: Ended) -> None:
    (file,) = (swept.run / "artifacts").glob("*fp32*")
    (edgerig.folder / "net.onnx").write_bytes(file.read_bytes())
    found = told(edgerig("debug", "net-onnx-onnx-int8-static", "--model", "net.onnx", *FEW, "--json"))
    assert found["variant"] == "net-onnx-onnx-int8-static"
    assert next(each["name"] for each in found["layers"] if each["weights_sqnr_db"]) == "op00_Conv"


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["digits_cnn-torch-onnx-int9"], "names no variant that is known here", "MODEL-SOURCE-FORMAT-RECIPE"),
        (["digits_cnn-torch-onnx-fp32"], "is the float twin itself", "quantized recipe"),
        (["net-onnx-onnx-int8-static", "--model", "missing.onnx"], "missing.onnx", ""),
        (["digits_cnn-torch-executorch-int8-dynamic"], "in the graph that static quantization makes", "int8-static"),
        (["nowhere", STATIC], "nowhere", ""),
        ([STATIC, "--samples", "0"], "--samples", ""),
        ([STATIC, "--threshold", "high"], "--threshold", ""),
    ],
)
def test_what_cannot_be_looked_into_is_told_with_the_way_out(
    arguments: list[str], said: str, hint: str, edgerig: Edgerig
) -> None:
    done = edgerig("debug", *arguments, "--json")
    assert done.code not in (0, 1)
    assert done.out == ""
    assert said in done.err
    assert hint in done.err
    assert "Traceback" not in done.err


def test_a_cell_that_a_run_has_not_is_an_error(edgerig: Edgerig, swept: Ended) -> None:
    done = edgerig("debug", str(swept.run), "digits_vit*", "--json")
    assert (done.code != 0, done.out) == (True, "")
    assert "no cell matches digits_vit*" in done.err
    assert Path(swept.run).name in done.err
