"""compare.md: a comparison as GitHub-flavoured Markdown."""

from __future__ import annotations

from edgerig.compare.comparison import Comparison
from edgerig.report.comparison import view as view
from edgerig.report.markdown_text import table, text


def render(found: Comparison) -> bytes:
    """UTF-8 Markdown, ended by a line feed."""
    blocks = [
        "# edgerig compare",
        f"{text(found.base)} → {text(found.new)}: {view.headline(found)}",
        *machines(found),
        *changes(found),
        *_operators(found),
        "## All cells",
        _matrix(found),
        "\n".join(f"- **{name}**: {note}" for name, note in view.notes()),
    ]
    return ("\n\n".join(blocks) + "\n").encode("utf-8", "backslashreplace")


def machines(found: Comparison) -> list[str]:
    """What concerns all cells of a device, as one list; nothing where there is none."""
    lines = [f"- {text(line)}" for line in view.machine_lines(found)]
    return ["\n".join(lines)] if lines else []


def changes(found: Comparison) -> list[str]:
    """What is not the same, and the cells that could not be compared; "Nothing changed." when there is neither."""
    blocks = []
    rows = [
        [
            f"{view.MARKS[row.metric.label]} {row.metric.label}",
            text(row.cell.id),
            text(view.name(row.metric.metric)),
            view.figure(row.metric, row.metric.base),
            view.figure(row.metric, row.metric.new),
            text(view.described(row.metric)),
        ]
        for row in view.changed(found)
    ]
    if rows:
        blocks += ["## Changes", table(["", "cell", "figure", "base", "new", "change"], rows, [False] * 6)]
    unmatched = [[text(cell.id), text(cell.reason)] for cell in view.unmatched(found)]
    if unmatched:
        blocks += ["## Not compared", table(["cell", "reason"], unmatched, [False, False])]
    return blocks or ["Nothing changed."]


def _operators(found: Comparison) -> list[str]:
    rows = [
        [row.what, text(row.cell), text(row.operator), text(row.base), text(row.new), text(row.change)]
        for row in view.operators(found)
    ]
    if not rows:
        return []
    return ["## Operators", table(["", "cell", "operator", "base", "new", "change"], rows, [False] * 6)]


def _matrix(found: Comparison) -> str:
    columns = view.metrics(found)
    rows = [
        [text(cell.id), cell.label, *(view.short(change) for change in view.row(cell, columns))]
        for cell in found.cells
        if cell.metrics
    ]
    if not rows:
        return "No cell ran in both."
    return table(["cell", "", *map(text, columns.values())], rows, [False, False, *(True for _ in columns)])
