"""The state a device is brought into before a cell is timed, as far as it lets us, and out of afterwards."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, StringConstraints

from edgerig.spec.toml import Strict


class Conditions(Strict):
    """What is None is left as it is."""

    governor: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,19}$")] | None = None
    """Of every processor that has it: `performance` holds the highest clock (kernel: admin-guide/pm/cpufreq)."""
    frequency_khz: PositiveInt | Literal["min", "max"] | None = None
    """The one clock of every processor, within what each can; `max` is each one's highest."""
    start_below_c: Annotated[float, Field(gt=0, le=150)] | None = None
    """The processor's temperature a cell may begin at; hotter, it is waited for."""
    wait_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """For a start temperature, at most."""
    when_hot: Literal["run", "skip"] = "run"
    """What becomes of a cell whose device stayed hotter: it is run and the result says so, or left for `--resume`."""

    @property
    def sets(self) -> bool:
        """Is anything of the device to be changed?"""
        return self.governor is not None or self.frequency_khz is not None

    @property
    def any(self) -> bool:
        return self.sets or self.start_below_c is not None

    def over(self, other: Self) -> Self:
        """These, with what they leave open as `other` has it."""
        return other.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})
