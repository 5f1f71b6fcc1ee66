"""Operators with bodies, in what LiteRT and ONNX Runtime tell: each operator is counted once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from edgerig.ondevice.profiles import Event, Node
from edgerig.ondevice.profiles.litert_events import DELEGATED, KERNEL, PLAIN, Graph, Reader
from edgerig.ondevice.profiles.litert_library import ProfiledEvent
from edgerig.ondevice.profiles.onnxruntime_events import read

GRAPH = Graph([Node("FULLY_CONNECTED", "first"), Node("WHILE", "again"), Node("SOFTMAX", "last")], [[0], [2]])
DROPPED = 32


def told(name: str, kind: int, subgraph: int, place: int, start: int, elapsed: int) -> ProfiledEvent:
    return ProfiledEvent(tag=name.encode(), type=kind, start=start, elapsed=elapsed, first=place, second=subgraph)


def kernel(name: str, subgraph: int, place: int, start: int, elapsed: int) -> ProfiledEvent:
    return told(name, KERNEL, subgraph, place, start, elapsed)


def inside(name: str, subgraph: int, place: int, elapsed: int) -> ProfiledEvent:
    """An operator of a delegate's: it does not tell when it began."""
    return told(name, DELEGATED, subgraph, place, 0, elapsed)


def invoked(subgraph: int, start: int, elapsed: int) -> ProfiledEvent:
    return told("Invoke", PLAIN, subgraph, 0, start, elapsed)


def turn(begun: int) -> list[ProfiledEvent]:
    """One of a loop's: its condition and its body, as LiteRT 2.3.0 tells them; a body with two partitions."""
    return [
        invoked(1, begun, 20),
        kernel("LESS", 1, 0, begun + 18, 1),
        told("Invoke", DROPPED, 1, 2**64 - 1, 0, 2**32),
        invoked(2, begun + 25, 60),
        kernel("ADD", 2, 0, begun + 30, 2),
        inside("Fully Connected", 2, 0, 7),
        inside("TanH", 2, 1, 1),
        kernel("CUMSUM", 2, 3, begun + 60, 4),
        inside("Fully Connected", 2, 0, 5),
    ]


LOOP = [
    told("LiteRT::Run[buffer registration]", PLAIN, 0, 0, 0, 93),
    invoked(0, 100, 1000),
    inside("Fully Connected", 0, 0, 12),
    kernel("WHILE", 0, 1, 130, 500),
    told("AllocateTensors", PLAIN, 1, 0, 131, 20),
    *(event for number in range(4) for event in turn(200 + 100 * number)),
    inside("Softmax", 0, 0, 3),
]


def totals(events: list[Event]) -> dict[tuple[str, int | None], int]:
    found: Counter[tuple[str, int | None]] = Counter()
    for event in events:
        found[(event.operator.name, event.operator.partition)] += event.value
    return dict(found)


def test_a_loops_operators_are_counted_once_and_its_passes_are_calls() -> None:
    reader = Reader(GRAPH, 1)
    events = reader(LOOP)
    assert totals(events) == {
        ("Fully Connected", 0): 12,
        ("WHILE", None): 0,
        ("LESS", None): 4,
        ("ADD", None): 8,
        ("Fully Connected", 1): 28,
        ("TanH", 1): 4,
        ("CUMSUM", None): 16,
        ("Fully Connected", 2): 20,
        ("Softmax", 3): 3,
    }
    calls = Counter(event.operator for event in events)
    assert sorted(calls.values()) == [1, 1, 1, 4, 4, 4, 4, 4, 4]
    assert [operator.layer for operator in calls if operator.name == "WHILE"] == ["again"]
    assert "what WHILE takes beside its body" in reader.note
    assert reader.partitions == 4
    assert reader.graph == ((Node("FULLY_CONNECTED", "first"),), (), (), (Node("SOFTMAX", "last"),))


def test_the_next_inference_has_the_same_operators() -> None:
    reader = Reader(GRAPH, 1)
    assert reader(LOOP) == reader(LOOP)
    assert reader.partitions == 4


def test_a_body_in_a_body_leaves_neither_counted_twice() -> None:
    reader = Reader(GRAPH, 1000)
    events = reader(
        [
            invoked(0, 1, 99),
            kernel("WHILE", 0, 1, 10, 80),
            invoked(1, 11, 30),
            kernel("IF", 1, 0, 12, 20),
            invoked(2, 14, 10),
            kernel("MUL", 2, 0, 15, 7),
            kernel("SUB", 1, 1, 33, 5),
            kernel("SOFTMAX", 0, 2, 90, 9),
        ]
    )
    assert [(event.operator.name, event.value) for event in events] == [
        ("WHILE", 0),
        ("IF", 0),
        ("MUL", 7000),
        ("SUB", 5000),
        ("SOFTMAX", 9000),
    ]
    assert "WHILE, IF" in reader.note


def test_a_body_that_a_delegate_took_whole_is_a_body() -> None:
    reader = Reader(GRAPH, 1)
    events = reader([kernel("IF", 0, 1, 10, 80), invoked(1, 12, 70), inside("Fully Connected", 1, 0, 60)])
    assert [event.value for event in events] == [0, 60]


def test_kernels_beside_one_another_keep_their_time() -> None:
    """Microseconds are truncated: one begins in that in which the other ended, and some take none."""
    reader = Reader(GRAPH, 1)
    found = reader([kernel("ADD", 0, 0, 10, 5), kernel("MUL", 0, 1, 15, 0), kernel("SUB", 0, 2, 15, 3)])
    assert [event.value for event in found] == [5, 0, 3]
    assert (reader.note, reader.partitions, reader.graph) == ("", 0, ())


def node(name: str, operator: str, index: int, ts: int, dur: int) -> dict[str, Any]:
    args = {"op_name": operator, "node_index": str(index)}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": args}


WHOLE = {"cat": "Session", "name": "model_run", "ts": 0, "dur": 400}
EXECUTE = {"cat": "Session", "name": "SequentialExecutor::Execute", "ts": 0, "dur": 300}


def body(begun: int) -> list[dict[str, Any]]:
    return [node("Identity_2", "Identity", 2, begun, 2), node("mm", "MatMul", 0, begun + 4, 8), EXECUTE]


def test_a_loop_of_onnx_keeps_what_its_body_does_not_take() -> None:
    entries = [
        node("first", "MatMul", 0, 10, 13),
        *(entry for number in range(10) for entry in body(40 + 20 * number)),
        node("loop", "Loop", 1, 30, 250),
        node("Identity_2", "Identity", 2, 300, 5),
        WHOLE,
    ]
    (events,) = read(entries, {}, 1)
    assert totals(events) == {
        ("MatMul", None): 13 + 80,
        ("Loop", None): 250 - 10 * (2 + 8),
        ("Identity", None): 5 + 20,
    }
    calls = Counter(event.operator for event in events)
    assert [(each.name, number) for each, number in calls.items()] == [
        ("MatMul", 1),
        ("Loop", 1),
        ("Identity", 10),
        ("MatMul", 10),
        ("Identity", 1),
    ]


def test_of_two_levels_each_takes_off_its_own_alone() -> None:
    entries = [
        node("mul", "Mul", 0, 14, 7),
        node("if", "If", 0, 12, 20),
        node("sub", "Sub", 1, 33, 5),
        node("loop", "Loop", 0, 10, 80),
        node("softmax", "Softmax", 1, 90, 9),
        WHOLE,
    ]
    (events,) = read(entries, {}, 1000)
    assert [(event.operator.name, event.value) for event in events] == [
        ("Loop", 55_000),
        ("If", 13_000),
        ("Mul", 7_000),
        ("Sub", 5_000),
        ("Softmax", 9_000),
    ]
    assert sum(event.value for event in events) == (80 + 9) * 1000


@pytest.mark.parametrize("gap", [0, 3])
def test_nodes_beside_one_another_keep_theirs(gap: int) -> None:
    entries = [node("a", "Add", 0, 10, 5), node("b", "Mul", 1, 15 + gap, 0), node("c", "Sub", 2, 15 + gap, 3), WHOLE]
    assert [[event.value for event in events] for events in read(entries * 2, {}, 1)] == [[5, 0, 3]] * 2
