"""One command as the line a device's login shell is given: the one place where arguments are quoted.

The line replaces the login shell by a small POSIX `sh` script with a clean environment (the device's own PATH and
HOME, nothing of the host), which

- makes itself the leader of a process group where the server did not (Dropbear does not), so that one kill reaches
  every child;
- writes a marker with a random token on both streams: what a shell's start-up files printed stands before it;
- leaves two sleepers behind, adopted by init so that the program never meets them as children: one kills the group
  when standard input ends (the host is done, gone, or the link was cut), the other when the deadline has long passed
  (the link is dead and no end ever arrives);
- becomes the program (`exec`), so that its exit code or signal is the one the server reports.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from edgerig.devices.line import check_argv, check_length

LINE_LIMIT_BYTES = 128 * 1024 - 1
"""Linux passes no longer single argument (MAX_ARG_STRLEN, execve(2)), and the server passes the line as one."""
GRACE_S = 15.0
"""How long after the host's deadline the device ends a command by itself."""
STARTED = "started"
MISSING = "missing"

_LEAD_A_GROUP = """\
inner=$1; shift
read -r s </proc/$$/stat; s=${s##*) }; s=${s#* }; s=${s#* }
if [ -n "$s" ] && [ "${s%% *}" != $$ ] && command -v setsid >/dev/null 2>&1; then
  exec setsid sh -c "$inner" edgerig "$@"
fi
eval "$inner"
"""
# In _RUN: $1 token, $2 seconds, $3 "hold" when standard input is the lifeline, then the program and its arguments.
_RUN = """\
command -v "$4" >/dev/null 2>&1 || { echo "$1 missing"; exit 127; }
echo "$1 started"; echo "$1 started" >&2
s=$2; hold=$3; shift 3
end() { kill -s KILL -- -$$ || kill -s KILL $$; }
exec 3<&0
( if [ $hold = hold ]; then (while read -r _ <&3; do :; done; end) & fi; (sleep $s; end) & ) >/dev/null 2>&1
exec 3<&-
exec "$@"
"""
_MARKER = re.compile(rb"(started|missing)\n")


def command_line(argv: Sequence[str], *, token: str, timeout_s: float, lifeline: bool = True) -> bytes:
    """The line that runs `argv` on the device. Raises DeviceError when it is longer than a device can take.

    `lifeline` False leaves standard input to the program alone: it must end by itself when its input does.
    Arguments that are not text travel as `os.fsencode` gives them; raises ValueError for a NUL in one.
    """
    check_argv(argv)
    seconds = str(int(timeout_s + GRACE_S))
    parts = [_LEAD_A_GROUP, "edgerig", _RUN, token, seconds, "hold" if lifeline else "free", *argv]
    quoted = " ".join(shlex.quote(part) for part in parts)
    line = os.fsencode(f'exec env -i PATH="$PATH" HOME="$HOME" LC_ALL=C.UTF-8 sh -c {quoted}')
    check_length(line, argv, LINE_LIMIT_BYTES, "a device")
    return line


class Marked:
    """Finds the marker in a stream that arrives in pieces, and lets through only what follows it."""

    NOISE_LIMIT_BYTES = 65536

    def __init__(self, token: str) -> None:
        self._sign = f"{token} ".encode()
        self._before = bytearray()
        self.state: str | None = None
        """`STARTED` or `MISSING` once the marker was seen."""

    @property
    def noise(self) -> bytes:
        """What came instead of the marker, while there is none."""
        return bytes(self._before)

    def feed(self, piece: bytes) -> bytes:
        """The part of `piece` that belongs to the program."""
        if self.state is not None:
            return piece
        self._before += piece
        at = self._before.find(self._sign)
        found = _MARKER.match(self._before, at + len(self._sign)) if at >= 0 else None
        if found is None:
            del self._before[: max(0, len(self._before) - self.NOISE_LIMIT_BYTES)]
            return b""
        self.state = found[1].decode()
        rest = bytes(self._before[found.end() :])
        self._before.clear()
        return rest
