"""The device's state at one moment, from Linux's own files: outside whatever is timed, and by no tool but one.

    /sys/class/thermal/thermal_zone*/{type,temp}                 thousandths of a degree (kernel: thermal/sysfs-api)
    /sys/devices/system/cpu/cpuN/cpufreq/{scaling_cur_freq,…}    kHz, of the processor this process ran on last
    /proc/self/stat, /proc/meminfo, /proc/loadavg                proc(5)
    /sys/devices/platform/soc/soc:firmware/get_throttled         Raspberry Pi's kernel; else `vcgencmd get_throttled`

What the bits of the last mean is the host's to say. A value that is missing is None, and `reasons` says why.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import subprocess
import time
from typing import Any

ZONES_LIMIT = 16
OF_THE_PROCESSOR = re.compile(r"cpu|soc|x86_pkg|core|cluster|big|little|mid", re.IGNORECASE)
"""Types of thermal zones that tell of the processor; a phone has dozens of others (charger, modem, skin, …)."""
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
VCGENCMD = ("usr/bin/vcgencmd", "opt/vc/bin/vcgencmd")
VCGENCMD_TIMEOUT_S = 2.0
FILE_LIMIT_BYTES = 65536

Reading = dict[str, Any]


class Sensors:
    """What can be read here, found once; `read` then costs some file reads. `root` is the file system's."""

    def __init__(self, root: str = "/") -> None:
        self._root = root
        self._zones = self._find_zones()
        self._firmware = self._readable(FIRMWARE)
        tools = [os.path.join(root, name) for name in VCGENCMD]
        self._vcgencmd = next((tool for tool in tools if os.access(tool, os.X_OK)), None)
        self._begin = time.perf_counter_ns()
        self.reasons: dict[str, str] = {}
        """Of values that were missing in a reading, by name."""

    def read(self) -> Reading:
        """One reading; `at_ns` is nanoseconds of the monotonic clock since the sensors were found."""
        at = time.perf_counter_ns() - self._begin
        cpu = self._processor()
        policy = f"sys/devices/system/cpu/cpu{cpu}/cpufreq"
        no_frequency = "the kernel tells no frequency (as on most virtual machines)"
        return {
            "at_ns": at,
            "load1": self._told("load1", self._load(), "/proc/loadavg cannot be read"),
            "memory_available_bytes": self._told(
                "memory_available_bytes", self._available(), "/proc/meminfo does not tell"
            ),
            "temperature_c": self._told("temperature_c", self._temperature(), "the kernel has no readable zone"),
            "cpu": self._told("cpu", cpu, "/proc/self/stat does not tell"),
            "frequency_khz": self._told("frequency_khz", self._number(f"{policy}/scaling_cur_freq"), no_frequency),
            "max_frequency_khz": self._told(
                "max_frequency_khz", self._number(f"{policy}/cpuinfo_max_freq"), no_frequency
            ),
            "throttled_bits": self._told("throttled_bits", self._throttled(), "no vcgencmd: not a Raspberry Pi"),
        }

    def _told(self, name: str, value: Any, reason: str) -> Any:
        if value is None:
            self.reasons[name] = reason
        return value

    def _find_zones(self) -> list[str]:
        """Paths of the temperatures of the processor's zones, else of all zones, below the root."""
        folders = sorted(glob.glob(os.path.join(self._root, "sys/class/thermal/thermal_zone*")))
        names = [(os.path.relpath(folder, self._root), self._text(f"{folder}/type") or "") for folder in folders]
        chosen = [folder for folder, kind in names if OF_THE_PROCESSOR.search(kind)] or [folder for folder, _ in names]
        return [f"{folder}/temp" for folder in chosen[:ZONES_LIMIT]]

    def _temperature(self) -> float | None:
        """The hottest of the zones; what no chip can be at is a zone that is not wired."""
        found = [self._number(zone) for zone in self._zones]
        sound = [value / 1000 for value in found if value is not None and -60_000 <= value <= 200_000]
        return max(sound, default=None)

    def _processor(self) -> int | None:
        """Field 39 of /proc/self/stat, counted after the parenthesis that ends the name."""
        fields = (self._text("proc/self/stat") or "").rpartition(")")[2].split()
        return int(fields[36]) if len(fields) > 36 and fields[36].isdigit() else None

    def _load(self) -> float | None:
        found = re.match(r"\d+\.\d+", self._text("proc/loadavg") or "")
        return float(found[0]) if found else None

    def _available(self) -> int | None:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", self._text("proc/meminfo") or "", re.MULTILINE)
        return int(found[1]) * 1024 if found else None

    def _throttled(self) -> int | None:
        if self._firmware:
            return _hexadecimal(self._text(FIRMWARE) or "")
        if self._vcgencmd is None:
            return None
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # then it is not told, and the reason stands
            said = subprocess.run(
                [self._vcgencmd, "get_throttled"], capture_output=True, timeout=VCGENCMD_TIMEOUT_S, check=False
            )
            return _hexadecimal(said.stdout[:100].decode("ascii", "replace").strip().removeprefix("throttled="))
        return None

    def _number(self, path: str) -> int | None:
        found = re.fullmatch(r"-?\d{1,15}", (self._text(path) or "").strip(), re.ASCII)
        return int(found[0]) if found else None

    def _readable(self, path: str) -> bool:
        return os.access(os.path.join(self._root, path), os.R_OK)

    def _text(self, path: str) -> str | None:
        """The file's beginning; None where it cannot be read (a zone may refuse while its sensor sleeps)."""
        try:
            with open(os.path.join(self._root, path), "rb") as file:
                return file.read(FILE_LIMIT_BYTES).decode("utf-8", "replace")
        except OSError:
            return None


def _hexadecimal(text: str) -> int | None:
    found = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{1,8})", text.strip())
    return int(found[1], 16) if found else None
