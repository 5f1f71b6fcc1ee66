"""Made-up runs for the claims: a cell with the figures a test is about, and a run of them."""

from __future__ import annotations

from collections.abc import Sequence

from unit.made_results import make_results

from edgerig.results import (
    Accuracy,
    BuildRecord,
    CellResult,
    DeviceRecord,
    ErrorRecord,
    Latency,
    MedianInterval,
    Memory,
    Parity,
    Results,
    Stage,
    Verdict,
    VerdictEvidence,
)
from edgerig.study.claims import CLAIMS
from edgerig.study.finding import Finding, concluded
from edgerig.study.seen import seen

SURE = 0.005
"""Half of a median's interval, relative, where a test says nothing else."""


def cell(
    source: str,
    format_name: str,
    p50_ms: float = 1.0,
    *,
    recipe: str = "fp32",
    half: float = SURE,
    label: str = "stable",
    size: int = 1_000_000,
    model: str = "mobilenet_v2",
    side: int = 0,
    shape: tuple[int, ...] = (),
    place: str = "t1",
    device: str = "local",
    emulated: bool = False,
    error: float | None = 1e-6,
    seconds: float = 9.0,
    compile_ms: float | None = None,
) -> CellResult:
    """One that ran, by default on a real device; `side`: of its image, where that is not the network's own, or the
    whole `shape`; `place`: how, as in ids."""
    if side:
        shape = (1, 3, side, side) if source == "torch" else (1, side, side, 3)
    name = model + (f"+image={'x'.join(map(str, shape))}" if shape else "")
    return CellResult(
        id=f"{name}-{source}-{format_name}-{recipe}@{device}/{place}",
        model=name,
        source=source,
        format=format_name,
        recipe=recipe,
        shapes={"image": shape} if shape else {},
        device=device,
        threads=int(place.partition("/")[0].removeprefix("t")),
        emulated=emulated,
        status="ok",
        size_bytes=size,
        load_ms=2.0,
        compile_ms=compile_ms,
        first_inference_ms=3 * p50_ms,
        latency=latency(p50_ms, half),
        memory=Memory(peak_rss_bytes=int(2e8), includes="all"),
        accuracy=Accuracy(reason="random weights"),
        parity=Parity(relative_error=error, reason="" if error is not None else "nothing to compare with"),
        verdict=Verdict(label=label, evidence=VerdictEvidence(), advice="as it is"),
        build=BuildRecord(seconds=seconds, cached=False, peak_rss_bytes=None, log=None),
    )


def latency(p50_ms: float, half: float) -> Latency:
    low, high = p50_ms * (1 - half), p50_ms * (1 + half)
    interval = MedianInterval(low_ms=low, high_ms=high, half_width=half, within=half, blocks=50, processes=5)
    return Latency(
        p50_ms=p50_ms,
        p90_ms=p50_ms,
        p99_ms=p50_ms,
        mean_ms=p50_ms,
        std_ms=0.0,
        min_ms=p50_ms,
        max_ms=p50_ms,
        samples=100,
        warmup_runs=1,
        interval=interval,
    )


def broken(
    like: CellResult,
    status: str = "failed",
    message: str = "the converter gave up",
    stage: Stage = "build",
    kind: str = "BuildError",
) -> CellResult:
    """The same cell, as one that did not work."""
    kept = {"latency": None, "size_bytes": None, "verdict": None, "parity": Parity(reason="the cell did not run")}
    error = ErrorRecord(stage=stage, kind=kind, message=message, hint="")
    return like.model_copy(update={**kept, "status": status, "error": error})


def run(*cells: CellResult, name: str = "20260102-030405-a1b2") -> Results:
    made = make_results(cells)
    devices = {each.device: DeviceRecord(kind="local", emulated=each.emulated) for each in cells}
    return made.model_copy(update={"run": made.run.model_copy(update={"id": name}), "devices": devices})


def found(key: str, *runs: Results) -> Finding:
    """What a claim comes to."""
    return concluded(next(claim for claim in CLAIMS if claim.key == key), seen(runs))


def outcomes(finding: Finding) -> Sequence[bool | None]:
    return [each.holds for each in finding.evidence if each.judges]
