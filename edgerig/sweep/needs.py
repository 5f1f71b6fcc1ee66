"""Does a sweep need packages that are not installed here? Asked before anything else is done.

A light install runs what the store has: a model's data, its source's outputs and the built files. Only what is not
there has to be made here, by converters and readers, and only this machine's own cells need the runtimes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgerig import extras
from edgerig.build import spawn
from edgerig.build.datasets import DECODERS
from edgerig.build.store import Store
from edgerig.plan import Cell, Plan, variants
from edgerig.spec import ModelSpec, engine_on, kind_of, load_engines, load_formats, load_sources


@dataclass(frozen=True)
class _Need:
    what: str
    distributions: tuple[str, ...]


def check_installed(plan: Plan, cells: Sequence[Cell], store: Store) -> None:
    """Raises NotInstalled, which names the extra, when one of the cells cannot be had with what is installed here."""
    wanted = tuple(cell for cell in cells if not cell.unsupported)
    needs = [*_of_builds(plan, wanted, store), *_of_this_machine(plan, wanted)]
    absent = extras.missing(name for need in needs for name in need.distributions)
    if absent:
        first, *others = [need.what for need in needs if set(need.distributions) & set(absent)]
        raise extras.refusal(absent, f"{first} (and {len(others)} more such steps)" if others else first)


def _of_builds(plan: Plan, cells: tuple[Cell, ...], store: Store) -> Iterator[_Need]:
    grouped: dict[str, dict[str, list[str]]] = {}
    for variant in variants(cells):
        grouped.setdefault(variant.model_id, {}).setdefault(variant.format, []).append(variant.recipe)
    for name, formats in grouped.items():
        model = plan.models[name]
        reads = _reading(model)
        builds = {each: (*_building(model, each), *_further(plan, recipes)) for each, recipes in formats.items()}
        if not extras.missing([*reads, *(tool for tools in builds.values() for tool in tools)]):
            continue  # whatever is to be made, it can be: nothing of the store is read
        prepared = spawn.prepared(model, plan.sweep.seed, store)
        if prepared is None:
            yield _Need(f"to prepare {name}", reads)
        for each, recipes in formats.items():
            options = plan.sweep.options.get(each, {})
            if prepared is None or not spawn.all_built(
                model, each, recipes, options, prepared, store, plan.sweep.recipe
            ):
                yield _Need(f"to build {name}-{each}", builds[each])


def _reading(model: ModelSpec) -> tuple[str, ...]:
    """What lays out the model's data and gives its source's outputs on it."""
    reads = () if model.dataset is None or model.dataset.factory else (DECODERS[model.dataset.kind],)
    return (*load_sources()[model.source].distributions, *reads)


def _building(model: ModelSpec, format_name: str) -> tuple[str, ...]:
    """What builds the format; of a file that is run as it is, the runtime that tells its tensors."""
    row = load_formats().get(format_name)
    if row is None:  # of a run that was planned where there was one; to be told when it is built
        return ()
    return load_engines()[row.engine].distributions if model.ready else row.tools


def _further(plan: Plan, recipes: Sequence[str]) -> Iterator[str]:
    """What the recipes need beyond their formats."""
    known = plan.sweep.known_recipes()
    return (each for name in recipes if name in known for each in known[name].needs)


def _of_this_machine(plan: Plan, cells: tuple[Cell, ...]) -> Iterator[_Need]:
    """The runtimes of cells that this very Python runs."""
    seen: set[str] = set()
    for cell in cells:
        device = plan.devices[cell.device]
        engine = engine_on(device, cell.format) if cell.format in load_formats() else None
        if engine is not None and kind_of(device).shares == "machine" and engine.name not in seen:
            seen.add(engine.name)
            yield _Need(f"to run {cell.format} on this machine", engine.distributions)
