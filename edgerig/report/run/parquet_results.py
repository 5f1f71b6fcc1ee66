"""A run as one flat Parquet table: a row per planned cell, typed, versioned, with the run's facts in every row.

Its columns are those of results.csv, and `metrics`, a list of all of the model's. Units stand in the column names. What
was not measured is null, with its reason in the `…_reason` column beside it. The schema's version is in the file's
metadata under `edgerig.schema_version`; `migrated` brings older files up.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from edgerig.errors import ResultsError
from edgerig.figures.field import Kind
from edgerig.report.run.fields import fields, row
from edgerig.results import CellResult, Results
from edgerig.results.order import ordered

VERSION = 3
_VERSION_KEY = b"edgerig.schema_version"
LARGEST_ROWS, LARGEST_BYTES = 100_000, 2**30
"""Of a file: cells of a run, and their columns' bytes when unpacked."""
_NEVER_NULL = ("run_id", "started", "edgerig", "id", "model", "source", "format", "recipe", "device", "status")
_EARLIEST, _LATEST = 0, 253_402_300_799_000_000
"""Microseconds since 1970, to the end of 9999: what `datetime` has."""

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

_KINDS: dict[Kind, pa.DataType] = {"text": _TEXT, "int": _INT, "float": _FLOAT, "bool": _BOOL}

_METRIC = pa.struct(
    [
        pa.field("metric", _TEXT),
        pa.field("value", _FLOAT),
        pa.field("unit", _TEXT),
        pa.field("higher_is_better", _BOOL),
        pa.field("ci95_low", _FLOAT),
        pa.field("ci95_high", _FLOAT),
        pa.field("samples", _INT),
        pa.field("reason", _TEXT),
    ]
)
"""One of a model's metrics; which there are differs from model to model, columns do not."""


def schema() -> pa.Schema:
    """Of a run's table, as this version writes it."""
    return pa.schema(
        [
            *(pa.field(name, kind) for name, kind, _ in _RUN),
            *(pa.field(name, _TEXT) for name, _ in _DEVICE),
            *(pa.field(field.name, _KINDS[field.kind]) for field in fields()),
            pa.field("metrics", pa.list_(_METRIC)),
        ],
        metadata={_VERSION_KEY: str(VERSION).encode()},
    )


_MIGRATIONS: dict[int, Callable[[pa.Table], pa.Table]] = {}
"""Version → the step that makes the next version's table of its table, where a column came to mean something else. A
column more needs none: older files did not say it, which is null."""


def table(results: Results) -> pa.Table:
    """The run as a table of `schema()`, its rows in the order of every report."""
    run = {name: get(results) for name, _, get in _RUN}
    rows = []
    for cell in ordered(results):
        record = results.devices.get(cell.device)
        device = {name: getattr(record, field, None) for name, field in _DEVICE}
        rows.append(run | device | row(cell) | {"metrics": _metrics(cell)})
    return pa.Table.from_pylist(rows, schema=schema())


def _metrics(cell: CellResult) -> list[dict[str, Any]]:
    """All of the cell's metrics, its first one too."""
    return [
        {
            "metric": name,
            **found.model_dump(include={"value", "unit", "higher_is_better", "samples", "reason"}),
            "ci95_low": found.ci95[0] if found.ci95 else None,
            "ci95_high": found.ci95[1] if found.ci95 else None,
        }
        for name, found in cell.metrics.items()
    ]


def render(results: Results) -> bytes:
    """The table as the bytes of a Parquet file; the same results give the same bytes."""
    file = io.BytesIO()
    pq.write_table(table(results), file, compression="zstd")
    return file.getvalue()


def parsed(content: bytes, name: str) -> pa.Table:
    """The table in a Parquet file's bytes, of this version's `schema()`. `name` is what to call the file.

    What the file has no column for is null. Raises ResultsError when it is damaged, not ours, of a newer version, or
    lacks a column that says which cell a row is.
    """
    hint = "remove it, or write it anew: edgerig history add RUN"
    try:
        _check_size(pq.read_metadata(io.BytesIO(content)))
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
        found = _MIGRATIONS[step](found) if step in _MIGRATIONS else found
    wanted = schema()
    missing = [field for field in wanted if field.name not in found.column_names]
    for field in missing:
        if field.name in _NEVER_NULL:
            raise ResultsError(f"{name}: column {field.name!r} is missing", hint=hint)
        found = found.append_column(field, pa.nulls(found.num_rows, field.type))
    try:
        return _checked(found.select(wanted.names).cast(wanted))
    except (pa.ArrowException, ValueError) as error:
        raise ResultsError(f"{name}: {_first_line(error)}", hint=hint) from error


def checked(found: pa.Table, name: str) -> pa.Table:
    """A table of `schema()` that was made of a results.json, in which anything may stand. Raises ResultsError."""
    try:
        return _checked(found)
    except (pa.ArrowException, ValueError) as error:
        raise ResultsError(
            f"{name}: {_first_line(error)}", hint="remove it, or write it anew: edgerig report"
        ) from error


def _check_size(found: pq.FileMetaData) -> None:
    """A few bytes may stand for any number of rows. Raises ValueError."""
    size = sum(found.row_group(index).total_byte_size for index in range(found.num_row_groups))
    if found.num_rows > LARGEST_ROWS or size > LARGEST_BYTES:
        raise ValueError(f"{found.num_rows:,} rows of {size:,} bytes are more than any run has")


def _checked(found: pa.Table) -> pa.Table:
    """What a trend rests on is there, and every number is one. Raises ValueError, pa.ArrowException."""
    found.validate(full=True)
    for column in _NEVER_NULL:
        if found[column].null_count:
            raise ValueError(f"column {column!r}: a value is missing")
    for field in found.schema:
        if pa.types.is_floating(field.type) and not pc.all(pc.is_finite(found[field.name]), min_count=0).as_py():
            raise ValueError(f"column {field.name!r}: a value is not a finite number")
    instants = pc.min_max(found["started"].cast(pa.int64())).as_py()
    if found.num_rows and not _EARLIEST <= instants["min"] <= instants["max"] <= _LATEST:
        raise ValueError("column 'started': an instant out of range")
    return found


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
