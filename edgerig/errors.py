"""Every error edgerig raises on purpose, one exit code a family.

    EdgerigError                 1   a run that finished with failed cells, or anything unclassified
    ├── ConfigError              2   a TOML file, a flag or a name is wrong
    │   ├── DatasetError         2   the evaluation data cannot be used
    │   │   └── NoValidation     2   it has no validation split of its own
    │   ├── NotKept              2   this machine's disk is full, or the run's folder is gone: it ends a sweep
    │   ├── NotInstalled         2   a package is missing that an extra of edgerig brings
    │   └── ResultsError         2   a run's folder or results file cannot be read
    ├── NothingSelected          3   the selection leaves no cell
    ├── BuildError               4   a variant could not be built
    │   ├── UnsupportedRecipe    4   the format cannot lower this recipe fully
    │   ├── BuildTimeout         4   the build passed its deadline and was killed
    │   ├── BuilderCrashed       4   the build's process died
    │   └── ParityError          4   the built file does not compute what its source computes
    ├── DeviceError              5   a device could not be reached or prepared
    │   ├── Unreachable          5   no link to it can be made or kept: it may be off, or starting
    │   ├── DeviceBusy           5   another sweep is at work on it
    │   ├── LoginRefused         5   it takes none of the keys and passwords there are
    │   ├── HostKeyUnknown       5   its SSH host key was never accepted
    │   ├── HostKeyMismatch      5   its SSH host key is not the one accepted; it was not spoken to
    │   ├── DeployMismatch       5   what arrived on the device is not what was sent
    │   └── NotOnDevice          5   it cannot run such a file so, known before anything is built
    ├── RunError                 6   the runner did not give a usable raw run
    │   ├── RunTimeout           6   it passed its deadline and was killed
    │   ├── RunnerCrashed        6   its process died
    │   └── UnparsableOutput     6   what it wrote is not a raw run
    ├── GateFailed               7   a run is worse than its baseline or over its budget
    ├── GateInconclusive         8   a gate's checks can be told neither way
    ├── FetchError               9   a model's file cannot be fetched, or is not the one it should be
    ├── CheckFailed             10   a file would not work where it is to ship
    └── InternalError            1   an exception nobody foresaw: edgerig's own fault

A message says what happened, where (file, key or cell) and observed against expected; `hint` says what to do next.
"""

from __future__ import annotations

import contextlib
import errno
import os
import traceback
from pathlib import Path
from typing import ClassVar

from edgerig.confined import Confined
from edgerig.printable import printable as printable


class EdgerigError(Exception):
    """Base of all; `hint` is the next thing for the user to do ("" when there is none).

    Messages quote devices and files, so they are made printable here, for journal, reports and terminal alike.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = printable(message)
        super().__init__(self.message)
        self.hint = printable(hint)

    @property
    def kind(self) -> str:
        """The class name, as written to a cell's `error.kind`."""
        return type(self).__name__


class ConfigError(EdgerigError):
    exit_code = 2


class DatasetError(ConfigError):
    pass


class NoValidation(DatasetError):
    pass


class NotKept(ConfigError):
    pass


class NotInstalled(ConfigError):
    pass


class ResultsError(ConfigError):
    pass


class NothingSelected(EdgerigError):
    exit_code = 3


class BuildError(EdgerigError):
    exit_code = 4


class UnsupportedRecipe(BuildError):
    pass


class BuildTimeout(BuildError):
    pass


class BuilderCrashed(BuildError):
    pass


class ParityError(BuildError):
    pass


class DeviceError(EdgerigError):
    exit_code = 5


class Unreachable(DeviceError):
    pass


class DeviceBusy(DeviceError):
    pass


class LoginRefused(DeviceError):
    pass


class HostKeyUnknown(DeviceError):
    pass


class HostKeyMismatch(DeviceError):
    pass


class DeployMismatch(DeviceError):
    pass


class NotOnDevice(DeviceError):
    pass


class RunError(EdgerigError):
    exit_code = 6


class RunTimeout(RunError):
    pass


class RunnerCrashed(RunError):
    pass


class UnparsableOutput(RunError):
    pass


class GateFailed(EdgerigError):
    exit_code = 7


class GateInconclusive(EdgerigError):
    exit_code = 8


class FetchError(EdgerigError):
    exit_code = 9


class CheckFailed(EdgerigError):
    exit_code = 10


class InternalError(EdgerigError):
    pass


def foreseen(error: Exception | SystemExit, kept: Path | Confined, where: str = "") -> EdgerigError:
    """`error` when it is one of these; else an InternalError that tells of it, met at `where`, and whose traceback is
    kept in the file `kept`, if that can be written."""
    if isinstance(error, EdgerigError):
        return error
    with contextlib.suppress(OSError):
        Confined.at(kept).replace("".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace"))
    return InternalError(
        f"{where}{type(error).__name__}: {error}"[:1000],
        hint=f"a fault of edgerig's own: please report it, with {kept}",
    )


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""How a file system says that it takes nothing more (errno(3))."""


def disk_refusal(error: BaseException) -> str:
    """What this machine's disk refused, with the file where that is known, when `error` came of it; else "".

    A device's own disk speaks through text that was read there, never through an OSError of this process.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FULL:
            return (f"{cause.filename}: " if cause.filename else "") + (cause.strerror or str(cause))
        cause = cause.__cause__
    return ""


def says_full(text: str) -> bool:
    """Whether what a program said is that its disk is full."""
    return any(os.strerror(code) in text for code in (errno.ENOSPC, errno.EDQUOT))


def error_class(kind: str) -> type[EdgerigError]:
    """The class named `kind`, to revive an error that crossed a process boundary (`BuildError` when unknown)."""
    found = globals().get(kind)
    if isinstance(found, type) and issubclass(found, EdgerigError):
        return found
    return BuildError
