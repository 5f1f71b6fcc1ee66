"""The state of the device around one cell: the runner's readings, completed by the probes before and after the run."""

from __future__ import annotations

from typing import Any

from edgerig.measure.raw_run import RawReading, RawState
from edgerig.measure.throttling import words
from edgerig.results import Battery, CellState, DeviceRecord, DeviceState, Reading

NOT_ASKED = "asked before and after a cell only"
NO_SERVICE = "a thermal status is told by Android only"
NOT_READ = "the runner did not read it"


def cell_state(raw: RawState, before: DeviceRecord | None, after: DeviceRecord | None) -> CellState:
    """One reading a moment, and a reason for every value that is missing in any of them."""
    first, last = _reading(raw.before, before), _reading(raw.after, after)
    during = tuple(_reading(reading, None) for reading in raw.during)
    every = [reading for reading in (first, *during, last) if reading is not None]
    reasons = {}
    for name in Reading.model_fields:
        if not every or any(getattr(reading, name) is None for reading in every):
            reasons[name] = _reason(name, raw, before, after)
    if not during:
        reasons["during"] = raw.reason or raw.reasons.get("during", NOT_READ)
    return CellState(before=first, during=tuple(d for d in during if d is not None), after=last, reasons=reasons)


def _reading(raw: RawReading | None, probed: DeviceRecord | None) -> Reading | None:
    """The runner's reading where there is one, the probe's where it alone knows; None: neither."""
    if raw is None and probed is None:
        return None
    known = DeviceState() if probed is None else probed.state
    battery = known.battery or Battery()
    values: dict[str, Any] = {
        "at_s": None,
        "load1": known.load1,
        "memory_available_bytes": known.memory_available_bytes,
        "throttled": known.throttled,
        "thermal_status": known.thermal_status,
        "battery_percent": battery.percent,
        "battery_status": battery.status,
    }
    if raw is not None:
        fields = raw.model_dump(exclude={"at_ns", "throttled_bits"})
        values |= {name: value for name, value in fields.items() if value is not None}
        values["at_s"] = None if raw.at_ns is None else raw.at_ns / 1e9
        if raw.throttled_bits is not None:
            values["throttled"] = words(raw.throttled_bits)
    return Reading(**values)


def _reason(name: str, raw: RawState, before: DeviceRecord | None, after: DeviceRecord | None) -> str:
    """Why `name` is missing: in the words of whoever was to tell it."""
    key = {"throttled": "throttled_bits", "at_s": "during"}.get(name, name)
    reason = raw.reasons.get(key)
    if reason:
        return reason
    probed = after or before
    known = {} if probed is None else probed.state.reasons
    if name == "thermal_status":
        asked = probed is not None and name in probed.state.model_fields_set
        return known.get(name, NOT_ASKED if asked else NO_SERVICE)
    if name.startswith("battery_"):
        return known.get("battery", NOT_ASKED)
    return raw.reason or NOT_READ
