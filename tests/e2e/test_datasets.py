"""A user's own data: each kind through the command line, and what is said of each that is wrong."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile
from e2e.commands import QUICK, Edgerig, Ended
from PIL import Image

pytestmark = pytest.mark.e2e

CODE = """import torch
def create():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear({features}, {scores}))
"""
OWN = """import numpy as np
def spread(outputs, labels):
    per_sample = outputs[0].max(axis=1) - outputs[0].min(axis=1)
    return {"value": per_sample.mean(), "scores": per_sample, "unit": "logits"}
"""


def model(
    edgerig: Edgerig, name: str, shape: tuple[int, ...], dataset: str, metric: str = '"top1"', scores: int = 2
) -> Path:
    folder = edgerig.folder / "models" / name
    folder.mkdir(parents=True, exist_ok=True)
    layout = "NCHW" if len(shape) == 4 else "any"
    (folder / "model.toml").write_text(
        f'source = "torch"\nfactory = "model.py:create"\nmetric = {metric}\n'
        f'[[inputs]]\nname = "x"\nshape = {list(shape)}\nlayout = "{layout}"\n'
        f'[[outputs]]\nname = "y"\nshape = [1, {scores}]\n{dataset}'
    )
    (folder / "model.py").write_text(CODE.format(features=int(np.prod(shape)), scores=scores))
    return folder


def pictures(folder: Path, classes: tuple[str, str], count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / name / f"{index}.png")


def sweep(edgerig: Edgerig, *arguments: str, run: str = "") -> Ended:
    models = sorted(path.name for path in (edgerig.folder / "models").iterdir())
    chosen = [word for name in models for word in ("--model", name)]
    return edgerig(
        "sweep", edgerig.sweep_file(QUICK + run), *chosen, "--out", str(edgerig.folder / "reports"), *arguments
    )


def test_images_are_calibrated_on_and_scored_by_several_metrics(edgerig: Edgerig) -> None:
    keys = '[dataset]\ncalibration = 6\n[dataset.images]\nfolder = "val"\ncalibration_folder = "train"\n'
    folder = model(edgerig, "pictures", (1, 3, 8, 8), keys, '["auc", "top1", "own.py:spread"]')
    (folder / "own.py").write_text(OWN)
    pictures(folder / "val", ("cat", "dog"), 20, 0)
    pictures(folder / "train", ("cat", "dog"), 5, 1)
    chosen = ("--format", "onnx", "--recipe", "fp32", "--recipe", "int8-static")
    done = sweep(edgerig, *chosen)
    assert done.code == 0, done.err
    for cell in done.cells.values():
        assert cell["accuracy"]["value"] == cell["metrics"]["auc"]["value"]
        assert (cell["accuracy"]["samples"], cell["accuracy"]["unit"]) == (40, "")
        own = cell["metrics"]["own.py:spread"]
        assert own["ci95"][0] < own["value"] < own["ci95"][1]
    report = (done.run / "report.md").read_text()
    assert "% auc" not in report and " auc" in report

    again = edgerig("report", str(done.run))
    assert again.code == 0, again.err
    assert (done.run / "report.md").read_text() == report

    limited = sweep(edgerig, *chosen, run="limit = 25\n")
    assert limited.code == 0, limited.err
    width: dict[bool, list[float]] = {True: [], False: []}
    for found in (done, limited):
        for cell in found.cells.values():
            low, high = cell["metrics"]["top1"]["ci95"]
            width[found is limited].append(high - low)
    assert min(width[True]) > max(width[False])


def test_wrong_data_fails_before_anything_is_built_and_names_file_and_fix(edgerig: Edgerig) -> None:
    shape = (1, 3, 8, 8)
    images = '[dataset.images]\nfolder = "val"\n'
    pictures(model(edgerig, "classes", shape, images, scores=3) / "val", ("cat", "dog"), 1, 0)
    for name in ("cat", "dog"):
        (edgerig.folder / "models/empty/val" / name).mkdir(parents=True)
    model(edgerig, "empty", shape, images)
    pictures(model(edgerig, "unreadable", shape, images) / "val", ("cat", "dog"), 1, 0)
    (edgerig.folder / "models/unreadable/val/cat/0.png").write_bytes(b"not a picture")
    pictures(model(edgerig, "large", shape, "[dataset]\nmax_gib = 1e-6\n" + images) / "val", ("cat", "dog"), 1, 0)
    table = model(edgerig, "column", (1, 4), '[dataset.table]\nfile = "d.csv"\nlabel = "kind"\n')
    (table / "d.csv").write_text("a,b\n1,2\n")
    clips = model(edgerig, "sound", (1, 49, 10), '[dataset]\nclasses = ["a", "b"]\n[dataset.audio]\nfolder = "clips"\n')
    (clips / "clips" / "a").mkdir(parents=True)
    scipy.io.wavfile.write(clips / "clips" / "a" / "0.wav", 16000, np.array([0, np.nan], np.float32))

    done = sweep(edgerig, "--format", "onnx", "--recipe", "fp32")
    assert done.code == 1
    assert "Traceback" not in done.err
    expected = {
        "classes": ("there are 2 classes (cat, dog), the model's output has 3 scores", "dataset.classes"),
        "empty": ("val: there is no images file in it", "a subfolder a class"),
        "unreadable": ("0.png: not a readable image", "remove the file"),
        "large": ("dataset.max_gib = 1e-06 GiB", "raise dataset.max_gib"),
        "column": ('has no column "kind" (it has: a, b)', "[dataset.table]"),
        "sound": ("0.wav: it has NaN", "remove the file"),
    }
    for name, (said, hint) in expected.items():
        error = done.cells[f"{name}-torch-onnx-fp32@local/t1"]["error"]
        assert (error["stage"], error["kind"]) == ("prepare", "DatasetError"), error
        assert said in error["message"]
        assert hint in error["hint"]
        assert said in done.err
