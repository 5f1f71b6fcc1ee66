"""A run's reports: results to bytes, one pure `render(results) -> bytes` per file, imported when first asked for.

A new writer is one module and one row in `WRITERS`, whose key is the name of the file it writes.
"""

from __future__ import annotations

from pathlib import Path

from edgerig.confined import Confined
from edgerig.errors import EdgerigError, ResultsError, foreseen
from edgerig.registry import load_object
from edgerig.report.files import replace_file
from edgerig.results import Results

WRITERS = {
    "results.json": "edgerig.report.run.json_results:render",
    "results.csv": "edgerig.report.run.csv_results:render",
    "report.md": "edgerig.report.run.markdown:render",
    "index.html": "edgerig.report.run.html:render",
}


def render(name: str, results: Results) -> bytes:
    """The content of the file `name`, a key of `WRITERS`."""
    rendered: bytes = load_object(WRITERS[name])(results)
    return rendered


def write_all(results: Results, folder: Path) -> list[Path]:
    """Writes every report of `results` into `folder` (made if missing) and returns the files, in `WRITERS`' order.

    Each replaces its predecessor in one step, so a reader sees the old file or the new one, never half of one. One that
    fails costs no other: ResultsError, with what became of each that failed, is raised when the others are written.
    """
    written: list[Path] = []
    failures: list[EdgerigError] = []
    for name in WRITERS:
        try:
            written.append(replace_file(Confined(folder) / name, render(name, results)))
        except Exception as error:
            failures.append(foreseen(error, Confined(folder) / f"logs/{name}.traceback.txt", f"{folder / name}: "))
    if failures:
        raise ResultsError(
            "\n".join(error.message for error in failures),
            hint="; ".join(dict.fromkeys(error.hint for error in failures if error.hint)),
        )
    return written
