"""The format seam: what a builder is given and what it gives back.

A builder quantizes what the format has kernels for and notes what it left in float; where that is everything, it raises
`UnsupportedRecipe`. It never falls back in silence: it reports the constant bytes it finds in the file it wrote, which
`check.py` holds against the recipe.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from edgerig.build.source import Arrays, SourceModel
from edgerig.measure.operator_layers import Node
from edgerig.spec import RecipeSpec


@dataclass(frozen=True)
class Built:
    """A file just written, as found by reading it back.

    `layout` is the layout its 4-D inputs expect. `constants` is the bytes of constant tensors by dtype (int4 counted
    packed, by what the file holds). `delegated`/`operators` count operators on the runtime's fast backend where the
    builder can know them (ExecuTorch), else None. `graph` has what the delegate is given, operator by operator in each
    partition, where the file itself does not tell a profile.
    """

    file: Path
    layout: Literal["NCHW", "NHWC", "any"]
    constants: dict[str, int]
    delegated: int | None = None
    operators: int | None = None
    undelegated: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    graph: tuple[tuple[Node, ...], ...] = ()


class FormatBuilder(Protocol):
    """One builder lives in one build process for one model and may keep what its recipes share (a float export)."""

    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        """`options` are complete (defaults filled in); `work` is a scratch folder of the process's own."""

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        """Writes the variant to the file `out`.

        `calibration` is None unless the recipe asks for it. Raises UnsupportedRecipe with the reason when this model
        cannot be lowered by the recipe, BuildError when the converter fails.
        """


class MachineCodeBuilder(FormatBuilder, Protocol):
    """Of a format whose row has `machines`: `build` compiles for this host, where the file can be checked."""

    def build_for(self, machine: str, recipe: RecipeSpec, out: Path) -> Built:
        """Compiles what `build` last built for another processor, as its kernel names it. Raises BuildError, as for a
        compiler that is not there."""
