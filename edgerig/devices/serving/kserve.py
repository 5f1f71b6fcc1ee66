"""The KServe v2 protocol over HTTP, as Triton speaks it, with Triton's statistics of a model
(https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from edgerig.devices.serving import v2_dialect
from edgerig.devices.serving.link import Question, Reply
from edgerig.devices.serving.protocol import Named, Told
from edgerig.errors import UnparsableOutput
from edgerig.ondevice.engines import Array, TensorInfo
from edgerig.ondevice.served.v2 import DATATYPES

Whole = Annotated[int, Field(ge=0, le=2**63)]


class _Duration(BaseModel):
    count: Whole
    ns: Whole


class _Inferences(BaseModel):
    success: _Duration


class _Model(BaseModel):
    inference_stats: _Inferences


class _Statistics(BaseModel):
    model_stats: Annotated[list[_Model], Field(min_length=1, max_length=1000)]


class _Tensor(BaseModel):
    name: Annotated[str, Field(max_length=500)]
    datatype: str
    shape: Annotated[list[int], Field(max_length=32)]


class _Metadata(BaseModel):
    inputs: Annotated[list[_Tensor], Field(max_length=64)]
    outputs: Annotated[list[_Tensor], Field(max_length=64)]


@dataclass(frozen=True)
class KServe:
    """The `model`; `binary` sends values behind the JSON, which Triton takes, and tells of `counts`."""

    model: str
    binary: bool
    counts: bool

    @property
    def _path(self) -> str:
        return f"/v2/models/{self.model}"

    def predict(self, inputs: Named) -> Question:
        return v2_dialect.question(f"{self._path}/infer", inputs, binary=self.binary, headers={})

    def outputs(self, reply: Reply, wanted: Sequence[TensorInfo]) -> list[Array]:
        return v2_dialect.outputs(reply, wanted)

    def statistics(self) -> Question | None:
        return Question(f"{self._path}/stats") if self.counts else None

    def told(self, reply: Reply) -> Told:
        """`success` is from when the server has a request until it has its answer, the queue included."""
        try:
            models = _Statistics.model_validate_json(reply.body).model_stats
        except ValidationError as error:
            raise UnparsableOutput(f"the server's statistics are none of Triton's: {reply.said()}") from error
        each = [model.inference_stats.success for model in models]
        return Told(sum(one.count for one in each), sum(one.ns for one in each))

    def metadata(self) -> Question:
        return Question(self._path)

    def described(self, reply: Reply) -> tuple[list[TensorInfo], list[TensorInfo]]:
        """The model's inputs and outputs. Raises UnparsableOutput."""
        try:
            found = _Metadata.model_validate_json(reply.body)
            return [_info(each) for each in found.inputs], [_info(each) for each in found.outputs]
        except (ValidationError, KeyError) as error:
            raise UnparsableOutput(f"the server's metadata of the model cannot be read: {reply.said()}") from error


def _info(tensor: _Tensor) -> TensorInfo:
    """Triton gives a batch's axis as -1: a request has one sample."""
    shape = tuple(tensor.shape)
    return TensorInfo(tensor.name, (1, *shape[1:]) if shape[:1] == (-1,) else shape, DATATYPES[tensor.datatype])
