"""TorchServe's inference API (https://pytorch.org/serve/inference_api.html) and its metrics in mode prometheus
(https://pytorch.org/serve/metrics.html).

A server of ours has a handler of ours, which takes binary KServe v2 bodies. One that is there already is taken to have
TorchServe's own default handler: a sample as a JSON array without the batch's axis, and such an array back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgerig.devices.serving import v2_dialect
from edgerig.devices.serving.link import Question, Reply
from edgerig.devices.serving.protocol import Named, Told, array_of, json_body, json_of, matched
from edgerig.errors import RunError, UnparsableOutput
from edgerig.ondevice.engines import Array, TensorInfo

COUNTER = r'^ts_inference_{}\{{model_name="{}",[^}}]*\}} ([0-9.eE+]+)$'


@dataclass(frozen=True)
class TorchServe:
    """The `model`, asked with a `token` where the server wants one; `ours` says whose handler it has, `metrics` whether
    its counters can be asked for."""

    model: str
    ours: bool
    metrics: bool
    token: str = field(default="", repr=False)

    def predict(self, inputs: Named) -> Question:
        path = f"/predictions/{self.model}"
        if self.ours:
            return v2_dialect.question(path, inputs, binary=True, headers=self._headers())
        if len(inputs) != 1:
            raise RunError(
                f"TorchServe's default handler takes one input, the model has {len(inputs)}",
                hint='leave "url" out: the rig\'s own handler takes several',
            )
        sample = inputs[0][1]
        body = json_body(sample.reshape(sample.shape[1:]).tolist())
        return Question(path, body, {"Content-Type": "application/json", **self._headers()})

    def outputs(self, reply: Reply, wanted: Sequence[TensorInfo]) -> list[Array]:
        if self.ours:
            return v2_dialect.outputs(reply, wanted)
        return matched([("", array_of(json_of(reply))[None])], wanted)

    def statistics(self) -> Question | None:
        return Question("/metrics") if self.metrics else None

    def told(self, reply: Reply) -> Told:
        """`ts_inference_latency_microseconds` is from when the server has a request until it has its answer, the queue
        included; it counts the request a moment after the answer has gone."""
        text = reply.body.decode("utf-8", "replace")
        spent, count = (self._counter(name, text) for name in ("latency_microseconds", "requests_total"))
        return Told(int(count), round(spent * 1000))

    def _counter(self, name: str, text: str) -> float:
        found = re.findall(COUNTER.format(name, re.escape(self.model)), text, re.MULTILINE)
        if not found and f"ts_inference_{name}" not in text:
            raise UnparsableOutput(
                f"the server's metrics have no ts_inference_{name}",
                hint="start TorchServe with metrics_mode=prometheus, or leave metrics_url out of the device file",
            )
        try:
            return sum(map(float, found))  # none: the model was not asked yet
        except ValueError as error:
            raise UnparsableOutput(f"the server's ts_inference_{name} is no number: {found[0][:40]}") from error

    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}
