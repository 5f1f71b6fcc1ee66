"""Guest instructions: what QEMU's user mode is given so that the runner can count them (`ondevice/markers.py`).

The counter is a plugin of QEMU's (`instructions.c`), compiled once on this host. Debian 12's dynamic `qemu-aarch64`
takes it; a static QEMU has no plugins, and from QEMU 9 on another plugin API is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.compiler import compiled

SOURCE = Path(__file__).resolve().with_name("instructions.c")
FLAGS = (
    *("-x", "c", "-std=c11", "-D_POSIX_C_SOURCE=200809L"),
    *("-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden"),
)
FIXED_ADDRESSES = ("setarch", "-R")
CHECK_TIMEOUT_S = 20.0
INSTALL_HINT = '"apt install qemu-user" has a qemu-aarch64 that takes plugins, on Debian 12'
SAID_LIMIT = 300
"""Characters kept of what a QEMU says when it refuses."""


@dataclass(frozen=True)
class InstructionCounter:
    """How to have a guest's instructions counted; `arguments` are empty where `reason` says why it cannot be done.

    The guest is started as `prefix`, QEMU, `arguments`, then QEMU's other arguments and the program. So started, its
    addresses and Python's hashes are the same in every run (unless Python is told to look at no variables: -I, -E).
    """

    prefix: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    reason: str = ""


def instruction_counter(qemu: str, cache: Path, compiler: Sequence[str] | None = None) -> InstructionCounter:
    """The counter for the user-mode emulator `qemu`, its plugin compiled under `cache` if it is not there yet.

    `compiler` is as in `native.executorch_runner`. Never raises for a host that cannot count: the reason is in the
    answer.
    """
    plugin = compiled("the instruction counter", cache / "edgerig_instructions", SOURCE, FLAGS, (), compiler)
    if plugin.path is None:
        return InstructionCounter(reason=plugin.reason)
    # QEMU splits the plugin's arguments at commas, and a comma in a path is written twice.
    file = str(plugin.path).replace(",", ",,")
    refusal = _refusal([qemu, "-plugin", f"{file},check=on", str(plugin.path)])
    if refusal:
        return InstructionCounter(reason=f"instructions cannot be counted: {refusal} ({INSTALL_HINT})")
    # A container's rules may forbid fixed addresses. Counts were found not to follow them; they do follow the hashes.
    prefix = () if _refusal([*FIXED_ADDRESSES, "true"]) else FIXED_ADDRESSES
    return InstructionCounter(prefix, ("-plugin", file, "-E", "PYTHONHASHSEED=0"))


def _refusal(command: Sequence[str]) -> str:
    """Why `command` does not end well; "" when it does."""
    try:
        done = process.run(command, timeout_s=CHECK_TIMEOUT_S)
    except OSError as error:
        return f"{command[0]} does not start: {error.strerror}"
    if done.timed_out:
        return f"{' '.join(command)} passed its deadline of {CHECK_TIMEOUT_S:g} s"
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[:SAID_LIMIT]
        return said or f"{' '.join(command)} ended with {process.signal_name(done.returncode)}"
    return ""
