"""Every engine with its files: the same tiny real models, built for each by the format's own builder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.build.builder import FormatBuilder
from edgerig.build.source import SourceModel
from edgerig.ondevice.engines import Array, Engine, create
from edgerig.registry import load_object
from edgerig.spec import ModelSpec, TensorSpec, load_engines, load_formats, load_recipes

ROOT = Path(__file__).resolve().parents[2]
FORMATS = {row.engine: row for row in load_formats().values()}
"""Engine → a format that it runs."""
WHEEL = "-wheel"
"""Behind the name of an engine that has a library of ours, for the way through its package."""


WEIGHT = np.linspace(-1, 1, 3 * 8, dtype=np.float32).reshape(3, 8)
BIAS = np.array([0.5, -0.25, 1.0], dtype=np.float32)
X = np.linspace(-2, 2, 8, dtype=np.float32).reshape(1, 8)
A = np.array([[1, 2, 3, 4]], dtype=np.float32)
B = np.array([[10, 20, 30, 40]], dtype=np.float32)


def dense(x: Array) -> Array:
    """What the model "dense" computes: (1, 8) → (1, 3)."""
    result: Array = np.maximum(x @ WEIGHT.T + BIAS, 0).astype(np.float32)
    return result


def chain(x: Array) -> Array:
    """What the model "chain" computes: steps of one size, so that a memory plan reuses the input's place."""
    result: Array = (2 * np.exp(np.cos(np.sin(x)))).astype(np.float32)
    return result


@dataclass(frozen=True)
class Member:
    """An engine under test: how to create it and its files by model name."""

    name: str
    files: dict[str, Path]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        return load_engines()[self.name].module

    def load(self, model: str = "dense", threads: int = 1, **options: Any) -> Engine:
        engine = create(self.engine, self.options | options)
        engine.load(str(self.files[model]), threads)
        return engine


def torch_models() -> dict[str, Any]:
    """Model name → torch module."""
    import torch

    class Dense(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(8, 3)
            self.layer.load_state_dict({"weight": torch.from_numpy(WEIGHT), "bias": torch.from_numpy(BIAS)})

        def forward(self, x: Any) -> Any:
            return torch.relu(self.layer(x))

    class Chain(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.exp(torch.cos(torch.sin(x))) * 2

    class Pair(torch.nn.Module):
        def forward(self, a: Any, b: Any) -> Any:
            return a - b, a * 2

    return {"dense": Dense().eval(), "chain": Chain().eval(), "pair": Pair().eval()}


def keras_models() -> dict[str, Any]:
    """The same in Keras, for formats that have no route from torch."""
    import keras

    def of(inputs: int, compute: Callable[..., Any]) -> Any:
        given = [keras.Input(batch_shape=(1, 8 if inputs == 1 else 4), name=f"in{i}") for i in range(inputs)]
        return keras.Model(given, compute(*given))

    layer = keras.layers.Dense(3, activation="relu")
    dense = of(1, layer)
    layer.set_weights([WEIGHT.T, BIAS])
    return {
        "dense": dense,
        "chain": of(1, lambda x: keras.ops.exp(keras.ops.cos(keras.ops.sin(x))) * 2),
        "pair": of(2, lambda a, b: [a - b, a * 2]),
    }


SAMPLES = {"dense": [X], "chain": [X], "pair": [A, B]}
SHAPES = {"dense": [(1, 3)], "chain": [(1, 8)], "pair": [(1, 4), (1, 4)]}
"""Model name → its inputs, and its outputs' shapes."""


def built(engine: str, name: str, folder: Path) -> Path:
    """The model in the format that the engine runs, float32, by the format's own builder."""
    row = FORMATS[engine]
    from_torch = "torch" in row.routes
    module = torch_models()[name] if from_torch else keras_models()[name]
    inputs = [sample.copy() for sample in SAMPLES[name]]
    spec = ModelSpec(
        name=name,
        source="torch" if from_torch else "keras",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=tuple(TensorSpec(name=f"in{i}", shape=array.shape) for i, array in enumerate(inputs)),
        outputs=tuple(TensorSpec(name=f"out{i}", shape=shape) for i, shape in enumerate(SHAPES[name])),
    )
    # A delegate would hide the intermediates of "chain" from ExecuTorch's memory plan.
    options = {option: values[-1 if name == "chain" else 0] for option, values in row.options.items()}
    work = folder / f"{engine}-{name}"
    work.mkdir()
    builder: FormatBuilder = load_object(row.builder)(SourceModel(spec, module, list, inputs), options, work)
    return builder.build(load_recipes()["fp32"], None, folder / f"{name}{row.suffix}").file


def run(engine: Engine, *inputs: npt.NDArray[Any]) -> list[Array]:
    engine.set_inputs(list(inputs))
    engine.invoke()
    return engine.outputs()
