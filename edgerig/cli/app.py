"""`edgerig`: the commands and their flags."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edgerig.cli import completion

app = typer.Typer(
    help="Which build of a model should ship to which edge device? Build, run, measure, report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

SweepFile = Annotated[
    Path | None, typer.Argument(help="A sweep's TOML; without one, the quickstart.", show_default=False)
]
Model = Annotated[
    list[str] | None,
    typer.Option("--model", help="A model's name, or its file.", autocompletion=completion.models),
]
Source = Annotated[list[str] | None, typer.Option("--source", help="Of models with several: torch, keras.")]
Dataset = Annotated[Path | None, typer.Option("--dataset", help="An npz (inputs, labels) for models that are files.")]
Format = Annotated[
    list[str] | None, typer.Option("--format", help="tflite, executorch, onnx.", autocompletion=completion.formats)
]
Recipe = Annotated[
    list[str] | None, typer.Option("--recipe", help='See "edgerig recipes".', autocompletion=completion.recipes)
]
Device = Annotated[
    list[str] | None, typer.Option("--device", help='See "edgerig devices".', autocompletion=completion.devices)
]
Threads = Annotated[list[int] | None, typer.Option("--threads", help="Threads of the runtime.")]
Select = Annotated[list[str] | None, typer.Option("--select", help="Only cells whose id matches one of these globs.")]
Option = Annotated[list[str] | None, typer.Option("--option", help="FORMAT.KEY=VALUE, as executorch.backend=portable.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Evaluate only the first N samples.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder that gets <run-id>/.", show_default="reports")]


@app.command()
def sweep(
    file: SweepFile = None,
    model: Model = None,
    source: Source = None,
    dataset: Dataset = None,
    format: Format = None,
    recipe: Recipe = None,
    device: Device = None,
    threads: Threads = None,
    select: Select = None,
    option: Option = None,
    limit: Limit = None,
    out: Out = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Finish this run's folder; takes no other flag.")
    ] = None,
) -> None:
    """Build every variant, run every cell, write the reports. Lists repeat: --model a --model b."""
    from edgerig.cli import sweeping

    flags = _overrides(model, source, dataset, format, recipe, device, threads, select, option, limit, out)
    if resume is not None:
        if file is not None or flags:
            from edgerig.errors import ConfigError

            raise ConfigError(
                "--resume takes no other flag: a run goes on as it was planned",
                hint="leave the others out, or start a new sweep",
            )
        sweeping.resume(resume)
    else:
        sweeping.start(file, flags)


@app.command()
def plan(
    file: SweepFile = None,
    model: Model = None,
    source: Source = None,
    dataset: Dataset = None,
    format: Format = None,
    recipe: Recipe = None,
    device: Device = None,
    threads: Threads = None,
    select: Select = None,
) -> None:
    """Print the cells a sweep would run, one id a line; unsupported ones go to stderr with their reason."""
    from edgerig.cli import listing

    listing.cells(file, _overrides(model, source, dataset, format, recipe, device, threads, select, None, None, None))


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A run's folder.", autocompletion=completion.runs)],
) -> None:
    """Rebuild every report of a run from its raw runs."""
    from edgerig.cli import sweeping

    sweeping.rebuild(run)


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="A run's folder, or its results.json.", autocompletion=completion.runs)],
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, one row a decision.")] = False,
    accuracy_drop: Annotated[
        float | None, typer.Option("--accuracy-drop", help="Instead of the run's budget: 0.01 is one point.")
    ] = None,
    latency_p50_ms: Annotated[float | None, typer.Option("--latency-p50-ms", help="The median at most.")] = None,
    size_bytes: Annotated[int | None, typer.Option("--size-bytes", help="The file at most.")] = None,
) -> None:
    """Print which variant of each model to ship to which device, and why.

    Exit code 0 when every model has one on every device, 1 when some has none, 2 when the results cannot be read.
    """
    from edgerig.cli import showing

    limits = {"accuracy_drop": accuracy_drop, "latency_p50_ms": latency_p50_ms, "size_bytes": size_bytes}
    changed = {key: value for key, value in limits.items() if value is not None}
    showing.show(run, showing.form_of(json, csv), changed)


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


Baseline = Annotated[Path, typer.Argument(help="A run's folder, or a baseline file.")]
Into = Annotated[Path | None, typer.Option("--out", help="Folder for the files.", show_default="the run's folder")]


@app.command()
def compare(
    base: Baseline,
    new: Annotated[Path, typer.Argument(help="A run's folder.")],
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts; writes no files.")] = False,
    out: Into = None,
) -> None:
    """Tell what changed from one run to another and how sure that is; writes compare.html and compare.md."""
    from edgerig.cli import gating

    gating.compare_runs(base, new, json, out)


@app.command()
def gate(
    new: Annotated[Path, typer.Argument(help="A run's folder.")],
    baseline: Annotated[Path | None, typer.Option("--baseline", help="A run's folder, or a baseline file.")] = None,
    budget: Annotated[Path | None, typer.Option("--budget", help="A budget's TOML.")] = None,
    select: Annotated[list[str] | None, typer.Option("--select", help="Hold only these cells to it (globs).")] = None,
    out: Into = None,
) -> None:
    """Pass (0), fail (7) or be inconclusive (8); writes junit.xml, verdict.json and gate.md."""
    from edgerig.cli import gating

    gating.gate_run(new, baseline, budget, select or ["*"], out)


baseline_app = typer.Typer(help="Record what later runs are held to.", no_args_is_help=True)
app.add_typer(baseline_app, name="baseline")


@baseline_app.command()
def update(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    file: Annotated[Path, typer.Option("--file", help="The baseline to write.")] = Path("baseline.toml"),
) -> None:
    """Record a run as the baseline, in a text file to review and commit."""
    from edgerig.cli import gating

    gating.update_baseline(run, file)


models_app = typer.Typer(help="List the models, look at one, or fetch its files.", no_args_is_help=False)
app.add_typer(models_app, name="models")
ModelName = Annotated[
    str, typer.Argument(help="A model's name, its folder, or a model's file.", autocompletion=completion.models)
]


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the models: your own folder ./models first, then the shipped ones."""
    if context.invoked_subcommand is None:
        from edgerig.cli import models as commands

        commands.listing()


@models_app.command("show")
def card(
    name: ModelName,
    source: Annotated[str | None, typer.Option("--source", help="Which of its sources to count in.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
) -> None:
    """Print a model's card: size, layers, tensors, files, published and last measured figures."""
    from edgerig.cli import models as commands

    commands.show(name, source, json)


@models_app.command()
def fetch(
    name: ModelName,
    mirror: Annotated[
        Path | None, typer.Option("--from", help="A folder that holds the files, at any depth; nothing is downloaded.")
    ] = None,
) -> None:
    """Bring a model's files into the cache; each is accepted by its sha256 alone."""
    from edgerig.cli import models as commands

    commands.fetch(name, mirror)


devices_app = typer.Typer(help="List the devices, or look at one and make it ready.", no_args_is_help=False)
app.add_typer(devices_app, name="devices")
DeviceName = Annotated[str, typer.Argument(help="A device file's name, or an address (ssh://…, adb:SERIAL).")]


@devices_app.callback(invoke_without_command=True)
def devices(context: typer.Context) -> None:
    """List the devices: your own folder ./devices first, then the shipped ones."""
    if context.invoked_subcommand is None:
        from edgerig.cli import devices as commands

        commands.listing()


@devices_app.command()
def probe(
    name: DeviceName, json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False
) -> None:
    """Reach a device and print what it is and the state it is in."""
    from edgerig.cli import devices as commands

    commands.probe(name, json)


@devices_app.command()
def provision(name: DeviceName) -> None:
    """Build the device's bundle and bring it there; nothing is pushed when it is already there."""
    from edgerig.cli import devices as commands

    commands.provision(name)


@devices_app.command()
def doctor(name: Annotated[str | None, typer.Argument(help="One device; without it, all.")] = None) -> None:
    """Say what is missing on this host and on the device, and the command that mends it."""
    from edgerig.cli import devices as commands

    commands.doctor(name)


@devices_app.command()
def clean(
    name: DeviceName,
    keep_mib: Annotated[int, typer.Option("--keep-mib", min=0, help="Keep this much of what was used last.")] = 0,
) -> None:
    """Remove what earlier sweeps left in the device's store."""
    from edgerig.cli import devices as commands

    commands.clean(name, keep_mib)


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


class _ModelOrCommand(TyperGroup):
    """`history MODEL` is `history show MODEL`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[:1] and args[0] not in {*self.commands, "--help"}
        return super().parse_args(ctx, ["show", *args] if first else args)


history_app = typer.Typer(
    cls=_ModelOrCommand,
    no_args_is_help=True,
    help="Trends of a model over runs: `edgerig history MODEL` (or `history show MODEL`), and `history add RUN…`.",
)
app.add_typer(history_app, name="history")
Runs = Annotated[
    list[Path], typer.Argument(help="Runs' folders, or their results.json.", autocompletion=completion.runs)
]


@history_app.command("show")
def history_show(
    model: Annotated[str, typer.Argument(help="A model's name.", autocompletion=completion.models)],
    at: Annotated[str, typer.Option("--at", help="The history's folder, or an fsspec URL.")] = "reports/history",
    cell: Annotated[
        list[str] | None,
        typer.Option("--cell", help="Only cells whose id matches this glob.", autocompletion=completion.cells),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(help="latency_p50_ms, size_bytes, accuracy, instructions, memory."),
    ] = "latency_p50_ms",
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page, one file for offline reading.")] = None,
) -> None:
    """A trend a cell over the runs, and where its level changed."""
    from edgerig.cli import history

    history.show(model, at, cell or [], metric, json, html)


@history_app.command("add")
def history_add(
    runs: Runs,
    to: Annotated[
        str | None, typer.Option("--to", help="Folder or fsspec URL.", show_default="history/ beside the run")
    ] = None,
) -> None:
    """Add runs to a history. A run that is in it already is replaced."""
    from edgerig.cli import history

    history.add(runs, to)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A run's folder.", autocompletion=completion.runs)],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="tensorboard, mlflow, litert, pytorch, csv, parquet.",
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


def _version(wanted: bool) -> None:
    if wanted:
        from edgerig import __version__

        typer.echo(f"edgerig {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


def _overrides(
    model: list[str] | None,
    source: list[str] | None,
    dataset: Path | None,
    format: list[str] | None,
    recipe: list[str] | None,
    device: list[str] | None,
    threads: list[int] | None,
    select: list[str] | None,
    option: list[str] | None,
    limit: int | None,
    out: Path | None,
) -> dict[str, Any]:
    """The flags that were given, as keys of a sweep's TOML."""
    given = {
        "models": model,
        "sources": source,
        "dataset": dataset,
        "formats": format,
        "recipes": recipe,
        "devices": device,
        "threads": threads,
        "select": select,
        "out": out,
        "options": _options(option) if option else None,
        "run": None if limit is None else {"limit": limit},
    }
    return {key: value for key, value in given.items() if value not in (None, [])}


def _options(pairs: list[str]) -> dict[str, dict[str, str]]:
    from edgerig.errors import ConfigError

    table: dict[str, dict[str, str]] = {}
    for pair in pairs:
        path, equals, value = pair.partition("=")
        format_name, dot, key = path.partition(".")
        if not (equals and dot and key and value):
            raise ConfigError(f"--option {pair!r} is not FORMAT.KEY=VALUE", hint="such as executorch.backend=portable")
        table.setdefault(format_name, {})[key] = value
    return table


def main() -> None:
    """The entry point: the only place that turns an error into an exit code."""
    from edgerig.errors import EdgerigError

    try:
        app()
    except EdgerigError as error:
        for line in error.message.splitlines():
            typer.echo(f"error: {line}", err=True)
        if error.hint:
            typer.echo(f"hint: {error.hint}", err=True)
        sys.exit(error.exit_code)
