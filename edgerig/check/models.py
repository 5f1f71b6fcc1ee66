"""A model's findings, by the ending of its name."""

from __future__ import annotations

from collections.abc import Callable

from edgerig.check import executorch, onnx, tflite
from edgerig.check.flatbuffer import Buffer
from edgerig.check.targets import Targets
from edgerig.check.verdicts import Finding

KINDS: dict[str, tuple[str, Callable[[Buffer, Targets, str], list[Finding]]]] = {
    ".tflite": ("TFLite model", tflite.findings),
    ".onnx": ("ONNX model", onnx.findings),
    ".pte": ("ExecuTorch program", executorch.findings),
}


def findings(content: Buffer, kind: str, targets: Targets, where: str = "") -> list[Finding]:
    """Of the model `content`, whose name ends with `kind`; `where` is its name in an archive. Raises Broken."""
    return KINDS[kind][1](content, targets, where)
