"""What of a device can be set for measuring, or ought to be known: a small object each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from edgerig.devices.conditioning.snapshot import Snapshot, temperature_c
from edgerig.spec.conditions import Conditions

CPU = "sys/devices/system/cpu"
NO_CPUFREQ = "the kernel has no cpufreq (as on most virtual machines): set the clock on the host, if it is yours"
NOT_PERMITTED = "not permitted: be root there, or have its owner set it"
IN_KHZ = "say it in kHz (conditions.frequency_khz)"
STEADY = Conditions(governor="performance")
"""What a device is tuned to where nothing else is asked for."""


@dataclass(frozen=True)
class Knob:
    """`what` it is; `value` now, None where it is not told; `writes` by path what is `wanted` of it, {} where nothing
    is; `settable` whether conditions have a key for it and its files let us; `advice` what to do, "" for nothing."""

    name: str
    what: str
    value: str | None
    wanted: str | None = None
    settable: bool = False
    advice: str = ""
    writes: dict[str, str] = field(default_factory=dict)


def knobs(seen: Snapshot, wanted: Conditions) -> list[Knob]:
    """All there are, in the order they are told; `wanted` is what is to be set."""
    return [make(seen, wanted) for make in _KNOBS]


def to_set(seen: Snapshot, wanted: Conditions) -> list[Knob]:
    """Those that conditions ask for."""
    return [knob for knob in knobs(seen, wanted) if knob.wanted is not None]


def _policies(seen: Snapshot, name: str) -> list[str]:
    """Paths of the file `name` of every group of processors with a clock."""
    return [path for path in seen if path.startswith(CPU) and path.endswith(f"/{name}")]


def _values(seen: Snapshot, paths: list[str]) -> str | None:
    """The value, or the several there are, each once."""
    return ", ".join(dict.fromkeys(seen[path].value for path in paths)) or None


def _governor(seen: Snapshot, wanted: Conditions) -> Knob:
    paths = _policies(seen, "scaling_governor")
    what = "who chooses the clock (scaling_governor)"
    value, asked = _values(seen, paths), wanted.governor
    if not paths:
        return Knob("governor", what, None, asked, advice=NO_CPUFREQ)
    lacking = [path for path in paths if asked and not _offers(seen, path, asked)]
    settable = all(seen[path].writable for path in paths) and not lacking
    advice = ""
    if lacking:
        offered = seen[lacking[0].replace("scaling_governor", "scaling_available_governors")].value
        advice = f"{asked} is none of this kernel's: {offered}"
    elif value != (asked or "performance"):
        advice = f"{asked or 'performance'} holds the clock" if settable else NOT_PERMITTED
    return Knob("governor", what, value, asked, settable, advice, dict.fromkeys(paths, asked) if asked else {})


def _offers(seen: Snapshot, governor: str, name: str) -> bool:
    """Does the kernel list it? Where it lists none, it is tried."""
    offered = seen.get(governor.replace("scaling_governor", "scaling_available_governors"))
    return offered is None or not offered.value or name in offered.value.split()


def _frequency(seen: Snapshot, wanted: Conditions) -> Knob:
    what = "the clock's limits in kHz (scaling_min_freq, scaling_max_freq)"
    lows, highs = _policies(seen, "scaling_min_freq"), _policies(seen, "scaling_max_freq")
    asked = None if wanted.frequency_khz is None else str(wanted.frequency_khz)
    if not lows or not highs:
        return Knob("frequency", what, None, asked, advice=NO_CPUFREQ)
    value = f"{_values(seen, lows)} to {_values(seen, highs)}"
    writable = all(seen[path].writable for path in (*lows, *highs))
    if wanted.frequency_khz is None:
        remedy = "a clock below the highest that it can keep while hot throttles never: conditions.frequency_khz"
        return Knob("frequency", what, value, None, writable, remedy if writable else "")
    writes: dict[str, str] = {}
    for path in highs:
        folder = path.rpartition("/")[0]
        khz = _within(seen, folder, wanted.frequency_khz)
        if khz is None:
            return Knob("frequency", what, value, asked, advice=f"cpuinfo_{asked}_freq tells no clock: {IN_KHZ}")
        writes |= {path: str(khz), f"{folder}/scaling_min_freq": str(khz)}
    return Knob("frequency", what, value, asked, writable, "" if writable else NOT_PERMITTED, writes)


def _within(seen: Snapshot, folder: str, asked: int | str) -> int | None:
    """The clock a processor can have that is nearest to what is asked, in kHz; None where the limit that is asked for
    is not told."""
    lowest, highest = (_khz(seen, f"{folder}/cpuinfo_{name}_freq") for name in ("min", "max"))
    if not isinstance(asked, int):
        return highest if asked == "max" else lowest
    return max(lowest or asked, min(asked, highest or asked))


def _khz(seen: Snapshot, path: str) -> int | None:
    """What the device prints there, where it is a clock."""
    entry = seen.get(path)
    if entry is None or not re.fullmatch(r"\d{1,10}", entry.value, re.ASCII):
        return None
    return int(entry.value) or None


def _boost(seen: Snapshot, wanted: Conditions) -> Knob:
    what = "clocks above the nominal one, while it is cool (boost, turbo)"
    boost, none = seen.get(f"{CPU}/cpufreq/boost"), seen.get(f"{CPU}/intel_pstate/no_turbo")
    if boost is None and none is None:
        return Knob("boost", what, None, advice="")
    on = boost.value == "1" if boost is not None else none is not None and none.value == "0"
    off = f"0 > /{CPU}/cpufreq/boost" if boost is not None else f"1 > /{CPU}/intel_pstate/no_turbo"
    remedy = f"comes and goes with the temperature: where figures of hours are to be compared, as root there echo {off}"
    return Knob("boost", what, "on" if on else "off", advice=remedy if on else "")


def _smt(seen: Snapshot, wanted: Conditions) -> Knob:
    entry = seen.get(f"{CPU}/smt/control")
    what = "two threads on a core (smt/control)"
    if entry is None:
        return Knob("smt", what, None)
    remedy = (
        "a neighbour on the same core costs a third and more: hold the runner to one thread a core (cpus), or as root "
        f"there echo off > /{CPU}/smt/control"
    )
    return Knob("smt", what, entry.value, advice=remedy if entry.value == "on" else "")


def _temperature(seen: Snapshot, wanted: Conditions) -> Knob:
    degrees = temperature_c(seen)
    what = "of the hottest of the processor's zones"
    if degrees is None:
        return Knob("temperature", what, None, advice="no zone is readable: conditions.start_below_c waits for none")
    hot = wanted.start_below_c is not None and degrees > wanted.start_below_c
    advice = f"waited for, until it is below {wanted.start_below_c:g} °C" if hot else ""
    return Knob("temperature", what, f"{degrees:.1f} °C", advice=advice)


def _load(seen: Snapshot, wanted: Conditions) -> Knob:
    entry = seen.get("proc/loadavg")
    parts = entry.value.split() if entry is not None else []
    what = "threads that run or wait for a processor now (/proc/loadavg)"
    running = parts[3].partition("/")[0] if len(parts) > 3 else ""
    if not running.isdecimal():
        return Knob("load", what, None)
    others = max(0, int(running) - 1)  # the one that reads it runs as well
    return Knob("load", what, str(others), advice="end what else is at work there" if others else "")


_KNOBS: tuple[Callable[[Snapshot, Conditions], Knob], ...] = (
    _governor,
    _frequency,
    _boost,
    _smt,
    _temperature,
    _load,
)
