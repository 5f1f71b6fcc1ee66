"""The flags of a sweep, which `sweep` and `plan` share, and what they are in a sweep's TOML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerig.cli import completion

if TYPE_CHECKING:
    from edgerig.errors import ConfigError

SweepFile = Annotated[
    Path | None, typer.Argument(help="A sweep's TOML; without one, the quickstart.", show_default=False)
]
Model = Annotated[
    list[str] | None,
    typer.Option("--model", help="A model's name, or its file.", autocompletion=completion.models),
]
Source = Annotated[list[str] | None, typer.Option("--source", help="Of models with several: torch, keras.")]
Dataset = Annotated[Path | None, typer.Option("--dataset", help="An npz (inputs, labels) for models that are files.")]
Metric = Annotated[
    list[str] | None,
    typer.Option("--metric", help="What files are evaluated by, top1, or of an output: scores=top1."),
]
Format = Annotated[
    list[str] | None, typer.Option("--format", help='See "edgerig formats".', autocompletion=completion.formats)
]
Recipe = Annotated[
    list[str] | None, typer.Option("--recipe", help='See "edgerig recipes".', autocompletion=completion.recipes)
]
Device = Annotated[
    list[str] | None, typer.Option("--device", help='See "edgerig devices".', autocompletion=completion.devices)
]
ShapeOption = Annotated[
    list[str] | None, typer.Option("--shape", help="INPUT=1x64, for axes left open; again for one input: a sweep.")
]
Threads = Annotated[list[int] | None, typer.Option("--threads", help="Threads of the runtime.")]
Processors = Annotated[
    list[str] | None,
    typer.Option("--processors", help="Those a runner is held to, as 2,3 or 0-3, or all; again: one list more."),
]
Cpus = Annotated[
    list[str] | None,
    typer.Option("--cpus", help="The same as big, little, all or 0,1; again: one more to try."),
]
EngineOption = Annotated[
    list[str] | None, typer.Option("--engine-option", help="ENGINE.KEY=VALUE, as litert.xnnpack=false.")
]
Sustained = Annotated[
    str | None, typer.Option("--sustained", help="Keep each cell inferring so long when it is timed, as 10m.")
]
Select = Annotated[list[str] | None, typer.Option("--select", help="Only cells whose id matches one of these globs.")]
Option = Annotated[list[str] | None, typer.Option("--option", help="FORMAT.KEY=VALUE, as executorch.backend=portable.")]
Trust = Annotated[
    bool | None, typer.Option("--trust", help="Also files that run code when they are opened, as TorchScript's do.")
]
Limit = Annotated[int | None, typer.Option("--limit", help="Evaluate only the first N samples.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder that gets <run-id>/.", show_default="reports")]


def newest(path: Path | None) -> Path | None:
    """The newest run in a folder of runs; any other path as it is. Run ids begin with the time."""
    if path is None:
        return None
    try:
        is_runs = path.is_dir() and not any((path / name).exists() for name in ("run.json", "results.json"))
    except (OSError, ValueError):  # a name no file can have: whoever opens it says so
        return path
    if is_runs:
        runs = [found.parent for name in ("run.json", "results.json") for found in path.glob(f"*/{name}")]
        return max(runs, key=lambda run: run.name, default=path)
    return path


_RUN = "A run's folder or results.json; of a folder of runs, the newest."
Run = Annotated[Path, typer.Argument(help=_RUN, autocompletion=completion.runs, callback=newest)]
Runs = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[RUN]...", help=_RUN, autocompletion=completion.runs, show_default=False),
]
CellOrRun = Annotated[
    str,
    typer.Argument(
        metavar="CELL | RUN",
        help="A cell's id, or a run's folder.",
        autocompletion=completion.cells,
        show_default=False,
    ),
]
OfRun = Annotated[
    str | None, typer.Argument(metavar="[CELL]", help="Of a run: the cell's id, or a glob.", show_default=False)
]
RunOrCell = Annotated[
    Path, typer.Argument(help="A run's folder, or a cell's id.", autocompletion=completion.runs, callback=newest)
]
Globs = Annotated[
    list[str] | None, typer.Argument(help="Only cells whose id matches one of these globs.", show_default=False)
]
OneDevice = Annotated[
    str | None, typer.Option("--device", help="Only this device's.", autocompletion=completion.devices)
]
Base = Annotated[Path, typer.Argument(help="A run (as NEW), or a baseline file.", callback=newest)]
BaselineOption = Annotated[
    Path | None, typer.Option("--baseline", help="A run (as NEW), or a baseline file.", callback=newest)
]


def overrides(
    *,
    options: list[str] | None = None,
    limit: int | None = None,
    processors: list[str] | None = None,
    engine: list[str] | None = None,
    shapes: list[str] | None = None,
    sustained: str | None = None,
    **keys: Any,
) -> dict[str, Any]:
    """The flags that were given, as keys of a sweep's TOML. Raises ConfigError."""
    given = {
        **keys,
        "processors": [_processors(text) for text in processors or ()],
        "engine": _engine_options(engine or []),
        "options": _options(options or []),
        "shapes": _shape_sets(shapes or []),
        "run": {key: value for key, value in {"limit": limit, "sustained_s": sustained}.items() if value is not None},
    }
    return {key: value for key, value in given.items() if value not in (None, [], {})}


def _shape_sets(given: list[str]) -> list[dict[str, list[int]]]:
    from edgerig.spec.shapes import shape_sets  # imports pydantic

    return [{name: list(shape) for name, shape in each.items()} for each in shape_sets(given)] if given else []


def _options(pairs: list[str]) -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for pair in pairs:
        format_name, key, value = _parts(pair, "--option", "FORMAT.KEY=VALUE", "executorch.backend=portable")
        table.setdefault(format_name, {})[key] = value
    return table


def _engine_options(pairs: list[str]) -> dict[str, dict[str, list[bool | int | str]]]:
    """Several values of one option are tried one after another."""
    table: dict[str, dict[str, list[bool | int | str]]] = {}
    for pair in pairs:
        name, key, value = _parts(pair, "--engine-option", "ENGINE.KEY=VALUE", "litert.xnnpack=false")
        number = int(value) if value.isascii() and value.isdigit() else value
        table.setdefault(name, {}).setdefault(key, []).append({"true": True, "false": False}.get(value, number))
    return table


def _parts(pair: str, flag: str, form: str, example: str) -> tuple[str, str, str]:
    """`NAME.KEY=VALUE` in parts. Raises ConfigError."""
    path, equals, value = pair.partition("=")
    name, dot, key = path.partition(".")
    if not (equals and dot and name and key and value):
        raise _error(f"{flag} {pair!r} is not {form}", f"such as {example}")
    return name, key, value


def _processors(text: str) -> list[int]:
    """Numbers and ranges as `taskset --cpu-list` takes them (taskset(1)), [] for "all". Raises ConfigError."""
    from edgerig.processor_list import numbers
    from edgerig.spec.cpus import ALL  # imports pydantic

    try:
        return [] if text == ALL else numbers(text)
    except ValueError:
        raise _error(f"--processors {text!r} is no list of processors", "such as 2,3 or 0-3, or all") from None


def _error(message: str, hint: str) -> ConfigError:
    from edgerig.errors import ConfigError

    return ConfigError(message, hint=hint)
