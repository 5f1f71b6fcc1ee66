"""What the readable reports say, whatever they are written in: order, wording and numbers of the results. Pure.

Nothing here escapes: each writer escapes for its own language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from edgerig import figures
from edgerig.figures import metric
from edgerig.figures.numbers import MISSING as MISSING  # the templates take all of their words from here
from edgerig.figures.numbers import duration as duration
from edgerig.figures.numbers import significant as significant
from edgerig.figures.size import SIZE
from edgerig.figures.verdict import kind_of
from edgerig.results import CellResult, Results
from edgerig.spec import AS_IS, load_formats, load_recipes

FORMATS = tuple(load_formats())
RECIPES = (*load_recipes(), AS_IS)
"""The order of rows, legends and colours; a name not listed comes after these, by name."""


def scaled(value: float | None, unit: float) -> float | None:
    """`value` in multiples of `unit`; None stays None."""
    return None if value is None else value / unit


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def rank(name: str, known: Sequence[str]) -> tuple[int, str]:
    """A sort key: the place of `name` in `known`, unknown names last and by name."""
    return (known.index(name) if name in known else len(known), name)


def ordered(results: Results) -> list[CellResult]:
    """The cells by device, model, source, format, recipe and threads, whatever order they finished in."""
    devices = _places(results.devices)
    models = _places(record.model for record in results.models.values())
    sources = _places(record.source for record in results.models.values())
    return sorted(
        results.cells,
        key=lambda cell: (
            devices.get(cell.device, len(devices)),
            cell.device,
            models.get(cell.model, len(models)),
            cell.model,
            sources.get(cell.source, len(sources)),
            cell.source,
            rank(cell.format, FORMATS),
            rank(cell.recipe, RECIPES),
            cell.threads,
            cell.id,
        ),
    )


def _places(names: Iterable[str]) -> dict[str, int]:
    """Each name's place among the different ones."""
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


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


def reason(cell: CellResult) -> str:
    """Why a cell is not ok, in one line of at most 160 characters; "" when it is."""
    if cell.error is None:
        return "" if cell.status == "ok" else "no reason was recorded"
    line = " ".join(cell.error.message.split())
    return f"{cell.error.stage}: {line if len(line) <= 150 else line[:149] + '…'}"


def variant(cell: CellResult, *, with_source: bool = False) -> str:
    """`"tflite int8-static"`, or `"torch → tflite int8-static"` where a model has several sources."""
    threads = "" if cell.threads == 1 else f" with {cell.threads} threads"
    source = f"{cell.source} → " if with_source else ""
    return ", ".join(filter(None, (f"{source}{cell.format} {cell.recipe}{threads}", setup(cell))))


def setup(cell: CellResult) -> str:
    """How it was placed beside its device and threads, as its id says: `"p2-3, xnnpack=false"`, "" for the default."""
    device_and_threads = f"{cell.device}/t{cell.threads}/"  # a stranger's device may have any name
    return ", ".join(cell.id.partition("@")[2].partition(device_and_threads)[2].split("/")).strip()


def accuracy(cell: CellResult) -> str:
    """`"99.4 %"` for a share, else the number as it is."""
    return metric.written(cell.accuracy)


def accuracies(cell: CellResult) -> str:
    """All of the cell's metrics, its first one first: `"99.4 % top1 ↑, 100 % top5 ↑"`."""
    known = [found for found in (cell.accuracy, *metric.others(cell).values()) if found.value is not None]
    return ", ".join(map(metric.named, known)) or MISSING


def kilobytes(size_bytes: float | None) -> str:
    return f"{significant(scaled(size_bytes, 1e3))} kB"


def described(cell: CellResult) -> str:
    """A cell's figures in one line: what it takes first, then what it gives."""
    parts = []
    if cell.latency is not None and not cell.emulated:
        label = "" if cell.verdict is None else cell.verdict.label
        doubt = f" ({label})" if label and kind_of(label).against_latency else ""
        parts.append(f"p50 {duration(cell.latency.p50_ms)}{doubt}")
    if cell.cost.instructions is not None:
        parts.append(f"{significant(cell.cost.instructions)} instructions")
    parts.append(kilobytes(cell.size_bytes))
    if cell.accuracy.value is not None:
        parts.append(metric.told(cell.accuracy))
    return ", ".join(parts)


def headline(cell: CellResult) -> list[tuple[str, str]]:
    """What a card tells of the cell, as (name, text): the figures it was chosen by, as far as they are known; the
    size behind what one inference costs."""
    found: list[tuple[str, str]] = []
    for figure in sorted(figures.reported(), key=lambda one: (figures.GROUPS.index(one.group), one.key == SIZE.key)):
        if not figure.headline or (figure.time and cell.emulated):
            continue
        if figure.certainty.known == "accuracy":
            known = [one for one in (cell.accuracy, *metric.others(cell).values()) if one.value is not None]
            found += [(metric.directed(one), metric.written(one)) for one in known]
        elif (value := figure.value(cell)) is not None:
            found.append((figure.name, figure.said(value)))
    return found


def tag(cell: CellResult) -> str:
    """What is shown beside a cell's latency in a table: its verdict's label, "" where that says nothing of it."""
    return cell.verdict.label if cell.verdict is not None and kind_of(cell.verdict.label).tagged else ""


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
