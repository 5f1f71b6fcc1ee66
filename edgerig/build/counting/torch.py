"""Counting a torch module: torch's own flop counter over one inference, by the type of the module that computed."""

from __future__ import annotations

from collections import Counter

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from edgerig.build.card import LayerCount
from edgerig.build.counting import Counts
from edgerig.build.formats import trace_inputs
from edgerig.build.source import SourceModel

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.Identity)
STATISTICS = ("running_mean", "running_var")


def count(model: SourceModel) -> Counts:
    """Parameters, layers by type, and what each type multiplies."""
    module: nn.Module = model.module
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*(torch.from_numpy(array) for array in trace_inputs(model)))
    modules = dict(module.named_modules())
    names = {f"{type(module).__name__}.{name}" if name else type(module).__name__: name for name in modules}
    flops = {names[key]: sum(ops.values()) for key, ops in counter.get_flop_counts().items() if key in names}
    layers: Counter[str] = Counter()
    macs: Counter[str] = Counter()
    for name, each in modules.items():
        inside = _children(name, each)
        own = flops[name] - sum(_within(child, modules, flops) for child in inside) if name in flops else 0
        # A flop counter counts a multiply-accumulate as two.
        macs[_type(each)] += own // 2
        if own or (not inside and not isinstance(each, CONTAINERS)):
            layers[_type(each)] += 1
    statistics = sum(b.numel() for name, b in module.named_buffers() if name.endswith(STATISTICS))
    parameters = sum(parameter.numel() for parameter in module.parameters()) + statistics
    table = {kind: LayerCount(layers=number, macs=macs[kind]) for kind, number in layers.items()}
    return Counts(parameters, statistics, table, "")


def _children(name: str, module: nn.Module) -> list[str]:
    return [f"{name}.{child}" if name else child for child, _ in module.named_children()]


def _within(name: str, modules: dict[str, nn.Module], flops: dict[str, int]) -> int:
    """What a module computes with all in it. A list of layers is never called, so that nothing is counted of it itself:
    it is what its layers compute."""
    if name in flops or name not in modules:  # a module that stands in two places has one name
        return flops.get(name, 0)
    return sum(_within(child, modules, flops) for child in _children(name, modules[name]))


def _type(module: nn.Module) -> str:
    name = type(module).__name__
    groups = getattr(module, "groups", 1)
    return f"{name} (depthwise)" if groups > 1 and groups == getattr(module, "in_channels", None) else name
