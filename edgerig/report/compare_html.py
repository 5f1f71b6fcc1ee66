"""compare.html: a comparison as one self-contained page without a script and without a network."""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from edgerig.measure.compare import Comparison
from edgerig.report import compare_view


def render(found: Comparison) -> bytes:
    """A UTF-8 HTML page; every text is escaped by Jinja2."""
    page = _environment().get_template("compare.html.j2").render(found=found, view=compare_view, css=_css())
    return page.encode("utf-8", "backslashreplace")


@cache
def _css() -> Markup:
    files = resources.files("edgerig.report").joinpath("templates")
    names = ("report.css", "compare.css")
    return Markup("".join(files.joinpath(name).read_text(encoding="utf-8") for name in names))  # noqa: S704


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
