"""`edgerig check`: what goes into an app, a verdict per file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from edgerig.check import files, targets
from edgerig.check.verdicts import FileReport, Finding, Verdict
from edgerig.cli.check_write import Wanted, write
from edgerig.cli.say import print_table, quoted, table, tell_program
from edgerig.errors import CheckFailed, ConfigError

_ROWS = 30
"""Findings of one file in the table; --json has all."""
_COLORS = {Verdict.OK: "green", Verdict.NOTE: "yellow", Verdict.FAILS: "red", Verdict.UNREADABLE: "red"}


def check(paths: list[Path], runtimes: list[str], as_json: bool, wanted: Wanted) -> None:
    """Raises ConfigError when a file cannot be read, CheckFailed when one fails. What is wanted is written first."""
    asked = targets.parse(runtimes)
    wanted.check(paths)
    if wanted.anything:
        paths = [write(paths[0], wanted)]
    reports = [files.check(path, asked) for path in paths]
    if as_json:
        tell_program(_json(reports))
    else:
        _print(reports)
    counts = Counter(report.verdict for report in reports)
    if counts[Verdict.UNREADABLE]:
        raise ConfigError(f"{counts[Verdict.UNREADABLE]} of {len(reports)} files could not be checked")
    if counts[Verdict.FAILS]:
        raise CheckFailed(f"{counts[Verdict.FAILS]} of {len(reports)} files fail", hint="each finding says its fix")


def _print(reports: list[FileReport]) -> None:
    shown = table("file", "verdict", "found", "fix")
    for report in reports:
        color = _COLORS[report.verdict]
        verdict = f"[{color}]{report.verdict.word}[/{color}]"
        if len(report.findings) == 1:
            only = report.findings[0]
            shown.add_row(quoted(report.path), verdict, quoted(f"{report.kind}: {_line(only)}"), quoted(only.fix))
            continue
        shown.add_row(quoted(report.path), verdict, quoted(_summary(report)), "")
        said = [finding for finding in report.findings if finding.verdict is not Verdict.OK or len(report.findings) < 6]
        said.sort(key=lambda finding: -finding.verdict)
        for finding in said[:_ROWS]:
            shown.add_row("", finding.verdict.word, quoted(_line(finding)), quoted(finding.fix))
        if len(said) > _ROWS:
            shown.add_row("", "", f"and {len(said) - _ROWS} more: --json has all", "")
    print_table(shown)


def _summary(report: FileReport) -> str:
    """Android app: 16 KB pages 3 ok, 1 fails; operators 1 ok."""
    counts: dict[str, Counter[Verdict]] = {}
    for finding in report.findings:
        counts.setdefault(finding.check, Counter())[finding.verdict] += 1
    parts = [
        f"{check} {', '.join(f'{number} {verdict.word}' for verdict, number in sorted(found.items()))}"
        for check, found in counts.items()
    ]
    return f"{report.kind}: {'; '.join(parts)}"


def _line(finding: Finding) -> str:
    return f"{finding.where}: {finding.what}" if finding.where else finding.what


def _json(reports: list[FileReport]) -> str:
    shown = [
        {
            "path": report.path,
            "kind": report.kind,
            "verdict": report.verdict.word,
            "findings": [
                {
                    "verdict": finding.verdict.word,
                    "check": finding.check,
                    "where": finding.where,
                    "what": finding.what,
                    "fix": finding.fix,
                }
                for finding in report.findings
            ],
        }
        for report in reports
    ]
    return json.dumps({"files": shown}, indent=2)
