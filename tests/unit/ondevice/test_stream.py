"""A network with state over a stream: what is fed is hidden, handed back in the file's own numbers, and begins anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgerig.ondevice.engines import Array, Description, Shapes, TensorInfo
from edgerig.ondevice.evaluate import evaluated
from edgerig.ondevice.stream import Fed, Streamed, hidden, streamed

X, H, Y, NEXT = (
    TensorInfo(name, (2, 1, 1) if name.startswith("h") else (1, 2), "float32") for name in ("x", "h", "y", "hn")
)


class Sum:
    """y = x + h, hn = h + 1; it counts how often it was loaded and, where told to, what it was given so far."""

    def __init__(self, state: tuple[str, ...] = (), given: TensorInfo = H, back: TensorInfo = NEXT) -> None:
        self.loads, self.calls = 0, 0
        self.described = Description([given, X], [Y, back], "made up", "1", 1, state=list(state))

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        self.loads, self.calls = self.loads + 1, 0

    def set_inputs(self, inputs: list[Array]) -> None:
        self.state, self.x = inputs

    def invoke(self) -> None:
        self.calls += 1

    def outputs(self) -> list[Array]:
        return [self.x + self.state.reshape(1, 2).astype(np.float32), self.state + 1]

    def describe(self) -> Description:
        return self.described


def run(engine: Any, samples: int, resets: tuple[int, ...] = ()) -> list[list[float]]:
    inputs = np.zeros((samples, 2), np.float32)
    engine.load("file", 1)
    found: list[list[float]] = evaluated(engine, [inputs], resets).arrays[0].tolist()
    return found


def test_an_input_is_what_the_output_was() -> None:
    assert run(Streamed(Sum(), [Fed(1, 0, 5.0)]), 3) == [[5, 5], [6, 6], [7, 7]]


def test_it_begins_anew_where_told_to() -> None:
    net = Sum()
    first = [[[10.0]], [[20.0]]]
    assert run(Streamed(net, [Fed(1, 0, first)]), 4, (2,)) == [[10, 20], [11, 21], [10, 20], [11, 21]]
    assert net.loads == 1, "what is fed alone needs no fresh load"


def test_what_the_file_keeps_itself_begins_anew_with_a_fresh_load() -> None:
    net = Sum(state=("1 variable of the graph",))
    run(Streamed(net, [Fed(1, 0)]), 5, (2, 4))
    assert (net.loads, net.calls) == (3, 1)


def test_what_is_fed_is_seen_by_nobody_else() -> None:
    described = hidden(Sum(state=("1 variable of the graph",)).describe(), [Fed(1, 0, 0.5)])
    assert [tensor.name for tensor in (*described.inputs, *described.outputs)] == ["x", "y"]
    assert described.state == ['"h" from "hn" (0.5 at first)', "1 variable of the graph"]
    kept = hidden(Sum().describe(), [Fed(1, 0, keep=True)])
    assert [tensor.name for tensor in kept.outputs] == ["y", "hn"]


def test_quantized_state_is_handed_on_in_the_inputs_own_numbers() -> None:
    given = TensorInfo("h", (2, 1, 1), "int8", scale=0.5, zero_point=3)
    back = TensorInfo("hn", (2, 1, 1), "int8", scale=0.25, zero_point=-1)
    net = Sum(given=given, back=back)
    engine = Streamed(net, [Fed(1, 0, 2.0)])
    engine.load("file", 1)
    engine.set_inputs([np.zeros((1, 2), np.float32)])
    assert net.state.tolist() == [[[7]], [[7]]]
    engine.outputs()  # 8 is (8 + 1) × 0.25 = 2.25, in the input's numbers 2.25 / 0.5 + 3, half to even
    engine.set_inputs([np.zeros((1, 2), np.float32)])
    assert net.state.tolist() == [[[7]], [[7]]] and net.state.dtype == np.int8


def test_a_file_without_the_tensor_is_refused() -> None:
    with pytest.raises(ValueError, match="input 0 cannot be fed from output 2"):
        Streamed(Sum(), [Fed(2, 0)]).load("file", 1)


def test_without_state_the_engine_is_itself() -> None:
    net: Any = Sum()
    assert streamed(net, [], []) is net
