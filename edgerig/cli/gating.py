"""`compare`, `gate` and `baseline`: what two runs, or a run and a budget, have to say to each other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edgerig import api
from edgerig.cli.say import print_table, quoted, say, table, tell_program
from edgerig.compare import baseline
from edgerig.compare.comparison import Comparison
from edgerig.compare.gate import GateResult
from edgerig.errors import ConfigError, GateFailed, GateInconclusive
from edgerig.report.comparison import html as comparison_html
from edgerig.report.comparison import markdown as comparison_markdown
from edgerig.report.comparison import view as comparison_view
from edgerig.report.files import check_file, check_folder, replace_file
from edgerig.report.gate import annotations as gate_annotations
from edgerig.report.gate import junit as gate_junit
from edgerig.report.gate import summary as gate_summary
from edgerig.report.gate import verdict as gate_verdict
from edgerig.sweep.observed import observe


def compare_runs(base: Path, new: Path, as_json: bool, out: Path | None) -> None:
    check_folder("--out", out)
    found = api.compare(base, new)
    if as_json:
        tell_program(found.model_dump_json(indent=1))
        return
    _print_matrix(found)
    into = out or _folder(new)
    replace_file(into / "compare.md", comparison_markdown.render(found))
    say(str(replace_file(into / "compare.html", comparison_html.render(found))))


def gate_run(new: Path, base: Path | None, budget: Path | None, select: list[str], out: Path | None) -> None:
    """Raises GateFailed or GateInconclusive after everything was written."""
    if base is None and budget is None:
        raise ConfigError("there is nothing to hold the run to", hint="give --baseline, --budget, or both")
    check_folder("--out", out)
    gated = api.gate(new, baseline=base, budget=budget, select=select)
    found = gated.result
    exit_code = {"pass": 0, "fail": GateFailed.exit_code, "inconclusive": GateInconclusive.exit_code}[found.outcome]
    into = out or _folder(new)
    summary = gate_summary.render(found, gated.comparison)
    replace_file(into / "junit.xml", gate_junit.render(found, gated.started))
    replace_file(into / "verdict.json", gate_verdict.render(found, exit_code))
    say(str(replace_file(into / "gate.md", summary)), err=True)
    _tell_github(found, summary)
    _print_checks(found)
    _end(found)


def update_baseline(run: Path, file: Path) -> None:
    if file.suffix != ".toml":
        raise ConfigError(f"--file {file}: a baseline is a .toml file", hint="such as baseline.toml")
    check_file("--file", file, "baseline.toml")
    found = observe(run)
    replace_file(file, baseline.render(found))
    skipped = sum(cell.status == "skipped" for cell in found.cells.values())
    say(f"{file}: {len(found.cells) - skipped} cells of run {found.run}")
    for name, cell in found.cells.items():
        if cell.status in ("failed", "skipped"):
            say(f"warning: {name} is {cell.status}: the baseline promises nothing of it", err=True)


def _folder(run: Path) -> Path:
    """Where a run's own files are, given its folder or its results.json."""
    return run if run.is_dir() else run.parent


def _tell_github(found: GateResult, summary: bytes) -> None:
    """Annotations and the job's summary, where GitHub's runner reads them."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stdout.write(gate_annotations.render(found))
        sys.stdout.flush()
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        try:
            with open(file, "ab") as stream:
                stream.write(summary)
        except OSError as error:
            raise ConfigError(
                f"GITHUB_STEP_SUMMARY={file}: cannot be written: {error.strerror}", hint="unset it outside of a job"
            ) from error


def _print_matrix(found: Comparison) -> None:
    for line in comparison_view.machine_lines(found):
        say(line)
    columns = comparison_view.metrics(found)
    shown = table("cell", "", *map(quoted, columns.values()))
    for cell in found.cells:
        if cell.metrics:
            figures = (comparison_view.short(change) for change in comparison_view.row(cell, columns))
            shown.add_row(quoted(cell.id), cell.label, *map(quoted, figures))
        else:
            shown.add_row(quoted(cell.id), cell.label, quoted(cell.reason))
    print_table(shown)
    for row in comparison_view.changed(found):
        sentence = f"{row.cell.id}: {comparison_view.name(row.metric.metric)}: {comparison_view.described(row.metric)}"
        say(f"{row.metric.label}: {sentence}")
    for one in comparison_view.operators(found):
        change = f" ({one.change})" if one.change else ""
        say(f"operator {one.what}: {one.cell}: {one.operator}: {one.base} → {one.new}{change}")
    say(comparison_view.headline(found))


def _print_checks(found: GateResult) -> None:
    for line in found.machines:
        say(line)
    noted = [*found.of("fail"), *found.of("inconclusive")]
    if noted:
        shown = table("", "cell", "check", "found")
        for check in noted:
            shown.add_row(check.outcome, quoted(check.cell), check.name, quoted(check.message))
        print_table(shown)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in found.counts().items())
    say(f"gate {gate_summary.outcome_text(found)}: {counts or 'no checks'}")


def _end(found: GateResult) -> None:
    if found.outcome == "fail":
        first = found.of("fail")[0]
        raise GateFailed(
            f"gate {gate_summary.outcome_text(found)}; the first: {first.cell}: {first.name}: {first.message}",
            hint="if the change is meant: edgerig baseline update, and commit the file",
        )
    if found.outcome == "inconclusive":
        raise GateInconclusive(
            f"gate {gate_summary.outcome_text(found)}: the data allows both",
            hint='quiet the device or raise run.repeats and run.min_seconds; inconclusive = "pass" in the budget lets '
            "it through",
        )
