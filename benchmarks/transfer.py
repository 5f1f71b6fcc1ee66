"""Upload throughput against `scp` and `sftp`, over a real sshd on loopback, interleaved.

    python benchmarks/transfer.py [--rounds 5] [--megabytes 50] [--link loopback] [--link delayed] [--link throttled]

Links: `loopback` as it is; `delayed` with 50 ms added to each round trip; `throttled` to 100 Mbit/s; both by a proxy in
user space. A round sends one fresh file by each side in turn. Our side is `push` on an open transport, as in a sweep,
with the hash verified on the device, and once more with connecting and logging in, as `scp` and `sftp` do each time.
The peers verify nothing. A ratio is ours over theirs, within a round: above 1 we are faster.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from links import LINKS, MEGABYTE, Link, Send, arguments, rate
from ratios import machine, per_round

from edgerig.devices.kinds.ssh import SshDevice
from edgerig.devices.ssh import SshTransport
from edgerig.errors import EdgerigError, RunError
from edgerig.spec import PACKAGE

# The tests' own sshd and slow links.
sys.path.extend(str(PACKAGE.parent / folder) for folder in ("tests", "tests/contract"))

import slow_link
import sshd

DEADLINE_S = 600.0


GOALS = {"loopback": 0.85, "delayed": 0.95, "throttled": 0.95}
"""The least ratio to either peer that is aimed at."""


def main() -> None:
    given = arguments(__doc__, most_megabytes=2000)
    print(machine())
    print(f"rounds: {given.rounds}; files of {given.megabytes:g} MB, fresh each time")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="edgerig-transfer-") as temporary,
            sshd.running(Path(temporary) / "sshd") as server,
        ):
            for name in given.link or LINKS:
                compare(name, server, Path(temporary), int(given.megabytes * MEGABYTE), given.rounds)
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)


def compare(name: str, server: sshd.Sshd, folder: Path, size: int, rounds: int) -> None:
    """Sends by every side in turn over the link `name`, and prints what was found."""
    link = LINKS[name]
    with _port(link, server) as port, SshTransport(_device(server, port)) as transport:
        sides: dict[str, Send] = {
            "edgerig": transport.push,
            "edgerig with connecting": lambda local, remote: _connect_and_push(server, port, local, remote),
            "scp": lambda local, remote: _scp(server, port, local, remote),
            "sftp": lambda local, remote: _sftp(server, port, local, remote),
        }
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(rounds + 1):  # the first one fills the caches and does not count
            for side, send in sides.items():
                took = _send(send, folder, size)
                if turn:
                    seconds[side].append(took)
    for side in ("edgerig", "edgerig with connecting"):
        for peer in ("scp", "sftp"):
            # Throughput is the inverse of time: ours over theirs is their seconds over ours.
            ratio = per_round(seconds[peer], seconds[side])
            aim = f"; goal at least {GOALS[name]:g}" if side == "edgerig" else ""
            print(
                f"ssh {name}: {side} {rate(size, seconds[side])} MB/s, {peer} {rate(size, seconds[peer])} MB/s, "
                f"{ratio}{aim}"
            )


def _send(send: Send, folder: Path, size: int) -> float:
    """Seconds of one upload of fresh bytes, which must have arrived whole."""
    local, remote = folder / "sent", folder / "arrived"
    local.write_bytes(os.urandom(size))
    begin = time.perf_counter()
    send(local, str(remote))
    seconds = time.perf_counter() - begin
    if remote.read_bytes() != local.read_bytes():
        raise RunError("what arrived is not what was sent")
    remote.unlink()
    for kept in (folder / "work" / "store").glob("*"):
        kept.unlink()
    return seconds


@contextlib.contextmanager
def _port(link: Link, server: sshd.Sshd) -> Iterator[int]:
    if link.plain:
        yield server.port
        return
    with slow_link.slow_link(server.port, round_trip_s=link.round_trip_s, bytes_per_s=link.bytes_per_s) as proxy:
        sshd.trust(server.known_hosts, proxy.port, server.host_key)
        yield proxy.port


def _device(server: sshd.Sshd, port: int) -> SshDevice:
    return SshDevice(
        name="benchmark",
        kind="ssh",
        host="127.0.0.1",
        port=port,
        user=server.user,
        key=server.client_key,
        known_hosts=server.known_hosts,
        proxy_jump="none",
        workdir=str(server.folder.parent / "work"),
    )


def _connect_and_push(server: sshd.Sshd, port: int, local: Path, remote: str) -> None:
    with SshTransport(_device(server, port)) as transport:
        transport.push(local, remote)


def _options(server: sshd.Sshd) -> list[str]:
    return [
        *("-F", "none", "-i", str(server.client_key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
        *("-o", f"UserKnownHostsFile={server.known_hosts}", "-o", "StrictHostKeyChecking=yes"),
    ]


def _scp(server: sshd.Sshd, port: int, local: Path, remote: str) -> None:
    target = f"{server.user}@127.0.0.1:{remote}"
    _peer(["scp", "-q", "-P", str(port), *_options(server), str(local), target])


def _sftp(server: sshd.Sshd, port: int, local: Path, remote: str) -> None:
    command = ["sftp", "-q", "-P", str(port), *_options(server), "-b", "-", f"{server.user}@127.0.0.1"]
    _peer(command, f"put {local} {remote}\n")


def _peer(command: list[str], said: str = "") -> None:
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    if done.returncode != 0:
        raise RunError(f"{command[0]} failed: {done.stderr[-500:].strip()}")


if __name__ == "__main__":
    main()
