"""One candidate and what building it told: the cheapest rung, on which every candidate is tried."""

from __future__ import annotations

from edgerig.build.spawn import BuildOutcome
from edgerig.measure.error import least_agreement
from edgerig.spec import Strict
from edgerig.tune.space import Candidate


class Trial(Strict):
    """`relative_error` and `agreement` are against the float source on the first few validation samples, on the host;
    None where the outputs have none. `seconds` is what the build took. `failure` is why there is no file, or ""."""

    candidate: Candidate
    seconds: float
    size_bytes: int | None = None
    relative_error: float | None = None
    agreement: float | None = None
    failure: str = ""

    @property
    def name(self) -> str:
        return self.candidate.name

    @property
    def costs(self) -> tuple[float, float] | None:
        """(how far off, size in bytes), each the smaller the better; None of one that was not built."""
        if self.size_bytes is None:
            return None
        apart = 0.0 if self.agreement is None else 1.0 - self.agreement
        return (apart if self.relative_error is None else self.relative_error), float(self.size_bytes)


def trial_of(candidate: Candidate, built: BuildOutcome, seconds: float) -> Trial:
    """`seconds` is its share of what its process took; of a build that was in the store, its own."""
    artifact = built.artifact
    if artifact is None:
        why = built.failure.message.splitlines()[0] if built.failure and built.failure.message else "it was not built"
        return Trial(candidate=candidate, seconds=seconds, failure=why)
    check, own = artifact.check, built.record.seconds
    return Trial(
        candidate=candidate,
        seconds=own if built.record.cached and own is not None else seconds,
        size_bytes=artifact.size_bytes,
        relative_error=None if check is None else check.relative_error,
        agreement=None if check is None else least_agreement(check.outputs),
    )
