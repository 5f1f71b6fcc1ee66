"""What a device was brought into for a cell, and what it did not let itself be brought into."""

from __future__ import annotations

from pydantic import Field

from edgerig.results.value import Value


class HeldKnob(Value):
    """A knob that was to be set: what it was, what was wanted, and what was in force when the cell began."""

    name: str
    wanted: str
    before: str | None = None
    now: str | None = None
    held: bool


class ConditionsRecord(Value):
    knobs: tuple[HeldKnob, ...] = ()
    start_below_c: float | None = Field(default=None, description="the temperature that was asked for")
    temperature_c: float | None = Field(default=None, description="when the cell began; null: nobody tells")
    waited_s: float = Field(default=0.0, description="for that temperature")
    hot: bool = Field(default=False, description="it was run although the device stayed hotter")
    restored: bool = Field(default=True, description="false: not all could be put back when the cell had ended")
    reasons: dict[str, str] = Field(default={})
