"""Bringing a bundle, or a set of wheels, to a device, over whatever transport reaches it, and once only.

    <workdir>/bundles/<key>/       the bundle or the set, `complete` in it: its time is when it was last used
                      .new-*/      one on its way in or out; removed at the end, or by `tidy` when its host died

A bundle is pushed as one archive beside a static busybox of the device's architecture, which unpacks it: the device
needs a kernel and a file system, no tar, no gzip and no Python. A set of wheels is unpacked by the Python it is for.
Each is checked by being started, and gets its name by a rename as the very last step: what has the name is whole. Two
hosts may provision at once; the first to finish wins.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator, Sequence

from edgerig import process
from edgerig.devices.bundle import Bundle, bundle
from edgerig.devices.bundle.wheel_set import PACKAGES, WheelSet
from edgerig.devices.device import PosixDevice, Runtime
from edgerig.devices.transport import Transport
from edgerig.errors import DeployMismatch, DeviceError
from edgerig.process import Finished

COMMAND_TIMEOUT_S = 60.0
UNPACK_TIMEOUT_S = 600.0
START_TIMEOUT_S = 300.0
"""On the slowest device there is, an emulated one on a busy host."""
STALE_MINUTES = 120
UNUSED_MINUTES = 24 * 60
"""A bundle not used for so long is no longer wanted by its host: another host's version may share the device."""
SPACE_MB = 300
"""What a bundle takes while it is brought: unpacked, packed, and packed in the store of what was pushed."""
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
# Run by the device's own Python: what arrived is what was sent, then it is unpacked. This host packed it; "data"
# (PEP 706) is for Pythons that ask which filter is meant.
_UNPACK = """\
import hashlib, sys, tarfile
archive, root, sent = sys.argv[1:]
with open(archive, "rb") as file:
    found = hashlib.file_digest(file, "sha256").hexdigest()
if found != sent:
    print("changed", found)
    sys.exit()
with tarfile.open(archive, "r:gz") as packed:
    packed.extractall(root, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
print("unpacked")
"""
# $1 the bundles' folder, $2 the key to keep, $3 and $4 after how many minutes what is on its way, and a bundle, may go.
# What has a key for its name is whole, so the name goes first. Of a process /proc tells which files it has mapped, its
# program and its libraries among them (proc(5)).
_TIDY = """\
cd "$1" 2>/dev/null || exit 0
find . -maxdepth 1 -name '.new-*' -type d -mmin "+$3" -exec rm -rf {} \\;
here=$(pwd -P)
for b in *; do
  [ "$b" != "$2" ] && [ -n "$(find "$b/complete" -mmin "+$4" 2>/dev/null)" ] || continue
  grep -qsF " $here/$b/" /proc/[0-9]*/maps && continue
  s=$(du -sk "$b")
  mv "$b" ".new-$$-$b" && rm -rf ".new-$$-$b" && echo "removed ${s%%[!0-9]*}"
done
exit 0
"""
_REMOVED = re.compile(rb"removed ([0-9]{0,12})")
# The touch must not keep a bundle from being used: a clock or a file system may refuse it.
_USE = 'touch -c "$1" 2>/dev/null; exec cat "$1"'


def provision(transport: Transport, workdir: str, arch: str, no_wheels: str = "") -> PosixDevice:
    """The device behind `transport` with the bundle for `arch` in its folder `workdir`, pushed if it is not there.

    `arch` is the kernel's name (`uname -m`); `no_wheels` says why not wheels, where they were possible. Raises
    DeviceError.
    """
    found = bundle(arch)
    root = f"{workdir}/bundles/{found.key}"
    python = found.python(root)
    if not is_provisioned(transport, workdir, found.key):
        with _room_for(transport, workdir, found.key) as new:
            _bring(transport, found, new, root)
    return PosixDevice(
        transport=transport,
        workdir=workdir,
        # The device's own environment (a preloaded library, say) has no say in a measurement.
        python=(f"{root}/bin/busybox", "env", "-i", *python),
        executorch_library=found.executorch_library(root),
        runtime=Runtime("bundle", found.key, no_wheels),
        clock=found.clock(root),
    )


def provision_wheels(transport: Transport, workdir: str, found: WheelSet) -> PosixDevice:
    """The device behind `transport` with the set in its folder `workdir`, pushed if it is not there. Raises
    DeviceError."""
    root = f"{workdir}/bundles/{found.key}"
    python = found.python(root)
    if not is_provisioned(transport, workdir, found.key):
        with _room_for(transport, workdir, found.key) as new:
            _bring_wheels(transport, found, new, root)
    return PosixDevice(
        transport=transport,
        workdir=workdir,
        python=python,
        executorch_library=found.executorch_library(root),
        library_reason=found.no_runner,
        library_remedy=found.remedy if found.no_runner else "",
        runtime=Runtime("wheels", found.key),
    )


def tidy(transport: Transport, workdir: str, key: str) -> tuple[int, int]:
    """Removes what hosts that died left on its way, and every bundle but `key` that was not used for a day and that
    nothing runs from. How many bundles, and their bytes. Raises DeviceError."""
    arguments = [f"{workdir}/bundles", key, str(STALE_MINUTES), str(UNUSED_MINUTES)]
    said = _do(transport, ["sh", "-c", _TIDY, "tidy", *arguments], "looked for", UNPACK_TIMEOUT_S).stdout
    sizes = [int(size or 0) * 1024 for size in _REMOVED.findall(said)]
    return len(sizes), sum(sizes)


def is_provisioned(transport: Transport, workdir: str, key: str) -> bool:
    """Whether the bundle `key` is there, which counts as using it. Raises DeviceError."""
    file = f"{workdir}/bundles/{key}/complete"
    said = transport.run(["sh", "-c", _USE, "use", file], COMMAND_TIMEOUT_S)
    return said.returncode == 0 and said.stdout.decode("ascii", "replace").strip() == key


def _bring(transport: Transport, found: Bundle, new: str, root: str) -> None:
    """Pushes, unpacks, starts and names the bundle, by way of the folder `new`. Raises DeviceError."""
    busybox, archive = f"{new}/busybox", f"{new}/archive.tar.gz"
    transport.push(found.busybox, busybox)
    _do(transport, ["chmod", "755", busybox], "made runnable")
    transport.push(found.archive, archive)
    digest = _do(transport, [busybox, "sha256sum", archive], "read back", UNPACK_TIMEOUT_S).stdout[:64]
    _refuse_changed(digest.decode("ascii", "replace"), found.manifest["archive_sha256"])
    _do(transport, [busybox, "mkdir", f"{new}/root"], "unpacked")
    _do(transport, [busybox, "tar", "-xzf", archive, "-C", f"{new}/root"], "unpacked", UNPACK_TIMEOUT_S)
    _finish(transport, found.python(f"{new}/root"), f"{new}/root", root, found.key)


def _bring_wheels(transport: Transport, found: WheelSet, new: str, root: str) -> None:
    """Pushes, unpacks, compiles where this host could not, starts and names the set. Raises DeviceError."""
    python, archive = [found.own.executable, "-I"], f"{new}/archive.tar.gz"
    transport.push(found.archive, archive)
    unpack = [*python, "-c", _UNPACK, archive, f"{new}/root", found.manifest["archive_sha256"]]
    said = _do(transport, unpack, "unpacked", UNPACK_TIMEOUT_S).stdout.decode("ascii", "replace").split()
    if said[:1] == ["changed"]:
        _refuse_changed(said[-1], found.manifest["archive_sha256"])
    if not found.manifest["python_compiled"]:
        # Without it every start takes longer; that it fails (a module for a newer Python, say) costs no more than that.
        compileall = [*python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        transport.run([*compileall, f"{new}/root/{PACKAGES}"], UNPACK_TIMEOUT_S)
    _finish(transport, found.python(f"{new}/root"), f"{new}/root", root, found.key)


def _refuse_changed(arrived: str, sent: str) -> None:
    if arrived != sent:
        raise DeployMismatch(
            f"the bundle arrived with sha256 {arrived}, {sent} was sent",
            hint="try again; if it repeats, the device's storage is failing",
        )


def _finish(transport: Transport, python: Sequence[str], new: str, root: str, key: str) -> None:
    """Starts what stands at `new` and gives it its name. Raises DeviceError."""
    said = _do(transport, [*python, "-c", _FINISH, new, root, key], "started", START_TIMEOUT_S).stdout
    if said.decode("ascii", "replace").strip() != f"ready {key}":
        raise DeviceError(f"the bundle's Python said {said[:SAID_LIMIT]!r} instead of being ready")


@contextlib.contextmanager
def _room_for(transport: Transport, workdir: str, key: str) -> Iterator[str]:
    """A fresh folder for what is on its way, removed at the end whatever happened; what is in the way goes before."""
    with contextlib.suppress(DeviceError):  # what cannot be removed is no reason to bring nothing
        tidy(transport, workdir, key)
    new = f"{workdir}/bundles/.new-{secrets.token_hex(6)}"
    _do(transport, ["mkdir", "-p", new], "given a folder")
    try:
        yield new
    finally:
        with contextlib.suppress(DeviceError):  # over a link that is gone nothing can be removed; the error counts
            transport.run(["rm", "-rf", new], COMMAND_TIMEOUT_S)


def _do(transport: Transport, argv: Sequence[str], what: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Finished:
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
        return f"free some space on the device: a bundle needs {SPACE_MB} MB in its workdir"
    if "Permission denied" in said:
        return 'is "workdir" writable, and not on a file system mounted noexec? set it in the device file'
    if "Exec format error" in said or "ELF" in said:
        return "the system is not of the architecture its kernel names; a 64-bit userland is needed"
    return f'is "workdir" in the device file a writable folder with {SPACE_MB} MB of space, not mounted noexec?'
