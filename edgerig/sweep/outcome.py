"""How one cell ended: a line of the journal, and what it says of a cell that was not built, or that failed later."""

from __future__ import annotations

from edgerig.build.request import Failure
from edgerig.build.spawn import BuildOutcome
from edgerig.errors import (
    DeviceError,
    EdgerigError,
    InternalError,
    NotOnDevice,
    RunError,
    UnsupportedRecipe,
)
from edgerig.plan import Cell
from edgerig.results import (
    Artifact,
    BuildRecord,
    ConditionsRecord,
    DeviceRecord,
    ErrorRecord,
    Stage,
    Status,
)
from edgerig.spec import (
    Strict,
)


class Outcome(Strict):
    """A journal line: how one cell ended. `device` was probed before it ran and `after` when it had; `raw` is its raw
    run's folder, relative to the run's."""

    cell: str
    status: Status
    artifact: Artifact | None = None
    build: BuildRecord | None = None
    device: DeviceRecord | None = None
    after: DeviceRecord | None = None
    raw: str | None = None
    attempts: int = 1
    """How often it was timed: more than once where other processes disturbed it."""
    error: ErrorRecord | None = None
    conditions: ConditionsRecord | None = None
    visit: int = 0
    """Of a reference cell that was timed once more, which time it was; 0: the cell's own outcome."""
    at: float | None = None
    """When it ended, in seconds since the epoch by this host's clock."""


def failed(cell: Cell, error: EdgerigError, built: BuildOutcome, device: DeviceRecord | None, raw: str) -> Outcome:
    """The outcome of a cell that failed in or after deployment."""
    stage: Stage = (
        "run"
        if isinstance(error, RunError | InternalError)
        else "deploy"
        if isinstance(error, DeviceError)
        else "build"
    )
    return Outcome(
        cell=cell.id,
        status="failed",
        artifact=built.artifact,
        build=with_log(built, cell),
        device=device,
        raw=raw,
        error=ErrorRecord(stage=stage, kind=error.kind, message=error.message, hint=error.hint),
    )


def unsupported(cell: Cell) -> Outcome:
    """The outcome of a cell that the plan knows there is none of: for its recipe, or for the device alone."""
    error: EdgerigError = (
        NotOnDevice(cell.unsupported, hint=f"name another device for {cell.format}, or another format for this one")
        if cell.by_device
        else UnsupportedRecipe(cell.unsupported, hint=f'"edgerig formats" shows what {cell.format} can do')
    )
    stage: Stage = "deploy" if cell.by_device else "build"
    record = ErrorRecord(stage=stage, kind=error.kind, message=error.message, hint=error.hint)
    return Outcome(cell=cell.id, status="unsupported", error=record)


def not_built(cell: Cell, failure: Failure, stage: Stage, built: BuildOutcome | None = None) -> Outcome:
    """The outcome of a cell whose variant there is none of: unsupported when the recipe is, else failed."""
    return Outcome(
        cell=cell.id,
        status="unsupported" if failure.kind == "UnsupportedRecipe" else "failed",
        build=None if built is None else with_log(built, cell),
        error=ErrorRecord(stage=stage, kind=failure.kind, message=failure.message, hint=failure.hint),
    )


def with_log(built: BuildOutcome, cell: Cell) -> BuildRecord:
    """The build's record with its log's path made relative to the run's folder."""
    log = built.record.log and f"logs/{cell.model_id}-{cell.format}/{built.record.log}"
    return built.record.model_copy(update={"log": log})
