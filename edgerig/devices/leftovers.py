"""What jobs and uploads leave on a device when the link to it or their host goes away: ended, and removed.

A device ends a command by itself when its link ends (`ssh/command.py`, `adb/command.py`). Of a link that was cut in
silence it does not know for minutes, and a machine that reboots, or whose host was killed, keeps its files: all of
this is found here. A job's folder says whose it is, `job-<run>-<random>`: a run that is resumed ends what it began
before, and leaves others' alone until they are old.
"""

from __future__ import annotations

import contextlib
import posixpath
import secrets

from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError

TIMEOUT_S = 60.0
STALE_MINUTES = 60
"""A part or a job folder untouched for so long, with no process at work in it, belongs to nobody any more."""

# The command line of a process at work in a job's folder names that. The scripts are given the folder's path in two
# parts, or not at all, so that none finds itself. One look at all processes first: nearly always there is none.
_AT_WORK = """\
at_work() {
  case $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ') in *"$1"*) ;; *) return ;; esac
  for p in /proc/[0-9]*; do
    case $(tr '\\0' ' ' <"$p/cmdline" 2>/dev/null) in *"$1"*) echo "${p#/proc/}" ;; esac
  done
}
"""
# $1 what a command line holds. A killed process is gone a moment later, hence `until`; one that cannot be killed is not
# ours.
_END_THEM = f"""\
{_AT_WORK}
end_them() {{
  stop=
  until [ "$stop" ]; do
    stop=1
    for p in $(at_work "$1"); do
      {{ kill -KILL "-$p" || kill -KILL "$p"; }} 2>/dev/null && stop=
    done
  done
}}
"""
# $1 workdir, $2 the folder's name after "job-"
_END = f"""\
{_END_THEM}
end_them "/job-$2/"
rm -rf "$1/job-$2"
"""
# $1 workdir, $2 the run. A machine may be several devices of one sweep: only this workdir's processes are ours to end.
_END_RUN = f"""\
{_END_THEM}
end_them "$1/job-$2-"
rm -rf "$1/job-$2-"*
"""
# $1 workdir, $2 minutes; `find` of busybox and toybox knows these options. A clock that was set, as boards without a
# battery do after their start, makes everything look old: a job at work is left alone, a part is written to meanwhile.
_SWEEP = f"""\
{_AT_WORK}
[ -d "$1" ] || exit 0
find "$1" -maxdepth 1 -name 'job-*' -type d -mmin "+$2" | while read -r job; do
  [ "$(at_work "/${{job##*/}}/")" ] || rm -rf "$job"
done
[ -d "$1/store" ] || exit 0
find "$1/store" -maxdepth 1 -name '*.part' -type f -mmin "+$2" -exec rm -f {{}} \\;
"""


def job_name(run: str) -> str:
    """A new name for a job's folder, of the `run` ("" none)."""
    return "-".join(["job", *([run] if run else []), secrets.token_hex(6)])


def end_run(transport: Transport, workdir: str, run: str) -> None:
    """Kills what still works in job folders of `run` in `workdir` and removes those. Raises DeviceError."""
    _do(transport, _END_RUN, [workdir, run], f"what {run} left in {workdir} could not be removed")


def end_job(transport: Transport, folder: str) -> None:
    """Kills what still works in the job's `folder` and removes that. Raises DeviceError."""
    workdir, name = posixpath.split(folder)
    _do(transport, _END, [workdir, name.removeprefix("job-")], f"{folder} could not be removed")


def sweep(transport: Transport, workdir: str) -> None:
    """Removes jobs and parts of uploads in `workdir` that are old and nobody's: their hosts went away for good. Raises
    DeviceError."""
    _do(transport, _SWEEP, [workdir, str(STALE_MINUTES)], f"what interrupted jobs left in {workdir} is still there")


def tidy(transport: Transport, workdir: str) -> None:
    """`sweep` where that is possible: what stays there costs space, not the device."""
    with contextlib.suppress(DeviceError):
        sweep(transport, workdir)


def _do(transport: Transport, script: str, arguments: list[str], failure: str) -> None:
    done = transport.run(["sh", "-c", script, "leftovers", *arguments], TIMEOUT_S)
    if done.returncode != 0 or done.timed_out:
        said = done.stderr[-300:].decode("utf-8", "replace").strip()
        raise DeviceError(f"{failure}: {said or 'the device took too long'}", hint="is its workdir writable?")
