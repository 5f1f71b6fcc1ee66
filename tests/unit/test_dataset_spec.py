"""What a [dataset] may say: each example of the guide, and each wrong key."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edgerig.errors import ConfigError
from edgerig.spec import DatasetSpec, ModelSpec, parse

GUIDE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
EXAMPLES = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)]
MODEL = {"name": "m", "source": "onnx", "file": "m.onnx"}


def dataset(**keys: object) -> DatasetSpec:
    return parse(DatasetSpec, keys, "model.toml")


@pytest.mark.parametrize("example", [each["dataset"] for each in EXAMPLES if "dataset" in each])
def test_the_guides_datasets_are_understood(example: dict[str, Any]) -> None:
    assert parse(DatasetSpec, example, "docs/datasets.md").kind in example


def test_the_guide_has_every_kind() -> None:
    found = {parse(DatasetSpec, each["dataset"], "guide").kind for each in EXAMPLES if "dataset" in each}
    assert found == {"npz", "factory", "images", "table", "audio"}


@pytest.mark.parametrize("example", [each for each in EXAMPLES if "metric" in each])
def test_the_guides_metrics_are_understood(example: dict[str, Any]) -> None:
    model = parse(ModelSpec, {**MODEL, "dataset": {"npz": "d.npz"}, **example}, "docs/datasets.md")
    assert model.metric == ("metric.py:score", "top1")


def test_the_guides_defaults_for_sound_are_the_defaults() -> None:
    (sound,) = [each["dataset"]["audio"] for each in EXAMPLES if "audio" in each.get("dataset", {})]
    folders = {"folder": sound["folder"], "calibration_folder": sound["calibration_folder"]}
    assert dataset(audio=sound) == dataset(audio=folders)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "exactly one of"),
        ({"npz": "d.npz", "factory": "d.py:f"}, "given: factory, npz"),
        ({"npz": "d.npz", "classes": ["a", "a"]}, "names a class twice"),
        ({"npz": "d.npz", "max_gib": 0}, 'key "max_gib"'),
        ({"images": {}}, 'key "images.folder"'),
        ({"images": {"folder": "x", "sise": 3}}, 'unknown key "images.sise"'),
        ({"images": {"folder": "x", "std": 0}}, "must not be 0"),
        ({"images": {"folder": "x", "mean": [1, 2], "std": [1, 2, 3]}}, "one per channel"),
        ({"images": {"folder": "x", "calibration_folder": "y", "calibration_list": "z"}}, "not both"),
        ({"table": {"file": "d.csv"}}, 'needs the key "label"'),
        ({"table": {"file": "d.csv", "label": ["a", "b"]}}, 'labels = "values"'),
        ({"table": {"file": "d.csv", "label": "a", "features": ["a"]}}, "cannot be feature and label"),
        ({"audio": {"folder": "x", "coefficients": 41}}, 'must not be more than "mels" 40'),
        ({"audio": {"folder": "x", "window_ms": 2000}}, "longer than the clip"),
    ],
)
def test_what_is_wrong_names_key_and_fix(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        dataset(**keys)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("metric", "labels", "said"),
    [
        ("top2", "class", 'did you mean "top'),
        ("mse", "class", 'labels = "values" or "inputs"'),
        (["psnr", "top1"], "inputs", 'labels = "class"'),
        (["top1", "top1"], "class", "named twice"),
    ],
)
def test_a_metric_that_cannot_be_taken_of_the_labels_is_refused(
    metric: str | list[str], labels: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(ModelSpec, {**MODEL, "metric": metric, "dataset": {"npz": "d.npz", "labels": labels}}, "model.toml")
    assert said in caught.value.message


def test_a_metric_needs_a_dataset() -> None:
    with pytest.raises(ConfigError, match="needs a"):
        parse(ModelSpec, {**MODEL, "metric": "top1"}, "model.toml")
