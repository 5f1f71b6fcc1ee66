"""The question, put to DuckDB over the history's rows; the answer, one trend per series."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgerig.errors import NothingSelected
from edgerig.history import changes
from edgerig.history.machine import Correction, corrections
from edgerig.history.metrics import Metric, Row, metrics
from edgerig.history.store import History

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

TRENDS_SCHEMA = 1
"""Of `as_json`."""

_LATEST = """
    SELECT * FROM (
        SELECT *,
            -- The machine's speed in a run is that of all of the run's cells on it, whatever their model.
            median(clock_control_ms) OVER (PARTITION BY run_id, device) AS machine_clock_ms,
            median(core_control_ms) OVER (PARTITION BY run_id, device) AS machine_core_ms,
            median(memory_control_ms) OVER (PARTITION BY run_id, device) AS machine_memory_ms,
            median(beside_control_ms) OVER (PARTITION BY run_id, device) AS machine_beside_ms
        FROM runs
    ) WHERE model = $model
    -- A run may have been copied under two names: it counts once.
    QUALIFY row_number() OVER (PARTITION BY run_id, id) = 1
    ORDER BY started, run_id, id
"""


@dataclass(frozen=True)
class Point:
    """One run's figure. `left_out` says why it has no part in the trend; `value` is None where nothing was measured.

    `measured` is the figure as the run has it, where `value` is corrected for the machine's own speed."""

    run: str
    started: str
    value: float | None
    left_out: str
    commit: str | None
    versions: dict[str, str]
    measured: float | None = None


@dataclass(frozen=True)
class LevelChange:
    """The level changed at a run. `beside` names what else is another in that run than in the point before it."""

    run: str
    started: str
    before: float
    after: float
    ratio: float
    p: float | None
    beside: tuple[str, ...]


@dataclass(frozen=True)
class Trend:
    """One cell's figures over time on one processor (`on`, as far as the metric depends on it), oldest first."""

    cell: str
    on: tuple[str, ...]
    points: tuple[Point, ...]
    changes: tuple[LevelChange, ...]

    @property
    def values(self) -> list[float]:
        return [point.value for point in self.kept if point.value is not None]

    @property
    def kept(self) -> list[Point]:
        return [point for point in self.points if not point.left_out]

    @property
    def left_out(self) -> list[Point]:
        return [point for point in self.points if point.left_out]

    @property
    def last(self) -> float | None:
        return self.values[-1] if self.values else None

    @property
    def median(self) -> float | None:
        return float(np.median(self.values)) if self.values else None


@dataclass(frozen=True)
class Trends:
    model: str
    metric: Metric
    at: str
    runs: int
    trends: tuple[Trend, ...]
    warnings: tuple[str, ...]


def ask(history: History, model: str, metric: str, globs: Sequence[str], at: str) -> Trends:
    """The trends of `model`'s cells that match one of `globs` (all, when there are none), those that changed first.

    Raises NothingSelected when the history does not know the model or no cell matches.
    """
    wanted = metrics()[metric]
    rows = _rows(history.rows, model)
    if not rows:
        known = _known(history.rows)
        raise NothingSelected(
            f"{at}: no run of model {model!r} among {history.runs}",
            hint=f"it knows {', '.join(known)}" if known else "run a sweep, or add one: edgerig history add RUN",
        )
    chosen = [row for row in rows if not globs or any(fnmatch.fnmatchcase(row["id"], glob) for glob in globs)]
    if not chosen:
        raise NothingSelected(
            f"{at}: no cell of {model!r} matches {' or '.join(globs)}", hint=f"such as {rows[-1]['id']}"
        )
    trends = sorted(_grouped(chosen, wanted), key=lambda trend: (not trend.changes, trend.cell, trend.on))
    runs = len({row["run_id"] for row in chosen})
    return Trends(model, wanted, at, runs, tuple(trends), history.warnings)


def as_json(found: Trends) -> dict[str, Any]:
    """The answer for scripts; `schema` counts up when a field changes its meaning. Infinite ratios are null."""
    series = []
    for trend in found.trends:
        row = asdict(trend)
        for change in row["changes"]:
            change["ratio"] = change["ratio"] if np.isfinite(change["ratio"]) else None
        series.append(row | {"last": trend.last, "median": trend.median})
    return {
        "schema": TRENDS_SCHEMA,
        "model": found.model,
        "metric": found.metric.name,
        "unit": found.metric.unit,
        "history": found.at,
        "runs": found.runs,
        "series": series,
        "warnings": list(found.warnings),
    }


def _rows(rows: pa.Table, model: str) -> list[Row]:
    with _database(rows) as database:
        found: list[Row] = database.sql(_LATEST, params={"model": model}).to_arrow_table().to_pylist()
    return found


def _database(rows: pa.Table) -> duckdb.DuckDBPyConnection:
    """The rows as the table `runs`."""
    import duckdb  # of the extra that reading the history has asked for

    database = duckdb.connect()
    database.register("runs", rows)
    return database


def _known(rows: pa.Table) -> list[str]:
    with _database(rows) as database:
        return [row[0] for row in database.execute("SELECT DISTINCT model FROM runs ORDER BY model").fetchall()]


def _grouped(rows: Sequence[Row], metric: Metric) -> list[Trend]:
    """Rows without a value stand in the trend their cell has, or in one of their own where it has none."""
    groups: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    unmeasured: dict[str, list[Row]] = {}
    for row in rows:
        if row[metric.column] is None:
            unmeasured.setdefault(row["id"], []).append(row)
        else:
            groups.setdefault((row["id"], metric.series(row)), []).append(row)
    for cell, own in unmeasured.items():
        keys = [key for key in groups if key[0] == cell]
        groups.setdefault(keys[-1] if keys else (cell, ()), []).extend(own)
    return [_trend(cell, on, own, metric) for (cell, on), own in groups.items()]


def _trend(cell: str, on: tuple[str, ...], rows: list[Row], metric: Metric) -> Trend:
    rows.sort(key=lambda row: (row["started"], row["run_id"]))
    found = corrections(rows) if metric.corrected else [Correction()] * len(rows)
    points = tuple(_point(row, metric, correction) for row, correction in zip(rows, found, strict=True))
    kept = [point for point in points if not point.left_out]
    values = [point.value for point in kept if point.value is not None]
    steps = changes.find(values, exact=metric.exact, minimum=metric.minimum)
    return Trend(cell, on, points, tuple(_change(step, kept) for step in steps))


def _point(row: Row, metric: Metric, correction: Correction) -> Point:
    value = row[metric.column]
    versions = {"edgerig": row["edgerig"], **dict(row["tools"] or [])}
    started = row["started"].isoformat(timespec="seconds")
    left_out = _absent(row, metric) if value is None else metric.excluded(row) or correction.left_out
    shown = None if value is None else float(value) / correction.factor
    measured = None if value is None or correction.factor == 1.0 else float(value)
    return Point(row["run_id"], started, shown, left_out, row["commit"], versions, measured)


def _absent(row: Row, metric: Metric) -> str:
    """Why a row has no value."""
    if row["status"] != "ok":
        return f"{row['status']}: {(row['error_message'] or 'no reason was recorded').splitlines()[0]}"
    return (row[metric.reason] if metric.reason else "") or "not measured"


def _change(step: changes.Step, kept: list[Point]) -> LevelChange:
    here, before = kept[step.index], kept[step.index - 1]
    beside = [
        f"{name} {before.versions.get(name, 'absent')} → {here.versions.get(name, 'absent')}"
        for name in sorted({*before.versions, *here.versions})
        if before.versions.get(name) != here.versions.get(name)
    ]
    if before.commit != here.commit:
        beside.append(f"commit {_short(before.commit)} → {_short(here.commit)}")
    return LevelChange(here.run, here.started, step.before, step.after, step.ratio, step.p, tuple(beside))


def _short(commit: str | None) -> str:
    if commit is None:
        return "unknown"
    return commit[:10] + ("-dirty" if commit.endswith("-dirty") else "")
