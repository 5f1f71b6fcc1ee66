"""What a sweep needs of this machine's packages is asked before anything else is done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgerig import api, extras
from edgerig.build import spawn
from edgerig.build.store import Store
from edgerig.errors import NotInstalled
from edgerig.plan import Plan
from edgerig.spec import SweepSpec
from edgerig.sweep.needs import check_installed

Lacking = Callable[..., None]
BROUGHT = {
    "run": ["onnxruntime", "ai-edge-litert"],
    "build": ["onnxruntime", "ai-edge-litert", "torch", "litert-torch"],
    "nncf": ["onnxruntime", "ai-edge-litert", "torch", "litert-torch", "nncf"],
}


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Lacking:
    """Makes an installation without these."""

    def lack(*names: str) -> None:
        monkeypatch.setattr(extras, "installed", lambda name: name not in names)
        monkeypatch.setattr(extras, "extras", lambda: {extra: frozenset(each) for extra, each in BROUGHT.items()})

    return lack


def plan(**keys: Any) -> Plan:
    return api.plan(SweepSpec(models=("digits_cnn",), recipes=("fp32",), **keys))


def check(planned: Plan, store: Path) -> None:
    check_installed(planned, planned.cells, Store(store))


def test_a_build_without_its_converter_is_refused_with_the_extra(lacking: Lacking, tmp_path: Path) -> None:
    lacking("torch", "litert-torch")
    with pytest.raises(NotInstalled, match=r"to prepare digits_cnn-torch \(and 1 more such steps\) needs") as told:
        check(plan(formats=("tflite",), devices=("qemu-rpi4",)), tmp_path)
    assert "litert-torch, torch" in told.value.message
    assert told.value.hint == "pip install 'edgerig[build]'"


def test_a_recipe_of_an_extra_of_its_own_is_refused_with_that(lacking: Lacking, tmp_path: Path) -> None:
    lacking("nncf")
    both = SweepSpec(models=("digits_cnn",), formats=("onnx",), recipes=("fp32", "int8-static-nncf"))
    with pytest.raises(NotInstalled, match="to build digits_cnn-torch-onnx needs nncf") as told:
        check(api.plan(both), tmp_path)
    assert told.value.hint == "pip install 'edgerig[nncf]'"


def test_nothing_is_refused_or_looked_up_where_all_is_installed(
    lacking: Lacking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking()
    monkeypatch.setattr(spawn, "prepared", lambda *_: pytest.fail("the store was read"))
    check(plan(), tmp_path)


def test_what_the_store_has_needs_no_converter(
    lacking: Lacking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking("torch")
    monkeypatch.setattr(spawn, "prepared", lambda *_: object())
    monkeypatch.setattr(spawn, "all_built", lambda model, name, *_: name == "tflite")
    check(plan(formats=("tflite",), devices=("qemu-rpi4",)), tmp_path)
    with pytest.raises(NotInstalled, match=r"^to build digits_cnn-torch-onnx needs torch"):
        check(plan(formats=("tflite", "onnx"), devices=("qemu-rpi4",)), tmp_path)


def test_this_machines_own_cells_need_their_runtime(
    lacking: Lacking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking("ai-edge-litert")
    monkeypatch.setattr(spawn, "prepared", lambda *_: object())
    monkeypatch.setattr(spawn, "all_built", lambda *_: True)
    with pytest.raises(NotInstalled, match="to run tflite on this machine needs ai-edge-litert") as told:
        check(plan(formats=("tflite",), devices=("local",)), tmp_path)
    assert told.value.hint == "pip install 'edgerig[run]'"
    check(plan(formats=("tflite",), devices=("qemu-rpi4",)), tmp_path)


def test_a_file_as_it_is_needs_the_runtime_that_reads_it_and_no_converter(lacking: Lacking, tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"TFL3")
    planned = api.plan(SweepSpec(models=(str(tmp_path / "net.tflite"),), devices=("qemu-rpi4",)))
    lacking("torch")
    check(planned, tmp_path)
    lacking("ai-edge-litert")
    with pytest.raises(NotInstalled) as told:
        check(planned, tmp_path)
    assert told.value.hint == "pip install 'edgerig[run]'"


def test_an_unsupported_cell_needs_nothing(lacking: Lacking, tmp_path: Path) -> None:
    lacking("torch")
    planned = api.plan(SweepSpec(models=("digits_cnn",), formats=("executorch",), recipes=("int16x8",)))
    assert all(cell.unsupported for cell in planned.cells)
    check(planned, tmp_path)


def test_no_runs_folder_is_made(lacking: Lacking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    lacking("torch")
    with pytest.raises(NotInstalled):
        api.sweep(plan(formats=("tflite",), out=tmp_path / "reports"))
    assert not (tmp_path / "reports").exists()
