"""Files of a device set, with a note on the device of what they were, and restored from it.

The note is whole before anything is set, and goes when everything is back: whoever reaches the device next finds it
where the one who set it was killed, and restores from it. What a file refuses to be put back to, or has gone with
(a processor that was taken offline), stays in the note, is told each time, and is tried again the next time. It holds
the boot's id (random(4)): what the kernel keeps in /sys is gone with a restart, and so is what a note would restore.
Only files below /sys/devices/system/cpu are ever written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError

TIMEOUT_S = 60.0
HELD, TUNED = "conditions", "tuned"
"""Notes: of what holds for a cell, and of what the user asked for until it is reset."""

# A limit may have to wait for another one (a least clock above the highest is refused): hence two rounds. `left` are
# lines of a note, of what is not back after a call of `restore`.
_COMMON = """\
r=$1 n=$2 left= nl='
'
umask 077
boot=; [ -r "$r/proc/sys/kernel/random/boot_id" ] && IFS= read -r boot <"$r/proc/sys/kernel/random/boot_id"
ours() { case $1 in *..*) return 1 ;; sys/devices/system/cpu/*) return 0 ;; *) return 1 ;; esac; }
put() { ours "$1" && [ -e "$r/$1" ] && { printf '%s\\n' "$2" >"$r/$1"; } 2>/dev/null; }
now() { v=; [ -r "$r/$1" ] && IFS= read -r v <"$r/$1" 2>/dev/null; printf '%s' "$v"; }
restore() {
  [ -f "$n" ] || return 0
  { IFS= read -r was; } <"$n"
  if [ "$was" = "boot $boot" ]; then
    for round in 1 2; do while read -r p w; do put "$p" "$w"; done <"$n"; done
    while read -r p w; do
      ours "$p" && [ "$(now "$p")" != "$w" ] || continue
      left="$left$p $w$nl"
      printf 'kept %s %s\\n' "$p" "$(now "$p")"
    done <"$n"
    echo restored
  fi
  if [ "$left" ]; then keep; else rm -f "$n"; fi
}
keep() { { printf 'boot %s\\n%s' "$boot" "$left" >"$n.part"; } && mv "$n.part" "$n"; }
"""
# $1 root, $2 the note
_RESTORE = f"{_COMMON}restore\nexit 0\n"
# $1 root, $2 the note, then a path and a value each. What an earlier note could not put back was its file's value
# before anything of ours, not what it is now; and what is not in the note is not set.
_SET = f"""\
{_COMMON}
shift 2
[ "${{n%/*}}" = "$n" ] || mkdir -p "${{n%/*}}" || exit 3
restore >/dev/null
noted() {{ case "$nl$left" in *"$nl$1 "*) return 0 ;; *) return 1 ;; esac; }}
i=0
for a in "$@"; do
  if [ $i = 1 ]; then i=0; continue; fi
  i=1
  noted "$a" || {{ v=$(now "$a"); [ "$v" ] && left="$left$a $v$nl"; }}
done
keep || exit 3
for round in 1 2; do
  i=0
  for a in "$@"; do [ $i = 0 ] && {{ p=$a; i=1; }} || {{ noted "$p" && put "$p" "$a"; i=0; }}; done
done
i=0
for a in "$@"; do [ $i = 0 ] && {{ printf 'now %s %s\\n' "$a" "$(now "$a")"; i=1; }} || i=0; done
exit 0
"""


@dataclass(frozen=True)
class Note:
    """Where a device keeps a note: `folder` is ours there, `root` stands before every path that is set."""

    transport: Transport
    folder: str
    name: str = HELD
    root: str = ""

    def set(self, writes: Mapping[str, str]) -> dict[str, str]:
        """Sets files by path; what each holds then. What an earlier note has is restored first. Raises DeviceError
        where the note cannot be written: nothing is set then."""
        pairs = [text for pair in writes.items() for text in pair]
        if any(not re.fullmatch(r"[\w./:-]{1,300}", text, re.ASCII) for text in pairs):
            raise DeviceError("a path or a value to set is none", hint="")
        out = self._run(_SET, pairs, "the note of what is to be set could not be written")
        return {path: value for kind, path, value in out if kind == "now"}

    def restore(self) -> tuple[bool, dict[str, str]]:
        """Puts back what the note has, if there is one: whether there was, and what stayed otherwise by path, "" for a
        file that is not there; the note keeps that. Raises DeviceError."""
        out = self._run(_RESTORE, [], "what was set before could not be restored")
        return any(kind == "restored" for kind, _, _ in out), {p: v for kind, p, v in out if kind == "kept"}

    def _run(self, script: str, more: list[str], failure: str) -> list[tuple[str, str, str]]:
        argv = ["sh", "-c", script, "conditions", self.root, f"{self.folder}/{self.name}", *more]
        done = self.transport.run(argv, TIMEOUT_S)
        if done.returncode != 0 or done.timed_out:
            said = done.stderr[-200:].decode("utf-8", "replace").strip()
            raise DeviceError(f"{failure}: {said or 'the device refused'}", hint=f"is {self.folder} writable there?")
        lines = (line.split(" ", 2) for line in done.stdout[:65536].decode("utf-8", "replace").splitlines())
        return [(line[0], line[1] if len(line) > 1 else "", line[2] if len(line) > 2 else "") for line in lines]


def told(kept: Mapping[str, str]) -> str:
    """What `Note.restore` could not put back, in words."""
    return ", ".join(f"{path} is {value or 'not there'}" for path, value in kept.items())
