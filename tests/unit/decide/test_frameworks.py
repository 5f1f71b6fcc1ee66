from __future__ import annotations

from edgerig.decide.frameworks import Framework, frameworks
from edgerig.results import CellResult, Results
from edgerig.spec import SweepBudget


def twin(cell: CellResult, ratio: float) -> CellResult:
    """The same cell from Keras, `ratio` times as slow."""
    update: dict[str, object] = {"id": cell.id.replace("-torch-", "-keras-"), "source": "keras"}
    if cell.latency is not None:
        update["latency"] = cell.latency.model_copy(update={"p50_ms": cell.latency.p50_ms * ratio})
    return cell.model_copy(update=update)


def found(results: Results, cells: list[CellResult]) -> list[Framework]:
    return frameworks(results.model_copy(update={"cells": tuple(cells)}), SweepBudget())


def test_one_source_gives_none(results: Results) -> None:
    assert found(results, list(results.cells)) == []


def test_sources_stand_side_by_side_and_the_better_is_named(results: Results) -> None:
    torch = list(results.cells[:12])
    (one,) = found(results, [*torch, *(twin(cell, 0.5) for cell in torch[:4])])
    assert (one.device, one.model, one.sources) == ("local", "digits_cnn", ("torch", "keras"))
    assert len(one.rows) == 12
    assert [cell and cell.source for cell in one.rows[0].cells] == ["torch", "keras"]
    assert one.rows[-1].cells[1] is None
    assert one.finding.startswith("Best is Keras (TensorFlow), as tflite fp16 (p50 6.45 µs")
    assert "PyTorch's best, tflite fp16: 2× the latency (12.9 µs)" in one.finding
    assert "Keras (TensorFlow)'s build takes 0.50× what PyTorch's does" in one.finding
    assert "in the middle of 4 pairs" in one.finding


def test_twins_that_are_not_told_apart_are_said_to_be_either(results: Results) -> None:
    torch = list(results.cells[:4])
    (one,) = found(results, [*torch, *(twin(cell, 1.001) for cell in torch)])
    assert one.finding.startswith("Either: they are not told apart.")


def test_a_source_that_gives_nothing_is_said_so(results: Results) -> None:
    failed = next(cell for cell in results.cells if cell.status == "failed")
    (one,) = found(results, [results.cells[0], twin(failed, 1)])
    assert "no other source gives a variant that can be recommended" in one.finding
    assert "No format and recipe ran from both PyTorch and Keras (TensorFlow)." in one.finding


def test_emulated_sources_are_held_by_instructions(results: Results) -> None:
    torch = list(results.cells[24:26])
    keras = [
        twin(cell, 100).model_copy(update={"cost": cell.cost.model_copy(update={"instructions": 1000})})
        for cell in torch
    ]
    (one,) = found(results, [*torch, *keras])
    assert one.finding.startswith("Best is Keras (TensorFlow)")
    assert " ms" not in one.finding
