"""Cards: the same network counts the same in every framework, and code that dies costs its own card only."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.build.card import network_facts
from edgerig.errors import BuilderCrashed, BuildError
from edgerig.spec import PACKAGE, load_models

pytestmark = pytest.mark.integration

MODELS = PACKAGE.parent / "models"
LISTED = """
from torch import nn

class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.pairs = nn.ModuleList([nn.ModuleList([nn.Linear(4, 4)]), nn.ModuleList([nn.Linear(4, 4)])])
        self.last = nn.ModuleDict({"a": nn.Linear(4, 4)})
        self.clip = nn.ReLU()

    def forward(self, x):
        for (layer,) in self.pairs:
            x = self.clip(layer(x))
        return self.last["a"](x)

def create():
    return Listed()
"""


def test_twins_count_alike() -> None:
    offered = load_models(str(MODELS / "digits_cnn"))
    torch, keras = network_facts(offered["torch"]), network_facts(offered["keras"])
    # By hand: 3x3x1x32 at 8x8; then 3x3 a channel and 1x1 across, to 64, 64, 96 (4x4) and 128; 128x10 at the end.
    assert torch.macs == keras.macs == 786_176
    assert torch.parameters == keras.parameters == 31_018
    assert torch.statistics == keras.statistics == 1_280
    assert torch.layers["Conv2d (depthwise)"] == keras.layers["DepthwiseConv2D"]
    assert torch.layers["Linear"].macs == keras.layers["Dense"].macs == 1_280


def test_products_of_two_activations_are_counted_where_they_are_made() -> None:
    facts = network_facts(load_models(str(MODELS / "digits_vit"))["torch"])
    # Three blocks of 16 tokens and 64 channels: queries by keys and weights by values, 16 * 16 * 64 each.
    assert facts.layers["Attention"].macs == 3 * 2 * 16 * 16 * 64


def test_layers_in_a_list_are_counted_as_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "listed.py").write_text(LISTED, encoding="utf-8")
    tensors = "".join(f'[[{kind}puts]]\nname = "{kind}"\nshape = [1, 4]\n' for kind in ("in", "out"))
    head = 'source = "torch"\nfactory = "listed.py:create"\nno_accuracy_reason = "random"\n'
    (tmp_path / "model.toml").write_text(head + tensors, encoding="utf-8")
    (model,) = load_models(str(tmp_path)).values()
    facts = network_facts(model)
    assert {kind: (row.layers, row.macs) for kind, row in facts.layers.items()} == {
        "Linear": (3, 3 * 16),
        "ReLU": (1, 0),
    }
    assert facts.macs == 3 * 16


def test_a_saved_sequential_model_is_counted_layer_by_layer(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = [keras.Input((4, 4, 2)), keras.layers.Conv2D(3, 3), keras.layers.Flatten(), keras.layers.Dense(5)]
    keras.Sequential(layers).save(tmp_path / "net.keras")
    (model,) = load_models(str(tmp_path / "net.keras")).values()
    facts = network_facts(model)
    assert {kind: row.layers for kind, row in facts.layers.items()} == {"Conv2D": 1, "Flatten": 1, "Dense": 1}
    assert facts.macs == 2 * 2 * 3 * 3 * 2 * 3 + 12 * 5
    assert facts.inputs[0].shape == (1, 4, 4, 2)


def test_a_layer_nothing_counts_leaves_no_sum(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(3), keras.layers.Dense(5)]).save(tmp_path / "net.keras")
    (model,) = load_models(str(tmp_path / "net.keras")).values()
    facts = network_facts(model)
    assert facts.macs is None
    assert "LSTM" in facts.reason
    assert facts.layers["LSTM"].macs is None
    assert facts.parameters == 4 * (2 + 3 + 1) * 3 + 20


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("import os\ndef create():\n    os.abort()\n", BuilderCrashed, "SIGABRT"),
        ("def create():\n    raise ValueError('no such layer')\n", BuildError, "no such layer"),
    ],
)
def test_a_factory_that_fails_says_so(tmp_path: Path, code: str, error: type[Exception], said: str) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "model.py").write_text(code)
    (tmp_path / "net" / "model.toml").write_text(
        'source = "torch"\nfactory = "model.py:create"\nno_accuracy_reason = "a test"\n'
        'inputs = [{ name = "x", shape = [1, 4] }]\noutputs = [{ name = "y", shape = [1, 2] }]\n'
    )
    (model,) = load_models(str(tmp_path / "net")).values()
    with pytest.raises(error, match=said):
        network_facts(model)
