"""ExecuTorch programs: torch.export, the XNNPACK backend, and torchao's quantizers before it.

All programs keep their source's dtypes at inputs and outputs, and its layout. What a program holds, and which operators
run on XNNPACK, is read back from the file written (see `Program`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from torch import nn
from torchao.quantization import Int8DynamicActivationIntxWeightConfig, PerGroup, quantize_

from edgerig.build.builder import Built
from edgerig.build.calibration import Method
from edgerig.build.formats import LISTED, converting, left_in_float, required, samples_of, trace_inputs
from edgerig.build.formats.executorch_equalize import equalize, folded
from edgerig.build.formats.executorch_layers import FloatLayers
from edgerig.build.formats.executorch_lowering import WEIGHTED_ALONE, Plan, lower_quantized
from edgerig.build.formats.executorch_quantizer import (
    DynamicQuantizer,
    StaticQuantizer,
    StaticSettings,
    graph_of,
    quantized,
    quantized_graph,
)
from edgerig.build.formats.pte import Program
from edgerig.build.formats.pte_graph import layer_names, partitions
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel, layout_of
from edgerig.errors import UnsupportedRecipe
from edgerig.spec import RecipeSpec

GROUP = 32
"""Inputs of a Linear that share an int4 scale; XNNPACK's blockwise kernels want a multiple of 32."""
PORTABLE_RECIPES = frozenset({"fp32", "fp16"})


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
        if self._backend == "portable" and recipe.kind not in PORTABLE_RECIPES:
            raise UnsupportedRecipe(
                f"{recipe.name}: ExecuTorch's portable kernels compute quantized operators in float",
                hint='choose backend = "xnnpack", or fp32 or fp16',
            )
        with converting(f'lowering model "{self._model.spec.name}" to ExecuTorch {recipe.name}'):
            notes, names = self._write(recipe, calibration, out)
        return self._built(recipe, out, notes, names)

    def _built(self, recipe: RecipeSpec, out: Path, notes: tuple[str, ...], names: dict[int, str]) -> Built:
        program = Program.read(out)
        left = program.kernels()
        delegated = sum(program.nodes().values())
        if self._backend == "portable":
            notes = (*notes, "no backend: every operator runs on ExecuTorch's portable kernels")
        elif recipe.kind != "fp32":
            notes = (*notes, *left_in_float(program.in_float(every=recipe.calibration)))
        return Built(
            file=out,
            layout=layout_of(self._model.spec.inputs),
            constants=program.constants(),
            delegated=delegated,
            operators=delegated + sum(left.values()),
            undelegated=tuple(name for name, _ in left.most_common(LISTED)),
            notes=notes,
            graph=partitions(program, names),
        )

    def _write(
        self, recipe: RecipeSpec, calibration: Arrays | None, out: Path
    ) -> tuple[tuple[str, ...], dict[int, str]]:
        """Lowers the recipe into the file `out`; what to note of it, and its layers' names by debug handle."""
        match recipe.kind:
            case "fp32":
                return self._lower(self._float_program(), out)
            case "fp16":
                return self._lower(self._export(HalfPrecision(self._module)), out)
            case "int8-dynamic":
                return self._dynamic(out)
            case "int8-static":
                return self._static(recipe, required(calibration, recipe.name), out)
            case "int4-weight":
                return self._lower(self._grouped_int4(), out)
            case _:
                raise UnsupportedRecipe(
                    f'the ExecuTorch builder does not know the recipe "{recipe.name}"',
                    hint="choose another format for it",
                )

    def _lower(self, program: torch.export.ExportedProgram, out: Path) -> tuple[tuple[str, ...], dict[int, str]]:
        partitioners = [] if self._backend == "portable" else [XnnpackPartitioner()]
        edge = to_edge_transform_and_lower(program, partitioner=partitioners)
        names = layer_names(edge)
        out.write_bytes(edge.to_executorch().buffer)
        return (), names

    def _samples(self) -> tuple[torch.Tensor, ...]:
        return tuple(torch.from_numpy(array) for array in trace_inputs(self._model))

    def _export(self, module: nn.Module) -> torch.export.ExportedProgram:
        return torch.export.export(module.eval(), self._samples())

    def _float_program(self) -> torch.export.ExportedProgram:
        if self._float is None:
            self._float = self._export(self._module)
        return self._float

    def _dynamic(self, out: Path) -> tuple[tuple[str, ...], dict[int, str]]:
        """Activation ranges are taken at run time: the one pass only gives the observers their shapes."""

        def make(convolutions: bool) -> Callable[[frozenset[str]], torch.fx.GraphModule]:
            return lambda float_nodes: quantized(
                self._float_program(),
                DynamicQuantizer(float_nodes, convolutions=convolutions),
                [trace_inputs(self._model)],
            )

        plans = [Plan(make(True)), Plan(make(False), "convolutions stay in float32")]
        lowered = lower_quantized("int8-dynamic", plans, self._samples, out)
        return lowered.notes, lowered.names

    def _static(self, recipe: RecipeSpec, calibration: Arrays, out: Path) -> tuple[tuple[str, ...], dict[int, str]]:
        settings = StaticSettings(Method.of(recipe, "executorch"), per_tensor=recipe.options.per_tensor)
        graph = folded(graph_of(self._float_program()))
        notes: tuple[str, ...] = ()
        if recipe.options.equalize:
            notes = equalize(graph, recipe, samples_of(calibration, self._model.spec.inputs))
        asked = FloatLayers.of(graph, recipe)

        def make(elementwise: bool) -> Callable[[frozenset[str]], torch.fx.GraphModule]:
            return lambda float_nodes: quantized_graph(
                copy.deepcopy(graph),
                StaticQuantizer(float_nodes | asked.nodes, settings, elementwise=elementwise),
                samples_of(calibration, self._model.spec.inputs),
            )

        plans = [Plan(make(True)), Plan(make(False), WEIGHTED_ALONE)]
        lowered = lower_quantized(recipe.name, plans, self._samples, out)
        asked.check(recipe, lowered.graph, Program.read(out))
        return (*lowered.notes, *asked.notes(lowered.graph), *notes), lowered.names

    def _grouped_int4(self) -> torch.export.ExportedProgram:
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
        return self._export(module)


class HalfPrecision(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """`module` computing in float16 behind the inputs and outputs it has; integers and bools pass as they are."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        module = copy.deepcopy(module)
        for layer in module.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_var is not None:
                _with_unit_variance(layer)
        self.module = module.half()

    def forward(self, *inputs: torch.Tensor) -> Any:
        outputs = self.module(*(tensor.half() if tensor.is_floating_point() else tensor for tensor in inputs))
        if isinstance(outputs, torch.Tensor):
            return _single(outputs)
        return tuple(_single(output) for output in outputs)


def _single(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _with_unit_variance(norm: nn.Module) -> None:
    """Divides the weight by the root of the variance, and makes that 1, where float16 could not hold it: infinite, it
    would leave the bias alone. y = weight * (x - mean) / sqrt(variance + eps) + bias (torch.nn.BatchNorm2d)."""
    variance = norm.running_var
    if variance.max() <= torch.finfo(torch.float16).max:
        return
    whole = torch.rsqrt(variance.double() + norm.eps)
    scale = (whole if norm.weight is None else norm.weight.detach() * whole).float()
    norm.weight = nn.Parameter(scale, requires_grad=False)
    if norm.bias is None:
        norm.bias = nn.Parameter(torch.zeros_like(scale), requires_grad=False)
    norm.running_var = torch.full_like(variance, 1 - norm.eps)
