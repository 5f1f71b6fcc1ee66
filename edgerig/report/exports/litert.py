"""LiteRT's benchmark tool: the JSON its `--result_json` writes (`ai_edge_litert.tools.benchmark_litert_model`, 2.3),
one file a LiteRT cell, so that scripts over that tool's results read ours.

Differences, none of which the form can express otherwise: figures keep their digits, where the tool rounds to two
decimals; `p5_ms`, `p95_ms` and `median_ms` are taken from the raw samples as the tool takes them, and are left out
where those are gone; warm-up times are not kept, so `warmup_*` but the first inference is left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from edgerig.confined import Confined
from edgerig.errors import EdgerigError
from edgerig.measure.raw import read_raw
from edgerig.report.exports import Export, figures
from edgerig.report.files import replace_file
from edgerig.results import CellResult, Latency, Results

_MIB = 1024 * 1024
"""The tool's `mb`."""


def write(results: Results, run: Path, out: Confined) -> Export:
    """`out`/<cell>.json for each timed LiteRT cell."""
    written: list[str] = []
    left_out = figures.not_run(results)
    for cell in (cell for cell in results.cells if cell.status == "ok"):
        if cell.engine is None or cell.engine.name != "litert":
            left_out.append((cell.id, f"runs on {cell.engine.name if cell.engine else 'no known engine'}, not LiteRT"))
        elif cell.emulated or cell.latency is None:
            left_out.append((cell.id, figures.EMULATED if cell.emulated else "no latency was measured"))
        else:
            content = json.dumps(_document(cell, cell.latency, run, left_out), indent=2, allow_nan=False)
            written.append(str(replace_file(out / f"{quote(cell.id, safe='@')}.json", content.encode() + b"\n")))
    return Export(tuple(written), tuple(left_out))


def _document(cell: CellResult, latency: Latency, run: Path, left_out: list[tuple[str, str]]) -> dict[str, Any]:
    percentiles: dict[str, float] = {}
    try:
        if cell.raw is not None:
            samples = read_raw(Confined(run) / cell.raw, cell.id).samples_ns / 1e6
            # The tool interpolates linearly, as numpy does by default.
            percentiles = {f"{name}_ms": float(np.percentile(samples, p)) for name, p in _PERCENTILES}
    except EdgerigError as error:
        left_out.append((cell.id, f"median, p5 and p95: {error.message}"))
    delegation = cell.delegation
    known = {
        "model": cell.id,
        "weights": cell.weights or None,
        "model_size_mb": None if cell.size_bytes is None else cell.size_bytes / _MIB,
        "accelerators": ["CPU"],
        "fully_accelerated": None if delegation.total is None else delegation.delegated == delegation.total,
        "num_threads": cell.threads,
    }
    times = {
        "init_ms": cell.load_ms,
        "warmup_first_ms": cell.first_inference_ms,
        "num_warmup_runs": latency.warmup_runs,
        "avg_ms": latency.mean_ms,
        "min_ms": latency.min_ms,
        "max_ms": latency.max_ms,
        "std_ms": latency.std_ms,
        **percentiles,
        "num_runs": latency.samples,
    }
    return _measured(known) | {"latency": _measured(times)}


_PERCENTILES = (("median", 50), ("p5", 5), ("p95", 95))


def _measured(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
