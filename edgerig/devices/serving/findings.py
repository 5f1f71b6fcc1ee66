"""What the doctor finds of this host for a server that the rig starts."""

from __future__ import annotations

from edgerig.devices.findings import Finding, of_pip
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.serving.servers import SERVERS
from edgerig.errors import DeviceError


def host_findings(spec: ServingDevice) -> list[Finding]:
    starts = SERVERS[spec.server].starts
    if spec.url is not None or starts is None:
        return []
    try:
        starts.check()
    except DeviceError as error:
        return [Finding(error.message, False, error.hint), of_pip()]
    return [Finding(f"this machine can start {starts.name}", True), of_pip()]
