"""Which layers belong together, and why others do not."""

from __future__ import annotations

import numpy as np

from edgerig.build.equalize.channels import Move, kept, reshaped, transposed
from edgerig.build.equalize.layers import Layer
from edgerig.build.equalize.network import Operator, Weighted, find

WIDTH = 4
SHAPE = (1, WIDTH, 2, 2)


def layer(name: str, reads: str, gives: str, **other: object) -> Operator:
    weighted = Weighted(Layer(np.ones((1, WIDTH, WIDTH, 3, 3))), SHAPE, SHAPE, 1, 1, **other)  # type: ignore[arg-type]
    return Operator(name, "Conv", (reads,), (gives,), weighted)


def depthwise(name: str, reads: str, gives: str, **other: object) -> Operator:
    weighted = Weighted(Layer(np.ones((WIDTH, 1, 1, 3, 3))), SHAPE, SHAPE, 1, 1, **other)  # type: ignore[arg-type]
    return Operator(name, "Conv", (reads,), (gives,), weighted)


def between(name: str, reads: str, gives: str, move: Move | None = None) -> Operator:
    return Operator(name, name, (reads,), (gives,), move=move)


RELU = kept(SHAPE)


def test_a_pair_through_a_relu() -> None:
    found = find([layer("a", "x", "1"), between("Relu", "1", "2", RELU), layer("b", "2", "y")], {"y"})
    assert [chain.names for chain in found.chains] == [("a", "b")]
    assert found.apart == {}


def test_depthwise_convolutions_between_make_one_chain_of_it() -> None:
    operators = [layer("a", "x", "1"), depthwise("d", "1", "2"), depthwise("e", "2", "3"), layer("b", "3", "y")]
    assert [chain.names for chain in find(operators, {"y"}).chains] == [("a", "d", "e", "b")]


def test_chains_that_meet_in_a_full_layer_stay_two() -> None:
    operators = [layer("a", "x", "1"), layer("b", "1", "2"), layer("c", "2", "y")]
    assert [chain.names for chain in find(operators, {"y"}).chains] == [("a", "b"), ("b", "c")]


def test_a_branch_is_left_alone() -> None:
    operators = [
        layer("a", "x", "1"),
        layer("b", "1", "2"),
        Operator("Add", "Add", ("1", "2"), ("3",), move=RELU),
        layer("c", "3", "y"),
    ]
    found = find(operators, {"y"})
    assert found.chains == ()
    assert found.apart == {"a": "Add joins its output with another", "b": "Add joins its output with another"}


def test_what_two_layers_read_is_left_alone() -> None:
    operators = [layer("a", "x", "1"), layer("b", "1", "y"), layer("c", "1", "z")]
    assert find(operators, {"y", "z"}).apart == {"a": "several operators read its output"}


def test_a_way_that_forks_and_joins_again_is_one() -> None:
    """A PReLU as converters write it: max(x, 0) - a·max(-x, 0)."""
    operators = [
        layer("a", "x", "1"),
        between("Relu", "1", "2", RELU),
        between("Mul", "1", "3", RELU),
        Operator("Sub", "Sub", ("2", "3"), ("4",), move=RELU),
        layer("b", "4", "y"),
    ]
    assert [chain.names for chain in find(operators, {"y"}).chains] == [("a", "b")]


def test_a_way_whose_fork_leaves_the_network_is_left_alone() -> None:
    operators = [layer("a", "x", "1"), between("Relu", "1", "y", RELU), layer("b", "1", "z")]
    assert find(operators, {"y", "z"}).apart == {"a": "the network gives its output"}


def test_channels_joined_with_themselves_in_another_order_are_left_alone() -> None:
    square = (1, WIDTH, WIDTH)
    first = Operator("a", "Conv", ("x",), ("1",), Weighted(Layer(np.ones((1, WIDTH, WIDTH))), square, square, 1, 1))
    second = Operator("b", "Conv", ("3",), ("y",), Weighted(Layer(np.ones((1, WIDTH, WIDTH))), square, square, 1, 1))
    operators = [
        first,
        between("Transpose", "1", "2", transposed((0, 2, 1))),
        Operator("Add", "Add", ("1", "2"), ("3",), move=kept(square)),
        second,
    ]
    assert find(operators, {"y"}).apart == {"a": "Add joins its channels with others"}


def test_an_activation_that_is_not_homogeneous_parts_layers() -> None:
    operators = [
        layer("a", "x", "1", clipped="RELU6"),
        layer("b", "1", "2"),
        between("HardSwish", "2", "3"),
        layer("c", "3", "y"),
    ]
    assert find(operators, {"y"}).apart == {
        "a": "RELU6 behind it is not positively homogeneous",
        "b": "HardSwish comes between",
    }


def test_a_depthwise_convolution_whose_output_is_clipped_ends_a_chain() -> None:
    operators = [layer("a", "x", "1"), depthwise("d", "1", "2", clipped="RELU6"), layer("b", "2", "y")]
    found = find(operators, {"y"})
    assert [chain.names for chain in found.chains] == [("a", "d")]
    assert list(found.apart) == ["d"]


def test_shared_weights_are_left_alone_on_both_sides() -> None:
    operators = [layer("a", "x", "1"), layer("b", "1", "2", shared=True), layer("c", "2", "y")]
    found = find(operators, {"y"})
    assert found.chains == ()
    assert set(found.apart) == {"a", "b"}
    assert all("weights" in why for why in found.apart.values())


def test_what_the_network_gives_is_left_alone() -> None:
    found = find([layer("a", "x", "1"), layer("b", "1", "y")], {"1", "y"})
    assert found.apart == {"a": "the network gives its output"}


def test_of_the_last_layer_nothing_is_said() -> None:
    found = find([layer("a", "x", "1"), between("Softmax", "1", "y")], {"y"})
    assert (found.chains, found.apart) == ((), {})


def test_channels_that_arrive_along_another_axis_are_left_alone() -> None:
    square = (1, WIDTH, WIDTH)
    first = Operator("a", "Conv", ("x",), ("1",), Weighted(Layer(np.ones((1, WIDTH, WIDTH))), square, square, 1, 1))
    second = Operator("b", "Conv", ("1",), ("y",), Weighted(Layer(np.ones((1, WIDTH, WIDTH))), square, square, 2, 2))
    assert find([first, second], {"y"}).apart == {"a": "Conv behind it reads its channels along another axis"}


def test_flattened_channels_meet_their_own_columns() -> None:
    matrix = Weighted(Layer(np.ones((1, 3, WIDTH * 4))), (1, WIDTH * 4), (1, 3), 1, 1)
    operators = [
        layer("a", "x", "1"),
        between("Flatten", "1", "2", reshaped((1, WIDTH * 4))),
        Operator("b", "Gemm", ("2",), ("y",), matrix),
    ]
    (chain,) = find(operators, {"y"}).chains
    assert chain.links[0].labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
