"""results.csv: one row a planned cell, raw values in the units their column names say.

A value that was not measured is an empty field, with its reason in the `…_reason` column beside it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from edgerig.report.view import ordered
from edgerig.results import CellResult, Results

Field = str | int | float | bool | None
Getter = Callable[[CellResult], Field]

COLUMNS: dict[str, Getter] = {
    "id": lambda c: c.id,
    "model": lambda c: c.model,
    "source": lambda c: c.source,
    "format": lambda c: c.format,
    "recipe": lambda c: c.recipe,
    "device": lambda c: c.device,
    "threads": lambda c: c.threads,
    "emulated": lambda c: c.emulated,
    "status": lambda c: c.status,
    "size_bytes": lambda c: c.size_bytes,
    "runtime_import_ms": lambda c: c.runtime_import_ms,
    "load_ms": lambda c: c.load_ms,
    "first_inference_ms": lambda c: c.first_inference_ms,
    "latency_p50_ms": lambda c: c.latency.p50_ms if c.latency else None,
    "latency_p90_ms": lambda c: c.latency.p90_ms if c.latency else None,
    "latency_p99_ms": lambda c: c.latency.p99_ms if c.latency else None,
    "latency_mean_ms": lambda c: c.latency.mean_ms if c.latency else None,
    "latency_std_ms": lambda c: c.latency.std_ms if c.latency else None,
    "latency_min_ms": lambda c: c.latency.min_ms if c.latency else None,
    "latency_max_ms": lambda c: c.latency.max_ms if c.latency else None,
    "latency_samples": lambda c: c.latency.samples if c.latency else None,
    "latency_warmup_runs": lambda c: c.latency.warmup_runs if c.latency else None,
    "verdict": lambda c: c.verdict.label if c.verdict else None,
    "verdict_advice": lambda c: c.verdict.advice if c.verdict else None,
    "peak_rss_bytes": lambda c: c.memory.peak_rss_bytes,
    "runtime_rss_bytes": lambda c: c.memory.runtime_rss_bytes,
    "memory_includes": lambda c: c.memory.includes,
    "memory_reason": lambda c: c.memory.reason,
    "accuracy_metric": lambda c: c.accuracy.metric,
    "accuracy": lambda c: c.accuracy.value,
    "accuracy_ci95_low": lambda c: c.accuracy.ci95[0] if c.accuracy.ci95 else None,
    "accuracy_ci95_high": lambda c: c.accuracy.ci95[1] if c.accuracy.ci95 else None,
    "accuracy_samples": lambda c: c.accuracy.samples,
    "accuracy_reason": lambda c: c.accuracy.reason,
    "relative_error": lambda c: c.parity.relative_error,
    "max_abs_error": lambda c: c.parity.max_abs_error,
    "parity_samples": lambda c: c.parity.samples,
    "parity_reason": lambda c: c.parity.reason,
    "disagreement": lambda c: c.parity.disagreement,
    "disagreement_reason": lambda c: c.parity.disagreement_reason,
    "delegated_operators": lambda c: c.delegation.delegated,
    "total_operators": lambda c: c.delegation.total,
    "delegation_reason": lambda c: c.delegation.reason,
    "instructions": lambda c: c.cost.instructions,
    "instructions_spread": lambda c: c.cost.spread,
    "instructions_reason": lambda c: c.cost.reason,
    "engine": lambda c: c.engine.name if c.engine else None,
    "engine_version": lambda c: c.engine.version if c.engine else None,
    "engine_threads": lambda c: c.engine.threads if c.engine else None,
    "build_seconds": lambda c: c.build.seconds if c.build else None,
    "build_cached": lambda c: c.build.cached if c.build else None,
    "build_peak_rss_bytes": lambda c: c.build.peak_rss_bytes if c.build else None,
    "build_log": lambda c: c.build.log if c.build else None,
    "artifact": lambda c: c.build.key if c.build else None,
    "raw": lambda c: c.raw,
    "error_stage": lambda c: c.error.stage if c.error else None,
    "error_kind": lambda c: c.error.kind if c.error else None,
    "error_message": lambda c: c.error.message if c.error else None,
    "error_hint": lambda c: c.error.hint if c.error else None,
}

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters a spreadsheet takes for a formula (OWASP, "CSV Injection")."""


def render(results: Results) -> bytes:
    """UTF-8 CSV (RFC 4180 quoting, lines ended by a line feed) with a header row."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([written(getter(cell)) for getter in COLUMNS.values()] for cell in ordered(results))
    return text.getvalue().encode()


def written(field: Field) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers keep every digit."""
    if field is None:
        return ""
    if isinstance(field, bool):
        return "true" if field else "false"
    if isinstance(field, str):
        return f"'{field}" if field.startswith(_FORMULA) else field
    return repr(field)
