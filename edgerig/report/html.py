"""index.html: the results as one page that needs nothing but itself: no network, no folder beside it.

Every text is escaped by Jinja2; figures travel as JSON in a script element that is not run. The page's own policy
(CSP) allows no network at all and only the scripts written here, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from edgerig.report import figures, view
from edgerig.results import CellResult, Results


def render(results: Results) -> bytes:
    """A self-contained UTF-8 HTML page."""
    cells = view.ordered(results)
    page = (
        _environment()
        .get_template("index.html.j2")
        .render(
            results=results,
            view=view,
            cells=cells,
            columns=view.COLUMNS,
            choices=view.choices(results),
            devices=view.by_device(results),
            models=view.by_model(cells),
            command=shlex.join(results.run.command),
            figures=_json(_figures(cells)),
            css=_inlined("report.css"),
            scripts=_scripts(),
            policy=_policy(),
            numbers={
                cell.id: number for number, trouble in enumerate(view.troubles(results)) for cell in trouble.cells
            },
            statuses=[
                status
                for status in ("ok", "failed", "skipped", "unsupported")
                if any(cell.status == status for cell in cells)
            ],
        )
    )
    return page.encode("utf-8", "backslashreplace")


def _figures(cells: Sequence[CellResult]) -> dict[str, Any]:
    """The plots the page can show: `tradeoff[model][device]` and `size[model]`, by place in the page's choices."""
    models = view.by_model(cells)
    devices = list(dict.fromkeys(cell.device for cell in cells))
    return {
        "tradeoff": [
            [_tradeoff([cell for cell in own if cell.device == device]) for device in devices]
            for own in models.values()
        ],
        "size": [figures.sizes(own) for own in models.values()],
    }


def _tradeoff(cells: Sequence[CellResult]) -> dict[str, Any]:
    plot = figures.tradeoff(cells)
    return {"figure": plot.figure, "note": _plot_note(cells, plot)}


def _plot_note(cells: Sequence[CellResult], plot: figures.Tradeoff) -> str:
    """What the plot leaves out, in plain text."""
    if not cells:
        return "This model was not planned on this device."
    if plot.figure is None:
        return "Nothing to plot: no variant that ran has both figures."
    missing = [f"{view.counted(len(plot.left_out), 'cell')} without both figures"] if plot.left_out else []
    absent = sum(cell.status != "ok" for cell in cells)
    missing += [f"{view.counted(absent, 'cell')} that did not run"] if absent else []
    return f"Not shown: {' and '.join(missing)}; see the table." if missing else ""


def _json(value: Any) -> Markup:
    """`value` as JSON that cannot end the script element around it, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


@cache
def _inlined(name: str) -> Markup:
    """A file of ours beside the templates."""
    return Markup(resources.files("edgerig.report").joinpath("templates", name).read_text(encoding="utf-8"))  # noqa: S704


@cache
def _scripts() -> tuple[Markup, ...]:
    """What the page runs, in order: Plotly, then the page's own script."""
    return Markup(get_plotlyjs()), _inlined("report.js")  # noqa: S704


@cache
def _policy() -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _scripts())
    allowed = " ".join(f"'sha256-{found}'" for found in hashes)
    # Plotly sets styles as it draws, and makes its image downloads as data or blob addresses.
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("edgerig.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
