"""The files that say how a device is set, read in one round trip over any transport.

    /sys/devices/system/cpu/cpufreq/policyN/…   governor and limits of processors that share a clock (kernel:
                                                admin-guide/pm/cpufreq); cpuN/cpufreq where there are no policies
    /sys/devices/system/cpu/cpufreq/boost       1: clocks above the nominal one may be used (the same)
    /sys/devices/system/cpu/intel_pstate/no_turbo   1: they may not (kernel: admin-guide/pm/intel_pstate)
    /sys/devices/system/cpu/smt/control         two threads a core: on, off, forceoff, notsupported
    /sys/class/thermal, /proc/loadavg           temperatures; how many threads run or wait (proc(5))

Nothing that is printed there is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError
from edgerig.ondevice.sensors import OF_THE_PROCESSOR

TIMEOUT_S = 30.0
OUTPUT_LIMIT_BYTES = 256 * 1024
_PATH = re.compile(r"(?:sys|proc)(?:/[A-Za-z0-9_.:-]{1,80}){1,12}")
_SCRIPT = """\
r=$1
tell() {
  for f in "$@"; do
    [ -r "$f" ] || continue
    v=; IFS= read -r v <"$f" 2>/dev/null
    w=r; [ -w "$f" ] && w=w
    printf '%s %s %s\\n' "$w" "${f#"$r/"}" "$v"
  done
}
c=$r/sys/devices/system/cpu
p=
for d in "$c"/cpufreq/policy*; do [ -d "$d" ] && p=1; done
[ "$p" ] && set -- "$c"/cpufreq/policy* || set -- "$c"/cpu[0-9]*/cpufreq
for d in "$@"; do
  tell "$d"/scaling_governor "$d"/scaling_available_governors "$d"/scaling_min_freq "$d"/scaling_max_freq \\
    "$d"/cpuinfo_min_freq "$d"/cpuinfo_max_freq "$d"/scaling_cur_freq
done
tell "$c"/cpufreq/boost "$c"/intel_pstate/no_turbo "$c"/smt/control "$c"/isolated
tell "$r"/sys/class/thermal/thermal_zone*/type "$r"/sys/class/thermal/thermal_zone*/temp "$r"/proc/loadavg
exit 0
"""


@dataclass(frozen=True)
class Entry:
    value: str
    writable: bool


Snapshot = Mapping[str, Entry]
"""By path below the root, without a leading slash."""


def snapshot(transport: Transport, root: str = "") -> Snapshot:
    """What there is to be read; `root` stands before every path. Raises DeviceError."""
    done = transport.run(["sh", "-c", _SCRIPT, "snapshot", root], TIMEOUT_S)
    if done.returncode != 0 or done.timed_out:
        raise DeviceError("how the device is set could not be read", hint="does `sh` work on the device?")
    found: dict[str, Entry] = {}
    for line in done.stdout[:OUTPUT_LIMIT_BYTES].decode("utf-8", "replace").splitlines():
        kind, _, rest = line.partition(" ")
        path, _, value = rest.partition(" ")
        if kind in ("r", "w") and _PATH.fullmatch(path) and ".." not in path:
            found[path] = Entry("".join(c for c in value[:400] if c.isprintable()).strip(), kind == "w")
    return found


def temperature_c(seen: Snapshot) -> float | None:
    """Of the hottest of the processor's zones, else of all (as `ondevice.sensors` has it); None where none is told."""
    zones: dict[str, float] = {}
    for path, entry in seen.items():
        zone, slash, name = path.rpartition("/")
        if slash and name == "temp" and re.fullmatch(r"-?\d{1,6}", entry.value, re.ASCII):
            zones[zone] = int(entry.value) / 1000
    sound = {zone: value for zone, value in zones.items() if -60 <= value <= 200}
    own = [
        value
        for zone, value in sound.items()
        if (kind := seen.get(f"{zone}/type")) is not None and OF_THE_PROCESSOR.search(kind.value)
    ]
    return max(own or sound.values(), default=None)
