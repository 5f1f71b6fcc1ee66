"""ExecuTorch programs: torch.export, the XNNPACK backend, and torchao's quantizers before it.

All programs keep float32 inputs and outputs and the source's layout. What a program holds, and which operators run on
XNNPACK, is read back from the file written (see `Program`).
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer_utils import OP_TO_ANNOTATOR
from executorch.exir import EdgeProgramManager, to_edge_transform_and_lower
from torch import nn
from torchao.quantization import Int8DynamicActivationIntxWeightConfig, PerGroup, quantize_
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from edgerig.build.builder import Built
from edgerig.build.formats import batches_of_one, converting, required, trace_inputs
from edgerig.build.formats.pte import Program
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel, layout_of
from edgerig.errors import UnsupportedRecipe
from edgerig.spec import RecipeSpec

GROUP = 32
"""Inputs of a Linear that share an int4 scale; XNNPACK's blockwise kernels want a multiple of 32."""
PORTABLE_RECIPES = frozenset({"fp32", "fp16"})
Exported = tuple[torch.export.ExportedProgram, tuple[str, ...]]
"""A program to lower, and what to note of it."""
LISTED = 20
"""Undelegated operators named in a record, most frequent first."""


class ExecutorchBuilder:
    """Any source with a route to a torch module. Holds the float32 export, made at the first build that needs it."""

    def __init__(self, model: SourceModel, options: dict[str, str], work: Path) -> None:
        self._model = model
        with converting(f'rebuilding model "{model.spec.name}" in torch'):
            self._module: nn.Module = find_route(model.spec.source, "executorch")(model)
        self._backend = options["backend"]
        self._float: torch.export.ExportedProgram | None = None

    def build(self, recipe: RecipeSpec, calibration: Arrays | None, out: Path) -> Built:
        """See `FormatBuilder.build`. The option `backend = "portable"` lowers float recipes only."""
        if self._backend == "portable" and recipe.name not in PORTABLE_RECIPES:
            raise UnsupportedRecipe(
                f"{recipe.name}: ExecuTorch's portable kernels compute quantized operators in float",
                hint='choose backend = "xnnpack", or fp32 or fp16',
            )
        with converting(f'lowering model "{self._model.spec.name}" to ExecuTorch {recipe.name}'):
            program, notes = self._exported(recipe, calibration)
            partitioners = [] if self._backend == "portable" else [XnnpackPartitioner()]
            edge = to_edge_transform_and_lower(program, partitioner=partitioners)
            _refuse_loose_quantization(edge, recipe.name)
            out.write_bytes(edge.to_executorch().buffer)
        return self._built(out, notes)

    def _built(self, out: Path, notes: tuple[str, ...]) -> Built:
        program = Program.read(out)
        left = program.kernels()
        delegated = sum(program.nodes().values())
        if self._backend == "portable":
            notes = (*notes, "no backend: every operator runs on ExecuTorch's portable kernels")
        return Built(
            file=out,
            layout=layout_of(self._model.spec.inputs),
            constants=program.constants(),
            delegated=delegated,
            operators=delegated + sum(left.values()),
            undelegated=tuple(name for name, _ in left.most_common(LISTED)),
            notes=notes,
        )

    def _exported(self, recipe: RecipeSpec, calibration: Arrays | None) -> Exported:
        match recipe.name:
            case "fp32":
                return self._float_program(), ()
            case "fp16":
                return self._export(HalfPrecision(self._module)), ()
            case "int8-dynamic":
                return self._dynamic()
            case "int8-static":
                return self._static(calibration)
            case "int4-weight":
                return self._grouped_int4()
            case _:
                raise UnsupportedRecipe(
                    f'the ExecuTorch builder does not know the recipe "{recipe.name}"',
                    hint="choose another format for it",
                )

    def _samples(self) -> tuple[torch.Tensor, ...]:
        return tuple(torch.from_numpy(array) for array in trace_inputs(self._model))

    def _export(self, module: nn.Module) -> torch.export.ExportedProgram:
        return torch.export.export(module.eval(), self._samples())

    def _float_program(self) -> torch.export.ExportedProgram:
        if self._float is None:
            self._float = self._export(self._module)
        return self._float

    def _dynamic(self) -> Exported:
        """Activation ranges are taken at run time: the one pass only gives the observers their shapes."""
        samples = [trace_inputs(self._model)]
        return self._quantized(DynamicQuantizer(), samples, dynamic=True), _float_convolutions(self._module)

    def _static(self, calibration: Arrays | None) -> Exported:
        samples = batches_of_one(required(calibration, "int8-static"))
        return self._quantized(XNNPACKQuantizer(), samples, dynamic=False), ()

    def _quantized(
        self, quantizer: XNNPACKQuantizer, samples: Iterable[Arrays], *, dynamic: bool
    ) -> torch.export.ExportedProgram:
        """PT2E: observers where the quantizer has a pattern, a pass over the samples, integer weights."""
        quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True, is_dynamic=dynamic))
        observed = prepare_pt2e(self._float_program().module(), quantizer)
        for sample in samples:
            observed(*(torch.from_numpy(array) for array in sample))
        # The converted graph is fixed in inference mode: it refuses eval(), so it is exported as it is.
        return torch.export.export(convert_pt2e(observed), self._samples())

    def _grouped_int4(self) -> Exported:
        """ExecuTorch's 8da4w: Linear weights int4 in groups, their activations int8 by token at run time."""
        module = copy.deepcopy(self._module)
        linears = {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Linear)}
        fitting = {name for name, layer in linears.items() if layer.in_features % GROUP == 0}
        if not fitting:
            raise UnsupportedRecipe(
                f"int4-weight: no Linear layer has a multiple of {GROUP} inputs ({len(linears)} Linear layers in all); "
                "ExecuTorch has int4 kernels for nothing else",
                hint="choose int8-dynamic or int8-static",
            )
        quantize_(
            module,
            Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4, weight_granularity=PerGroup(GROUP)),
            filter_fn=lambda _, name: name in fitting,
        )
        return self._export(module), _left_in_float(self._module, fitting)


class HalfPrecision(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """`module` computing in float16 behind float32 inputs and outputs."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).half()

    def forward(self, *inputs: torch.Tensor) -> Any:
        outputs = self.module(*(tensor.half() for tensor in inputs))
        if isinstance(outputs, torch.Tensor):
            return outputs.float()
        return tuple(output.float() for output in outputs)


class DynamicQuantizer(XNNPACKQuantizer):  # type: ignore[misc]  # executorch is Any to the type checker
    """XNNPACKQuantizer that also quantizes a convolution followed by a ReLU.

    The library's own dynamic patterns pass such a pair by, which in a usual network is every convolution, although
    XNNPACK's dynamic convolution takes a fused ReLU. Convolutions with one input channel a filter stay float: XNNPACK
    runs them as depthwise, for which it has no dynamic kernel.
    """

    def annotate(self, model: torch.fx.GraphModule) -> torch.fx.GraphModule:
        OP_TO_ANNOTATOR["conv_relu"](model, self.global_config, _is_not_depthwise)
        annotated: torch.fx.GraphModule = super().annotate(model)
        return annotated


def _is_not_depthwise(node: torch.fx.Node) -> bool:
    """False for a 2-D convolution with one input channel a filter, and for one that is not 2-D; else True."""
    if node.op != "call_function" or not str(node.target).startswith("aten.conv"):
        return True
    shape = cast(torch.fx.Node, node.args[1]).meta["val"].shape
    return len(shape) == 4 and shape[1] > 1


def _float_convolutions(module: nn.Module) -> tuple[str, ...]:
    quantized = {
        name
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.weight.shape[1] > 1)
    }
    return _left_in_float(module, quantized)


def _left_in_float(module: nn.Module, quantized: set[str]) -> tuple[str, ...]:
    """A note naming the Linear and convolution layers of `module` that are not in `quantized`."""
    weighted = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    left = [name for name, layer in module.named_modules() if isinstance(layer, weighted) and name not in quantized]
    if not left:
        return ()
    more = f" and {len(left) - LISTED} more" if len(left) > LISTED else ""
    return (f"layers left in float32: {', '.join(left[:LISTED])}{more}",)


def _refuse_loose_quantization(edge: EdgeProgramManager, recipe: str) -> None:
    """Raises UnsupportedRecipe when XNNPACK left quantize or dequantize operators to kernels that compute in float."""
    left = Counter(name for name in _outside(edge) if name.startswith(("quantized_decomposed.", "torchao.")))
    if left:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(left.items()))
        raise UnsupportedRecipe(
            f"{recipe}: XNNPACK did not take over {names}",
            hint="choose fp32 or fp16, or replace the layers around these operators",
        )


def _outside(edge: EdgeProgramManager) -> Iterator[str]:
    """The names of the operators outside delegates, as `namespace.operator`."""
    for node in edge.exported_program().graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if node.op == "call_function" and schema is not None:
            yield schema.name.replace("::", ".")
