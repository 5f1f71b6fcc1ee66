"""Ready files: a `.tflite`, `.onnx` or `.pte` somebody built elsewhere, taken exactly as it is.

Its tensors are what its own runtime reads from it; inputs are quantized and outputs dequantized by the file's own
scale and zero point (`ondevice/tensors.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgerig.build.artifact import record
from edgerig.build.onnx_weights import copy_whole, require_beside
from edgerig.build.opening import Opening, opened
from edgerig.build.streams import fed_of_file
from edgerig.errors import BuildError
from edgerig.ondevice import engines
from edgerig.ondevice.engines import Description, TensorInfo
from edgerig.ondevice.stream import hidden
from edgerig.results import Artifact
from edgerig.spec import AS_IS, FormatSpec, ModelSpec, Shape, nearest, written_shape


def inspect(
    path: Path, format_spec: FormatSpec, shown: Path | None = None, spec: ModelSpec | None = None
) -> tuple[Description, tuple[Shape, ...]]:
    """What the runtime makes of the file, which messages call `shown`, and the shapes it is to be loaded with: one an
    input where the model's `spec` gives any that are not the file's own, else (). It is run through the `spec`'s
    signature.

    Raises BuildError when it cannot load it, a tensor is none of numbers, or an axis of an input has no length.
    """
    signature = "" if spec is None else spec.signature
    described = _loaded(path, format_spec, shown or path, (), signature)
    own = tuple(tensor.shape for tensor in described.inputs)
    shapes = own if spec is None else _given(spec, described.inputs, shown or path)
    if shapes != own:
        described = _loaded(path, format_spec, shown or path, shapes, signature)
    for tensor in described.inputs:
        if -1 in tensor.shape:
            raise BuildError(
                f'{shown or path}: input "{tensor.name}" has a dynamic shape {list(tensor.shape)}', hint=_how(tensor)
            )
    return described, shapes if shapes != own else ()


def _loaded(path: Path, format_spec: FormatSpec, shown: Path, shapes: tuple[Shape, ...], signature: str) -> Description:
    try:
        return opened(str(path), format_spec, Opening(signature, shapes)).describe()
    except engines.UnknownSignature as error:
        hint = "name one of these, or none for the default" if signature else f"name one of these: {shown}:NAME"
        raise BuildError(f"{shown}: {error}", hint=hint) from error
    except engines.UnsupportedTensor as error:
        raise BuildError(
            f"{shown}: {error}",
            hint="inputs and outputs are real numbers, integers and bools: cut off what takes text or sequences",
        ) from error
    except Exception as error:  # whatever a runtime raises on a file it does not like
        told = f" with inputs of {' and '.join(map(written_shape, shapes))}" if shapes else ""
        whole = f"is it a whole {format_spec.suffix} file? Compare its size and checksum with the original"
        raise BuildError(
            f"{shown}: {format_spec.engine} cannot load it{told}: {type(error).__name__}: {error}",
            hint="give it shapes that its operators allow" if shapes else whole,
        ) from error


def _given(spec: ModelSpec, inputs: Sequence[TensorInfo], shown: Path) -> tuple[Shape, ...]:
    """A shape an input: the one the model's `shapes` give under the file's name or its own, else its `inputs`', else
    the file's. Raises BuildError for a name or a number of axes the file does not have."""
    names = [tensor.name for tensor in inputs]
    mine = {tensor.name: tensor for tensor in spec.inputs}
    if len(mine) == len(names) and set(mine) != set(names):  # by their order, as they are fed
        mine = dict(zip(names, spec.inputs, strict=True))
    if unknown := [name for name in spec.shapes if name not in {*names, *(tensor.name for tensor in mine.values())}]:
        raise BuildError(f'{shown}: it has no input "{unknown[0]}"', hint=nearest(unknown[0], names))
    shapes = []
    for tensor in inputs:
        declared = mine.get(tensor.name)
        own = tensor.shape if declared is None else declared.shape
        wanted = spec.shapes.get(tensor.name, own if declared is None else spec.shapes.get(declared.name, own))
        if len(wanted) != len(tensor.shape):
            raise BuildError(
                f'{shown}: input "{tensor.name}" has {len(tensor.shape)} axes, given is {written_shape(wanted)}',
                hint=_how(tensor),
            )
        shapes.append(wanted)
    return tuple(shapes)


def _how(tensor: TensorInfo) -> str:
    """How the lengths of an input's axes are given."""
    lengths = "x".join("N" if length == -1 else str(length) for length in tensor.shape)
    return f"give the lengths: --shape {tensor.name}={lengths}, or under [[inputs]] of a model.toml"


def adopt(spec: ModelSpec, format_spec: FormatSpec, key: str, staged: Path) -> Artifact:
    """Copies the file, and those that belong to it, into `staged`. Raises BuildError (see `inspect`)."""
    if spec.path is None:
        raise BuildError(f'model "{spec.name}" is not a ready file', hint="give the path of a file")
    require_beside(spec.path)
    described, shapes = inspect(spec.path, format_spec, spec=spec)
    fed = fed_of_file(spec, described)
    copy = staged / f"model{format_spec.suffix}"
    copy_whole(spec.path, copy)
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
        shapes=shapes,
        check=None,
        check_reason="a ready file has no source model to be checked against",
    )
