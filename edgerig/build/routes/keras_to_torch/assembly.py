"""A torch graph under construction, which knows the axis order of each value."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import torch
from torch import fx, nn

from edgerig.build.source import identifier
from edgerig.errors import UnsupportedRecipe


@dataclass(eq=False)  # its identity counts: Keras' graph walk keeps values in dictionaries and leaves them whole
class Value:
    """A tensor of the graph. `sample` is what it holds when the inputs are zero: its shape is the value's.

    `channels_first` says that the last axis of Keras' order stands second; only from three axes on is there a choice.
    """

    node: fx.Node
    sample: torch.Tensor
    channels_first: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """In Keras' order, batch (1) first."""
        shape = tuple(self.sample.shape)
        return (shape[0], *shape[2:], shape[1]) if self.channels_first else shape

    @property
    def spatial(self) -> tuple[int, ...]:
        """The lengths between batch and channels."""
        return self.shape[1:-1]


class Assembly:
    """Adds a node to the graph for each call, and computes its sample beside it."""

    def __init__(self) -> None:
        self._root = nn.Module()
        self._graph = fx.Graph()
        self._names: dict[Hashable, str] = {}
        self._reordered: dict[fx.Node, Value] = {}

    def input(self, name: str, shape: tuple[int, ...]) -> Value:
        return Value(self._graph.placeholder(identifier(name)), torch.zeros(shape))

    def call(self, function: Callable[..., Any], *arguments: Any, first: bool = False, **options: Any) -> Value:
        """`function` of the arguments, some of which are values; the result is channels first if `first`."""
        nodes = [a.node if isinstance(a, Value) else a for a in arguments]
        samples = [a.sample if isinstance(a, Value) else a for a in arguments]
        with torch.no_grad():
            sample = function(*samples, **options)
        return self._value(self._graph.call_function(function, tuple(nodes), options), sample, first)

    def joined(self, values: list[Value], axis: int, *, first: bool = False) -> Value:
        """`values`, all in one order, one after the other along torch's `axis`."""
        sample = torch.cat([value.sample for value in values], axis)
        node = self._graph.call_function(torch.cat, ([value.node for value in values], axis))
        return self._value(node, sample, first)

    def buffer(self, content: torch.Tensor, *, first: bool = False) -> Value:
        """A constant of the network, kept in its state."""
        name = self._free("constant")
        self._root.register_buffer(name, content)
        return self._value(self._graph.get_attr(name), content, first)

    def module(
        self, layer: Any, make: Callable[[], nn.Module], *inputs: Value, first: bool = False, variant: Hashable = ()
    ) -> Value:
        """The torch module of a Keras layer called on `inputs`.

        It is made once per layer: a layer called at several places shares its weights. `variant` tells apart what a
        layer becomes at different places (a padding that depends on the input's size).
        """
        key = (id(layer), variant)
        if key not in self._names:
            self._names[key] = self._free(identifier(str(layer.name)))
            self._root.add_module(self._names[key], make().eval().requires_grad_(False))
        name = self._names[key]
        with torch.no_grad():
            sample = self._root.get_submodule(name)(*(value.sample for value in inputs))
        return self._value(self._graph.call_module(name, tuple(value.node for value in inputs)), sample, first)

    def first(self, value: Value) -> Value:
        """`value` with its channels second."""
        return self._ordered(value, channels_first=True)

    def last(self, value: Value) -> Value:
        """`value` in Keras' own order."""
        return self._ordered(value, channels_first=False)

    def finish(self, outputs: list[Value]) -> nn.Module:
        nodes = tuple(self.last(value).node for value in outputs)
        self._graph.output(nodes[0] if len(nodes) == 1 else nodes)
        module = fx.GraphModule(self._root, self._graph)
        module.graph.eliminate_dead_code()  # outputs of a nested model that nothing uses
        module.delete_all_unused_submodules()
        module.recompile()
        return module.eval().requires_grad_(False)

    def _ordered(self, value: Value, *, channels_first: bool) -> Value:
        axes = value.sample.ndim
        if value.channels_first == channels_first or axes < 3:
            return value
        if value.node not in self._reordered:
            order = (0, axes - 1, *range(1, axes - 1)) if channels_first else (0, *range(2, axes), 1)
            if value.shape[-1] == 1 or math.prod(value.spatial) == 1:
                # Nothing moves in memory: as a permutation, ExecuTorch would run it outside XNNPACK (as_strided_copy).
                shape = tuple(value.sample.shape[axis] for axis in order)
                moved = self.call(torch.reshape, value, shape, first=channels_first)
            else:
                moved = self.call(_moved, value, order, first=channels_first)
            self._reordered[value.node], self._reordered[moved.node] = moved, value
        return self._reordered[value.node]

    def _value(self, node: fx.Node, sample: torch.Tensor, first: bool) -> Value:
        return Value(node, sample, first and sample.ndim > 2)

    def _free(self, wanted: str) -> str:
        name, number = wanted, 1
        while hasattr(self._root, name):
            name, number = f"{wanted}_{number}", number + 1
        return name


def _moved(tensor: torch.Tensor, order: tuple[int, ...]) -> torch.Tensor:
    """Copied, so that strides follow the axes: torch decomposes pooling of other strides into what XNNPACK lacks."""
    return tensor.permute(order).contiguous()


def constant(variable: Any) -> torch.Tensor:
    """A copy of a Keras variable's, array's or number's value, float32."""
    return torch.from_numpy(np.array(keras.ops.convert_to_numpy(variable), dtype=np.float32))


def unsupported(layer: Any, why: str) -> UnsupportedRecipe:
    """The error for a layer, or an option of it, without a counterpart."""
    return UnsupportedRecipe(
        f'layer "{layer.name}" ({type(layer).__name__}): {why}',
        hint="replace the layer, or choose another format: TensorFlow's own converters know every layer",
    )
