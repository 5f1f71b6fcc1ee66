"""A file just built or adopted, with those that belong to it → the record of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgerig.build.onnx_weights import beside
from edgerig.build.store import file_digest
from edgerig.ondevice.engines import Description, TensorInfo
from edgerig.ondevice.stream import Fed
from edgerig.results import Artifact, BesideFile, FedRecord, TensorRecord

EDGES = 8
"""Tensors named in a note, at most."""


def record(path: Path, described: Description, fed: Iterable[Fed], **known: Any) -> Artifact:
    """The artifact at `path` with the tensors its runtime reads from it, and which of them are `fed`; `known` are the
    other fields of Artifact."""
    others = tuple(
        BesideFile(name=file.name, sha256=file_digest(file), size_bytes=file.stat().st_size) for file in beside(path)
    )
    return Artifact(
        file=path.name,
        sha256=file_digest(path),
        size_bytes=path.stat().st_size + sum(file.size_bytes for file in others),
        beside=others,
        inputs=tensor_records(described.inputs),
        outputs=tensor_records(described.outputs),
        fed=tuple(FedRecord(**asdict(each)) for each in fed),
        **known | {"notes": (*known.get("notes", ()), *_edges(described))},
    )


def _edges(described: Description) -> tuple[str, ...]:
    """What is done to the data of a file that takes or gives quantized tensors, and when."""
    scaled = [f"{tensor.name} ({tensor.dtype})" for tensor in (*described.inputs, *described.outputs) if tensor.scale]
    if not scaled:
        return ()
    return (
        f"quantized at its edges: {', '.join(scaled[:EDGES])}: by the file's own scale and zero point, inputs are "
        "quantized and outputs dequantized outside the timer; accuracy and errors are of the dequantized outputs",
    )


def tensor_records(tensors: Iterable[TensorInfo]) -> tuple[TensorRecord, ...]:
    return tuple(TensorRecord(**asdict(tensor)) for tensor in tensors)
