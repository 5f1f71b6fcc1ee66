import pytest

from edgerig.measure.operator_kinds import kind_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CONV_2D", "convolution"),
        ("DEPTHWISE_CONV_2D", "depthwise convolution"),
        ("TRANSPOSE_CONV", "transposed convolution"),
        ("Convolution (NHWC, QC8) IGEMM", "convolution"),
        ("Convolution (NHWC, F32) DWConv", "depthwise convolution"),
        ("Deconvolution (NHWC, F32)", "transposed convolution"),
        ("Fully Connected (NC, QS8, QC8W) GEMM", "matrix product"),
        ("Batch Matrix Multiply (NC, F32) GEMM", "matrix product"),
        ("QLinearConv", "convolution"),
        ("QLinearConv depthwise", "depthwise convolution"),
        ("Conv 1x1", "matrix product"),
        ("QGemm", "matrix product"),
        ("MatMulIntegerToFloat", "matrix product"),
        ("DynamicQuantizeMatMul", "matrix product"),
        ("addmm.out", "matrix product"),
        ("DynamicQuantizeLSTM", "recurrent"),
        ("DynamicQuantizeLinear", "conversion"),
        ("QuantizeLinear", "conversion"),
        ("Convert (NC, QS8)", "conversion"),
        ("quantized_decomposed::dequantize_per_tensor.out", "conversion"),
        ("dim_order_ops::_to_dim_order_copy.out", "conversion"),
        ("MAX_POOL_2D", "pooling"),
        ("SOFTMAX", "softmax"),
        ("SkipLayerNormalization", "normalization"),
        ("Mean (ND) Reduce2", "reduction"),
        ("ARG_MAX", "reduction"),
        ("amax.out", "reduction"),
        ("Static Reshape (NC)", "movement"),
        ("Transpose (ND, X8) Transpose", "movement"),
        ("CONCATENATION", "movement"),
        ("cat.out", "movement"),
        ("GELU", "activation"),
        ("LOGISTIC", "activation"),
        ("Clamp (NC, F32)", "activation"),
        ("SQUARED_DIFFERENCE", "arithmetic"),
        ("Add (ND)", "arithmetic"),
        ("MAXIMUM", "arithmetic"),
        ("RSQRT", "arithmetic"),
        ("GATHER", "lookup"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "recurrent"),
        ("WHILE", "control"),
        ("MyCompany::Thing", "other"),
    ],
)
def test_runtimes_words_for_one_thing_are_one_word(name: str, kind: str) -> None:
    assert kind_of(name) == kind
