"""Process 1 of the Android-like test device, run as a script in the namespaces `adbd.py` made for it.

It mounts the device's file system, starts adbd in it, and passes connections on from a socket of the host's network,
which it inherited, to adbd, which is alone in a network of its own. Orders come on standard input; when that ends, the
device is gone, and all that runs in it.

    python adbd_inside.py ARCH SYSTEM-FOLDER FOLDER LISTENER-FD DATA-BYTES own|shared
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

BINFMT = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
ADBD_PORT = 6555
"""Not one where an adb server looks for emulators by itself (5555 to 5585)."""
START_DEADLINE_S = 60.0
INTERPRETER = """\
#include <stdlib.h>
#include <unistd.h>

/* Called by binfmt_misc with flag P: interpreter, path, argv[0], the program's arguments. */
int main(int argc, char **argv) {
  char **args = calloc(argc + 4, sizeof *args);
  if (!args || argc < 3) return 126;
  args[0] = "qemu"; args[1] = "-cpu"; args[2] = CPU; args[3] = "-0"; args[4] = argv[2]; args[5] = argv[1];
  for (int i = 3; i < argc; i++) args[i + 3] = argv[i];
  execv("/qemu/qemu", args);
  return 126;
}
"""


def _main(arch: str, system: str, folder: str, listener: int, data_bytes: int, own_network: bool) -> None:
    root = Path(folder) / "root"
    _mount_all(arch, Path(system), root, data_bytes)
    if own_network:
        loopback_up()
    asyncio.run(Init(root, socket.socket(fileno=listener)).serve())


def _mount_all(arch: str, system: Path, root: Path, data_bytes: int) -> None:
    for part in ("system", "dev", "proc", "data", "sys/devices/system/cpu"):
        (root / part).mkdir(parents=True)
    (root / "bin").symlink_to("system/bin")
    _mount("--bind", str(system), str(root / "system"))
    _mount("-o", "remount,bind,ro", str(root / "system"))
    _mount("-t", "tmpfs", "-o", f"size={data_bytes}", "tmpfs", str(root / "data"))
    (root / "data/local/tmp").mkdir(parents=True)
    _mount("-t", "proc", "proc", str(root / "proc"))
    for device in ("null", "zero", "urandom", "random"):
        (root / "dev" / device).touch()
        _mount("--bind", f"/dev/{device}", str(root / "dev" / device))
    cpu = root.parent / "cpu"  # what an arm64 machine's kernel would tell
    if arch == "arm64":
        _mount("--bind", str(cpu / "proc/cpuinfo"), str(root / "proc/cpuinfo"))
        _speak_arm64(root.parent / "binfmt", root)
    for name in ("possible", "present", "online"):
        source = (cpu if arch == "arm64" else Path("/")) / "sys/devices/system/cpu" / name
        shutil.copy(source, root / "sys/devices/system/cpu" / name)


def _speak_arm64(formats: Path, root: Path) -> None:
    """arm64 programs run under QEMU from here on.

    Since Linux 6.7 a user namespace has a binfmt_misc of its own; before, the host's must have QEMU registered.
    """
    formats.mkdir()
    try:
        _mount("-t", "binfmt_misc", "binfmt_misc", str(formats))
    except subprocess.CalledProcessError:
        if not Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists():
            raise
        return
    interpreter = _interpreter(root / "qemu")
    *matching, _, _ = BINFMT.read_text(encoding="ascii").strip().split(":")
    # P: the program's own argv[0] is handed on. Looked up in the device's root, at each start.
    (formats / "register").write_text(":".join([*matching, interpreter, "P"]), encoding="ascii")


def _interpreter(folder: Path) -> str:
    """QEMU with its processor fixed, in the device's root; gives its path there.

    QEMU_CPU in the environment would not do: whoever clears it, as edgerig does for a job, would get the processor
    "max" instead, whose 8-bit matrix products QEMU 7.2 computes wrongly.
    """
    folder.mkdir()
    shutil.copy("/usr/bin/qemu-aarch64-static", folder / "qemu")
    source = folder / "interpreter.c"
    source.write_text(INTERPRETER, encoding="ascii")
    cpu = os.environ["QEMU_CPU"]
    compile_it = ["gcc", "-static", "-O1", f'-DCPU="{cpu}"', "-o", str(folder / "interpreter"), str(source)]
    subprocess.run(compile_it, check=True, timeout=60)
    return "/qemu/interpreter"


def _mount(*args: str) -> None:
    subprocess.run(["mount", *args], check=True, timeout=20)


def loopback_up() -> None:
    """Sets IFF_UP on lo (SIOCSIFFLAGS, netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, 0x8914, struct.pack("16sh14x", b"lo", 0x1))


class Init:
    """Starts adbd, passes connections on to it, reaps orphans; ends, and all with it, when the host lets go."""

    def __init__(self, root: Path, listener: socket.socket) -> None:
        self._root = root
        self._listener = listener
        self._adbd: subprocess.Popen[bytes] | None = None

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        await self._start_adbd()
        server = await asyncio.start_server(leading_to(ADBD_PORT), sock=self._listener)
        print("ready", flush=True)
        orders = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        async with server:
            while order := (await orders.readline()).strip():
                self._kill_adbd()
                if order == b"restart":
                    await self._start_adbd()
                print("done", flush=True)

    async def _start_adbd(self) -> None:
        argv = ["/system/adbd/loader", "--library-path", "/system/adbd", "/system/adbd/adbd"]
        kept = {"QEMU_CPU": os.environ["QEMU_CPU"], "ADBD_PORT": str(ADBD_PORT), "PATH": "/bin"}
        self._adbd = subprocess.Popen(
            argv, env=kept, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=self._enter_root
        )
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", ADBD_PORT)
                writer.close()
                return
            if time.monotonic() > deadline:
                raise TimeoutError("adbd does not listen")
            await asyncio.sleep(0.02)

    def _enter_root(self) -> None:
        os.chroot(self._root)
        os.chdir("/")

    def _kill_adbd(self) -> None:
        if self._adbd is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._adbd.pid, signal.SIGKILL)
            self._adbd = None

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def leading_to(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[object, object, None]]:
    """What is done with a connection: it is passed on to `port` of this network's loopback."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        writer.close()

    return pass_on


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(OSError):
            while piece := await reader.read(2**18):
                writer.write(piece)
                await writer.drain()
    finally:
        writer.close()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6] == "own")
