"""The cells of a sweep: its models, variants and placements, multiplied."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Collection, Iterator

from edgerig.errors import ConfigError, NothingSelected
from edgerig.plan.cell import Cell, Placement, Plan, Variant
from edgerig.plan.refused import refused, why_not_built
from edgerig.spec import (
    AS_IS,
    Device,
    DeviceSpec,
    FormatName,
    ModelSpec,
    RunSettings,
    Shapes,
    Source,
    SweepSpec,
    apart,
    engine_on,
    has_no_folder,
    load_device,
    load_engines,
    load_formats,
    load_models,
    load_recipes,
    nearest,
    parse,
    split_entry,
    written_shape,
)


def sweep_of(cell: str) -> SweepSpec:
    """The sweep of that cell alone, run shortly: it is asked for what no timing is needed for. Raises ConfigError for
    what is no cell's id, or one whose placement is more than a device and threads."""
    variant, _, place = cell.partition("@")
    device, _, threads = place.partition("/t")
    for format_name, recipe in itertools.product(load_formats(), (*load_recipes(), AS_IS)):
        model_id = variant.removesuffix(f"-{format_name}-{recipe}")
        model, _, source = model_id.rpartition("-")
        if model_id != variant and model and device and threads.isdecimal():
            wanted = {"sources": (source,), "formats": (format_name,), "devices": (device,), "threads": (int(threads),)}
            run = RunSettings(repeats=1, attempts=1, min_seconds=0.1, min_runs=20, profile="always", limit=10)
            recipes = {} if recipe == AS_IS else {"recipes": (recipe,)}
            return parse(SweepSpec, {"models": (model,), "select": (cell,), "run": run, **wanted, **recipes}, cell)
    raise ConfigError(
        f"{cell!r} is no cell that can be run by its id alone", hint="such as digits_cnn-torch-tflite-fp32@local/t1"
    )


def make_plan(sweep: SweepSpec) -> Plan:
    """Resolves every name and lays out the cells; a model that none of them is of is left out. Raises ConfigError or
    NothingSelected."""
    models, offered = _models(sweep)
    devices: dict[str, DeviceSpec] = {}
    for name in sweep.devices:
        device = load_device(name)
        if device.name in devices and devices[device.name] != device:
            raise ConfigError(f'two devices are called "{device.name}"', hint="give one of them another name")
        devices[device.name] = device
    cells = tuple(
        cell
        for model in models.values()
        for format_name, recipe, reason in _variants(model, sweep, offered[model.id])
        for device in devices.values()
        for placement in _placements(device, format_name, sweep)
        if _selected(
            cell := _cell(
                Variant(model=model.shaped_name, source=model.source, format=format_name, recipe=recipe),
                placement,
                device,
                reason,
            ),
            sweep.select,
        )
    )
    if not cells:
        raise NothingSelected(
            f"no cell matches select = {list(sweep.select)}", hint='"edgerig plan" without --select lists every id'
        )
    used = {cell.model_id for cell in cells}
    return Plan(
        sweep=sweep,
        models={name: model for name, model in models.items() if name in used},
        devices=devices,
        cells=cells,
    )


def _models(sweep: SweepSpec) -> tuple[dict[str, ModelSpec], dict[str, Collection[Source]]]:
    """By id, each model in the sweep's sources (none named: in its main one), and all the sources it is offered in."""
    models: dict[str, ModelSpec] = {}
    sources: dict[str, Collection[Source]] = {}
    taken: dict[str, str] = {}
    for name in sweep.models:
        offered = load_models(name, sweep.dataset, quantize=sweep.names_recipes, metric=sweep.metric, trust=sweep.trust)
        chosen = [offered[source] for source in sweep.sources if source in offered]
        if sweep.sources and not chosen:
            raise ConfigError(
                f'model "{name}" has no source {" or ".join(sweep.sources)} (it has: {", ".join(offered)})',
                hint="name one of its sources, or leave --source out",
            )
        for model, shapes in itertools.product(chosen or list(offered.values())[:1], sweep.shapes):
            # Two models of one name are twins, the same network in two frameworks: where a model.toml says so.
            file = split_entry(name)[0]
            a_file = has_no_folder(name)
            origin = str(model.path) if a_file else file
            if taken.setdefault(model.name, origin) != origin and a_file:
                model = apart(file, model)
            model = _shaped(model, shapes)
            model.require_files()
            if models.setdefault(model.id, model) != model:
                raise ConfigError(f'two models are called "{model.id}"', hint="rename one of the files or folders")
            sources[model.id] = offered.keys()
    if sweep.dataset is not None and not any(map(has_no_folder, sweep.models)):
        raise ConfigError(
            f"dataset {sweep.dataset} is used by no model",
            hint="a dataset goes with a model's file or name; a model folder names its own in model.toml",
        )
    if sweep.metric and sweep.dataset is None:
        raise ConfigError(
            f"metric {', '.join(sweep.metric)} is used by no model",
            hint="a metric goes with a model's file and --dataset; a model folder names its own in model.toml",
        )
    return models, sources


def _shaped(model: ModelSpec, shapes: Shapes) -> ModelSpec:
    """The model with these shapes in place of its own: those that are its own are not named in ids. Raises ConfigError
    for an input that it does not have, where it tells its inputs before it is loaded."""
    own = {tensor.name: tensor.shape for tensor in model.inputs}
    for name, shape in shapes.items():
        if own and name not in own:
            raise ConfigError(f'model "{model.name}" has no input "{name}"', hint=nearest(name, own))
        if own and len(shape) != len(own[name]):
            raise ConfigError(
                f'model "{model.name}": input "{name}" has {len(own[name])} axes, --shape gives {len(shape)}',
                hint=f"its own shape is {written_shape(own[name])}",
            )
    kept = {name: shape for name, shape in shapes.items() if own.get(name) != shape}
    return model.model_copy(update={"shapes": kept})


def _variants(model: ModelSpec, sweep: SweepSpec, offered: Collection[Source]) -> list[tuple[FormatName, str, str]]:
    """(format, recipe, reason it is unsupported or "") of one model; a ready file is one variant."""
    if model.ready:
        return [(row.name, AS_IS, "") for row in load_formats().values() if row.name == model.source]
    known, others = sweep.known_recipes(), [source for source in offered if source not in sweep.sources]
    return [
        (format_name, recipe, why_not_built(model, format_name, recipe, known, others))
        for format_name in dict.fromkeys(sweep.formats)
        for recipe in dict.fromkeys(sweep.recipes)
    ]


def _placements(device: Device, format_name: FormatName, sweep: SweepSpec) -> Iterator[Placement]:
    """Each way to run the format on the device once: two that differ in nothing but what is the default are one."""
    engine = engine_on(device, format_name) or load_engines()[load_formats()[format_name].engine]
    axes = sweep.engine.get(engine.name, {})
    options = [engine.chosen(dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]
    known: set[str] = set()
    for threads, accelerator, (cluster, processors), chosen in itertools.product(
        sweep.threads, sweep.accelerators, sweep.holds, options
    ):
        placement = Placement(
            device=device.name,
            threads=threads,
            accelerator=accelerator,
            processors=processors,
            cluster=cluster,
            engine_options=chosen,
        )
        if placement.place not in known:
            known.add(placement.place)
            yield placement


def _cell(variant: Variant, placement: Placement, device: DeviceSpec, no_variant: str) -> Cell:
    """`no_variant` is why there is nothing that could be run, or ""."""
    why = "" if no_variant else refused(placement, device, variant.format)
    return Cell(
        **variant.model_dump(),
        **placement.model_dump(),
        emulated=device.emulated,
        unsupported=no_variant or why,
        by_device=bool(why),
    )


def _selected(cell: Cell, globs: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(cell.id, glob) for glob in globs)
