"""What is to be told of several cells at once: warnings, notes, gaps, failures; the same words together. Pure.

Words that differ in their figures alone count as the same: a run of thousands of cells has a handful of things to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgerig import figures
from edgerig.figures.numbers import MISSING
from edgerig.figures.verdict import kind_of
from edgerig.report.run.columns import columns
from edgerig.report.run.outputs import channels
from edgerig.results import CellResult, ErrorRecord
from edgerig.results.order import rank
from edgerig.results.wording import held, not_held

_FIGURE = re.compile(r"\d[\d.,]*(?:e[+-]?\d+)?")


@dataclass(frozen=True)
class Group:
    """Cells that share something to be told: `title` is what about, `text` what it is, in the first cell's figures."""

    title: str
    text: str
    cells: tuple[CellResult, ...]


@dataclass(frozen=True)
class Trouble:
    """Cells that did not run for the same reason; `error` is the first one's, None where none was recorded."""

    status: str
    error: ErrorRecord | None
    cells: tuple[CellResult, ...]


def without_figures(text: str, cell: CellResult) -> str:
    """`text` with the cell's own id and every number taken out: what two cells' words are compared by."""
    return _FIGURE.sub("#", text.replace(cell.id, "@"))


RANDOM_WEIGHTS = "random weights"
GRAVITY = {
    RANDOM_WEIGHTS: 95,
    "constant channels": 90,
    "weak channels": 80,
    "outside calibration": 65,
    "state": 60,
    "build": 50,
    "conditions": 45,
    "disturbed samples": 30,
}
"""Of the warnings that are no verdict's, as `VerdictKind.gravity`: the larger the earlier told."""


def warnings(cells: Sequence[CellResult]) -> list[Group]:
    """Verdicts that are warned of, what outputs lost, data beyond the calibration's, and what builders noted; the
    gravest first."""
    titled = [
        (title, text, cell)
        for cell in cells
        for title, text in (*_verdict(cell), *_timing(cell), *_outputs(cell), *_file(cell))
    ]
    return _groups(sorted(titled, key=lambda item: (-_gravity(item[0]), item[0])))


def _gravity(title: str) -> int:
    return GRAVITY[title] if title in GRAVITY else kind_of(title).gravity


def _verdict(cell: CellResult) -> Iterator[tuple[str, str]]:
    if cell.verdict is not None and kind_of(cell.verdict.label).gravity:
        yield cell.verdict.label, cell.verdict.advice or "no advice was recorded"


def _timing(cell: CellResult) -> Iterator[tuple[str, str]]:
    """Of a latency whose percentiles are not of all the samples that were taken."""
    contention = None if cell.latency is None or cell.emulated else cell.latency.contention
    if contention is not None and contention.counted == "undisturbed":
        counted = f"{contention.undisturbed:,} of {contention.measured:,} samples"
        yield "disturbed samples", f"{contention.found}: percentiles are those of {counted}, which nothing disturbed"


def _outputs(cell: CellResult) -> Iterator[tuple[str, str]]:
    several = len(cell.parity.outputs) > 1
    for output in cell.parity.outputs:
        where = f'output "{output.name}": ' if several else ""
        if output.weak:
            yield "weak channels", f"{where}{output.weak}"
        if output.constant:
            vary = "channel varies" if len(output.constant) == 1 else "channels vary"
            lost = f"{len(output.constant)} {vary} in the source and not in the build"
            yield "constant channels", f"{where}{lost}: {channels(output.constant)}"


def _file(cell: CellResult) -> Iterator[tuple[str, str]]:
    if cell.weights:
        yield RANDOM_WEIGHTS, "the model was never trained: size, latency and memory are its own, its errors nobody's"
    for figure in figures.reported():
        if warning := figure.warning(cell):
            yield figure.name, warning
    if cell.engine is not None and cell.engine.state:
        kept = ", ".join(cell.engine.state)
        anew = f"; started anew: {cell.engine.reset}" if cell.engine.reset else ""
        yield "state", f"what came before changes the outputs: the file remembers {kept} between inferences{anew}"
    if cell.conditions is not None and (left := not_held(cell.conditions)):
        yield "conditions", left
    for note in cell.build.notes if cell.build is not None else ():
        yield "build", note


def notes(cells: Sequence[CellResult]) -> list[Group]:
    """What engines said of how a cell was run, and what its device could not tell."""
    titled = [("engine", note, cell) for cell in cells if cell.engine is not None for note in cell.engine.notes]
    brought = [("conditions", held(cell.conditions), cell) for cell in cells if cell.conditions is not None]
    return _groups(
        (*titled, *(each for each in brought if each[1]), *(item for cell in cells for item in _unwatched(cell)))
    )


def _unwatched(cell: CellResult) -> Iterator[tuple[str, str, CellResult]]:
    """What the device does not tell of other processes beside a timed loop."""
    watched = None if cell.latency is None else cell.latency.contention
    for reason in dict.fromkeys(watched.reasons.values() if watched is not None else ()):
        yield "contention", reason, cell


def unmeasured(cells: Sequence[CellResult]) -> list[Group]:
    """What cells that ran did not measure, and why."""
    return _groups(
        (column.header, column.reason(cell) or "no reason was recorded", cell)
        for column in columns(cells)
        if column.numeric and not column.beside
        for cell in cells
        if cell.status == "ok" and column.asked(cell) and column.text(cell) == MISSING
    )


def troubles(cells: Sequence[CellResult]) -> list[Trouble]:
    """Everything that is not ok, failures first."""
    groups: dict[tuple[str, ...], list[CellResult]] = {}
    for cell in not_ok(cells):
        error = cell.error
        of_error = () if error is None else (error.stage, error.kind, without_figures(error.message, cell))
        groups.setdefault((cell.status, *of_error), []).append(cell)
    return [Trouble(same[0].status, same[0].error, tuple(same)) for same in groups.values()]


def not_ok(cells: Sequence[CellResult]) -> list[CellResult]:
    """Failed cells first, then skipped, then unsupported ones."""
    return sorted(
        (cell for cell in cells if cell.status != "ok"),
        key=lambda cell: rank(cell.status, ("failed", "skipped", "unsupported")),
    )


def _groups(items: Iterable[tuple[str, str, CellResult]]) -> list[Group]:
    groups: dict[tuple[str, str], list[tuple[str, CellResult]]] = {}
    for title, text, cell in items:
        groups.setdefault((title, without_figures(text, cell)), []).append((text, cell))
    return [Group(title, same[0][0], tuple(cell for _, cell in same)) for (title, _), same in groups.items()]
