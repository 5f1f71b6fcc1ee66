"""Engines: the `[engine]` rows of `build/formats.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from edgerig.plugins import remembered
from edgerig.spec.rows import load_rows
from edgerig.spec.toml import Strict, nearest

OptionValue = StrictBool | StrictInt | StrictStr
CPU = "cpu"
"""The accelerator there always is, which no id names."""


class EngineOption(Strict):
    """One thing a runtime can be told. The first of `values` is the default: the runtime is then told nothing."""

    summary: str
    values: tuple[OptionValue, ...] = Field(min_length=1)

    def allows(self, value: OptionValue) -> bool:
        """Is it one of `values`? In Python 1 equals true; here it does not."""
        return any(type(value) is type(known) and value == known for known in self.values)


class NpmPackage(Strict):
    """A package of npm's of exactly these bytes. What the fields mean stands above the rows."""

    name: str = Field(pattern=r"^(@[a-z0-9-]+/)?[a-z0-9][a-z0-9._-]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+[\w.-]*$")
    integrity: str = Field(pattern=r"^sha512-[A-Za-z0-9+/]{86}==$")
    files: tuple[str, ...] = Field(min_length=1)
    main: str = ""
    node: str = ""


class OfNpm(Strict):
    """What consists of npm's packages, with what it is called; `edgerig/web/packages.py` brings it."""

    name: str
    runtime: str
    packages: tuple[NpmPackage, ...] = ()


class EngineSpec(OfNpm):
    """An engine: an inference runtime as a device has it. What the fields mean stands above the rows."""

    module: str = Field(default="", pattern=r"^([\w.]+:\w+)?$")
    script: str = Field(default="", pattern=r"^(\w+\.mjs)?$")
    host: str = Field(default="", pattern=r"^([\w.]+:\w+)?$")
    profiler: str = Field(default="", pattern=r"^([\w.]+:\w+)?$")
    distributions: tuple[str, ...] = ()
    imports: str = ""
    pip: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    native: str = ""
    tells: tuple[Literal["threads", "delegation", "profile"], ...] = ()
    delegate: str = ""
    saturates: bool = False
    brought: bool = True
    threaded: bool = True
    accelerators: tuple[str, ...] = (CPU,)
    options: dict[str, EngineOption] = Field(default={})

    @property
    def opens(self) -> str:
        """What opens a file where it is built."""
        return self.module or self.host

    @model_validator(mode="after")
    def _one_runner(self) -> Self:
        if bool(self.module) == bool(self.script):
            raise ValueError('an engine has a "module" of Python or a "script" of JavaScript')
        return self

    def refusal(self, option: str, value: OptionValue) -> tuple[str, str] | None:
        """Why the runtime cannot be told so, and a hint; None when it can."""
        known = self.options.get(option)
        if known is None:
            return f'unknown option "{self.name}.{option}"', nearest(option, self.options)
        if not known.allows(value):
            values = [written(each) for each in known.values]
            return f'option "{self.name}.{option}": unknown value {written(value)}', nearest(written(value), values)
        return None

    def chosen(self, options: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
        """`options` in the order of the row, without those that are the default anyway."""
        return {
            name: options[name]
            for name, option in self.options.items()
            if name in options and options[name] != option.values[0]
        }

    def complete(self, options: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
        """Every option with its value, the default where `options` has none."""
        return {name: options.get(name, option.values[0]) for name, option in self.options.items()}


def written(value: OptionValue) -> str:
    """As TOML has it, but for a text's quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class ProgramSpec(OfNpm):
    """A program for another architecture than this machine's; `program` is its path below the folder of packages."""

    program: str = Field(pattern=r"^[\w@][\w./@-]*$")


@remembered
def load_programs() -> dict[str, ProgramSpec]:
    """Every such program by name."""
    return load_rows(ProgramSpec, "program")


@remembered
def load_engines() -> dict[str, EngineSpec]:
    """Every engine by name, in the order of the rows."""
    return load_rows(EngineSpec, "engine")


def on_device() -> tuple[str, ...]:
    """The distributions a device needs to run whatever engine a job names."""
    needed = (name for engine in load_engines().values() for name in engine.distributions)
    return tuple(dict.fromkeys(("numpy", *needed)))
