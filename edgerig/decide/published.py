"""Measured against published: which cells a published figure speaks of, and what they measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgerig.decide.rules import sound
from edgerig.results import CellResult, Results
from edgerig.spec import PublishedFigure

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Row:
    """One published figure beside what a run measured, all in words; `model` with its source, as its id is."""

    model: str
    what: str
    published: str
    measured: str
    source: str


def against_published(results: Results) -> list[Row]:
    """A row for each published figure of each model of the run."""
    return [
        Row(
            name,
            figure.what,
            published_text(figure),
            measured_text(figure, [cell for cell in results.cells if f"{cell.model}-{cell.source}" == name]),
            f"{figure.source.title}, {figure.source.url}",
        )
        for name, record in results.models.items()
        for figure in record.published
    ]


def published_text(figure: PublishedFigure) -> str:
    """Such as `top1 90 %` or `98,496 bytes`."""
    parts = []
    if figure.value is not None:
        parts.append(f"{figure.metric} {figure.value:g}{' %' if figure.unit == '%' else ''}")
    if figure.size_bytes is not None:
        parts.append(f"{figure.size_bytes:,} bytes")
    return ", ".join(parts)


def measured_text(figure: PublishedFigure, cells: Iterable[CellResult]) -> str:
    """What the cells the figure speaks of measured, smallest to largest; one whose device computes wrongly is none."""
    spoken_of = [
        cell
        for cell in cells
        if sound(cell) and figure.format in (None, cell.format) and figure.recipe in (None, cell.recipe)
    ]
    parts = []
    if figure.value is not None:
        scale = 100 if figure.unit == "%" else 1
        taken = [
            accuracy
            for cell in spoken_of
            for accuracy in (cell.metrics.values() or (cell.accuracy,))
            if (accuracy.metric or "").lower() == figure.metric.lower()
        ]
        values = [accuracy.value * scale for accuracy in taken if accuracy.value is not None]
        parts.append(_span([f"{value:.1f} %" if figure.unit == "%" else f"{value:.3f}" for value in sorted(values)]))
    if figure.size_bytes is not None:
        sizes = sorted({cell.size_bytes for cell in spoken_of if cell.size_bytes is not None})
        parts.append(_span([f"{size:,} bytes ({size / figure.size_bytes - 1:+.1%})" for size in sizes]))
    return ", ".join(parts) if spoken_of else NOT_MEASURED


def _span(values: Sequence[str]) -> str:
    """The first and the last of sorted values, once where they are the same."""
    if not values:
        return NOT_MEASURED
    return values[0] if values[0] == values[-1] else f"{values[0]} to {values[-1]}"
