"""What jobs and uploads leave on a device when the link to it goes away: ended, and removed.

A device ends a command by itself when its link ends (`ssh/command.py`, `adb/command.py`). Of a link that was cut in
silence it does not know for minutes, and a machine that reboots keeps its files: both are found here.
"""

from __future__ import annotations

import posixpath

from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError

TIMEOUT_S = 60.0
STALE_MINUTES = 60
"""A part or a job folder untouched for so long, with no process at work in it, belongs to nobody any more."""

# The command line of a process at work in a job's folder names that. The scripts are given the folder's name in two
# parts, or not at all, so that none finds itself. One look at all processes first: nearly always there is none.
_AT_WORK = """\
at_work() {
  case $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ') in *"/$1/"*) ;; *) return ;; esac
  for p in /proc/[0-9]*; do
    case $(tr '\\0' ' ' <"$p/cmdline" 2>/dev/null) in *"/$1/"*) echo "${p#/proc/}" ;; esac
  done
}
"""
# $1 workdir, $2 the folder's name after "job-". A killed process is gone a moment later, hence `until`; one that cannot
# be killed is not ours.
_END = f"""\
{_AT_WORK}
stop=
until [ "$stop" ]; do
  stop=1
  for p in $(at_work "job-$2"); do
    {{ kill -KILL "-$p" || kill -KILL "$p"; }} 2>/dev/null && stop=
  done
done
rm -rf "$1/job-$2"
"""
# $1 workdir, $2 minutes; `find` of busybox and toybox knows these options. A clock that was set, as boards without a
# battery do after their start, makes everything look old: a job at work is left alone, a part is written to meanwhile.
_SWEEP = f"""\
{_AT_WORK}
[ -d "$1" ] || exit 0
find "$1" -maxdepth 1 -name 'job-*' -type d -mmin "+$2" | while read -r job; do
  [ "$(at_work "${{job##*/}}")" ] || rm -rf "$job"
done
[ -d "$1/store" ] || exit 0
find "$1/store" -maxdepth 1 -name '*.part' -type f -mmin "+$2" -exec rm -f {{}} \\;
"""


def end_job(transport: Transport, folder: str) -> None:
    """Kills what still works in the job's `folder` and removes that. Raises DeviceError."""
    workdir, name = posixpath.split(folder)
    _do(transport, _END, [workdir, name.removeprefix("job-")], f"{folder} could not be removed")


def sweep(transport: Transport, workdir: str) -> None:
    """Removes jobs and parts of uploads in `workdir` that are old and nobody's: their hosts went away for good. Raises
    DeviceError."""
    _do(transport, _SWEEP, [workdir, str(STALE_MINUTES)], f"what interrupted jobs left in {workdir} is still there")


def _do(transport: Transport, script: str, arguments: list[str], failure: str) -> None:
    done = transport.run(["sh", "-c", script, "leftovers", *arguments], TIMEOUT_S)
    if done.returncode != 0 or done.timed_out:
        said = done.stderr[-300:].decode("utf-8", "replace").strip()
        raise DeviceError(f"{failure}: {said or 'the device took too long'}", hint="is its workdir writable?")
