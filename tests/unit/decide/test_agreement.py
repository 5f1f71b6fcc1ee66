"""What outputs say where labels do not: agreement with the float network, and relative errors."""

from __future__ import annotations

from collections.abc import Sequence

from unit.decide.decided import decided, limited, timed, variant
from unit.made_results import cells_of, changed

from edgerig.results import (
    CellResult,
    OutputParity,
    Parity,
    Results,
)
from edgerig.spec import SweepBudget


def agreeing(results: Results, shares: Sequence[float | None], **fields: object) -> list[CellResult]:
    """Cells without an accuracy, of these shares of agreement; the first is fp32, each is faster than the last."""
    cells = [cell for cell in cells_of(results, 1, 0) if cell.status == "ok"]
    known = {"relative_error": 0.01, "samples": 200}
    return [
        timed(
            cell,
            2.0 - at,
            parity=Parity.model_validate({**known, "agreement": share, **fields}),
        )
        for at, (cell, share) in enumerate(zip(cells, shares, strict=False))
    ]


def test_where_there_is_no_accuracy_agreement_with_the_float_network_is_held_to_the_budget(results: Results) -> None:
    found = decided(results, agreeing(results, (1.0, 0.899)))
    assert (variant(found.pick), found.state) == ("tflite fp32", "recommended")
    assert found.ruled_out == "1 agreeing with the float network in less than 90 % of the samples"
    assert "with the float network's top class in at least 90 % of the samples" in found.why
    assert found.cautions == (
        "accuracy was not measured (no labelled data came with this file); it agrees with the float network in "
        "100 % of 200 samples; its outputs differ from the source's by 0.010 (relative error)",
        "if the outputs are no classes, their largest says nothing: budget.agreement = 0 leaves it out",
    )
    assert len(decided(results, agreeing(results, (1.0, 0.95))).cautions) == 1
    off = decided(results, agreeing(results, (1.0, 0.2)), SweepBudget(agreement=0))
    assert (variant(off.pick), off.state) == ("tflite fp16", "provisional")
    assert variant(decided(results, agreeing(results, (1.0, 0.9))).pick) == "tflite fp16"
    assert variant(decided(results, agreeing(results, (1.0, 0.899)), SweepBudget(agreement=0.5)).pick) == "tflite fp16"


def test_agreement_is_not_asked_for_where_there_is_an_accuracy(results: Results) -> None:
    fp32, other = cells_of(results, 0, 0)[:2]
    low = timed(other, 0.001, parity=Parity(relative_error=0.01, agreement=0.2))
    assert variant(decided(results, [fp32, low]).pick) == "tflite fp16"


def test_what_has_no_agreement_where_others_have_is_ruled_out(results: Results) -> None:
    assert decided(results, agreeing(results, (1.0, None))).ruled_out == "1 without an agreement to compare"


def test_without_accuracy_and_agreement_the_pick_is_provisional_and_the_worst_output_named(results: Results) -> None:
    outputs = tuple(OutputParity(name=name, compared="real", relative_error=0.76) for name in ("boxes", "scores"))
    found = decided(results, agreeing(results, (None, None), worst="scores", outputs=outputs))
    assert found.state == "provisional"
    assert found.cautions[0].endswith('its output "scores" differs from the source\'s by 0.010 (relative error)')
    far = agreeing(results, (None, None), worst="scores", outputs=outputs, relative_error=0.6)
    assert "by 0.60 (relative error), which is far" in decided(results, far).cautions[0]


def test_the_relative_error_is_held_to_the_budget(results: Results) -> None:
    fp32, faster = cells_of(results, 0, 0)[:2]
    faster = timed(faster, 0.001, parity=Parity(relative_error=0.2))
    assert variant(decided(results, [fp32, faster]).pick) == "tflite fp16"
    strict = decided(results, [fp32, faster], limited(relative_error=0.1))
    assert variant(strict.pick) == "tflite fp32"
    assert strict.ruled_out == "1 with a relative error above 0.100"
    assert "and at most a relative error of 0.100" in strict.why
    unknown = decided(results, [fp32, changed(faster, parity=Parity(reason="NaN"))], limited(relative_error=0.1))
    assert unknown.ruled_out == "1 without a relative error to compare"


def test_an_agreement_of_few_samples_is_provisional(results: Results) -> None:
    found = decided(results, agreeing(results, (1.0, 0.92)))
    assert (variant(found.pick), found.state) == ("tflite fp16", "provisional")
    assert (
        "whether it agrees in at least 90 % is open: of other samples it may be 87.4 % (200 samples)" in found.cautions
    )
