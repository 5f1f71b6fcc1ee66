"""The order in which a sweep runs the cells of a device."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.spec.toml import Strict


class OrderSettings(Strict):
    """`plan`: as they are built, this machine's as they are planned. `blocks`: all that is built is waited for; what is
    compared with each other, the variants of one model at one placement, is a block, and blocks and what is in them
    come in an order of chance. A reference cell is then timed before the first block, between blocks and after the
    last, so that a device which drifts is found out."""

    by: Literal["plan", "blocks"] = "plan"
    seed: int | None = None
    """Of the order; None: another one for each run, which `run.json` has."""
    reference: str = "*"
    """A glob over cell ids: of each device the first planned cell it matches is the reference; "" none."""
    every: int = Field(default=8, ge=1, le=1000)
    """Cells at most between two times the reference is timed."""
