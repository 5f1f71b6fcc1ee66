"""A run's folder or a baseline file → the snapshot a comparison works on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from edgerig.compare.baseline import read_baseline
from edgerig.compare.snapshot import Snapshot, snapshot
from edgerig.confined import Confined
from edgerig.errors import ResultsError, RunError
from edgerig.measure.raw import Raw, read_raw
from edgerig.npy import load_untrusted
from edgerig.plan import cell_of
from edgerig.report.run.read import read_results
from edgerig.results import CellResult, Results
from edgerig.spec.toml import shown

_REMAKE = "`edgerig report` writes it anew from the run's saved raw runs"


def observe(path: Path) -> Snapshot:
    """The snapshot of the run's folder `path`, of a results.json alone, or of a baseline file (.toml).

    A folder's raw runs and labels are read where they are there; without them the comparison falls back to what
    results.json says and tells so. Raises ResultsError when what is there is damaged.
    """
    if path.suffix == ".toml":
        return read_baseline(path)
    results = read_results(path)
    if not path.is_dir():
        return _alone(results, path)
    try:
        raws = {cell.id: raw for cell in results.cells if (raw := _raw(path, cell)) is not None}
        labels = {cell.id: _labels(path, cell) for cell in results.cells if cell.id in raws}
        return snapshot(results, raws, labels)
    except ValidationError as error:
        raise _no_figures(path / "results.json", error) from error


def _alone(results: Results, path: Path) -> Snapshot:
    try:
        return snapshot(results, {}, {})
    except ValidationError as error:
        raise _no_figures(path, error) from error


def _no_figures(file: Path, error: ValidationError) -> ResultsError:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return ResultsError(f"{file}: {where}: {first['msg']} (given: {shown(first['input'])})", hint=_REMAKE)


def _raw(run: Path, cell: CellResult) -> Raw | None:
    """The cell's raw run, None when it was not kept."""
    if cell.status != "ok" or cell.raw is None:
        return None
    folder = Confined(run) / cell.raw
    _check(folder / "raw.json", run, f'cell "{cell.id}": raw: {shown(cell.raw)}')
    if not (folder / "raw.json").is_there():
        return None
    try:
        return read_raw(folder, cell_of(cell.raw))  # runs of schema 1 knew the cell by another id
    except (RunError, UnicodeError) as error:
        raise ResultsError(f"{folder}: {error}", hint="the raw run is damaged: repeat the sweep") from error


def _labels(run: Path, cell: CellResult) -> npt.NDArray[np.int64] | None:
    """The classes of the samples of the cell's model, None where they are not needed or the run kept none."""
    if cell.accuracy.metric != "top1":
        return None
    for name in (f"{cell.model}-{cell.source}", cell.model):  # runs of schema 1 had one source per model
        file = Confined(run) / f"data/{name}" / "labels.npy"
        _check(file, run, f'cell "{cell.id}": model: {shown(name)}')
        if file.is_there():
            break
    else:
        return None
    try:
        return load_untrusted(file, "<i8", (None,))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{file}: {error}", hint="repeat the sweep") from error


def _check(file: Confined, run: Path, what: str) -> None:
    """What results.json says is not trusted to stay in the run's folder, or to be there. Raises ResultsError."""
    try:
        file.check()
    except OSError as error:
        raise ResultsError(f"{run / 'results.json'}: {what}: {error.strerror}", hint=_REMAKE) from error
