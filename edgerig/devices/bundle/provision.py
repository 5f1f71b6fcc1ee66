"""Bringing the bundle to a device, over whatever transport reaches it, and once only.

    <workdir>/bundles/<key>/       the bundle, `complete` in it
                      .new-*/      one on its way; removed at the end, or by a later provisioning when its host died

A bundle is pushed as one archive beside a static busybox of the device's architecture, which unpacks it: the device
needs a kernel and a file system, no tar, no gzip and no Python. It is checked by being started, and gets its name by
a rename as the very last step: what has the name is whole. Two hosts may provision at once; the first to finish wins.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence

from edgerig import process
from edgerig.devices.bundle import Bundle, bundle
from edgerig.devices.device import OpenDevice
from edgerig.devices.transport import CommandResult, Transport
from edgerig.errors import DeployMismatch, DeviceError

COMMAND_TIMEOUT_S = 60.0
UNPACK_TIMEOUT_S = 600.0
START_TIMEOUT_S = 300.0
"""On the slowest device there is, an emulated one on a busy host."""
STALE_MINUTES = 120
SAID_LIMIT = 400

# Run by the bundle's own Python, so that a rename is only reached by a bundle that starts. The rename of a folder onto
# one that is not empty fails, and then another host's is in place.
_FINISH = """\
import importlib.metadata, os, sys
import numpy
new, final, key = sys.argv[1:]
with open(os.path.join(new, "complete"), "w") as file:
    file.write(key)
os.sync()
try:
    os.rename(new, final)
except OSError:
    if not os.path.isfile(os.path.join(final, "complete")):
        raise
print("ready", key)
"""


def provision(transport: Transport, workdir: str, arch: str) -> OpenDevice:
    """The device behind `transport` with the bundle for `arch` in its folder `workdir`, pushed if it is not there.

    `arch` is the kernel's name (`uname -m`). Raises DeviceError.
    """
    found = bundle(arch)
    root = f"{workdir}/bundles/{found.key}"
    python = found.python(root)
    if not _complete(transport, root, found.key):
        _bring(transport, found, f"{workdir}/bundles", root)
    return OpenDevice(
        transport=transport,
        workdir=workdir,
        # The device's own environment (a preloaded library, say) has no say in a measurement.
        python=(f"{root}/bin/busybox", "env", "-i", *python),
        executorch_library=found.executorch_library(root),
    )


def _complete(transport: Transport, root: str, key: str) -> bool:
    said = transport.run(["cat", f"{root}/complete"], COMMAND_TIMEOUT_S)
    return said.returncode == 0 and said.stdout.decode("ascii", "replace").strip() == key


def _bring(transport: Transport, found: Bundle, bundles: str, root: str) -> None:
    """Pushes, unpacks, starts and names the bundle. Raises DeviceError, leaving nothing of this attempt behind."""
    with _folder(transport, bundles) as new:
        busybox, archive = f"{new}/busybox", f"{new}/archive.tar.gz"
        transport.push(found.busybox, busybox)
        _do(transport, ["chmod", "755", busybox], "made runnable")
        transport.push(found.archive, archive)
        digest = _do(transport, [busybox, "sha256sum", archive], "read back", UNPACK_TIMEOUT_S).stdout[:64]
        if digest.decode("ascii", "replace") != found.manifest["archive_sha256"]:
            raise DeployMismatch(
                f"the bundle arrived with sha256 {digest.decode('ascii', 'replace')}, "
                f"{found.manifest['archive_sha256']} was sent",
                hint="try again; if it repeats, the device's storage is failing",
            )
        _do(transport, [busybox, "mkdir", f"{new}/root"], "unpacked")
        _do(transport, [busybox, "tar", "-xzf", archive, "-C", f"{new}/root"], "unpacked", UNPACK_TIMEOUT_S)
        finish = [*found.python(f"{new}/root"), "-c", _FINISH, f"{new}/root", root, found.key]
        said = _do(transport, finish, "started", START_TIMEOUT_S).stdout
        if said.decode("ascii", "replace").strip() != f"ready {found.key}":
            raise DeviceError(f"the bundle's Python said {said[:SAID_LIMIT]!r} instead of being ready")
        _do(transport, [busybox, "find", bundles, *_STALE], "tidied up after")


_STALE = (
    *("-mindepth", "1", "-maxdepth", "1", "-name", ".new-*", "-mmin", f"+{STALE_MINUTES}"),
    *("-exec", "rm", "-rf", "{}", ";"),
)


@contextlib.contextmanager
def _folder(transport: Transport, bundles: str) -> Iterator[str]:
    """A fresh folder for a bundle on its way, removed at the end whatever happened."""
    new = f"{bundles}/.new-{secrets.token_hex(6)}"
    _do(transport, ["mkdir", "-p", new], "given a folder")
    try:
        yield new
    finally:
        with contextlib.suppress(DeviceError):  # over a link that is gone nothing can be removed; the error counts
            transport.run(["rm", "-rf", new], COMMAND_TIMEOUT_S)


def _do(transport: Transport, argv: Sequence[str], what: str, timeout_s: float = COMMAND_TIMEOUT_S) -> CommandResult:
    """A command that must succeed. Raises DeviceError with what it said."""
    done = transport.run(argv, timeout_s)
    if done.timed_out or done.returncode != 0:
        ending = f"its deadline of {timeout_s:g} s passed" if done.timed_out else process.signal_name(done.returncode)
        said = (done.stderr or done.stdout)[-SAID_LIMIT:].decode("utf-8", "replace").strip()
        raise DeviceError(
            f"the bundle could not be {what} on the device ({ending}): {said or 'it said nothing'}", hint=_hint(said)
        )
    return done


def _hint(said: str) -> str:
    if "No space left" in said:
        return "free some space on the device: a bundle needs 250 MB in its workdir"
    if "Permission denied" in said:
        return 'is "workdir" writable, and not on a file system mounted noexec? set it in the device file'
    if "Exec format error" in said or "ELF" in said:
        return "the system is not of the architecture its kernel names; a 64-bit userland is needed"
    return 'is "workdir" in the device file a writable folder with 250 MB of space, not mounted noexec?'
