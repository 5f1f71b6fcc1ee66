"""Many requests at once: how many a second a server answers at each concurrency, of a bounded number in a bounded time.

The clients are threads of this process. On the machine that serves they take processor time from the server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from edgerig.devices.serving.link import Link, Question, good
from edgerig.errors import EdgerigError
from edgerig.measure.latency import nearest_rank


@dataclass(frozen=True)
class Load:
    """`requests` were answered in `wall_ns`, `failed` were not, the first for the `reason`; p50 and p99 are of the
    round trips of those answered, nearest-rank, None without any."""

    concurrency: int
    requests: int
    failed: int
    wall_ns: int
    p50_ns: int | None
    p99_ns: int | None
    reason: str = ""


@dataclass
class _Shared:
    """What the clients have in common: how many requests are left, until when."""

    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    until: float = 0.0

    def take(self) -> bool:
        with self.lock:
            if self.left <= 0 or time.monotonic() >= self.until:
                return False
            self.left -= 1
            return True


def under_load(
    open_link: Callable[[], Link], question: Question, concurrency: int, requests: int, seconds: float
) -> Load:
    """Sends the `question` by `concurrency` clients at once, each over a link of its own, until `requests` are sent or
    `seconds` have passed. A client that fails stops: a server that answers nothing costs one deadline a client."""
    shared = _Shared(requests)
    began: list[int] = []

    def begin() -> None:
        shared.until = time.monotonic() + seconds
        began.append(time.perf_counter_ns())

    barrier = threading.Barrier(concurrency, action=begin)
    with ThreadPoolExecutor(concurrency) as clients:
        running = [clients.submit(_client, open_link, question, shared, barrier) for _ in range(concurrency)]
        found = [each.result() for each in running]
    wall = time.perf_counter_ns() - began[0]
    trips = np.sort(np.array([trip for each, _ in found for trip in each], np.int64))
    failures = [why for _, why in found if why]
    return Load(
        concurrency,
        len(trips),
        len(failures),
        wall,
        nearest_rank(trips, 50) if len(trips) else None,
        nearest_rank(trips, 99) if len(trips) else None,
        failures[0] if failures else "",
    )


def _client(
    open_link: Callable[[], Link], question: Question, shared: _Shared, barrier: threading.Barrier
) -> tuple[list[int], str]:
    """Nanoseconds of each round trip, and why there were no more, "" where there were to be none."""
    trips: list[int] = []
    clock = time.perf_counter_ns
    with open_link() as link:
        why = ""
        try:
            link.connect()  # which is no part of an answer's time
        except EdgerigError as error:
            why = error.message
        barrier.wait()
        while not why and shared.take():
            start = clock()
            try:
                good(link.ask(question), question.path)
            except EdgerigError as error:
                return trips, error.message
            trips.append(clock() - start)
    return trips, why
