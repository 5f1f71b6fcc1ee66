from __future__ import annotations

from unit.made_results import cells_of, changed

from edgerig.figures import metric
from edgerig.figures.accuracy import interval
from edgerig.report.run import view
from edgerig.results import Accuracy, Results, Verdict, VerdictEvidence, wording


def test_a_doubtful_latency_says_so(results: Results) -> None:
    cell = changed(cells_of(results, 0, 0)[0], verdict=Verdict(label="noisy", evidence=VerdictEvidence(), advice=""))
    assert wording.described(cell) == "p50 13.1 µs (noisy), 155 kB, 98.5 % top1"


def test_a_fallback_is_noisy_as_well_and_both_are_said(results: Results) -> None:
    for half, doubt in ((0.05, "fallback, noisy"), (0.01, "fallback")):
        verdict = Verdict(label="fallback", evidence=VerdictEvidence(relative_half_width=half), advice="")
        cell = changed(cells_of(results, 0, 0)[0], verdict=verdict)
        assert wording.described(cell).startswith(f"p50 13.1 µs ({doubt}), ")
        assert view.tag(cell) == doubt


def test_an_emulated_cell_is_described_without_its_time(results: Results) -> None:
    assert wording.described(cells_of(results, 0, 1)[0]) == "2,590,000 instructions, 155 kB, 98.5 % top1"


def test_an_accuracy_that_is_no_share_is_not_in_percent(results: Results) -> None:
    cell = changed(
        cells_of(results, 0, 0)[0], accuracy=Accuracy(metric="mse", unit="", value=0.0123, ci95=(0.01, 0.02))
    )
    assert (metric.written(cell.accuracy), interval(cell)) == ("0.0123", "0.0100–0.0200")
