"""Measured against published: which cells a published figure speaks of, and what they measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgerig.decide.rules import sound
from edgerig.results import CellResult, Results
from edgerig.spec import PublishedFigure, ReferenceFigure

NOT_MEASURED = "not measured"
REFERENCE_HEADER = ("model", "device", "runtime", "how", "published", "measured here", "source")


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


@dataclass(frozen=True)
class ReferenceRow:
    """What others measured on their device, beside what this run measured of the same recipe on its own, in words."""

    model: str
    device: str
    runtime: str
    how: str
    published: str
    measured: str
    source: str

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.model, self.device, self.runtime, self.how, self.published, self.measured, self.source)


def against_reference(results: Results) -> list[ReferenceRow]:
    """A row for each reference figure of each model of the run."""
    return [
        _reference_row(name, figure, [cell for cell in results.cells if f"{cell.model}-{cell.source}" == name])
        for name, record in results.models.items()
        for figure in record.reference
    ]


def _reference_row(name: str, figure: ReferenceFigure, cells: Sequence[CellResult]) -> ReferenceRow:
    threads = "" if figure.threads is None else f"{figure.threads} thread{'s' if figure.threads > 1 else ''}"
    how = (figure.network, figure.recipe, figure.delegate, threads)
    return ReferenceRow(
        name,
        figure.device,
        f"{figure.runtime} {figure.version}".strip(),
        ", ".join(part for part in how if part),
        f"{figure.value:g} {figure.unit}",
        _measured_beside(figure, cells),
        f"{figure.source.title}, {figure.source.url}",
    )


def _measured_beside(figure: ReferenceFigure, cells: Iterable[CellResult]) -> str:
    """The run's medians of the same format and recipe, device by device; never of an emulated one."""
    found: dict[str, list[float]] = {}
    for cell in cells:
        alike = cell.recipe == figure.recipe and figure.format in ("", cell.format)
        if figure.what == "latency" and alike and sound(cell) and cell.latency is not None and not cell.emulated:
            found.setdefault(cell.device, []).append(cell.latency.p50_ms)
    spans = (f"{_span([f'{each:.3g} ms' for each in sorted(values)])} on {device}" for device, values in found.items())
    return ", ".join(spans) or NOT_MEASURED


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
