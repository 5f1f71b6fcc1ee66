"""What the formats on PyTorch share: the network, a sample to trace it with, its tensors, the bytes of its weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import torch

from edgerig.build.builder import Built
from edgerig.build.formats import converting, trace_inputs
from edgerig.build.formats.framework import require_float, tensors_json
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel, layout_of
from edgerig.ondevice.engines import TensorInfo
from edgerig.spec import RecipeSpec, TensorSpec


class TorchBuilder:
    """A builder that says how its format saves a network (`_save`)."""

    format: ClassVar[str]
    tool: ClassVar[str]
    """What converts, for messages."""

    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model = model

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        require_float(recipe, self.format)
        spec = self._model.spec
        module = find_route(spec.source, self.format)(self._model)
        sample = tuple(torch.from_numpy(array) for array in trace_inputs(self._model))
        with converting(self.tool), torch.no_grad():
            inputs = [_info(tensor, value) for tensor, value in zip(spec.inputs, sample, strict=True)]
            given = torch.utils._pytree.tree_leaves(module(*sample))
            outputs = [_info(tensor, value) for tensor, value in zip(spec.outputs, given, strict=True)]
            self._save(module, sample, tensors_json(inputs, outputs), out)
        return Built(out, layout_of(spec.inputs), _constants(module))

    def _save(self, module: Any, sample: tuple[torch.Tensor, ...], tensors: str, out: Path) -> None:
        raise NotImplementedError


def _info(tensor: TensorSpec, value: torch.Tensor) -> TensorInfo:
    return TensorInfo(tensor.name, tensor.shape, str(value.dtype).removeprefix("torch."))


def _constants(module: Any) -> dict[str, int]:
    """Bytes of the network's parameters and buffers by dtype."""
    found: Counter[str] = Counter()
    for tensor in (*module.parameters(), *module.buffers()):
        found[str(tensor.dtype).removeprefix("torch.")] += tensor.numel() * tensor.element_size()
    return dict(found)
