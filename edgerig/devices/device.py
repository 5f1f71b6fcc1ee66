"""A device that was reached and can run a cell. How it does is its own affair: the sweep hands it a job and finds a raw
run afterwards. Devices with a POSIX shell share one way, the runner under a Python there (`deploy.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from edgerig.devices.transport import Transport
from edgerig.devices.turns import Lease, NoLease
from edgerig.plan import Placement
from edgerig.results import Artifact, DeviceRecord
from edgerig.spec import RunSettings

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class CellJob:
    """One cell to be run at its `placement`: the artifact's `file` over `inputs`, which have all samples in their first
    axis.

    Its raw run goes to the folder `into`, made if need be. `before` is the device as probed before: a runner's death is
    told from what has changed since. `resets` are the samples before which the file's state is started anew.
    """

    cell: str
    artifact: Artifact
    file: Path
    inputs: list[npt.NDArray[Any]]
    placement: Placement
    settings: RunSettings
    into: Path
    before: DeviceRecord
    resets: Sequence[int] = ()


Fact = tuple[str | None, str]
"""What is so, and why there is none where that is None."""
COUNTED = "guest instructions"


def with_facts(record: DeviceRecord, facts: Mapping[str, Fact]) -> DeviceRecord:
    """The record, its state telling the facts too, with the reasons of those that are none."""
    known = {name: value for name, (value, _) in facts.items()}
    reasons = record.state.reasons | {name: why for name, (value, why) in facts.items() if value is None}
    return record.model_copy(update={"state": record.state.model_copy(update={**known, "reasons": reasons})})


class OpenDevice(Protocol):
    """What every open device can do."""

    @property
    def lease(self) -> Lease:
        """The turns in which alone a job may be at work there."""

    @property
    def left(self) -> list[str]:
        """What jobs could not remove when they ended: it is before the next job. Whoever opens the device anew adds
        what was left before."""

    def probe(self) -> DeviceRecord:
        """What the device is and the state it is in now. Raises DeviceError."""

    def execute(self, job: CellJob) -> None:
        """Runs the job and leaves a checked raw run (`measure.raw`) in its folder; the device is left without the job's
        files and processes. Raises DeviceError, RunError."""

    def facts(self) -> dict[str, Fact]:
        """With what it would run a job, for the doctor."""


@runtime_checkable
class Profiles(Protocol):
    """A device that can also look into a cell's inferences."""

    def profile(self, job: CellJob) -> None:
        """Runs the job's file for its profile alone, and leaves it in the job's folder (`measure.profile`). Raises
        DeviceError; what else goes wrong is the profile's reason."""


@dataclass(frozen=True)
class Runtime:
    """What runs the jobs on a device that stands by itself: its own Python and packages (`system`), its own Python with
    the runtimes' `wheels`, or a `bundle` of Python and all; the latter two by their `key`. `no_wheels` says why a
    device that might have got wheels got a bundle."""

    name: Literal["system", "wheels", "bundle"]
    key: str = ""
    no_wheels: str = ""

    def facts(self) -> dict[str, Fact]:
        """For a probe's record."""
        told: dict[str, Fact] = {"runtime": (self.name, "")}
        if self.key:
            told[self.name] = (self.key, "")
        return told | ({"wheels": (None, self.no_wheels)} if self.no_wheels else {})


@dataclass(frozen=True)
class PosixDevice:
    """A device with a POSIX `sh`: a transport, a folder of ours there, and a Python with the runtimes.

    `python` is the command that starts Python 3.11+ with numpy and the runtimes; it is given a script's path.
    `executorch_library` is the path of the torch-free ExecuTorch runner there, or None with the reason;
    `library_remedy` is what brings it, where nothing else there could run ExecuTorch (its wheel's binding needs torch).
    `no_instructions` says why guest instructions cannot be counted there; "" where `python` runs under the counter,
    None where nothing could count them.
    `no_state` says why the runner can read nothing of the device's state; "" where it can.
    `left` are job folders that could not be removed when their jobs ended: before the next job they are. `lease` gives
    the turns in which alone a job may be at work there; `run` is whose jobs these are, "" for no run's.
    `runtime` is what was brought there, or is used there, to run them; None for a device that is this machine.
    `brings_runner`: False where `python` is followed by a runner of the device's own, given the job alone.
    `modules` are those of the engines' (`EngineSpec.imports`) that its Python has; None: all that was brought.
    `clock` is the clock of profiles there; "": it is pushed with the job, where this host has one.
    `notes` is the folder there that outlives a sweep, for what the next one must know (`conditioning`); "": `workdir`.
    """

    transport: Transport
    workdir: str
    python: tuple[str, ...]
    executorch_library: str | None
    library_reason: str = ""
    library_remedy: str = ""
    no_instructions: str | None = None
    no_state: str = ""
    left: list[str] = field(default_factory=list, compare=False)
    lease: Lease = field(default_factory=NoLease, compare=False)
    run: str = ""
    runtime: Runtime | None = None
    notes: str = ""
    brings_runner: bool = True
    modules: frozenset[str] | None = None
    clock: str = ""

    def probe(self) -> DeviceRecord:
        record = self.transport.probe()
        return record if self.runtime is None else with_facts(record, self.runtime.facts())

    def execute(self, job: CellJob) -> None:
        from edgerig.devices.deploy import run_on_device  # numpy: not for whoever only opens a device

        run_on_device(self, job)

    def profile(self, job: CellJob) -> None:
        from edgerig.devices.profiling import profile_on_device  # as `execute`

        profile_on_device(self, job)

    def facts(self) -> dict[str, Fact]:
        counted: Fact = ("counted" if self.no_instructions == "" else None, self.no_instructions or "")
        return {
            **(self.runtime.facts() if self.runtime else {}),
            "workdir": (self.workdir, ""),
            "python": (" ".join(self.python), ""),
            "ExecuTorch's runner": (self.executorch_library, self.library_reason),
            **({} if self.no_instructions is None else {COUNTED: counted}),
        }
