"""Processes that build variants of one model and format together, each of them real."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from made_up import TENSORS

from edgerig.build import queue, spawn
from edgerig.build.request import Prepared
from edgerig.build.spawn import BuildOutcome
from edgerig.build.store import Store
from edgerig.spec import ModelSpec, load_models

pytestmark = pytest.mark.integration

RECIPES = ("fp32", "int8-dynamic", "int8-static")


def build(
    model: ModelSpec, recipes: Sequence[str], prepared: Prepared, folder: Path, *, joins: bool = False
) -> list[BuildOutcome]:
    """In the store `store` and with the queue `queue` of the folder."""
    (folder / "queue").mkdir(parents=True, exist_ok=True)
    store, logs = Store(folder / "store"), folder / "logs"
    queue_of = folder / "queue"
    return spawn.build_variants(
        model, "onnx", list(recipes), {}, prepared, 300.0, store, logs, {}, queue_of, joins=joins
    )


def files(folder: Path, outcomes: Sequence[BuildOutcome]) -> dict[str, bytes]:
    """Recipe → the file built."""
    return {
        each.recipe: (folder / "store" / "artifact" / each.artifact.key / each.artifact.file).read_bytes()
        for each in outcomes
        if each.artifact is not None
    }


def test_two_processes_build_each_variant_once_and_the_same_as_one_does(tmp_path: Path) -> None:
    model, together, alone = load_models("digits_cnn")["torch"], tmp_path / "together", tmp_path / "alone"
    found = [spawn.prepare(model, 0, 300, Store(each / "store"), each / "logs") for each in (together, alone)]
    assert found[0].same_data(found[1])
    with ThreadPoolExecutor(2) as threads:
        both = threads.map(lambda joins: build(model, RECIPES, found[0], together, joins=joins), (False, True))
        outcomes = [outcome for each in both for outcome in each]
    assert sorted(each.recipe for each in outcomes) == sorted(RECIPES)
    assert [each.failure for each in outcomes] == [None] * len(RECIPES)
    assert {each.recipe: each.process for each in queue.begun(together / "queue")}.keys() == set(RECIPES)
    assert {path.name for path in (together / "logs").iterdir()} >= {f"{recipe}.log" for recipe in RECIPES}
    assert [path.name for path in (together / "queue").iterdir() if path.is_dir()] == []

    assert files(together, outcomes) == files(alone, build(model, RECIPES, found[1], alone))


def test_one_that_dies_before_it_has_begun_any_costs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "model.toml").write_text(
        'source = "torch"\nfactory = "net.py:create"\nno_accuracy_reason = "none"\n' + TENSORS
    )
    (folder / "net.py").write_text("import os\ndef create():\n    os.abort()\n")
    model = load_models(str(folder))["torch"]
    prepared = Prepared(
        data_key="d", reference_key=None, fingerprint="f", calibration_fingerprint="c", samples=1, labelled=False,
        origin="the test",
    )  # fmt: skip
    store = Store(tmp_path / "store")
    with store.staging("data") as staged:
        np.save(staged / "input_0.npy", np.zeros((1, 4), np.float32))
        store.commit("data", "d", staged, {})
    (tmp_path / "queue").mkdir()
    queue.fill(tmp_path / "queue", ["fp32"])
    assert build(model, ["fp32"], prepared, tmp_path, joins=True) == []
    assert queue.waiting(tmp_path / "queue") == {"fp32"}

    (outcome,) = build(model, ["fp32"], prepared, tmp_path)
    assert outcome.failure is not None
    assert (outcome.failure.kind, "SIGABRT" in outcome.failure.message) == ("BuilderCrashed", True)
