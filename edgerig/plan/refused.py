"""Why a format cannot be built from a model, or run on a device so: from the tables alone, before anything is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from edgerig.plan.cell import Placement
from edgerig.spec import (
    AS_IS,
    Device,
    DeviceSpec,
    FormatName,
    ModelSpec,
    RecipeSpec,
    Source,
    engine_on,
    load_engines,
    load_formats,
    load_recipes,
    no_route,
    not_run,
    runs_as_it_is,
    twin_with_route,
)
from edgerig.spec.onnx_file import operators


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


def why_not_built(
    model: ModelSpec, format_name: FormatName, recipe: str, known: Mapping[str, RecipeSpec], others: Collection[Source]
) -> str:
    """Why the model cannot become this variant, and which of the `others`, its twins, can; "": it can."""
    reason = unsupported_reason(model.source, format_name, recipe, known)
    if reason and reason == no_route(model.source, format_name):
        return reason + twin_with_route(format_name, others)
    return reason or no_operator(model, format_name)


def refused(placement: Placement, device: DeviceSpec, format_name: FormatName) -> str:
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
