"""What the doctor finds of this host for a server that the rig starts."""

from __future__ import annotations

from edgerig.devices.findings import Finding, of_pip
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.serving.start_torchserve import java
from edgerig.errors import DeviceError


def host_findings(spec: ServingDevice) -> list[Finding]:
    if spec.url is not None:
        return []
    return [*([_java()] if spec.server == "torchserve" else []), of_pip()]


def _java() -> Finding:
    try:
        return Finding(f"Java for TorchServe: {java()}", True)
    except DeviceError as error:
        return Finding(error.message, False, error.hint)
