"""What TorchServe loads: a handler that answers KServe v2 bodies (https://pytorch.org/serve/custom_service.html).

TorchServe wants a class of the file it is told, so that file is `HANDLER`, beside the runner's archive.
"""

from __future__ import annotations

import os
from typing import Any

from edgerig.ondevice.served import v2
from edgerig.ondevice.served.model import ServedModel, read_order

HANDLER = """\
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "runner.pyz"))
from edgerig.ondevice.served.torchserve import ServingHandler
class Handler(ServingHandler): pass
"""


class ServingHandler:
    def initialize(self, context: Any) -> None:
        folder = os.environ["EDGERIG_SERVING"]
        self._model = ServedModel(read_order(folder), folder)

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """A batch is one request: batching is off, as it is on devices."""
        answers = []
        for index, each in enumerate(data):
            length = context.get_request_header(index, v2.HEADER_LENGTH)
            given = v2.read_request(bytes(each["body"]), None if length is None else int(length))
            body, json_bytes = v2.response(self._model.name, self._model.infer(given))
            context.set_response_header(index, v2.HEADER_LENGTH, str(json_bytes))
            answers.append(body)
        return answers
