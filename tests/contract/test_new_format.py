"""A format with its engine that another package adds: two rows and their code, and it is planned, built, checked, run
on a device under options and on processors of its own, and taken as a ready file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import plugins
import pytest

from edgerig.build import keys, spawn, worker
from edgerig.build.request import BuildRequest, BuiltVariant, Prepared, PrepareRequest
from edgerig.build.store import Store
from edgerig.devices import open_device
from edgerig.devices.device import CellJob
from edgerig.devices.kinds.local import LocalDevice
from edgerig.measure.raw import Raw, read_raw
from edgerig.npy import load_arrays
from edgerig.plan import Cell, make_plan
from edgerig.plugins import forget
from edgerig.spec import (
    ModelSpec,
    RunSettings,
    SweepSpec,
    load_models,
    load_recipes,
)

pytestmark = pytest.mark.contract

MODEL = """
source = "torch"
factory = "model.py:create"
no_accuracy_reason = "made for a test"
inputs = [{ name = "x", shape = [1, 4] }]
outputs = [{ name = "y", shape = [1, 3] }]
"""
NETWORK = """
import torch
def create():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 3)
"""
PROCESSOR = min(os.sched_getaffinity(0))


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package `tests/plugin/plain_format.py`, installed."""
    site = tmp_path / "site"
    plugins.install(site, "edgerig-plain", "edgerig.engines", "plain = plain_format:ENGINE", "plain_format")
    plugins.install(site, "edgerig-plain-format", "edgerig.formats", "plain = plain_format:FORMAT")
    monkeypatch.syspath_prepend(site)
    forget()
    yield
    sys.modules.pop("plain_format", None)
    forget()


@pytest.fixture
def network(tmp_path: Path) -> Path:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "model.toml").write_text(MODEL, encoding="utf-8")
    (folder / "model.py").write_text(NETWORK, encoding="utf-8")
    return folder


def prepared(model: ModelSpec, store: Store) -> Prepared:
    key = keys.data_key(model, 0)
    return worker.prepare(PrepareRequest(model=model, seed=0, store=store.root, data_key=key, timeout_s=60))


def build(model: ModelSpec, recipe: str, found: Prepared, store: Store, folder: Path) -> BuiltVariant:
    """As a build's process does it, in this one."""
    (folder / f"{recipe}.log").touch()
    request = BuildRequest(
        model=model,
        format="plain",
        options={},
        keys={recipe: spawn._key(model, "plain", recipe, load_recipes(), {}, found)},
        recipes={name: row for name, row in load_recipes().items() if name == recipe},
        store=store.root,
        data_key=found.data_key,
        timeout_s=60,
        queue=folder,
        joins=False,
    )
    return worker.Session(request, folder).build(recipe)


def run(cell: Cell, built: BuiltVariant, inputs: list[np.ndarray], store: Store, folder: Path) -> Raw:
    entry = store.find("artifact", built.artifact.key)
    assert entry is not None
    settings = RunSettings(repeats=1, attempts=1, min_runs=5, min_seconds=0, warmup_runs=1)
    into = folder / cell.raw
    with open_device(LocalDevice(name="local", kind="local")) as local:
        file = entry / built.artifact.file
        local.execute(CellJob(cell.id, built.artifact, file, inputs, cell, settings, into, local.probe()))
    return read_raw(into, cell.id)


def test_a_new_format_with_its_engine(known: None, network: Path, tmp_path: Path) -> None:
    cells = make_plan(
        SweepSpec(
            models=(str(network),),
            formats=("plain",),
            recipes=("fp32", "int8-static"),
            processors=((PROCESSOR,),),
            engine={"plain": {"negate": (False, True)}},
        )
    ).cells
    place = f"local/t1/p{PROCESSOR}"
    supported = [cell for cell in cells if not cell.unsupported]
    assert [cell.id for cell in supported] == [
        f"net-torch-plain-fp32@{place}",
        f"net-torch-plain-fp32@{place}/negate=true",
    ]
    assert {cell.unsupported for cell in cells} - {""} == {
        "nothing builds int8-static in the format plain: neither row says how"
    }

    store, model = Store(tmp_path / "store"), load_models(str(network))["torch"]
    found = prepared(model, store)
    built = build(model, "fp32", found, store, tmp_path)
    assert built.artifact.engine == "plain"
    assert built.artifact.check is not None
    assert built.artifact.check.relative_error is not None
    assert built.artifact.check.relative_error < 1e-6

    data = store.find("data", found.data_key)
    reference = store.find("reference", found.reference_key or "")
    assert data is not None and reference is not None
    inputs, (expected,) = load_arrays(data, "input"), load_arrays(reference, "output")
    for cell, sign in zip(supported, (1, -1), strict=True):
        raw = run(cell, built, inputs, store, tmp_path)
        np.testing.assert_allclose(raw.outputs[0], sign * expected, rtol=1e-5, atol=1e-6)
        assert raw.run.engine.runtime == "Plain"
        assert raw.run.engine.notes == [f"on [{PROCESSOR}]"]


def test_a_file_of_a_new_format_is_a_model(known: None, network: Path, tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "store"), tmp_path / "build"
    folder.mkdir()
    model = load_models(str(network))["torch"]
    built = build(model, "fp32", prepared(model, store), store, folder)
    entry = store.find("artifact", built.artifact.key)
    assert entry is not None
    file = tmp_path / "brought.plain"
    file.write_bytes((entry / built.artifact.file).read_bytes())

    (cell,) = make_plan(SweepSpec(models=(str(file),))).cells
    assert (cell.id, cell.unsupported) == ("brought-plain-plain-as-is@local/t1", "")
    ready = load_models(str(file))["plain"]
    found = prepared(ready, store)
    adopted = build(ready, "as-is", found, store, folder)
    assert adopted.artifact.sha256 == built.artifact.sha256
    data = store.find("data", found.data_key)
    assert data is not None
    raw = run(cell, adopted, load_arrays(data, "input"), store, tmp_path)
    assert raw.outputs[0].shape[1:] == (3,)
