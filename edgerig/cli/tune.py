"""The command `edgerig tune` and its flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgerig.cli import completion
from edgerig.cli.flags import Dataset, Format, Metric, Option, Out, Source, Threads, overrides


def tune(
    model: Annotated[str, typer.Argument(help="A model's name, or its file.", autocompletion=completion.models)],
    device: Annotated[
        str | None,
        typer.Option("--device", help="Of which it is to be the best.", autocompletion=completion.devices),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", help="A sweep's TOML: how it times and builds, its budget, its recipes."),
    ] = None,
    source: Source = None,
    dataset: Dataset = None,
    metric: Metric = None,
    format: Format = None,
    threads: Threads = None,
    option: Option = None,
    accuracy_drop: Annotated[
        float | None, typer.Option("--accuracy-drop", help="At most, against fp32: 0.01 is one point.")
    ] = None,
    latency_ms: Annotated[float | None, typer.Option("--latency-ms", help="The median on the device at most.")] = None,
    size_bytes: Annotated[int | None, typer.Option("--size-bytes", help="The file at most.")] = None,
    agreement: Annotated[
        float | None, typer.Option("--agreement", help="Without an accuracy: share of the float network's answers.")
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Variants to build, of all formats together.")] = 24,
    finalists: Annotated[int, typer.Option("--finalists", min=1, help="Variants the device decides among.")] = 3,
    out: Out = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False,
) -> None:
    """Find the best variant of a model for a device under a budget; given again, it goes on where it was.

    Chosen on a validation split, measured once on the test data. Exit code 0, or 1 when nothing keeps the budget.
    """
    from edgerig.cli import tuning

    flags = overrides(
        models=[model],
        devices=[device] if device else None,
        sources=source,
        dataset=dataset,
        metric=metric,
        formats=format,
        threads=threads,
        options=option,
        out=out,
    )
    limits = {
        "accuracy_drop": accuracy_drop,
        "latency_p50_ms": latency_ms,
        "size_bytes": size_bytes,
        "agreement": agreement,
    }
    budget = {key: value for key, value in limits.items() if value is not None}
    flags |= {"budget": budget} if budget else {}
    tuning.tune(settings, flags, tuning.Asked(trials, finalists, json))
