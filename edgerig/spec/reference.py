"""What others measured of a model on their devices: `reference.toml` beside its `model.toml`, typed and sourced.

Such a row stands beside what a run measured and is never ranked with it: another machine, another day, often another
runtime version, and nobody here saw the samples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from edgerig.spec.files import PublicPage, is_file
from edgerig.spec.toml import Strict, parse, read_toml

FILE = "reference.toml"
_UNITS = {"latency": "ms", "size": "MB", "memory": "MB", "top1": "%"}


class ReferenceFigure(Strict):
    """One published figure of one build on one device: a `[[reference]]` row. What the source does not say is left out.

    `what` is the figure, `value` in `unit`; `accelerator` is what computed it, `delegate` by which backend.
    """

    device: str = Field(min_length=1, max_length=200)
    runtime: str = Field(min_length=1, max_length=100)
    version: str = Field(default="", max_length=100)
    threads: PositiveInt | None = None
    accelerator: str = "cpu"
    delegate: str = ""
    format: str = ""
    recipe: str = Field(min_length=1, max_length=80)
    network: str = Field(default="", max_length=200)
    """Where it is not exactly the model beside it: which one it is."""
    what: Literal["latency", "size", "memory", "top1"] = "latency"
    value: PositiveFloat
    unit: Literal["ms", "MB", "%"] = "ms"
    source: PublicPage

    @model_validator(mode="after")
    def _in_its_unit(self) -> Self:
        if self.unit != _UNITS[self.what]:
            raise ValueError(f'"{self.what}" is given in {_UNITS[self.what]}')
        return self


class _Table(Strict):
    reference: tuple[ReferenceFigure, ...] = Field(min_length=1)


def load_reference(folder: Path) -> tuple[ReferenceFigure, ...]:
    """The rows of the folder's `reference.toml`; () where there is none. Raises ConfigError."""
    path = folder / FILE
    return parse(_Table, read_toml(path), str(path)).reference if is_file(path) else ()
