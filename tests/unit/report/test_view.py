from __future__ import annotations

from unit.made_results import changed

from edgerig.report.run import view
from edgerig.results import Results


def test_outcome_counts_every_status(results: Results) -> None:
    assert view.outcome(results.cells) == "48 cells: 38 ok, 4 failed, 2 skipped, 4 unsupported"
    assert view.outcome(results.cells[:1]) == "1 cell: 1 ok"


def test_a_reason_is_one_bounded_line(results: Results) -> None:
    failed = next(cell for cell in results.cells if cell.status == "failed")
    assert failed.error is not None
    long = changed(failed, error=failed.error.model_copy(update={"message": "first\nsecond " + "x" * 500}))
    assert view.reason(long).startswith("build: first second xxx")
    assert len(view.reason(long)) <= 160
