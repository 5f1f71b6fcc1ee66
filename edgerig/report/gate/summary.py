"""The gate's summary in Markdown, for a job's page or a pull request."""

from __future__ import annotations

from edgerig.compare.comparison import Comparison
from edgerig.compare.gate import GateResult, Outcome
from edgerig.report.comparison import view as comparison_view
from edgerig.report.comparison.markdown import changes, machines
from edgerig.report.markdown_text import table, text

LIMIT_BYTES = 1000 * 1024
"""GitHub refuses a step's summary above 1 MiB."""
SHOWN = 200
_MARKS: dict[Outcome, str] = {"fail": "✗", "inconclusive": "?", "pass": "✓", "left out": "–"}


def render(found: GateResult, comparison: Comparison | None) -> bytes:
    """UTF-8 Markdown, ended by a line feed; cut at what a job's page takes."""
    against = f" against {text(found.base)}" if found.base else ""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in found.counts().items())
    blocks = [
        f"## edgerig gate: {outcome_text(found)}",
        f"Run {text(found.run)}{against}. Checks: {counts or 'none'}.",
    ]
    if comparison is not None:
        blocks += machines(comparison)
    noted = [check for outcome in ("fail", "inconclusive") for check in found.checks if check.outcome == outcome]
    if noted:
        rows = [
            [f"{_MARKS[check.outcome]} {check.outcome}", text(check.cell), check.name, text(check.message)]
            for check in noted[:SHOWN]
        ]
        blocks.append(table(["", "cell", "check", "found"], rows, [False] * 4))
    if len(noted) > SHOWN:
        blocks.append(f"and {len(noted) - SHOWN} more: see junit.xml")
    if comparison is not None:
        told_of = "\n\n".join(changes(comparison)).replace("## ", "### ")
        blocks.append(
            f"<details><summary>Compared with the baseline: {comparison_view.headline(comparison)}</summary>\n\n"
            f"{told_of}\n\n</details>"
        )
    whole = ("\n\n".join(blocks) + "\n").encode("utf-8", "backslashreplace")
    if len(whole) <= LIMIT_BYTES:
        return whole
    return ("\n\n".join(blocks[:2]) + "\n\nThe rest is too long for this page: see junit.xml\n").encode()


def outcome_text(found: GateResult) -> str:
    """The outcome in a phrase."""
    counts = found.counts()
    if found.outcome == "fail":
        return f"failed, {counts['fail']} of {len(found.checks)} checks"
    if found.outcome == "inconclusive":
        return f"inconclusive, {counts.get('inconclusive', 0)} of {len(found.checks)} checks"
    open_ = counts.get("inconclusive", 0)
    return f"passed{f', {open_} inconclusive' if open_ else ''}"
