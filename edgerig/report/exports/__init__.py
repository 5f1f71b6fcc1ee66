"""A run in the forms other tools read, one module per tool, imported when first asked for.

`write(results, run, out)` of a module writes `out` (a file or a folder, as its row says) and returns an `Export`. In
the run's folder, which may be anybody's, no link is followed (`Confined`).
What was not measured is left out there and never written as 0; `Export.left_out` says what has no place in the tool's
form and why. docs/history-and-exports.md tells what is mapped where.

A new export is one module and one row in `EXPORTS`; packages add theirs with entry points of the group
`edgerig.exports` (`edgerig/plugins.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

from edgerig.confined import Confined
from edgerig.plugins import added, remembered
from edgerig.registry import load_object
from edgerig.results import Results


@dataclass(frozen=True)
class Export:
    """What was written (files, folders or URLs), and what was left out: cell ids with the reason."""

    written: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...] = ()


Write = Callable[[Results, Path, Confined], Export]
PLUGINS = "edgerig.exports"
"""The entry-point group."""


@dataclass(frozen=True)
class Form:
    """A row: the `"module:write"` that writes it, and what it is by default, under the run's `export/`: a file, or a
    folder where the name has no suffix."""

    write: str
    default: str

    @property
    def folder(self) -> bool:
        return not PurePath(self.default).suffix


EXPORTS = {
    "tensorboard": Form("edgerig.report.exports.tensorboard:write", "tensorboard"),
    "mlflow": Form("edgerig.report.exports.mlflow:write", "mlflow.db"),
    "litert": Form("edgerig.report.exports.litert:write", "litert"),
    "pytorch": Form("edgerig.report.exports.pytorch:write", "pytorch.json"),
    "csv": Form("edgerig.report.exports.csv:write", "results.csv"),
    "perfetto": Form("edgerig.report.exports.perfetto:write", "trace.json"),
    "parquet": Form("edgerig.report.exports.parquet:write", "results.parquet"),
}
"""edgerig's own."""


def load_exports() -> dict[str, Form]:
    """All the forms there are, by name: edgerig's own, then those that packages add. Raises ConfigError."""
    return EXPORTS | _added()


@remembered
def _added() -> dict[str, Form]:
    return {name: plugin.load(Form) for name, plugin in added(PLUGINS, EXPORTS).items()}


def write(name: str, results: Results, run: Path, out: Path | None) -> Export:
    """Exports `results`, whose run's folder is `run`, as `name`, a key of `load_exports`. Raises EdgerigError."""
    form = load_exports()[name]
    writer: Write = load_object(form.write)
    return writer(results, run, Confined.at(out) if out else Confined(run) / f"export/{form.default}")
