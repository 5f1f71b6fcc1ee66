"""A raw run's durations as the cell's figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.measure.test_contention import process, raw_of, still

from edgerig.measure.cell import measured
from edgerig.measure.cell_run import CellRun
from edgerig.measure.raw import Raw
from edgerig.plan import make_plan
from edgerig.results import Artifact
from edgerig.spec import RunSettings, SweepSpec

MS = 1_000_000
PLAN = make_plan(SweepSpec(models=("digits_cnn",), formats=("torch_compile",), recipes=("fp32",)))
ARTIFACT = Artifact(
    key="a", file="model.bin", sha256="", size_bytes=5, format="torch_compile", recipe="fp32", engine="torch_compile",
    layout="any", inputs=(), outputs=(), constants={}, check=None,
)  # fmt: skip


def loaded(raw: Raw, load_ms: int, compile_ms: int | None) -> Raw:
    """The raw run of a process that took that long to load, compilation in it. It gave zeros."""
    compile_ns = None if compile_ms is None else compile_ms * MS
    engine = raw.run.engine.model_copy(update={"compile_ns": compile_ns})
    run = raw.run.model_copy(update={"engine": engine, "load_ns": load_ms * MS})
    return replace(raw, run=run, outputs=[np.zeros((1, 2), np.float32)])


def figures(raw: Raw) -> tuple[float | None, float | None]:
    found = measured(CellRun(PLAN.cells[0], PLAN.models["digits_cnn-torch"], ARTIFACT, raw))
    return found.load_ms, found.compile_ms


@pytest.mark.parametrize(("compiled", "load"), [(40, 10.0), (None, 50.0)])
def test_what_was_compiled_is_no_part_of_the_load(compiled: int | None, load: float) -> None:
    assert figures(loaded(raw_of(still(), still()), 50, compiled)) == (load, compiled)


def test_compilation_is_the_first_process_though_a_later_attempt_is_counted() -> None:
    """Which found what the first one compiled."""
    waits = np.full(300, 9.0)
    contended = loaded(raw_of(process(3 + waits, waits)), 50, 40)
    assert figures(replace(contended, again=(loaded(raw_of(still()), 12, 2),))) == (10.0, 40.0)


def test_without_a_load_there_is_none() -> None:
    raw = loaded(raw_of(still()), 50, None)
    assert figures(replace(raw, run=raw.run.model_copy(update={"load_ns": None}))) == (None, None)


WIDE, TIGHT = [0.9, 1.0, 1.1, 0.92, 1.08], [1.0, 1.001, 0.999, 1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "each", "attempts", "stopped"),
    [
        ({}, TIGHT, 1, "precise"),
        ({}, WIDE, 3, "cap"),
        ({}, WIDE, 2, ""),  # the third failed
        ({}, WIDE[:2], 1, ""),  # of two processes nobody asks how they differ
        ({"attempts": 1}, WIDE, 1, ""),
        ({"attempts": 1}, TIGHT, 1, ""),
        ({"precision": 0.01, "max_seconds": 1.0}, WIDE, 4, "cap"),
        ({"precision": 0.01, "max_seconds": 100.0}, WIDE, 4, ""),
    ],
)
def test_a_cap_is_said_only_where_one_was_met(
    settings: dict[str, float], each: list[float], attempts: int, stopped: str
) -> None:
    one = raw_of(*(process(still_at * np.ones(300)) for still_at in each))
    raw = replace(loaded(one, 1, None), again=(one,) * (attempts - 1))
    ran = CellRun(
        PLAN.cells[0], PLAN.models["digits_cnn-torch"], ARTIFACT, raw, settings=RunSettings.model_validate(settings)
    )
    latency = measured(ran).latency
    assert latency.stopped == stopped
    assert (latency.precision is None) == (settings.get("attempts") == 1)
