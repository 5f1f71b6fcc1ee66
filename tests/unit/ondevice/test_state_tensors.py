"""Which inputs an output continues, by the names exporters give them."""

import pytest

from edgerig.ondevice.engines import TensorInfo
from edgerig.ondevice.state_tensors import fed_back

X = TensorInfo("x", (1, 8), "float32")
Y = TensorInfo("y", (1, 4), "float32")


def tensor(name: str, shape: tuple[int, int] = (1, 16)) -> TensorInfo:
    return TensorInfo(name, shape, "float32")


@pytest.mark.parametrize(
    ("into", "out"),
    [("h", "hn"), ("s", "next_s"), ("state_in", "state_out"), ("state", "stateN"), ("past_key", "present_key")],
)
def test_a_state_is_known_by_its_name_and_shape(into: str, out: str) -> None:
    assert fed_back([X, tensor(into)], [Y, tensor(out)]) == [f'input "{into}" is continued by output "{out}"']
    assert fed_back([X, tensor(into)], [Y, tensor(out, (1, 15))]) == []


def test_two_states_are_told_apart() -> None:
    found = fed_back([X, tensor("h"), tensor("c")], [Y, tensor("cn"), tensor("hn")])
    assert found == ['input "h" is continued by output "hn"', 'input "c" is continued by output "cn"']


@pytest.mark.parametrize(("given", "back"), [("input", "output"), ("left", "right"), ("ids", "mask")])
def test_other_tensors_of_one_shape_are_no_state(given: str, back: str) -> None:
    assert fed_back([X, tensor(given)], [Y, tensor(back)]) == []


def test_one_input_alone_is_no_state() -> None:
    assert fed_back([tensor("image_in")], [tensor("image_out")]) == []
