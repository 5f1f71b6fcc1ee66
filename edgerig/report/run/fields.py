"""What programs are told of a cell: the one list that results.csv, Parquet, `edgerig show` and the exports are made of.

Values are raw, in the unit the name says. What was not measured is None, with its reason in the `…_reason` field beside
it; `processors` is None where a cell was held to none, `engine_options` where all had their defaults. What a cell is
judged by brings its own fields (`edgerig/figures`).
"""

from __future__ import annotations

from edgerig import figures
from edgerig.figures.field import Field, Value, real, text, whole
from edgerig.results import CellResult
from edgerig.results.wording import held
from edgerig.spec.engine import written

_WHICH: tuple[Field, ...] = (
    text("id", lambda c: c.id),
    text("model", lambda c: c.model),
    text("source", lambda c: c.source),
    text("signature", lambda c: c.signature or None),
    text("format", lambda c: c.format),
    text("recipe", lambda c: c.recipe),
    text("device", lambda c: c.device),
    Field("threads", "int", lambda c: c.threads),
    text("accelerator", lambda c: c.accelerator),
    text("processors", lambda c: ",".join(map(str, c.processors)) or None),
    text("cluster", lambda c: c.cluster or None),
    text("engine_options", lambda c: ",".join(f"{k}={written(v)}" for k, v in c.engine_options.items()) or None),
    Field("emulated", "bool", lambda c: c.emulated),
    text("status", lambda c: c.status),
)

_HOW: tuple[Field, ...] = (
    text("engine", lambda c: c.engine.name if c.engine else None),
    text("engine_version", lambda c: c.engine.version if c.engine else None),
    text("stream_state", lambda c: ", ".join(c.engine.state) or None if c.engine else None),
    text("stream_reset", lambda c: c.engine.reset or None if c.engine else None),
    text("conditions", lambda c: held(c.conditions) or None if c.conditions else None),
    Field("engine_threads", "int", lambda c: c.engine.threads if c.engine else None),
    real("build_seconds", lambda c: c.build.seconds if c.build else None),
    Field("build_cached", "bool", lambda c: c.build.cached if c.build else None),
    whole("build_peak_rss_bytes", lambda c: c.build.peak_rss_bytes if c.build else None),
    text("build_log", lambda c: c.build.log if c.build else None),
    text("artifact", lambda c: c.build.key if c.build else None),
    text("raw", lambda c: c.raw),
    text("error_stage", lambda c: c.error.stage if c.error else None),
    text("error_kind", lambda c: c.error.kind if c.error else None),
    text("error_message", lambda c: c.error.message if c.error else None),
    text("error_hint", lambda c: c.error.hint if c.error else None),
    text("weights", lambda c: c.weights or None),
)


def fields() -> tuple[Field, ...]:
    """Which cell it is, what it is judged by, how it came about and what became of it."""
    return (*_WHICH, *figures.fields(), *_HOW)


def row(cell: CellResult) -> dict[str, Value]:
    return {field.name: field.get(cell) for field in fields()}
