"""A device that was reached and can run a job: a transport, a folder of ours there, and a Python with the runtimes."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgerig.devices.transport import Transport
from edgerig.devices.turns import Lease, NoLease


@dataclass(frozen=True)
class OpenDevice:
    """`python` is the command that starts Python 3.11+ with numpy and the runtimes; it is given a script's path.

    `executorch_library` is the path of the torch-free ExecuTorch runner there, or None with the reason.
    `no_instructions` says why guest instructions cannot be counted there; "" where `python` runs under the counter.
    `no_state` says why the runner can read nothing of the device's state; "" where it can.
    `left` are job folders that could not be removed when their jobs ended: before the next job they are. `lease` gives
    the turns in which alone a job may be at work there; `run` is whose jobs these are, "" for no run's.
    """

    transport: Transport
    workdir: str
    python: tuple[str, ...]
    executorch_library: str | None
    library_reason: str = ""
    no_instructions: str = "guest instructions are counted by QEMU's user mode only"
    no_state: str = ""
    left: list[str] = field(default_factory=list, compare=False)
    lease: Lease = field(default_factory=NoLease, compare=False)
    run: str = ""
