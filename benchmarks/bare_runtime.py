"""A file's outputs by its runtime alone, nothing of edgerig's in between: `bare_runtime.py FILE OUT INPUT.npy …`.

Each INPUT holds N samples along its first axis, in the order of the file's inputs. Writes `bare_<i>.npy` into OUT: the
outputs of one sample after another, from a model loaded once, real numbers where the file says its scale. Of an ONNX
file `--state stateN=state:2x1x128` feeds an input from an output of the sample before, at first zeros; that output is
not written.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Arrays = list[Any]
Sample = Callable[[Arrays], Arrays]
States = dict[str, tuple[str, tuple[int, ...]]]
"""Input → the output it is fed from, and its shape."""


def tflite(path: str, states: States) -> Sample:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    ready: list[bool] = []

    def run(arrays: Arrays) -> Arrays:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        shaped = [_shaped(array, tuple(each["shape_signature"])) for array, each in zip(arrays, inputs, strict=True)]
        if not ready:  # resized before anything is allocated: XNNPACK does not follow afterwards
            for each, array in zip(inputs, shaped, strict=True):
                if tuple(each["shape"]) != array.shape:
                    interpreter.resize_tensor_input(each["index"], array.shape)
            interpreter.allocate_tensors()
            ready.append(True)
        for each, array in zip(inputs, shaped, strict=True):
            scale, zero = each["quantization"]
            # In double: float32's quotient rounds some values half a step off to the other side.
            whole = scale == 0 or array.dtype == each["dtype"]
            stored = array if whole else np.rint(array.astype(np.float64) / scale) + zero
            bounds = np.iinfo(each["dtype"]) if scale != 0 else None
            stored = stored if bounds is None else np.clip(stored, bounds.min, bounds.max)
            interpreter.set_tensor(each["index"], stored.astype(each["dtype"]))
        interpreter.invoke()
        found = []
        for each in outputs:
            scale, zero = each["quantization"]
            value = interpreter.get_tensor(each["index"])
            found.append(value if scale == 0 else ((value.astype(np.float64) - zero) * scale).astype(np.float32))
        return found

    return run


def onnx(path: str, states: States) -> Sample:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    numpy_names = {"float": "float32", "double": "float64"}
    held = {name: np.zeros(shape, np.float32) for name, (_, shape) in states.items()}
    names = [output.name for output in session.get_outputs()]

    def run(arrays: Arrays) -> Arrays:
        fed = dict(held)
        for each, array in zip([i for i in session.get_inputs() if i.name not in states], arrays, strict=True):
            dtype = each.type.removeprefix("tensor(").removesuffix(")")
            axes = tuple(axis if isinstance(axis, int) and axis > 0 else -1 for axis in each.shape)
            fed[each.name] = _shaped(array, axes).astype(numpy_names.get(dtype, dtype))
        found = dict(zip(names, session.run(None, fed), strict=True))
        held.update({name: found.pop(output) for name, (output, _) in states.items()})
        return list(found.values())

    return run


def executorch(path: str, states: States) -> Sample:
    import torch
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(path).load_method("forward")

    def run(arrays: Arrays) -> Arrays:
        metadata = method.metadata
        axes = [tuple(metadata.input_tensor_meta(index).sizes()) for index in range(metadata.num_inputs())]
        tensors = [torch.from_numpy(_shaped(array, shape).copy()) for array, shape in zip(arrays, axes, strict=True)]
        return [np.array(value.numpy()) for value in method.execute(tensors)]

    return run


RUNTIMES = {".tflite": tflite, ".onnx": onnx, ".pte": executorch}


def _shaped(sample: Any, axes: Sequence[int]) -> Any:
    """One sample (1, …) as an input of `axes` (-1: any) takes it: without a batch axis, or with the channels moved."""

    def fits(array: Any) -> bool:
        return array.ndim == len(axes) and all(w in (-1, g) for g, w in zip(array.shape, axes, strict=True))

    candidates = [sample, sample[0]]
    if sample.ndim == 4:
        candidates += [sample.transpose(0, 2, 3, 1), sample.transpose(0, 3, 1, 2)]
    return np.array(next((each for each in candidates if fits(each)), sample), order="C")


def main() -> None:
    flags = argparse.ArgumentParser()
    flags.add_argument("--state", action="append", default=[])
    flags.add_argument("paths", nargs="+")
    given = flags.parse_args()
    file, out, *inputs = given.paths
    states: States = {}
    for text in given.state:
        pair, _, shape = text.rpartition(":")
        output, _, name = pair.partition("=")
        states[name] = (output, tuple(map(int, shape.split("x"))))
    run = RUNTIMES[Path(file).suffix](file, states)
    arrays = [np.load(path) for path in inputs]
    rows = [run([array[index : index + 1] for array in arrays]) for index in range(len(arrays[0]))]
    for index, column in enumerate(zip(*rows, strict=True)):
        if all(value.shape == column[0].shape for value in column):
            np.save(Path(out) / f"bare_{index}.npy", np.stack(column))
        else:
            np.savez(Path(out) / f"bare_{index}.npz", *column)


if __name__ == "__main__":
    main()
