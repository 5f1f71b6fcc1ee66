"""What programs are told of a cell: the one list that results.csv, Parquet, `edgerig show` and the exports are made of.

Values are raw, in the unit the name says. What was not measured is None, with its reason in the `…_reason` field beside
it. A field more is one row of `FIELDS`; in Parquet it also needs a step of `parquet_results._MIGRATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from edgerig.report import metric
from edgerig.results import Accuracy, CellResult, Controls, Latency, MedianInterval

Value = str | int | float | bool | None
Kind = Literal["text", "int", "float", "bool"]


@dataclass(frozen=True)
class Field:
    """`figure`: a measured number, which tools that draw numbers take; other numbers are counts and settings."""

    name: str
    kind: Kind
    get: Callable[[CellResult], Value]
    figure: bool = False


def _text(name: str, get: Callable[[CellResult], str | None]) -> Field:
    return Field(name, "text", get)


def _latency(name: str, get: Callable[[Latency], float]) -> Field:
    return Field(f"latency_{name}_ms", "float", lambda c: get(c.latency) if c.latency else None, figure=True)


def _interval(name: str, get: Callable[[MedianInterval], float]) -> Field:
    def value(cell: CellResult) -> Value:
        return None if cell.latency is None or cell.latency.interval is None else get(cell.latency.interval)

    return Field(f"latency_p50_ci95_{name}", "float", value, figure=True)


def _control(name: str, get: Callable[[Controls], Sequence[float]]) -> Field:
    def value(cell: CellResult) -> Value:
        found = get(cell.latency.controls) if cell.latency else ()
        return median(found) if found else None

    return Field(f"{name}_control_ms", "float", value)


def _accuracy(prefix: str, get: Callable[[CellResult], Accuracy]) -> tuple[Field, ...]:
    """An accuracy's fields; unit, direction and samples are those of a metric, and None where there is none."""

    def end(which: Literal[0, 1]) -> Callable[[CellResult], Value]:
        return lambda c: None if (ends := get(c).ci95) is None else ends[which]

    def known(value: Callable[[Accuracy], Value]) -> Callable[[CellResult], Value]:
        return lambda c: None if get(c).metric is None else value(get(c))

    return (
        Field(prefix, "float", lambda c: get(c).value, figure=True),
        Field(f"{prefix}_unit", "text", known(lambda accuracy: accuracy.unit)),
        Field(f"{prefix}_higher_is_better", "bool", known(lambda accuracy: accuracy.higher_is_better)),
        Field(f"{prefix}_ci95_low", "float", end(0), figure=True),
        Field(f"{prefix}_ci95_high", "float", end(1), figure=True),
        Field(f"{prefix}_samples", "int", known(lambda accuracy: accuracy.samples)),
        _text(f"{prefix}_reason", lambda c: get(c).reason),
    )


FIELDS: tuple[Field, ...] = (
    _text("id", lambda c: c.id),
    _text("model", lambda c: c.model),
    _text("source", lambda c: c.source),
    _text("format", lambda c: c.format),
    _text("recipe", lambda c: c.recipe),
    _text("device", lambda c: c.device),
    Field("threads", "int", lambda c: c.threads),
    Field("emulated", "bool", lambda c: c.emulated),
    _text("status", lambda c: c.status),
    Field("size_bytes", "int", lambda c: c.size_bytes, figure=True),
    Field("runtime_import_ms", "float", lambda c: c.runtime_import_ms, figure=True),
    Field("load_ms", "float", lambda c: c.load_ms, figure=True),
    Field("first_inference_ms", "float", lambda c: c.first_inference_ms, figure=True),
    _latency("p50", lambda latency: latency.p50_ms),
    _interval("low_ms", lambda interval: interval.low_ms),
    _interval("high_ms", lambda interval: interval.high_ms),
    _latency("p90", lambda latency: latency.p90_ms),
    _latency("p99", lambda latency: latency.p99_ms),
    _latency("mean", lambda latency: latency.mean_ms),
    _latency("std", lambda latency: latency.std_ms),
    _latency("min", lambda latency: latency.min_ms),
    _latency("max", lambda latency: latency.max_ms),
    Field("latency_samples", "int", lambda c: c.latency.samples if c.latency else None),
    Field("latency_warmup_runs", "int", lambda c: c.latency.warmup_runs if c.latency else None),
    _control("clock", lambda controls: controls.clock_ms),
    _control("core", lambda controls: controls.core_ms),
    _control("memory", lambda controls: controls.memory_ms),
    _text("verdict", lambda c: c.verdict.label if c.verdict else None),
    _text("verdict_advice", lambda c: c.verdict.advice if c.verdict else None),
    Field("peak_rss_bytes", "int", lambda c: c.memory.peak_rss_bytes, figure=True),
    Field("runtime_rss_bytes", "int", lambda c: c.memory.runtime_rss_bytes, figure=True),
    _text("memory_includes", lambda c: c.memory.includes),
    _text("memory_reason", lambda c: c.memory.reason),
    _text("accuracy_metric", lambda c: c.accuracy.metric),
    *_accuracy("accuracy", lambda c: c.accuracy),
    Field("relative_error", "float", lambda c: c.parity.relative_error, figure=True),
    Field("max_abs_error", "float", lambda c: c.parity.max_abs_error, figure=True),
    _text("worst_output", lambda c: c.parity.worst),
    Field("agreement", "float", lambda c: c.parity.agreement, figure=True),
    Field("parity_samples", "int", lambda c: c.parity.samples),
    _text("parity_reason", lambda c: c.parity.reason),
    Field("disagreement", "float", lambda c: c.parity.disagreement, figure=True),
    _text("disagreement_reason", lambda c: c.parity.disagreement_reason),
    Field("outside_calibration", "float", lambda c: c.coverage.outside, figure=True),
    _text("outside_calibration_reason", lambda c: c.coverage.reason),
    Field("delegated_operators", "int", lambda c: c.delegation.delegated, figure=True),
    Field("total_operators", "int", lambda c: c.delegation.total, figure=True),
    _text("delegation_reason", lambda c: c.delegation.reason),
    Field("instructions", "int", lambda c: c.cost.instructions, figure=True),
    Field("instructions_spread", "int", lambda c: c.cost.spread, figure=True),
    _text("instructions_reason", lambda c: c.cost.reason),
    _text("engine", lambda c: c.engine.name if c.engine else None),
    _text("engine_version", lambda c: c.engine.version if c.engine else None),
    Field("engine_threads", "int", lambda c: c.engine.threads if c.engine else None),
    Field("build_seconds", "float", lambda c: c.build.seconds if c.build else None, figure=True),
    Field("build_cached", "bool", lambda c: c.build.cached if c.build else None),
    Field("build_peak_rss_bytes", "int", lambda c: c.build.peak_rss_bytes if c.build else None, figure=True),
    _text("build_log", lambda c: c.build.log if c.build else None),
    _text("artifact", lambda c: c.build.key if c.build else None),
    _text("raw", lambda c: c.raw),
    _text("error_stage", lambda c: c.error.stage if c.error else None),
    _text("error_kind", lambda c: c.error.kind if c.error else None),
    _text("error_message", lambda c: c.error.message if c.error else None),
    _text("error_hint", lambda c: c.error.hint if c.error else None),
)

BY_NAME = {field.name: field for field in FIELDS}


def of_metric(name: str) -> tuple[Field, ...]:
    """The fields of a metric beside the model's first, `metric_<name>…`, as `accuracy…` has them."""
    return _accuracy(f"metric_{name}", lambda c: metric.others(c).get(name, Accuracy()))


def row(cell: CellResult) -> dict[str, Value]:
    return {field.name: field.get(cell) for field in FIELDS}
