"""ONNX builds of the kinds of graph people have: right in each recipe, or refused with the true reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_nets
import onnxruntime as ort
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from edgerig.build.builder import Built
from edgerig.build.check import check_constants, check_outputs
from edgerig.build.formats.onnx import OnnxBuilder
from edgerig.build.formats.onnx_float import modernise
from edgerig.build.source import Arrays, SourceModel, load_source
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.results import CheckRecord
from edgerig.spec import load_engines, load_models, load_recipes

pytestmark = pytest.mark.integration

SAMPLES = 24
OPSETS = (7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 21, 23)
RECIPES = ("fp32", "fp16", "int8-dynamic", "int8-static", "int8-static-unsigned", "int8-weight", "int4-weight")
BOUNDS = {"fp32": 1e-6, "fp16": 2e-3, "int4-weight": 0.25, "int8-static": 0.07, "int8-static-unsigned": 0.07}
"""Relative error of an output; 0.03 for the others. Nets this small average little out."""
LOWEST = float(np.finfo(np.float32).min)
MASKS = [(mask, how) for mask in (-np.inf, -1e9, LOWEST) for how in ("add", "where")] + [(-1e9, "input")]


def wide_products() -> onnx.ModelProto:
    """Positive inputs by weights of one sign, whose pairwise 8-bit products are beyond 16 bits."""
    net = onnx_nets.Net()
    weights = np.random.default_rng(3).uniform(0.8, 1, (64, 4)).astype(np.float32)
    net.node("MatMul", ["x", net.constant(weights, "large")], ["y"])
    return net.model({"x": (onnx_nets.FLOAT, (1, 64))}, {"y": (onnx_nets.FLOAT, (1, 4))})


def opened(model: onnx.ModelProto, folder: Path) -> tuple[SourceModel, Arrays]:
    """The graph as a source, and random samples for it."""
    onnx.save(model, folder / "net.onnx")
    (spec,) = load_models(str(folder / "net.onnx"), quantize=True).values()
    source = load_source(spec)
    rng = np.random.default_rng(1)
    samples: Arrays = []
    for tensor in source.spec.inputs:
        shape = (SAMPLES, *tensor.shape[1:])
        drawn: np.ndarray
        if tensor.dtype == "bool":
            drawn = np.tril(rng.integers(0, 2, shape), -1)  # never all of a row
        else:
            drawn = rng.integers(0, 50, shape) if "int" in tensor.dtype else rng.standard_normal(shape)
        samples.append(drawn.astype(tensor.dtype))
    return dataclasses.replace(source, sample=[array[:1] for array in samples]), samples


def built(recipe: str, model: onnx.ModelProto, folder: Path) -> tuple[Built, CheckRecord]:
    """Built and checked as in a build's process; calibrated on what it is checked on, to see the grid alone."""
    source, samples = opened(model, folder)
    spec = load_recipes()[recipe]
    made = OnnxBuilder(source, {}, folder).build(spec, samples if spec.calibration else None, folder / "built.onnx")
    check_constants(spec, "onnx", made.constants)
    engine = engines.create(load_engines()["onnxruntime"].module, {})
    engine.load(str(made.file), 1)
    outputs, reference = evaluate(engine, samples), source.infer(samples)
    assert [output.dtype for output in outputs] == [output.dtype for output in reference]
    return made, check_outputs([tensor.name for tensor in source.spec.outputs], outputs, reference)


def hold(recipe: str, record: CheckRecord) -> None:
    bound = BOUNDS.get(recipe, 0.03)
    for output in record.outputs:
        assert output.relative_error is None or output.relative_error < bound, output
        if output.relative_error is None and recipe != "int4-weight":
            assert output.agreement is not None
            assert output.agreement > 0.9, output


@pytest.mark.parametrize("opset", OPSETS)
def test_files_of_every_opset_build(opset: int, tmp_path: Path) -> None:
    for recipe in RECIPES:
        folder = tmp_path / recipe
        folder.mkdir()
        hold(recipe, built(recipe, onnx_nets.image_net(opset), folder)[1])


@pytest.mark.parametrize(("mask", "how"), MASKS)
def test_masked_attention_keeps_its_softmax_in_float_and_says_so(mask: float, how: str, tmp_path: Path) -> None:
    made, record = built("int8-static", onnx_nets.masked_attention(mask, how), tmp_path)
    hold("int8-static", record)
    (note,) = made.notes
    assert note.startswith("left in float32")
    assert "Softmax" in note
    assert "MatMul" not in note


NETS: list[tuple[Callable[[], onnx.ModelProto], dict[str, str]]] = [
    (onnx_nets.tied_embedding, {"int8-dynamic": "Gather"}),
    (onnx_nets.large_embedding, {"int8-weight": "Gather", "int4-weight": "Gather"}),
    (onnx_nets.odd_products, {"int8-dynamic": "MatMul (2)", "int8-weight": "MatMul (2)"}),
    (onnx_nets.shared_weights, {}),
    (onnx_nets.numbered_convolutions, {}),
    (onnx_nets.transposed_convolutions, {"int8-static": "8-bit weights, computed in float32: ConvTranspose (2)"}),
    (onnx_nets.norms, {"int8-static": "BatchNormalization, LayerNormalization", "int8-dynamic": "Conv"}),
    (onnx_nets.recurrent, {"int8-dynamic": "GRU", "int8-static": "LSTM, GRU", "int4-weight": "LSTM, GRU"}),
    (onnx_nets.boxes_and_scores, {}),
    (onnx_nets.inner_output, {"int8-static": "Relu"}),
    (onnx_nets.dead_channels, {"int8-dynamic": "Conv"}),
    (onnx_nets.infinite_values, {}),
    (onnx_nets.branches, {}),
    (onnx_nets.other_kinds, {"int8-static": "Einsum", "fp16": "MatMul"}),
]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("make", "notes"), NETS, ids=lambda value: getattr(value, "__name__", ""))
def test_graphs_are_built_right_or_refused_by_what_they_lack(
    make: Callable[[], onnx.ModelProto], notes: dict[str, str], recipe: str, tmp_path: Path
) -> None:
    try:
        made, record = built(recipe, make(), tmp_path)
    except UnsupportedRecipe as error:
        assert recipe in ("int8-dynamic", "int8-weight", "int4-weight")
        assert "and the model has none that are constant" in error.message
        assert recipe not in notes
        return
    hold(recipe, record)
    assert notes.get(recipe, "") in " ".join(made.notes), made.notes


def test_bytes_in_a_float_network_are_not_taken_for_quantization(tmp_path: Path) -> None:
    net = onnx_nets.Net()
    table = net.constant(np.arange(8, dtype=np.uint8), "table")
    scaled = net.node("Mul", ["x", net.node("Cast", [table], to=onnx_nets.FLOAT)])
    net.node("MatMul", [scaled, net.weights(8, 4)], ["y"])
    _, record = built("int8-static", net.model(onnx_nets.VECTOR, {"y": (onnx_nets.FLOAT, (1, 4))}), tmp_path)
    hold("int8-static", record)


def branched() -> onnx.ModelProto:
    """A matrix product in each branch of an If, by weights of the branch's own; x (1, 8) → y (1, 4)."""
    branches = {}
    for name in ("then_branch", "else_branch"):
        inner = onnx_nets.Net()
        inner.node("MatMul", ["x", inner.weights(8, 4)], [name])
        value = onnx.helper.make_tensor_value_info(name, onnx_nets.FLOAT, (1, 4))
        branches[name] = onnx.helper.make_graph(inner.nodes, name, [], [value], inner.constants)
    net = onnx_nets.Net()
    total = net.node("ReduceSum", ["x"], keepdims=0)
    net.node("If", [net.node("Greater", [total, net.constant(np.float32(0), "zero")])], ["y"], **branches)
    return net.model(onnx_nets.VECTOR, {"y": (onnx_nets.FLOAT, (1, 4))})


def test_weights_in_branches_are_halved_and_said_not_to_be_quantized(tmp_path: Path) -> None:
    made, record = built("fp16", branched(), tmp_path)
    hold("fp16", record)
    assert made.constants["float16"] >= 2 * 8 * 4 * 2
    for recipe in ("int8-dynamic", "int8-weight"):
        with pytest.raises(UnsupportedRecipe, match="none that are constant outside of its branches and loops"):
            built(recipe, branched(), tmp_path)


def test_an_lstm_is_quantized_dynamically(tmp_path: Path) -> None:
    made, _ = built("int8-dynamic", onnx_nets.recurrent(), tmp_path)
    assert "DynamicQuantizeLSTM" in {node.op_type for node in onnx.load(made.file).graph.node}
    assert made.constants["int8"] > made.constants["float32"] / 10


def test_both_forms_of_static_weights_are_the_same_numbers(tmp_path: Path) -> None:
    (tmp_path / "signed").mkdir()
    (tmp_path / "unsigned").mkdir()
    signed, error = built("int8-static", onnx_nets.image_net(13), tmp_path / "signed")
    unsigned, same = built("int8-static-unsigned", onnx_nets.image_net(13), tmp_path / "unsigned")
    assert signed.constants["int8"] == unsigned.constants["uint8"]
    assert "int8" not in unsigned.constants
    assert error.relative_error == pytest.approx(same.relative_error, rel=1e-3)


def test_weights_that_operators_share_stay_one_tensor(tmp_path: Path) -> None:
    made, _ = built("int8-static", onnx_nets.shared_weights(), tmp_path)
    assert made.constants["uint8"] == 6 * 6 * 3 * 3


def test_an_operator_that_cannot_be_brought_up_to_date_is_named() -> None:
    net = onnx_nets.Graph(9)
    net.node("Identity", ["x"], ["y"])
    model = net.model({"x": (onnx_nets.FLOAT, (1, 4))}, {"y": (onnx_nets.FLOAT, (1, 4))})
    model.graph.node[0].op_type = "ImageScaler"  # one of the experimental operators that were dropped
    with pytest.raises(BuildError, match=r"opset 9.* opset 13.*ImageScaler") as caught:
        modernise(model)
    assert "fp32" in caught.value.hint


OLD_RESIZES = [
    (opset, mode, scales)
    for opset in (7, 9, 10)
    for mode in ("nearest", "linear")
    for scales in ((2.0, 3.0), (1.6, 2.7), (0.6, 0.4))
    if opset == 10 or min(scales) > 1  # Upsample enlarges alone
]


@pytest.mark.parametrize(("opset", "mode", "scales"), OLD_RESIZES)
def test_an_old_files_resize_stays_what_it_was(opset: int, mode: str, scales: tuple[float, float]) -> None:
    net = onnx_nets.Graph(opset)
    each = [1.0, 1.0, *scales]
    if opset < 9:
        net.node("Upsample", ["x"], ["y"], mode=mode, scales=each)
    else:
        kind = "Resize" if opset == 10 else "Upsample"
        net.node(kind, ["x", net.constant(np.array(each, np.float32), "scales")], ["y"], mode=mode)
    size = [int(5 * scale) for scale in scales]
    model = net.model({"x": (onnx_nets.FLOAT, (1, 2, 5, 5))}, {"y": (onnx_nets.FLOAT, (1, 2, *size))}, old=opset < 9)
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 5)).astype(np.float32)
    was, now = (
        ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        for made in (model, modernise(model))
    )
    np.testing.assert_allclose(now, was, atol=1e-5)


def test_an_old_hardmax_of_several_axes_is_not_taken_for_one_of_one() -> None:
    net = onnx_nets.Graph(11)
    net.node("Hardmax", ["x"], ["y"], axis=1)
    shape = (onnx_nets.FLOAT, (2, 3, 4))
    with pytest.raises(BuildError, match=r"Hardmax .*several axes"):
        modernise(net.model({"x": shape}, {"y": shape}))


class Reader(CalibrationDataReader):
    def __init__(self, samples: np.ndarray) -> None:
        self._samples = iter({"x": samples[index : index + 1]} for index in range(len(samples)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._samples, None)


@pytest.mark.parametrize("make", [wide_products, onnx_nets.shared_weights])
def test_the_engine_multiplies_8_bit_files_of_others_exactly_or_at_least_loads_them(
    make: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    """As ONNX Runtime's quantizer leaves them: on x86 without VNNI its signed weights saturate by default, and weights
    that operators share do not load with the option that prevents it."""
    model = make()
    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    samples = np.random.default_rng(2).uniform(0, 3, (SAMPLES, *shape[1:])).astype(np.float32)
    onnx.save(model, tmp_path / "net.onnx")
    quantize_static(
        tmp_path / "net.onnx",
        tmp_path / "net8.onnx",
        Reader(samples),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    engine = engines.create(load_engines()["onnxruntime"].module, {})
    engine.load(str(tmp_path / "net8.onnx"), 1)
    outputs = evaluate(engine, [samples])[0]
    if make is wide_products:
        source, _ = opened(model, tmp_path)
        reference = source.infer([samples])[0]
        assert np.linalg.norm(outputs - reference) < 0.02 * np.linalg.norm(reference)
