"""TensorFlow Serving's REST API (https://www.tensorflow.org/tfx/serving/api_rest), in its column format, which has a
tensor of each input with the batch's axis.

It tells nobody over REST what a request took the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.devices.serving.link import Question, Reply
from edgerig.devices.serving.protocol import Named, Told, array_of, json_body, json_of, matched
from edgerig.errors import RunError, UnparsableOutput
from edgerig.ondevice.engines import Array, TensorInfo


@dataclass(frozen=True)
class TfServing:
    model: str

    def predict(self, inputs: Named) -> Question:
        if len(inputs) != 1:
            raise RunError(
                f"the model has {len(inputs)} inputs; of TensorFlow Serving's signatures the rig knows no input's name",
                hint="models of one input can be asked there",
            )
        body = json_body({"inputs": inputs[0][1].tolist()})
        return Question(f"/v1/models/{self.model}:predict", body, {"Content-Type": "application/json"})

    def outputs(self, reply: Reply, wanted: Sequence[TensorInfo]) -> list[Array]:
        """`outputs` is the tensor itself where the signature has one, else one by each name."""
        answer = json_of(reply)
        if not isinstance(answer, dict) or "outputs" not in answer:
            raise UnparsableOutput(f'the server\'s answer has no "outputs": {reply.said()}')
        found = answer["outputs"]
        named = found.items() if isinstance(found, dict) else [("", found)]
        return matched([(str(name), array_of(value)) for name, value in named], wanted)

    def statistics(self) -> Question | None:
        return None

    def told(self, reply: Reply) -> Told:
        raise UnparsableOutput("TensorFlow Serving's REST API tells of no request what it took")
