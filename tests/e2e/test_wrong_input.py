"""What a new user gets wrong, and what he is told."""

from pathlib import Path

import numpy as np
import pytest
from e2e.commands import QUICK, Edgerig, Ended
from made_up import OWN_MODEL, TENSORS

pytestmark = pytest.mark.e2e


def own_model(edgerig: Edgerig, name: str, code: str) -> str:
    folder = edgerig.folder / "models" / name
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(OWN_MODEL + TENSORS)
    (folder / "model.py").write_text("import os, time\nimport torch\n" + code)
    return name


@pytest.fixture(scope="module")
def tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real .tflite: digits_cnn, as built by edgerig itself."""
    first = Edgerig(tmp_path_factory.mktemp("built"))
    done = first("sweep", first.sweep_file(QUICK), "--model", "digits_cnn", "--format", "tflite", "--recipe", "fp32")
    assert done.code == 0, done.err
    (file,) = (done.run / "artifacts").iterdir()
    return file


def only_error(done: Ended) -> dict[str, str]:
    (error,) = errors(done)
    return error


def errors(done: Ended) -> list[dict[str, str]]:
    """What became of each cell, none of which may be well."""
    found = [cell["error"] for cell in done.cells.values()]
    assert {cell["status"] for cell in done.cells.values()} == {"failed"}
    for error in found:
        assert error["hint"]
        assert error["message"].splitlines()[0] in done.err
    assert "Traceback" not in done.err
    return found


def test_an_unwritable_out(edgerig: Edgerig) -> None:
    (edgerig.folder / "file").write_text("")
    done = edgerig("sweep", "--out", "file/reports")
    assert done.code == 2
    assert "file/reports" in done.err
    assert "--out" in done.err


@pytest.mark.parametrize("content", [b"", b"not a model at all" * 100])
def test_corrupt_ready_files(edgerig: Edgerig, content: bytes) -> None:
    names = ["a.onnx", "b.tflite", "c.pte"]
    for name in names:
        (edgerig.folder / name).write_bytes(content)
    models = [flag for name in names for flag in ("--model", name)]
    done = edgerig("sweep", *models, "--out", str(edgerig.folder / "reports"))
    assert done.code == 1
    for name, error in zip(names, errors(done), strict=True):
        assert name in error["message"]
        assert "whole" in error["hint"]


def test_a_dataset_that_does_not_fit_the_file(edgerig: Edgerig, tflite: Path) -> None:
    np.savez(edgerig.folder / "d.npz", inputs=np.zeros((5, 49, 10, 1), np.float32), labels=np.zeros(5, np.int64))
    done = edgerig("sweep", "--model", str(tflite), "--dataset", "d.npz", "--out", str(edgerig.folder / "out"))
    assert done.code == 1
    error = only_error(done)
    assert "(5, 49, 10, 1)" in error["message"]
    assert "(N, 8, 8, 1)" in error["message"]


def test_a_dataset_with_nan(edgerig: Edgerig, tflite: Path) -> None:
    inputs = np.zeros((5, 8, 8, 1), np.float32)
    inputs[3, 0, 0, 0] = np.nan
    np.savez(edgerig.folder / "d.npz", inputs=inputs, labels=np.zeros(5, np.int64))
    done = edgerig("sweep", "--model", str(tflite), "--dataset", "d.npz", "--out", str(edgerig.folder / "out"))
    assert done.code == 1
    error = only_error(done)
    assert error["kind"] == "DatasetError"
    assert "the first in sample 3" in error["message"]


def test_labels_beyond_the_classes(edgerig: Edgerig, tflite: Path) -> None:
    np.savez(edgerig.folder / "d.npz", inputs=np.zeros((2, 8, 8, 1), np.float32), labels=np.array([0, 10]))
    done = edgerig("sweep", "--model", str(tflite), "--dataset", "d.npz", "--out", str(edgerig.folder / "out"))
    assert "labels run from 0 to 10, the model has 10 classes" in only_error(done)["message"]


@pytest.mark.parametrize(
    ("name", "code", "kind", "said"),
    [
        (
            "unconvertible",
            "class M(torch.nn.Module):\n"
            "    def forward(self, x):\n"
            "        return x[:, :2] if x.sum().item() > 0 else x[:, 2:]\n"
            "def create():\n    return M()\n",
            "BuildError",
            "",
        ),
        ("raises", "def create():\n    raise ValueError('no such layer')\n", "BuildError", "no such layer"),
        ("aborts", "def create():\n    os.abort()\n", "BuilderCrashed", "SIGABRT"),
        ("hangs", "def create():\n    time.sleep(600)\n", "BuildTimeout", "deadline of 20 s"),
    ],
)
def test_a_model_that_cannot_be_built_costs_its_own_cells(
    edgerig: Edgerig, name: str, code: str, kind: str, said: str
) -> None:
    own_model(edgerig, name, code)
    file = edgerig.sweep_file(QUICK + "[build]\ntimeout_s = 20\n")
    out = ("--out", str(edgerig.folder / "reports"), "--format", "onnx", "--recipe", "fp32")
    done = edgerig("sweep", file, "--model", name, "--model", "digits_cnn", *out)
    assert done.code == 1
    cells = done.cells
    assert cells["digits_cnn-torch-onnx-fp32@local/t1"]["status"] == "ok"
    failed = cells[f"{name}-torch-onnx-fp32@local/t1"]
    assert failed["status"] == "failed"
    assert failed["error"]["kind"] == kind
    assert said in failed["error"]["message"]
    assert failed["error"]["hint"]


def test_a_recipe_the_model_has_nothing_for_is_unsupported_not_a_failure(edgerig: Edgerig) -> None:
    own_model(
        edgerig,
        "no_linear",
        "class M(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return torch.relu(x[:, :2]) + 1\n"
        "def create():\n    return M()\n",
    )
    out = ("--out", str(edgerig.folder / "reports"), "--format", "onnx", "--recipe", "int4-weight")
    done = edgerig("sweep", edgerig.sweep_file(QUICK), "--model", "no_linear", *out)
    assert done.code == 0, done.err
    (cell,) = done.cells.values()
    assert cell["status"] == "unsupported"
    assert cell["error"]["kind"] == "UnsupportedRecipe"
