"""Equalization of a float torch graph: its operators as `build/equalize` sees them, and the weights written back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torchao.quantization.pt2e.utils import _fuse_conv_bn_

from edgerig.build.equalize import balance
from edgerig.build.equalize.channels import Move, Shape, kept, pooled, reduced, reshaped, transposed
from edgerig.build.equalize.layers import Form, Layer, convolution, transposed_convolution
from edgerig.build.equalize.network import Operator, Weighted, find
from edgerig.build.formats.layer_names import layer_names
from edgerig.build.source import Arrays
from edgerig.spec import RecipeSpec

aten = torch.ops.aten
LINEAR = frozenset({aten.linear.default})
CONVOLUTIONS: dict[Any, int] = {
    aten.conv1d.default: 6,
    aten.conv1d.padding: 6,
    aten.conv2d.default: 6,
    aten.conv2d.padding: 6,
    aten.conv3d.default: 6,
    aten.conv3d.padding: 6,
    aten.conv_transpose1d.default: 6,
    aten.conv_transpose2d.input: 6,
    aten.conv_transpose3d.input: 6,
}
"""Operator → where its groups stand among its arguments (native_functions.yaml)."""
KEEPS = frozenset(
    {"relu", "relu_", "leaky_relu", "leaky_relu_", "prelu", "dropout", "dropout_", "clone", "contiguous", "abs", "neg"}
)
JOINS = frozenset({"add.Tensor", "sub.Tensor", "maximum.default", "minimum.default"})
"""Of values alone: with a constant they are not homogeneous."""
POOLS = {"max_pool1d": 1, "avg_pool1d": 1, "max_pool2d": 2, "avg_pool2d": 2, "adaptive_avg_pool2d": 2, "max_pool3d": 3}
"""With how many axes they slide over, the last ones."""
REDUCES = frozenset({"mean.dim", "sum.dim_IntList", "amax.default"})
RESHAPES = frozenset({"view", "reshape", "flatten", "squeeze", "unsqueeze", "_unsafe_view", "unflatten"})
"""Positively homogeneous operators (native_functions.yaml), by what becomes of channels in them."""
CLIPPED = "hardtanh (RELU6)"
PADS = frozenset({"pad", "constant_pad_nd"})


def folded(graph: fx.GraphModule) -> fx.GraphModule:
    """`graph` with batch norms folded into the convolutions before them, as PT2E does anyway; in place."""
    _fuse_conv_bn_(graph)
    return graph


def equalize(graph: fx.GraphModule, recipe: RecipeSpec, samples: Iterable[Arrays]) -> tuple[str, ...]:
    """Equalizes `graph`, whose batch norms are folded, in place; what to note of it. `samples` are batches of one.

    Raises UnsupportedRecipe where no two layers can be, or where the graph then computes something else.
    """
    some = list(islice(samples, balance.PROOF_SAMPLES))
    before = _outputs(graph, some)
    steps, places, forms = _steps(graph)
    given = next(node for node in graph.graph.nodes if node.op == "output")
    found = find(steps, {node.name for node in given.all_input_nodes})
    if not found.chains:
        raise balance.nothing(recipe.name, found)
    layers = {step.name: step.weighted.layer for step in steps if step.weighted is not None}
    for name, layer in balance.balanced(layers, found.chains).items():
        _store(graph, places[name], forms[name], layer)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    proved = balance.proof(before, _outputs(graph, some))
    if not proved.holds:
        raise balance.changed(recipe.name, proved)
    return balance.notes(found, proved)


def named_nodes(graph: fx.GraphModule) -> dict[str, fx.Node]:
    """The graph's operators in the order they run, by the names users call them."""
    nodes = [node for node in graph.graph.nodes if node.op == "call_function"]
    return dict(zip(layer_names(_kind(node) for node in nodes), nodes, strict=True))


def _steps(graph: fx.GraphModule) -> tuple[list[Operator], dict[str, fx.Node], dict[str, Form]]:
    """The operators as equalization sees them, with their nodes and the form of each one's weights by name."""
    nodes, reads = named_nodes(graph), _readers(graph)
    steps, forms = [], {}
    for name, node in nodes.items():
        values = tuple(each.name for each in node.all_input_nodes if each.op != "get_attr")
        layer = _weighted(graph, node, reads)
        move = None
        if layer is not None:
            forms[name] = layer[1]
        else:
            move = _move(node, len(values))
        weighted = None if layer is None else layer[0]
        kind = CLIPPED if node.args[1:] == (0.0, 6.0) and _kind(node) == "hardtanh" else _kind(node)
        steps.append(Operator(name, kind, values, (node.name,), weighted, move))
    return steps, nodes, forms


def _readers(graph: fx.GraphModule) -> Counter[int]:
    """How many operators read a stored tensor, under whatever name, by its address."""
    found: Counter[int] = Counter()
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            found[_tensor(graph, node).data_ptr()] += len(node.users)
    return found


def _weighted(graph: fx.GraphModule, node: fx.Node, reads: Counter[int]) -> tuple[Weighted, Form] | None:
    """A node's weights, where they are stored in float32 and its data is not."""
    if node.target not in LINEAR and node.target not in CONVOLUTIONS:
        return None
    if len(node.args) < 2 or "bias" in node.kwargs:
        return None
    data, stored, offset = node.args[0], node.args[1], _argument(node, 2, "bias")
    weight, bias = _stored(graph, stored), _stored(graph, offset)
    taken, given = _shape(data), _shape(node)
    if weight is None or (offset is not None and bias is None) or taken is None or given is None:
        return None
    if isinstance(data, fx.Node) and data.op == "get_attr":
        return None
    form, axis = _form(node, tuple(weight.shape))
    axis = len(taken) + axis
    layer = Layer(form.of(weight.numpy()), None if bias is None else bias.numpy())
    if axis < 0 or taken[axis] != layer.inputs or given[axis] != layer.outputs:
        return None
    return Weighted(layer, taken, given, axis, axis, shared=reads[weight.data_ptr()] > 1), form


def _form(node: fx.Node, shape: Shape) -> tuple[Form, int]:
    """The form of a node's weights, and the axis of its channels, from behind (a sample may come without a batch)."""
    if node.target in LINEAR:
        return convolution(shape, 1), -1
    groups = _argument(node, CONVOLUTIONS[node.target], "groups")
    made = transposed_convolution if "transpose" in str(node.target) else convolution
    return made(shape, 1 if groups is None else int(groups)), 1 - len(shape)


def _move(node: fx.Node, reads: int) -> Move | None:
    """What becomes of channels in an operator that is positively homogeneous; None for any other. It `reads` so many
    values that are not stored."""
    shape, kind = _shape(node), _kind(node)
    computed = [isinstance(each, fx.Node) and each.op != "get_attr" for each in node.args[:2]]
    if str(node.target).removeprefix("aten.") in JOINS and computed == [True, True]:
        return kept(shape)
    if reads != 1 or not node.args or (kind == "mul" and computed == [True, True]):
        return None
    if kind == "mul" or (kind == "div" and computed == [True, False] and not node.kwargs):
        return kept(shape)
    if not computed[0]:
        return None
    if kind in KEEPS or (kind in PADS and _pads_zeros(node)):
        return kept(shape)
    if kind in POOLS:
        return pooled(shape, range(-POOLS[kind], 0))
    if kind in RESHAPES:
        return reshaped(shape)
    if str(node.target).removeprefix("aten.") in REDUCES:
        axes = _argument(node, 1, "dim")
        if axes is None or axes == []:
            return None
        return reduced(shape, [axes] if isinstance(axes, int) else list(axes))
    return _transposed(node, kind)


def _transposed(node: fx.Node, kind: str) -> Move | None:
    if kind == "permute":
        return transposed(list(_argument(node, 1, "dims")))
    if kind != "transpose":
        return None
    order = list(range(len(_shape(node) or ())))
    first, second = _argument(node, 1, "dim0"), _argument(node, 2, "dim1")
    order[first], order[second] = order[second], order[first]
    return transposed(order)


def _pads_zeros(node: fx.Node) -> bool:
    """Zeros, or what is there already (reflect, replicate, circular)."""
    if _kind(node) == "constant_pad_nd":
        return not _argument(node, 2, "value")
    return _argument(node, 2, "mode") not in (None, "constant") or not _argument(node, 3, "value")


def _kind(node: fx.Node) -> str:
    """`conv2d` of `aten.conv2d.default`."""
    return str(node.target).removeprefix("aten.").partition(".")[0]


def _argument(node: fx.Node, place: int, name: str) -> Any:
    return node.args[place] if place < len(node.args) else node.kwargs.get(name)


def _shape(node: Any) -> Shape | None:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    if not isinstance(value, torch.Tensor) or not all(isinstance(length, int) for length in value.shape):
        return None
    return tuple(value.shape)


def _stored(graph: fx.GraphModule, node: Any) -> torch.Tensor | None:
    """A stored tensor of float32."""
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    tensor = _tensor(graph, node)
    return tensor if tensor.dtype == torch.float32 else None


def _tensor(graph: fx.GraphModule, node: fx.Node) -> torch.Tensor:
    path, _, name = str(node.target).rpartition(".")
    tensor: torch.Tensor = getattr(graph.get_submodule(path), name).detach()
    return tensor


def _store(graph: fx.GraphModule, node: fx.Node, form: Form, layer: Layer) -> None:
    """Gives a node weights and bias of its own; what the graph was made of keeps the old."""
    values = {1: form.back(layer.weight)} | ({} if layer.bias is None else {2: layer.bias})
    arguments = list(node.args)
    for place, value in values.items():
        old = arguments[place]
        name = f"{node.name}_equalized_{place}"
        tensor = torch.from_numpy(np.ascontiguousarray(value, np.float32).copy())
        graph.register_parameter(name, nn.Parameter(tensor, requires_grad=False))
        with graph.graph.inserting_before(node):
            new = graph.graph.get_attr(name)
        new.meta.update(old.meta)
        arguments[place] = new
    node.args = tuple(arguments)


def _outputs(graph: fx.GraphModule, samples: Sequence[Arrays]) -> list[Arrays]:
    """The graph's outputs on each sample."""
    rows: list[Arrays] = []
    with torch.no_grad():
        for sample in samples:
            returned = graph(*(torch.from_numpy(array) for array in sample))
            tensors = [returned] if isinstance(returned, torch.Tensor) else list(returned)
            rows.append([tensor.numpy() for tensor in tensors])
    return rows
