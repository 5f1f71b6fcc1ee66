"""The disk, kernel and initrd of the emulated machine: Debian for arm64, made on the host without root.

Debian's packages are unpacked, not installed: no program of theirs runs here. What an installation would have set up
(users, sshd's configuration, what is started) are the few files of `guest/`; the machine starts through busybox's init.

An image is kept under a name made of everything it is asked to be, and made in a folder of its own that is renamed
into place: half an image is never seen, and when two are made at once the first counts. Debian's versions are those of
the day it was made, named in its `image.json`; removing its folder makes it anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.cache import cache_root, sync, temporary_folder, used
from edgerig.devices.bundle import Bundle, debian, userland
from edgerig.devices.findings import Finding, of_builders
from edgerig.devices.qemu import initrd
from edgerig.errors import DeviceError
from edgerig.spec import Device

SUITE = "bookworm"
ARCHITECTURE = "arm64"
KERNEL = "linux-image-cloud-arm64"
"""Depends on the package of the current kernel, and holds nothing itself."""
PROGRAMS = (
    "base-files",
    "busybox-static",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "openssh-server",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "procps",
    "python3-minimal",
    "python3.11-minimal",
    "sed",
    "tar",
    "util-linux",
)
"""What a small board's Debian has: a shell with its tools, sshd, and Python."""
LIBRARIES = (
    "libacl1",
    "libattr1",
    "libaudit1",
    "libblkid1",
    "libbz2-1.0",
    "libc6",
    "libcap-ng0",
    "libcap2",
    "libcom-err2",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "libgcrypt20",
    "libgmp10",
    "libgpg-error0",
    "libgssapi-krb5-2",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "liblz4-1",
    "liblzma5",
    "libmount1",
    "libncursesw6",
    "libnsl2",
    "libpam0g",
    "libpcre2-8-0",
    "libproc2-0",
    "libselinux1",
    "libsmartcols1",
    "libssl3",
    "libstdc++6",
    "libsystemd0",
    "libtinfo6",
    "libtirpc3",
    "libudev1",
    "libuuid1",
    "libwrap0",
    "libzstd1",
    "zlib1g",
)
"""What the programs' binaries are linked with (their NEEDED entries, followed to the end), and nothing else they name:
what they depend on beyond it is for installing them, which is not done."""
DRIVERS = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4")
UNUSED = ("boot", "lib/modules", "usr/share", "usr/lib/*/gconv", "var/cache", "var/lib")
"""What the disk does without: the kernel's own files, documentation, character sets of other times."""
GUEST = Path(__file__).resolve().parent / "guest"
GUEST_FILES = {
    "start": ("etc/edgerig/start", 0o755),
    "inittab": ("etc/inittab", 0o644),
    "sshd_config": ("etc/ssh/sshd_config", 0o644),
    "passwd": ("etc/passwd", 0o644),
    "group": ("etc/group", 0o644),
}
FOLDERS = ("dev", "home/edgerig", "opt", "proc", "root", "run", "sys", "tmp", "var/tmp")
DISK_MIB = 4096
"""Of the root disk as the machine sees it; the file takes only what is written."""
BUNDLE_SLACK = 1.3
"""What small files, inodes and directories take beyond the bytes in them."""
DISK_DEADLINE_S = 300.0
UNPACK_DEADLINE_S = 300.0
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STDERR_TAIL = 2000


@dataclass(frozen=True)
class VmImage:
    """Read-only: a machine writes to a copy of its own."""

    kernel: Path
    initrd: Path
    disk: Path


def vm_image(cache: Path) -> VmImage:
    """The image under `cache`, made if it is not there yet (seconds, and 50 MB of packages from Debian).

    Raises DeviceError naming the package to install when a tool is missing, or what failed.
    """
    folder = _place(cache)
    image = VmImage(folder / "kernel", folder / "initrd", folder / "root.ext4")
    if not folder.is_dir():
        try:
            _make(folder)
        except OSError as error:
            raise DeviceError(
                f"the machine's image could not be made in {cache}: {error}",
                hint="is there space? about 1 GB is needed",
            ) from error
    used(folder)
    return image


def is_made(cache: Path) -> bool:
    """Whether `vm_image` would find the image under `cache`."""
    return _place(cache).is_dir()


def host_findings(spec: Device) -> list[Finding]:
    """What the image takes to be made, unless it is."""
    return [] if is_made(cache_root() / "vm") else of_builders()


def bundle_disk(bundle: Bundle, cache: Path) -> Path:
    """A disk image under `cache` that holds the bundle, for a machine to read from: nothing is pushed.

    Made if it is not there yet (seconds). Raises DeviceError.
    """
    disk = cache / f"bundle-{bundle.key}.ext4"
    if disk.is_file():
        used(disk)
        return disk
    size_mib = int(bundle.manifest["unpacked_bytes"] * BUNDLE_SLACK / 2**20) + 64
    try:
        with temporary_folder(cache, ".making-") as temporary:
            made, tree = temporary / disk.name, temporary / "tree"
            tree.mkdir()
            # From the archive: what lies unpacked has its builder's permissions. -p: not this host's umask either.
            unpack = [tool("tar", "tar"), "-x", "-z", "-p", "--no-same-owner", "-f", str(bundle.archive)]
            _run([*unpack, "-C", str(tree)], UNPACK_DEADLINE_S)
            make_disk(tree, made, size_mib, "edgerig-bundle")
            sync(made)
            os.replace(made, disk)
    except OSError as error:
        raise DeviceError(
            f"the bundle's disk could not be made in {cache}: {error}", hint="is there space? about 500 MB are needed"
        ) from error
    return disk


def tool(name: str, package: str) -> str:
    """The path of a program, also where only root's path has it. Raises DeviceError naming its Debian package."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    if found is None:
        raise DeviceError(f"{name} is not installed on this machine", hint=f"apt-get install {package}")
    return found


def make_disk(tree: Path, disk: Path, size_mib: int, label: str) -> None:
    """Writes `disk`, a sparse file with an ext4 file system of `size_mib` that holds what is in `tree`.

    Files keep their owner's number, the top folder is root's. Raises DeviceError.
    """
    options = "root_owner=0:0,lazy_itable_init=1,nodiscard"
    argv = [tool("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", options]
    _run([*argv, "-L", label, "-d", str(tree), str(disk), f"{size_mib}M"], DISK_DEADLINE_S)


def _place(cache: Path) -> Path:
    return cache / f"debian-{_key()}"


def _key() -> str:
    """Of all that decides what an image is; Debian's versions do not: they are whatever the day of making had."""
    parts = [SUITE, KERNEL, *PROGRAMS, *LIBRARIES, "", *DRIVERS, "", *UNUSED, "", *FOLDERS, str(DISK_MIB)]
    digest = hashlib.sha256("\0".join(parts).encode())
    for path in (*sorted(path for path in GUEST.iterdir() if path.is_file()), Path(__file__), Path(initrd.__file__)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _make(folder: Path) -> None:
    begin = time.monotonic()
    with temporary_folder(folder.parent, ".making-") as temporary:
        tree, made = temporary / "tree", temporary / "image"
        made.mkdir()
        packages = _unpack(tree, temporary / "apt")
        _kernel(tree, made)
        _furnish(tree)
        make_disk(tree, made / "root.ext4", DISK_MIB, "edgerig-root")
        facts = {"packages": packages, "seconds": round(time.monotonic() - begin, 1)}
        (made / "image.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        for path in made.iterdir():
            sync(path)
        with contextlib.suppress(OSError):  # another process made the same; without it `vm_image` would not be done
            os.rename(made, folder)
    if not folder.is_dir():
        raise DeviceError(f"{folder} could not be made", hint="is its folder writable?")


def _kernel(tree: Path, made: Path) -> None:
    """Takes the kernel and makes the initrd that gets it to the disk."""
    kernels = sorted(tree.glob("boot/vmlinuz-*"))
    if len(kernels) != 1:
        raise DeviceError(f"one kernel was expected among {SUITE}'s packages, there are {len(kernels)}")
    shutil.copyfile(kernels[0], made / "kernel")
    modules = tree / "lib" / "modules" / kernels[0].name.removeprefix("vmlinuz-")
    entries = {name: initrd.Entry(None, 0o755) for name in ("bin", "dev", "drivers", "keys", "proc", "root", "sys")}
    entries["bin/busybox"] = initrd.Entry((tree / "bin" / "busybox").read_bytes(), 0o755)
    entries["init"] = initrd.Entry((GUEST / "init").read_bytes(), 0o755)
    for number, driver in enumerate(initrd.in_load_order(DRIVERS, modules)):
        entries[f"drivers/{number:02}-{driver.name}"] = initrd.Entry(driver.read_bytes())
    (made / "initrd").write_bytes(initrd.archive(entries))


def _furnish(tree: Path) -> None:
    """Turns unpacked packages into a system: what is not used goes, the guest's own files come."""
    for pattern in UNUSED:
        for path in tree.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in FOLDERS:
        (tree / name).mkdir(parents=True, exist_ok=True)
    for name, (place, permissions) in GUEST_FILES.items():
        target = tree / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(GUEST / name, target)
        target.chmod(permissions)
    if userland.can_compile():
        # Debian's installation does so: without it every start of Python compiles what it imports.
        userland.compile_modules(tree, tree / "usr" / "lib" / f"python{userland.PYTHON}")
    for path in tree.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)  # whatever this host's umask made of it
    (tree / "sbin" / "init").symlink_to("../bin/busybox")


def _unpack(tree: Path, apt: Path) -> list[str]:
    """Debian's packages below `tree`; their names and versions."""
    tree.mkdir()
    packages = debian.download([KERNEL, *PROGRAMS, *LIBRARIES], ARCHITECTURE, SUITE, apt / "system")
    packages = [package for package in packages if package.name != KERNEL] + debian.download(
        [_current_kernel(apt / "system")], ARCHITECTURE, SUITE, apt / "kernel"
    )
    for package in packages:
        debian.unpack(package, tree)
    return [f"{package.name} {package.version}" for package in packages]


def _current_kernel(folder: Path) -> str:
    """The package of the kernel that `KERNEL` stands for."""
    field = _run([tool("dpkg-deb", "dpkg"), "-f", *map(str, folder.glob(f"{KERNEL}_*.deb")), "Depends"], 60.0)
    found = re.match(r"linux-image-[a-z0-9.+-]+", field)
    if found is None:
        raise DeviceError(f"{KERNEL} names no kernel: {field[:200]!r}", hint=f"look for another kernel in {SUITE}")
    return found[0]


def _run(argv: Sequence[str], deadline_s: float) -> str:
    """What a tool of this host prints. Raises DeviceError with the end of what it complained of."""
    name = Path(argv[0]).name
    try:
        done = process.run(argv, timeout_s=deadline_s, env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"})
    except OSError as error:
        raise DeviceError(f"{name} cannot be started: {error.strerror}", hint="is it installed?") from error
    if done.timed_out:
        raise DeviceError(
            f"{name} passed its deadline of {deadline_s:g} s", hint="is this machine very busy? try again"
        )
    if done.returncode != 0:
        tail = done.stderr[-STDERR_TAIL:].decode("utf-8", "replace").strip()
        raise DeviceError(f"{name} ended with {process.signal_name(done.returncode)}: {tail}")
    return done.stdout.decode("utf-8", "replace")
