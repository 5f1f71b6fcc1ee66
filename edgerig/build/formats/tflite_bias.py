"""Bias correction of a quantized TFLite file: its float file with other biases is quantized anew."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path

from edgerig.build.equalize import bias
from edgerig.build.formats.tflite_equalize import outputs, readers, roles, steps_of, store
from edgerig.build.formats.tflite_graph import read, write
from edgerig.build.formats.tflite_ranges import Stream, values
from edgerig.build.formats.tflite_rounded import weights


def correct(start: Path, out: Path, stream: Stream, quantize: Callable[[Path, Path], object]) -> tuple[str, ...]:
    """Puts a file with corrected biases in the place of `out`, made of the float file `start` by `quantize`, where it
    is nearer to `start` on samples of the calibration `stream` that are held out; what to note of it."""
    fitting, judging = bias.parted(stream.samples)
    if not judging:
        return bias.too_few(len(stream.samples))
    graph = read(start)
    buffers = readers(graph)
    places, steps, forms = steps_of(graph, buffers)
    weighted = {step.name: step.weighted for step in steps if step.weighted is not None}
    rounded = dict(weights(graph, read(out), places.items()))
    layers = {name: found.layer for name, found in weighted.items() if name in rounded}
    able = [name for name, layer in layers.items() if layer.bias is not None]
    inputs = {name: (roles(graph, places[name])[0], weighted[name].reads[-1]) for name in able}
    means = _means(start, Stream(fitting, stream.anew), set(inputs.values()))
    able = [name for name in able if inputs[name] in means]  # not what a kernel keeps to itself
    for name in able:
        wanted = forms[name].of(rounded[name].quantized)
        layer = bias.corrected(layers[name], wanted, means[inputs[name]].value)
        store(graph, places[name], forms[name], layer, buffers)
    corrected, made = start.with_name("corrected.tflite"), start.with_name("corrected.quantized.tflite")
    write(graph, corrected)
    quantize(corrected, made)
    found = bias.judged(outputs(start, judging), outputs(out, judging), outputs(made, judging))
    if found.helps:
        shutil.copyfile(made, out)  # the store may be on another file system
    return bias.notes(able, layers, found)


def _means(path: Path, stream: Stream, inputs: Collection[tuple[int, int]]) -> dict[tuple[int, int], bias.Mean]:
    """Of each (tensor, channels), the last axis: what a fully connected layer reads, it takes for rows."""
    found: dict[tuple[int, int], bias.Mean] = defaultdict(bias.Mean)
    channels: dict[int, list[int]] = defaultdict(list)
    for index, count in inputs:
        channels[index].append(count)
    for index, value in values(path, stream):
        for count in channels.get(index, ()):
            found[index, count].see(value.reshape(-1, count), 1)
    return found
