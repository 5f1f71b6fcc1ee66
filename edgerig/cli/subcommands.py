"""The commands that have commands of their own: `baseline`, `models`, `devices`, `history`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edgerig.cli import completion
from edgerig.cli.flags import Run
from edgerig.device_kinds import KINDS

baseline_app = typer.Typer(help="Record what later runs are held to.", no_args_is_help=True)


@baseline_app.command()
def update(
    run: Run,
    file: Annotated[Path, typer.Option("--file", help="The baseline to write.")] = Path("baseline.toml"),
) -> None:
    """Record a run as the baseline, in a text file to review and commit."""
    from edgerig.cli import gating

    gating.update_baseline(run, file)


models_app = typer.Typer(help="List the models, look at one, or fetch its files.", no_args_is_help=False)
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
_ADDRESSES = ", ".join(kind.address for kind in KINDS.values() if kind.address)
DeviceName = Annotated[str, typer.Argument(help=f"A device file's name, or an address ({_ADDRESSES}).")]


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
def provision(
    name: DeviceName,
    source: Annotated[
        Path | None, typer.Option("--from", help="A folder of the runtimes' wheels: nothing is downloaded.")
    ] = None,
) -> None:
    """Make what runs on the device, wheels or a bundle, and bring it there; nothing is pushed when it is there."""
    from edgerig.cli import devices as commands

    commands.provision(name, source)


@devices_app.command()
def bundle(
    arch: Annotated[str | None, typer.Argument(help="aarch64 or x86_64.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write it to this file, for another host.")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="Take it from such a file instead.")] = None,
    wheel: Annotated[
        bool, typer.Option("--wheel", help="Write it as a package for pip, into the folder --to.")
    ] = False,
) -> None:
    """Build what runs on a device, or carry it from a host that can build it to one that cannot."""
    from edgerig.cli import devices as commands

    commands.bundle(arch, to, source, wheel)


@devices_app.command()
def doctor(name: Annotated[str | None, typer.Argument(help="One device; without it, all.")] = None) -> None:
    """Say what is missing on this host and on the device, and the command that puts it right."""
    from edgerig.cli import devices as commands

    commands.doctor(name)


@devices_app.command()
def tune(
    name: DeviceName,
    reset: Annotated[bool, typer.Option("--reset", help="Put back what was set.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Set nothing.")] = False,
) -> None:
    """Hold a device's clock for measuring, as far as it lets you, and say of each knob what it is and what to do."""
    from edgerig.cli import devices as commands

    commands.tune(name, reset, show)


@devices_app.command()
def clean(
    name: DeviceName,
    keep_mib: Annotated[int, typer.Option("--keep-mib", min=0, help="Keep this much of what was used last.")] = 0,
) -> None:
    """Remove what earlier sweeps left on the device: stored files, and bundles no longer used."""
    from edgerig.cli import devices as commands

    commands.clean(name, keep_mib)


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
        typer.Option(help="The figure to follow, such as memory; a name that is none is told all there are."),
    ] = "latency_p50_ms",
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page, one file for offline reading.")] = None,
) -> None:
    """A trend per cell over the runs, and where its level changed."""
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
