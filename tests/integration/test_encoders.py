"""A small BERT with random weights: int64 ids, masks and types, through every format in every recipe that it can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgerig.build import worker
from edgerig.build.request import BuildRequest, PrepareRequest
from edgerig.build.store import Store
from edgerig.errors import UnsupportedRecipe
from edgerig.measure.error import Array
from edgerig.npy import load_arrays
from edgerig.spec import load_formats, load_models, load_recipes

pytestmark = pytest.mark.integration
pytest.importorskip("transformers")

LENGTH = 12
WORDS = 120
CODE = f"""
import torch
from torch import nn
from transformers import BertConfig, BertModel

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.bert = BertModel(BertConfig(vocab_size={WORDS}, hidden_size=32, num_hidden_layers=2,
            num_attention_heads=2, intermediate_size=64, max_position_embeddings=64))
        self.head = nn.Linear(32, 5)

    def forward(self, ids, mask, types):
        found = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types)
        return self.head(found.pooler_output), found.last_hidden_state

def create():
    return Encoder()
"""
BOUNDS = {"fp32": 1e-5, "fp16": 5e-3}
"""Relative error of the output furthest off; 0.35 for the others: random weights average little out."""

STRICT = "int8-full"
"""Wants integer kernels of all operators, which no transformer's have."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "encoder"
    folder.mkdir()
    (folder / "net.py").write_text(CODE, encoding="utf-8")
    inputs = "".join(
        f'[[inputs]]\nname = "{name}"\nshape = [1, {LENGTH}]\ndtype = "int64"\n' for name in ("ids", "mask", "types")
    )
    (folder / "model.toml").write_text(
        f'source = "torch"\nfactory = "net.py:create"\nno_accuracy_reason = "random weights"\n{inputs}'
        '[[outputs]]\nname = "scores"\nshape = [1, 5]\n'
        f'[[outputs]]\nname = "hidden"\nshape = [1, {LENGTH}, 32]\n',
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    """With the model's random data in it."""
    store = Store(folder.parent / "store")
    spec = load_models(str(folder))["torch"]
    prepared = worker.prepare(PrepareRequest(model=spec, seed=0, store=store.root, data_key="d" * 64, timeout_s=600))
    assert prepared.origin.endswith(f"ids 0 to {WORDS - 1}, mask 0 to 1, types 0 to 1")
    return store


def test_ids_and_masks_are_drawn_within_what_the_network_takes(store: Store) -> None:
    data = store.find("data", "d" * 64)
    assert data is not None
    ids, mask, types = (np.array(array) for array in load_arrays(data, "input"))
    assert [array.shape for array in (ids, mask, types)] == [(8, LENGTH)] * 3
    assert ids.dtype == np.int64
    assert ids.max() > 10
    largest: list[Array] = [mask.max(), types.max()]
    assert largest == [1, 1]


@pytest.mark.parametrize("format_name", [name for name, row in load_formats().items() if "torch" in row.routes])
def test_an_encoder_is_built_in_every_recipe_it_can_be(
    tmp_path: Path, folder: Path, store: Store, format_name: str
) -> None:
    wanted = [name for name, recipe in load_recipes().items() if not recipe.formats[format_name].unsupported]
    request = BuildRequest(
        model=load_models(str(folder))["torch"],
        format=format_name,
        options={name: values[0] for name, values in load_formats()[format_name].options.items()},
        keys={recipe: f"{format_name}-{recipe}" for recipe in wanted},
        recipes={recipe: load_recipes()[recipe] for recipe in wanted},
        store=store.root,
        data_key="d" * 64,
        timeout_s=600,
        queue=tmp_path,
        joins=False,
    )
    session = worker.Session(request, tmp_path)
    for recipe in wanted:
        (tmp_path / f"{recipe}.log").touch()
        if recipe == STRICT:
            with pytest.raises(UnsupportedRecipe):
                session.build(recipe)
            continue
        try:
            check = session.build(recipe).artifact.check
        except UnsupportedRecipe as refused:  # GELUs and sums stand between its layers
            assert load_recipes()[recipe].options.equalize, refused
            assert "nothing can be equalized" in refused.message
            continue
        assert check is not None
        assert check.relative_error is not None, recipe
        assert check.relative_error < BOUNDS.get(recipe, 0.35), recipe
