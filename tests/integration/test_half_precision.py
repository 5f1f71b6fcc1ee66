"""Networks with constants that float16 cannot hold: a variance of 10^8 behind layers of large numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_nets
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgerig.build.builder import Built
from edgerig.build.formats.executorch import HalfPrecision
from edgerig.build.formats.onnx import OnnxBuilder
from edgerig.build.routes.onnx_to_torch import rebuild
from edgerig.build.source import SourceModel, load_source
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import load_engines, load_models, load_recipes

pytestmark = pytest.mark.integration

SCALE = 1e4
BOUND = 3e-3
"""Relative error of float16's rounding in so small a network."""


def wide_norm(*, constant_node: bool) -> onnx.ModelProto:
    """A convolution of weights of thousands, normalized by its variances of 10^8 and some of 1; x (1, 3, 8, 8)."""
    rng = np.random.default_rng(0)
    net = onnx_nets.Net()
    sizes = np.array([SCALE, SCALE, 1, 3], np.float32)
    weights = rng.standard_normal((4, 3, 3, 3)).astype(np.float32) * sizes[:, None, None, None] / 5
    hidden = net.node("Conv", ["x", net.constant(weights, "weights")], pads=[1, 1, 1, 1])
    hidden = net.node("Relu", [hidden])  # so that no optimizer folds the one into the other
    variance = numpy_helper.from_array(sizes**2, "variance")
    name = net.node("Constant", [], value=variance) if constant_node else net.constant(sizes**2, "variance")
    norm = [net.constant(rng.uniform(0.5, 2, 4).astype(np.float32), each) for each in ("scale", "bias", "mean")]
    net.node("BatchNormalization", [hidden, *norm, name], ["y"])
    return net.model({"x": (onnx_nets.FLOAT, (1, 3, 8, 8))}, {"y": (onnx_nets.FLOAT, (1, 4, 8, 8))})


def loaded(model: onnx.ModelProto, folder: Path) -> SourceModel:
    onnx.save(model, folder / "net.onnx")
    return load_source(*load_models(str(folder / "net.onnx"), quantize=True).values())


def samples() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((8, 3, 8, 8)).astype(np.float32)


def error(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert np.isfinite(ours).all()
    return relative_error(ours, theirs)


@pytest.mark.parametrize("constant_node", [False, True])
def test_onnx_normalizes_in_float32_by_what_float16_cannot_hold(constant_node: bool, tmp_path: Path) -> None:
    source = loaded(wide_norm(constant_node=constant_node), tmp_path)
    made: Built = OnnxBuilder(source, {}, tmp_path).build(load_recipes()["fp16"], None, tmp_path / "built.onnx")
    engine = engines.create(load_engines()["onnxruntime"].module, {})
    engine.load(str(made.file), 1)
    (found,) = evaluate(engine, [samples()])
    assert error(found, source.infer([samples()])[0]) < BOUND
    assert any("BatchNormalization" in note for note in made.notes)


def test_a_rebuilt_graph_normalizes_in_float16_by_a_variance_of_one(tmp_path: Path) -> None:
    source = loaded(wide_norm(constant_node=False), tmp_path)
    half = HalfPrecision(rebuild(source))
    with torch.no_grad():
        found = half(torch.from_numpy(samples()))
    assert error(found.numpy(), source.infer([samples()])[0]) < BOUND


@pytest.mark.parametrize("affine", [True, False])
def test_a_torch_module_normalizes_in_float16_by_a_variance_of_one(affine: bool) -> None:
    norm = nn.BatchNorm2d(3, affine=affine).eval()
    norm.running_var = torch.tensor([1e8, 4e6, 1.0])
    module = nn.Sequential(norm)
    given = torch.from_numpy(samples()) * torch.tensor([1e4, 2e3, 1.0])[:, None, None]
    with torch.no_grad():
        assert error(HalfPrecision(module)(given).numpy(), module(given).numpy()) < BOUND
    assert norm.running_var[0] == 1e8
