"""The flags of a sweep, which `sweep` and `plan` share, and what they are in a sweep's TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgerig.cli import completion

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
    list[str] | None, typer.Option("--format", help='See "edgerig formats".', autocompletion=completion.formats)
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


def _newest(path: Path | None) -> Path | None:
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
Run = Annotated[Path, typer.Argument(help=_RUN, autocompletion=completion.runs, callback=_newest)]
Base = Annotated[Path, typer.Argument(help="A run (as NEW), or a baseline file.", callback=_newest)]
BaselineOption = Annotated[
    Path | None, typer.Option("--baseline", help="A run (as NEW), or a baseline file.", callback=_newest)
]


def overrides(*, options: list[str] | None = None, limit: int | None = None, **keys: Any) -> dict[str, Any]:
    """The flags that were given, as keys of a sweep's TOML. Raises ConfigError."""
    given = {
        **keys,
        "options": _options(options) if options else None,
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
