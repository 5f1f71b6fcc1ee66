"""A kind of device that another package adds, from its file to the report: nothing of edgerig's is changed for it."""

import os
import shutil
from pathlib import Path

import plugins
import pytest
from e2e.commands import QUICK, Edgerig

from edgerig.device_kinds import GROUP

pytestmark = pytest.mark.e2e
SWEEP = (
    'models = ["digits_cnn"]\nformats = ["onnx"]\nrecipes = ["fp32"]\ndevices = ["bench", "local"]\nout = "reports"\n'
) + QUICK


@pytest.fixture
def folder_kind(edgerig: Edgerig, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package `tests/plugin/folder_kind.py`, installed, and a device of its kind."""
    site = plugins.install(edgerig.folder / "site", "edgerig-folder", GROUP, "folder = folder_kind:KIND", "folder_kind")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    (edgerig.folder / "devices").mkdir()
    (edgerig.folder / "devices" / "bench.toml").write_text(f'kind = "folder"\npath = "{edgerig.folder / "bench"}"\n')
    return site


def test_a_package_of_one_file_adds_a_kind_of_device(edgerig: Edgerig, folder_kind: Path) -> None:
    bench = str(edgerig.folder / "bench")
    assert f"folder:{bench}"[:20] in edgerig("devices").out
    assert '"kind": "folder"' in edgerig("devices", "probe", f"folder:{bench}", "--json").out
    said = edgerig("devices", "doctor", "bench").out
    assert "bench (folder)" in said
    assert bench in said

    done = edgerig("sweep", edgerig.sweep_file(SWEEP))
    assert done.code == 0, done.err
    there, here = (done.cells[f"digits_cnn-torch-onnx-fp32@{name}/t1"] for name in ("bench", "local"))
    assert (there["status"], here["status"]) == ("ok", "ok")
    assert there["accuracy"] == here["accuracy"]
    assert done.results["devices"]["bench"]["kind"] == "folder"
    assert "bench" in (done.run / "index.html").read_text()
    assert os.listdir(bench) == [], "its jobs leave nothing"

    shutil.rmtree(folder_kind)
    for name in ("results.json", "index.html", "report.md"):
        (done.run / name).unlink()
    again = edgerig("report", str(done.run))
    assert again.code == 0, again.err
    assert again.out.strip().endswith("index.html")
