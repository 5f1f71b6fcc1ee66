"""The runtimes a file is to run in: which there are, and what each release takes, from this room's TOML tables."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from edgerig.errors import ConfigError

TFLITE = "tflite"
ONNXRUNTIME = "onnxruntime"
EXECUTORCH = "executorch"
NAMES = (TFLITE, ONNXRUNTIME, EXECUTORCH)
Version = tuple[int, ...]


@dataclass(frozen=True)
class Targets:
    """A release per runtime, as ints; () where none was asked for."""

    tflite: Version = ()
    onnxruntime: Version = ()
    executorch: Version = ()


def parse(pairs: list[str]) -> Targets:
    """Of `NAME=VERSION` texts. Raises ConfigError."""
    asked: dict[str, Version] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or name not in NAMES or (release := version(text)) is None:
            hint = f"NAME is {', '.join(NAMES)}; such as --runtime tflite=2.14.0"
            raise ConfigError(f"--runtime {pair!r} is not NAME=VERSION", hint=hint)
        if name in asked:
            raise ConfigError(f"--runtime names {name} twice", hint="one release per runtime; check again for another")
        asked[name] = release
    return Targets(**asked)


def version(text: str) -> Version | None:
    """ "2.14.0" as (2, 14, 0); None when it is no release's number."""
    parts = text.split(".")
    if not 2 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    return tuple(int(part) for part in parts)


def shown(release: Version) -> str:
    return ".".join(map(str, release))


@functools.cache
def rows(name: str) -> dict[str, Any]:
    """The room's table `name`.toml."""
    return tomllib.loads(resources.files("edgerig.check").joinpath(f"{name}.toml").read_text("utf-8"))
