"""One command as the line a device's adbd gives its shell, and what that shell reports of its end.

adbd runs `sh -c LINE` as the leader of a session of its own and reports one byte: the exit code, or 128 + n for
signal n (adb's shell_service.cpp). The line is a small script for that shell (Android's mksh, or any POSIX sh) which

- runs the program in a child and, when it ends, writes a trailer with a random token on standard error: the exit code
  and what the shell says of a death by signal ("Killed"). A shell is silent about plain exits, so that exit code 137
  and SIGKILL are told apart; of SIGINT and SIGPIPE it never speaks, so their codes are taken for signals;
- kills its whole process group when standard input ends (the host is done, gone, or the link was cut), when the
  deadline is long past (the link is dead and no end arrives), and when the program has ended: nothing stays behind.

It uses shell built-ins, `env` and `sleep` alone; here-documents are out, mksh writes them to a /tmp Android lacks.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.devices.line import check_argv, check_length

LINE_LIMIT_BYTES = 0xFFFF - len("shell,v2,raw:")
"""A request to the adb server says its length in four hexadecimal digits."""
GRACE_S = 15.0
"""How long after the host's deadline the device ends a command by itself."""
TRAILER_LIMIT_BYTES = 4096
SILENT_SIGNALS = (signal.SIGINT, signal.SIGPIPE)

# t: token, s: seconds; the arguments are set before. `exec` in the innermost subshell makes the program its process,
# so that the shell around it is the one that waits and speaks of a signal.
_RUN = """\
end() { kill -KILL -$$; }
exec 3>&2 4>&1 5<&0
(while read -r x; do :; done; end) <&5 >/dev/null 2>&1 3>&- 4>&- 5<&- &
(sleep "$s"; end) </dev/null >/dev/null 2>&1 3>&- 4>&- 5<&- &
if command -v "$1" >/dev/null 2>&1; then
  case $1 in */*) ;; *) set -- env "$@" ;; esac
  n=$({ (exec "$@" <&5 >&4 2>&3 3>&- 4>&- 5<&-); echo "=$?"; } 2>&1)
else n=missing; fi
echo "$t $n." >&3
end"""
_TRAILER = re.compile(rb" (?:(missing)|(.*)=(\d{1,3}))\.\n", re.DOTALL)


@dataclass(frozen=True)
class Trailer:
    """What the device's shell said at the end. `returncode` is negative for a signal; None: no such program."""

    returncode: int | None
    position: int
    """Where it begins in the bytes it was looked for in."""


def command_line(argv: Sequence[str], *, token: str, timeout_s: float) -> bytes:
    """The line that runs `argv` on the device. Raises DeviceError when it is longer than adb can take.

    Arguments that are not text travel as `os.fsencode` gives them. Raises ValueError for a NUL in one.
    """
    check_argv(argv)
    quoted = " ".join(shlex.quote(part) for part in argv)
    line = os.fsencode(f"t={token}; s={int(timeout_s + GRACE_S)}; set -- {quoted}\n{_RUN}")
    check_length(line, argv, LINE_LIMIT_BYTES, "adb")
    return line


def find_trailer(tail: bytes, token: str) -> Trailer | None:
    """The trailer in `tail`, the last bytes of standard error; what a survivor wrote after it is not looked at."""
    position = tail.rfind(token.encode())
    found = _TRAILER.match(tail, position + len(token)) if position >= 0 else None
    if found is None:
        return None
    if found[1]:
        return Trailer(None, position)
    return Trailer(_returncode(int(found[3]), spoken=bool(found[2].strip())), position)


def death_of_shell(code: int) -> int:
    """adbd's code for a shell that ended without its trailer: only a signal does that."""
    return 128 - code if code > 128 else code


def _returncode(code: int, spoken: bool) -> int:
    number = code - 128
    if number > 0 and (spoken or number in SILENT_SIGNALS):
        return -number
    return code
