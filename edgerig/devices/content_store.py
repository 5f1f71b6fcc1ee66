"""Cleaning the content-addressed store a device keeps of what was pushed to it (`push` of ssh and adb fills it).

Files are named by their SHA-256 and are linked, where the filesystem can, to where they were pushed: removing one
frees its space once no job holds it. What was used longest ago goes first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgerig.devices import leftovers
from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError

TIMEOUT_S = 120.0
FILES_AT_ONCE = 200

_LIST = '[ -d "$1" ] || exit 0; cd "$1" && ls -tln'
_LINE = re.compile(r"-[rwx-]{9}\S? +[0-9]+ +[0-9]+ +[0-9]+ +([0-9]{1,15}) .* ([0-9a-f]{64})")


@dataclass(frozen=True)
class Cleaned:
    """What a clean-up did: files removed, files kept."""

    removed: int
    removed_bytes: int
    kept: int
    kept_bytes: int


def clean(transport: Transport, workdir: str, keep_bytes: int) -> Cleaned:
    """Leaves the most recently used files of the store in `workdir`, together at most `keep_bytes`, and removes what
    interrupted uploads and jobs left behind. Raises DeviceError."""
    leftovers.sweep(transport, workdir)
    listed = _do(transport, ["sh", "-c", _LIST, "list", f"{workdir}/store"])
    kept, doomed = split(listed.decode("ascii", "replace"), keep_bytes)
    names = [f"{workdir}/store/{name}" for name, _ in doomed]
    for start in range(0, len(names), FILES_AT_ONCE):
        _do(transport, ["rm", "-f", *names[start : start + FILES_AT_ONCE]])
    return Cleaned(len(doomed), sum(size for _, size in doomed), len(kept), sum(size for _, size in kept))


def split(listing: str, keep_bytes: int) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """(name, bytes) of the files to keep and to remove, from `ls -tln`, whose first line is the latest used.

    Every file after the first that does not fit goes, so that none stays only for being small. Other lines and names
    are not ours and are left alone.
    """
    kept: list[tuple[str, int]] = []
    doomed: list[tuple[str, int]] = []
    total = 0
    for line in listing.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        total += int(found[1])
        (kept if total <= keep_bytes else doomed).append((found[2], int(found[1])))
    return kept, doomed


def _do(transport: Transport, argv: list[str]) -> bytes:
    done = transport.run(argv, TIMEOUT_S)
    if done.returncode != 0 or done.timed_out:
        said = done.stderr[-300:].decode("utf-8", "replace").strip()
        raise DeviceError(f"the device's store could not be cleaned: {said}", hint="is its workdir writable?")
    return done.stdout
