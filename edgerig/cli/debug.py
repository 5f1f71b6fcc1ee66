"""`edgerig debug`: which layer of a quantized variant loses what its float twin has, and what to do."""

from __future__ import annotations

from pathlib import Path

from edgerig import api
from edgerig.cli.say import print_table, quoted, say, table, tell_program
from edgerig.figures import numbers
from edgerig.measure.layers import INPUT
from edgerig.results.layers import EXACT_DB, LayerReport, LayerResult

SHOWN_OUTSIDE = 1e-4
"""A smaller share of values beyond the calibrated range is not worth a look."""
MARK, LOW = "[bold red]← suspect[/]", "[yellow]← first under the threshold[/]"


def debug(first: str, second: str | None, model: str | None, samples: int, threshold: float, *, as_json: bool) -> None:
    """`first` is a cell's id, or a run's folder, of which `second` is the cell."""
    run, cell = (None, first) if second is None else (Path(first), second)
    found = api.debug(cell, run=run, model=model, samples=samples, threshold_db=threshold)
    if as_json:
        tell_program(found.model_dump_json(indent=2))
        return
    say(f"{found.variant}: {numbers.counted(found.samples, 'sample')}, {found.seconds:.1f} s")
    print_layers(found)
    for each in found.advice:
        say(f"{each.remedy}: {each.text}")
        say(f"  because {each.evidence}")
    say(f"  looked at with: {found.method}")
    for note in found.notes:
        say(f"  {note}")


def print_layers(found: LayerReport) -> None:
    shown = table("#", "layer", "kind", "SQNR dB", "weights dB", "drop dB", "outside", "channels", "")
    for layer in found.layers:
        mark = MARK if layer.depth == found.suspect else LOW if layer.depth == found.first_below else ""
        shown.add_row(
            str(layer.depth),
            quoted(" + ".join((layer.name, *layer.fused))),
            "input" if layer.operator == INPUT else layer.kind,
            decibels(layer.sqnr_db),
            decibels(layer.weights_sqnr_db),
            decibels(layer.drop_db),
            "" if (layer.outside or 0.0) < SHOWN_OUTSIDE else numbers.percent(layer.outside),
            channels(layer),
            mark,
        )
    print_table(shown)


def decibels(value: float | None) -> str:
    if value is None:
        return ""
    return "exact" if value >= EXACT_DB else f"{value:.1f}"


def channels(layer: LayerResult) -> str:
    """What is wrong with some of them, "" where nothing is."""
    parts = []
    if layer.dead_channels:
        parts.append(f"{layer.dead_channels} dead")
    if layer.saturated_channels:
        parts.append(f"{layer.saturated_channels} saturated")
    return f"{', '.join(parts)} of {layer.channels}" if parts else ""
