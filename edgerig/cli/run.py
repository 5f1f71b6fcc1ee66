"""The commands that read runs, compare them, or look into them once more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgerig.cli import completion
from edgerig.cli.flags import (
    Base,
    BaselineOption,
    CellOrRun,
    Device,
    Globs,
    OfRun,
    OneDevice,
    Run,
    RunOrCell,
    Runs,
)


def report(
    run: Run,
) -> None:
    """Rebuild every report of a run from its raw runs."""
    from edgerig.cli import sweeping

    sweeping.rebuild(run)


def show(
    run: Run,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, one row a decision.")] = False,
    accuracy_drop: Annotated[
        float | None, typer.Option("--accuracy-drop", help="Instead of the run's budget: 0.01 is one point.")
    ] = None,
    latency_p50_ms: Annotated[float | None, typer.Option("--latency-p50-ms", help="The median at most.")] = None,
    size_bytes: Annotated[int | None, typer.Option("--size-bytes", help="The file at most.")] = None,
    agreement: Annotated[
        float | None, typer.Option("--agreement", help="Without an accuracy: share of the float network's answers.")
    ] = None,
    relative_error: Annotated[
        float | None, typer.Option("--relative-error", help="Of the worst output, at most.")
    ] = None,
    rank: Annotated[
        str | None, typer.Option("--rank", help="By which time: latency, or sustained (after minutes of work).")
    ] = None,
) -> None:
    """Print which variant of each model to ship to which device, and why.

    Exit code 0 when every model has one on every device, 1 when some has none, 2 when the results cannot be read.
    """
    from edgerig.cli import showing

    limits = {
        "accuracy_drop": accuracy_drop,
        "latency_p50_ms": latency_p50_ms,
        "size_bytes": size_bytes,
        "agreement": agreement,
        "relative_error": relative_error,
        "rank": rank,
    }
    changed = {key: value for key, value in limits.items() if value is not None}
    showing.show(run, showing.form_of(json, csv), changed)


def profile(
    run: RunOrCell,
    cells: Globs = None,
    device: OneDevice = None,
    again: Annotated[bool, typer.Option("--again", help="Also cells that have a profile.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
) -> None:
    """Look into the inferences of a run's cells, operator by operator, on their devices; writes its reports anew.

    Exit code 0, or 1 when one of the cells has no profile: the reason is said.
    """
    from edgerig.cli import profile as profiling

    profiling.profile(run, cells or [], device, again=again, as_json=json)


def debug(
    first: CellOrRun,
    second: OfRun = None,
    model: Annotated[str | None, typer.Option("--model", help="The model's file, where its name is not known.")] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, max=4096, help="Of the evaluation data.")] = 32,
    threshold: Annotated[
        float, typer.Option("--threshold", min=-200, max=200, help="SQNR in dB: 20 is a relative error of 0.1.")
    ] = 20.0,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page: SQNR over depth.")] = None,
) -> None:
    """Tell which layer of a quantized cell loses what its float twin has, and what to do about it."""
    from edgerig.cli import debug as debugging

    debugging.debug(first, second, debugging.Asked(model, samples, threshold, json, html))


Into = Annotated[Path | None, typer.Option("--out", help="Folder for the files.", show_default="the run's folder")]


def compare(
    base: Base,
    new: Run,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts; writes no files.")] = False,
    out: Into = None,
) -> None:
    """Tell what changed from one run to another and how sure that is; writes compare.html and compare.md."""
    from edgerig.cli import gating

    gating.compare_runs(base, new, json, out)


def gate(
    new: Run,
    baseline: BaselineOption = None,
    budget: Annotated[Path | None, typer.Option("--budget", help="A budget's TOML.")] = None,
    select: Annotated[list[str] | None, typer.Option("--select", help="Hold only these cells to it (globs).")] = None,
    out: Into = None,
) -> None:
    """Pass (0), fail (7) or be inconclusive (8); writes junit.xml, verdict.json and gate.md."""
    from edgerig.cli import gating

    gating.gate_run(new, baseline, budget, select or ["*"], out)


def study(
    runs: Runs = None,
    device: Device = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="digits_cnn alone, in one process: tells runtimes, int8 times, ONNX; no sizes, no inputs.",
        ),
    ] = False,
    resume: Annotated[Path | None, typer.Option("--resume", help="Finish this run of a study's.")] = None,
    out: Into = None,
) -> None:
    """TensorFlow or PyTorch: hold a survey's claims against measured cells; writes study.html and study.md.

    Without a run it measures what the claims need; with runs it concludes from these alone. A cell that fails is a
    finding, and no error.
    """
    from edgerig.cli import studying

    studying.study(studying.Asked(tuple(runs or ()), tuple(device or ()), quick, resume, out))


def export(
    run: Run,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="The form, such as tensorboard or csv; a name that is none is told all there are.",
            autocompletion=completion.exports,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="File or folder to write.", show_default="export/ in the run's folder")
    ] = None,
) -> None:
    """Write a run in the form another tool reads."""
    from edgerig.cli import exporting

    exporting.export(run, to, out)
