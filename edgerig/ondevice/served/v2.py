"""Tensors in the Open Inference Protocol, version 2 (KServe's "predict protocol v2"), as request and response bodies.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md, and for values
behind the JSON instead of in it the extension Triton has of it, "binary tensor data":
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md. Pure; numpy alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgerig.ondevice.engines import Array

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The HTTP header that says how many bytes of a body are JSON; without it all are."""
DATATYPES = {
    "BOOL": "bool",
    **{f"{kind.upper()}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
"""The protocol's word for a type → numpy's."""
_WORDS = {dtype: word for word, dtype in DATATYPES.items()}
MOST_TENSORS = 64
Named = Sequence[tuple[str, Array]]


def datatype(dtype: str) -> str:
    """The protocol's word for numpy's `dtype`. Raises ValueError for one it has none for."""
    if dtype not in _WORDS:
        raise ValueError(f"the KServe v2 protocol has no datatype for {dtype}")
    return _WORDS[dtype]


def request(tensors: Named, *, binary: bool) -> tuple[bytes, int | None]:
    """A request's body, and how much of it is JSON where not all (`HEADER_LENGTH`). Raises ValueError for a tensor that
    the protocol cannot say."""
    more = {"parameters": {"binary_data_output": True}} if binary else {}
    return _body("inputs", tensors, more, binary=binary)


def response(model: str, tensors: Named) -> tuple[bytes, int | None]:
    """A response's body with binary tensors, as `request`."""
    return _body("outputs", tensors, {"model_name": model}, binary=True)


def read_request(body: bytes, json_bytes: int | None) -> dict[str, Array]:
    """The tensors of a request, by name. Raises ValueError when the body is none."""
    return _read("inputs", body, json_bytes)


def read_response(body: bytes, json_bytes: int | None) -> dict[str, Array]:
    """The tensors of a response, by name. Raises ValueError when the body is none."""
    return _read("outputs", body, json_bytes)


def _body(key: str, tensors: Named, more: dict[str, Any], *, binary: bool) -> tuple[bytes, int | None]:
    listed: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for name, array in tensors:
        told: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": datatype(array.dtype.name)}
        if binary:
            blobs.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
            told["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            told["data"] = array.reshape(-1).tolist()
        listed.append(told)
    head = json.dumps({**more, key: listed}, allow_nan=False).encode()
    return b"".join([head, *blobs]), len(head) if binary else None


def _read(key: str, body: bytes, json_bytes: int | None) -> dict[str, Array]:
    length = len(body) if json_bytes is None else json_bytes
    if not 0 < length <= len(body):
        raise ValueError(f"{length} bytes of JSON in a body of {len(body)}")
    try:
        told = json.loads(body[:length])
        listed = told[key]
        if not isinstance(listed, list) or not 0 < len(listed) <= MOST_TENSORS:
            raise ValueError(f'"{key}" is no list of 1 to {MOST_TENSORS} tensors')
        found: dict[str, Array] = {}
        at = length
        for tensor in listed:
            found[str(tensor["name"])], at = _tensor(tensor, body, at)
    except (KeyError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no KServe v2 body: {type(error).__name__}: {error}"[:300]) from error
    if at != len(body):
        raise ValueError(f"{len(body) - at} bytes more than its tensors have")
    return found


def _tensor(told: Any, body: bytes, at: int) -> tuple[Array, int]:
    """The tensor, and where in the body the next one's values begin."""
    shape = tuple(told["shape"])
    if len(shape) > 32 or not all(isinstance(axis, int) and 0 <= axis < 2**31 for axis in shape):
        raise ValueError(f"a tensor of shape {str(shape)[:100]}")
    if told["datatype"] not in DATATYPES:
        raise ValueError(f"a tensor of datatype {str(told['datatype'])[:100]}")
    dtype = np.dtype(DATATYPES[told["datatype"]])
    size = (told.get("parameters") or {}).get("binary_data_size")
    if size is None:
        flat = np.asarray(told["data"]).reshape(-1).astype(dtype)
        if flat.size != math.prod(shape):
            raise ValueError(f"{flat.size} values for the shape {shape}")
        return flat.reshape(shape), at
    if size != math.prod(shape) * dtype.itemsize or at + size > len(body):
        raise ValueError(f"{str(size)[:20]} bytes for the shape {shape} of {dtype.name}")
    return np.frombuffer(body, dtype.newbyteorder("<"), math.prod(shape), at).reshape(shape).astype(dtype), at + size
