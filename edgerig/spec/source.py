"""Sources, what models are authored in: the rows of `build/sources.toml`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from edgerig.plugins import remembered
from edgerig.spec.engine import load_engines
from edgerig.spec.recipe import FormatSpec, load_formats
from edgerig.spec.rows import load_rows
from edgerig.spec.toml import Strict

Origin = Literal["factory", "file", "application", "library"]
"""Where a network comes from: a key of `model.toml`."""
_CODE = r"^([\w.]+:\w+)?$"


class SourceSpec(Strict):
    """A source; what the fields mean stands above the rows."""

    name: str
    title: str
    origins: tuple[Origin, ...] = Field(min_length=1)
    suffixes: tuple[str, ...] = ()
    loader: str = Field(default="", pattern=_CODE)
    counter: str = Field(default="", pattern=_CODE)
    distributions: tuple[str, ...]
    finished: str = ""

    @model_validator(mode="after")
    def _built_from_or_not(self) -> Self:
        if bool(self.finished) == bool(self.loader) or bool(self.loader) != bool(self.counter):
            raise ValueError('give "loader" and "counter", or "finished" with the reason')
        return self


@remembered
def load_sources() -> dict[str, SourceSpec]:
    """Every source by name: those with a row, then the formats that are none there."""
    rows = load_rows(SourceSpec, "source")
    return rows | {name: _finished(row) for name, row in load_formats().items() if row.as_is and name not in rows}


def runs_as_it_is(source: str) -> bool:
    """Is a file of the source one of a format as well, which its engine takes as it is?"""
    row = load_formats().get(source)
    return row is not None and row.as_is


def no_route(source: str, format_name: str) -> str:
    """Why nothing builds the format from the source, "" where something does."""
    row = load_formats()[format_name]
    if source in row.routes:
        return ""
    known = load_sources()[source]
    return known.finished or row.no_route.get(source) or f"nothing converts {known.title} models to {format_name}"


def twin_with_route(format_name: str, others: Iterable[str]) -> str:
    """What to add to a `no_route` of a model that is there in `others` too: the first that the format is built from."""
    twin = next((source for source in others if not no_route(source, format_name)), "")
    return f"; the model's {twin} twin can be built: --source {twin}" if twin else ""


def _finished(row: FormatSpec) -> SourceSpec:
    return SourceSpec(
        name=row.name,
        title=load_engines()[row.engine].runtime,
        origins=("file",),
        suffixes=(row.suffix,),
        distributions=load_engines()[row.engine].distributions,
        finished=f"a {row.suffix} file is a finished program: it runs as it is and is not built from",
    )
