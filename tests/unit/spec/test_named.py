"""Models by name: what a name stands for, before and after it was fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgerig.errors import ConfigError
from edgerig.plan import make_plan
from edgerig.spec import SweepSpec, load_models, load_sweep, named

LOCKED = """description = "pinned"
source = "keras"
application = "MobileNetV3Small"
no_accuracy_reason = "no dataset was given for it"
revision = "keras 3.15.1"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("hf:google/vit-base-patch16-224", "hf_google_vit-base-patch16-224"),
        ("hf:bert", "hf_bert"),
        ("hf:o/m@refs/pr/1", "hf_o_m_refs_pr_1"),
        ("hf:o/m@0123456789abcdef0123", "hf_o_m_0123456789ab"),
        ("hf:openai/clip#CLIPVisionModel", "hf_openai_clip_CLIPVisionModel"),
        ("keras:MobileNetV3Small", "keras_MobileNetV3Small"),
        ("torchvision:resnet18", "torchvision_resnet18"),
        ("timm:resnet18.a1_in1k", "timm_resnet18.a1_in1k"),
        ("kaggle:google/mobilenet-v2/tensorFlow2/a/2", "kaggle_google_mobilenet-v2_tensorFlow2_a_2"),
    ],
)
def test_a_name_says_what_it_is_and_becomes_a_name_of_ids(text: str, slug: str) -> None:
    found = named(text)
    assert found is not None
    assert found.slug == slug


def test_two_addresses_of_one_file_name_are_two_models() -> None:
    one, other = named("https://host/a/net.tar.gz?x=1"), named("https://host/b/net.tar.gz")
    assert one is not None
    assert other is not None
    assert one.slug.startswith("net_")
    assert one.slug != other.slug


@pytest.mark.parametrize("text", ["digits_cnn", "net.onnx", "a/net.keras", "C:net", "models/hf"])
def test_other_models_are_none_of_these_names(text: str) -> None:
    assert named(text) is None


@pytest.mark.parametrize("text", ["hf:a/b/c", "keras:", "timm:a b", "kaggle:a/b", "keras:a/b"])
def test_what_is_almost_a_name_is_told_how_one_looks(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a name of") as caught:
        named(text)
    assert f'such as "{text.partition(":")[0]}:' in caught.value.hint


@pytest.mark.parametrize(
    ("text", "source"),
    [("hf:google/vit-base-patch16-224", "torch"), ("keras:MobileNetV3Small", "keras"), ("timm:resnet18", "torch")],
)
def test_what_was_never_fetched_has_random_weights_and_says_so(text: str, source: str) -> None:
    ((found, model),) = load_models(text).items()
    assert found == source
    assert model.random_weights
    assert model.name.endswith("-random")
    assert f"edgerig models fetch {text}" in model.no_accuracy_reason
    plan = make_plan(SweepSpec(models=(text,), formats=("onnx",), recipes=("fp32",)))
    assert [cell.id for cell in plan.cells] == [f"{model.name}-{source}-onnx-fp32@local/t1"]


@pytest.mark.parametrize("text", ["https://host/net.onnx", "kaggle:google/m/tensorFlow2/a/1"])
def test_files_that_were_never_fetched_cannot_be_made_up(text: str) -> None:
    with pytest.raises(ConfigError, match="was not fetched") as caught:
        load_models(text)
    assert caught.value.hint == f"edgerig models fetch {text}"


def test_a_name_that_was_fetched_is_what_was_pinned(cache: Path) -> None:
    lock = cache / "keras_MobileNetV3Small" / "model.toml"
    lock.parent.mkdir(parents=True)
    lock.write_text(LOCKED, encoding="utf-8")
    (model,) = load_models("keras:MobileNetV3Small").values()
    assert (model.name, model.random_weights) == ("keras_MobileNetV3Small", False)
    assert model.revision == "keras 3.15.1"


def test_data_is_scored_on_trained_weights_alone(cache: Path, tmp_path: Path) -> None:
    data = tmp_path / "d.npz"
    data.write_bytes(b"")
    (random,) = load_models("keras:MobileNetV3Small", data).values()
    assert random.dataset is not None
    assert random.metric == ()
    lock = cache / "keras_MobileNetV3Small" / "model.toml"
    lock.parent.mkdir(parents=True)
    lock.write_text(LOCKED, encoding="utf-8")
    (trained,) = load_models("keras:MobileNetV3Small", data).values()
    assert trained.metric == ("top1",)
    with pytest.raises(ConfigError, match="no such file"):
        load_models("keras:MobileNetV3Small", tmp_path / "none.npz")


@pytest.mark.parametrize("weights", [(), ("model.safetensors",)])
def test_a_folder_of_transformers_is_used_where_it_lies(tmp_path: Path, weights: tuple[str, ...]) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    for name in weights:
        (folder / name).write_bytes(b"")
    (model,) = load_models(f"hf:{folder}").values()
    assert model.random_weights is not bool(weights)
    assert model.name == ("tiny" if weights else "tiny-random")
    assert [str(path) for path in model.reads] == ["config.json", *weights]
    with pytest.raises(ConfigError, match=r"no config\.json"):
        load_models(f"hf:{tmp_path}")


def test_in_a_sweeps_file_only_a_folder_is_a_path(tmp_path: Path) -> None:
    names = ["hf:google/vit-base-patch16-224", "hf:./tiny", "keras:VGG16", "https://host/net.onnx"]
    file = tmp_path / "sweep.toml"
    file.write_text(f"models = {json.dumps(names)}", encoding="utf-8")
    assert load_sweep(file, {}).models == (names[0], f"hf:{tmp_path / 'tiny'}", *names[2:])
