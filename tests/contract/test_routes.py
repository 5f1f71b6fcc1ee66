"""The route table: every source × format × recipe it calls supported builds, runs and computes what its source does.

One trained network, `digits_cnn`, is brought in each source; torch's own cells are in `test_formats.py`. Builds run as
in a build's process: the same builder for a pair's recipes, its file run by the engine that runs it on a device.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders_of import digits_data

from edgerig.build.builder import FormatBuilder
from edgerig.build.check import check_constants, check_outputs
from edgerig.build.layout import to_layout
from edgerig.build.routes import find_route
from edgerig.build.source import Arrays, SourceModel, load_source
from edgerig.errors import UnsupportedRecipe
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.plan import unsupported_reason
from edgerig.registry import load_object
from edgerig.spec import (
    FormatName,
    Source,
    load_engines,
    load_formats,
    load_models,
    load_recipes,
    load_sources,
    no_route,
)

pytestmark = pytest.mark.contract

SAMPLES = 16
BROUGHT: tuple[Source, ...] = tuple(name for name, row in load_sources().items() if row.loader and name != "torch")
PAIRS = [(source, name) for name, row in load_formats().items() for source in BROUGHT if source in row.routes]
BUILT = [(s, f, r) for s, f in PAIRS for r in load_recipes() if not unsupported_reason(s, f, r)]


def marked(source: Source, format_name: FormatName, recipe: str) -> object:
    if load_formats()[format_name].tool:  # an environment of its own, and a runtime of JavaScript
        return pytest.param(source, format_name, recipe, marks=(pytest.mark.long, pytest.mark.needs("nodejs", "npm")))
    if load_recipes()[recipe].needs:  # a quantizer that takes its time
        return pytest.param(source, format_name, recipe, marks=pytest.mark.long)
    return source, format_name, recipe


CELLS = [marked(*cell) for cell in BUILT]
UNSUPPORTED = [(s, f) for f in load_formats() for s in load_sources() if no_route(s, f)]


@pytest.fixture(scope="module")
def bring(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Source], SourceModel]:
    """`digits_cnn` as authored in a source, or turned into a file of it."""
    folder = tmp_path_factory.mktemp("sources")
    twins = load_models("digits_cnn")
    made: dict[Source, SourceModel] = {}

    def get(source: Source) -> SourceModel:
        if source not in made:
            made[source] = load_source(twins[source]) if source in twins else from_file(source)
        return made[source]

    def from_file(source: Source) -> SourceModel:
        path = folder / source
        if source == "saved_model":
            get("keras").module.export(str(path), verbose=False)
        else:
            path = path.with_suffix(f".{source}")
            author: Source = "torch" if source == "onnx" else "keras"
            find_route(author, source)(get(author), path)
        (spec,) = load_models(str(path), quantize=True).values()
        return load_source(spec)

    return get


@pytest.fixture(scope="module")
def digits() -> dict[str, np.ndarray]:
    return digits_data()


@pytest.fixture(scope="module")
def builders(
    bring: Callable[[Source], SourceModel], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Source, FormatName], FormatBuilder]:
    """One builder a pair, shared by its recipes."""
    made: dict[tuple[Source, FormatName], FormatBuilder] = {}

    def get(source: Source, format_name: FormatName) -> FormatBuilder:
        if (source, format_name) not in made:
            row = load_formats()[format_name]
            options = {name: values[0] for name, values in row.options.items()}
            work = tmp_path_factory.mktemp(f"{source}-{format_name}")
            made[source, format_name] = load_object(row.builder)(bring(source), options, work)
        return made[source, format_name]

    return get


def laid_out(images: np.ndarray, model: SourceModel) -> Arrays:
    """Digits (N, 1, 8, 8) as the source takes them."""
    return [images.reshape(len(images), *model.spec.inputs[0].shape[1:])]  # one channel: both layouts are one in memory


@pytest.mark.parametrize("source", BROUGHT)
def test_a_source_computes_what_torch_computes(
    source: Source, bring: Callable[[Source], SourceModel], digits: dict[str, np.ndarray]
) -> None:
    """The same weights through every framework, so that a report compares frameworks, not trainings."""
    images, torch_model, model = digits["inputs"][:64], bring("torch"), bring(source)
    (expected,), (found,) = torch_model.infer([images]), model.infer(laid_out(images, model))
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("source", "format_name", "recipe_name"), CELLS)
def test_a_supported_cell_builds_runs_and_computes_what_its_source_computes(
    source: Source,
    format_name: FormatName,
    recipe_name: str,
    bring: Callable[[Source], SourceModel],
    builders: Callable[[Source, FormatName], FormatBuilder],
    digits: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    recipe, row, model = load_recipes()[recipe_name], load_formats()[format_name], bring(source)
    out = tmp_path / f"model{row.suffix}"
    calibration = laid_out(digits["calibration"], model) if recipe.calibration else None
    built = builders(source, format_name).build(recipe, calibration, out)
    check_constants(recipe, format_name, built.constants)

    samples = laid_out(digits["inputs"][:SAMPLES], model)
    engine = engines.create(load_engines()[row.engine].opens, {})
    engine.load(str(out), 1)
    outputs = evaluate(engine, to_layout(samples, model.spec.inputs, built.layout))
    record = check_outputs([tensor.name for tensor in model.spec.outputs], outputs, model.infer(samples))
    assert record.samples == SAMPLES
    assert record.relative_error is not None
    assert record.relative_error < (1e-4 if recipe_name == "fp32" else 0.25)
    if recipe_name != "fp32":
        assert record.relative_error > 0, "a quantized file equal to its source was not quantized"
    if built.operators is not None and recipe_name in ("fp32", "int8-static"):
        assert built.delegated is not None
        assert built.delegated >= 0.95 * built.operators, built.undelegated


@pytest.mark.parametrize(("source", "format_name"), UNSUPPORTED)
def test_a_pair_without_a_route_says_why(source: Source, format_name: FormatName) -> None:
    reason = unsupported_reason(source, format_name, "fp32")
    assert len(reason) > 40
    with pytest.raises(UnsupportedRecipe) as caught:
        find_route(source, format_name)
    assert caught.value.message == reason
