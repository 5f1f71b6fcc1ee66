"""compare.html: a comparison as one self-contained page without a script and without a network."""

from __future__ import annotations

from edgerig.measure.compare import Comparison
from edgerig.report import assets, compare_view


def render(found: Comparison) -> bytes:
    """A UTF-8 HTML page; every text is escaped by Jinja2."""
    css = assets.inlined("report.css", "compare.css")
    page = assets.environment().get_template("compare.html.j2").render(found=found, view=compare_view, css=css)
    return page.encode("utf-8", "backslashreplace")
