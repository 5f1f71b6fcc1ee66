"""A speech encoder as Whisper's (convolutions over time, GELU, attention, layer norms; random weights) through every
format and recipe that can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders_of import by_format
from torch import nn

from edgerig.build.builder import FormatBuilder
from edgerig.build.check import check_constants
from edgerig.build.source import Arrays, SourceModel, drawn
from edgerig.errors import UnsupportedRecipe
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import ModelSpec, TensorSpec, load_engines, load_formats, load_recipes

pytestmark = pytest.mark.contract

MELS, FRAMES, WIDTH = 16, 48, 32
CELLS = [
    (name, recipe)
    for name in ("tflite", "executorch", "onnx")
    for recipe, row in load_recipes().items()
    if not row.formats[name].unsupported
]
BOUNDS = {"fp32": 1e-4, "fp16": 0.02, "int4-weight": 0.5, "int8-full": 0.3}
"""Relative errors: random weights leave no margin, and a normalized output shows all of it."""


def whisper() -> nn.Module:
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    config = WhisperConfig(
        d_model=WIDTH,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=64,
        num_mel_bins=MELS,
        max_source_positions=FRAMES // 2,
    )
    torch.manual_seed(0)
    return Hidden(WhisperEncoder(config))


class Hidden(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.encoder(features, return_dict=False)[0]
        return hidden


@pytest.fixture(scope="module")
def model() -> SourceModel:
    pytest.importorskip("transformers", reason="the architecture is transformers'")
    spec = ModelSpec(
        name="whisper",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=(TensorSpec(name="features", shape=(1, MELS, FRAMES)),),
        outputs=(TensorSpec(name="hidden", shape=(1, FRAMES // 2, WIDTH)),),
    )
    net = whisper().eval()

    def infer(arrays: Arrays) -> Arrays:
        with torch.no_grad():
            return [
                np.concatenate([net(torch.from_numpy(arrays[0][i : i + 1])).numpy() for i in range(len(arrays[0]))])
            ]

    return SourceModel(spec, net, infer, drawn(spec.inputs, 0, 1))


@pytest.fixture(scope="module")
def builders(model: SourceModel, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], FormatBuilder]:
    return by_format(model, tmp_path_factory)


def data(seed: int) -> list[np.ndarray[Any, Any]]:
    return [np.random.default_rng(seed).standard_normal((8, MELS, FRAMES), dtype=np.float32)]


@pytest.mark.parametrize(("name", "recipe"), CELLS)
def test_it_computes_what_its_source_computes(
    name: str, recipe: str, model: SourceModel, builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    row, form = load_recipes()[recipe], load_formats()[name]
    out = tmp_path / f"net{form.suffix}"
    try:
        built = builders(name).build(row, data(1) if row.calibration else None, out)
    except UnsupportedRecipe as refused:  # GELUs and sums stand between its layers
        assert row.options.equalize, refused
        assert "nothing can be equalized" in refused.message
        return
    check_constants(row, name, built.constants)
    engine = engines.create(load_engines()[form.engine].module, {})
    engine.load(str(out), 1)
    error = relative_error(evaluate(engine, data(2))[0], model.infer(data(2))[0])
    assert error < BOUNDS.get(recipe, 0.1)
