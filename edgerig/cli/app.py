"""`edgerig`: all its commands, in the order of its help. Those that take neither a sweep nor a run stand here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from edgerig.cli import run, subcommands, sweep
from edgerig.cli.tune import tune

if TYPE_CHECKING:
    from edgerig.errors import EdgerigError

app = typer.Typer(
    help="Which build of a model should ship to which edge device? Build, run, measure, report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


def formats() -> None:
    """Show for each format, recipe and source whether it is supported, and why not."""
    from edgerig.cli import listing

    listing.formats()


def recipes() -> None:
    """Show what each quantization recipe means in each format, with its source."""
    from edgerig.cli import listing

    listing.recipes()


def clean_cache(
    keep_gib: Annotated[float, typer.Option("--keep-gib", min=0, help="Keep this much of what was used last.")],
) -> None:
    """Remove what was used longest ago from this machine's cache; what was used in the last hour stays."""
    from edgerig.cli import listing

    listing.clean(keep_gib)


def schema() -> None:
    """Print the JSON Schema of results.json."""
    from edgerig.cli import listing

    listing.schema()


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


COMMANDS: dict[str, Callable[..., None]] = {
    "sweep": sweep.sweep,
    "plan": sweep.plan,
    "report": run.report,
    "show": run.show,
    "profile": run.profile,
    "debug": run.debug,
    "tune": tune,
    "formats": formats,
    "recipes": recipes,
    "compare": run.compare,
    "gate": run.gate,
    "study": run.study,
    "clean": clean_cache,
    "schema": schema,
    "export": run.export,
    "check": check_files,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)

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
