"""A run as one flat Parquet table: a row a planned cell, typed, versioned, with the run's facts in every row.

Units stand in the column names. What was not measured is null, with its reason in the `…_reason` column beside it.
The schema's version is in the file's metadata under `edgerig.schema_version`; `migrated` brings older files up.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from edgerig.errors import ResultsError
from edgerig.report.csv_results import COLUMNS
from edgerig.report.view import ordered
from edgerig.results import Results

VERSION = 1
_VERSION_KEY = b"edgerig.schema_version"

_TEXT, _INT, _FLOAT, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()

_RUN: tuple[tuple[str, pa.DataType, Callable[[Results], Any]], ...] = (
    ("run_id", _TEXT, lambda r: r.run.id),
    ("started", pa.timestamp("us", tz="UTC"), lambda r: _instant(r.run.started)),
    ("edgerig", _TEXT, lambda r: r.environment.edgerig),
    ("python", _TEXT, lambda r: r.environment.python),
    ("tools", pa.map_(_TEXT, _TEXT), lambda r: sorted(r.environment.tools.items())),
    ("commit", _TEXT, lambda r: r.environment.commit),
    ("host_cpu", _TEXT, lambda r: r.environment.host.cpu),
    ("host_cores", _INT, lambda r: r.environment.host.cores),
    ("host_os", _TEXT, lambda r: r.environment.host.os),
)
"""The same in every row of a run."""

_DEVICE = (("device_kind", "kind"), ("device_arch", "arch"), ("device_cpu", "cpu"), ("device_os", "os"))
"""Column → field of the cell's DeviceRecord; null where the device was never reached."""

_CELL: dict[str, pa.DataType] = {
    "id": _TEXT,
    "model": _TEXT,
    "source": _TEXT,
    "format": _TEXT,
    "recipe": _TEXT,
    "device": _TEXT,
    "threads": _INT,
    "emulated": _BOOL,
    "status": _TEXT,
    "size_bytes": _INT,
    "runtime_import_ms": _FLOAT,
    "load_ms": _FLOAT,
    "first_inference_ms": _FLOAT,
    "latency_p50_ms": _FLOAT,
    "latency_p90_ms": _FLOAT,
    "latency_p99_ms": _FLOAT,
    "latency_mean_ms": _FLOAT,
    "latency_std_ms": _FLOAT,
    "latency_min_ms": _FLOAT,
    "latency_max_ms": _FLOAT,
    "latency_samples": _INT,
    "verdict": _TEXT,
    "verdict_advice": _TEXT,
    "peak_rss_bytes": _INT,
    "runtime_rss_bytes": _INT,
    "memory_reason": _TEXT,
    "accuracy_metric": _TEXT,
    "accuracy": _FLOAT,
    "accuracy_ci95_low": _FLOAT,
    "accuracy_ci95_high": _FLOAT,
    "accuracy_samples": _INT,
    "accuracy_reason": _TEXT,
    "relative_error": _FLOAT,
    "max_abs_error": _FLOAT,
    "parity_reason": _TEXT,
    "disagreement": _FLOAT,
    "disagreement_reason": _TEXT,
    "delegated_operators": _INT,
    "total_operators": _INT,
    "delegation_reason": _TEXT,
    "instructions": _INT,
    "instructions_spread": _INT,
    "instructions_reason": _TEXT,
    "engine": _TEXT,
    "engine_version": _TEXT,
    "engine_threads": _INT,
    "build_seconds": _FLOAT,
    "artifact": _TEXT,
    "error_stage": _TEXT,
    "error_kind": _TEXT,
    "error_message": _TEXT,
    "error_hint": _TEXT,
}
"""Columns read as results.csv reads them, with their types."""

SCHEMA = pa.schema(
    [
        *(pa.field(name, kind) for name, kind, _ in _RUN),
        *(pa.field(name, _TEXT) for name, _ in _DEVICE),
        *(pa.field(name, kind) for name, kind in _CELL.items()),
    ],
    metadata={_VERSION_KEY: str(VERSION).encode()},
)

_MIGRATIONS: dict[int, Callable[[pa.Table], pa.Table]] = {}
"""Version → the step that makes the next version's table of its table."""


def table(results: Results) -> pa.Table:
    """The run as a table of `SCHEMA`, its rows in the order of every report."""
    run = {name: get(results) for name, _, get in _RUN}
    rows = []
    for cell in ordered(results):
        record = results.devices.get(cell.device)
        device = {name: getattr(record, field, None) for name, field in _DEVICE}
        rows.append(run | device | {name: COLUMNS[name](cell) for name in _CELL})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def render(results: Results) -> bytes:
    """The table as the bytes of a Parquet file; the same results give the same bytes."""
    file = io.BytesIO()
    pq.write_table(table(results), file, compression="zstd")
    return file.getvalue()


def parsed(content: bytes, name: str) -> pa.Table:
    """The table in a Parquet file's bytes, of this version's `SCHEMA`. `name` is what to call the file.

    Raises ResultsError when it is damaged, not ours, of a newer version, or lacks a column.
    """
    hint = "remove it, or write it anew: edgerig history add RUN"
    try:
        found = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ResultsError(f"{name}: not a Parquet file that can be read: {_first_line(error)}", hint=hint) from error
    stated = (found.schema.metadata or {}).get(_VERSION_KEY, b"").decode("ascii", "replace")
    if not stated.isdecimal() or int(stated) < 1:
        raise ResultsError(f"{name}: a Parquet file, but not of an edgerig run", hint="move it out of the history")
    if int(stated) > VERSION:
        raise ResultsError(
            f"{name}: schema version {stated} is newer than this edgerig reads ({VERSION})", hint="update edgerig"
        )
    return _migrated(found, int(stated), name, hint)


def _migrated(found: pa.Table, version: int, name: str, hint: str) -> pa.Table:
    for step in range(version, VERSION):
        found = _MIGRATIONS[step](found)
    missing = [column for column in SCHEMA.names if column not in found.column_names]
    if missing:
        raise ResultsError(f"{name}: column {missing[0]!r} is missing", hint=hint)
    try:
        return found.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowException, ValueError) as error:
        raise ResultsError(f"{name}: {_first_line(error)}", hint=hint) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _instant(text: str) -> datetime:
    """ISO 8601 → an instant; without an offset, UTC. Raises ResultsError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ResultsError(
            f"run.started: {text!r} is not an ISO 8601 time", hint="such as 2026-01-02T03:04:05Z"
        ) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
