"""Sweeps: what to build, where to run it and how to time it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, StrictInt, field_validator, model_validator

from edgerig.errors import ConfigError
from edgerig.spec.budget import SweepBudget
from edgerig.spec.conditions import Conditions
from edgerig.spec.cpus import Cpus, Hold, held
from edgerig.spec.dataset import Metrics
from edgerig.spec.duration import in_seconds
from edgerig.spec.engine import CPU, OptionValue, load_engines
from edgerig.spec.order import OrderSettings
from edgerig.spec.recipe import OwnRecipe, RecipeSpec, load_formats, recipes_with
from edgerig.spec.shapes import Shapes
from edgerig.spec.source import load_sources
from edgerig.spec.sweep_paths import from_its_folder
from edgerig.spec.toml import AS_IS, FormatName, Name, Source, Strict, nearest, parse, read_toml, unknown

Seconds = Annotated[float, BeforeValidator(in_seconds), Field(ge=0, le=86_400)]
MOST_ATTEMPTS = 10
"""At the timing of one cell: a run's folder has no more (`measure.raw.MAX_ATTEMPTS`)."""


class RunSettings(Strict):
    """How a cell is timed: warm-up, then until both `min_runs` and `min_seconds` are met, never past `max_seconds`.

    The three are of the cell's `repeats` processes together, an equal share each; the warm-up is done in each.
    """

    warmup_runs: int = Field(default=10, ge=0, le=10_000)
    min_runs: PositiveInt = 50
    min_seconds: float = Field(default=1.5, ge=0, le=3600)
    max_seconds: float = Field(default=150.0, gt=0, le=3600)
    repeats: int = Field(default=5, ge=1, le=100)
    """Processes the timing is spread over. Two processes with the same file differ by a per cent or so (their pages
    lie elsewhere in memory), which no number of samples from one of them shows and every verdict and comparison needs
    to know. Five tell a quiet cell's median to ±2 %, three only every other one's (`measure.latency.MEDIAN_TOLERANCE`).
    """
    attempts: int = Field(default=3, ge=1, le=MOST_ATTEMPTS)
    """Times a cell is timed at most: again where other processes disturbed the attempts before and it shows, or where
    the median of three processes and more is not known to within what is called stable."""
    precision: float | None = Field(default=None, gt=0, le=0.5)
    """Half of the interval a median is to be known to, relative: 0.01 is ±1 %. The cell is timed again until it is, or
    until all its loops together took `max_seconds`; `attempts` does not count then. None: what is called stable
    (`measure.latency.MEDIAN_TOLERANCE`), in `attempts`."""
    sustained_s: Seconds = 0.0
    """How long a process of its own goes on inferring when all is timed, as 600 or "10m"; 0: not at all. What a device
    gives after minutes is not what it gives while it is cool."""
    limit: PositiveInt | None = None
    """Evaluate only the first `limit` samples of the dataset (None: all)."""
    timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """Deadline of each of a cell's processes on its device."""
    profile: Literal["auto", "always", "never"] = "auto"
    """Whose inferences are looked into, operator by operator, in a process of its own behind the device's cells: "auto"
    those somebody will ask about (`explain/worth.py`)."""

    def on_emulator(self) -> Self:
        """The same with a loop of a few inferences: an emulator's time is worth none of ours."""
        few = {"warmup_runs": 1, "min_runs": 5, "min_seconds": 0.0, "repeats": 1}
        return self.once().model_copy(update=few)

    def once(self) -> Self:
        """The same without what follows the first attempt."""
        return self.model_copy(update={"attempts": 1, "precision": None, "sustained_s": 0.0})

    @property
    def most_attempts(self) -> int:
        return self.attempts if self.precision is None else MOST_ATTEMPTS

    def share(self) -> Self:
        """What one of the `repeats` processes does."""
        return self.model_copy(
            update={
                "min_runs": math.ceil(self.min_runs / self.repeats),
                "min_seconds": self.min_seconds / self.repeats,
                "max_seconds": self.max_seconds / self.repeats,
            }
        )


class BuildSettings(Strict):
    timeout_s: float = Field(default=900.0, gt=0, le=86_400)
    """Deadline of one variant's build."""
    prepare_timeout_s: float | None = Field(default=None, gt=0, le=86_400)
    """Deadline of one model's preparation: its data checked and laid out, its source run over it. None: `timeout_s`."""
    jobs: PositiveInt | None = None
    """Builds at once (None: one per core)."""

    @property
    def preparation_s(self) -> float:
        return self.prepare_timeout_s or self.timeout_s


def _one_or_several(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


def _lists_of_processors(value: object) -> object:
    """One list of processors, or several; in order and none twice."""
    if not isinstance(value, list | tuple):
        return value
    lists = value if any(isinstance(each, list | tuple) for each in value) else [value]
    whole = all(isinstance(each, list | tuple) and all(type(n) is int for n in each) for each in lists)
    return tuple(tuple(sorted(set(each))) for each in lists) if whole else lists


Processor = Annotated[StrictInt, Field(ge=0, le=1023)]
"""As the kernel counts them, up to the largest of glibc's cpu_set_t (sched_setaffinity(2))."""
Values = Annotated[tuple[OptionValue, ...], BeforeValidator(_one_or_several), Field(min_length=1)]


class SweepSpec(Strict):
    """A sweep: the product of models, formats, recipes and placements, thinned by `select` globs. Placements are the
    product of devices, threads, accelerators, processors and each engine's options."""

    models: tuple[str, ...] = Field(default=("digits_cnn", "digits_vit"), min_length=1)
    """Names, folders with a `model.toml`, or files."""
    shapes: Annotated[tuple[Shapes, ...], BeforeValidator(_one_or_several), Field(min_length=1)] = ({},)
    """Input → its shape, in place of the model's own or of lengths its file leaves open; several tables (`[[shapes]]`)
    are tried one after another, one without a key being the model's own shapes."""
    dataset: Path | None = None
    """An npz for the models that are files."""
    metric: Metrics = ()
    """What the models that are files are evaluated by (none: top1); `"scores=top1"` of the output of that name."""
    sources: tuple[Source, ...] = ()
    """Sources each model is taken in, where it offers them (none: its main one)."""
    trust: bool = False
    """Also files whose format runs code that is in them when they are opened (TorchScript and its like)."""
    formats: tuple[FormatName, ...] = Field(default=("tflite", "executorch", "onnx"), min_length=1)
    """What is built: `edgerig formats` lists them."""
    recipes: tuple[str, ...] = Field(default=("fp32", "fp16", "int8-dynamic", "int8-static"), min_length=1)
    """How it is quantized: `edgerig recipes` lists them."""
    recipe: dict[Name, OwnRecipe] = Field(default={})
    """Recipes of one's own: others with other options, by name (`spec.recipe_options`)."""
    devices: tuple[str, ...] = Field(default=("local",), min_length=1)
    """Names of files in `devices/`, or addresses: `ssh://pi@rpi4.local`, `adb:SERIAL`."""
    threads: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(default=(1,), min_length=1)
    """Of the runtime; several are tried one after another."""
    accelerators: tuple[str, ...] = Field(default=(CPU,), min_length=1)
    processors: Annotated[tuple[tuple[Processor, ...], ...], BeforeValidator(_lists_of_processors)] = ((),)
    """Those a runner is held to, `[2, 3]`; several lists are tried one after another, `[]` being all processors."""
    cpus: Cpus = ()
    """The same axis in words, in place of `processors`: "big", "little", "0,1", "all", or several of them. Which are
    big the device's own kernel tells (`ondevice.clusters`)."""
    engine: dict[str, dict[str, Values]] = Field(default={})
    """Engine → option → its value, or several to be tried one after another; only where the engine runs the format."""
    select: tuple[str, ...] = ("*",)
    """Globs over cell ids: a cell that none of them matches is left out."""
    seed: int = 0
    """Of the samples that are drawn at random for a model without data."""
    out: Path = Path("reports")
    """The folder that gets the run's own."""
    options: dict[FormatName, dict[str, str]] = Field(default={})
    """Format → option of its builder → value."""
    run: RunSettings = RunSettings()
    order: OrderSettings = OrderSettings()
    conditions: Conditions = Conditions()
    """Of every device; a device's file may have its own, which hold where these say nothing."""
    build: BuildSettings = BuildSettings()
    budget: SweepBudget = SweepBudget()

    @field_validator("recipe", mode="before")
    @classmethod
    def _a_table(cls, given: object) -> object:
        if not isinstance(given, dict):
            raise ValueError('"recipe" is a table of recipes of your own; which to build says the key "recipes"')
        return given

    @model_validator(mode="after")
    def _one_axis(self) -> Self:
        if self.cpus and self.processors != ((),):
            raise ValueError('"cpus" and "processors" are two ways to say the same: give one of them')
        return self

    @property
    def holds(self) -> tuple[Hold, ...]:
        """What a runner is held to, one after another."""
        return tuple(map(held, self.cpus)) if self.cpus else tuple(("", numbers) for numbers in self.processors)

    @property
    def names_recipes(self) -> bool:
        """Were recipes asked for? A ready file is built from only then."""
        return "recipes" in self.model_fields_set

    def known_recipes(self) -> dict[str, RecipeSpec]:
        """Every recipe by name, the sweep's own too. Raises ConfigError."""
        return recipes_with(self.recipe)


def load_sweep(path: Path | None, overrides: Mapping[str, Any]) -> SweepSpec:
    """The sweep in `path` (None: the quickstart), with `overrides` from flags on top: paths in the file are relative to
    it, flags' to the working folder. Raises ConfigError."""
    table: dict[str, Any] = {}
    if path is not None:
        read = read_toml(path)
        table = read | from_its_folder({key: read[key] for key in read.keys() - overrides.keys()}, path)
    origin = "command line" if path is None else str(path)
    for key, other in (("cpus", "processors"), ("processors", "cpus")):
        if key in overrides:
            table = {name: value for name, value in table.items() if name != other}
    table = _changed(table, overrides)
    sweep = parse(SweepSpec, table, origin)
    for key, what, named, known in (
        ("formats", "format", sweep.formats, tuple(load_formats())),
        ("sources", "source", sweep.sources, tuple(load_sources())),
        ("recipes", "recipe", sweep.recipes, (*sweep.known_recipes(), AS_IS)),
        ("options", "format", sweep.options, tuple(load_formats())),
    ):
        for name in named:
            if name not in known:
                raise unknown(what, name, known, f'{origin}: key "{key}"')
    for format_name, chosen in sweep.options.items():
        allowed = load_formats()[format_name].options
        for key, value in chosen.items():
            if key not in allowed:
                raise ConfigError(f'{origin}: unknown option "{format_name}.{key}"', hint=nearest(key, allowed))
            if value not in allowed[key]:
                raise ConfigError(
                    f'{origin}: option "{format_name}.{key}": unknown value "{value}"',
                    hint=nearest(value, allowed[key]),
                )
    _check_engines(sweep, origin)
    return sweep


def _changed(table: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`table` with the overrides' keys; of a table in it, such as [run] or [options.executorch], only those given."""
    both = {key: (table.get(key), value) for key, value in overrides.items()}
    nested = {
        key: _changed(old, new) for key, (old, new) in both.items() if isinstance(old, dict) and isinstance(new, dict)
    }
    return {**table, **overrides, **nested}


def _check_engines(sweep: SweepSpec, origin: str) -> None:
    """Raises ConfigError for an accelerator, an engine or an option that there is none of."""
    accelerators = sorted({name for engine in load_engines().values() for name in engine.accelerators})
    for name in sweep.accelerators:
        if name not in accelerators:
            raise unknown("accelerator", name, accelerators, f'{origin}: key "accelerators"')
    for name, options in sweep.engine.items():
        if name not in load_engines():
            raise unknown("engine", name, load_engines(), f"{origin}: [engine.{name}]")
        for option, values in options.items():
            for value in values:
                if refused := load_engines()[name].refusal(option, value):
                    raise ConfigError(f"{origin}: [engine.{name}]: {refused[0]}", hint=refused[1])
