"""Around a cell: what one that was killed left is restored, the device is brought into its conditions, and back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from edgerig import process
from edgerig.devices.conditioning.knobs import Knob, to_set
from edgerig.devices.conditioning.notes import Note, told
from edgerig.devices.conditioning.snapshot import Snapshot, snapshot, temperature_c
from edgerig.devices.device import OpenDevice, PosixDevice
from edgerig.errors import DeviceError
from edgerig.results import ConditionsRecord, HeldKnob
from edgerig.spec.conditions import Conditions

LOOK_AGAIN_S = 5.0
"""Between two looks at a temperature: it takes a phone a minute to lose ten degrees."""
NO_SHELL = "this kind of device has no shell to be set by"
LEFT = "what an earlier cell set could not be put back: {}"
NO_ZONE = "no thermal zone is readable: no temperature was waited for"


class TooHot(DeviceError):
    """The device stayed hotter than a cell may begin at, and is not to be measured so."""


@dataclass
class Held:
    """What a cell's record says of its conditions; complete when they have been put back."""

    record: ConditionsRecord = field(default_factory=ConditionsRecord)


@contextlib.contextmanager
def held(
    opened: OpenDevice, wanted: Conditions | None, *, root: str = "", pause: Callable[[float], None] = process.pause
) -> Iterator[Held]:
    """The device in the conditions that are wanted, as far as it lets us; to be entered in a turn of ours. Leaving puts
    back what was, interrupted too; where the device cannot be reached the next one does who reaches it. None is wanted
    of an emulated one, whose clock is this machine's: it is left alone. Raises TooHot, DeviceError."""
    found = Held()
    if wanted is None or not isinstance(opened, PosixDevice):
        if wanted is not None and wanted.any:
            found.record = ConditionsRecord(reasons={"knobs": NO_SHELL})
        yield found
        return
    note = Note(opened.transport, opened.notes or opened.workdir, root=root)
    _, kept = note.restore()
    if kept:
        found.record = _with(found.record, "left", LEFT.format(told(kept)))
    if not wanted.any:
        yield found
        return
    seen = snapshot(opened.transport, root)
    seen, waited_s, hot = _cooled(opened, wanted, seen, root, pause)
    found.record = found.record.model_copy(
        update={
            "start_below_c": wanted.start_below_c,
            "temperature_c": temperature_c(seen),
            "waited_s": waited_s,
            "hot": hot,
        }
    )
    if wanted.start_below_c is not None and found.record.temperature_c is None:
        found.record = _with(found.record, "temperature_c", NO_ZONE)
    try:
        _set(note, to_set(seen, wanted), found)
        yield found
    finally:
        if wanted.sets:
            _put_back(note, found)


def _cooled(
    opened: PosixDevice, wanted: Conditions, seen: Snapshot, root: str, pause: Callable[[float], None]
) -> tuple[Snapshot, float, bool]:
    """The device as seen when it was cool enough or the wait was over, the seconds that took, and whether it is hot
    all the same. Raises TooHot."""
    limit, begin, paused = wanted.start_below_c, time.monotonic(), False
    if limit is None:
        return seen, 0.0, False
    while (degrees := temperature_c(seen)) is not None and degrees > limit:
        waited_s = time.monotonic() - begin
        if waited_s >= wanted.wait_s:
            if wanted.when_hot == "skip":
                raise TooHot(
                    f"the device was still at {degrees:.1f} °C after {waited_s:.0f} s, above {limit:g} °C",
                    hint="cool it, or raise conditions.start_below_c or wait_s; --resume goes on with the cells left",
                )
            return seen, waited_s, True
        pause(min(LOOK_AGAIN_S, wanted.wait_s - waited_s))
        seen, paused = snapshot(opened.transport, root), True
    return seen, time.monotonic() - begin if paused else 0.0, False


def _set(note: Note, chosen: list[Knob], found: Held) -> None:
    """Sets what can be set; what cannot says why in the record."""
    writes = {path: value for knob in chosen if knob.settable for path, value in knob.writes.items()}
    try:
        now = note.set(writes) if writes else {}
    except DeviceError as error:
        now = {}
        found.record = _with(found.record, "knobs", error.message)
    told = tuple(_held(knob, now) for knob in chosen)
    found.record = found.record.model_copy(update={"knobs": told})
    for knob, each in zip(chosen, told, strict=True):
        if not each.held:
            why = knob.advice if not knob.settable else "the kernel did not take it"
            found.record = _with(found.record, knob.name, why)


def _held(knob: Knob, now: Mapping[str, str]) -> HeldKnob:
    values = [now.get(path, "") for path in knob.writes]
    is_held = bool(knob.writes) and all(now.get(path) == value for path, value in knob.writes.items())
    shown = ", ".join(dict.fromkeys(value for value in values if value)) or None
    return HeldKnob(name=knob.name, wanted=knob.wanted or "", before=knob.value, now=shown, held=is_held)


def _put_back(note: Note, found: Held) -> None:
    """In a scope of its own: a sweep that is being interrupted refuses new commands in its own."""
    try:
        with process.Scope().entered():
            _, kept = note.restore()
        if kept:
            found.record = _with(found.record, "restored", told(kept))
    except DeviceError as error:  # whoever reaches it next restores from the note
        found.record = _with(found.record, "restored", error.message)
    if "restored" in found.record.reasons:
        found.record = found.record.model_copy(update={"restored": False})


def _with(record: ConditionsRecord, name: str, reason: str) -> ConditionsRecord:
    return record.model_copy(update={"reasons": {**record.reasons, name: reason}})
