"""Shapes given to a model's inputs, in place of those it has or in place of lengths it leaves open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field, StrictInt

from edgerig.errors import ConfigError
from edgerig.spec.toml import NAME

LONGEST_AXIS = 2**31 - 1
"""What TFLite and ExecuTorch count an axis in."""
Shape = tuple[Annotated[StrictInt, Field(ge=1, le=LONGEST_AXIS)], ...]
Shapes = dict[str, Shape]
"""An input's name → its shape, the batch's axis included."""


SHAPED_NAME = NAME.removesuffix("$") + r"(\+[A-Za-z0-9][A-Za-z0-9_.-]*)?(\+[A-Za-z0-9_.-]+=([0-9]+(x[0-9]+)*|scalar))*$"
"""A model's name, its file's entry where one was chosen (`spec/entry.py`), and a `label`."""


def written_shape(shape: Sequence[int]) -> str:
    """Such as `1x64`; of a shape without axes `scalar`."""
    return "x".join(map(str, shape)) or "scalar"


def label(shapes: Mapping[str, Shape]) -> str:
    """What stands behind a model's name in ids, such as `+ids=1x64+mask=1x64`: "" without shapes. What is no letter,
    digit, point or hyphen in an input's name is an underscore."""
    return "".join(f"+{re.sub(r'[^A-Za-z0-9.-]', '_', name)}={written_shape(shape)}" for name, shape in shapes.items())


def shape_sets(given: Iterable[str]) -> tuple[Shapes, ...]:
    """What `NAME=1x64` options mean together. An input named once has that shape in every set; those named several
    times have their first shape in the first set, their second in the second, and so on. Raises ConfigError."""
    named: dict[str, list[Shape]] = {}
    for text in given:
        name, _, lengths = text.rpartition("=")
        if not name or re.fullmatch(r"[1-9][0-9]{0,9}(x[1-9][0-9]{0,9})*|scalar", lengths) is None:
            raise ConfigError(f'--shape "{text}": not an input\'s name and its shape', hint="such as --shape ids=1x64")
        axes = () if lengths == "scalar" else tuple(int(length) for length in lengths.split("x"))
        named.setdefault(name, []).append(axes)
    counts = {name: len(shapes) for name, shapes in named.items()}
    several = max(counts.values(), default=0)
    if wrong := [name for name, count in counts.items() if count not in (1, several)]:
        raise ConfigError(
            f'--shape: input "{wrong[0]}" has {counts[wrong[0]]} shapes, another {several}',
            hint="give each input one shape for all, or one for each set",
        )
    return tuple(
        {name: shapes[index if len(shapes) > 1 else 0] for name, shapes in named.items()} for index in range(several)
    )
