"""What a TFLite converter could not take, from its own words."""

import pytest

from edgerig.build.routes.refused_operators import naming_operators, refused
from edgerig.errors import UnsupportedRecipe

FLEX = (
    'Could not translate MLIR to FlatBuffer.<unknown>:0: error: loc(callsite(fused["Erfinv:", "net_1/head/Erfinv@'
    '__inference_function_9"] at fused["PartitionedCall:", "PartitionedCall_1"])): '
    "'tf.Erfinv' op is neither a custom op nor a flex op\n<unknown>:0: error: failed while converting: 'main':\n"
)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (FLEX, "TensorFlow's Erfinv (layer \"head\")"),
        ("'tf.A' op is neither a custom op nor a flex op 'tf.B' op is neither a custom op nor a flex op",
         "TensorFlow's A, B"),
        ("Lowering not found: aten.cummax.default\n\nWhile executing %c", "torch's aten.cummax.default"),
        ("jax said\n\nWhile executing %n : call_function[target=torch.ops.aten.nonzero.default](args = (%x,))",
         "torch's aten.nonzero.default"),
        ("Failed: conv.py:1198:0: error: failed to legalize operation 'mhlo.convolution' that was",
         "the operation mhlo.convolution (conv.py:1198)"),
        ("out of memory", None),
    ],
)  # fmt: skip
def test_the_operator_is_found(words: str, named: str | None) -> None:
    assert refused(words) == named


def test_only_what_names_an_operator_becomes_a_refusal() -> None:
    with pytest.raises(UnsupportedRecipe, match="cannot take TensorFlow's Erfinv"), naming_operators():
        raise RuntimeError(FLEX)
    with pytest.raises(RuntimeError, match="out of memory"), naming_operators():
        raise RuntimeError("out of memory")
