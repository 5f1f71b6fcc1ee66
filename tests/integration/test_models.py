"""The shipped models keep their promises, and a torch source that does not load says why."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerig.build.factory import call_factory
from edgerig.build.source import SourceModel, load_source
from edgerig.errors import BuildError
from edgerig.spec import PACKAGE, ModelSpec, load_models

safetensors_torch = pytest.importorskip("safetensors.torch")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.integration

REPOSITORY = PACKAGE.parent
MODELS = REPOSITORY / "models"
PROMISED = {
    "digits_cnn": (0.98, 29_738),
    "digits_vit": (0.96, 102_538),
    "digits_skew": (0.99, 29_098),
    "digits_wide": (0.99, 41_514),
}
TEST_IMAGES_SHA256 = "8a53b25f6dc18f3306918f5b81d1e4c24fa094c4a30baea173347fe0782eb070"
"""Pins the split: were another scikit-learn to shuffle differently, the weights would have seen test images."""


def shipped(name: str) -> ModelSpec:
    return load_models(str(MODELS / name))["torch"]


@pytest.fixture(scope="module")
def digits() -> dict[str, Any]:
    data: dict[str, Any] = call_factory(MODELS / "digits_cnn", "data.py:load")
    return data


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", PROMISED)
def test_weights_are_the_ones_promised_and_as_accurate(name: str, digits: dict[str, Any]) -> None:
    spec = shipped(name)
    assert spec.weights is not None
    assert hashlib.sha256((spec.folder / spec.weights).read_bytes()).hexdigest() == spec.weights_sha256
    accuracy, parameters = PROMISED[name]
    model = load_source(spec)
    (logits,) = model.infer([digits["inputs"]])
    assert logits.dtype == np.float32 and logits.shape == (540, 10)
    assert (logits.argmax(1) == digits["labels"]).mean() >= accuracy
    assert sum(p.numel() for p in model.module.parameters()) == parameters
    assert not np.allclose(logits.sum(1), 1, atol=1e-2), "logits are wanted, not a softmax"


@pytest.mark.parametrize("name", PROMISED)
def test_linear_layers_split_into_int4_groups(name: str) -> None:
    linears = [m for m in load_source(shipped(name)).module.modules() if isinstance(m, torch.nn.Linear)]
    assert linears
    assert all(linear.in_features % 32 == 0 for linear in linears)


def test_both_digits_models_share_one_dataset(digits: dict[str, Any]) -> None:
    spec = shipped("digits_vit")
    assert spec.dataset is not None and spec.dataset.factory is not None
    again = call_factory(spec.folder, spec.dataset.factory)
    assert sorted(again) == sorted(digits)
    assert all(np.array_equal(again[key], digits[key]) for key in digits)


def test_split_is_fixed_and_no_test_image_is_calibrated_or_trained_on(digits: dict[str, Any]) -> None:
    assert digits["inputs"].shape == (540, 1, 8, 8) and digits["inputs"].dtype == np.float32
    assert digits["calibration"].shape == (128, 1, 8, 8) and digits["calibration"].dtype == np.float32
    assert digits["labels"].shape == (540,) and digits["labels"].dtype == np.int64
    assert digits["inputs"].min() == 0 and digits["inputs"].max() == 1
    assert np.bincount(digits["labels"]).min() >= 50
    train_images, _, test_images, _ = call_factory(MODELS / "digits_cnn", "data.py:split")
    assert np.array_equal(test_images, digits["inputs"])

    def images(array: Any) -> set[bytes]:
        return {image.tobytes() for image in array}

    assert len(images(train_images)) == 1257 and len(images(test_images)) == 540
    assert images(test_images).isdisjoint(images(train_images))
    assert images(digits["calibration"]) < images(train_images)
    assert hashlib.sha256(digits["inputs"].tobytes()).hexdigest() == TEST_IMAGES_SHA256


@pytest.mark.parametrize("name", PROMISED)
def test_training_is_deterministic(name: str, tmp_path: Path) -> None:
    def train(out: Path, seed: int) -> bytes:
        command = [
            sys.executable,
            str(MODELS / "digits_cnn" / "train.py"),
            str(MODELS / name),
            "--epochs",
            "2",
            "--seed",
            str(seed),
            "--out",
            str(out),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        content = out.read_bytes()
        assert hashlib.sha256(content).hexdigest() in done.stdout
        return content

    first = train(tmp_path / "first", 0)
    assert train(tmp_path / "second", 0) == first
    assert train(tmp_path / "third", 1) != first


def test_mobilenet_is_the_same_twice_and_its_logits_spread() -> None:
    spec = shipped("mobilenet_v2")
    state = torch.random.get_rng_state()
    models = [load_source(spec) for _ in range(2)]
    assert torch.equal(torch.random.get_rng_state(), state), "the caller's random state is left alone"
    assert sum(p.numel() for p in models[0].module.parameters()) == 3_504_872
    samples = [np.random.default_rng(1).standard_normal((2, 3, 224, 224), dtype=np.float32)]
    first, second = (model.infer(samples)[0] for model in models)
    assert np.array_equal(first, second)
    assert np.isfinite(first).all()
    assert (first.std(axis=1) > 0.1).all()
    assert (first.max(axis=1) - first.min(axis=1) > 1).all()
    assert np.abs(first[0] - first[1]).max() > 0.05, "different inputs give different logits"


def test_infer_is_sample_by_sample(digits: dict[str, Any]) -> None:
    model = load_source(shipped("digits_vit"))
    (together,) = model.infer([digits["inputs"][:5]])
    apart = [model.infer([digits["inputs"][i : i + 1]])[0][0] for i in range(5)]
    assert np.array_equal(together, np.stack(apart))


def test_infer_takes_read_only_samples_and_none(digits: dict[str, Any]) -> None:
    model = load_source(shipped("digits_cnn"))
    images = digits["inputs"][:2].copy()
    images.flags.writeable = False
    assert model.infer([images])[0].shape == (2, 10)
    assert model.infer([images[:0]])[0].shape == (0, 10)


LINEAR = "import torch\ndef create():\n    return torch.nn.Linear(4, 3)\n"


def own_model(folder: Path, code: str = LINEAR, **keys: Any) -> ModelSpec:
    """A user's model in `folder`: by default one Linear, 4 to 3, without a weights file."""
    (folder / "model.py").write_text(code, encoding="utf-8")
    table = {
        "name": "own",
        "source": "torch",
        "factory": "model.py:create",
        "folder": folder,
        "inputs": [{"name": "x", "shape": [1, 4]}],
        "outputs": [{"name": "y", "shape": [1, 3]}],
        "no_accuracy_reason": "a test",
    }
    return ModelSpec.model_validate({**table, **keys})


def with_weights(folder: Path, content: bytes, sha256: str | None = None) -> ModelSpec:
    (folder / "w.safetensors").write_bytes(content)
    return own_model(folder, weights="w.safetensors", weights_sha256=sha256 or hashlib.sha256(content).hexdigest())


def tensors(**shapes: tuple[int, ...]) -> bytes:
    content: bytes = safetensors_torch.save({name: torch.ones(shape) for name, shape in shapes.items()})
    return content


def test_weights_are_loaded_and_frozen(tmp_path: Path) -> None:
    model = load_source(with_weights(tmp_path, tensors(weight=(3, 4), bias=(3,))))
    assert not model.module.training
    assert not any(p.requires_grad for p in model.module.parameters())
    assert np.array_equal(model.infer([np.ones((2, 4), np.float32)])[0], np.full((2, 3), 5, np.float32))


@pytest.mark.parametrize(
    ("content", "sha256", "says"),
    [
        (tensors(weight=(3, 4), bias=(3,)), "0" * 64, ["sha256 is", "0" * 64]),
        (b"\x80\x02 a pickle, not to be opened", None, ["not a safetensors file"]),
        (b"", None, ["not a safetensors file"]),
        (tensors(weight=(3, 4)), None, ["lacks bias"]),
        (tensors(weight=(3, 4), bias=(3,), scale=(1,)), None, ["has the unknown scale"]),
        (tensors(weight=(3, 4), beta=(3,)), None, ["lacks bias", "has the unknown beta"]),
        (tensors(weight=(3, 5), bias=(3,)), None, ["weight", "[3, 5]", "[3, 4]"]),
        (tensors(**{f"k{i}": (1,) for i in range(9)}), None, ["k0, k1, k2, k3, k4 and 4 more"]),
    ],
    ids=["wrong-sha", "pickle", "empty", "missing", "unexpected", "both", "shape", "many"],
)
def test_weights_that_do_not_fit(tmp_path: Path, content: bytes, sha256: str | None, says: list[str]) -> None:
    with pytest.raises(BuildError) as caught:
        load_source(with_weights(tmp_path, content, sha256))
    assert str(tmp_path / "w.safetensors") in caught.value.message
    assert [part for part in says if part not in caught.value.message] == []
    assert caught.value.hint


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="cannot be read: No such file") as caught:
        load_source(own_model(tmp_path, weights="w.safetensors", weights_sha256="0" * 64))
    assert '"weights"' in caught.value.hint


def test_factory_that_gives_no_module(tmp_path: Path) -> None:
    code = "import torch\ndef create():\n    return torch.nn.Linear\n"
    with pytest.raises(BuildError, match=r"gave a type, not a torch\.nn\.Module") as caught:
        load_source(own_model(tmp_path, code))
    assert "instance" in caught.value.hint


def module(forward: str) -> str:
    return (
        "import torch\nclass Own(torch.nn.Module):\n    def forward(self, x):\n"
        f"        {forward}\ndef create():\n    return Own()\n"
    )


@pytest.mark.parametrize(
    ("forward", "says"),
    [
        ("return x", 'output "y" has shape [1, 4], model.toml says [1, 3]'),
        ("return x[:, :3] / 0", 'output "y" has NaN or infinite values on sample 0'),
        ("return x, x", "the network returns Tensor, Tensor, model.toml names 1 output tensors"),
        ("return {'y': x}", "the network returns dict"),
        ("raise ValueError('why')", "the network fails on sample 0: ValueError: why"),
    ],
    ids=["shape", "not-finite", "too-many", "dict", "raises"],
)
def test_outputs_that_are_not_the_specs(tmp_path: Path, forward: str, says: str) -> None:
    model = load_source(own_model(tmp_path, module(forward)))
    with pytest.raises(BuildError) as caught:
        model.infer([np.ones((2, 4), np.float32)])
    assert says in caught.value.message
    assert caught.value.hint


def test_two_outputs(tmp_path: Path) -> None:
    outputs = [{"name": "a", "shape": [1, 4]}, {"name": "b", "shape": [1]}]
    model = load_source(own_model(tmp_path, module("return x * 2, x.double().sum(1)"), outputs=outputs))
    a, b = model.infer([np.arange(8, dtype=np.float32).reshape(2, 4)])
    assert np.array_equal(a, [[0, 2, 4, 6], [8, 10, 12, 14]])
    assert np.array_equal(b, [6, 22]) and (a.dtype, b.dtype) == (np.dtype("float32"), np.dtype("float64"))


@pytest.mark.parametrize(
    ("shapes", "says"),
    [([(2, 5)], "has shape (2, 5), (2, 4) is needed"), ([(2, 4), (2, 4)], "2 input arrays given, it takes 1")],
    ids=["shape", "count"],
)
def test_inputs_that_are_not_the_specs(tmp_path: Path, shapes: list[tuple[int, ...]], says: str) -> None:
    model: SourceModel = load_source(own_model(tmp_path))
    with pytest.raises(BuildError) as caught:
        model.infer([np.zeros(shape, np.float32) for shape in shapes])
    assert says in caught.value.message


def test_a_model_with_a_module_beside_it_can_be_exported(tmp_path: Path) -> None:
    """Neighbour modules are forgotten after loading; tracing the network must not miss them."""
    (tmp_path / "layers_for_test.py").write_text(
        "import torch\nSCALE = 2.0\n"
        "class Twice(torch.nn.Module):\n    def forward(self, x):\n        return x * SCALE\n",
        encoding="utf-8",
    )
    code = (
        "import torch\nfrom layers_for_test import Twice\n"
        "def create():\n    return torch.nn.Sequential(torch.nn.Linear(4, 3), Twice())\n"
    )
    model = load_source(own_model(tmp_path, code))
    assert "layers_for_test" not in sys.modules
    sample = torch.ones(1, 4)
    exported = torch.export.export(model.module, (sample,)).module()
    assert torch.equal(exported(sample), model.module(sample))
