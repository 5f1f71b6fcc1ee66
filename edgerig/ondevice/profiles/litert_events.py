"""What LiteRT's profiler told of an inference → its operators: each counted once, the bodies of loops and branches too.

A kernel with a body (WHILE, IF) is an event that spans those of its body. The profiler reads the memory in use at each
event: of a WHILE of 1 ms in which ten passes of three operators took 76 µs, the inference left alone took 66 µs. So
what such a kernel takes beside its body cannot be told, and is counted where other calls and the runtime's own work is:
outside operators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edgerig.ondevice.profiles import Event, Node, Operator
from edgerig.ondevice.profiles.litert_library import ProfiledEvent
from edgerig.ondevice.profiles.work import Work

PLAIN, KERNEL, DELEGATED = 1, 2, 8
"""Types of events: whatever has a name, a kernel of LiteRT's own, and an operator inside a delegate
(tflite/core/api/profiler.h)."""
SUBGRAPH = b"Invoke"
"""What a plain event is called that spans the operators of a subgraph."""
BODIES = "what {} takes beside its body is outside operators: most of it is the profiler's own work there"


class Graph(NamedTuple):
    """Its operators, and those in each of the delegate's partitions."""

    operators: list[Node]
    partitions: list[list[int]]


class Reader:
    """Reads inferences one after the other. `unit`: how many of the clock's units the events' own is."""

    def __init__(self, graph: Graph, unit: int) -> None:
        self._graph = graph
        self._unit = unit
        self._partitions: dict[tuple[int, int], int] = {}  # by subgraph and place in it, in the order they were met
        self._with_bodies: dict[str, None] = {}
        self.works: dict[Operator, Work] = {}

    def __call__(self, events: Sequence[ProfiledEvent]) -> list[Event]:
        """`events` of one inference, in the order in which they began."""
        return list(self._events(events))

    def _events(self, events: Sequence[ProfiledEvent]) -> Iterator[Event]:
        """Those inside a delegate do not tell when they began, and their places begin anew in each partition. A
        subgraph's partitions are counted in each pass through it: a loop's body is the same one in every turn."""
        spanning = with_bodies(events)
        passed: dict[int, int] = {}
        for index, event in enumerate(events):
            name, value = event.tag.decode(errors="replace"), int(event.elapsed) * self._unit
            subgraph, place = int(event.second), int(event.first)
            if event.type == PLAIN and event.tag == SUBGRAPH:
                passed[subgraph] = -1
            elif event.type == KERNEL:
                if index in spanning:
                    self._with_bodies[name], value = None, 0
                known = subgraph == 0 and place < len(self._graph.operators)
                layer = self._graph.operators[place].layer if known else ""
                operator = Operator(name, "kernel", place + (subgraph << 32), layer)
                if known:
                    self.works[operator] = self._graph.operators[place].work
                yield Event(operator, value)
            elif event.type == DELEGATED:
                number = passed[subgraph] = max(passed.get(subgraph, -1) + (place == 0), 0)
                partition = self._partitions.setdefault((subgraph, number), len(self._partitions))
                yield Event(Operator(name, "xnnpack", place, partition=partition), value)

    @property
    def partitions(self) -> int:
        return len(self._partitions)

    @property
    def note(self) -> str:
        """What to know of kernels with bodies, "" where there are none."""
        return BODIES.format(", ".join(self._with_bodies)) if self._with_bodies else ""

    @property
    def graph(self) -> tuple[tuple[Node, ...], ...]:
        """The graph's operators in each partition; none for one in a body, as of other subgraphs nothing is known."""
        known = self._graph.partitions
        if sum(subgraph == 0 for subgraph, _ in self._partitions) != len(known):
            return ()
        inside = [known[number] if subgraph == 0 else [] for subgraph, number in self._partitions]
        return tuple(tuple(self._graph.operators[each] for each in part) for part in inside)


def with_bodies(events: Sequence[ProfiledEvent]) -> set[int]:
    """The places of the kernels that other kernels or whole subgraphs ran within."""
    found: set[int] = set()
    running: list[int] = []
    for index, event in enumerate(events):
        if event.type != KERNEL and not (event.type == PLAIN and event.tag == SUBGRAPH):
            continue
        while running and events[running[-1]].start + events[running[-1]].elapsed <= event.start:
            running.pop()
        found.update(running[-1:])
        if event.type == KERNEL:
            running.append(index)
    return found
