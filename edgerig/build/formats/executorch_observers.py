"""What calibration sees of a tensor, and the scale made of it: torchao's observers, without what destroys a network.

XNNPACKQuantizer's own observers never give a scale below 2**-12: a channel whose weights all lie below 0.03, and a
tensor whose values lie below 0.06, lose most of their 8 bits. Here a scale is as small as the values ask for, and
raised only where an XNNPACK kernel needs it (`floors`). Ranges a scale cannot stand for, infinities above all, are
remembered and left in float (`drop_unbounded`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import fx
from torchao.quantization.pt2e import HistogramObserver, MinMaxObserver, PerChannelMinMaxObserver

from edgerig.build.calibration import Extremes, Method, searched

LARGEST = 1e15
"""`torch.histc` counts up to 3.4e15; values like these stand for "masked", not for a quantity."""
SMALLEST = 2.0**-100
"""A scale that is no zero and no subnormal, nor makes one in a product of two."""
CHANNEL_SPREAD = 2.0**-16
"""A weight channel's scale, at least, as a share of its tensor's largest: an all-zero channel's is free."""
LARGEST_BIAS = 2.0**30
"""A bias is stored as int32 in steps of input scale × weight scale, and the products are added to it."""
LARGEST_RATIO = 255.0
"""XNNPACK refuses a product or an operand whose scale is 256 of its output's or more (requantization scales in
operators/convolution-nhwc.c, fully-connected-nc.c, binary-elementwise-nd.c)."""
SMALLEST_OPERAND = 2.0**-10
"""The smallest operand scale of an addition, as a share of its output's (microparams-init.c, qs8_add)."""

SUMS = frozenset({torch.ops.aten.add.Tensor, torch.ops.aten.add_.Tensor, torch.ops.aten.sub.Tensor})
PADS = ("aten.pad.default", "aten.constant_pad_nd.default")
PRODUCTS = frozenset({torch.ops.aten.mul.Tensor, torch.ops.aten.mul_.Tensor})
CLAMPS = frozenset(
    {
        torch.ops.aten.relu.default,
        torch.ops.aten.relu_.default,
        torch.ops.aten.hardtanh.default,
        torch.ops.aten.hardtanh_.default,
    }
)


class RangeObserver(HistogramObserver):  # type: ignore[misc]  # torchao is Any to the type checker
    """HistogramObserver that finds its range once, and knows whether it saw what no range holds.

    The library's own takes infinities out before it looks: a mask of -inf then gets the range of its zeros. It searches
    for the least squared error, "mse", which is what None means; the other methods are `calibration`'s.
    """

    def __init__(self, method: Method | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.unbounded = False
        self._method = method if method is not None and method.name != "mse" else None
        self._extremes = Extremes()
        self._found: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, x_orig: torch.Tensor) -> torch.Tensor:
        # A NaN compares false: it is unbounded too.
        if self.unbounded or not bool((x_orig.abs() < LARGEST).all()):
            self.unbounded = True
            return x_orig
        self._found = None
        self._extremes.see(x_orig.detach().numpy())
        observed: torch.Tensor = super().forward(x_orig)
        return observed

    def _non_linear_param_search(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self._found is None:
            self._found = super()._non_linear_param_search() if self._method is None else self._by(self._method)
        return self._found

    def _by(self, method: Method) -> tuple[torch.Tensor, torch.Tensor]:
        least, largest = self.min_val.item(), self.max_val.item()
        if method.name == "moving-average":
            least, largest = self._extremes.average
        elif method.searches:
            least, largest = searched(self.histogram.double().numpy(), least, largest, method)
        return torch.tensor(least), torch.tensor(largest)

    def scale(self) -> float:
        return float(self.calculate_qparams()[0])

    def raise_scale(self, least: float) -> None:
        self.eps: torch.Tensor = self.eps.clamp(min=least)


class WeightObserver(PerChannelMinMaxObserver):  # type: ignore[misc]  # torchao is Any to the type checker
    """PerChannelMinMaxObserver whose least scale is relative to the tensor's own largest."""

    def forward(self, x_orig: torch.Tensor) -> torch.Tensor:
        observed: torch.Tensor = super().forward(x_orig)
        largest = float(torch.maximum(self.max_val.abs(), self.min_val.abs()).max()) / self.quant_max
        self.eps = torch.tensor(max(largest * CHANNEL_SPREAD, SMALLEST))
        return observed

    def scales(self) -> torch.Tensor:
        found: torch.Tensor = self.calculate_qparams()[0]
        return found

    def raise_scales(self, least: torch.Tensor) -> None:
        """`least`: one per channel."""
        self.eps = torch.maximum(self.eps, least)


class TensorWeightObserver(MinMaxObserver):  # type: ignore[misc]  # torchao is Any to the type checker
    """The same with one scale of the whole tensor."""

    def scales(self) -> torch.Tensor:
        found: torch.Tensor = self.calculate_qparams()[0]
        return found.reshape(1)

    def raise_scales(self, least: torch.Tensor) -> None:
        """`least`: one per channel, the largest of which counts."""
        self.eps: torch.Tensor = torch.maximum(self.eps, least.max())


def drop_unbounded(observed: fx.GraphModule) -> None:
    """Takes out the observers that saw an infinity, a NaN or a value beyond any scale: what they stand before stays
    float, and so does the operator that reads it."""
    for node in list(observed.graph.nodes):
        module = _observer(observed, node)
        if isinstance(module, RangeObserver) and module.unbounded:
            node.replace_all_uses_with(node.args[0])
            observed.graph.erase_node(node)
    observed.recompile()


def floors(observed: fx.GraphModule) -> None:
    """Raises the scales XNNPACK would refuse, or whose bias would overflow: those of ranges with next to nothing in
    them (an output that calibration saw as 0, an all-zero filter with a bias), which cost no accuracy."""
    for node in observed.graph.nodes:
        output = _output_observer(observed, node)
        inputs = [_observer(observed, _before_pad(source)) for source in node.args if isinstance(source, fx.Node)]
        scales = [module.scale() for module in inputs if isinstance(module, RangeObserver)]
        weights = next((module for module in inputs if isinstance(module, WeightObserver | TensorWeightObserver)), None)
        if weights is not None and scales:
            _fit_bias(observed, node, weights, scales[0])
            if output is not None:
                output.raise_scale(scales[0] * float(weights.scales().max()) / LARGEST_RATIO)
        elif output is not None and node.target in SUMS and scales:
            output.raise_scale(max(scales) / LARGEST_RATIO)
            for module in inputs:
                if isinstance(module, RangeObserver):
                    module.raise_scale(output.scale() * SMALLEST_OPERAND)
        elif output is not None and node.target in PRODUCTS and len(scales) == 2:
            output.raise_scale(scales[0] * scales[1] / LARGEST_RATIO)


def _fit_bias(
    observed: fx.GraphModule, node: fx.Node, weights: WeightObserver | TensorWeightObserver, input_scale: float
) -> None:
    bias = node.args[2] if len(node.args) > 2 else None
    if isinstance(bias, fx.Node) and bias.op == "get_attr":
        values = _attribute(observed, str(bias.target)).abs().detach()
        if weights.scales().numel() in (1, values.numel()):
            weights.raise_scales(values / (input_scale * LARGEST_BIAS))


def _output_observer(observed: fx.GraphModule, node: fx.Node) -> RangeObserver | None:
    """The observer of what `node` gives on, behind a clamp fused with it or not."""
    for user in _behind_clamp(node):
        module = _observer(observed, user)
        if isinstance(module, RangeObserver):
            return module
    return None


def _behind_clamp(node: fx.Node) -> Iterator[fx.Node]:
    for user in node.users:
        if user.target in CLAMPS:
            yield from user.users
        yield user


def _before_pad(node: fx.Node) -> fx.Node:
    """What an integer pad in front of a convolution reads: its range is the convolution's."""
    source = node.args[0] if str(node.target) in PADS else None
    return source if isinstance(source, fx.Node) else node


def _observer(observed: fx.GraphModule, node: fx.Node) -> Any:
    return observed.get_submodule(str(node.target)) if node.op == "call_module" else None


def _attribute(module: fx.GraphModule, target: str) -> torch.Tensor:
    owner, _, name = target.rpartition(".")
    return cast(torch.Tensor, getattr(module.get_submodule(owner), name))
