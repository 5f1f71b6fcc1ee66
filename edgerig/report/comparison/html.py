"""compare.html: a comparison as one self-contained page without a script and without a network."""

from __future__ import annotations

from edgerig.compare.comparison import Comparison
from edgerig.report import assets
from edgerig.report.comparison import view

PACKAGE = "edgerig.report.comparison"


def render(found: Comparison) -> bytes:
    """A UTF-8 HTML page; every text is escaped by Jinja2."""
    css = assets.inlined("report.css") + assets.inlined("comparison.css", package=PACKAGE)
    page = assets.environment(PACKAGE).get_template("comparison.html.j2").render(found=found, view=view, css=css)
    return page.encode("utf-8", "backslashreplace")
