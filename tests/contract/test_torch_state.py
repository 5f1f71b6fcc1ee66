"""What torch modules keep in buffers, found by calling them, and made inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgerig.build.probing import UNKNOWN_STATE
from edgerig.build.sources.torch_state import with_explicit_state
from edgerig.build.streams import fed_of
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec, TensorSpec

pytestmark = pytest.mark.contract

ROW = TensorSpec(name="x", shape=(1, 3))
IDS = TensorSpec(name="ids", shape=(1, 3), dtype="int32")


class Kept(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    def __init__(self, *names: str, zeros: Sequence[int] = (1, 3), dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        for name in names:
            self.register_buffer(name, torch.zeros(*zeros, dtype=dtype))


class Delay(Kept):
    """A call that begins with zeros writes zeros into all taps but the first."""

    def forward(self, x: Any) -> Any:
        y = x + self.a + self.b + self.c
        self.c.copy_(self.b)
        self.b.copy_(self.a)
        self.a.copy_(x)
        return y


class Last(Kept):
    def forward(self, ids: Any) -> Any:
        y = (ids + self.last).float()
        self.last.copy_(ids)
        return y


class FailsBehind(Kept):
    def forward(self, x: Any) -> Any:
        self.last.add_(1)
        raise ValueError("not these")


class Fails(Kept):
    def forward(self, x: Any) -> Any:
        raise ValueError("not these")


class OnlyZeros(Kept):
    """Takes the ids of a table of one row."""

    def forward(self, ids: Any) -> Any:
        if int(ids.max()):
            raise IndexError("index out of range in self")
        self.last.add_(1)
        return self.last + ids


class TimeFirst(Kept):
    """Takes (T, 1, C) alone."""

    def forward(self, x: Any) -> Any:
        assert x.shape == (5, 1, 3)
        y = x + self.last
        self.last.copy_(x[-1])
        return y


class Inside(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """Its buffers are `x`, `a_b` and `a.b`."""

    def __init__(self) -> None:
        super().__init__()
        for name, value in (("x", 0.0), ("a_b", 1.0)):
            self.register_buffer(name, torch.full((1, 3), value))
        self.a = Kept("b")
        self.a.b += 2

    def forward(self, x: Any) -> Any:
        y = x + self.x + 10 * self.a_b + 100 * self.a.b
        self.x.copy_(x)
        self.a_b.copy_(2 * x)
        self.a.b.copy_(3 * x)
        return y


def spec(*inputs: TensorSpec) -> ModelSpec:
    return ModelSpec(
        name="kept",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=inputs,
        outputs=(TensorSpec(name="y", shape=(1, 3)),),
    )


def test_what_shows_only_after_calls_is_found() -> None:
    module = Delay("a", "b", "c").eval()
    _, told, notes = with_explicit_state(module, spec(ROW))
    assert [each.to for each in told.state] == ["a", "b", "c"]
    assert not notes
    assert not any(buffer.any() for buffer in module.buffers())


def test_the_explicit_module_computes_what_the_module_does_call_after_call() -> None:
    explicit, _, _ = with_explicit_state(Delay("a", "b", "c").eval(), spec(ROW))
    plain, state = Delay("a", "b", "c").eval(), [torch.zeros(1, 1, 3)] * 3
    for number in range(6):
        x = torch.from_numpy(np.random.default_rng(number).standard_normal((1, 3), dtype=np.float32))
        found, *state = explicit(x, *state)
        assert torch.equal(found, plain(x))


def test_integers_of_no_known_range_are_not_all_zero() -> None:
    _, told, _ = with_explicit_state(Last("last", dtype=torch.int32).eval(), spec(IDS))
    assert [(each.to, told.inputs[1].dtype) for each in told.state] == [("last", "int32")]


def test_a_table_of_one_row_is_looked_into_with_zeros() -> None:
    _, told, notes = with_explicit_state(OnlyZeros("last").eval(), spec(IDS))
    assert [each.to for each in told.state] == ["last"]
    assert not notes


def test_samples_have_their_tensors_shapes() -> None:
    time_first = TensorSpec(name="x", shape=(5, 1, 3), batch_axis=1)
    _, told, notes = with_explicit_state(TimeFirst("last").eval(), spec(time_first))
    assert [each.to for each in told.state] == ["last"]
    assert not notes


def test_what_takes_nothing_drawn_is_noted_and_left_as_it_was() -> None:
    module = Fails("last").eval()
    same, told, notes = with_explicit_state(module, spec(ROW))
    assert same is module
    assert told.state == ()
    assert notes == (UNKNOWN_STATE,)


def test_what_changes_buffers_and_fails_is_refused_and_put_back() -> None:
    module = FailsBehind("last").eval()
    with pytest.raises(BuildError, match=r"changes its buffers \(last\) and then fails"):
        with_explicit_state(module, spec(ROW))
    assert not module.last.any()


def test_names_are_each_ones_own_and_feed_the_right_buffer() -> None:
    explicit, told, _ = with_explicit_state(Inside().eval(), spec(ROW))
    names = [tensor.name for tensor in (*told.inputs, *told.outputs)]
    assert len(set(names)) == len(names) == 8
    assert [(each.input, each.output) for each in fed_of(told)] == [(1, 1), (2, 2), (3, 3)]
    assert [each.initial for each in told.state] == [0.0, 1.0, 2.0]
    y, *after = explicit(torch.ones(1, 3), *(torch.full((1, 1, 3), value) for value in (0.0, 1.0, 2.0)))
    assert y.tolist() == [[1 + 10 + 200] * 3]
    assert [value.flatten()[0].item() for value in after] == [1, 2, 3]
