"""A script in Node.js."""

from __future__ import annotations

import json
import os
import subprocess

import psutil

from edgerig.devices.web.place import Host, Place
from edgerig.process import signal_name

ADDRESS = "EDGERIG_ADDRESS"


def run(place: Place) -> None:
    """A child in this process' own group, so that it ends with it. It is told the address, which holds the secret, by
    its environment: arguments are shown to every user. Raises RuntimeError."""
    command = [
        *(*place.command, "--no-warnings", str(place.scripts / "node.mjs")),
        *(str(place.modules), json.dumps(dict(place.imports))),
    ]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, check=False, env={**os.environ, ADDRESS: place.address}
        )
    except OSError as error:
        raise RuntimeError(f"{place.command[0]} cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        raise RuntimeError(f"node ended by {signal_name(done.returncode)}; the runner's log has what it said")


def pids() -> list[int]:
    return [child.pid for child in psutil.Process(os.getpid()).children()]


HOST = Host(run, pids, "the node process: node, the runtime, the model, one input set", node=True)
EMULATED = Host(
    run,
    pids,
    "QEMU's process: the emulator, and in it node, the runtime, the model, one input set",
    node=True,
    warm_seconds=0.0,  # its time is nobody's
)
