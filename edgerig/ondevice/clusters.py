"""Which of the device's processors are big and which little, as its kernel tells their speeds.

    /sys/devices/system/cpu/cpuN/cpu_capacity               of 1024, what it does at its highest clock against the best
                                                            processor there (kernel: scheduler/sched-capacity)
    /sys/devices/system/cpu/cpuN/cpufreq/cpuinfo_max_freq   kHz, its highest clock (kernel: admin-guide/pm/cpufreq)
    /sys/devices/system/cpu/online                          those that can be run on (kernel: admin-guide/cputopology)

A capacity knows what a frequency does not, how much a processor does in a cycle: an Amlogic S922X clocks its little
Cortex-A53 higher than its big A73. Where the capacities tell no two processors apart, or nobody tells any, the highest
clocks do.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgerig.processor_list import numbers

APART = 1.1
"""Speeds closer than this are alike: a server's favoured cores differ by 4 %, the clusters of a Helio G85 by 11 %."""
MOST = 1024
BIG, LITTLE = "big", "little"
CPUS = "sys/devices/system/cpu"


@dataclass(frozen=True)
class Cluster:
    """Processors that are alike; the highest clock and capacity among them, None where the kernel does not tell."""

    processors: tuple[int, ...]
    max_frequency_khz: int | None
    capacity: int | None

    def to_json(self) -> dict[str, Any]:
        return {
            "processors": list(self.processors),
            "max_frequency_khz": self.max_frequency_khz,
            "capacity": self.capacity,
        }


def clusters(root: str = "/") -> list[Cluster]:
    """The slowest first; one of all processors where nothing tells them apart. `root` is the file system's."""
    numbers = _online(root)
    frequencies = {n: _number(root, n, "cpufreq/cpuinfo_max_freq") for n in numbers}
    capacities = {n: _number(root, n, "cpu_capacity") for n in numbers}
    groups = next((g for speeds in (capacities, frequencies) if len(g := _groups(speeds)) > 1), [sorted(numbers)])
    return [
        Cluster(
            tuple(group),
            max((f for n in group if (f := frequencies[n]) is not None), default=None),
            max((c for n in group if (c := capacities[n]) is not None), default=None),
        )
        for group in groups
    ]


def chosen(name: str, found: Sequence[Cluster]) -> list[int]:
    """The processors called `name`: `LITTLE` are the slowest cluster, `BIG` all that are faster; of processors that are
    all alike every one is big. Raises ValueError where there are none."""
    if name not in (BIG, LITTLE):
        raise ValueError(f"processors are {BIG} or {LITTLE}, not {name!r}")
    if not found or not found[0].processors:
        raise ValueError(f"the {name} processors were asked for; the kernel lists none")
    if len(found) == 1:
        if name == LITTLE:
            raise ValueError("the little processors were asked for; all that are there are alike")
        return sorted(found[0].processors)
    chosen_ = found[:1] if name == LITTLE else found[1:]
    return sorted(n for cluster in chosen_ for n in cluster.processors)


def _groups(speeds: dict[int, int | None]) -> list[list[int]]:
    """Processors whose speeds are alike, the slowest first; none where one of them is not told."""
    groups: list[list[int]] = []
    slowest = 0
    for speed, number in sorted((speed or 0, number) for number, speed in speeds.items()):
        if not speed:
            return []
        if not groups or speed >= slowest * APART:
            groups.append([])
            slowest = speed
        groups[-1].append(number)
    return [sorted(group) for group in groups]


def _online(root: str) -> list[int]:
    """As the kernel lists them, else every processor that has a folder."""
    with contextlib.suppress(ValueError):
        return sorted(numbers(_text(os.path.join(root, CPUS, "online"))))
    try:
        names = os.listdir(os.path.join(root, CPUS))
    except OSError:
        return []
    return sorted(int(match[1]) for name in names if (match := re.fullmatch(r"cpu(\d{1,4})", name)))[:MOST]


def _number(root: str, processor: int, name: str) -> int | None:
    found = re.fullmatch(r"\d{1,15}", _text(os.path.join(root, CPUS, f"cpu{processor}", name)).strip(), re.ASCII)
    return int(found[0]) if found else None


def _text(path: str) -> str:
    """The file's beginning, "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(4096).decode("ascii", "replace")
    except OSError:
        return ""
