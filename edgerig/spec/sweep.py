"""Sweeps: what to build, where to run it and how to time it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PositiveInt

from edgerig.errors import ConfigError
from edgerig.spec.budget import SweepBudget
from edgerig.spec.recipe import load_formats, load_recipes
from edgerig.spec.toml import AS_IS, FormatName, Source, Strict, nearest, parse, read_toml


class RunSettings(Strict):
    """How a cell is timed: warm-up, then until both `min_runs` and `min_seconds` are met, never past `max_seconds`.

    The three are of the cell's `repeats` processes together, an equal share each; the warm-up is done in each.
    """

    warmup_runs: int = Field(default=10, ge=0, le=10_000)
    min_runs: PositiveInt = 50
    min_seconds: float = Field(default=1.5, ge=0, le=3600)
    max_seconds: float = Field(default=150.0, gt=0, le=3600)
    repeats: int = Field(default=5, ge=1, le=100)
    """Processes the timing is spread over. Two processes with the same file differ by a per cent or so (memory lies
    otherwise), which no number of samples from one of them shows and every verdict and comparison needs to know. Five
    tell a quiet cell's median to ±2 %, three only every other one's (`measure.latency.MEDIAN_TOLERANCE`)."""
    attempts: int = Field(default=3, ge=1, le=10)
    """Times a cell is timed at most, where other processes disturbed all the attempts before and it shows."""
    limit: PositiveInt | None = None
    """Evaluate only the first `limit` samples of the dataset (None: all)."""
    timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """Deadline of each of a cell's processes on its device."""

    def on_emulator(self) -> Self:
        """The same with a loop of a few inferences: an emulator's time is worth none of ours."""
        few = {"warmup_runs": 1, "min_runs": 5, "min_seconds": 0.0, "repeats": 1, "attempts": 1}
        return self.model_copy(update=few)

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
    jobs: PositiveInt | None = None
    """Builds at once (None: one a core)."""


class SweepSpec(Strict):
    """A sweep: the product of models, formats, recipes, devices and threads, thinned by `select` globs."""

    models: tuple[str, ...] = Field(default=("digits_cnn", "digits_vit"), min_length=1)
    dataset: Path | None = None
    """An npz for the models that are files."""
    sources: tuple[Source, ...] = ()
    """Sources each model is taken in, where it offers them (none: its main one)."""
    formats: tuple[FormatName, ...] = Field(default=("tflite", "executorch", "onnx"), min_length=1)
    recipes: tuple[str, ...] = Field(default=("fp32", "fp16", "int8-dynamic", "int8-static"), min_length=1)
    devices: tuple[str, ...] = Field(default=("local",), min_length=1)
    threads: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(default=(1,), min_length=1)
    select: tuple[str, ...] = ("*",)
    seed: int = 0
    out: Path = Path("reports")
    options: dict[FormatName, dict[str, str]] = Field(default={})
    run: RunSettings = RunSettings()
    build: BuildSettings = BuildSettings()
    budget: SweepBudget = SweepBudget()

    @property
    def names_recipes(self) -> bool:
        """Were recipes asked for? A ready file is built from only then."""
        return "recipes" in self.model_fields_set


def load_sweep(path: Path | None, overrides: Mapping[str, Any]) -> SweepSpec:
    """The sweep in `path` (None: the quickstart), with `overrides` from flags on top. Raises ConfigError."""
    table: dict[str, Any] = {} if path is None else read_toml(path)
    origin = "command line" if path is None else str(path)
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            value = {**table[key], **value}  # a flag changes one key of [run] or [options], not the whole table
        table[key] = value
    sweep = parse(SweepSpec, table, origin)
    for recipe in sweep.recipes:
        if recipe not in load_recipes() and recipe != AS_IS:
            raise ConfigError(
                f'{origin}: key "recipes": unknown recipe "{recipe}"', hint=nearest(recipe, [*load_recipes(), AS_IS])
            )
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
    return sweep
