"""Names of hubs and libraries, fetched by their own clients from a server on this machine that speaks as they do."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hub
import numpy as np
import pytest
import torch
import transformers

from edgerig.build.source import drawn, load_source
from edgerig.spec import ModelSpec, load_models

pytestmark = pytest.mark.integration
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text classifier as `save_pretrained` writes it."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(3)
    config = transformers.BertConfig(**SMALL, vocab_size=50, max_position_embeddings=12, num_labels=4)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[hub.Hub]:
    with hub.serving() as server:
        for name, value in {**server.environment(), "EDGERIG_CACHE": str(tmp_path / "cache")}.items():
            monkeypatch.setenv(name, value)
        yield server


def edgerig(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgerig", *words], capture_output=True, text=True, timeout=300, env=dict(os.environ)
    )


def only(text: str) -> ModelSpec:
    (model,) = load_models(text).values()
    return model


def lock(slug: str, tmp_path: Path) -> dict[str, Any]:
    return tomllib.loads((tmp_path / "cache" / "models" / slug / "model.toml").read_text(encoding="utf-8"))


def test_a_model_of_the_hub_is_pinned_to_a_commit_and_computes_as_transformers_does(
    served: hub.Hub, bert: Path, tmp_path: Path
) -> None:
    served.repositories["tiny/bert"] = {path.name: path.read_bytes() for path in bert.iterdir()}
    done = edgerig("models", "fetch", "hf:tiny/bert")
    assert done.returncode == 0, done.stderr
    pinned = lock("hf_tiny_bert", tmp_path)
    assert pinned["revision"] == hub.COMMIT
    assert pinned["licence"] == "apache-2.0"
    assert {row["name"] for row in pinned["files"]} == {"config.json", "model.safetensors"}
    assert all(f"/resolve/{hub.COMMIT}/" in row["url"] for row in pinned["files"])

    model = only("hf:tiny/bert")
    model.require_files()
    assert model.name == "hf_tiny_bert"
    assert not model.random_weights
    source = load_source(model)
    assert [(t.name, t.shape, t.dtype) for t in source.spec.inputs] == [
        ("input_ids", (1, 12), "int64"),
        ("attention_mask", (1, 12), "int64"),
    ]
    assert [(t.name, t.shape) for t in source.spec.outputs] == [("logits", (1, 4))]
    samples = drawn(source.spec.inputs, 1, 3)
    assert samples[0].max() > 0
    reference = transformers.BertForSequenceClassification.from_pretrained(bert).eval()
    with torch.no_grad():
        expected = reference(*(torch.from_numpy(array) for array in samples)).logits.numpy()
    np.testing.assert_allclose(source.infer(samples)[0], expected, rtol=1e-4, atol=1e-6)

    before = len(served.asked)
    again = edgerig("models", "fetch", "hf:tiny/bert")
    assert "was there" in again.stdout
    assert len(served.asked) == before, "what is pinned is not asked for again"
    (tmp_path / "cache" / "models" / "hf_tiny_bert" / "model.safetensors").unlink()
    assert edgerig("models", "fetch", "hf:tiny/bert").returncode == 0, "from its address, by its sha256"
    only("hf:tiny/bert").require_files()


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("hf:no/body", None, "cannot be fetched"),
        ("hf:tiny/net", {"README.md": b"x"}, "has no config.json"),
        ("hf:tiny/net", {"config.json": b"{}", "tf_model.h5": b"x"}, "has no weights that torch reads"),
        ("hf:tiny/net@other", {"config.json": b"{}"}, "cannot be fetched"),
    ],
)
def test_what_the_hub_has_not_is_said(
    served: hub.Hub, tmp_path: Path, name: str, files: dict[str, bytes] | None, said: str
) -> None:
    if files is not None:
        served.repositories["tiny/net"] = files
    done = edgerig("models", "fetch", name)
    assert done.returncode == 9, done.stderr
    assert said in done.stderr
    assert not list((tmp_path / "cache" / "models").glob("*/model.toml"))


def test_a_file_that_is_not_what_the_hub_says_is_refused(served: hub.Hub, tmp_path: Path) -> None:
    served.repositories["tiny/net"] = {"config.json": b"{}", "model.safetensors": b"some weights"}
    served.lies.add("model.safetensors")
    done = edgerig("models", "fetch", "hf:tiny/net")
    assert done.returncode == 9
    assert not list((tmp_path / "cache" / "models").glob("*/model.toml"))


def test_an_architecture_is_known_without_a_network_and_its_weights_are_random(tmp_path: Path) -> None:
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=5
    )
    config.save_pretrained(tmp_path / "resnet")
    model = only(f"hf:{tmp_path / 'resnet'}")
    assert model.random_weights
    source = load_source(model)
    assert [t.shape for t in source.spec.inputs] == [(1, 3, 224, 224)]
    small = model.model_copy(
        update={"inputs": tuple(t.model_copy(update={"shape": (1, 3, 32, 32)}) for t in source.spec.inputs)}
    )
    one, other = load_source(small), load_source(small)
    samples = drawn(one.spec.inputs, 1, 4)
    np.testing.assert_array_equal(one.infer(samples)[0], other.infer(samples)[0])
    assert one.infer(samples)[0].std(axis=0).min() > 1e-3, "batch norms with fresh statistics let it fade away"


def test_a_repository_is_known_by_the_architecture_it_documents() -> None:
    from edgerig.build.sources.hub_transformers import _checkpoints

    known = _checkpoints(transformers)
    assert known["google/vit-base-patch16-224"] == "vit"
    assert known["openai/whisper-tiny"] == "whisper"
    assert len(known) > 100


def saved_model(folder: Path) -> bytes:
    """A packed SavedModel of y = 2x, below a folder of its own."""
    import tensorflow as tf

    module = tf.Module()
    twice = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec((1, 3), tf.float32, name="x")])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": twice})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(folder, arcname=".")
    return packed.getvalue()


def test_a_kaggle_handle_is_a_saved_model_each_file_of_which_is_recorded(served: hub.Hub, tmp_path: Path) -> None:
    handle = "google/twice/tensorFlow2/default/1"
    served.pages[f"/api/v1/models/{handle}/download"] = saved_model(tmp_path / "twice")
    done = edgerig("models", "fetch", f"kaggle:{handle}")
    assert done.returncode == 0, done.stderr
    model = only(f"kaggle:{handle}")
    model.require_files()
    assert model.source == "saved_model"
    rows = lock("kaggle_google_twice_tensorFlow2_default_1", tmp_path)["files"]
    assert "saved_model/saved_model.pb" in {row["name"] for row in rows}
    source = load_source(model)
    np.testing.assert_array_equal(source.infer([np.ones((2, 3), np.float32)])[0], np.full((2, 3), 2.0))

    (model.located(Path("saved_model")) / "saved_model.pb").unlink()
    assert edgerig("models", "fetch", f"kaggle:{handle}").returncode == 0, "out of the archive at its address"
    only(f"kaggle:{handle}").require_files()


def test_an_address_of_a_file_is_that_file(served: hub.Hub, tmp_path: Path) -> None:
    served.pages["/a/net.onnx"] = b"not read here"
    name = f"{served.address}/a/net.onnx"
    assert edgerig("models", "fetch", name).returncode == 0
    model = only(name)
    assert model.source == "onnx"
    assert model.path is not None
    assert model.path.read_bytes() == b"not read here"
    served.pages["/a/other.zip"] = b"no archive"
    refused = edgerig("models", "fetch", f"{served.address}/a/other.zip")
    assert refused.returncode == 9
    assert "no whole archive" in refused.stderr


def test_a_file_that_runs_code_is_taken_from_an_address_when_that_is_asked_for(served: hub.Hub) -> None:
    served.pages["/a/net.torchscript"] = b"not read here"
    name = f"{served.address}/a/net.torchscript"
    assert edgerig("models", "fetch", name).returncode == 0
    refused = edgerig("plan", "--model", name)
    assert refused.returncode == 2
    assert "opening it runs what its author wrote" in refused.stderr
    taken = edgerig("plan", "--model", name, "--trust")
    assert taken.returncode == 0, taken.stderr
    assert "torchscript-as-is@local/t1" in taken.stdout


def test_a_library_that_is_not_installed_is_named(served: hub.Hub) -> None:
    done = edgerig("models", "fetch", "timm:resnet18")
    assert done.returncode == 9
    assert "timm is not installed" in done.stderr
    assert "pip install timm" in done.stderr


def test_keras_tells_where_its_weights_lie_and_their_checksum(tmp_path: Path) -> None:
    from edgerig.build.fetching.library import ask
    from edgerig.spec import named

    name = named("keras:MobileNetV3Small")
    assert name is not None
    told = ask(name, tmp_path)
    assert told.url.endswith("weights_mobilenet_v3_small_224_1.0_float.h5")
    assert len(told.md5) == 32
