"""Energy of the timed loop, from what the device measures itself (`power.py`).

A counter's energy is the difference of two readings; a power is integrated over the readings by the trapezoidal rule.
Readings lie between bursts of inferences, as those of `contention.Watch` do, never in a sample. The idle device is
measured before anything is imported; taking it off, and what all is worth, is the host's to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from edgerig.ondevice.contention import Watch
from edgerig.ondevice.power import NO_SENSOR, Sensor, sensors

EVERY_NS = 50_000_000
"""The least that lies between two readings."""
READ_SHARE = 20
"""And as many times as long as a reading takes: a chip behind I2C may take a millisecond to answer."""
TRIALS = 5
COUNTER_IDLE_S, POWER_IDLE_S = 0.5, 2.0
"""How long the idle device is measured: many updates of a counter, some of a slow sensor."""


class Meter:
    """Energy of the stretches between `begin` and `rest`, by the first sensor that can be read below `root`.

    `unwanted` is why none is to be read. `idle_seconds` is how long `idle` measures, None: as long as the sensor takes.
    """

    def __init__(self, root: str = "/", *, unwanted: str = "", idle_seconds: float | None = None) -> None:
        found, reasons = ([], [unwanted]) if unwanted else sensors(root)
        self._sensor = found[0] if found else None
        self._reason = "" if found else "; ".join(reasons) or NO_SENSOR
        self._idle_seconds = idle_seconds
        self._idle, self._loop = _Integral(), _Integral()
        self._inferences = 0
        self._every_ns = EVERY_NS
        if self._sensor is not None:
            self._every_ns = max(EVERY_NS, READ_SHARE * self._guarded(_cost))

    def idle(self) -> None:
        """Measures the device while this process sleeps."""
        if self._sensor is None:
            return
        least = COUNTER_IDLE_S if self._sensor.kind == "counter" else POWER_IDLE_S
        end = time.perf_counter_ns() + int(1e9 * (least if self._idle_seconds is None else self._idle_seconds))
        self._guarded(self._idle.begin)
        while self._sensor is not None and time.perf_counter_ns() < end:
            time.sleep(self._every_ns / 1e9)
            self._guarded(self._idle.read)

    def beside(self, watch: Watch) -> Watch | Metered:
        """What the timed loop is to call in place of `watch`."""
        return watch if self._sensor is None else Metered(watch, self)

    def begin(self) -> None:
        self._guarded(self._loop.begin)

    def ran(self, inferences: int) -> None:
        """So many ended since the last time; reads the sensor where that was long enough ago."""
        self._inferences += inferences
        if time.perf_counter_ns() - self._loop.at >= self._every_ns:
            self._guarded(self._loop.read)

    def rest(self) -> None:
        self._guarded(self._loop.read)
        if self._sensor is not None and (fault := self._sensor.fault()):
            self._give_up(fault)

    def to_json(self) -> dict[str, Any]:
        """`{"reason"}`, or what was measured: of the loop `microjoules` in `window_ns`, in `inferences`; of the idle
        device the same; `readings`, and how many of them (`changes`) differed from the one before."""
        if self._sensor is None:
            return {"reason": self._reason}
        return {
            "sensor": self._sensor.name,
            "kind": self._sensor.kind,
            "update_ns": self._sensor.update_ns,
            "microjoules": round(self._loop.microjoules),
            "window_ns": self._loop.window_ns,
            "inferences": self._inferences,
            "readings": self._loop.readings,
            "changes": self._loop.changes,
            "idle_microjoules": round(self._idle.microjoules),
            "idle_ns": self._idle.window_ns,
            "idle_changes": self._idle.changes,
        }

    def _guarded(self, take: Callable[[Sensor], int]) -> int:
        """A sensor may fail while it is read: then there is no figure, and the timed loop goes on."""
        if self._sensor is None:
            return 0
        try:
            return take(self._sensor)
        except (OSError, ValueError) as error:
            self._give_up(f"{self._sensor.name} stopped telling: {error}")
            return 0

    def _give_up(self, reason: str) -> None:
        self._sensor, self._reason = None, reason


class Metered:
    """A watch and a meter as the timed loop calls them: the meter's readings lie between bursts too, in no sample."""

    def __init__(self, watch: Watch, meter: Meter) -> None:
        self._watch, self._meter = watch, meter
        self.cost_ns = watch.cost_ns

    def begin(self) -> None:
        self._meter.begin()
        self._watch.begin()

    def read(self, samples: int) -> None:
        self._meter.ran(samples)
        self._watch.read(samples)

    def rest(self) -> None:
        self._meter.rest()
        self._watch.rest()


class _Integral:
    """Energy over the stretches that `begin` opens and each `read` prolongs."""

    def __init__(self) -> None:
        self.microjoules = 0.0
        self.window_ns = 0
        self.readings = self.changes = 0
        self.at = 0
        self._last = 0

    def begin(self, sensor: Sensor) -> int:
        self._last, self.at = sensor.read(), time.perf_counter_ns()
        return self._last

    def read(self, sensor: Sensor) -> int:
        value, now = sensor.read(), time.perf_counter_ns()
        passed = now - self.at
        self.microjoules += value - self._last if sensor.kind == "counter" else (value + self._last) / 2 * passed / 1e9
        self.window_ns += passed
        self.readings += 1
        self.changes += value != self._last
        self._last, self.at = value, now
        return value


def _cost(sensor: Sensor) -> int:
    """Nanoseconds of one reading."""
    taken = []
    for _ in range(TRIALS):
        begin = time.perf_counter_ns()
        sensor.read()
        taken.append(time.perf_counter_ns() - begin)
    return min(taken)
