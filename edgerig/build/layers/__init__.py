"""A quantized variant beside its float twin, in a process of their own: what each of their layers gives on real inputs.

A format is one module here, `twins(job) -> Twins`; what comes of it is pure (`measure/layers.py`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Adapter:
    """Where a format's `twins` is, and whether it reads the built files, or makes anew what they were made from."""

    code: str
    reads_files: bool = True


ADAPTERS = {
    "tflite": Adapter("edgerig.build.layers.tflite:twins"),
    "onnx": Adapter("edgerig.build.layers.onnx:twins"),
    "executorch": Adapter("edgerig.build.layers.executorch:twins", reads_files=False),
}
