"""Ready files: a `.tflite`, `.onnx` or `.pte` somebody built elsewhere, taken exactly as it is.

Its tensors are what its own runtime reads from it; inputs are quantized and outputs dequantized by the file's own
scale and zero point (`ondevice/tensors.py`).
"""

from __future__ import annotations

from pathlib import Path

from edgerig.build.artifact import record
from edgerig.build.onnx_weights import copy_whole, require_beside
from edgerig.errors import BuildError
from edgerig.ondevice import engines
from edgerig.ondevice.engines import Description
from edgerig.results import Artifact
from edgerig.spec import AS_IS, FormatSpec, ModelSpec, load_engines


def inspect(path: Path, format_spec: FormatSpec, shown: Path | None = None) -> Description:
    """What the runtime makes of the file, which messages call `shown`.

    Raises BuildError when it cannot load it or its inputs are not static.
    """
    try:
        engine = engines.create(load_engines()[format_spec.engine].module, {})
        engine.load(str(path), 1)
        described = engine.describe()
    except Exception as error:  # whatever a runtime raises on a file it does not like
        raise BuildError(
            f"{shown or path}: {format_spec.engine} cannot load it: {type(error).__name__}: {error}",
            hint=f"is it a whole {format_spec.suffix} file? Compare its size and checksum with the original",
        ) from error
    path = shown or path
    for tensor in described.inputs:
        if -1 in tensor.shape:
            raise BuildError(
                f'{path}: input "{tensor.name}" has a dynamic shape {list(tensor.shape)}',
                hint="export it with static shapes (batch size 1)",
            )
        if tensor.shape and tensor.shape[0] != 1:
            raise BuildError(
                f'{path}: input "{tensor.name}" has batch size {tensor.shape[0]}, cells run batch size 1',
                hint="export it with batch size 1",
            )
    return described


def adopt(spec: ModelSpec, format_spec: FormatSpec, key: str, staged: Path) -> Artifact:
    """Copies the file, and those that belong to it, into `staged`. Raises BuildError (see `inspect`)."""
    if spec.path is None:
        raise BuildError(f'model "{spec.name}" is not a ready file', hint="give the path of a file")
    require_beside(spec.path)
    described = inspect(spec.path, format_spec)
    copy = staged / f"model{format_spec.suffix}"
    copy_whole(spec.path, copy)
    return record(
        copy,
        described,
        key=key,
        format=format_spec.name,
        recipe=AS_IS,
        engine=format_spec.engine,
        layout="any",
        constants={},
        check=None,
        check_reason="a ready file has no source model to be checked against",
    )
