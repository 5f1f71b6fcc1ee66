"""What a user writes to get a network into a runtime without this tool: the shortest program of each route, whose lines
are counted. A test runs every one of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from edgerig.figures.numbers import counted
from edgerig.spec import Source, Strict, parse, read_toml

FILE = Path(__file__).with_name("routes.toml")


class Route(Strict):
    """`program` begins where the network is: as `net`, with an example input `x`. `none` says why there is no program.
    `needs` are the packages it imports."""

    source: Source
    format: str
    program: str = ""
    none: str = ""
    needs: tuple[str, ...] = Field(default=())

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.program) == bool(self.none):
            raise ValueError('give "program", or "none" with the reason')
        return self

    @property
    def lines(self) -> int:
        return sum(bool(line.strip()) for line in self.program.splitlines())

    @property
    def said(self) -> str:
        """`"2 lines"`, or why no lines get there."""
        return counted(self.lines, "line") if self.program else f"no lines: {self.none}"


class _Table(Strict):
    route: tuple[Route, ...] = Field(min_length=1)


@cache
def load_routes() -> tuple[Route, ...]:
    return parse(_Table, read_toml(FILE), str(FILE)).route
