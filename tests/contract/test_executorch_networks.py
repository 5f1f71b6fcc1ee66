"""What real networks are made of, built for ExecuTorch: the program runs, and computes what its source computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from edgerig.build.builder import Built
from edgerig.build.formats.executorch import ExecutorchBuilder
from edgerig.build.formats.executorch_layout import channels_last
from edgerig.build.formats.executorch_observers import RangeObserver, WeightObserver
from edgerig.build.formats.executorch_quantizer import StaticQuantizer, canonical, quantized
from edgerig.build.formats.pte import Program
from edgerig.build.source import Arrays, SourceModel
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import ModelSpec, TensorSpec, load_engines, load_recipes

pytestmark = pytest.mark.contract

SIDE = 8
COUNT = 8
SOUND = 0.05
SATURATED = 0.2
"""Most values lie at a clamp's bounds, of which 8 bits lose more than of a logit."""


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((COUNT, 3, SIDE, SIDE)).astype(np.float32)


def build(
    module: nn.Module, recipe: str, folder: Path, data: Callable[[int], np.ndarray] = images
) -> tuple[Built, Arrays]:
    """The module built by the recipe, and its outputs on evaluation data with the source's own, one after another."""
    module.eval().requires_grad_(False)
    inputs = data(1)
    returned = module(torch.from_numpy(inputs))
    references = [value.numpy() for value in (returned if isinstance(returned, tuple) else (returned,))]
    spec = ModelSpec(
        name="net",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=(TensorSpec(name="x", shape=(1, *inputs.shape[1:]), layout="NCHW" if inputs.ndim == 4 else "any"),),
        outputs=tuple(TensorSpec(name=f"y{i}", shape=(1, *y.shape[1:])) for i, y in enumerate(references)),
    )
    source = SourceModel(spec, module, lambda arrays: arrays, sample=[data(2)[:1]])
    builder = ExecutorchBuilder(source, {"backend": "xnnpack"}, folder)
    calibration = np.concatenate([data(1), data(2)])  # a few samples must hold the ranges
    built = builder.build(load_recipes()[recipe], [calibration], folder / "net.pte")
    engine = engines.create(load_engines()["executorch"].module, {})
    engine.load(str(built.file), 1)
    return built, [*evaluate(engine, [inputs]), *references]


def error(outputs: Arrays) -> float:
    built, reference = outputs[0].astype(float), outputs[len(outputs) // 2].astype(float)
    return float(np.linalg.norm(built - reference) / np.linalg.norm(reference))


class Call(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> object:
        return self.function(x)


def wide(activation: nn.Module) -> nn.Module:
    """A depthwise-separable block whose values before the clamps are ten times as wide as behind them."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)]
    for layer in layers:
        layer.weight.data *= 20
    blocks = [part for layer in layers for part in (layer, activation)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU6(inplace=True), nn.Hardtanh(), Call(lambda x: torch.clamp(x, 0, 6))],
    ids=["relu6", "hardtanh", "clamp"],
)
def test_a_clamp_is_quantized_behind_it(activation: nn.Module) -> None:
    module = wide(activation).eval().requires_grad_(False)
    program = torch.export.export(module, (torch.from_numpy(images(2)[:1]),))
    graph = quantized(program, StaticQuantizer(), [[sample[None]] for sample in np.concatenate([images(1), images(2)])])
    inputs = torch.from_numpy(images(1))
    ours = torch.cat([graph(sample[None]) for sample in inputs])
    theirs = module(inputs)
    assert float((ours - theirs).norm() / theirs.norm()) < SATURATED


def test_a_clamp_is_fused_with_its_convolution(tmp_path: Path) -> None:
    built, outputs = build(wide(nn.ReLU6()), "int8-static", tmp_path)
    assert "XNNClamp" not in Program.read(built.file).nodes()
    assert built.notes == ()
    assert error(outputs) < SATURATED


def test_padding_stays_in_integers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten())
    built, outputs = build(net, "int8-static", tmp_path)
    assert Program.read(built.file).nodes()["XNNConvert"] == 2  # in and out
    assert error(outputs) < SOUND


def test_a_dynamic_convolution_lowering_would_feed_wrongly_stays_float_and_is_named(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.ZeroPad2d(1), nn.Conv2d(8, 4, 3))
    built, outputs = build(net, "int8-dynamic", tmp_path)
    assert built.notes == ("left in float32: Conv2d",)
    assert built.constants["int8"] == 8 * 4 * 9
    assert error(outputs) < SOUND


class Sloped(nn.Module):
    """An activation of one's own behind a convolution: XNNPACK takes its product alone."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.exit = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)
        self.slope = nn.Parameter(torch.full((8, 1, 1), 0.3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        x = self.exit(torch.where(x < 0, x * self.slope, x))
        return x.mean((2, 3))


def test_a_quantized_value_read_inside_and_outside_a_delegate_is_lowered(tmp_path: Path) -> None:
    torch.manual_seed(0)
    built, (ours, theirs) = build(Sloped(), "int8-static", tmp_path)
    assert {"aten::lt", "aten::where"} <= set(built.undelegated)
    assert np.linalg.norm(ours - theirs) < SOUND * np.linalg.norm(theirs)


def test_a_mask_of_infinities_stays_float(tmp_path: Path) -> None:
    torch.manual_seed(0)

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.value = nn.Linear(8, 8), nn.Linear(8, 8)
            self.register_buffer("mask", torch.triu(torch.full((6, 6), float("-inf")), 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scores = self.query(x) @ x.transpose(-1, -2) + self.mask
            return torch.softmax(scores, -1) @ self.value(x)

    def sequences(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((COUNT, 6, 8)).astype(np.float32)

    built, outputs = build(Masked(), "int8-static", tmp_path, sequences)
    assert any("Add" in note for note in built.notes)
    assert error(outputs) < SOUND


def test_outputs_that_are_an_input_repeated_or_indices_keep_their_values(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            y = self.layer(x)
            return x, y, y, x.argmax(-1, keepdim=True)

    def rows(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((COUNT, 6)).astype(np.float32)

    _, outputs = build(Net(), "int8-static", tmp_path, rows)
    assert [output.dtype.name for output in outputs[:4]] == ["float32", "float32", "float32", "int64"]
    assert np.array_equal(outputs[0], outputs[4])
    assert error(outputs[1:3] + outputs[5:7]) < SOUND
    assert np.array_equal(outputs[3], outputs[7])


def test_small_weights_and_values_keep_their_eight_bits() -> None:
    torch.manual_seed(0)
    net = nn.Linear(16, 8).eval().requires_grad_(False)
    net.weight *= 1e-3
    net.bias *= 1e-4
    rows = torch.from_numpy(np.random.default_rng(0).standard_normal((COUNT, 16)).astype(np.float32)) * 1e-3
    graph = quantized(torch.export.export(net, (rows[:1],)), StaticQuantizer(), [[row[None].numpy()] for row in rows])
    ours, theirs = torch.cat([graph(row[None]) for row in rows]), net(rows)
    assert float((ours - theirs).norm() / theirs.norm()) < SOUND


def test_a_channel_of_zeros_leaves_room_for_its_bias() -> None:
    net = nn.Linear(16, 8).eval().requires_grad_(False)
    net.weight[2], net.bias[2] = 0, 1e4
    rows = torch.rand(COUNT, 16) * 1e-3
    graph = quantized(torch.export.export(net, (rows[:1],)), StaticQuantizer(), [[row[None].numpy()] for row in rows])
    scales = [node.args[1] for node in graph.graph.nodes if "dequantize_per_channel" in str(node.target)]
    scale = getattr(graph, str(scales[0].target))[2]
    assert 1e4 / (float(scale) * 1e-3 / 255) < 2**31


def test_an_observer_remembers_what_no_scale_holds() -> None:
    observer = RangeObserver(dtype=torch.int8, quant_min=-128, quant_max=127, eps=1e-30)
    observer(torch.tensor([0.0, 1.0]))
    assert not observer.unbounded
    observer(torch.tensor([0.0, float("nan")]))
    assert observer.unbounded


def test_a_weight_scale_is_as_small_as_its_channel_asks() -> None:
    observer = WeightObserver(dtype=torch.int8, quant_min=-127, quant_max=127, qscheme=torch.per_channel_symmetric)
    observer(torch.tensor([[1e-4, 0.0], [1.0, 0.5]]))
    assert observer.scales()[0] == pytest.approx(1e-4 / 127, rel=1e-4)


def graph_of(function: Callable[[torch.Tensor], object]) -> torch.fx.GraphModule:
    return torch.export.export(Call(function), (torch.rand(1, 4, 4, 4),)).module()


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        (lambda x: torch.clamp(x, 0, 6), "hardtanh"),
        (lambda x: torch.clamp(x, min=0), "relu"),
        (lambda x: x.clamp(max=1), "clamp"),
        (functional.relu6, "hardtanh"),
    ],
)
def test_clamps_are_written_in_the_form_that_is_fused(
    function: Callable[[torch.Tensor], object], operator: str
) -> None:
    graph = graph_of(lambda x: function(x + 1))
    canonical(graph)
    assert any(str(node.target).startswith(f"aten.{operator}.") for node in graph.graph.nodes)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x, True),
        (lambda x: functional.pad(x, (1, 1, 1, 1)), False),
        (lambda x: x * 2.0, False),
        (lambda x: functional.pad(functional.max_pool2d(x, 2), (1, 1, 1, 1)), True),
    ],
    ids=["input", "padded input", "scaled input", "padded behind a pool"],
)
def test_where_a_convolutions_input_is_channels_last(
    function: Callable[[torch.Tensor], torch.Tensor], expected: bool
) -> None:
    weight = torch.rand(2, 4, 1, 1)
    graph = graph_of(lambda x: functional.conv2d(function(x), weight))
    convolution = next(node for node in graph.graph.nodes if str(node.target).startswith("aten.conv2d"))
    assert channels_last(convolution.args[0]) is expected
