"""State: inputs of a network that are fed from its outputs, and when they are started anew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal, Self

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


Answer = Literal["last", "all", "each"]


class StreamSpec(Strict):
    """A `[stream]` table: when the state goes back to its beginning. "never": all samples are one stream, in their
    order; "sample": before each; "sequence": before every `length` samples.

    `samples` says what a sample of the data is: one step of the network, or a sequence of steps, (N, T, …), before each
    of which the state is started anew unless `reset` is "never". `answer` is then what a sequence is judged by: the
    outputs of its last step, those of all its steps together, or those of each step by itself."""

    reset: Literal["never", "sample", "sequence"] = "never"
    length: PositiveInt | None = None
    samples: Literal["steps", "sequences"] = "steps"
    answer: Answer = "last"

    @model_validator(mode="before")
    @classmethod
    def _anew_with_a_sequence(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("samples") == "sequences":
            return {"reset": "sample", **given}
        return given

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.sequences and self.reset == "sequence":
            raise ValueError('with samples = "sequences" a sequence is a sample: reset = "sample", or "never"')
        if not self.sequences and self.answer != "last":
            raise ValueError(f'"answer" = "{self.answer}" goes with samples = "sequences"')
        if (self.reset == "sequence") != (self.length is not None):
            raise ValueError('"length", in samples, goes with reset = "sequence" and with nothing else')
        return self

    @property
    def sequences(self) -> bool:
        """Is a sample a sequence of steps?"""
        return self.samples == "sequences"

    @property
    def words(self) -> str:
        """When it is started anew, for a reader."""
        if self.reset == "sequence":
            return f"per sequence of {self.length} samples"
        if self.sequences:
            judged = {"last": "its last step is", "all": "all its steps are", "each": "each step is"}[self.answer]
            when = "never" if self.reset == "never" else "per sample"
            return f"{when}; a sample is a sequence of steps, of which {judged} judged"
        return "never" if self.reset == "never" else "per sample"

    @property
    def told(self) -> dict[str, Any]:
        """What keys of the store are made of: a key that existed before sequences did is as it was."""
        return self.model_dump(mode="json", exclude=set() if self.sequences else {"samples", "answer"})


def repeated(state: Sequence[StateSpec]) -> str:
    """Why no network has this state, "" where one can: an input is fed from one output."""
    fed = [each.to for each in state]
    twice = next((name for name in fed if fed.count(name) > 1), None)
    return "" if twice is None else f'"state" feeds the input "{twice}" twice'


def resets(stream: StreamSpec | None, samples: int, lengths: Sequence[int] | None = None) -> list[int]:
    """The samples before which the state is started anew, but for the first: it is fresh there. Where they are steps of
    sequences, `lengths` are those of the sequences."""
    if stream is None or stream.reset == "never":
        return []
    if lengths is not None:
        return [end for end in accumulate(map(int, lengths)) if end < samples]
    return list(range(stream.length or 1, samples, stream.length or 1))
