"""What Android alone tells of a device: its battery, its thermal status, its screen, its maker.

The texts are those of `dumpsys battery` (BatteryService), `dumpsys thermalservice` (ThermalManagerService) and
`dumpsys power` (PowerManagerService); a device without Android has none of them, and the state says so. Nothing printed
there is trusted.
"""

from __future__ import annotations

import re

from edgerig.devices.probe import probe
from edgerig.devices.transport import Transport
from edgerig.results import Battery, DeviceRecord, DeviceState
from edgerig.spec import OverAdb

TIMEOUT_S = 30.0
OUTPUT_LIMIT_BYTES = 256 * 1024
BATTERY_STATUS = {1: "Unknown", 2: "Charging", 3: "Discharging", 4: "Not charging", 5: "Full"}
"""android.os.BatteryManager's BATTERY_STATUS_…, in the words of /sys/class/power_supply."""
THERMAL_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""android.os.PowerManager's THERMAL_STATUS_…; from "moderate" on the device throttles noticeably."""
NO_DUMPSYS = "no dumpsys on the device: not Android"
_SCRIPT = """\
have() { command -v "$1" >/dev/null 2>&1; }
have getprop && echo "maker=$(getprop ro.product.manufacturer)" && echo "sdk=$(getprop ro.build.version.sdk)"
have dumpsys || exit 0
echo dumpsys=yes; echo @battery; dumpsys battery 2>/dev/null; echo; echo @thermal; dumpsys thermalservice 2>/dev/null
echo; echo @power
dumpsys power 2>/dev/null | while IFS= read -r l; do case $l in *mWakefulness=*) echo "$l" ;; esac; done
exit 0
"""


def android_record(transport: Transport, spec: OverAdb) -> DeviceRecord:
    """The probe's record of the device with Android's own facts added. Raises DeviceError."""
    record = probe(transport, kind=spec.kind, emulated=spec.emulated, workdir=spec.workdir)
    said = transport.run(["sh", "-c", _SCRIPT], TIMEOUT_S).stdout[:OUTPUT_LIMIT_BYTES].decode("utf-8", "replace")
    return record.model_copy(update={"state": with_android(record.state, said)})


def with_android(state: DeviceState, said: str) -> DeviceState:
    """`state` with what the script said; a missing value is None, with its reason in `reasons`."""
    facts, _, services = said.partition("@battery")
    battery_text, _, services = services.partition("@thermal")
    thermal_text, _, power_text = services.partition("@power")
    found = {
        "maker": _line(facts, r"maker=([\w .,&()-]{1,60})"),
        "sdk": _number(facts, "sdk="),
        "battery": battery(battery_text) or state.battery,
        "thermal_status": thermal_status(thermal_text),
        "screen": screen(power_text),
    }
    absent = NO_DUMPSYS if "dumpsys=yes" not in facts else "dumpsys does not tell"
    why = {"maker": "no getprop on the device: not Android", "sdk": "no getprop on the device: not Android"}
    reasons = {key: text for key, text in state.reasons.items() if found.get(key) is None}
    reasons |= {key: why.get(key, absent) for key, value in found.items() if value is None}
    return state.model_copy(update={**found, "reasons": reasons})


def battery(text: str) -> Battery | None:
    """Charge, charging and temperature out of `dumpsys battery`; None where there is no battery."""
    level, scale = _number(text, "level: "), _number(text, "scale: ")
    if level is None or not scale or _line(text, r"present: (\w+)") == "false":
        return None
    tenths = _number(text, "temperature: ")
    return Battery(
        percent=round(100 * level / scale),
        status=BATTERY_STATUS.get(_number(text, "status: ") or 0),
        powered_by=tuple(name for name in ("AC", "USB", "Wireless", "Dock") if f"{name} powered: true" in text),
        temperature_c=None if tenths is None else tenths / 10,
    )


def thermal_status(text: str) -> str | None:
    """`none` to `shutdown`; None where the service (Android 10 and newer) is missing."""
    number = _number(text, "Thermal Status: ")
    return THERMAL_STATUS[number] if number is not None and number < len(THERMAL_STATUS) else None


def screen(text: str) -> str | None:
    """`on` or `off`, out of `dumpsys power`; None where the service does not tell. Asleep, a phone may keep its fast
    processors off; dozing, its screen shows the time at most (android.os.PowerManagerInternal's WAKEFULNESS_…)."""
    wakefulness = _line(text, r"mWakefulness=(\w{1,20})")
    return None if wakefulness is None else "on" if wakefulness in ("Awake", "Dreaming") else "off"


def _line(text: str, pattern: str) -> str | None:
    found = re.search(rf"^\s*{pattern}\s*$", text, re.MULTILINE | re.ASCII)
    return found[1].strip() if found else None


def _number(text: str, label: str) -> int | None:
    found = _line(text, rf"{re.escape(label)}([0-9]{{1,9}})")
    return None if found is None else int(found)
