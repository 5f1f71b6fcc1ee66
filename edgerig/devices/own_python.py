"""The Python a device has: whether the runtimes' wheels are made for it, so that they alone need be brought.

Python itself is asked, not the system: a 64-bit kernel may have a 32-bit userland, and another Python than the system's
may be named. Nothing it says is believed before it was checked here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from edgerig.devices.runner_recipe import COMPILERS
from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError

TIMEOUT_S = 120.0
OLDEST, NEWEST = (3, 11), (3, 13)
"""The Pythons that numpy and all three runtimes have wheels for, in the versions edgerig is made for."""
OLDEST_GLIBC = 28
"""glibc 2.x that the runtimes' wheels ask for (their platform tags say manylinux_2_27 and manylinux_2_28)."""
NEEDED = ("ctypes", "hashlib", "json", "tarfile", "zlib")
"""Modules of the standard library that Debian's python3-minimal, for one, does not have."""

# CS_GNU_LIBC_VERSION: confstr(3), a GNU extension; musl has none. The wheels are linked with the C++ library.
_ASK = """\
import json, os, sys, sysconfig
lacks = []
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError:
        lacks.append(name)
try:
    import ctypes
    ctypes.CDLL("libstdc++.so.6")
except ImportError:
    pass
except OSError:
    lacks.append("libstdc++.so.6")
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION")
except (ValueError, OSError):
    libc = None
print(json.dumps({
    "executable": sys.executable, "version": list(sys.version_info[:2]), "implementation": sys.implementation.name,
    "machine": os.uname().machine, "wide": sys.maxsize > 2**32, "libc": libc, "lacks": lacks,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
}))
"""


class NoWheels(DeviceError):
    """The device's Python is none that wheels are brought for; the message says why."""


@dataclass(frozen=True)
class DevicePython:
    """`executable` is its path there, `machine` the kernel's name of the architecture, `glibc` the minor version."""

    executable: str
    version: tuple[int, int]
    machine: str
    glibc: int

    @property
    def minor(self) -> str:
        """As pip is told it: "3.11"."""
        return ".".join(map(str, self.version))

    def __str__(self) -> str:
        return f"Python {self.minor} on {self.machine} with glibc 2.{self.glibc}"


def python_for_wheels(transport: Transport, python: str) -> DevicePython:
    """What `python`, a command on the device, is. Raises NoWheels when no wheels can be brought for it, DeviceError
    when the device cannot be reached."""
    done = transport.run([python, "-I", "-c", _ASK, *NEEDED], TIMEOUT_S)
    try:
        told = json.loads(done.stdout[:4096])
        executable, machine, libc = str(told["executable"]), str(told["machine"]), str(told["libc"] or "")
        major, minor = (int(part) for part in told["version"])
        lacks = [str(name) for name in told["lacks"]]
        plain = told["implementation"] == "cpython" and not told["free_threaded"]
        wide = bool(told["wide"])
    except (ValueError, TypeError, KeyError) as error:
        said = (done.stderr or done.stdout)[-200:].decode("utf-8", "replace").strip()
        raise NoWheels(f"{python} does not work there: {said or 'it said nothing'}") from error
    found = re.fullmatch(r"glibc 2\.([0-9]{1,3})(\.[0-9]+)?", libc)
    glibc = int(found[1]) if found else -1
    for wrong, why in (
        (not OLDEST <= (major, minor) <= NEWEST, f"is Python {major}.{minor}, wheels are for {_range()}"),
        (not plain, "is not the ordinary CPython that wheels are for"),
        (not wide, "is a 32-bit program"),
        (machine not in COMPILERS, f"runs on {machine[:20]}, wheels are for {', '.join(COMPILERS)}"),
        (found is None, "has another C library than glibc"),
        (glibc < OLDEST_GLIBC, f"has {libc}, wheels need 2.{OLDEST_GLIBC}"),
        (bool(lacks), f"lacks {', '.join(lacks)[:200]}"),
        (not re.fullmatch(r"/[^\x00-\x1f\x7f]{1,4000}", executable), "does not tell its own path"),
    ):
        if wrong:
            raise NoWheels(f"{python} there {why}")
    return DevicePython(executable, (major, minor), machine, glibc)


def _range() -> str:
    return " to ".join(".".join(map(str, version)) for version in (OLDEST, NEWEST))
