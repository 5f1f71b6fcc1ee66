"""The program that runs Triton with a Python callable for its model (https://triton-inference-server.github.io/pytriton/):
`python triton.py FOLDER`, started in PyTriton's own environment. It serves on 127.0.0.1 until it is ended."""

from __future__ import annotations

import signal
import sys
from typing import Any

import numpy as np

from edgerig.ondevice.served.model import ServedModel, read_order

RESTRICTED = ["inference", "model-repository", "model-config", "shared-memory", "statistics", "trace", "logging"]
"""What is answered to whoever has the order's token alone."""


def main() -> None:
    from pytriton.model_config import ModelConfig, Tensor  # type: ignore[import-not-found]
    from pytriton.triton import Triton, TritonConfig, TritonSecurityConfig  # type: ignore[import-not-found]

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leaves Triton in order, with what it has in /tmp and memory
    folder = sys.argv[1]
    order = read_order(folder)
    model = ServedModel(order, folder)

    def infer(requests: list[Any]) -> list[dict[str, Any]]:
        return [dict(model.infer(dict(request.items()))) for request in requests]

    def tensors(described: list[Any]) -> list[Any]:
        return [Tensor(name=each.name, dtype=np.dtype(each.dtype).type, shape=each.shape) for each in described]

    config = TritonConfig(
        http_address="127.0.0.1", http_port=order.port, allow_grpc=False, allow_metrics=False, allow_cpu_metrics=False
    )
    locked = TritonSecurityConfig(access_token=order.token, restricted_endpoints=RESTRICTED)
    with Triton(config=config, security_config=locked) as triton:
        triton.bind(
            model_name=model.name,
            infer_func=infer,
            inputs=tensors(model.description.inputs),
            outputs=tensors(model.description.outputs),
            config=ModelConfig(batching=False),
            strict=True,
        )
        triton.serve()


if __name__ == "__main__":
    main()
