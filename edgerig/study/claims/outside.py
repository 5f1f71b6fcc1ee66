"""What a rig for deployment cannot tell, said so that nobody takes silence for an answer."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.study.finding import Claim, Judged
from edgerig.study.seen import Seen
from edgerig.study.source import SURVEY


def training(seen: Sequence[Seen]) -> Judged:
    return Judged(reason="it trains nothing: edgerig builds and runs networks that are trained already")


def people(seen: Sequence[Seen]) -> Judged:
    return Judged(reason="it is asked of people and counted in publications, not measured on a device")


CLAIMS = (
    Claim(
        "training",
        "How fast each trains, and what automatic mixed precision (AMP) gains",
        f"{SURVEY}, on training performance",
        "Not at all",
        training,
    ),
    Claim(
        "ecosystem",
        "PyTorch is the simpler to write and leads in research, TensorFlow has the fuller ecosystem",
        f"{SURVEY}, on usability and ecosystems",
        "Not at all, but for the lines a route takes",
        people,
    ),
)
