"""TensorBoard event files, one folder per cell: scalars at step 0, and the same figures under HPARAMS.

The folder is written anew each time: event files only ever grow, and a second export would show every figure twice.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from datetime import datetime
from pathlib import Path

from edgerig.confined import Confined
from edgerig.errors import ConfigError
from edgerig.report.exports import Export, figures
from edgerig.results import CellResult, Results

_MARK = "edgerig-export"


def write(results: Results, run: Path, folder: Confined) -> Export:
    """One TensorBoard run a cell that ran, under `folder`. Raises ConfigError, as when TensorBoard is not installed."""
    out = _own(folder)
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            f"TensorBoard cannot be imported: {error}", hint="python3 -m pip install 'edgerig[tensorboard]'"
        ) from error
    ran = [cell for cell in results.cells if cell.status == "ok"]
    started = datetime.fromisoformat(results.run.started).timestamp()
    try:
        _emptied(out)
        for cell in ran:
            with SummaryWriter(str(out / _folder(cell.id))) as writer:
                _write_cell(writer, results, cell, started)
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


def _write_cell(writer: object, results: Results, cell: CellResult, started: float) -> None:
    """Tags are the figures' names, so that TensorBoard draws the cells of a figure in one chart."""
    from torch.utils.tensorboard.summary import hparams

    found = figures.of(cell)
    for name, value in found.items():
        writer.add_scalar(name, value, 0, walltime=started)  # type: ignore[attr-defined]
    experiment, begin, end = hparams({**figures.facts(cell), "run": results.run.id}, found)
    # add_hparams would write these into a run of its own beside the scalars'.
    for summary in (experiment, begin, end):
        writer.file_writer.add_summary(summary, walltime=started)  # type: ignore[attr-defined]
    said = figures.absent(cell)
    if said:
        writer.add_text("not measured", "\n".join(f"- {line}" for line in said), 0, walltime=started)  # type: ignore[attr-defined]


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
