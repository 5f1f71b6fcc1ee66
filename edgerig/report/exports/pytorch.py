"""The PyTorch benchmark database: a JSON list, a record per figure, in the form its upload action takes (v3).

From pytorch/test-infra's `clickhouse_db_schema/oss_ci_benchmark_v3/schema.sql` and the PyTorch wiki's page "PyTorch OSS
benchmark infra". What the upload adds itself (repo, branch, commit, workflow, job, `timestamp`) is not written here;
`runners` is, because the device is not the machine that uploads.

The database holds Float32: instructions above 2^24 lose their last digits there, not here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgerig.confined import Confined
from edgerig.figures import metric
from edgerig.report.exports import Export, figures
from edgerig.report.files import replace_file
from edgerig.results import CellResult, DeviceRecord, Results

_GIB = 2**30
_NAME = "edgerig"


def write(results: Results, run: Path, out: Confined) -> Export:
    ran = [cell for cell in results.cells if cell.status == "ok"]
    records = [_record(results, cell, name, value) for cell in ran for name, value in figures.of(cell).items()]
    content = json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    return Export((str(replace_file(out, content)),), figures.left_out(results))


def _record(results: Results, cell: CellResult, name: str, value: float) -> dict[str, Any]:
    extra = {"verdict": cell.verdict.label if cell.verdict else "", "accuracy_metric": metric.key(cell.accuracy)}
    return {
        "schema_version": "v3",
        "benchmark": {
            "name": _NAME,
            "mode": "inference",
            "dtype": cell.recipe,
            "extra_info": _texts(
                {
                    "run": results.run.id,
                    "cell": cell.id,
                    "device": cell.device,
                    "arch": _device(results, cell).arch,
                    "threads": cell.threads,
                    "emulated": cell.emulated,
                    "edgerig": results.environment.edgerig,
                }
            ),
        },
        "runners": [_runner(cell.device, _device(results, cell))],
        "model": {
            "name": cell.model,
            "type": cell.format,
            "backend": cell.engine.name if cell.engine else cell.format,
            "origins": [cell.source],
            "extra_info": _texts(
                {
                    "recipe": cell.recipe,
                    "artifact": cell.build.key if cell.build else None,
                    "weights": cell.weights,
                }
            ),
        },
        "dependencies": {
            tool: {"version": version} for tool, version in sorted(results.environment.tools.items()) if version
        },
        "metric": {"name": name, "benchmark_values": [value], "extra_info": _texts(extra)},
    }


def _runner(name: str, device: DeviceRecord) -> dict[str, Any]:
    known = {
        "name": name,
        "type": device.kind,
        "cpu_info": " ".join(part for part in (device.arch, device.cpu) if part) or None,
        "cpu_count": device.cores,
        "avail_mem_in_gb": None if device.memory_bytes is None else device.memory_bytes // _GIB,
    }
    return {key: value for key, value in known.items() if value is not None} | {"extra_info": _texts({"os": device.os})}


def _device(results: Results, cell: CellResult) -> DeviceRecord:
    return results.devices.get(cell.device) or DeviceRecord(kind="unknown", emulated=cell.emulated)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    """The database's Map(String, String); what is not known is not in it."""
    booleans = {True: "true", False: "false"}
    return {
        key: booleans[value] if isinstance(value, bool) else str(value)
        for key, value in values.items()
        if value not in (None, "")
    }
