"""`study`: measures what a survey's claims need, or takes runs as they are, and tells what they come to."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from edgerig import api
from edgerig.cli.flags import newest
from edgerig.cli.say import say
from edgerig.cli.sweeping import INTERRUPTED, Telling
from edgerig.errors import ConfigError
from edgerig.plan import Plan
from edgerig.report.files import check_folder, replace_file
from edgerig.study import Study, markdown, page, view

PAGE = "index.html"
"""Of a run's report, beside its results."""


@dataclass(frozen=True)
class Asked:
    """What was asked for: `runs` to conclude from, a run to finish, or `devices` to measure on; `out` is a folder."""

    runs: tuple[Path, ...] = ()
    devices: tuple[str, ...] = ()
    quick: bool = False
    resume: Path | None = None
    out: Path | None = None


def study(asked: Asked) -> None:
    """Raises ConfigError for flags that exclude each other."""
    if asked.runs and (asked.devices or asked.quick or asked.resume):
        raise ConfigError(
            "runs are concluded from as they are: --device, --quick and --resume measure something",
            hint="leave the runs out, or these flags",
        )
    if asked.resume and (asked.devices or asked.quick):
        raise ConfigError("--resume goes on with a run as it was planned", hint="leave --device and --quick out")
    check_folder("--out", asked.out)
    runs = [newest(run) or run for run in asked.runs] or [_measured(asked)]
    results = [api.read(run) for run in runs]
    folders = [run if run.is_dir() else run.parent for run in runs]
    into = asked.out or folders[0]
    found = api.study(results)
    reports = dict(zip((each.run.id for each in results), _addresses(folders, into), strict=True))
    reports = {run: address for run, address in reports.items() if address}
    replace_file(into / "study.md", markdown.render(found, reports))
    written = replace_file(into / "study.html", page.render(found, reports))
    _tell(found)
    say(str(written))


def _measured(asked: Asked) -> Path:
    what: Plan | Path = asked.resume or api.study_plan(asked.devices, quick=asked.quick)
    try:
        with Telling() as telling:
            return api.sweep(what, observer=telling, command=["edgerig", *sys.argv[1:]]).path
    except KeyboardInterrupt:
        say("or, to end in a study: edgerig study --resume with that folder", err=True)
        sys.exit(INTERRUPTED)


def _addresses(folders: Sequence[Path], into: Path) -> list[str]:
    """Of each run's page, relative to the folder the study is written to; "" where there is none."""
    return [
        quote(Path(os.path.relpath(folder / PAGE, into)).as_posix()) if (folder / PAGE).is_file() else ""
        for folder in folders
    ]


def _tell(found: Study) -> None:
    for finding in found.findings:
        say(finding.claim.says)
        say(f"  {view.said(finding)}")
        say(f"  tested: {finding.claim.tested}")
        say(f"  evidence: {view.counts(finding)}")
        for line in finding.missing:
            say(f"  wanted and not there: {line}")
