"""What Android's own services say of battery and heat, from the lines the probe passes on.

`dumpsys battery` as BatteryService.dumpInternal prints it, with BatteryManager's numbers for its status; `dumpsys
thermalservice` (Android 10 and later) with PowerManager's thermal status.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

STATUS = {1: "Unknown", 2: "Charging", 3: "Discharging", 4: "Not charging", 5: "Full"}
"""BatteryManager.BATTERY_STATUS_*, in the words of Linux's power_supply."""
THERMAL = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""PowerManager.THERMAL_STATUS_* from 0; all but the first mean that something is throttled."""
_LINE = re.compile(r"(level|status): ([0-9]{1,3})|(AC|USB|Wireless|Dock) powered: true")


def battery(lines: Sequence[str]) -> dict[str, Any] | None:
    """`{"percent", "status", "powered_by"}`, or None where the lines tell no level."""
    found = [match for line in lines if (match := _LINE.fullmatch(line.strip()))]
    numbers = {match[1]: int(match[2]) for match in reversed(found) if match[1]}
    if "level" not in numbers or numbers["level"] > 100:
        return None
    powered_by = list(dict.fromkeys(match[3] for match in found if match[3]))
    return {"percent": numbers["level"], "status": STATUS.get(numbers.get("status", 0)), "powered_by": powered_by}


def thermal_status(text: str) -> str | None:
    """The word for `Thermal Status: N`."""
    return THERMAL[int(text)] if re.fullmatch(r"[0-6]", text) else None
