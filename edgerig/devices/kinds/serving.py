"""A model server that answers over HTTP: TorchServe, one of the KServe v2 protocol (Triton), or TensorFlow Serving;
started by the rig on a loopback port for each cell, or one that is there already."""

from __future__ import annotations

import platform
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from edgerig.spec import Device, DeviceKind

Protocol = Literal["torchserve", "kserve", "tfserving"]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9_.:%\[\]-]+(/[\w./%-]*)?$", max_length=255)]
STARTED: dict[Protocol, tuple[str, ...]] = {
    "torchserve": ("torchscript", "onnx"),
    "kserve": ("onnx",),
    "tfserving": (),
}
"""What a server that the rig starts is given; of one that is there already, whoever started it has given it."""
THERE: dict[Protocol, tuple[str, ...]] = {**STARTED, "tfserving": ("saved_model",)}


class ServingDevice(Device):
    """`url` is a server that runs already and has the model loaded; None: the rig starts one for each cell, on a port
    of 127.0.0.1, and ends it with the cell. Its token is no key here: `EDGERIG_SERVING_TOKEN='https://HOST TOKEN'`."""

    kind: Literal["serving"]
    server: Protocol
    url: Url | None = None
    metrics_url: Url | None = None
    """Where a TorchServe at `url` has its metrics API, in mode prometheus: from there its own latency comes."""
    model: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*$", max_length=128)] | None = None
    """What a server at `url` calls the model; None: as it is called here."""
    port: Annotated[int, Field(ge=1024, le=65535)] | None = None
    """Of a server the rig starts; None: any that is free."""
    start_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    """How long it may take until it answers with a prediction."""
    request_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    warmup_seconds: Annotated[float, Field(ge=0, le=600)] = 3.0
    """How long it is asked before anything is timed, beyond a run's `warmup_runs`: what Java runs often it compiles."""
    concurrency: Annotated[tuple[Annotated[int, Field(ge=1, le=256)], ...], Field(max_length=16)] = (1, 2, 4, 8)
    """How many requests are under way at once when its throughput is taken; []: it is not."""
    load_requests: Annotated[int, Field(ge=1, le=10**6)] = 1000
    """Of each concurrency so many, or as many as are answered in `load_seconds`."""
    load_seconds: Annotated[float, Field(gt=0, le=600)] = 3.0

    @property
    def address(self) -> str:
        return self.url or f"{self.server} on 127.0.0.1"

    @property
    def arch(self) -> str:
        return platform.machine() if self.url is None else ""

    @property
    def elsewhere(self) -> str:
        return f"a server at {self.url}" if self.url else ""

    @property
    def has_frameworks(self) -> bool:
        return True

    def refuses(self, format_name: str) -> str:
        takes = (STARTED if self.url is None else THERE)[self.server]
        return "" if format_name in takes else f"{self.server} is given {' or '.join(takes)} here, not {format_name}"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.server == "tfserving" and self.url is None:
            raise ValueError('"url" is missing: TensorFlow Serving has no package the rig could start it from')
        if self.url is not None and self.port is not None:
            raise ValueError('"port" is of a server that the rig starts; with "url" leave it out')
        if self.metrics_url is not None and (self.url is None or self.server != "torchserve"):
            raise ValueError('"metrics_url" goes with "url" and server = "torchserve"')
        if self.model is not None and self.url is None:
            raise ValueError('"model" goes with "url": what the rig starts it names itself')
        return self


KIND = DeviceKind(
    spec=ServingDevice,
    opens="edgerig.devices.serving:open_serving",
    shares="machine",
    asks="edgerig.devices.serving.findings:host_findings",
)
