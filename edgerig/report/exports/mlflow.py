"""MLflow: an experiment a model, an MLflow run a cell, in a SQLite store that `mlflow ui` opens.

A cell of a run that is in the store already is not written again.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from edgerig import extras
from edgerig.confined import Confined
from edgerig.errors import ConfigError
from edgerig.report.exports import Export, figures
from edgerig.results import CellResult, Results

_NEEDS = ("mlflow-skinny", "sqlalchemy", "alembic")
_RUN, _CELL, _KEY = "edgerig.run", "edgerig.cell", "edgerig.key"


def write(results: Results, run: Path, file: Confined) -> Export:
    """Adds to the store in `file`. Raises ConfigError, as when MLflow is not installed."""
    out = _own(file)
    try:
        import mlflow
        import sqlalchemy  # noqa: F401  mlflow-skinny leaves it out and says so late
    except ImportError as error:
        raise ConfigError(f"MLflow cannot be imported: {error}", hint=extras.install(_NEEDS)) from error
    store = f"sqlite:///{out.resolve()}"
    ran = [cell for cell in results.cells if cell.status == "ok"]
    try:
        client = mlflow.MlflowClient(tracking_uri=store, registry_uri=store)
        experiments: dict[str, str] = {}
        for cell in ran:
            if cell.model not in experiments:
                experiments[cell.model] = _experiment(client, cell.model, out)
            _add(client, experiments[cell.model], results, cell)
    except Exception as error:  # of mlflow, its database or the file system
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{out}: MLflow cannot write it: {first}", hint="give another --out") from error
    return Export((store,), figures.left_out(results))


def _name(metric: str) -> str:
    """MLflow takes letters, digits, underscores, dashes, periods, spaces and slashes alone in names; what a model's
    outputs are called may hold any sign."""
    return re.sub(r"[^A-Za-z0-9_\-. /]", "_", metric.replace("=", "."))


def _own(file: Confined) -> Path:
    """Where the store is or will be. SQLite opens it and the files beside it by their names, so none of them may be a
    link. Raises ConfigError."""
    try:
        file.make_room()
        for suffix in ("", "-journal", "-wal", "-shm"):  # https://sqlite.org/tempfiles.html
            Confined(file.root, file.relative + suffix).refuse_links()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror or error}", hint="give another --out") from error
    return file.path


def _experiment(client: Any, model: str, out: Path) -> str:
    """The experiment's id; artifacts, of which there are none, would go beside the store."""
    name = f"edgerig/{model}"
    found = client.get_experiment_by_name(name)
    place = (out.resolve().parent / "mlartifacts").as_uri()
    return str(found.experiment_id if found else client.create_experiment(name, artifact_location=place))


def _add(client: Any, experiment: str, results: Results, cell: CellResult) -> None:
    from mlflow.entities import Metric, Param, RunTag

    begin = int(datetime.fromisoformat(results.run.started).timestamp() * 1000)
    # Names from outside do not survive MLflow's filter language; a digest does.
    key = hashlib.sha256(f"{results.run.id}\0{cell.id}".encode()).hexdigest()
    tags = {
        _KEY: key,
        _RUN: results.run.id,
        _CELL: cell.id,
        "edgerig.version": results.environment.edgerig,
        "edgerig.host_cpu": results.environment.host.cpu,
        "edgerig.not_measured": "; ".join(figures.absent(cell)),
    }
    if results.environment.commit:
        tags["mlflow.source.git.commit"] = results.environment.commit
    if client.search_runs([experiment], f"tags.`{_KEY}` = '{key}'", max_results=1):
        return
    made = client.create_run(experiment, start_time=begin, run_name=f"{cell.id} {results.run.id}")
    client.log_batch(
        made.info.run_id,
        metrics=[Metric(_name(name), value, begin, 0) for name, value in figures.of(cell).items()],
        params=[Param(name, str(value)) for name, value in figures.facts(cell).items()],
        tags=[RunTag(name, value[:5000]) for name, value in tags.items() if value],
    )
    client.set_terminated(made.info.run_id, "FINISHED", begin)
