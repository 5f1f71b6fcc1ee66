"""Networks that make a spectrogram of the sound they are given, in 8 bits: quiet sounds stay what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_nets
import pytest
import torch
from torch import nn

from edgerig.build.formats.executorch_quantizer import StaticQuantizer, quantized
from edgerig.build.formats.onnx import OnnxBuilder
from edgerig.build.source import load_source
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import load_engines, load_models, load_recipes

pytestmark = pytest.mark.integration

LENGTH, BANDS = 512, 16
BOUND = 0.02
"""What the layers behind the logarithm are off by in 8 bits, about twice; with all of it in integers it is 0.43."""


def hearing() -> onnx.ModelProto:
    """x (1, 1, LENGTH) → y (1, 4): a transform by a convolution, its power, the logarithm of it, two layers."""
    time = np.arange(64) * 2 * np.pi * np.arange(1, BANDS + 1)[:, None] / 64
    basis = (np.concatenate([np.cos(time), np.sin(time)]) * np.hanning(64))[:, None].astype(np.float32)
    net = onnx_nets.Net()
    both = net.node("Conv", ["x", net.constant(basis, "basis")], strides=[32])
    parts = [
        net.node("Slice", [both, net.numbers(start), net.numbers(start + BANDS), net.numbers(1)])
        for start in (0, BANDS)
    ]
    power = net.node("Add", [net.node("Mul", [part, part]) for part in parts])
    level = net.node("Log", [net.node("Add", [power, net.constant(np.float32(1e-8), "floor")])])
    hidden = net.node("Relu", [net.node("Conv", [level, net.weights(8, BANDS, 3, scale=0.1)])])
    net.node("Gemm", [net.node("Flatten", [hidden]), net.weights(8 * 13, 4)], ["y"])
    return net.model({"x": (onnx_nets.FLOAT, (1, 1, LENGTH))}, {"y": (onnx_nets.FLOAT, (1, 4))})


def sounds(seed: int) -> np.ndarray:
    """Tones over 60 dB of loudness, (32, 1, LENGTH)."""
    rng = np.random.default_rng(seed)
    tones = np.sin(rng.uniform(0.1, 1.5, (32, 1, 1)) * np.arange(LENGTH))
    return (tones * 10 ** rng.uniform(-3, 0, (32, 1, 1))).astype(np.float32)


@pytest.mark.parametrize("recipe", ["int8-static", "int8-static-unsigned"])
def test_what_leads_to_the_levels_computes_in_float_and_what_reads_them_in_integers(
    recipe: str, tmp_path: Path
) -> None:
    onnx.save(hearing(), tmp_path / "net.onnx")
    source = load_source(*load_models(str(tmp_path / "net.onnx"), quantize=True).values())
    made = OnnxBuilder(source, {}, tmp_path).build(load_recipes()[recipe], [sounds(1)], tmp_path / "built.onnx")
    engine = engines.create(load_engines()["onnxruntime"].module, {})
    engine.load(str(made.file), 1)
    (found,) = evaluate(engine, [sounds(2)])
    assert relative_error(found, source.infer([sounds(2)])[0]) < BOUND
    assert made.notes == ("left in float32: Mul (2), Add (2), Conv",)
    assert made.constants["uint8" if recipe.endswith("unsigned") else "int8"] >= 8 * BANDS * 3 + 8 * 13 * 4


def test_powers_below_what_float16_holds_compute_in_float32(tmp_path: Path) -> None:
    onnx.save(hearing(), tmp_path / "net.onnx")
    source = load_source(*load_models(str(tmp_path / "net.onnx"), quantize=True).values())
    made = OnnxBuilder(source, {}, tmp_path).build(load_recipes()["fp16"], None, tmp_path / "built.onnx")
    engine = engines.create(load_engines()["onnxruntime"].module, {})
    engine.load(str(made.file), 1)
    (found,) = evaluate(engine, [sounds(2)])
    assert relative_error(found, source.infer([sounds(2)])[0]) < BOUND / 10
    assert made.constants["float16"] >= 2 * (8 * BANDS * 3 + 8 * 13 * 4)


class Hearing(nn.Module):
    """The same in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.transform = nn.Conv1d(1, 2 * BANDS, 64, stride=32, bias=False)
        self.first = nn.Conv1d(BANDS, 8, 3)
        self.last = nn.Linear(8 * 13, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = self.transform(x)
        real, imaginary = both[:, :BANDS], both[:, BANDS:]
        level = torch.log(real * real + imaginary**2 + 1e-8)
        return self.last(torch.relu(self.first(level)).flatten(1))


def test_a_torch_module_keeps_its_transform_in_float_for_executorch_and_quantizes_what_is_behind_it() -> None:
    torch.manual_seed(0)
    module = Hearing().eval()
    example = torch.from_numpy(sounds(1)[:1])
    graph = quantized(torch.export.export(module, (example,)), StaticQuantizer(), ([each[None]] for each in sounds(1)))
    with torch.no_grad():
        found = torch.cat([graph(torch.from_numpy(each[None])) for each in sounds(2)])
        assert relative_error(found.numpy(), module(torch.from_numpy(sounds(2))).numpy()) < BOUND
    read = [node.args[0].target for node in graph.graph.nodes if "conv1d" in str(node.target)]
    assert ["dequantize" in str(target) for target in read] == [False, True]
