"""The newest run that measured a model, among the runs of a folder."""

from __future__ import annotations

from pathlib import Path

from edgerig.errors import ResultsError
from edgerig.report.run.read import read_results
from edgerig.results import CellResult, Results


def latest(reports: Path, model: str) -> tuple[Results, list[CellResult]] | None:
    """The newest run below `reports` with an ok cell of `model`, and those cells; None when there is none.

    A run whose results cannot be read (unfinished, of another program) is passed by: it measured nothing to show.
    """
    runs = sorted((path for path in reports.glob("*/results.json")), key=lambda path: path.parent.name, reverse=True)
    for path in runs:
        try:
            results = read_results(path)
        except ResultsError:
            continue
        cells = [cell for cell in results.cells if cell.model == model and cell.status == "ok"]
        if cells:
            return results, cells
    return None
