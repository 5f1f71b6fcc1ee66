"""Initial ram disks for Linux: cpio archives in the "newc" format, and the order in which drivers must be loaded.

The kernel unpacks archives that stand one after the other as if they were one (initramfs buffer format,
Documentation/driver-api/early-userspace/buffer-format.rst), so what belongs to one boot can simply be appended.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig.errors import DeviceError

BLOCK_BYTES = 512
_DEPENDS = re.compile(rb"(?:^|\0)depends=([^\0]*)\0")


@dataclass(frozen=True)
class Entry:
    """A file (or, without content, a folder) of an archive; it belongs to root."""

    content: bytes | None
    permissions: int = 0o644


def archive(entries: Mapping[str, Entry]) -> bytes:
    """A cpio archive of `entries` by path ("bin/busybox"), folders before what is in them."""
    parts = [_record(name, entry, number) for number, (name, entry) in enumerate(entries.items(), 1)]
    whole = b"".join([*parts, _record("TRAILER!!!", Entry(b"", 0), 0)])
    return whole + bytes(-len(whole) % BLOCK_BYTES)


def _record(name: str, entry: Entry, inode: int) -> bytes:
    content = b"" if entry.content is None else entry.content
    mode = (stat.S_IFDIR if entry.content is None else stat.S_IFREG) | entry.permissions
    path = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device (2), special device (2), length of the name, checksum (unused)
    numbers = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(f"{number:08X}".encode() for number in numbers) + path
    return header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4)


def in_load_order(wanted: Sequence[str], folder: Path) -> list[Path]:
    """The files of the `wanted` kernel modules and of all they depend on, each after those it depends on.

    `folder` holds the kernel's modules. Raises DeviceError for one that is neither there nor built into the kernel.
    """
    files = {_plain(path.stem): path for path in folder.rglob("*.ko")}
    built_in = {_plain(Path(line).stem) for line in _lines(folder / "modules.builtin")}
    ordered: dict[str, Path] = {}

    def add(name: str) -> None:
        if name in ordered or name in built_in:
            return
        if name not in files:
            raise DeviceError(
                f"the kernel in {folder} has no module {name}", hint="its modules must be uncompressed .ko files"
            )
        for dependency in depends(files[name].read_bytes()):
            add(dependency)
        ordered[name] = files[name]

    for name in wanted:
        add(_plain(name))
    return list(ordered.values())


def depends(module: bytes) -> list[str]:
    """The modules a kernel module says it needs (`depends=` in its .modinfo)."""
    found = _DEPENDS.search(module)
    return [_plain(name) for name in found[1].decode("ascii", "replace").split(",") if name] if found else []


def _plain(name: str) -> str:
    """A module is the same by both spellings: virtio-rng.ko is virtio_rng."""
    return name.replace("-", "_")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DeviceError(
            f"{path}: cannot be read: {error.strerror}", hint="remove its folder and try again"
        ) from error
