"""A run in the forms other tools read, one module per tool, imported when first asked for.

`write(results, run, out)` of a module writes `out` (a file or a folder, as its row says) and returns an `Export`. In
the run's folder, which may be anybody's, no link is followed (`Confined`).
What was not measured is left out there and never written as 0; `Export.left_out` says what has no place in the tool's
form and why. docs/history-and-exports.md tells what is mapped where.

A new export is one module and one row in `EXPORTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgerig.confined import Confined
from edgerig.registry import load_object
from edgerig.results import Results


@dataclass(frozen=True)
class Export:
    """What was written (files, folders or URLs), and what was left out: cell ids with the reason."""

    written: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...] = ()


Write = Callable[[Results, Path, Confined], Export]

EXPORTS = {
    "tensorboard": ("edgerig.report.exports.tensorboard:write", "tensorboard"),
    "mlflow": ("edgerig.report.exports.mlflow:write", "mlflow.db"),
    "litert": ("edgerig.report.exports.litert:write", "litert"),
    "pytorch": ("edgerig.report.exports.pytorch:write", "pytorch.json"),
    "csv": ("edgerig.report.exports.csv:write", "results.csv"),
    "parquet": ("edgerig.report.exports.parquet:write", "results.parquet"),
}
"""Name → where it is written by, and the file or folder it is by default, under the run's `export/`."""


def write(name: str, results: Results, run: Path, out: Path | None) -> Export:
    """Exports `results`, whose run's folder is `run`, as `name`, a key of `EXPORTS`. Raises EdgerigError."""
    code, default = EXPORTS[name]
    writer: Write = load_object(code)
    return writer(results, run, Confined.at(out) if out else Confined(run) / f"export/{default}")
