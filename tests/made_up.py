"""What is made up where it does not matter: the model of a test, and what a sweep would have built of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from edgerig.plan import Placement
from edgerig.results import Artifact

TENSORS = """
[[inputs]]
name = "x"
shape = [1, 4]
[[outputs]]
name = "y"
shape = [1, 2]
"""
"""The tensors of a model.toml."""

OWN_MODEL = 'source = "torch"\nfactory = "model.py:create"\nno_accuracy_reason = "a test"\n'
"""A model.toml's keys before any table."""

PLACEMENT = Placement(device="d", threads=1)


def artifact(file: Path, fmt: Literal["onnx", "executorch"]) -> Artifact:
    """`file`, written here, as what no engine would load."""
    file.write_bytes(b"no model")
    return Artifact(
        key="k",
        file=file.name,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        size_bytes=8,
        format=fmt,
        recipe="fp32",
        engine="onnxruntime" if fmt == "onnx" else "executorch",
        layout="any",
        inputs=(),
        outputs=(),
        constants={},
        check=None,
    )
