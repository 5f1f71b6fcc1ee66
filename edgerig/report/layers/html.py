"""A variant's layers as one self-contained page without a script and without a network."""

from __future__ import annotations

from edgerig.report import assets
from edgerig.report.layers import view
from edgerig.results.layers import LayerReport

PACKAGE = "edgerig.report.layers"


def render(found: LayerReport) -> bytes:
    """A UTF-8 HTML page; every text is escaped by Jinja2."""
    css = assets.inlined("report.css") + assets.inlined("layers.css", package=PACKAGE)
    template = assets.environment(PACKAGE).get_template("layers.html.j2")
    page = template.render(found=found, view=view, chart=view.chart(found), css=css)
    return page.encode("utf-8", "backslashreplace")
