"""Bias correction of a quantized ONNX graph: its float graph with other biases is quantized anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime as ort

from edgerig.build.equalize import bias
from edgerig.build.formats.onnx_equalize import steps_of, store
from edgerig.build.formats.onnx_graph import drop_unread, held, input_tensors
from edgerig.build.formats.onnx_ranges import fed_samples, values
from edgerig.build.formats.onnx_rounded import weights
from edgerig.build.onnx_weights import save
from edgerig.build.source import Arrays


def correct(start: Path, out: Path, calibration: Arrays, quantize: Callable[[Path, Path], object]) -> tuple[str, ...]:
    """Puts a graph with corrected biases in the place of `out`, made of the float graph `start` by `quantize`, where it
    is nearer to `start` on calibration samples that are held out; what to note of it."""
    fitting, judging = bias.parted(range(len(calibration[0])))
    if not judging:
        return bias.too_few(len(calibration[0]))
    model = onnx.load(start)
    steps, places, forms = steps_of(model)
    weighted = {step.name: step.weighted for step in steps if step.weighted is not None}
    rounded = dict(weights(places, held(model), onnx.load(out)))
    layers = {name: found.layer for name, found in weighted.items() if name in rounded}
    able = [name for name, layer in layers.items() if layer.bias is not None]
    axes = {places[name].input[0]: weighted[name].input_axis for name in able}
    means: dict[str, bias.Mean] = defaultdict(bias.Mean)
    some = [array[: len(fitting)] for array in calibration]
    for name, value in values(model, start.with_suffix(".observed.onnx"), some, list(axes)):
        means[name].see(value, axes[name])
    for name in able:
        wanted, mean = forms[name].of(rounded[name].quantized), means[places[name].input[0]].value
        store(model, places[name], forms[name], bias.corrected(layers[name], wanted, mean), "corrected")
    drop_unread(model.graph)
    corrected, made = start.with_name("corrected.onnx"), start.with_name("corrected.quantized.onnx")
    save(model, corrected)
    quantize(corrected, made)
    others = [array[len(fitting) :] for array in calibration]
    found = bias.judged(_outputs(start, others), _outputs(out, others), _outputs(made, others))
    if found.helps:
        save(onnx.load(made), out)
    return bias.notes(able, layers, found)


def _outputs(path: Path, samples: Arrays) -> list[Arrays]:
    """The graph's outputs on each sample, computed as it is written: 8-bit products are exact on every processor."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = input_tensors(onnx.load(path, load_external_data=False))
    return [list(session.run(None, sample)) for sample in fed_samples(inputs, samples)]
