"""The model in a server's process: the very engine that runs it on a device, loaded once and asked by requests.

The server's program is given an order, `order.json` in a folder of its own, and leaves there what it loaded,
`described.json`: `{"engine": Description, "runtime_import_ns": …, "load_ns": …}`, or `{"error": …}`.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from edgerig.ondevice import engines
from edgerig.ondevice.engines import Array
from edgerig.ondevice.job import write_json

ORDER, DESCRIBED = "order.json", "described.json"


@dataclass(frozen=True)
class Order:
    """What to serve: `artifact` is a path, the rest as in a `Job`; `name` is what the server calls it. `token` is what
    whoever asks must have, where the server is given one instead of making it."""

    name: str
    engine: str
    engine_options: dict[str, Any]
    artifact: str
    threads: int
    shapes: list[list[int]]
    port: int = 0
    token: str = field(default="", repr=False)


def write_order(order: Order, folder: str) -> None:
    write_json(os.path.join(folder, ORDER), asdict(order))


def read_order(folder: str) -> Order:
    with open(os.path.join(folder, ORDER), encoding="utf-8") as file:
        return Order(**json.load(file))


class ServedModel:
    """Not thread-safe, as the engine is not: servers give it one request at a time."""

    def __init__(self, order: Order, folder: str) -> None:
        """Loads it, and tells so in `folder`. Raises what the engine raises, told there as well."""
        self.name = order.name
        try:
            begin = time.perf_counter_ns()
            self._engine = engines.create(order.engine, order.engine_options)
            imported = time.perf_counter_ns()
            engines.load(self._engine, order.artifact, order.threads, [tuple(shape) for shape in order.shapes])
            loaded = time.perf_counter_ns()
            self.description = self._engine.describe()
        except Exception as error:
            told = {"error": {"type": type(error).__name__, "message": str(error)[:2000]}}
            write_json(os.path.join(folder, DESCRIBED), told)
            raise
        took = {"runtime_import_ns": imported - begin, "load_ns": loaded - imported}
        write_json(os.path.join(folder, DESCRIBED), {"engine": self.description.to_json(), **took})

    def infer(self, given: dict[str, Array]) -> list[tuple[str, Array]]:
        """One inference: the file's outputs in their order. Raises ValueError for inputs that are not the file's."""
        wanted = [tensor.name for tensor in self.description.inputs]
        if given.keys() != set(wanted):
            raise ValueError(f"the model's inputs are {wanted}, the request has {sorted(given)}"[:500])
        self._engine.set_inputs([given[name] for name in wanted])
        self._engine.invoke()
        return list(zip([tensor.name for tensor in self.description.outputs], self._engine.outputs(), strict=True))
