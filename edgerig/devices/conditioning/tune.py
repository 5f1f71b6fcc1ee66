"""A device set for measuring until it is reset: `edgerig devices tune`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgerig.devices import transport_to
from edgerig.devices.conditioning.knobs import STEADY, Knob, knobs
from edgerig.devices.conditioning.notes import HELD, TUNED, Note
from edgerig.devices.conditioning.snapshot import snapshot
from edgerig.devices.lease import in_turn
from edgerig.devices.transport import Transport
from edgerig.devices.turns import Claim
from edgerig.errors import ConfigError
from edgerig.spec import Device, RemoteDevice, kind_of
from edgerig.spec.conditions import Conditions


@dataclass(frozen=True)
class Tuned:
    """The knobs as they are now; what was `done`, and of what was restored what stayed otherwise."""

    knobs: list[Knob]
    done: str
    kept: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reached:
    """A device in a turn of ours, and where it keeps notes. `here`: it is this machine, whatever its name."""

    transport: Transport
    notes: str
    root: str = ""
    here: bool = False

    def note(self, name: str) -> Note:
        return Note(self.transport, self.notes, name, self.root)


@contextlib.contextmanager
def reached(spec: Device, claim: Claim) -> Iterator[Reached]:
    """Raises DeviceError, and ConfigError for one that has no clock of its own, or whose machine is not reached."""
    if isinstance(spec, RemoteDevice):
        with transport_to(spec) as link, in_turn(link, spec.workdir, claim) as turn:
            yield Reached(turn.transport, spec.workdir)
    elif spec.elsewhere:
        raise ConfigError(
            f"{spec.name} is {spec.elsewhere}: only its answers come from there, its clock cannot be set",
            hint='describe its machine as a device of its own (kind = "ssh" or "adb") and tune that',
        )
    elif spec.emulated or kind_of(spec).shares != "machine":
        raise ConfigError(f"{spec.name} is emulated: it has no clock of its own", hint="tune the machine it runs on")
    else:
        from edgerig.devices.local import LocalTransport, notes_folder
        from edgerig.devices.local_lease import LocalLease

        with LocalTransport() as here, contextlib.closing(LocalLease(claim)) as lease:
            lease.take()
            yield Reached(here, str(notes_folder()), here=True)


def looked(device: Reached, wanted: Conditions) -> Tuned:
    return Tuned(knobs(snapshot(device.transport, device.root), _steady(wanted)), "nothing was set")


def tuned(device: Reached, wanted: Conditions) -> Tuned:
    """Set as far as the device lets us, and noted; what an earlier call or a cell that was killed set is put back
    first: it is not what was."""
    kept = _put_back(device)[1]
    note = device.note(TUNED)
    chosen = knobs(snapshot(device.transport, device.root), _steady(wanted))
    writes = {path: value for knob in chosen if knob.settable for path, value in knob.writes.items()}
    now = note.set(writes) if writes else {}
    taken = [knob.name for knob in chosen if knob.writes and all(now.get(p) == v for p, v in knob.writes.items())]
    done = f"set: {', '.join(taken)}; edgerig devices tune --reset puts it back" if taken else "nothing could be set"
    return Tuned(knobs(snapshot(device.transport, device.root), _steady(wanted)), done, kept)


def reset(device: Reached) -> Tuned:
    restored, kept = _put_back(device)
    done = "nothing was set by us"
    if restored:
        done = "not all could be put back, which is tried again at the next contact" if kept else "put back as it was"
    return Tuned(knobs(snapshot(device.transport, device.root), Conditions()), done, kept)


def _put_back(device: Reached) -> tuple[bool, dict[str, str]]:
    """As `Note.restore`, of both notes; what a cell that was killed left first: it may have begun on a tuned device."""
    kept: dict[str, str] = {}
    restored = False
    for name in (HELD, TUNED):
        was, left = device.note(name).restore()
        restored, kept = restored or was, {**kept, **left}
    return restored, kept


def _steady(wanted: Conditions) -> Conditions:
    """What the device's file asks for, else a governor that holds the clock."""
    return wanted if wanted.sets else STEADY
