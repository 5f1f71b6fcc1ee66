"""What is missing on this host for a kind of device, and the command that mends it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from edgerig.spec import DeviceSpec


@dataclass(frozen=True)
class Need:
    """A program of this host: what for, and the Debian package that has it."""

    program: str
    package: str
    purpose: str


@dataclass(frozen=True)
class Finding:
    """`fix` is the exact command, "" when nothing is amiss."""

    what: str
    ok: bool
    fix: str = ""


_RUNNER = Need("g++", "g++", "the torch-free ExecuTorch runner of this machine")
_BUNDLE = (
    Need("apt-get", "apt", "the bundle's Debian packages"),
    Need("dpkg-deb", "dpkg", "unpacking them"),
    Need("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu", "the torch-free ExecuTorch runner of arm64"),
)
NEEDS: dict[str, tuple[Need, ...]] = {
    "local": (_RUNNER,),
    "ssh": _BUNDLE,
    "adb": (Need("adb", "adb", "the adb server"), *_BUNDLE),
    "qemu-user": (
        Need("qemu-aarch64", "qemu-user", "running arm64 programs, with plugins"),
        Need("gcc", "gcc", "the plugin that counts guest instructions"),
        *_BUNDLE,
    ),
    "qemu-system": (
        Need("qemu-system-aarch64", "qemu-system-arm", "the emulated machine"),
        Need("mke2fs", "e2fsprogs", "its disks"),
        *_BUNDLE,
    ),
}


# mke2fs stands in /sbin, which is not on an ordinary user's PATH.
_SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def host_findings(spec: DeviceSpec) -> list[Finding]:
    """Every program the kind needs here, found or not."""
    if spec.kind == "ssh" and spec.runtime == "system":
        return []
    return [
        Finding(f"{need.program}: {need.purpose}", True)
        if shutil.which(need.program, path=_SEARCH)
        else Finding(f"{need.program}: {need.purpose}", False, f"sudo apt-get install {need.package}")
        for need in NEEDS[spec.kind]
    ]
