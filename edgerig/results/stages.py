"""What is done before and after the network, on the host."""

from __future__ import annotations

from pydantic import Field

from edgerig.results.value import Value


class HostStage(Value):
    """A function of the model's folder, called for one sample at a time on the host; `p50_ms` is the median of its
    calls. It is no part of any latency."""

    p50_ms: float | None = None
    samples: int = 0
    reason: str = Field(default="", description="why there is no time")


class Stages(Value):
    """`preprocess` was timed when the data was laid out, `postprocess` after the cell's run."""

    preprocess: HostStage = HostStage(reason="the model names no preprocess function")
    postprocess: HostStage = HostStage(reason="the model names no postprocess function")
