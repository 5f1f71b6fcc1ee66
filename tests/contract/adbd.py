"""An Android-like device for tests: a real adbd over a userland of static mksh and busybox, in namespaces of its own.

Nothing in it can help a program that brings its own userland: there is no glibc, no Python, no `/lib`. adbd itself
lives in `/system/adbd` with its own loader and libraries. A `getprop`, a `dumpsys` and an `am` of a few lines stand in
for Android's. The `arm64` flavour runs every program under `qemu-aarch64`, through a private binfmt_misc.

adbd asks nobody for a password and listens on every address, so it gets a network namespace with nothing but a
loopback; its init process (`adbd_inside.py`) passes connections on from one loopback port of the
host. User, mount and process namespaces make it work for ordinary users and leave nothing behind.

`NEEDED` says what it takes of the host: for arm64 a kernel from 6.7 on or a qemu-aarch64 registered with binfmt_misc.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from adbd_inside import ADBD_PORT
from needs import program, require
from ports import held_port

from edgerig.cache import cache_root
from edgerig.devices.bundle.debian import download, unpack
from edgerig.devices.qemu.cpuinfo import CPUS, write_files

Arch = Literal["amd64", "arm64"]
SUITE = "trixie"  # the first with an adbd
# adbd with all it needs (its dependencies' closure), the shell, the tools.
PACKAGES = """
adbd android-libbase android-libboringssl android-libcutils android-liblog libbrotli1 libbsd0 libc6 libcap2 libgcc-s1
liblz4-1 libmd0 libprotobuf32t64 libstdc++6 libsystemd0 libxxhash0 libzstd1 zlib1g mksh busybox-static
"""
LAYOUT = "1"
"""Of `_assemble`: raise it with every change there."""
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
NEEDED = {
    "amd64": ("adb", "user namespaces"),
    "arm64": ("adb", "qemu-user-static", "g++", "user namespaces", "arm64 programs (binfmt_misc)"),
}
LOADERS = {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
INSIDE = Path(__file__).with_name("adbd_inside.py")
# What Android's toybox has as well; nothing here may be used that a phone lacks.
APPLETS = """
basename cat chmod cmp cp cut date dd df dirname du echo env expr false find free grep gunzip head id kill ln ls mkdir
mktemp mv nice nproc od printf ps pwd readlink realpath rm rmdir sed seq setsid sha256sum sleep sort stat sync tail tar
tee test timeout touch tr true tty uname uniq uptime wc which xargs yes zcat
"""
GETPROP = """\
#!/bin/sh
case $1 in
ro.product.manufacturer) echo Debian ;;
ro.product.model) echo 'Test Phone' ;;
ro.build.version.release) echo 14 ;;
ro.build.version.sdk) echo 34 ;;
ro.product.cpu.abi) echo @ABI@ ;;
ro.soc.model) echo QEMU ;;
*) echo ;;
esac
"""
# mksh writes here-documents to /tmp, which there is none of.
DUMPSYS = """\
#!/bin/sh
[ -f "/system/etc/$1" ] || { echo "Can't find service: $1" >&2; exit 1; }
cat "/system/etc/$1"
"""
# Brings an app to the front; here it notes which.
AM = """\
#!/bin/sh
echo "$*" >>/data/local/tmp/am.log
"""
SERVICES = {
    "battery": """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  status: 2
  health: 2
  present: true
  level: 87
  scale: 100
  voltage: 4212
  temperature: 284
  technology: Li-ion
""",
    "thermalservice": """\
IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
Thermal Status: 0
Cached temperatures:
\tTemperature{mValue=31.5, mType=3, mName=skin, mStatus=0}
""",
}


@dataclass
class AdbTarget:
    """A running device and the adb server that knows it. Clients need `environment` in theirs."""

    arch: Arch
    folder: Path
    port: int
    """The host's loopback port that leads to its adbd."""
    init: subprocess.Popen[bytes]
    server: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def adb(self, *args: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[bytes]:
        """The real client against this device's own server."""
        return subprocess.run(
            [program("adb", "adb"), *args],
            env={**os.environ, **self.environment},
            capture_output=True,
            timeout=timeout_s,
        )

    def restart_adbd(self) -> None:
        """Kills adbd and starts it again; what it had started there lives on, if it can."""
        self._tell(b"restart")

    def kill_adbd(self) -> None:
        self._tell(b"kill")

    def power_off(self) -> None:
        """Everything in it is gone at once, as when a plug is pulled."""
        self.init.kill()
        self.init.wait()

    def _tell(self, order: bytes) -> None:
        assert self.init.stdin is not None
        self.init.stdin.write(order + b"\n")
        self.init.stdin.flush()
        self._expect(b"done\n")

    def _expect(self, wanted: bytes) -> None:
        assert self.init.stdout is not None
        said = self.init.stdout.readline()
        assert said == wanted, f"the test device said {said!r}: {(self.folder / 'init.log').read_text()[-2000:]}"


@contextlib.contextmanager
def adb_target(
    arch: Arch = "amd64", *, data_bytes: int = 2**30, cpu: str = "cortex-a72", own_network: bool = True
) -> Iterator[AdbTarget]:
    """A device with `data_bytes` of space in /data, connected to an adb server of its own; gone on leaving.

    Without a network of its own it is reached without anything between: for callers in a namespace of their own.
    """
    require(*NEEDED[arch])
    system = system_folder(arch)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgerig-adbd-")))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        port = listener.getsockname()[1] if own_network else ADBD_PORT
        namespaces = ["--user", "--mount", "--pid", *(["--net"] if own_network else [])]
        facts = [arch, str(system), str(folder), str(listener.fileno()), str(data_bytes)]
        argv = [sys.executable, "-I", str(INSIDE), *facts, "own" if own_network else "shared"]
        write_files(CPUS[cpu], folder / "cpu")
        init = subprocess.Popen(
            ["unshare", *namespaces, "--map-root-user", "--fork", "--kill-child", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stack.enter_context((folder / "init.log").open("wb")),
            pass_fds=[listener.fileno()],
            env={"PATH": os.environ["PATH"], "QEMU_CPU": cpu},
        )
        stack.callback(_end, init)
        target = AdbTarget(arch, folder, port, init)
        target._expect(b"ready\n")
        listener.close()  # the device's init alone holds it now: a device that is off refuses connections
        with adb_server(folder) as (server, environment):
            target.server, target.environment = server, environment
            said = target.adb("connect", target.address)
            assert b"connected to" in said.stdout, said
            wait_for_state(target, "device")
            yield target


@contextlib.contextmanager
def adb_server(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """A private adb server with its own port and HOME, and the environment its clients need.

    HOME is for the server's key alone: clients keep theirs, where the caches are.
    """
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(held_port())
        environment = {"ANDROID_ADB_SERVER_PORT": str(port)}
        log = stack.enter_context((folder / "server.log").open("wb"))
        server = subprocess.Popen(
            [program("adb", "adb"), "-P", str(port), "nodaemon", "server"],
            env={**os.environ, **environment, "HOME": str(folder), "ADB_MDNS_AUTO_CONNECT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        stack.callback(_end, server)
        wait_for_port(port, server)
        yield server, environment


def wait_for_state(target: AdbTarget, state: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    wanted = f"{target.address}\t{state}".encode()
    while wanted not in (listed := target.adb("devices").stdout):
        assert time.monotonic() < deadline, listed
        time.sleep(0.05)


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        assert process.poll() is None and time.monotonic() < deadline, "the adb server did not start"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


# --- what the device is made of -------------------------------------------------------------------------------------


def system_folder(arch: Arch) -> Path:
    """The device's /system, made once and kept in the cache under a name of all that it is made from."""
    recipe = [SUITE, arch, PACKAGES, APPLETS, GETPROP, DUMPSYS, AM, repr(SERVICES), LAYOUT]
    key = hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:16]
    made = cache_root() / "test-targets" / f"android-{arch}-{key}"
    if not made.is_dir():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent, prefix=".making-") as folder:
            unpacked = _packages(arch, Path(folder))
            _assemble(arch, unpacked, Path(folder) / "system")
            with contextlib.suppress(OSError):  # another test process was faster
                os.rename(Path(folder) / "system", made)
    return made


def _packages(arch: Arch, folder: Path) -> Path:
    (folder / "unpacked").mkdir()
    for package in download(PACKAGES.split(), arch, SUITE, folder / "packages"):
        unpack(package, folder / "unpacked")
    return folder / "unpacked"


def _assemble(arch: Arch, unpacked: Path, system: Path) -> None:
    """`bin` with the shell, busybox and the shims; `adbd` with its libraries and loader beside it."""
    programs, services, adbd = system / "bin", system / "etc", system / "adbd"
    for folder in (programs, services, adbd):
        folder.mkdir(parents=True)
    [shell] = unpacked.glob("usr/lib/*-linux-musl/bin/mksh")
    shutil.copy(shell, programs / "sh")
    shutil.copy(unpacked / "usr/bin/busybox", programs / "busybox")
    for applet in APPLETS.split():
        (programs / applet).symlink_to("busybox")
    abi = {"amd64": "x86_64", "arm64": "arm64-v8a"}[arch]
    for name, text in (("getprop", GETPROP.replace("@ABI@", abi)), ("dumpsys", DUMPSYS), ("am", AM)):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    for name, text in SERVICES.items():
        (services / name).write_text(text, encoding="utf-8")
    shutil.copy(unpacked / "usr/lib/android-sdk/platform-tools/adbd", adbd / "adbd")
    libraries = unpacked / "usr/lib" / TRIPLETS[arch]
    for library in [*libraries.glob("*.so*"), *libraries.glob("android/*.so*")]:
        shutil.copy(library, adbd / library.name)
    loader = next(path for path in unpacked.glob(f"**/{LOADERS[arch]}") if path.is_file())
    shutil.copy(loader, adbd / "loader")
