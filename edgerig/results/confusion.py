"""What a classifier takes for what."""

from __future__ import annotations

from pydantic import Field

from edgerig.results.value import Value


class Confusion(Value):
    """How a classifier's answers, the class of the largest score, are spread over the classes; by class in the order of
    its scores."""

    output: str | None = Field(default=None, description="as of `Accuracy`")
    support: tuple[int, ...] = Field(description="samples whose label the class is")
    right: tuple[int, ...] = Field(description="of them, answered so")
    answered: tuple[int, ...] = Field(description="samples answered so, whatever their label")
    confused: tuple[tuple[int, int, int], ...] = Field(
        default=(), description="label, answer, samples: the most frequent first, at most 200"
    )
