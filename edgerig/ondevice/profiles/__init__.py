"""What an inference is made of, operator by operator, as each runtime tells it; in a process that times nothing else.

A module a runtime, imported only when a job names it, with the standard library, numpy and its own runtime alone. Its
`profiler(job, artifact, inputs, clock)` gives a `Profiler` with the file loaded and the first sample set; `record.py`
takes the runs. Raises NoProfile where it cannot be had, which says why.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from edgerig.ondevice.engines import Array
from edgerig.ondevice.job import Job
from edgerig.ondevice.profiles.clock import Clock
from edgerig.ondevice.profiles.work import UNKNOWN, Work

Runner = Literal["xnnpack", "kernel", "ort", "portable"]


class NoProfile(Exception):
    """There is no profile; the message is the reason a reader is given."""


class Operator(NamedTuple):
    """`name` is the runtime's own word, `place` what tells it from others of that name, `layer` the graph's name of
    what it computes ("": unknown), `partition` the delegate's stretch it is in, in order (None: in none)."""

    name: str
    runner: Runner
    place: int
    layer: str = ""
    partition: int | None = None


class Node(NamedTuple):
    """An operator of the file's graph: its name there, that of what it computes, and what it has to do."""

    name: str
    layer: str
    work: Work = UNKNOWN


class Event(NamedTuple):
    """One call of an operator, in the clock's unit."""

    operator: Operator
    value: int


@dataclass(frozen=True)
class About:
    """How a profile was taken, the partitions the delegate took (None: there is no delegate), the least that can be
    told apart or is added to an operator, in the clock's unit, and what else to know. `graph` has for each partition,
    where it is known, the graph's operators in it; `works` what those outside of partitions have to do."""

    method: str
    partitions: int | None
    floor: int
    notes: tuple[str, ...] = ()
    graph: tuple[tuple[Node, ...], ...] = ()
    works: Mapping[Operator, Work] = field(default_factory=dict)
    cost: int = 0
    """What reading the clock adds to each call of an operator, and is taken off it."""
    entering: int | None = None
    """What an inference's calls of the delegate take beside its operators, in the clock's unit (None: not told)."""


class Profiler(Protocol):
    """A loaded file whose inferences can be looked into."""

    def invoke(self) -> None:
        """One inference that is left alone."""

    def look(self) -> int:
        """One inference that is looked into: the whole of it, in the clock's unit."""

    def told(self) -> list[list[Event]]:
        """Of each inference looked into so far what it was made of, in order of execution. Asked once, after the
        last."""

    def about(self) -> About:
        """Asked after `told`."""


Make = Callable[[Job, str, Sequence[Array], Clock], Profiler]


def find(name: str) -> Make:
    """The function at "package.module:function". Raises NoProfile when the engine has none."""
    if not name:
        raise NoProfile("edgerig cannot look into this engine's inferences")
    module, _, function = name.partition(":")
    made: Make = getattr(importlib.import_module(module), function)
    return made
