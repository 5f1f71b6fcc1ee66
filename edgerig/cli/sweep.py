"""The commands `edgerig sweep` and `edgerig plan`: a sweep's flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgerig.cli.flags import (
    Cpus,
    Dataset,
    Device,
    EngineOption,
    Format,
    Limit,
    Metric,
    Model,
    Option,
    Out,
    Processors,
    Recipe,
    Select,
    ShapeOption,
    Source,
    Sustained,
    SweepFile,
    Threads,
    Trust,
    overrides,
)


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
