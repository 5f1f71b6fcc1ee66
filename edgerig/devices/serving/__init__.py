"""Model servers as devices: a cell's file is served, asked over HTTP, and what came back is its raw run.

kinds/serving.py says what a device file has; `device` runs a cell, `record` is what it asks for and keeps; `link` is
HTTP; `protocol` what servers differ in, with a module for each; `started` and `start_…` are servers of ours; `asked`
and `load` ask one after the other and many at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edgerig.devices.device import OpenDevice
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.local_lease import LocalLease
from edgerig.devices.serving.device import ServingHost
from edgerig.devices.turns import Claim, NoLease


@contextlib.contextmanager
def open_serving(spec: ServingDevice, claim: Claim | None = None) -> Iterator[OpenDevice]:
    """What a cell's server will need is made ready; none is started yet. With a `claim`, cells of servers that the rig
    starts run in turns with those of every other sweep of this machine. Raises DeviceError."""
    mine = spec.url is None and claim is not None
    with contextlib.closing(LocalLease(claim)) if mine and claim else contextlib.nullcontext(NoLease()) as lease:
        host = ServingHost(spec, lease, claim.tell if claim else lambda _: None)
        host.make_ready()
        yield host
