"""A served model asked one request after the other: an `Engine` like those on devices, so that samples, quantizing and
what becomes of outputs are the same here as there."""

from __future__ import annotations

import time

from edgerig.devices.serving.link import Link, Reply, good
from edgerig.devices.serving.protocol import Dialect, Told
from edgerig.errors import RunError
from edgerig.ondevice.engines import Array, Description, Shapes

NOT_FOR_US = (401, 403, 404, 405)
"""Statuses (RFC 9110) of a server that keeps no statistics, or keeps them to itself."""
COUNTED_WITHIN_S = 2.0
"""How long a server may take to count a request it has answered."""


class AskedModel:
    """The model behind `link`, asked in its `dialect`; what the server counts is asked for over `statistics`, of a link
    of its own where the server has another address for it."""

    def __init__(self, link: Link, dialect: Dialect, description: Description, statistics: Link | None = None) -> None:
        self._link, self._dialect, self._description = link, dialect, description
        self._statistics = statistics or link
        self._reply: Reply | None = None

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """The server has loaded it."""

    def set_inputs(self, inputs: list[Array]) -> None:
        self.question = self._dialect.predict(
            [(tensor.name, array) for tensor, array in zip(self._description.inputs, inputs, strict=True)]
        )

    def invoke(self) -> None:
        """One round trip. Raises RunError where there is no good answer, Unreachable where no server is."""
        self._reply = good(self._link.ask(self.question), self.question.path)

    def outputs(self) -> list[Array]:
        if self._reply is None:
            raise RunError("the server was not asked yet")
        return self._dialect.outputs(self._reply, self._description.outputs)

    def describe(self) -> Description:
        return self._description

    def told(self) -> Told | None:
        """What the server has counted so far; None where it tells of nothing, or not us. Raises as `invoke`."""
        question = self._dialect.statistics()
        if question is None:
            return None
        reply = self._statistics.ask(question)
        return None if reply.status in NOT_FOR_US else self._dialect.told(good(reply, question.path))

    def told_after(self, before: Told) -> int:
        """Nanoseconds the one request after `before` took the server. Raises RunError where it counts none in time, or
        others' as well."""
        deadline = time.monotonic() + COUNTED_WITHIN_S
        while True:
            now = self.told()
            more = 0 if now is None else now.requests - before.requests
            if now is not None and more == 1 and now.nanoseconds > before.nanoseconds:
                return now.nanoseconds - before.nanoseconds
            if more > 1 or time.monotonic() > deadline:
                raise RunError(
                    f"the server counts {more} requests where one was sent",
                    hint="does somebody else use it? what it took one request cannot be told then",
                )
            time.sleep(0.0005)


def one_after_the_other(
    model: AskedModel, *, min_runs: int, min_seconds: float, max_seconds: float
) -> tuple[list[int], list[int]]:
    """Nanoseconds of each round trip, and of each what it took the server: [] where it does not tell.

    Stops as `ondevice.timing.steady` does. The server is asked what it counted between two requests, outside of what is
    timed.
    """
    trips: list[int] = []
    own: list[int] = []
    clock = time.perf_counter_ns
    begin = clock()
    before = model.told()
    while True:
        start = clock()
        model.invoke()
        end = clock()
        trips.append(end - start)
        if before is not None:
            took = model.told_after(before)
            own.append(took)
            before = Told(before.requests + 1, before.nanoseconds + took)
        spent = (clock() - begin) / 1e9
        if spent >= max_seconds or (spent >= min_seconds and len(trips) >= min_runs):
            return trips, own
