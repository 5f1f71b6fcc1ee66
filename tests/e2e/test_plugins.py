"""Five packages of one file each, installed with pip: a format with its engine, a kind of device, a figure, a metric
and an export. A sweep uses them all, from its file to the export, and not a line of edgerig's is changed for it."""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import plugins
import pytest
from e2e.commands import QUICK, Edgerig, Ended

pytestmark = pytest.mark.e2e
PACKAGES = {
    "plain_format": {
        "edgerig.formats": "plain = plain_format:FORMAT",
        "edgerig.engines": "plain = plain_format:ENGINE",
    },
    "folder_kind": {"edgerig.device_kinds": "folder = folder_kind:KIND"},
    "throughput_figure": {"edgerig.figures": "throughput = throughput_figure:THROUGHPUT"},
    "spread_metric": {"edgerig.metrics": "spread = spread_metric:SPREAD"},
    "lines_export": {"edgerig.exports": "lines = lines_export:LINES"},
}
MODEL = """
source = "torch"
factory = "model.py:create"
metric = ["top1", "spread"]
inputs = [{ name = "x", shape = [1, 4] }]
outputs = [{ name = "y", shape = [1, 3] }]
[dataset]
npz = "data.npz"
"""
NETWORK = "import torch\ndef create():\n    torch.manual_seed(0)\n    return torch.nn.Linear(4, 3)\n"
SWEEP = (
    'models = ["net"]\nformats = ["plain", "onnx"]\nrecipes = ["fp32"]\ndevices = ["bench", "local"]\nout = "reports"\n'
) + QUICK
CELLS = {f"net-torch-{form}-fp32@{device}/t1" for form in ("plain", "onnx") for device in ("bench", "local")}


@pytest.fixture
def site(edgerig: Edgerig, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages, installed, with a model and a device of theirs."""
    wheels = [plugins.wheel(edgerig.folder, name.replace("_", "-"), name, points) for name, points in PACKAGES.items()]
    found = plugins.pip_install(edgerig.folder / "site", *wheels)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(found), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    model = edgerig.folder / "models" / "net"
    model.mkdir(parents=True)
    (model / "model.toml").write_text(MODEL)
    (model / "model.py").write_text(NETWORK)
    rng = np.random.default_rng(0)
    np.savez(model / "data.npz", inputs=rng.normal(size=(64, 4)).astype("float32"), labels=rng.integers(0, 3, 64))
    (edgerig.folder / "devices").mkdir()
    (edgerig.folder / "devices" / "bench.toml").write_text(f'kind = "folder"\npath = "{edgerig.folder / "bench"}"\n')
    return found


def test_what_packages_add_is_swept_reported_compared_and_exported(edgerig: Edgerig, site: Path) -> None:
    assert "plain" in edgerig("formats").out
    done = edgerig("sweep", edgerig.sweep_file(SWEEP))
    assert done.code == 0, done.err
    assert {name: cell["status"] for name, cell in done.cells.items()} == dict.fromkeys(CELLS, "ok")
    told_by_the_package(edgerig, done)
    shutil.rmtree(site)
    read_without_the_packages(edgerig, done)


def told_by_the_package(edgerig: Edgerig, done: Ended) -> None:
    rows = list(csv.DictReader((done.run / "results.csv").open(newline="")))
    assert all(float(row["throughput_per_second"]) > 1 for row in rows)
    assert "throughput (1/s)" in (done.run / "report.md").read_text()
    assert "inferences a second, one after the other" in (done.run / "index.html").read_text()
    for cell in done.cells.values():
        found = cell["metrics"]["spread"]
        assert found["ci95"][0] < found["value"] < found["ci95"][1]
        assert found["unit"] == "V"
    assert done.cells["net-torch-plain-fp32@bench/t1"]["engine"]["runtime"] == "Plain"
    assert done.results["devices"]["bench"]["kind"] == "folder"

    profiled_by_the_package(edgerig, done)
    beyond = edgerig("gate", str(done.run), "--budget", str(budget(edgerig, 1e12)))
    assert beyond.code == 7
    assert "limit.throughput_per_second" in beyond.err
    assert edgerig("gate", str(done.run), "--budget", str(budget(edgerig, 1))).code == 0
    compared = edgerig("compare", str(done.run), str(done.run), "--json")
    assert '"metric": "throughput"' in compared.out
    assert edgerig("history", "net", "--metric", "throughput").code == 0
    exported = edgerig("export", str(done.run), "--to", "lines")
    assert exported.code == 0, exported.err
    assert {line.split()[0] for line in (done.run / "export" / "cells.txt").read_text().splitlines()} == CELLS


def profiled_by_the_package(edgerig: Edgerig, done: Ended) -> None:
    """Its operators take so little that they may be said to be more than the whole: then that is the reason."""
    assert edgerig("profile", str(done.run), "*plain*local*").code in (0, 1)
    found = done.cells["net-torch-plain-fp32@local/t1"]["profile"]
    assert found["method"] == "two readings of the clock"
    if not found["reason"]:
        assert [(each["name"], each["kind"]) for each in found["operators"]] == [
            ("MATMUL", "matrix product"),
            ("ADD", "arithmetic"),
        ]


def budget(edgerig: Edgerig, least: float) -> Path:
    file = edgerig.folder / "budget.toml"
    file.write_text(f'[[cells]]\nmatch = "*"\nlimit = {{ throughput_per_second = {least} }}\n')
    return file


def read_without_the_packages(edgerig: Edgerig, done: Ended) -> None:
    """What was measured stays readable where they are no longer installed."""
    before = done.cells
    assert edgerig("show", str(done.run)).code in (0, 1)
    assert edgerig("compare", str(done.run), str(done.run)).code == 0
    assert edgerig("export", str(done.run), "--to", "csv").code == 0
    again = edgerig("report", str(done.run))
    assert again.code == 0, again.err
    assert {name: cell["accuracy"] for name, cell in done.cells.items()} == {
        name: cell["accuracy"] for name, cell in before.items()
    }
    for cell in done.cells.values():
        assert cell["metrics"]["spread"]["reason"] == "nothing that is installed here knows the metric spread"
    assert "throughput" not in (done.run / "results.csv").read_text()
    unknown = edgerig("export", str(done.run), "--to", "lines")
    assert (unknown.code, 'unknown export "lines"' in unknown.err) == (2, True)
