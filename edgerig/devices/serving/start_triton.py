"""Triton as the rig starts it: by PyTriton, in an environment of its own, with the file behind a Python callable.

Triton's own backends for ONNX and others are in NVIDIA's containers alone: what computes here is ONNX Runtime in
Python, and what is Triton's is the server around it.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from pathlib import Path

from edgerig.devices.serving.kserve import KServe
from edgerig.devices.serving.started import Command, Starter
from edgerig.devices.serving.tools import PYTRITON, PYTRITON_VERSION
from edgerig.errors import DeviceError
from edgerig.ondevice.served.model import Order
from edgerig.quiet import child_environment
from edgerig.toolenv import ToolEnvironment

LONGEST_PATH = 108 - len("/workspace_12345678/model-config.sock") - 1
"""Of what a socket's path may have, unix(7)."""
GRACE_S = 10.0
"""How long it may take to end by itself: only then are its folder in /tmp and its shared memory gone as well."""
NAME = f"Triton, by PyTriton {PYTRITON_VERSION}"
START = (
    "import sys; sys.path.insert(0, sys.argv[1] + '/runner.pyz'); "
    "from edgerig.ondevice.served.triton import main; main()"
)


def command(made: ToolEnvironment, folder: Path, ports: Sequence[int], order: Order) -> Command:
    """Starts Triton with the model of the `order`, which is in `folder` too. Raises DeviceError where its sockets
    cannot be there."""
    if len(str(folder)) > LONGEST_PATH:
        raise DeviceError(
            f"{folder} is too long a path for Triton's sockets", hint="set TMPDIR to a shorter one, such as /tmp"
        )
    environment = child_environment(
        ("PATH",),
        LC_ALL="C.UTF-8",
        HOME=str(folder),
        TMPDIR=str(folder),
        # Triton's process for Python callables links libpython and has our Python's library: both must be of one.
        LD_LIBRARY_PATH=str(sysconfig.get_config_var("LIBDIR")),
        PYTRITON_HOME=str(folder),
        PYTRITON_CACHE_DIR=str(folder / "cache"),
        PYTHONNOUSERSITE="1",
        PYTHONUNBUFFERED="1",
        PYTRITON_NO_PROMOTION="1",
    )
    return Command(NAME, [str(made.python), "-c", START, str(folder)], environment, ports, GRACE_S)


def dialect(folder: Path, order: Order) -> KServe:
    return KServe(order.name, binary=True, counts=True, token=order.token)


STARTER = Starter(NAME, PYTRITON, 1, lambda: None, command, dialect, lambda ports: None)
