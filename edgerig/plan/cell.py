"""What a sweep is made of once every name is resolved: variants, placements, cells with their ids."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from edgerig.spec import (
    CPU,
    Cluster,
    DeviceSpec,
    FormatName,
    ModelSpec,
    OptionValue,
    Source,
    Strict,
    SweepSpec,
    written,
)


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


class Plan(Strict):
    """A sweep with every name resolved; `models` by their `id`, `cells` in the order they are reported."""

    sweep: SweepSpec
    models: dict[str, ModelSpec]
    devices: dict[str, DeviceSpec]
    cells: tuple[Cell, ...]


def variants(cells: tuple[Cell, ...]) -> Mapping[Variant, list[Cell]]:
    """The buildable variants in plan order, each with the cells that wait for it."""
    grouped: dict[Variant, list[Cell]] = {}
    for cell in cells:
        if not cell.unsupported:
            grouped.setdefault(cell.variant, []).append(cell)
    return grouped
