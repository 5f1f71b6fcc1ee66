"""TensorBoard event files, one folder per cell: scalars at step 0, and the same figures under HPARAMS.

The folder is written anew each time: event files only ever grow, and a second export would show every figure twice.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from edgerig import extras
from edgerig.confined import Confined
from edgerig.errors import ConfigError
from edgerig.report.exports import Export, figures
from edgerig.results import CellResult, Results

_MARK = "edgerig-export"


def write(results: Results, run: Path, folder: Confined) -> Export:
    """One TensorBoard run a cell that ran, under `folder`. Raises ConfigError, as when TensorBoard is not installed."""
    out = _own(folder)
    try:
        from edgerig.report.exports import tensorboard_events as events
    except ImportError as error:
        raise ConfigError(f"TensorBoard cannot be imported: {error}", hint=extras.install(["tensorboard"])) from error
    ran = [cell for cell in results.cells if cell.status == "ok"]
    started = datetime.fromisoformat(results.run.started).timestamp()
    try:
        _emptied(out)
        for cell in ran:
            events.write(out / _folder(cell.id), _values(results, cell), started)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror or error}", hint="give another --out") from error
    return Export((str(out),), figures.left_out(results))


def _own(folder: Confined) -> Path:
    """Where the folder is or will be: TensorBoard opens it by its name, so that no link may lead elsewhere. Raises
    ConfigError."""
    try:
        folder.make_room()
        return folder.refuse_links()
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written: {error.strerror or error}", hint="give another --out"
        ) from error


def _values(results: Results, cell: CellResult) -> Iterator[Any]:
    """Tags are the figures' names, so that TensorBoard draws the cells of a figure in one chart."""
    from edgerig.report.exports import tensorboard_events as events

    found = figures.of(cell)
    yield from (events.scalar(name, value) for name, value in found.items())
    yield from events.hyperparameters({**figures.facts(cell), "run": results.run.id}, found)
    if said := figures.absent(cell):
        yield events.text("not measured", "\n".join(f"- {line}" for line in said))


def _emptied(out: Path) -> None:
    """Makes `out`, removing an earlier export; a folder of anything else is refused. Raises ConfigError, OSError."""
    if out.exists() and any(out.iterdir()):
        if not (out / _MARK).is_file():
            raise ConfigError(f"{out}: holds something else than an earlier export", hint="give an empty --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).touch()


def _folder(cell: str) -> str:
    """A readable folder name, unlike every other cell's whatever stands in the id."""
    safe = re.sub(r"[^A-Za-z0-9@._-]+", "_", cell).strip(".")[:120]
    return safe if safe == cell.replace("/", "_") else f"{safe}-{hashlib.sha256(cell.encode()).hexdigest()[:8]}"
