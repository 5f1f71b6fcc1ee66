"""Which operators of a torch graph are quantized for XNNPACK, and where their ranges are taken.

XNNPACKQuantizer finds the patterns; what it does to real networks is corrected here:

- a clamp (ReLU6, hardtanh, clamp) is fused with the layer before it and the range taken behind it, as it does with ReLU
  alone: otherwise the range before the clamp, often ten times as wide, is what 8 bits are spread over;
- a mean or pooled value has a range of its own, not its input's;
- addition, multiplication and concatenation are quantized between quantized operators only: attention masks, residual
  streams between layer norms and the scaling of an input gain nothing from it and lose their precision;
- what makes a spectrogram of sound stays float (`spectrum`);
- what XNNPACK has no integer kernel for stays float (`partition/config/gemm_configs.py`), instead of a program whose
  weights no kernel takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer_utils import OP_TO_ANNOTATOR, propagate_annotation
from torch import fx
from torchao.quantization.pt2e import PlaceholderObserver
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, QuantizationConfig, QuantizationSpec
from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

from edgerig.build.calibration import Method
from edgerig.build.formats.executorch_layout import channels_last
from edgerig.build.formats.executorch_observers import (
    CLAMPS,
    PRODUCTS,
    SMALLEST,
    SUMS,
    RangeObserver,
    TensorWeightObserver,
    WeightObserver,
    drop_unbounded,
    floors,
)
from edgerig.build.formats.spectrum import Step, front_end
from edgerig.build.source import Arrays

aten = torch.ops.aten
LINEAR = frozenset({aten.linear.default})
CONVOLUTIONS = frozenset(
    {
        aten.conv1d.default,
        aten.conv1d.padding,
        aten.conv2d.default,
        aten.conv2d.padding,
        aten.conv_transpose1d.default,
        aten.conv_transpose2d.input,
    }
)
UNSUPPORTED = frozenset({aten.conv3d.default, aten.conv3d.padding, aten.conv_transpose3d.input})
"""XNNPACK has 1-D and 2-D convolutions (`ConvolutionConfig.check_constraints`)."""
WEIGHTED = LINEAR | CONVOLUTIONS
BETWEEN = SUMS | PRODUCTS | {aten.cat.default}
"""Quantized only between quantized operators."""
POOLED = frozenset({aten.mean.dim, aten.adaptive_avg_pool2d.default})
PADS = frozenset({aten.pad.default, aten.constant_pad_nd.default})
HARDTANH = frozenset({aten.hardtanh.default, aten.hardtanh_.default})


def quantized(
    program: torch.export.ExportedProgram, quantizer: XNNPACKQuantizer, samples: Iterable[Arrays]
) -> fx.GraphModule:
    """The program's graph, quantized."""
    return quantized_graph(graph_of(program), quantizer, samples)


def graph_of(program: torch.export.ExportedProgram) -> fx.GraphModule:
    """The program as a graph of its own, `canonical`."""
    graph: fx.GraphModule = program.module()
    canonical(graph)
    return graph


def quantized_graph(graph: fx.GraphModule, quantizer: XNNPACKQuantizer, samples: Iterable[Arrays]) -> fx.GraphModule:
    """PT2E: observers where the quantizer has a pattern, a pass over the samples, integer weights. It takes `graph`,
    which is `canonical`, for its own."""
    observed = prepare_pt2e(graph, quantizer)
    for sample in samples:
        observed(*(torch.from_numpy(array) for array in sample))
    drop_unbounded(observed)
    floors(observed)
    # The converted graph is fixed in inference mode: it refuses eval(), so it is exported as it is.
    return convert_pt2e(observed)


WITH_NUMBER = {aten.add.Tensor: aten.add.Scalar, aten.mul.Tensor: aten.mul.Scalar}


def _is_real(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return not isinstance(value, torch.Tensor) or value.is_floating_point()


def canonical(graph: fx.GraphModule) -> None:
    """Writes every two-sided clamp as hardtanh and every clamp at 0 as ReLU, the forms XNNPACK fuses, and numbers that
    are added to or multiply integers in the form the quantizer leaves alone: it makes float32 tensors of the others,
    with which nothing is indexed (`_convert_scalars_to_attrs`). In place."""
    for node in graph.graph.nodes:
        if node.target in WITH_NUMBER and not isinstance(node.args[1], fx.Node) and not _is_real(node):
            node.target = WITH_NUMBER[node.target]
        bounds = _bounds(node)
        if bounds is None:
            continue
        low, high = bounds
        if low == 0 and high is None:
            node.target, node.args = aten.relu.default, node.args[:1]
        elif low is not None and high is not None:
            node.target, node.args = aten.hardtanh.default, (node.args[0], low, high)
        node.kwargs = {}
    graph.recompile()


def _bounds(node: fx.Node) -> tuple[float | None, float | None] | None:
    """A clamp's bounds; None for another operator, bounds that are tensors, and one that changes what others read."""
    name = str(node.target).removeprefix("aten.").partition(".")[0]
    source = node.args[0] if node.op == "call_function" and node.args else None
    if not isinstance(source, fx.Node) or (name.endswith("_") and len(source.users) > 1):
        return None
    given = [*node.args[1:], None, None]
    low, high = node.kwargs.get("min", given[0]), node.kwargs.get("max", given[1])
    match name.removesuffix("_"):
        case "relu6":
            low, high = 0.0, 6.0
        case "clamp_min":
            low, high = given[0], None
        case "hardtanh":
            low, high = node.kwargs.get("min_val", given[0]), node.kwargs.get("max_val", given[1])
            low, high = (-1.0 if low is None else low), (1.0 if high is None else high)
        case "clamp":
            pass
        case _:
            return None
    if not all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        return None
    if low is None or (high is None and low != 0):
        return None  # one-sided at another value: no such kernel to fuse
    return float(low), None if high is None else float(high)


@dataclass(frozen=True)
class StaticSettings:
    """`method` None: as torchao's HistogramObserver does. `per_tensor`: one scale per weight tensor."""

    method: Method | None = None
    per_tensor: bool = False


class StaticQuantizer(XNNPACKQuantizer):  # type: ignore[misc]  # executorch is Any to the type checker
    """Weights int8 by output channel or tensor, activations int8 by tensor; `float_nodes` are left alone."""

    def __init__(
        self,
        float_nodes: frozenset[str] = frozenset(),
        settings: StaticSettings = StaticSettings(),  # frozen
        *,
        elementwise: bool = True,
    ) -> None:
        super().__init__()
        self._float_nodes = float_nodes
        self._elementwise = elementwise
        activation = QuantizationSpec(
            dtype=torch.int8,
            quant_min=-128,
            quant_max=127,
            qscheme=torch.per_tensor_affine,
            observer_or_fake_quant_ctr=RangeObserver.with_args(method=settings.method, eps=SMALLEST),
        )
        weights = _tensor_weights() if settings.per_tensor else _weights()
        self.set_global(QuantizationConfig(activation, activation, weights, None))
        self.set_filter_function(lambda node: node.name not in self._float_nodes and node.target not in UNSUPPORTED)

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        self._float_nodes |= _spectral(model)
        with _clamps_as_relu(model):
            self._annotate_for_quantization_config(model)
        for node in model.graph.nodes:
            elementwise = node.target in BETWEEN or node.target in POOLED
            if node.name in self._float_nodes or (elementwise and not self._elementwise) or not _is_float32(node):
                node.meta.pop(Q_ANNOTATION_KEY, None)
        _keep_between(model)
        self._annotate_own_ranges(model)
        self._annotate_pads(model)
        propagate_annotation(model)
        return model

    def _annotate_own_ranges(self, model: fx.GraphModule) -> None:
        """Pools, means and clamps that stand alone behind a quantized operator: an output range of their own."""
        activation = self.global_config.output_activation
        for node in model.graph.nodes:
            alone = node.target in HARDTANH and not _annotated(node)
            if node.target not in POOLED and not alone:
                continue
            source = node.args[0]
            node.meta.pop(Q_ANNOTATION_KEY, None)
            if self._elementwise and node.name not in self._float_nodes and _gives_int8(source):
                node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(
                    input_qspec_map={source: activation}, output_qspec=activation, _annotated=True
                )

    def _annotate_pads(self, model: fx.GraphModule) -> None:
        """Zero padding in front of a convolution: quantized before it and not again behind it, the form lowering takes
        for an integer pad (`ConvolutionConfig._get_act_deps`)."""
        for node in model.graph.nodes:
            pad = node.args[0] if node.target in CONVOLUTIONS and _annotated(node) else None
            if isinstance(pad, fx.Node) and _pads_zeros(pad, node):
                spec = node.meta[Q_ANNOTATION_KEY].input_qspec_map.pop(pad)
                pad.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(
                    input_qspec_map={pad.args[0]: spec}, _annotated=True
                )


def _spectral(model: fx.GraphModule) -> frozenset[str]:
    """The nodes that make a spectrogram of sound (`spectrum`)."""
    nodes = [node for node in model.graph.nodes if node.op == "call_function"]
    steps = []
    for node in nodes:
        kind = getattr(node.target, "__name__", str(node.target)).partition(".")[0].removesuffix("_")
        same = kind == "mul" and node.args[0] is node.args[1]
        power = node.args[1] if kind == "pow" and isinstance(node.args[1], int | float) else None
        reads = tuple(source.name for source in node.all_input_nodes)
        steps.append(Step(kind, reads * 2 if same else reads, (node.name,), power))
    return frozenset(nodes[index].name for index in front_end(steps))


class DynamicQuantizer(XNNPACKQuantizer):  # type: ignore[misc]  # executorch is Any to the type checker
    """Weights int8 by output channel, activations quantized by row as they come, at run time.

    XNNPACKQuantizer's own dynamic patterns pass by a convolution followed by a ReLU, which in a usual network is every
    convolution, although XNNPACK's dynamic convolution takes a fused ReLU. Left in float are convolutions with one
    input channel a filter (XNNPACK runs them as depthwise, for which it has no dynamic kernel), those that are not 2-D,
    and those whose input lowering would lay out wrongly (`executorch_layout`).
    """

    def __init__(self, float_nodes: frozenset[str] = frozenset(), *, convolutions: bool = True) -> None:
        super().__init__()
        activation = QuantizationSpec(
            dtype=torch.int8,
            quant_min=-128,
            quant_max=127,
            qscheme=torch.per_tensor_affine,
            is_dynamic=True,
            observer_or_fake_quant_ctr=PlaceholderObserver.with_args(eps=2**-12),
        )
        self.set_global(QuantizationConfig(activation, None, _weights(), None))

        def takes(node: fx.Node) -> bool:
            if node.name in float_nodes or node.target in UNSUPPORTED:
                return False
            return node.target not in CONVOLUTIONS or (convolutions and _dynamic_kernel(node))

        self.set_filter_function(takes)

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        OP_TO_ANNOTATOR["conv_relu"](model, self.global_config, self.filter_fn)
        annotated: fx.GraphModule = super().annotate(model)
        return annotated


def _weights() -> QuantizationSpec:
    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
        observer_or_fake_quant_ctr=WeightObserver.with_args(eps=SMALLEST),
    )


def _tensor_weights() -> QuantizationSpec:
    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_tensor_symmetric,
        observer_or_fake_quant_ctr=TensorWeightObserver.with_args(eps=SMALLEST),
    )


def _dynamic_kernel(node: fx.Node) -> bool:
    """Has XNNPACK a dynamic kernel for the convolution `node`, and does lowering feed it rightly?"""
    shape = cast(fx.Node, node.args[1]).meta["val"].shape
    transposed = node.target == aten.conv_transpose2d.input
    return len(shape) == 4 and (transposed or shape[1] > 1) and channels_last(cast(fx.Node, node.args[0]))


@contextmanager
def _clamps_as_relu(model: fx.GraphModule) -> Iterator[None]:
    """hardtanh behind a weighted layer is ReLU to the quantizer's patterns, which fuse ReLU alone."""
    kept: list[tuple[fx.Node, Any, tuple[Any, ...]]] = []
    for node in model.graph.nodes:
        if node.target in HARDTANH and isinstance(node.args[0], fx.Node) and node.args[0].target in WEIGHTED:
            kept.append((node, node.target, node.args))
            node.target, node.args = aten.relu.default, node.args[:1]
    try:
        yield
    finally:
        for node, target, args in kept:
            node.target, node.args = target, args


def _keep_between(model: fx.GraphModule) -> None:
    """Takes the annotation off elementwise operators that no quantized operator feeds, or none reads."""
    nodes = [node for node in model.graph.nodes if node.target in BETWEEN]
    for node in nodes:
        if not any(_gives_int8(source) for source in node.all_input_nodes):
            _forget(node)
    for node in reversed(nodes):
        if not _read_as_int8(node):
            _forget(node)


def _forget(node: fx.Node) -> None:
    node.meta.pop(Q_ANNOTATION_KEY, None)
    for user in node.users:  # the clamp that was annotated as fused with it
        if user.target in CLAMPS and len(node.users) == 1:
            user.meta.pop(Q_ANNOTATION_KEY, None)


def _pad_mode(pad: fx.Node) -> tuple[Any, Any]:
    given = list(pad.args[2:])
    if pad.target == aten.constant_pad_nd.default:
        return "constant", given[0] if given else 0.0
    mode = given[0] if given else pad.kwargs.get("mode", "constant")
    return mode, given[1] if len(given) > 1 else pad.kwargs.get("value")


def _pads_zeros(pad: fx.Node, convolution: fx.Node) -> bool:
    """Does `pad` give zeros around the axes `convolution` slides over, to it alone?"""
    if pad.target not in PADS or len(pad.users) > 1 or "transpose" in str(convolution.target):
        return False
    amounts = cast(list[int], pad.args[1])
    mode, value = _pad_mode(pad)
    sides = 2 * (convolution.meta["val"].dim() - 2)
    return mode == "constant" and not value and len(amounts) <= sides and min(amounts) >= 0


def _annotated(node: fx.Node) -> bool:
    return bool(getattr(node.meta.get(Q_ANNOTATION_KEY), "_annotated", False))


def _gives_int8(node: Any) -> bool:
    """Is what `node` gives quantized, by its own annotation or, through operators that only move values, another's?"""
    if not isinstance(node, fx.Node):
        return False
    if node.target in WEIGHTED or node.target in BETWEEN or node.target in CLAMPS:
        annotation = node.meta.get(Q_ANNOTATION_KEY)
        if annotation is not None and annotation.output_qspec is not None:
            return True
        return node.target in CLAMPS and _gives_int8(node.args[0])
    return node.target in MOVING and bool(node.args) and _gives_int8(node.args[0])


def _read_as_int8(node: fx.Node) -> bool:
    return any(
        (_annotated(user) and user.target in WEIGHTED | BETWEEN)
        or ((user.target in CLAMPS or user.target in MOVING) and _read_as_int8(user))
        for user in node.users
    )


def _is_float32(node: fx.Node) -> bool:
    values = [source.meta.get("val") for source in (node, *node.all_input_nodes)]
    return all(not isinstance(value, torch.Tensor) or value.dtype == torch.float32 for value in values)


MOVING = (
    POOLED
    | {
        aten.max_pool2d.default,
        aten.permute.default,
        aten.transpose.int,
        aten.squeeze.dim,
        aten.unsqueeze.default,
        aten.view.default,
        aten.reshape.default,
        aten.flatten.using_ints,
        aten.slice.Tensor,
        aten.dropout.default,
    }
    | PADS
)
"""Operators through which a value stays what it was, or close."""
