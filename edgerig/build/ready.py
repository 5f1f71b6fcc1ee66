"""Ready files: a `.tflite`, `.onnx` or `.pte` somebody built elsewhere, taken exactly as it is.

Its tensors are what its own runtime reads from it; inputs are quantized and outputs dequantized by the file's own
scale and zero point (`ondevice/tensors.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from edgerig.build.artifact import record
from edgerig.build.onnx_weights import ONE_FILE, external_files
from edgerig.build.opening import opened
from edgerig.build.streams import fed_of_file
from edgerig.errors import BuildError
from edgerig.ondevice.engines import Description, UnknownSignature
from edgerig.ondevice.stream import hidden
from edgerig.results import Artifact
from edgerig.spec import AS_IS, FormatSpec, ModelSpec


def inspect(path: Path, format_spec: FormatSpec, shown: Path | None = None, signature: str = "") -> Description:
    """What the runtime makes of the file's `signature`; messages call the file `shown`.

    Raises BuildError when it cannot load it or its inputs are not static.
    """
    try:
        described = opened(str(path), format_spec, signature).describe()
    except UnknownSignature as error:
        raise BuildError(f"{shown or path}: {error}", hint="name one of these, or none for the default") from error
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
    """Copies the file into `staged`. Raises BuildError (see `inspect`)."""
    if spec.path is None:
        raise BuildError(f'model "{spec.name}" is not a ready file', hint="give the path of a file")
    if spec.source == "onnx" and (beside := external_files(spec.path)):
        raise BuildError(
            f"{spec.path}: its weights are in other files ({', '.join(beside)}), a device gets one", hint=ONE_FILE
        )
    described = inspect(spec.path, format_spec, signature=spec.signature)
    fed = fed_of_file(spec, described)
    copy = Path(shutil.copyfile(spec.path, staged / f"model{format_spec.suffix}"))
    return record(
        copy,
        hidden(described, fed),
        fed,
        key=key,
        format=format_spec.name,
        recipe=AS_IS,
        engine=format_spec.engine,
        layout="any",
        constants={},
        signature=spec.signature,
        check=None,
        check_reason="a ready file has no source model to be checked against",
    )
