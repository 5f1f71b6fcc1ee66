"""Inferring without a pause for minutes: how long an inference takes, how warm and how fast the processor is, and what
it all costs, window by window.

A phone that is cool is not a phone: after some minutes its clock falls to what its case can get rid of, and what was
the faster variant may not be any more. A window holds seconds of inferences, of which the median and the 90th
percentile are kept; the device's files, and who else had the processor (`contention.Watch`), are read between two
windows, in no sample.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edgerig.ondevice.contention import COLUMNS, UNKNOWN, Watch
from edgerig.ondevice.power import NO_SENSOR, Sensor, sensors
from edgerig.ondevice.sensors import Sensors

WINDOWS = 300
"""At most: ten minutes have two seconds each."""
LEAST_WINDOW_NS = 1_000_000_000
KEPT = ("temperature_c", "cpu", "frequency_khz", "max_frequency_khz", "throttled_bits")
"""Of `sensors.Sensors`' readings."""


def keep(
    call: Callable[[], object],
    seconds: float,
    *,
    root: str = "/",
    clock: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, Any]:
    """Calls it for so long, at least once: `{"windows", "reasons"}`, a window with `at_ns` since the beginning when it
    ended, its length `wall_ns`, `inferences`, `p50_ns` and `p90_ns` of them (nearest rank), `microjoules` of all of it,
    what the device's files said at its end, and what `_company` has. `root` is the file system's, `clock` tells
    nanoseconds."""
    device, supply, watch = Sensors(root), _Supply(root), Watch(root)
    total = max(1, int(seconds * 1e9))
    window_ns = max(LEAST_WINDOW_NS, math.ceil(total / WINDOWS))
    windows: list[dict[str, Any]] = []
    with _no_collection(), contextlib.closing(watch):
        begin = clock()
        last = supply.read()
        while not windows or clock() - begin < total:
            watch.begin()
            opened = clock()
            samples = _window(call, min(opened + window_ns, begin + total), clock)
            closed = clock()
            watch.read(len(samples))
            watch.rest()
            now = supply.read()
            reading = device.read()
            windows.append(
                {
                    "at_ns": closed - begin,
                    "wall_ns": max(1, closed - opened),
                    "inferences": len(samples),
                    "p50_ns": _rank(samples, 0.5),
                    "p90_ns": _rank(samples, 0.9),
                    "microjoules": supply.between(last, now, closed - opened),
                    **{name: reading[name] for name in KEPT},
                }
            )
            last = now
    seen = watch.to_json()
    windows = [window | company for window, company in zip(windows, _company(watch, seen["stretches"]), strict=True)]
    reasons = {name: why for name, why in device.reasons.items() if name in KEPT}
    reasons |= {name: why for name, why in watch.reasons.items() if name in ("waited_ns", "stretches")}
    reasons |= {"microjoules": supply.reason} if supply.reason else {}
    return {"windows": windows, "cpus": seen["cpus"], "reasons": reasons}


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Garbage collection is the interpreter's work, not the runtime's."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _company(watch: Watch, stretches: list[dict[str, int]]) -> list[dict[str, int | None]]:
    """Of each window `waited_ns`, in which threads of ours could run and did not, and of all processors `idle_ns`,
    `steal_ns` and our own `own_ns`; None is what nobody tells."""
    bursts = watch.bursts()
    waited = bursts[:, COLUMNS.index("waited_ns")].tolist()
    told = stretches if len(stretches) == len(bursts) else [{}] * len(bursts)
    return [
        {"waited_ns": None if waited_ns == UNKNOWN else waited_ns}
        | {name: stretch.get(name) for name in ("idle_ns", "steal_ns", "own_ns")}
        for waited_ns, stretch in zip(waited, told, strict=True)
    ]


def _window(call: Callable[[], object], until: int, clock: Callable[[], int]) -> list[int]:
    """Nanoseconds of each call, of which the first is made whatever the time."""
    samples: list[int] = []
    append = samples.append
    while True:
        start = clock()
        call()
        end = clock()
        append(end - start)
        if end >= until:
            return samples


def _rank(samples: list[int], share: float) -> int:
    ordered = np.sort(np.asarray(samples, dtype=np.int64))
    return max(1, int(ordered[max(math.ceil(share * len(ordered)), 1) - 1]))


class _Supply:
    """The first sensor of power or energy there is; a value of it, None once there is none."""

    def __init__(self, root: str) -> None:
        found, reasons = sensors(root)
        self._sensor: Sensor | None = found[0] if found else None
        self.reason = "" if found else "; ".join(reasons) or NO_SENSOR

    def read(self) -> int | None:
        if self._sensor is None:
            return None
        try:
            return self._sensor.read()
        except (OSError, ValueError) as error:
            self.reason, self._sensor = f"{self._sensor.name} stopped telling: {error}", None
            return None

    def between(self, before: int | None, after: int | None, passed_ns: int) -> int | None:
        """µJ of a window: a counter's difference, else the mean of the powers at its two ends over its length."""
        if self._sensor is None or before is None or after is None:
            return None
        if self._sensor.kind == "counter":
            return max(0, after - before)
        return max(0, round((before + after) / 2 * passed_ns / 1e9))
