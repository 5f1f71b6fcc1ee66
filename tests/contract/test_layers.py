"""`edgerig debug` in every format that shows its layers: of digits_cnn it names the one that was damaged, and none
where none was. All layers in turn: benchmarks/debug.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from builders_of import builder
from damage import FACTOR, MILD, damage_torch, damaged_onnx, damaged_tflite

from edgerig.build.factory import call_factory
from edgerig.build.layers import ADAPTERS
from edgerig.build.layers import executorch as torch_layers
from edgerig.build.layers import tflite as tflite_layers
from edgerig.build.layers.twins import Job, Twins, look
from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel, load_source
from edgerig.measure.layer_advice import advice
from edgerig.measure.layers import INPUT, THRESHOLD_DB, layer_results
from edgerig.measure.suspect import first_below, suspect
from edgerig.registry import load_object
from edgerig.results.layers import LayerResult
from edgerig.spec import load_models, load_recipes

pytestmark = pytest.mark.contract

RECIPE = "int8-static"
SAMPLES = 8
LAYERS = 10
"""Of digits_cnn, with weights."""
PLACES = (0, 3, LAYERS - 1)
"""The first, one between, the last."""
Network = Callable[[int | None, float], Twins]
"""The twins, with the layer of that place damaged by so much."""


@pytest.fixture(scope="module")
def source() -> SourceModel:
    return load_source(next(iter(load_models("digits_cnn").values())))


@pytest.fixture(scope="module")
def data(source: SourceModel) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = call_factory(source.spec.folder, "data.py:load")
    return found


@pytest.fixture(scope="module", params=list(ADAPTERS))
def network(
    request: pytest.FixtureRequest,
    source: SourceModel,
    data: dict[str, np.ndarray],
    tmp_path_factory: pytest.TempPathFactory,
) -> Network:
    folder, recipe = tmp_path_factory.mktemp(request.param), load_recipes()[RECIPE]
    if request.param == "executorch":
        return _torch(source, [data["calibration"]])
    made = builder(request.param, source, folder)
    built = [
        made.build(load_recipes()["fp32"], None, folder / "float"),
        made.build(recipe, [data["calibration"]], folder / "int8"),
    ]
    floating, quantized = (each.file for each in built)
    adapter: Callable[[Job], Twins] = load_object(ADAPTERS[request.param].code)
    damaged = damaged_onnx if request.param == "onnx" else damaged_tflite

    def get(place: int | None, by: float) -> Twins:
        file = quantized if place is None else damaged(quantized, place, folder / f"damaged-{place}-{by}", by)
        return adapter(Job(recipe, floating, file, folder, (), lambda: source, lambda _: [data["calibration"]]))

    return get


def _torch(source: SourceModel, calibration: Arrays) -> Network:
    ours, theirs = torch_layers.graphs(source, load_recipes()[RECIPE], calibration)
    last: list[tuple[int, float]] = []

    def get(place: int | None, by: float) -> Twins:
        while last:
            before, factor = last.pop()
            damage_torch(theirs, before, 1 / factor)
        if place is not None:
            damage_torch(theirs, place, by)
            last.append((place, by))
        return torch_layers.side_by_side(ours, theirs)

    return get


def rows(twins: Twins, source: SourceModel, data: dict[str, np.ndarray]) -> tuple[LayerResult, ...]:
    layout = "NHWC" if twins.method == tflite_layers.METHOD else "NCHW"
    laid = to_layout([data["inputs"][:SAMPLES]], source.spec.inputs, layout)
    samples = [[np.ascontiguousarray(array[i : i + 1]) for array in laid] for i in range(SAMPLES)]
    return layer_results(twins.operators, twins.inputs, look(twins, samples).seen, twins.weights)


def weighted(layers: tuple[LayerResult, ...]) -> list[LayerResult]:
    return [each for each in layers if each.weights_sqnr_db is not None]


def test_nothing_is_named_where_nothing_is_damaged(
    network: Network, source: SourceModel, data: dict[str, np.ndarray]
) -> None:
    layers = rows(network(None, 1.0), source, data)
    assert layers[0].operator == INPUT
    assert len(weighted(layers)) == LAYERS
    assert first_below(layers, THRESHOLD_DB) is None
    assert suspect(layers, THRESHOLD_DB) is None
    assert all(each.weights_steps <= 0.51 and each.weights_sqnr_db > 40 for each in weighted(layers))
    assert min(each.sqnr_db for each in layers) > 25
    assert all(each.integer and each.outside < 0.05 for each in weighted(layers))


@pytest.mark.parametrize("place", PLACES)
def test_the_damaged_layer_is_named(
    network: Network, source: SourceModel, data: dict[str, np.ndarray], place: int
) -> None:
    layers = rows(network(place, FACTOR), source, data)
    damaged = weighted(layers)[place]
    assert suspect(layers, THRESHOLD_DB) == first_below(layers, THRESHOLD_DB) == damaged.depth
    found = advice(layers, damaged.depth, damaged.depth, load_recipes()[RECIPE], "tflite")
    assert [each.remedy for each in found] == ["build-again", "float-layers"]
    assert found[1].layers == (damaged.name,)


def test_a_layer_that_ends_just_above_the_threshold_is_named(
    network: Network, source: SourceModel, data: dict[str, np.ndarray]
) -> None:
    layers = rows(network(0, MILD), source, data)
    damaged = weighted(layers)[0]
    below = first_below(layers, THRESHOLD_DB)
    assert (damaged.sqnr_db or 0.0) > THRESHOLD_DB
    assert below is not None
    assert suspect(layers, THRESHOLD_DB) == damaged.depth
    assert damaged.name in advice(layers, below, damaged.depth, load_recipes()[RECIPE], "tflite")[0].layers
