"""What a device tells of its own power or energy, as Linux shows it; nothing is estimated from a processor's model.

/sys/class/powercap/intel-rapl:N/{name,energy_uj,max_energy_range_uj}    µJ since whenever, of a processor package;
    begins anew beyond its range (kernel: power/powercap/powercap.rst), moves about every millisecond (Intel SDM,
    volume 3, "RAPL Interfaces"; AMD's is called the same); for root alone since Linux 5.10 (CVE-2020-8694)
/sys/class/hwmon/hwmonN/{name,power1_input,curr1_input,in1_input}        µW, mA, mV of a monitor chip on the board's
    supply (kernel: hwmon/sysfs-interface.rst, ina2xx.rst, ina3221.rst)
/sys/class/power_supply/NAME/{type,scope,status,current_now,voltage_now}    µA, µV of a battery (kernel:
    ABI/testing/sysfs-class-power); the documented sign is negative while discharging, drivers do either
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

POWERCAP, HWMON, SUPPLY = "sys/class/powercap", "sys/class/hwmon", "sys/class/power_supply"
NO_SENSOR = f"no power sensor: none of /{POWERCAP}/intel-rapl:*, /{HWMON} (INA2xx), /{SUPPLY} (a battery) exists"
COUNTER_UPDATE_NS = 1_000_000
MONITOR = re.compile(r"ina\d{3}\w{0,4}", re.ASCII)
"""Chips that boards measure a supply with. Other chips' power is a graphics card's, a disk's or a battery's."""
CHANNELS = (1, 2, 3)
"""An INA3221 has three; its fourth current and its voltages from the fourth on are shunts and sums."""
WHOLE = ("VDD_IN",)
"""Labels of a channel that measures all of the board (Jetson: "The total power of module")."""
FILE_LIMIT_BYTES = 256

_Read = Callable[[], int]


@dataclass(frozen=True)
class Sensor:
    """One figure of a device: `counter` tells µJ since it was opened, `power` µW now.

    `update_ns` is how often it tells anything new, 0 where nobody says. `fault` gives why it does not tell the load
    any more, or "". `read` raises OSError and ValueError.
    """

    name: str
    kind: Literal["counter", "power"]
    read: _Read
    update_ns: int = 0
    fault: Callable[[], str] = lambda: ""


def sensors(root: str = "/") -> tuple[list[Sensor], list[str]]:
    """What can be read below `root`, the nearest to what computes first, and why what is there beside cannot."""
    found: list[Sensor] = []
    reasons: list[str] = []
    for find in (_rapl, _monitor, _battery):
        sensor, reason = find(root)
        if sensor is not None:
            found.append(sensor)
        elif reason:
            reasons.append(reason)
    return found, reasons


def _rapl(root: str) -> tuple[Sensor | None, str]:
    """The processor's packages, all of them; where there is none, the platform ("psys"), which holds packages and must
    not be added to them, as a package holds its cores and must not have them added."""
    zones = [zone for zone in _entries(root, POWERCAP) if re.fullmatch(r"intel-rapl:\d+", os.path.basename(zone))]
    named = [(_text(f"{zone}/name"), zone) for zone in zones]
    chosen = [each for each in named if each[0].startswith("package")] or [each for each in named if each[0] == "psys"]
    if not chosen:
        return None, ""
    try:
        counters = [
            _Counter(_open(f"{zone}/energy_uj"), int(_text(f"{zone}/max_energy_range_uj") or 0)) for _, zone in chosen
        ]
        for counter in counters:
            counter.read()
    except (OSError, ValueError) as error:
        return None, _unreadable(error, f"{chosen[0][1]}/energy_uj", root)
    name = f"RAPL {', '.join(name for name, _ in sorted(chosen))}"
    return Sensor(name, "counter", lambda: sum(counter.read() for counter in counters), COUNTER_UPDATE_NS), ""


class _Counter:
    """µJ since it was opened; what is read begins anew at 0 beyond `span`."""

    def __init__(self, file: int, span: int) -> None:
        self._file, self._span = file, span
        self._last = _number(file)
        self._total = 0

    def read(self) -> int:
        now = _number(self._file)
        if now < self._last and not self._span:
            raise ValueError("the counter went back, and its range is not known")
        self._total += now - self._last + (self._span if now < self._last else 0)
        self._last = now
        return self._total


def _monitor(root: str) -> tuple[Sensor | None, str]:
    """The one monitor chip's one channel, or the channel that is labelled as the whole: nobody tells of others whether
    one's power is a part of another's."""
    channels = [
        (f"{chip} {_text(f'{folder}/in{number}_label') or number}", files, folder)
        for folder in _entries(root, HWMON)
        if MONITOR.fullmatch(chip := _text(f"{folder}/name"))
        for number in CHANNELS
        if (files := _channel(folder, number)) and _text(f"{folder}/in{number}_label") != "NC"
    ]
    whole = [each for each in channels if each[0].partition(" ")[2].replace(" ", "_") in WHOLE]
    chosen = whole if len(whole) == 1 else channels
    if not chosen:
        return None, ""
    if len(chosen) > 1:
        names = ", ".join(name for name, _, _ in channels)
        return None, f"several power monitors ({names}): none is labelled as the whole board's ({', '.join(WHOLE)})"
    ((name, files, folder),) = chosen
    update = _text(f"{folder}/update_interval")
    try:
        read = _product(files, 1)  # µW, or mA × mV, which is µW as well
        read()
    except (OSError, ValueError) as error:
        return None, _unreadable(error, files[0], root)
    return Sensor(name, "power", read, int(update) * 1_000_000 if re.fullmatch(r"\d{1,6}", update) else 0), ""


def _channel(folder: str, number: int) -> tuple[str, ...]:
    """The files whose product is a channel's power; () without them."""
    power, pair = f"{folder}/power{number}_input", (f"{folder}/curr{number}_input", f"{folder}/in{number}_input")
    if os.path.exists(power):
        return (power,)
    return pair if all(map(os.path.exists, pair)) else ()


def _battery(root: str) -> tuple[Sensor | None, str]:
    """All of the device's batteries, while they feed it: a charger's current says nothing of the load."""
    folders = [
        folder
        for folder in _entries(root, SUPPLY)
        if _text(f"{folder}/type") == "Battery"
        and _text(f"{folder}/scope") != "Device"  # a mouse's
        and os.path.exists(f"{folder}/current_now")
        and os.path.exists(f"{folder}/voltage_now")
    ]
    if not folders:
        return None, ""
    if not_fed := _charging(folders):
        return None, not_fed
    try:
        reads = [_product((f"{folder}/current_now", f"{folder}/voltage_now"), 10**6) for folder in folders]
        for read in reads:
            read()
    except (OSError, ValueError) as error:
        return None, _unreadable(error, f"{folders[0]}/current_now", root)
    name = f"battery {', '.join(map(os.path.basename, folders))}"
    return Sensor(name, "power", lambda: sum(read() for read in reads), fault=lambda: _charging(folders)), ""


def _charging(folders: Sequence[str]) -> str:
    """Why batteries do not tell what the device draws, "" where they do."""
    for folder in folders:
        status = _text(f"{folder}/status")
        if status != "Discharging":
            name = os.path.basename(folder)
            return (
                f"battery {name} is {status.lower() or 'of unknown status'}: what feeds the device is not its current"
            )
    return ""


def _product(paths: Sequence[str], per: int) -> _Read:
    """The product of the files' numbers over `per`, without its sign: drivers differ in which way is positive."""
    files = [_open(path) for path in paths]

    def read() -> int:
        value = 1
        for file in files:
            value *= _number(file)
        return abs(value) // per

    return read


def _entries(root: str, folder: str) -> list[str]:
    return sorted(glob.glob(os.path.join(root, folder, "*")))


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _number(file: int) -> int:
    """Raises OSError, and ValueError where the file holds no number of a sane size."""
    text = os.pread(file, FILE_LIMIT_BYTES, 0).strip()
    if not re.fullmatch(rb"-?\d{1,18}", text):
        raise ValueError("it holds no number")
    return int(text)


def _text(path: str) -> str:
    """A short word, "" where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(FILE_LIMIT_BYTES).decode("ascii", "replace").strip()[:60]
    except OSError:
        return ""


def _unreadable(error: Exception, path: str, root: str) -> str:
    shown = "/" + os.path.relpath(path, root)
    if isinstance(error, PermissionError):
        return f"not readable: {shown} needs root"
    return f"not readable: {shown}: {error.strerror if isinstance(error, OSError) else error}"
