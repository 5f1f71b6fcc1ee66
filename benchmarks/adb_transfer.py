"""Upload throughput against `adb push`, over a real adb server and a real adbd, interleaved.

    python benchmarks/adb_transfer.py [--rounds 5] [--megabytes 50] [--link loopback|delayed|throttled]

Links: `loopback` as it is; `delayed` with 50 ms added to each round trip; `throttled` to 100 Mbit/s; both by a proxy in
user space. All of it runs in a network namespace of its own. A round sends one fresh file by each side in turn:

- `adb push`, which verifies nothing;
- `adb push` and `sha256sum` here and on the device: what gives the certainty our push gives;
- our `push` of a file the device does not have, and once more of one it has.

A ratio is ours over theirs, within a round: above 1 we are faster. On loopback every side is bound by this machine's
processors, so that each hash costs throughput; over a real cable or network the link is the bound.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from links import LINKS, MEGABYTE, Link, Send, arguments, rate
from ratios import machine, per_round

from edgerig.devices.adb import AdbTransport
from edgerig.devices.kinds.adb import AdbDevice
from edgerig.errors import EdgerigError, RunError
from edgerig.spec import PACKAGE

# The tests' own adbd and slow links.
sys.path.extend(str(PACKAGE.parent / folder) for folder in ("tests", "tests/contract"))

import adbd
import adbd_inside
import slow_link

DEADLINE_S = 600.0
INSIDE = "EDGERIG_BENCHMARK_INSIDE"
REMOTE = "/data/local/tmp"
ROOM_BYTES = 2**31


GOALS = {"loopback": 1.0, "delayed": 0.95, "throttled": 0.95}
"""The least ratio aimed at against a push that is verified as ours is."""


def main() -> None:
    given = arguments(__doc__, most_megabytes=400)
    try:
        if INSIDE not in os.environ:
            sys.exit(_again_inside())
        adbd_inside.loopback_up()
        print(machine())
        print(f"rounds: {given.rounds}; files of {given.megabytes:g} MB, fresh each time")
        for name in given.link or LINKS:
            with tempfile.TemporaryDirectory(prefix="edgerig-transfer-") as temporary:
                compare(name, Path(temporary), int(given.megabytes * MEGABYTE), given.rounds)
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)


def _again_inside() -> int:
    """This program once more, in a network namespace with nothing in it but a loopback.

    The device is made of Debian packages, which are fetched before: there is no network inside.
    """
    adbd.system_folder("amd64")
    # The script's own way, not -m: its folder is where `ratios` is found.
    command = ["unshare", "--user", "--map-root-user", "--net", sys.executable, *sys.argv]
    return subprocess.run(command, env={**os.environ, INSIDE: "yes"}, check=False).returncode


def compare(name: str, folder: Path, size: int, rounds: int) -> None:
    """Sends by every side in turn over the link `name`, and prints what was found."""
    link = LINKS[name]
    with _device(link) as (target, address):
        spec = AdbDevice(name="benchmark", kind="adb", connect=address)
        with AdbTransport(spec) as transport:
            transport.prepare()
            sides: dict[str, Send] = {
                "adb push": lambda local, remote: _adb_push(target, address, local, remote),
                "adb push, verified": lambda local, remote: _verified(target, address, local, remote),
                "edgerig": transport.push,
                "edgerig, there already": transport.push,
            }
            seconds: dict[str, list[float]] = {side: [] for side in sides}
            for turn in range(rounds + 1):  # the first one fills the caches and does not count
                for side, send in sides.items():
                    took = _send(transport, send, folder / "sent", size, known=side == "edgerig, there already")
                    if turn:
                        seconds[side].append(took)
    for side in ("edgerig", "edgerig, there already"):
        for peer in ("adb push", "adb push, verified"):
            ratio = per_round(seconds[peer], seconds[side])
            aim = f"; goal at least {GOALS[name]:g}" if (side, peer) == ("edgerig", "adb push, verified") else ""
            print(
                f"adb {name}: {side} {rate(size, seconds[side])} MB/s, {peer} {rate(size, seconds[peer])} MB/s, "
                f"{ratio}{aim}"
            )


@contextlib.contextmanager
def _device(link: Link) -> Iterator[tuple[adbd.AdbTarget, str]]:
    """A device that nothing but the link lies before, and its address."""
    with adbd.adb_target(own_network=False, data_bytes=ROOM_BYTES) as target:
        os.environ.update(target.environment)
        if link.plain:
            yield target, target.address
            return
        with slow_link.slow_link(target.port, round_trip_s=link.round_trip_s, bytes_per_s=link.bytes_per_s) as proxy:
            yield target, f"127.0.0.1:{proxy.port}"


def _send(transport: AdbTransport, send: Send, local: Path, size: int, *, known: bool) -> float:
    """Seconds of one upload, which must have arrived whole; of fresh bytes, or of those the device was sent before."""
    local.write_bytes(os.urandom(size))
    expected = _sha256(local)
    if known:
        transport.push(local, f"{REMOTE}/before")
    begin = time.perf_counter()
    send(local, f"{REMOTE}/arrived")
    seconds = time.perf_counter() - begin
    if _sha256_there(transport, f"{REMOTE}/arrived") != expected:
        raise RunError("what arrived is not what was sent")
    transport.run(["sh", "-c", f"rm -f {REMOTE}/arrived {REMOTE}/before {REMOTE}/edgerig/store/*"], DEADLINE_S)
    return seconds


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_there(transport: AdbTransport, remote: str) -> str:
    return transport.run(["sha256sum", remote], DEADLINE_S).stdout[:64].decode()


def _adb_push(target: adbd.AdbTarget, address: str, local: Path, remote: str) -> None:
    _peer(target, "-s", address, "push", str(local), remote)


def _verified(target: adbd.AdbTarget, address: str, local: Path, remote: str) -> None:
    """What `adb push` and the usual tools give: the file under a temporary name, compared, then renamed."""
    part = f"{remote}.part"
    _adb_push(target, address, local, part)
    said = _peer(target, "-s", address, "shell", f"sha256sum {shlex.quote(part)}")
    if said[:64].decode() != _sha256(local):
        raise RunError("what arrived is not what was sent")
    _peer(target, "-s", address, "shell", f"mv {shlex.quote(part)} {shlex.quote(remote)}")


def _peer(target: adbd.AdbTarget, *args: str) -> bytes:
    done = target.adb(*args, timeout_s=DEADLINE_S)
    if done.returncode != 0:
        raise RunError(
            f"adb {' '.join(args[2:])} failed: {(done.stdout + done.stderr)[-500:].decode(errors='replace')}"
        )
    return done.stdout


if __name__ == "__main__":
    main()
