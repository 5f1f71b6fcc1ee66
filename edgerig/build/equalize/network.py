"""Which layers follow each other so that channels may be scaled from one to the next, and why others do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgerig.build.equalize.channels import Channels, Lost, Move, Shape
from edgerig.build.equalize.layers import Indices, Layer


@dataclass(frozen=True)
class Weighted:
    """An operator's weights. `reads` is the shape its data is read in, `gives` its output's; `input_axis` and
    `output_axis` hold the channels there. `shared`: others read its weights too. `clipped`: what is fused behind it and
    is not positively homogeneous ("" for nothing)."""

    layer: Layer
    reads: Shape
    gives: Shape
    input_axis: int
    output_axis: int
    shared: bool = False
    clipped: str = ""


@dataclass(frozen=True)
class Operator:
    """`name` is what notes call it, `reads` and `gives` the values computed before it and by it. At most one of
    `weighted` and `move` is there, the latter for each value it reads; one with neither ends a path."""

    name: str
    kind: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    weighted: Weighted | None = None
    move: Move | None = None


@dataclass(frozen=True)
class Link:
    """From an operator with weights to the next, by name: input i of it is the channel `labels[i]` of the first."""

    before: str
    after: str
    labels: Indices


@dataclass(frozen=True)
class Chain:
    """Links one behind the other: all layers but the first and the last give what they read, channel by channel."""

    links: tuple[Link, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.links[0].before, *(link.after for link in self.links))


@dataclass(frozen=True)
class Found:
    """`apart`: operators with weights, by name, whose output reaches another's by a way that does not count → why."""

    chains: tuple[Chain, ...]
    apart: Mapping[str, str] = field(default_factory=dict)


def find(operators: Sequence[Operator], outputs: Collection[str]) -> Found:
    """`operators` in the order they run; `outputs` are the values the network gives."""
    readers: dict[str, list[int]] = defaultdict(list)
    for place, operator in enumerate(operators):
        for value in dict.fromkeys(operator.reads):
            readers[value].append(place)
    graph = _Graph(operators, readers, frozenset(outputs))
    links: dict[str, Link] = {}
    apart: dict[str, str] = {}
    for operator in operators:
        if operator.weighted is None:
            continue
        try:
            links[operator.name] = _followed(operator, operator.weighted, graph)
        except Lost as why:
            if _reaches_weights(operator, graph):
                apart[operator.name] = str(why)
    return Found(tuple(_chains(operators, links)), apart)


@dataclass(frozen=True)
class _Graph:
    operators: Sequence[Operator]
    readers: Mapping[str, Sequence[int]]
    """Value → the places of those that read it."""
    outputs: frozenset[str]


def _followed(start: Operator, weighted: Weighted, graph: _Graph) -> Link:
    """The way from `start` to the next operator with weights. Raises Lost with the reason where there is none, or more
    than one.

    A way may fork and join again, as where a converter writes a PReLU as max(x, 0) - a·max(-x, 0): each value on it
    is the first one's channels, scaled alike.
    """
    if weighted.shared:
        raise Lost("other operators read its weights too")
    if weighted.clipped:
        raise Lost(f"{weighted.clipped} behind it is not positively homogeneous")
    carried = {start.gives[0]: Channels.along(weighted.gives, weighted.output_axis)}
    pending = set(graph.readers.get(start.gives[0], ()))
    found: Link | None = None
    while pending:
        place = min(pending)  # in the order they run, so that all that an operator joins has been met
        pending.remove(place)
        reader = graph.operators[place]
        if reader.weighted is None:
            carried[_given(reader)] = _moved(reader, carried)
            pending.update(graph.readers.get(_given(reader), ()))
        elif found is None:
            labels = _arriving(carried[reader.reads[0]], reader.weighted, reader.kind)
            found = Link(start.name, reader.name, labels)
        else:
            raise Lost("several operators read its output")
    if graph.outputs.intersection(carried):
        raise Lost("the network gives its output")
    if found is None:
        raise Lost("nothing reads its output")
    return found


def _moved(reader: Operator, carried: Mapping[str, Channels]) -> Channels:
    """The channels of what an operator without weights gives. Raises Lost."""
    if reader.move is None:
        raise Lost(f"{reader.kind} comes between")
    if any(value not in carried for value in reader.reads):
        raise Lost(f"{reader.kind} joins its output with another")
    try:
        first, *others = [reader.move(carried[value]) for value in reader.reads]
    except Lost as why:
        raise Lost(f"{reader.kind} comes between: {why}") from why
    if any(other.axis != first.axis or not np.array_equal(other.labels, first.labels) for other in others):
        raise Lost(f"{reader.kind} joins its channels with others")
    return first


def _given(reader: Operator) -> str:
    if len(reader.gives) != 1:
        raise Lost(f"{reader.kind} comes between")
    return reader.gives[0]


def _arriving(channels: Channels, weighted: Weighted, kind: str) -> Indices:
    """The channel of each input of the layer that is reached. Raises Lost."""
    if weighted.shared:
        raise Lost(f"other operators read the weights of {kind} behind it too")
    channels = channels if channels.shape == weighted.reads else channels.seen_as(weighted.reads)
    if channels.axis != weighted.input_axis % len(weighted.reads) or len(channels.labels) != weighted.layer.inputs:
        raise Lost(f"{kind} behind it reads its channels along another axis")
    return channels.labels


def _chains(operators: Iterable[Operator], links: Mapping[str, Link]) -> Iterable[Chain]:
    """Links put together where the layer between two of them is one to one."""
    between = {
        link.after
        for link in links.values()
        if link.after in links and _passes_on(link, next(o for o in operators if o.name == link.after))
    }
    for name, link in links.items():
        if name in between:
            continue
        way = [link]
        while way[-1].after in between:
            way.append(links[way[-1].after])
        yield Chain(tuple(way))


def _passes_on(link: Link, operator: Operator) -> bool:
    weighted = operator.weighted
    identity = np.array_equal(link.labels, np.arange(len(link.labels)))
    return weighted is not None and weighted.layer.one_to_one and identity


def _reaches_weights(start: Operator, graph: _Graph) -> bool:
    """Does any operator with weights come behind it, by whatever way?"""
    pending, seen = [*start.gives], set(start.gives)
    while pending:
        for reader in (graph.operators[place] for place in graph.readers.get(pending.pop(), ())):
            if reader.weighted is not None:
                return True
            pending += [value for value in reader.gives if value not in seen]
            seen.update(reader.gives)
    return False
