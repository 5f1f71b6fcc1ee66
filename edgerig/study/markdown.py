"""study.md: the study as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgerig.report.markdown_text import table, text
from edgerig.study import source, view
from edgerig.study.conclude import Study
from edgerig.study.finding import Finding


def render(study: Study, reports: Mapping[str, str] | None = None) -> bytes:
    """UTF-8 Markdown, ended by a line feed. `reports` as for the page."""
    known = view.numbered(study)
    verdicts = [[text(each.claim.says), text(view.said(each)), text(view.counts(each))] for each in study.findings]
    survey = f"The claims are those of [{source.SURVEY}]({source.ADDRESS}), “{source.TITLE}”, in our words."
    blocks = [
        f"# {view.TITLE}",
        survey,
        _bullets(map(text, view.runs(study))),
        table(["claim", "verdict", "evidence"], verdicts, [False] * 3),
        *(block for each in study.findings for block in _finding(each, known)),
        "## Cells",
        *(f"Of {text(run)} every figure is in [its report]({address})." for run, address in (reports or {}).items()),
        _cells(study),
        "## How to read it",
        _bullets(f"**{text(name)}**: {told}." for name, told in view.METHOD),
    ]
    return ("\n\n".join(blocks) + "\n").encode("utf-8", "backslashreplace")


def _finding(finding: Finding, known: dict[tuple[str, str], int]) -> list[str]:
    claim = finding.claim
    blocks = [
        f"## {text(claim.says)}",
        _bullets(
            (
                f"**claimed by** {text(claim.source)}",
                f"**tested** {text(claim.tested)}",
                f"**verdict** {text(view.said(finding))}",
            )
        ),
    ]
    for shown in view.tables(finding, known):
        header = [*map(text, shown.axes), "figures", "found", *(["as claimed"] if shown.judges else [])]
        rows = [
            [
                *map(text, row.axes),
                " → ".join(f"[{text(figure.text)}](#cell-{figure.cell})" for figure in row.figures),
                text(row.found),
                *([text(row.as_claimed)] if shown.judges else []),
            ]
            for row in shown.rows
        ]
        blocks += [] if shown.judges else ["Beside it, no part of the verdict:"]
        blocks.append(table(header, rows, [False] * len(header)))
    if claim.cited:
        cited = (f"{text(one.what)}: {text(one.value)} ([{text(one.source)}]({one.url}))" for one in claim.cited)
        blocks += ["Cited, measured by others, not ranked:", _bullets(cited)]
    if finding.missing:
        blocks += ["Wanted and not there:", _bullets(map(text, finding.missing))]
    return blocks


def _cells(study: Study) -> str:
    rows = [[f'<a id="cell-{place}"></a>{place}', *map(text, others)] for place, *others in view.cells(study)]
    return table(view.CELL_HEADER, rows, [False] * len(view.CELL_HEADER))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
