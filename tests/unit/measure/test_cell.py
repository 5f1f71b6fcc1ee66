"""A raw run's durations as the cell's figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.measure.test_contention import process, raw_of, still

from edgerig.measure.cell import CellRun, measured
from edgerig.measure.raw import Raw
from edgerig.plan import make_plan
from edgerig.results import Artifact
from edgerig.spec import SweepSpec

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
