"""Stand-ins for what a sweep would have built, where it is the way to the device that is tested."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from edgerig.plan import Placement
from edgerig.results import Artifact

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
