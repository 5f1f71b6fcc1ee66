"""`edgerig debug`: which layer of a quantized variant loses what its float twin has, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgerig import api
from edgerig.cli.say import print_table, quoted, say, table, tell_program
from edgerig.figures import numbers
from edgerig.report.files import check_file, replace_file
from edgerig.report.layers import html, view
from edgerig.results.layers import LayerReport


@dataclass(frozen=True)
class Asked:
    """`model` is a file where the id's model is not known by name; `page` is where to write the page, None for none."""

    model: str | None
    samples: int
    threshold_db: float
    as_json: bool
    page: Path | None


def debug(first: str, second: str | None, asked: Asked) -> None:
    """`first` is a cell's id, or a run's folder, of which `second` is the cell."""
    check_file("--html", asked.page)
    run, cell = (None, first) if second is None else (Path(first), second)
    found = api.debug(cell, run=run, model=asked.model, samples=asked.samples, threshold_db=asked.threshold_db)
    written = None if asked.page is None else replace_file(asked.page, html.render(found))
    if asked.as_json:
        tell_program(found.model_dump_json(indent=2))
        return
    say(f"{found.variant}: {view.headline(found)} ({numbers.counted(found.samples, 'sample')}, {found.seconds:.1f} s)")
    _print_layers(found)
    for each in found.advice:
        say(f"{each.remedy}: {each.text}")
        say(f"  because {each.evidence}")
    for note in (f"looked at with: {found.method}", *found.notes):
        say(f"  {note}")
    if written is not None:
        say(str(written))


def _print_layers(found: LayerReport) -> None:
    shown = table("#", "layer", "kind", "SQNR dB", "weights dB", "drop dB", "outside", "channels", "")
    for layer in found.layers:
        colour = "bold red" if layer.depth == found.suspect else "yellow"
        mark = view.mark(layer, found)
        shown.add_row(
            str(layer.depth),
            quoted(view.name(layer)),
            view.kind(layer),
            view.decibels(layer.sqnr_db),
            view.decibels(layer.weights_sqnr_db),
            view.decibels(layer.drop_db),
            view.outside(layer),
            view.channels(layer),
            f"[{colour}]← {mark}[/]" if mark else "",
        )
    print_table(shown)
