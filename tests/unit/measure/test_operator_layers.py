from edgerig.measure.operator_layers import Node, matched

GRAPH = [
    Node("QUANTIZE", "q"),
    Node("CONV_2D", "stem"),
    Node("DEPTHWISE_CONV_2D", "depth"),
    Node("CONV_2D", "point"),
    Node("ADD", "sum"),
    Node("RESHAPE", "flat"),
    Node("FULLY_CONNECTED", "head"),
]


def layers(nodes: list[Node], operators: list[str]) -> list[str]:
    return [node.layer for node in matched(nodes, operators).nodes]


def test_fused_and_inserted_operators_are_passed_over() -> None:
    """XNNPACK's own words; the reshape was folded away, a conversion and a transposition were added."""
    operators = [
        "Convert (NC)",
        "Transpose (ND, X8)",
        "Convolution (NHWC, QC8) IGEMM",
        "Convolution (NHWC, QC8) DWConv",
        "Fully Connected (NC, QS8, QC8W) GEMM",
        "Add (ND)",
        "Fully Connected (NC, QS8, QC8W) GEMM",
        "Convert (NC)",
    ]
    assert layers(GRAPH, operators) == ["q", "", "stem", "depth", "point", "sum", "head", ""]


def test_no_layer_is_told_where_a_computation_has_no_counterpart() -> None:
    assert layers(GRAPH, ["Convolution (NHWC, F32) IGEMM", "Convolution (NHWC, F32) DWConv"]) == ["", ""]
    more = ["Convolution (NHWC, F32) IGEMM"] * 5
    assert layers(GRAPH, more) == [""] * 5
    told = "XNNPACK tells of 5 convolutions and matrix products, its graph has 4, 3 agree"
    assert matched(GRAPH, more).reason == told
    assert matched(GRAPH[:2], more[:1]).reason == ""


def test_a_depthwise_convolution_of_one_channel_is_a_convolution() -> None:
    nodes = [Node("DEPTHWISE_CONV_2D", "a"), Node("DEPTHWISE_CONV_2D", "b")]
    assert layers(nodes, ["Convolution (NHWC, F32) IGEMM", "Convolution (NHWC, F32) DWConv"]) == ["a", "b"]


def test_nothing_to_align() -> None:
    assert layers([], ["Add (ND)"]) == [""]
    assert layers(GRAPH, []) == []
    assert layers([Node("ADD", "a")] * 2000, ["Add (ND)"] * 2000) == [""] * 2000
