"""baseline.toml: a run's snapshot as text for a repository, one block per cell, in the order of their ids.

Figures are rounded to what they are known to, so that a new baseline's diff shows what changed and little else.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError

from edgerig.compare.known import names
from edgerig.compare.snapshot import SNAPSHOT_MINOR, SNAPSHOT_VERSION, WRONG_LIMIT, Snapshot
from edgerig.errors import ConfigError, ResultsError
from edgerig.results.schema import NEWER, newer_minor, without_unknown
from edgerig.spec.toml import parse, read_toml, shown

MAX_BYTES = 64 * 1024 * 1024
_HEAD = """\
# A baseline for `edgerig gate`, written by `edgerig baseline update`: review its diff, do not edit it.
# Latencies count only for a run on the same processor. What a run's folder has beyond this file, its raw samples, makes
# intervals a little tighter.
"""
_HINT = "write it anew: edgerig baseline update RUN"


def render(found: Snapshot) -> bytes:
    """The snapshot as TOML, with only the cells that ran or failed: skipped ones were never tried."""
    unsaid = {"cells"} if found.schema_minor else {"cells", "schema_minor"}
    document = _bare(found.model_dump(mode="json", exclude=unsaid))
    document["devices"] = {name: _device(document["devices"][name]) for name in sorted(document["devices"])}
    document["cells"] = {
        name: _cell(cell.model_dump(mode="json"))
        for name, cell in sorted(found.cells.items())
        if cell.status != "skipped"
    }
    return (_HEAD + "\n" + tomlkit.dumps(document)).encode("utf-8", "backslashreplace")


def read_baseline(path: Path) -> Snapshot:
    """Raises ResultsError naming the file, the key and the fix."""
    try:
        table = read_toml(path, MAX_BYTES)
        version = table.get("schema_version")
        if version != SNAPSHOT_VERSION:
            raise ResultsError(
                f"{path}: schema_version {shown(version)} is not known (expected {SNAPSHOT_VERSION})", hint=_HINT
            )
        if newer := newer_minor(table.get("schema_minor"), SNAPSHOT_MINOR):
            table = without_unknown(Snapshot, table)
        return parse(Snapshot, table, str(path), NEWER if newer else None)
    except ResultsError:
        raise
    except ConfigError as error:
        raise ResultsError(error.message, hint=error.hint if "no such file" in error.message else _HINT) from error
    except (ValidationError, RecursionError, ValueError) as error:
        raise ResultsError(f"{path}: not a baseline: {error}", hint=_HINT) from error


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    for accuracy in (cell["accuracy"], *cell["metrics"].values()):
        if accuracy is None:
            continue
        if accuracy["wrong"] is not None and len(accuracy["wrong"]) > WRONG_LIMIT:
            accuracy["wrong"] = None
        accuracy["value"] = round(accuracy["value"], 6)
        accuracy["ci95"] = None if accuracy["ci95"] is None else [round(bound, 4) for bound in accuracy["ci95"]]
    latency = cell["latency"]
    if latency is not None:
        for key in ("p50_ms", "p90_ms", "p99_ms", "control_ms", "core_control_ms", "beside_ms"):
            latency[key] = _significant(latency[key], 4)
        latency["process_p50_ms"] = [_significant(value, 4) for value in latency["process_p50_ms"]]
        latency["half_width"] = _significant(latency["half_width"], 2)
    numbers = {name: cell.pop(name, None) for name in names()}
    numbers = {name: _significant(value, 4) if isinstance(value, float) else value for name, value in numbers.items()}
    if not cell["metrics"]:
        del cell["metrics"]  # such a cell's lines stay what they were
    first = {name: cell.pop(name) for name in ("device", "emulated", "status", "verdict", "undelegated")}
    return _bare(first | numbers | cell)


def _device(device: dict[str, Any]) -> dict[str, Any]:
    """Without controls where there are none, so that such a device's lines stay what they were."""
    for control in device.get("speed", {}).values():
        control["ms"] = _significant(control["ms"], 4)
        control["half_width"] = _significant(control["half_width"], 2)
    return {key: value for key, value in device.items() if value != {}}


def _significant(value: float | None, digits: int) -> float | None:
    if value is None or value == 0 or not math.isfinite(value):
        return value
    return float(f"{value:.{digits - 1}e}")


def _bare(table: dict[str, Any]) -> dict[str, Any]:
    """Without what is None, which TOML has no word for."""
    return {
        key: _bare(value) if isinstance(value, dict) else value for key, value in table.items() if value is not None
    }
