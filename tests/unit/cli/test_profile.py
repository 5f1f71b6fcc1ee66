"""What `edgerig profile` prints, and what it refuses before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.cli.profile import _layers, profile
from edgerig.errors import ConfigError
from edgerig.results import OperatorProfile, Profile

CELL = "digits_cnn-torch-tflite-fp32@local/t1"


def test_a_cells_id_and_another_device_are_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is of local, not of --device qemu-rpi4"):
        profile(Path(CELL), [], "qemu-rpi4", again=False, as_json=False)
    with pytest.raises(ConfigError, match=r"\*onnx\*: beside a cell's id no other cells"):
        profile(Path(CELL), ["*onnx*"], None, again=False, as_json=False)
    assert list(tmp_path.iterdir()) == []


def layers(*names: str) -> list[str]:
    every = {"name": "Conv", "kind": "convolution", "runner": "xnnpack", "value": 1.0, "share": 0.1}
    told = {**every, "spread": 0.0, "calls": 1.0}
    made = [OperatorProfile.model_validate({**told, "index": at, "layer": name}) for at, name in enumerate(names)]
    return _layers(Profile(operators=tuple(made)))


def test_layers_are_told_apart_wherever_their_paths_differ() -> None:
    deep = [f"Net_net/Sequential_features/Sequential_{at}/Sequential_1/ReLU_2" for at in (1, 2, 3)]
    assert layers(*deep, f"{deep[0]}_b;fused") == [
        *(f"Sequential_{at}/Sequential_1/ReLU_2" for at in (1, 2, 3)),
        "Sequential_1/Sequential_1/ReLU_2_b",
    ]
    assert layers(*deep, "output", "") == [*(f"Sequential_{at}/Sequential_1/ReLU_2" for at in (1, 2, 3)), "output", ""]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("net/conv", "net/conv"), ["conv", "conv"]),  # one layer, two operators
        (("net/conv", "conv"), ["net/conv", "conv"]),  # two layers, that would be named alike
        (("net/a/x", "net/a"), ["a/x", "a"]),
        ((), []),
    ],
)
def test_what_is_left_out_never_makes_two_layers_one(names: tuple[str, ...], shown: list[str]) -> None:
    assert layers(*names) == shown
