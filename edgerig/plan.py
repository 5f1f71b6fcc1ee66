"""Specs → cells: the product of what a sweep names, each with an id that globs select. Pure; imports no framework."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

from edgerig.errors import ConfigError, NothingSelected
from edgerig.spec import (
    AS_IS,
    DeviceSpec,
    FormatName,
    ModelSpec,
    Strict,
    SweepSpec,
    load_device,
    load_formats,
    load_model,
    load_recipes,
)


class Variant(Strict):
    """model × format × recipe; built once, whatever the number of devices."""

    model: str
    format: FormatName
    recipe: str


class Cell(Strict):
    """variant × device × threads. `unsupported` is the reason known before anything runs, or ""."""

    model: str
    source: str
    format: FormatName
    recipe: str
    device: str
    threads: int
    emulated: bool
    unsupported: str = ""

    @property
    def id(self) -> str:
        """Such as `digits_cnn-tflite-int8-static@local/t1`."""
        return f"{self.model}-{self.format}-{self.recipe}@{self.device}/t{self.threads}"

    @property
    def variant(self) -> Variant:
        return Variant(model=self.model, format=self.format, recipe=self.recipe)


class Plan(Strict):
    """A sweep with every name resolved; `cells` are in the order they are reported."""

    sweep: SweepSpec
    models: dict[str, ModelSpec]
    devices: dict[str, DeviceSpec]
    cells: tuple[Cell, ...]


def unsupported_reason(source: str, format_name: str, recipe: str) -> str:
    """Why `format_name` cannot build `recipe` from `source`, or "" when it can. From the tables alone."""
    formats, recipes = load_formats(), load_recipes()
    if source not in formats[format_name].sources:
        return f'{format_name} is not built from source "{source}"'
    lowering = recipes[recipe].formats.get(formats[format_name].name)
    if lowering is None:
        return f'recipe "{recipe}" says nothing of {format_name}'
    return lowering.unsupported


def make_plan(sweep: SweepSpec) -> Plan:
    """Resolves every name and lays out the cells. Raises ConfigError or NothingSelected."""
    models: dict[str, ModelSpec] = {}
    for name in sweep.models:
        model = load_model(name, sweep.dataset)
        if model.name in models and models[model.name] != model:
            raise ConfigError(f'two models are called "{model.name}"', hint="rename one of the files or folders")
        models[model.name] = model
    if sweep.dataset is not None and all(m.file is None for m in models.values()):
        raise ConfigError(
            f"dataset {sweep.dataset} is used by no model",
            hint="a dataset goes with a ready file; a model folder names its own in model.toml",
        )
    devices: dict[str, DeviceSpec] = {}
    for name in sweep.devices:
        device = load_device(name)
        if device.name in devices and devices[device.name] != device:
            raise ConfigError(f'two devices are called "{device.name}"', hint="give one of them another name")
        devices[device.name] = device
    cells = tuple(
        cell
        for model in models.values()
        for format_name, recipe, reason in _variants(model, sweep)
        for device in devices.values()
        for threads in dict.fromkeys(sweep.threads)
        if _selected(
            cell := Cell(
                model=model.name,
                source=model.source,
                format=format_name,
                recipe=recipe,
                device=device.name,
                threads=threads,
                emulated=device.emulated,
                unsupported=reason,
            ),
            sweep.select,
        )
    )
    if not cells:
        raise NothingSelected(
            f"no cell matches select = {list(sweep.select)}", hint='"edgerig plan" without --select lists every id'
        )
    return Plan(sweep=sweep, models=models, devices=devices, cells=cells)


def _variants(model: ModelSpec, sweep: SweepSpec) -> list[tuple[FormatName, str, str]]:
    """(format, recipe, reason it is unsupported or "") of one model; a ready file is one variant."""
    if model.file is not None:
        return [(name, AS_IS, "") for name in load_formats() if name == model.source]  # type: ignore[misc]
    return [
        (format_name, recipe, unsupported_reason(model.source, format_name, recipe))
        for format_name in dict.fromkeys(sweep.formats)
        for recipe in dict.fromkeys(sweep.recipes)
    ]


def _selected(cell: Cell, globs: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(cell.id, glob) for glob in globs)


def variants(cells: tuple[Cell, ...]) -> Mapping[Variant, list[Cell]]:
    """The buildable variants in plan order, each with the cells that wait for it."""
    grouped: dict[Variant, list[Cell]] = {}
    for cell in cells:
        if not cell.unsupported:
            grouped.setdefault(cell.variant, []).append(cell)
    return grouped
