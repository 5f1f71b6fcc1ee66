"""The KServe v2 protocol over HTTP, as Triton speaks it, with Triton's statistics of a model
(https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from edgerig.devices.serving import v2_dialect
from edgerig.devices.serving.link import Question, Reply
from edgerig.devices.serving.protocol import Named, Told
from edgerig.errors import UnparsableOutput
from edgerig.ondevice.engines import Array, TensorInfo

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


@dataclass(frozen=True)
class KServe:
    """The `model`; `binary` sends values behind the JSON, which Triton takes; `counts` asks for its statistics; a
    `token` is what a Triton that PyTriton runs may want."""

    model: str
    binary: bool
    counts: bool
    token: str = field(default="", repr=False)

    @property
    def _path(self) -> str:
        return f"/v2/models/{self.model}"

    def predict(self, inputs: Named) -> Question:
        return v2_dialect.question(f"{self._path}/infer", inputs, binary=self.binary, headers=self._headers())

    def outputs(self, reply: Reply, wanted: Sequence[TensorInfo]) -> list[Array]:
        return v2_dialect.outputs(reply, wanted)

    def statistics(self) -> Question | None:
        return Question(f"{self._path}/stats", headers=self._headers()) if self.counts else None

    def told(self, reply: Reply) -> Told:
        """`success` is from when the server has a request until it has its answer, the queue included."""
        try:
            models = _Statistics.model_validate_json(reply.body).model_stats
        except ValidationError as error:
            raise UnparsableOutput(f"the server's statistics are none of Triton's: {reply.said()}") from error
        each = [model.inference_stats.success for model in models]
        return Told(sum(one.count for one in each), sum(one.ns for one in each))

    def _headers(self) -> Mapping[str, str]:
        return {"triton-access-token": self.token} if self.token else {}
