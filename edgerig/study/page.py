"""study.html: the study as one self-contained page without a script and without a network."""

from __future__ import annotations

from collections.abc import Mapping

from edgerig.report import assets
from edgerig.study import source, view
from edgerig.study.conclude import Study

PACKAGE = "edgerig.study"


def render(study: Study, reports: Mapping[str, str] | None = None) -> bytes:
    """A UTF-8 HTML page; every text is escaped by Jinja2. `reports` are the pages of runs, by run, as addresses
    relative to this one."""
    css = assets.inlined("report.css") + assets.inlined("study.css", package=PACKAGE)
    template = assets.environment(PACKAGE).get_template("study.html.j2")
    page = template.render(
        study=study, view=view, source=source, known=view.numbered(study), reports=dict(reports or {}), css=css
    )
    return page.encode("utf-8", "backslashreplace")
