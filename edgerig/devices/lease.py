"""One sweep at a time on a device: whose turn it is, kept on the device itself in its workdir.

    <workdir>/lease/<n>/   the n-th turn: run, process, device, who      what its holder says of itself
                           boot, taken, renewed, released, wanted       boot id, seconds since the device was started

The highest number counts. A turn is taken by making the folder of the next number, which mkdir(2) lets one do alone; a
turn is over when it was released, was not renewed for `EXPIRY_S`, or began before the device was started last (its
/proc/sys/kernel/random/boot_id, random(4)). Time is the device's own /proc/uptime (proc(5)), which no clock that is
set disturbs. Nothing but a POSIX `sh` with sleep, find, mkdir and rm is needed there.

A holder renews its turn with every command it gives, and a command that lasts goes on renewing it on the device: a
second channel is never needed, nor anything but a `sleep` beside a job that is timed. A file that is still arriving
counts as a sign of life. Who waits says so in the turn of the other, who then does not take the next one as well.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgerig import process
from edgerig.devices import leftovers
from edgerig.devices.device import PosixDevice
from edgerig.devices.transport import Transport
from edgerig.devices.turns import Claim, Held, Lease, NoLease, await_turn
from edgerig.errors import DeviceError
from edgerig.process import Finished
from edgerig.results import DeviceRecord

EXPIRY_S = 120
"""How long a turn lasts that nobody renews."""
RENEWED_EVERY_S = 30
MARGIN_S = 10
"""A turn that is so near its end is not renewed, but taken anew: somebody may be taking it at this moment."""
YIELD_S = 20
"""How long the last holder leaves the next turn to whoever wanted it: longer than a pause of somebody who waits."""
LONG_S = 60.0
"""A command that may last longer renews the turn by itself."""
TIMEOUT_S = 60.0
RELEASE_TIMEOUT_S = 10.0
"""Over a link that hangs nobody waits longer to be polite: a turn expires by itself."""
LOST, MISSING = 75, 76
"""Exit codes of `_KEPT`, with the process' token on standard error."""

_LOOK = """\
read -r u _ </proc/uptime; u=${u%%.*}
boot=; read -r boot </proc/sys/kernel/random/boot_id
file() { v=; [ -r "$1" ] && IFS= read -r v <"$1"; }
count() { file "$1"; case $v in ''|*[!0-9]*) v=$2 ;; esac; }
highest() {
  n=0
  for g in "$d"/*; do
    g=${g##*/}
    case $g in *[!0-9]*) ;; *) [ "$g" -gt "$n" ] && n=$g ;; esac
  done
}
tell() {
  file "$l/run"; echo "run=$v"; file "$l/device"; echo "device=$v"; file "$l/who"; echo "who=$v"
  count "$l/taken" "$u"; echo "since=$((u - v))"; count "$l/renewed" "$u"; echo "left=$((v + ttl - u))"
}
"""
# $1 workdir, $2 seconds until it expires, then of who asks: $3 run, $4 process, $5 device, $6 who; $7 seconds to yield.
_TAKE = f"""\
w=$1 d=$1/lease ttl=$2
mkdir -p -m 700 "$w" && mkdir -p "$d" || exit 1
{_LOOK}
over() {{
  [ "$n" -gt 0 ] || return 0
  # Its maker may have been killed before it wrote anything: from now on it lasts as long as any other.
  [ -e "$l/boot" ] || echo "$boot" >"$l/boot"
  [ -e "$l/renewed" ] || echo "$u" >"$l/renewed"
  file "$l/boot"; [ "$v" = "$boot" ] || return 0
  file "$l/process"; p=$v; file "$l/device"; o=$v; file "$l/run"; r=$v
  if [ -e "$l/released" ]; then
    [ "$p" = "$4" ] && [ "$o" = "$5" ] || return 0
    count "$l/wanted" -; [ "$v" = - ] || [ $((u - v)) -gt "$7" ]; return
  fi
  [ -n "$3" ] && [ "$r" = "$3" ] && [ "$p" != "$4" ] && return 0  # the same run, killed before: it was resumed
  count "$l/renewed" "$u"; [ $((u - v)) -gt "$ttl" ] || return 1
  [ -z "$(find "$w/store" -name '*.part' -mmin -1 2>/dev/null)" ]
}}
highest; l=$d/$n
if [ "$n" -gt 0 ] && [ ! -e "$l/released" ]; then
  file "$l/process"; p=$v; file "$l/device"; o=$v; file "$l/boot"; b=$v; count "$l/renewed" 0
  if [ "$p" = "$4" ] && [ "$o" = "$5" ] && [ "$b" = "$boot" ] && [ $((u - v)) -lt $((ttl - {MARGIN_S})) ]; then
    echo "$u" >"$l/renewed"; echo "taken $n"; exit 0
  fi
fi
if ! over "$@"; then
  [ -e "$l/released" ] && {{ echo yield; exit 0; }}
  echo "$u" >"$l/wanted"; echo held; tell; exit 0
fi
m=$((n + 1)); l=$d/$m
mkdir "$l" 2>/dev/null || {{ [ -d "$l" ] && echo again && exit 0; echo "$l cannot be made" >&2; exit 1; }}
echo "$3" >"$l/run"; echo "$4" >"$l/process"; echo "$5" >"$l/device"; echo "$6" >"$l/who"
echo "$boot" >"$l/boot"; echo "$u" >"$l/taken"; echo "$u" >"$l/renewed" || exit 1
highest
# Somebody slow may make a number again that was removed long ago.
[ "$n" = "$m" ] || {{ rm -rf "$l"; echo again; exit 0; }}
for g in "$d"/*; do
  case ${{g##*/}} in *[!0-9]*|"$m") ;; *) [ "${{g##*/}}" -lt "$m" ] && rm -rf "$g" ;; esac
done
echo "taken $m"
"""
# $1 the turn's folder, $2 the next one's, $3 process, $4 seconds it lasts, $5 "long" or nothing, then the command.
_KEPT = f"""\
l=$1 x=$2 p=$3 ttl=$4 long=$5; shift 5
read -r u _ </proc/uptime; u=${{u%%.*}}
v=; [ -r "$l/process" ] && IFS= read -r v <"$l/process"
r=; [ -r "$l/renewed" ] && IFS= read -r r <"$l/renewed"
lost() {{ echo "$p" >&2; exit {LOST}; }}
[ "$v" = "$p" ] && [ ! -e "$l/released" ] && [ $((u - ${{r:-0}})) -lt $((ttl - {MARGIN_S})) ] || lost
echo "$u" >"$l/renewed"
[ ! -d "$x" ] || lost
command -v "$1" >/dev/null 2>&1 || {{ echo "$p" >&2; exit {MISSING}; }}
if [ "$long" ]; then
  ( (while sleep {RENEWED_EVERY_S}; do read -r u _ </proc/uptime; echo "${{u%%.*}}" >"$l/renewed" || exit; done) & ) \\
    </dev/null >/dev/null 2>&1
fi
exec "$@"
"""
# $1 the turn's folder, $2 process
_RELEASE = """\
v=; [ -r "$1/process" ] && IFS= read -r v <"$1/process"
[ "$v" = "$2" ] || exit 0
read -r u _ </proc/uptime; echo "${u%%.*}" >"$1/released"
"""
# $1 workdir, $2 seconds until it expires
_ASK = f"""\
d=$1/lease ttl=$2
{_LOOK}
highest; l=$d/$n
[ "$n" -gt 0 ] && [ ! -e "$l/released" ] || exit 0
file "$l/boot"; [ "$v" = "$boot" ] || exit 0
count "$l/renewed" "$u"; [ $((u - v)) -gt "$ttl" ] && exit 0
tell
"""


class DeviceLease:
    """The turns on the device behind `transport`; `claim` says who asks for them.

    It is itself the transport to use meanwhile: every command renews the turn, or takes a new one when it was lost,
    which needs a host that slept for two minutes. Raises DeviceError, and DeviceBusy where nobody is to wait.
    """

    def __init__(self, transport: Transport, workdir: str, claim: Claim) -> None:
        self._transport = transport
        self._workdir = workdir
        self._claim = claim
        self._number = 0
        self._renewed = 0.0
        """On this host's monotonic clock."""

    @contextlib.contextmanager
    def held(self) -> Iterator[DeviceLease]:
        """Around the time the device is open: takes a turn, and on leaving gives back what turn is held then."""
        self.take()
        try:
            yield self
        finally:
            self.release()

    def take(self) -> None:
        """Returns when it is our turn; waits for that, unless the claim does not. Raises DeviceError, DeviceBusy."""
        await_turn(self._claim, self._attempt)

    def release(self) -> None:
        """Gives the turn back; over a link that is gone it expires by itself."""
        number, self._number = self._number, 0
        if not number:
            return
        with contextlib.suppress(DeviceError):
            arguments = [f"{self._workdir}/lease/{number}", self._claim.process]
            self._transport.run(["sh", "-c", _RELEASE, "release", *arguments], RELEASE_TIMEOUT_S)

    def renew(self) -> bool:
        """Nobody is waited for, nor is a new turn taken: safe beside a thread that uses this host alone."""
        if not self._number:
            return False
        done = self._transport.run([*self._kept(TIMEOUT_S), "true"], TIMEOUT_S)
        self._renewed = time.monotonic()
        return done.returncode == 0

    def abandon(self) -> None:
        """Forgets the turn, for a device that cannot be reached."""
        self._number = 0

    def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
        while True:
            if not self._number:
                self.take()
            done = self._transport.run([*self._kept(timeout_s), *argv], timeout_s)
            self._renewed = time.monotonic()
            said = done.stderr.strip() == self._claim.process.encode()
            if done.returncode == MISSING and said:
                raise DeviceError(
                    f"{argv[0]} cannot be started on {self._claim.device}: no such program",
                    hint="is it installed there, and in the PATH of a login without a terminal?",
                )
            if done.returncode != LOST or not said:
                return done
            self._number = 0

    def push(self, local: Path, remote: str) -> None:
        self._renew()
        self._transport.push(local, remote)

    def pull(self, remote: str, local: Path, limit_bytes: int) -> None:
        self._renew()
        self._transport.pull(remote, local, limit_bytes)

    def probe(self) -> DeviceRecord:
        self._renew()
        return self._transport.probe()

    def __enter__(self) -> DeviceLease:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _kept(self, timeout_s: float) -> list[str]:
        folder = f"{self._workdir}/lease/{self._number}"
        following = f"{self._workdir}/lease/{self._number + 1}"
        long = "long" if timeout_s > LONG_S else ""
        return ["sh", "-c", _KEPT, "kept", folder, following, self._claim.process, str(EXPIRY_S), long]

    def _renew(self) -> None:
        if not self._number or time.monotonic() - self._renewed > RENEWED_EVERY_S:
            self.run(["true"], TIMEOUT_S)

    def _attempt(self) -> Held | None:
        """None when it is our turn now."""
        who = self._claim
        given = [self._workdir, str(EXPIRY_S), who.run, who.process, who.device, who.who, str(YIELD_S)]
        while True:
            done = self._transport.run(["sh", "-c", _TAKE, "take", *given], TIMEOUT_S)
            word, _, rest = done.stdout.decode("utf-8", "replace").partition("\n")
            if done.returncode != 0 or done.timed_out:
                said = done.stderr[-300:].decode("utf-8", "replace").strip() or process.signal_name(done.returncode)
                raise DeviceError(f"{who.device} cannot be taken: {said}", hint="is its workdir writable?")
            if word.startswith("taken ") and word[6:].isdecimal():
                self._number, self._renewed = int(word[6:]), time.monotonic()
                return None
            if word != "again":
                return _held(rest) if word == "held" else Held()


@dataclass(frozen=True)
class Turn:
    """A device in a turn of ours: `transport` is the way to it meanwhile."""

    transport: Transport
    lease: Lease
    run: str

    def of(self, opened: PosixDevice) -> PosixDevice:
        """The device made ready over that transport, with its lease."""
        return replace(opened, lease=self.lease, run=self.run)


@contextlib.contextmanager
def in_turn(link: Transport, workdir: str, claim: Claim | None) -> Iterator[Turn]:
    """The device behind `link` in a turn of its own, and cleared of what died in the middle of its work: of what is the
    claim's run's at once, of others' when it is old. Without a claim nobody is waited for. Raises DeviceError."""
    if claim is None:
        leftovers.tidy(link, workdir)
        yield Turn(link, NoLease(), "")
        return
    with DeviceLease(link, workdir, claim).held() as lease:
        if claim.run:
            leftovers.end_run(lease, workdir, claim.run)
        leftovers.tidy(lease, workdir)
        yield Turn(lease, lease, claim.run)


def holder_of(transport: Transport, workdir: str) -> Held | None:
    """Whose turn it is on the device; None when it is nobody's. Raises DeviceError."""
    done = transport.run(["sh", "-c", _ASK, "ask", workdir, str(EXPIRY_S)], TIMEOUT_S)
    return _held(done.stdout.decode("utf-8", "replace")) if done.stdout else None


def _held(said: str) -> Held:
    """What `tell` printed; nothing of it is trusted."""
    pairs = (line.partition("=") for line in said[:4096].splitlines())
    found = {key: value[:200] for key, equals, value in pairs if equals}

    def seconds(key: str) -> float | None:
        text = found.get(key, "")
        return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None

    return Held(found.get("run", ""), found.get("who", ""), found.get("device", ""), seconds("since"), seconds("left"))
