"""Keras to PyTorch: the layers' graph rebuilt as a torch module, layer by layer, with its weights.

No kept library does this for Keras 3, and Keras' own torch backend exports badly to ExecuTorch (channels last fails
when it runs, channels first falls apart into many delegates). Here inputs and outputs keep Keras' axis order, while
convolutions and their neighbours work channels first; an axis permutation stands only where the order changes.
"""

from __future__ import annotations

from torch import nn

from edgerig.build.routes.keras_to_torch.assembly import Assembly
from edgerig.build.routes.keras_to_torch.layers import convert
from edgerig.build.source import SourceModel


def rebuild(model: SourceModel) -> nn.Module:
    """The network as a `torch.fx.GraphModule` in inference mode.

    It takes the spec's inputs in order, in their own layout, and returns one tensor or a tuple of them. Raises
    UnsupportedRecipe naming the first layer, or the option of it, that has no torch counterpart here.
    """
    assembly = Assembly()
    inputs = [assembly.input(tensor.name, tensor.shape) for tensor in model.spec.inputs]
    return assembly.finish(convert(assembly, model.module, inputs))
