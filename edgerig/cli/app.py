"""`edgerig`: the commands and their flags."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from edgerig.cli import completion, subcommands
from edgerig.cli.flags import (
    Base,
    BaselineOption,
    CellOrRun,
    Cpus,
    Dataset,
    Device,
    EngineOption,
    Format,
    Globs,
    Limit,
    Metric,
    Model,
    OfRun,
    OneDevice,
    Option,
    Out,
    Processors,
    Recipe,
    Run,
    RunOrCell,
    Runs,
    Select,
    ShapeOption,
    Source,
    Sustained,
    SweepFile,
    Threads,
    Trust,
    overrides,
)
from edgerig.cli.tune import tune

if TYPE_CHECKING:
    from edgerig.errors import EdgerigError

app = typer.Typer(
    help="Which build of a model should ship to which edge device? Build, run, measure, report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


@app.command()
def sweep(
    file: SweepFile = None,
    model: Model = None,
    source: Source = None,
    shape: ShapeOption = None,
    dataset: Dataset = None,
    metric: Metric = None,
    format: Format = None,
    recipe: Recipe = None,
    device: Device = None,
    threads: Threads = None,
    processors: Processors = None,
    cpus: Cpus = None,
    engine_option: EngineOption = None,
    select: Select = None,
    option: Option = None,
    trust: Trust = None,
    limit: Limit = None,
    sustained: Sustained = None,
    out: Out = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Finish this run's folder; takes no other flag but --no-wait.")
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="End at once when another sweep is at work on a device.")
    ] = False,
) -> None:
    """Build every variant, run every cell, write the reports. Lists repeat: --model a --model b."""
    from edgerig.cli import sweeping

    flags = overrides(
        models=model,
        sources=source,
        shapes=shape,
        dataset=dataset,
        metric=metric,
        formats=format,
        recipes=recipe,
        devices=device,
        threads=threads,
        processors=processors,
        cpus=cpus,
        engine=engine_option,
        select=select,
        options=option,
        trust=trust,
        limit=limit,
        sustained=sustained,
        out=out,
    )
    if resume is not None:
        if file is not None or flags:
            from edgerig.errors import ConfigError

            raise ConfigError(
                "--resume takes no other flag: a run goes on as it was planned",
                hint="leave the others out, or start a new sweep",
            )
        sweeping.resume(resume, wait=not no_wait)
    else:
        sweeping.start(file, flags, wait=not no_wait)


@app.command()
def plan(
    file: SweepFile = None,
    model: Model = None,
    source: Source = None,
    shape: ShapeOption = None,
    dataset: Dataset = None,
    metric: Metric = None,
    format: Format = None,
    recipe: Recipe = None,
    device: Device = None,
    threads: Threads = None,
    processors: Processors = None,
    cpus: Cpus = None,
    engine_option: EngineOption = None,
    select: Select = None,
    trust: Trust = None,
) -> None:
    """Print the cells a sweep would run, one id per line; unsupported ones go to stderr with their reason."""
    from edgerig.cli import listing

    flags = overrides(
        models=model,
        sources=source,
        shapes=shape,
        dataset=dataset,
        metric=metric,
        formats=format,
        recipes=recipe,
        devices=device,
        threads=threads,
        processors=processors,
        cpus=cpus,
        engine=engine_option,
        select=select,
        trust=trust,
    )
    listing.cells(file, flags)


@app.command()
def report(
    run: Run,
) -> None:
    """Rebuild every report of a run from its raw runs."""
    from edgerig.cli import sweeping

    sweeping.rebuild(run)


@app.command()
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


@app.command()
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


@app.command()
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


app.command()(tune)


@app.command()
def formats() -> None:
    """Show for each format, recipe and source whether it is supported, and why not."""
    from edgerig.cli import listing

    listing.formats()


@app.command()
def recipes() -> None:
    """Show what each quantization recipe means in each format, with its source."""
    from edgerig.cli import listing

    listing.recipes()


Into = Annotated[Path | None, typer.Option("--out", help="Folder for the files.", show_default="the run's folder")]


@app.command()
def compare(
    base: Base,
    new: Run,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts; writes no files.")] = False,
    out: Into = None,
) -> None:
    """Tell what changed from one run to another and how sure that is; writes compare.html and compare.md."""
    from edgerig.cli import gating

    gating.compare_runs(base, new, json, out)


@app.command()
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


@app.command()
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


@app.command("clean")
def clean_cache(
    keep_gib: Annotated[float, typer.Option("--keep-gib", min=0, help="Keep this much of what was used last.")],
) -> None:
    """Remove what was used longest ago from this machine's cache; what was used in the last hour stays."""
    from edgerig.cli import listing

    listing.clean(keep_gib)


@app.command()
def schema() -> None:
    """Print the JSON Schema of results.json."""
    from edgerig.cli import listing

    listing.schema()


@app.command()
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


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(help="Libraries, apps, wheels and models.", show_default=False)],
    runtime: Annotated[
        list[str] | None,
        typer.Option("--runtime", help="What it is to run in: tflite=2.14.0, onnxruntime=1.20, executorch=1.5.1."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    set_labels: Annotated[
        Path | None, typer.Option("--set-labels", help="Write these labels, one per line, into the .tflite.")
    ] = None,
    normalization: Annotated[
        str | None, typer.Option("--normalization", help="Write MEAN,STD of the input; per channel 1:2:3,4:5:6.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The new .tflite.")] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Instead of --out: replace the .tflite.")] = False,
) -> None:
    """Check what goes into an app: 16 KB pages, 64 bits, operators, metadata. Exit code 0, or 10 when a file fails."""
    from edgerig.cli import check
    from edgerig.cli.check_write import Wanted

    check.check(files, runtime or [], json, Wanted(set_labels, normalization, out, in_place))


for _group, _name in (
    (subcommands.baseline_app, "baseline"),
    (subcommands.models_app, "models"),
    (subcommands.devices_app, "devices"),
    (subcommands.history_app, "history"),
):
    app.add_typer(_group, name=_name)


def _version(wanted: bool) -> None:
    if wanted:
        from edgerig import __version__

        typer.echo(f"edgerig {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    from edgerig.quiet import be_quiet

    be_quiet()


def main() -> None:
    """The entry point: the only place that turns an error into an exit code."""
    from edgerig.cli import start
    from edgerig.errors import EdgerigError

    start.prepare()
    try:
        app()
    except EdgerigError as error:
        _end(error)
    except (Exception, RecursionError) as error:
        _end(start.unforeseen(error))


def _end(error: EdgerigError) -> NoReturn:
    from edgerig.cli.say import say

    for line in error.message.splitlines():
        say(f"error: {line}", err=True)
    if error.hint:
        say(f"hint: {error.hint}", err=True)
    sys.exit(error.exit_code)
