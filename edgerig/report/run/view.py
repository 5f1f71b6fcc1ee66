"""What the readable reports say, whatever they are written in: wording and numbers of the results. Pure.

Nothing here escapes: each writer escapes for its own language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgerig import figures
from edgerig.figures import metric
from edgerig.figures.numbers import MISSING, significant
from edgerig.figures.numbers import counted as counted  # the templates take all of their words from here
from edgerig.figures.numbers import duration as duration
from edgerig.figures.numbers import kilobytes as kilobytes
from edgerig.figures.size import SIZE
from edgerig.figures.verdict import kind_of
from edgerig.results import CellResult, Results
from edgerig.results.median import latency_labels


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


def accuracies(cell: CellResult) -> str:
    """All of the cell's metrics, its first one first: `"99.4 % top1 ↑, 100 % top5 ↑"`."""
    known = [found for found in (cell.accuracy, *metric.others(cell).values()) if found.value is not None]
    return ", ".join(map(metric.named, known)) or MISSING


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
    """What is shown beside a cell's latency in a table: its verdict's label, and that it is noisy as well; "" where
    they say nothing of it."""
    return ", ".join(label for label in latency_labels(cell) if kind_of(label).tagged)


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
