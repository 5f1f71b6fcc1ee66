"""A run's folder or a baseline file → the snapshot a comparison works on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgerig.errors import ResultsError, UnparsableOutput
from edgerig.measure.raw import Raw, read_raw
from edgerig.measure.snapshot import Snapshot, snapshot
from edgerig.report.baseline import read_baseline
from edgerig.report.read import read_results
from edgerig.results import CellResult
from edgerig.sweep.run_folder import RunFolder


def observe(path: Path) -> Snapshot:
    """The snapshot of the run's folder `path`, of a results.json alone, or of a baseline file (.toml).

    A folder's raw runs and labels are read where they are there; without them the comparison falls back to what
    results.json says and tells so. Raises ResultsError when what is there is damaged.
    """
    if path.suffix == ".toml":
        return read_baseline(path)
    results = read_results(path)
    if not path.is_dir():
        return snapshot(results, {}, {})
    raws = {cell.id: raw for cell in results.cells if (raw := _raw(path, cell)) is not None}
    labels = _labels(path, [cell for cell in results.cells if cell.id in raws])
    return snapshot(results, raws, labels)


def _raw(run: Path, cell: CellResult) -> Raw | None:
    """The cell's raw run, None when it was not kept. The path in results.json is not trusted to stay in the folder."""
    if cell.status != "ok" or cell.raw is None:
        return None
    folder = (run / cell.raw).resolve()
    if not folder.is_relative_to(run.resolve()):
        raise ResultsError(
            f'{run / "results.json"}: cell "{cell.id}": raw = "{cell.raw}" lies outside the run\'s folder',
            hint="`edgerig report` writes it anew from the run's saved raw runs",
        )
    if not (folder / "raw.json").is_file():
        return None
    try:
        return read_raw(folder, cell.id)
    except UnparsableOutput as error:
        raise ResultsError(error.message, hint="the raw run is damaged: repeat the sweep") from error


def _labels(path: Path, cells: list[CellResult]) -> dict[str, npt.NDArray[np.int64] | None]:
    """Labels by cell id; none where the folder's own plan or data is not at hand."""
    if not (path / "run.json").is_file():
        return {}
    run = RunFolder.open(path)
    found: dict[str, npt.NDArray[np.int64] | None] = {}
    for cell in cells:
        try:
            found[cell.id] = run.labels(cell.model)
        except (OSError, ValueError, EOFError) as error:
            raise ResultsError(f"{path}: the labels of {cell.model} cannot be read: {error}") from error
    return found
