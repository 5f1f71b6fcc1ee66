"""What a model's file can be run through: its signatures or methods, each with its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edgerig.build.card import EntryFacts
from edgerig.build.opening import Opening, opened
from edgerig.build.source import SourceModel
from edgerig.ondevice.engines import TensorInfo, UnknownSignature
from edgerig.spec import ModelSpec, load_formats, runs_as_it_is
from edgerig.spec.entry import DEFAULTS


def of_file(spec: ModelSpec) -> dict[str, EntryFacts]:
    """Of a file its own runtime reads; {} where it names none."""
    if spec.path is None or spec.source not in DEFAULTS or not runs_as_it_is(spec.source):
        return {}
    format_spec = load_formats()[spec.source]
    try:
        described = opened(str(spec.path), format_spec).describe()
        names, default = tuple(described.signatures), described.signature
    except UnknownSignature as error:  # one without the default is run through an entry that is named
        names, default = error.known, ""
    found = {}
    for name in names:
        described = opened(str(spec.path), format_spec, Opening(name)).describe()
        found[name] = EntryFacts(
            inputs=_written(described.inputs), outputs=_written(described.outputs), default=name == default
        )
    return found


def of_saved_model(model: SourceModel) -> dict[str, EntryFacts]:
    return {
        name: EntryFacts(
            inputs=_specs(function.structured_input_signature[1]),
            outputs=_specs(function.structured_outputs),
            default=name == DEFAULTS["saved_model"],
        )
        for name, function in model.module.loaded.signatures.items()
    }


def _written(tensors: Iterable[TensorInfo]) -> tuple[str, ...]:
    return tuple(_text(tensor.name, tensor.shape, tensor.dtype) for tensor in tensors)


def _specs(tensors: Any) -> tuple[str, ...]:
    """Of `tf.TensorSpec` by name; an open axis is -1."""
    return tuple(
        _text(name, [-1 if n is None else n for n in spec.shape.as_list()] if spec.shape.rank else [], spec.dtype.name)
        for name, spec in sorted(tensors.items())
    )


def _text(name: str, shape: Iterable[int], dtype: str) -> str:
    axes = "×".join("?" if length < 0 else str(length) for length in shape)
    return " ".join(filter(None, (name, axes, dtype)))
