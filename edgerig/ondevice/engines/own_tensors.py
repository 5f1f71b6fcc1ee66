"""What a file of a framework's does not tell of its inputs and outputs, as edgerig notes it there: names, shapes and
dtypes, as JSON under `NAME`."""

from __future__ import annotations

import json

from edgerig.ondevice.engines import Shapes, TensorInfo, UnsupportedTensor

NAME = "tensors.json"


def read(text: str | bytes) -> tuple[list[TensorInfo], list[TensorInfo]]:
    """Inputs and outputs. Raises UnsupportedTensor where the file has no such note, or another."""
    try:
        found = json.loads(text)
        inputs, outputs = (
            [TensorInfo(str(each["name"]), tuple(map(int, each["shape"])), str(each["dtype"])) for each in found[side]]
            for side in ("inputs", "outputs")
        )
    except (ValueError, TypeError, KeyError) as error:
        raise UnsupportedTensor(
            f"the file does not tell the names, shapes and dtypes of its tensors: it has no {NAME} as edgerig writes it"
        ) from error
    return inputs, outputs


def check_fixed(inputs: list[TensorInfo], shapes: Shapes) -> None:
    """Raises ValueError when the file is to be loaded with other `shapes` than it was made for."""
    for tensor, shape in zip(inputs, shapes, strict=bool(shapes)) if shapes else ():
        if tuple(shape) != tensor.shape:
            raise ValueError(f'input "{tensor.name}" is {list(tensor.shape)} in the file, {list(shape)} is given')
