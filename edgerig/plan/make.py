"""Specs → cells: the product of what a sweep names, variants × placements, each with an id that globs select. Pure;
imports no framework."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Collection, Iterator, Mapping

from pydantic import Field

from edgerig.errors import ConfigError, NothingSelected
from edgerig.spec import (
    AS_IS,
    CPU,
    Cluster,
    Device,
    DeviceSpec,
    FormatName,
    ModelSpec,
    OptionValue,
    RecipeSpec,
    RunSettings,
    Shapes,
    Source,
    Strict,
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
    no_route,
    not_run,
    parse,
    runs_as_it_is,
    split_entry,
    twin_with_route,
    written,
    written_shape,
)
from edgerig.spec.onnx_file import operators


class Variant(Strict):
    """model × format × recipe; built once, whatever the number of devices. `model` is `ModelSpec.label`."""

    model: str
    source: Source
    format: FormatName
    recipe: str

    @property
    def model_id(self) -> str:
        """The model as authored in one framework: a key of `Plan.models`."""
        return f"{self.model}-{self.source}"


class Placement(Strict):
    """Where a variant runs, and how its runtime is set up there.

    `processors` are those it is held to, or those of a `cluster`, as the device's kernel tells them apart; without
    either all. `engine_options` are the engine's own where they are not the default.
    """

    device: str
    threads: int
    accelerator: str = CPU
    processors: tuple[int, ...] = ()
    cluster: Cluster = ""
    engine_options: dict[str, OptionValue] = Field(default={})

    @property
    def place(self) -> str:
        """Such as `local/t1`, `local/t1/big` or `local/t2/p2-3/xnnpack=false`: what is the default is not named, so
        that an id means the same in every run."""
        accelerator = [] if self.accelerator == CPU else [self.accelerator]
        processors = ["p" + "-".join(map(str, self.processors))] if self.processors else []
        options = [f"{name}={written(value)}" for name, value in self.engine_options.items()]
        held = [self.cluster] if self.cluster else processors
        return "/".join([self.device, f"t{self.threads}", *accelerator, *held, *options])


class Cell(Placement, Variant):
    """variant × placement. `unsupported` is the reason known before anything runs, or ""; `by_device`: the variant can
    be built, and this device cannot run it so."""

    emulated: bool
    unsupported: str = ""
    by_device: bool = False

    @property
    def id(self) -> str:
        """Such as `digits_cnn-torch-tflite-int8-static@local/t1`."""
        return f"{self.model_id}-{self.format}-{self.recipe}@{self.place}"

    @property
    def raw(self) -> str:
        """Where the run's folder has its raw run. No cell's lies in another's: what is the default has no folder of its
        own, so what is not stands beside it, behind commas."""
        device, threads, *further = self.id.split("/")
        return "raw/" + "/".join([device, ",".join([threads, *further])])

    @property
    def variant(self) -> Variant:
        return Variant(model=self.model, source=self.source, format=self.format, recipe=self.recipe)


def cell_of(raw: str) -> str:
    """The id of the cell whose `Cell.raw` this is."""
    return raw.removeprefix("raw/").replace(",", "/")


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


class Plan(Strict):
    """A sweep with every name resolved; `models` by their `id`, `cells` in the order they are reported."""

    sweep: SweepSpec
    models: dict[str, ModelSpec]
    devices: dict[str, DeviceSpec]
    cells: tuple[Cell, ...]


def unsupported_reason(
    source: Source, format_name: FormatName, recipe: str, recipes: Mapping[str, RecipeSpec] | None = None
) -> str:
    """Why `format_name` cannot build `recipe` from `source`, or "" when it can. From the tables alone; `recipes` are
    more than those of edgerig's own."""
    if recipe == AS_IS:
        return (
            ""
            if source == format_name and runs_as_it_is(source)
            else f"only a {load_formats()[format_name].suffix} file can be run as it is"
        )
    known = load_recipes() if recipes is None else recipes
    return no_route(source, format_name) or known[recipe].formats[format_name].unsupported


def no_operator(model: ModelSpec, format_name: FormatName) -> str:
    """Why the model's own file cannot become `format_name`, as far as the names of its operators tell, else ""."""
    refused = load_formats()[format_name].no_operator.get(model.source, ())
    if not refused or model.source != "onnx" or model.path is None:
        return ""
    found = sorted(operators(model.path).intersection(refused))
    return f"nothing here rebuilds the ONNX operators {', '.join(found)} for {format_name}" if found else ""


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
        (format_name, recipe, _why_not(model, format_name, recipe, known, others))
        for format_name in dict.fromkeys(sweep.formats)
        for recipe in dict.fromkeys(sweep.recipes)
    ]


def _why_not(
    model: ModelSpec, format_name: FormatName, recipe: str, known: Mapping[str, RecipeSpec], others: Collection[Source]
) -> str:
    """Why the model cannot become this variant, and which of the `others`, its twins, can; "": it can."""
    reason = unsupported_reason(model.source, format_name, recipe, known)
    if reason and reason == no_route(model.source, format_name):
        return reason + twin_with_route(format_name, others)
    return reason or no_operator(model, format_name)


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
    refused = "" if no_variant else _refused(placement, device, variant.format)
    return Cell(
        **variant.model_dump(),
        **placement.model_dump(),
        emulated=device.emulated,
        unsupported=no_variant or refused,
        by_device=bool(refused),
    )


def _refused(placement: Placement, device: DeviceSpec, format_name: FormatName) -> str:
    """Why the device cannot run the format so, whatever was built, "" when it may."""
    return (
        device.refuses(format_name)
        or not_run(device, format_name)
        or _no_accelerator(placement, device, format_name)
        or _no_framework(device, format_name)
        or _no_machine(device, format_name)
        or _no_threads(placement, format_name)
    )


def _no_accelerator(placement: Placement, device: Device, format_name: FormatName) -> str:
    """Why the engine that runs the format there cannot run so, "" when it can, or none runs it at all."""
    engine = engine_on(device, format_name)
    if engine is None or placement.accelerator in engine.accelerators:
        return ""
    there = " and ".join(engine.accelerators)
    return f"{engine.runtime} as edgerig has it runs on {there}, not on {placement.accelerator}"


def _no_framework(device: DeviceSpec, format_name: FormatName) -> str:
    """Why the device has not what the format's engine is made of, "" when it may have."""
    engine = load_engines()[load_formats()[format_name].engine]
    if engine.brought or device.has_frameworks:
        return ""
    return (
        f"{engine.runtime} is a framework of hundreds of megabytes, which is not brought to devices: {format_name} "
        'runs on this machine, and over SSH with runtime = "system" where it is installed'
    )


def _no_machine(device: DeviceSpec, format_name: FormatName) -> str:
    """Why there is no file of a format of machine code for the device's processor, as far as its file tells, or ""."""
    machines = load_formats()[format_name].machines
    if not machines or not device.arch or device.arch in machines:
        return ""
    return f"{format_name} is machine code, and is compiled for {' and '.join(machines)}, not for {device.arch}"


def _no_threads(placement: Placement, format_name: FormatName) -> str:
    """Why the format does not run on so many threads, "" when it does."""
    engine = load_engines()[load_formats()[format_name].engine]
    if engine.threaded or placement.threads == 1:
        return ""
    return f"{engine.runtime} computes on one thread: a cell of {placement.threads} would be the one of 1 again"


def _selected(cell: Cell, globs: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(cell.id, glob) for glob in globs)


def variants(cells: tuple[Cell, ...]) -> Mapping[Variant, list[Cell]]:
    """The buildable variants in plan order, each with the cells that wait for it."""
    grouped: dict[Variant, list[Cell]] = {}
    for cell in cells:
        if not cell.unsupported:
            grouped.setdefault(cell.variant, []).append(cell)
    return grouped
