"""State: inputs of a network that are fed from its outputs, and when they are started anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import ConfigDict, Field, JsonValue, PositiveInt, model_validator

from edgerig.spec.toml import Strict


class StateSpec(Strict):
    """A `[[state]]` row: the input `to` is fed from the output `from` of the inference before. `initial` is what it
    holds in the first one: a number for all of it, or nested lists of its shape. `keep` says that the output is a
    result as well; else nothing but the state is made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_: str = Field(alias="from", min_length=1)
    to: str = Field(min_length=1)
    initial: float | list[JsonValue] = 0.0
    keep: bool = False


class StreamSpec(Strict):
    """A `[stream]` table: when the state goes back to its beginning. "never": all samples are one stream, in their
    order; "sample": before each; "sequence": before every `length` samples."""

    reset: Literal["never", "sample", "sequence"] = "never"
    length: PositiveInt | None = None

    @model_validator(mode="after")
    def _length_of_a_sequence(self) -> Self:
        if (self.reset == "sequence") != (self.length is not None):
            raise ValueError('"length", in samples, goes with reset = "sequence" and with nothing else')
        return self

    @property
    def words(self) -> str:
        """When it is started anew, for a reader."""
        if self.reset == "sequence":
            return f"per sequence of {self.length} samples"
        return "never" if self.reset == "never" else "per sample"


def repeated(state: Sequence[StateSpec]) -> str:
    """Why no network has this state, "" where one can: an input is fed from one output."""
    fed = [each.to for each in state]
    twice = next((name for name in fed if fed.count(name) > 1), None)
    return "" if twice is None else f'"state" feeds the input "{twice}" twice'


def resets(stream: StreamSpec | None, samples: int) -> list[int]:
    """The samples before which the state is started anew, but for the first: it is fresh there."""
    if stream is None or stream.reset == "never":
        return []
    return list(range(stream.length or 1, samples, stream.length or 1))
