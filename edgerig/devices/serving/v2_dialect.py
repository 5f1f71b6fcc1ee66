"""Bodies of the KServe v2 protocol, read and written for a `Dialect` (`ondevice/served/v2.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgerig.devices.serving.link import Question, Reply
from edgerig.devices.serving.protocol import Named, matched
from edgerig.errors import RunError, UnparsableOutput
from edgerig.ondevice.engines import Array, TensorInfo
from edgerig.ondevice.served import v2


def question(path: str, inputs: Named, *, binary: bool, headers: Mapping[str, str]) -> Question:
    """Raises RunError for a tensor that the protocol cannot say."""
    try:
        body, json_bytes = v2.request(inputs, binary=binary)
    except ValueError as error:
        raise RunError(f"a sample cannot be sent in the KServe v2 protocol: {error}") from error
    kind = "application/json" if json_bytes is None else "application/octet-stream"
    length = {} if json_bytes is None else {v2.HEADER_LENGTH: str(json_bytes)}
    return Question(path, body, {"Content-Type": kind, **length, **headers})


def outputs(reply: Reply, wanted: Sequence[TensorInfo]) -> list[Array]:
    """Raises UnparsableOutput for what is no answer of the protocol, or of another model."""
    length = reply.headers.get(v2.HEADER_LENGTH.lower())
    try:
        found = v2.read_response(reply.body, None if length is None else int(length))
    except ValueError as error:
        raise UnparsableOutput(f"the server's answer is none of the KServe v2 protocol: {error}") from error
    return matched(list(found.items()), wanted)
