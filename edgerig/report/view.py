"""What the readable reports say, whatever they are written in: order, wording and numbers of the results. Pure.

Nothing here escapes: each writer escapes for its own language.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edgerig.results import Accuracy, CellResult, ErrorRecord, Latency, Results

FORMATS = ("tflite", "executorch", "onnx", "torchscript", "aoti", "saved_model", "tfjs")
RECIPES = ("fp32", "fp16", "int8-dynamic", "int8-static", "int8-weight", "int4-weight", "int16x8", "as-is")
"""The order of rows, legends and colours; a name not listed comes after these, by name."""
MISSING = "–"
POINT = 0.01
"""One point of accuracy: what a variant may lose against fp32 and still be named in the headline."""


def significant(value: float | None, digits: int = 3) -> str:
    """`value` to `digits` significant digits, thousands separated by commas; `MISSING` for None."""
    if value is None:
        return MISSING
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.{digits - 1}e}")
    exponent = math.floor(math.log10(abs(rounded)))
    if exponent < -4:
        return f"{rounded:.{digits - 1}e}"
    return f"{rounded:,.{max(0, digits - 1 - exponent)}f}"


def scaled(value: float | None, unit: float) -> float | None:
    """`value` in multiples of `unit`; None stays None."""
    return None if value is None else value / unit


def percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def rank(name: str, known: Sequence[str]) -> tuple[int, str]:
    """A sort key: the place of `name` in `known`, unknown names last and by name."""
    return (known.index(name) if name in known else len(known), name)


def ordered(results: Results) -> list[CellResult]:
    """The cells by device, model, source, format, recipe and threads, whatever order they finished in."""
    devices = list(results.devices)
    models = list(dict.fromkeys(record.model for record in results.models.values()))
    sources = list(dict.fromkeys(record.source for record in results.models.values()))
    return sorted(
        results.cells,
        key=lambda cell: (
            rank(cell.device, devices),
            rank(cell.model, models),
            rank(cell.source, sources),
            rank(cell.format, FORMATS),
            rank(cell.recipe, RECIPES),
            cell.threads,
            cell.id,
        ),
    )


def by_device(results: Results) -> dict[str, list[CellResult]]:
    """Device → its cells in order; a device without a cell is left out."""
    return _grouped(ordered(results), lambda cell: cell.device)


def by_model(cells: Iterable[CellResult]) -> dict[str, list[CellResult]]:
    return _grouped(cells, lambda cell: cell.model)


def _grouped(cells: Iterable[CellResult], key: Callable[[CellResult], str]) -> dict[str, list[CellResult]]:
    groups: dict[str, list[CellResult]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return groups


def outcome(cells: Sequence[CellResult]) -> str:
    """`"24 cells: 20 ok, 3 failed, 1 unsupported"`."""
    counts = Counter(cell.status for cell in cells)
    parts = [f"{counts[status]} {status}" for status in ("ok", "failed", "skipped", "unsupported") if counts[status]]
    return f"{counted(len(cells), 'cell')}: {', '.join(parts) or 'none'}"


@dataclass(frozen=True)
class Column:
    """A column of the cell table. `sort` gives the value to order by, None for a cell that has no place in the
    order (not measured, or an emulated latency, which must never be ranked with real ones)."""

    key: str
    header: str
    text: Callable[[CellResult], str]
    sort: Callable[[CellResult], float | str | None]
    numeric: bool = False
    reason: Callable[[CellResult], str] = lambda cell: ""


def _latency(key: str, header: str, get: Callable[[Latency], float]) -> Column:
    def text(cell: CellResult) -> str:
        if cell.latency is None:
            return MISSING
        return significant(get(cell.latency)) + (" (emulated)" if cell.emulated else "")

    def sort(cell: CellResult) -> float | None:
        return None if cell.latency is None or cell.emulated else get(cell.latency)

    def reason(cell: CellResult) -> str:
        if cell.latency is not None:
            return "emulated: not comparable with a real device's" if cell.emulated else ""
        return "an emulator's clock is no latency" if cell.emulated else "not timed"

    return Column(key, header, text, sort, numeric=True, reason=reason)


def _number(
    key: str,
    header: str,
    get: Callable[[CellResult], float | None],
    reason: Callable[[CellResult], str] = lambda cell: "",
) -> Column:
    return Column(key, header, lambda cell: significant(get(cell)), get, numeric=True, reason=reason)


def _name(key: str, header: str, get: Callable[[CellResult], str]) -> Column:
    return Column(key, header, get, get)


def scored(found: Accuracy) -> str:
    """A metric's value in its own unit: `"98.5 %"`, `"0.0123"`, `"31.2 dB"`; `MISSING` where there is none."""
    return f"{significant(in_unit(found, found.value))}{_unit(found)}" if found.value is not None else MISSING


def scored_named(found: Accuracy) -> str:
    """As `scored`, with the metric's name unless it is top1: `"31.2 dB psnr"`."""
    name = "" if found.metric in (None, "top1") or found.value is None else f" {found.metric}"
    return scored(found) + name


def scored_interval(found: Accuracy) -> str:
    """Its 95 % interval: `"97.1–99.3 %"`."""
    if found.ci95 is None:
        return MISSING
    return "–".join(significant(in_unit(found, bound)) for bound in found.ci95) + _unit(found)


def in_unit(found: Accuracy, value: float | None) -> float | None:
    """A value of the metric as it is written and drawn: fractions in percent."""
    return percent(value) if found.unit == "fraction" else value


def _unit(found: Accuracy) -> str:
    unit = "%" if found.unit == "fraction" else found.unit
    return f" {unit}" if unit else ""


def metric_title(found: Accuracy) -> str:
    """What an axis of the metric is called: `"accuracy (%)"`, `"mse"`, `"psnr (dB)"`."""
    name = "accuracy" if found.metric in (None, "top1") else found.metric
    unit = _unit(found).strip()
    return f"{name} ({unit})" if unit else name


def within(found: Accuracy, best: float) -> bool:
    """Is the metric at most one point worse than `best`: 0.01 of a fraction or an area, 1 % of any other value?

    The margin absorbs the rounding of fractions such as 0.98 - 0.97.
    """
    if found.value is None:
        return False
    bounded = found.unit == "fraction" or found.metric in ("auc", "reconstruction_auc")
    allowed = POINT if bounded else POINT * abs(best)
    worse = best - found.value if found.higher_is_better else found.value - best
    return worse <= allowed + 1e-9


def _delegation(cell: CellResult) -> str:
    found = cell.delegation
    return MISSING if found.delegated is None or found.total is None else f"{found.delegated}/{found.total}"


def _delegated_share(cell: CellResult) -> float | None:
    found = cell.delegation
    return found.delegated / found.total if found.delegated is not None and found.total else None


COLUMNS: tuple[Column, ...] = (
    _name("model", "model", lambda c: c.model),
    _name("format", "format", lambda c: c.format),
    _name("recipe", "recipe", lambda c: c.recipe),
    Column("threads", "threads", lambda c: str(c.threads), lambda c: c.threads, numeric=True),
    _name("status", "status", lambda c: c.status),
    _number("size", "size (kB)", lambda c: scaled(c.size_bytes, 1e3), lambda c: "no file was built"),
    _latency("p50", "p50 (ms)", lambda latency: latency.p50_ms),
    _latency("p90", "p90 (ms)", lambda latency: latency.p90_ms),
    Column(
        "instructions",
        "instructions",
        lambda c: MISSING if c.cost.instructions is None else f"{c.cost.instructions:,}",
        lambda c: c.cost.instructions,
        numeric=True,
        reason=lambda c: c.cost.reason,
    ),
    Column(
        "accuracy",
        "accuracy",
        lambda c: scored_named(c.accuracy),
        lambda c: in_unit(c.accuracy, c.accuracy.value),
        numeric=True,
        reason=lambda c: c.accuracy.reason,
    ),
    Column(
        "interval",
        "95 % interval",
        lambda c: scored_interval(c.accuracy),
        lambda c: c.accuracy.ci95[0] if c.accuracy.ci95 else None,
        numeric=True,
        reason=lambda c: c.accuracy.reason,
    ),
    _number("error", "relative error", lambda c: c.parity.relative_error, lambda c: c.parity.reason),
    Column("delegated", "delegated", _delegation, _delegated_share, numeric=True, reason=lambda c: c.delegation.reason),
    _number("memory", "peak memory (MB)", lambda c: scaled(c.memory.peak_rss_bytes, 1e6), lambda c: c.memory.reason),
    _name("verdict", "verdict", lambda c: c.verdict.label if c.verdict else MISSING),
)
"""The cell table of every readable report, left to right."""


def reason(cell: CellResult) -> str:
    """Why a cell is not ok, in one line of at most 160 characters; "" when it is."""
    if cell.error is None:
        return "" if cell.status == "ok" else "no reason was recorded"
    line = " ".join(cell.error.message.split())
    return f"{cell.error.stage}: {line if len(line) <= 150 else line[:149] + '…'}"


def variant(cell: CellResult) -> str:
    threads = "" if cell.threads == 1 else f" with {cell.threads} threads"
    return f"{cell.format} {cell.recipe}{threads}"


@dataclass(frozen=True)
class Choice:
    """The variants of one model on one device to look at first: the smallest and the fastest of those within
    `POINT` of fp32's accuracy. Where one is None, its `…_reason` says why."""

    device: str
    model: str
    smallest: CellResult | None = None
    smallest_reason: str = ""
    fastest: CellResult | None = None
    fastest_reason: str = ""
    baseline: float | None = None
    """The best fp32 accuracy, in its metric's unit: the bar the others are held to."""
    caution: str = ""


def choices(results: Results) -> list[Choice]:
    """A `Choice` for every model on every device, in order."""
    return [choose(cells) for on_device in by_device(results).values() for cells in by_model(on_device).values()]


def choose(cells: Sequence[CellResult]) -> Choice:
    """The `Choice` among `cells`, at least one, all of one model on one device."""
    device, model = cells[0].device, cells[0].model
    ran = [cell for cell in cells if cell.status == "ok" and (cell.verdict is None or cell.verdict.label != "wrong")]
    reference = [c.accuracy for c in ran if c.recipe == "fp32" and c.accuracy.value is not None]
    if not reference:
        why = _no_choice(cells, ran)
        return Choice(device, model, smallest_reason=why, fastest_reason=why)
    values = [found.value for found in reference if found.value is not None]
    bar = max(values) if reference[0].higher_is_better else min(values)
    kept = [c for c in ran if within(c.accuracy, bar)]
    smallest = min(((c.size_bytes, c.id, c) for c in kept if c.size_bytes is not None), default=None)
    timed = [(c.latency.p50_ms, c.id, c) for c in kept if c.latency is not None and not c.emulated]
    fastest = min(timed, default=None)
    return Choice(
        device,
        model,
        baseline=bar,
        caution=_caution(kept),
        smallest=smallest[-1] if smallest else None,
        smallest_reason="" if smallest else "no size is known",
        fastest=fastest[-1] if fastest else None,
        fastest_reason="" if fastest else _no_fastest(kept),
    )


def _no_fastest(kept: Sequence[CellResult]) -> str:
    if all(cell.emulated for cell in kept):
        return "not ranked: the device is emulated, and an emulator's clock says nothing of the real device"
    return "no latency was measured"


def _no_choice(cells: Sequence[CellResult], ran: Sequence[CellResult]) -> str:
    if not ran:
        return f"no variant ran ({outcome(cells)})"
    if any(cell.accuracy.value is not None for cell in ran):
        return "no fp32 accuracy to compare with"
    reasons = dict.fromkeys(cell.accuracy.reason for cell in ran if cell.accuracy.reason)
    return f"no accuracy: {'; '.join(reasons) or 'no reason was recorded'}"


def _caution(kept: Sequence[CellResult]) -> str:
    """What to say when the accuracies are known less exactly than the point they are compared by."""
    known = [(cell.accuracy.ci95, cell.accuracy.samples) for cell in kept if cell.accuracy.unit == "fraction"]
    widest = max((((ci95[1] - ci95[0]) / 2, samples) for ci95, samples in known if ci95), default=(0.0, 0))
    if widest[0] <= POINT:
        return ""
    return (
        f"accuracy is known to about ±{significant(100 * widest[0], 2)} points only "
        f"({counted(widest[1], 'sample')}), wider than the 1 point compared by"
    )


def described(cell: CellResult) -> str:
    """A chosen variant's figures in one line."""
    parts = [f"{significant(scaled(cell.size_bytes, 1e3))} kB"]
    if cell.latency is not None and not cell.emulated:
        doubt = f" ({cell.verdict.label})" if cell.verdict is not None and cell.verdict.label != "stable" else ""
        parts.append(f"p50 {significant(cell.latency.p50_ms)} ms{doubt}")
    if cell.accuracy.value is not None:
        parts.append(f"{scored(cell.accuracy)} {cell.accuracy.metric}")
    return ", ".join(parts)


@dataclass(frozen=True)
class Group:
    """Cells that share something to be told: `title` is what about, `text` what it is."""

    title: str
    text: str
    cells: tuple[CellResult, ...]


def _groups(told: Iterable[tuple[str, str, CellResult]]) -> list[Group]:
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for title, text, cell in told:
        groups.setdefault((title, text), []).append(cell)
    return [Group(title, text, tuple(cells)) for (title, text), cells in groups.items()]


def warnings(results: Results) -> list[Group]:
    """Every verdict but "stable", cells with the same advice together."""
    return _groups(
        (cell.verdict.label, cell.verdict.advice or "no advice was recorded", cell)
        for cell in ordered(results)
        if cell.verdict is not None and cell.verdict.label != "stable"
    )


def notes(results: Results) -> list[Group]:
    """What builders and engines said of how a cell was built and run, cells with the same note together."""
    told = [
        (who, note, cell)
        for cell in ordered(results)
        for who, noted in (("build", cell.build), ("engine", cell.engine))
        if noted is not None
        for note in noted.notes
    ]
    return _groups(sorted(told, key=lambda item: item[0]))


def unmeasured(results: Results) -> list[Group]:
    """What cells that ran did not measure, cells with the same reason together."""
    return _groups(
        (column.header, column.reason(cell) or "no reason was recorded", cell)
        for column in COLUMNS
        if column.numeric and column.key != "interval"
        for cell in ordered(results)
        if cell.status == "ok" and column.text(cell) == MISSING
    )


def not_ok(results: Results) -> list[CellResult]:
    """Failed cells first, then skipped, then unsupported ones."""
    return sorted(
        (cell for cell in ordered(results) if cell.status != "ok"),
        key=lambda cell: rank(cell.status, ("failed", "skipped", "unsupported")),
    )


@dataclass(frozen=True)
class Trouble:
    """Cells that did not run for the very same reason; `error` is None where none was recorded."""

    status: str
    error: ErrorRecord | None
    cells: tuple[CellResult, ...]


def troubles(results: Results) -> list[Trouble]:
    """Everything that is not ok, failures first, cells with the same error together."""
    groups: dict[tuple[str, ErrorRecord | None], list[CellResult]] = {}
    for cell in not_ok(results):
        groups.setdefault((cell.status, cell.error), []).append(cell)
    return [Trouble(status, error, tuple(cells)) for (status, error), cells in groups.items()]


NOTES: tuple[tuple[str, str], ...] = (
    ("Size", "the file as it ships; 1 kB is 1,000 bytes."),
    (
        "Latency",
        "one inference at batch size 1 in the steady state, by the device's monotonic clock around the "
        "inference alone: no file loading, no warm-up, no network. Percentiles are nearest-rank; every sample "
        "is kept in the run's folder. Loading and first inference are in results.csv.",
    ),
    (
        "Emulated",
        "an emulator's clock says nothing of the device it stands for. Such latencies are marked, left out of "
        "plots and never ranked; size, accuracy and relative error are real.",
    ),
    (
        "Accuracy",
        "on the device itself, with its 95 % interval. Where two intervals overlap widely, this data does not "
        "show a difference.",
    ),
    (
        "Relative error",
        "‖built − source‖ / ‖source‖ over all outputs of the samples: it shows the damage quantization "
        "does before accuracy moves.",
    ),
    ("Delegated", "operators on the runtime's fast backend, of all it executes. The others run on slower kernels."),
    (
        "Peak memory",
        "resident memory of a process of its own that loads the model and infers, runtime included; "
        "1 MB is 1,000,000 bytes.",
    ),
    (
        "Instructions",
        "what one inference executes on an emulated processor, on one thread: a cost to compare builds by, the same in "
        "every run for LiteRT and ExecuTorch, not a time.",
    ),
    (
        "Verdict",
        "of the latency. stable: its median is known closely enough to compare. noisy: it is not. fallback: "
        "operators ran outside the fast backend, or with another thread count than was asked for. throttled: the "
        "device held its processor back meanwhile. emulated: "
        "not a latency to compare at all. wrong: the device computes something else than the file did when it was "
        "built; such a cell is never recommended.",
    ),
    ("–", "not measured, never zero; the reasons are listed."),
)
"""What each figure is and how far to trust it, as (name, text)."""


def device_facts(results: Results, name: str) -> str:
    """What is known of the device `name`, in one line."""
    device = results.devices.get(name)
    if device is None:
        return "nothing is recorded of this device"
    facts = [
        "emulated" if device.emulated else None,
        device.kind,
        device.arch,
        device.cpu,
        None if device.cores is None else counted(device.cores, "core"),
        None if device.memory_bytes is None else f"{significant(device.memory_bytes / 1e9)} GB",
        device.os,
    ]
    return ", ".join(fact for fact in facts if fact)
