"""Weights an ONNX file keeps in other files (onnx.proto, TensorProto.external_data)."""

from __future__ import annotations

from pathlib import Path

from edgerig.errors import BuildError

ONE_FILE = "save the model as one file: onnx.save(onnx.load(…), …)"


def external_files(path: Path) -> list[str]:
    """The names, relative to the file's folder, sorted. Raises BuildError when it is no ONNX file."""
    import onnx  # a .tflite file asks for none of it

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:  # protobuf raises its own kinds on a broken file
        raise BuildError(
            f"{path}: not an ONNX file: {error}", hint="compare its size and checksum with the original"
        ) from error
    return sorted({entry.value for t in graph.initializer for entry in t.external_data if entry.key == "location"})
