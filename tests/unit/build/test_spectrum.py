"""Which operators make a spectrogram of sound, and which only look like it."""

from __future__ import annotations

import pytest

from edgerig.build.formats.spectrum import Step, front_end


def chain(*operators: str) -> list[Step]:
    """Each operator reads what the one before it gives, "squared" multiplies that by itself."""
    steps = []
    for index, operator in enumerate(operators):
        read = (index,) if operator != "squared" else (index, index)
        steps.append(Step("Mul" if operator == "squared" else operator, read, (index + 1,)))
    return steps


@pytest.mark.parametrize(
    "operators",
    [
        ("Conv", "Abs", "MatMul", "Clip"),
        ("Conv", "squared", "ReduceSum", "Sqrt"),
        ("CONV_2D", "SQUARE", "SUM", "SQRT", "ADD"),
        ("MIRROR_PAD", "DEPTHWISE_CONV_2D", "squared", "BATCH_MATMUL", "MAXIMUM"),
        ("RFFT2D", "COMPLEX_ABS", "FULLY_CONNECTED"),
    ],
)
def test_everything_before_a_logarithm_is_a_front_end_and_nothing_behind_it(operators: tuple[str, ...]) -> None:
    for logarithm, layer in (("Log", "Conv"), ("LOG", "CONV_2D")):
        assert front_end(chain(*operators, logarithm, layer, "Relu")) == set(range(len(operators)))


def test_a_root_and_the_layer_that_reads_it_are_of_the_front_end_too() -> None:
    operators = ("Pad", "Conv", "Slice", "Pow", "Add", "Sqrt", "Transpose", "Conv")
    assert front_end(chain(*operators, "Relu", "Conv")) == set(range(len(operators)))


@pytest.mark.parametrize(
    "operators",
    [
        ("Conv", "Relu", "Pow", "Add", "Sqrt"),  # features a network has learnt
        ("Conv", "Relu", "MatMul", "Softmax", "Log"),  # log-probabilities
        ("Conv", "ReduceMean", "Sub", "Pow", "ReduceMean", "Add", "Sqrt", "Div"),  # a layer norm, written out
        ("MatMul", "Pow", "ReduceSum", "Sqrt", "Div"),  # an embedding of length 1
        ("Conv", "Log"),  # no power: what is read may be negative
        ("Pow", "Add", "Sqrt"),  # nothing with weights
        ("Conv", "squared", "Relu"),
    ],
)
def test_what_has_learnt_something_before_or_no_power_is_none(operators: tuple[str, ...]) -> None:
    assert front_end(chain(*operators)) == set()


def test_a_power_is_a_root_or_narrows_as_a_logarithm_does() -> None:
    def steps(exponent: float | None) -> list[Step]:
        before, behind = chain("Conv", "Abs", "MatMul"), Step("Conv", (4,), (5,))
        return [*before, Step("Pow", (3,), (4,), exponent), behind]

    assert front_end(steps(0.23)) == {0, 1, 2}
    assert front_end(steps(0.5)) == {0, 1, 2, 3, 4}
    assert front_end(steps(2.0)) == front_end(steps(None)) == set()


def test_both_parts_of_a_transform_belong_to_it_and_what_reads_the_sound_besides_does_not() -> None:
    steps = [
        Step("Conv", ("x", "basis"), ("both",)),
        Step("Slice", ("both",), ("real",)),
        Step("Slice", ("both",), ("imaginary",)),
        Step("Mul", ("real", "real"), ("real2",)),
        Step("Mul", ("imaginary", "imaginary"), ("imaginary2",)),
        Step("Add", ("real2", "imaginary2"), ("power",)),
        Step("Sqrt", ("power",), ("level",)),
        Step("Conv", ("x", "weights"), ("beside",)),
        Step("Mul", ("beside", "level"), ("gated",)),
    ]
    assert front_end(steps) == set(range(7))
