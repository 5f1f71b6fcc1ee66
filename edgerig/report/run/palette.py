"""Colours and markers, the same in every plot. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from edgerig.results.order import FORMATS, RECIPES
from edgerig.results.profile import ENTERING, OUTSIDE

PALETTE = (
    "#999999",
    "#56B4E9",
    "#E69F00",
    "#009E73",
    "#9467BD",
    "#CC79A7",
    "#D55E00",
    "#0072B2",
    "#F0E442",
    "#8C564B",
    "#7F7F00",
    "#FF9DA7",
)
"""Okabe and Ito's colours, safe for the colour-blind, black replaced by grey to show on dark, violet, brown, olive,
pink; as `order.RECIPES`."""
SYMBOLS = (
    *("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "star"),
    *("pentagon", "hexagram", "x", "triangle-left", "triangle-right", "hourglass", "bowtie", "hexagon", "octagon"),
)
"""Plotly's names; as `order.FORMATS`."""
DTYPES = ("float32", "float16", "int8", "int4", "int32", "uint8", "int16", "int64")
"""Of constants, in the order of `PALETTE`."""
KINDS = (
    "other",
    "convolution",
    "matrix product",
    "depthwise convolution",
    "normalization",
    "softmax",
    "conversion",
    "arithmetic",
    "activation",
    "movement",
)
"""Of operators, in the order of `PALETTE`."""
REST = "rest of the file"


def colour(recipe: str) -> str:
    return _of(recipe, RECIPES, PALETTE)


def symbol(format_name: str) -> str:
    return _of(format_name, FORMATS, SYMBOLS)


def dtype_colour(dtype: str) -> str:
    return "#bbbbbb" if dtype == REST else _of(dtype, DTYPES, PALETTE)


def kind_colour(kind: str) -> str:
    return "#bbbbbb" if kind == OUTSIDE else "#888888" if kind == ENTERING else _of(kind, KINDS, PALETTE)


def _of(name: str, known: Sequence[str], values: Sequence[str]) -> str:
    """The value that belongs to `name`; for a name nobody declared, always the same one of the values."""
    place = known.index(name) if name in known else zlib.crc32(name.encode())
    return values[place % len(values)]
