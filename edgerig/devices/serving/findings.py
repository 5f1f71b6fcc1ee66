"""What the doctor finds of this host for a server: what starts one here, or the token of one at an address."""

from __future__ import annotations

from edgerig.devices.findings import Finding, of_pip
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.serving.servers import SERVERS
from edgerig.devices.serving.tokens import VARIABLE, token_for
from edgerig.errors import DeviceError


def host_findings(spec: ServingDevice) -> list[Finding]:
    starts = SERVERS[spec.server].starts
    if spec.url is not None:
        return _of_token(spec.url)
    if starts is None:
        return []
    try:
        starts.check()
    except DeviceError as error:
        return [Finding(error.message, False, error.hint), of_pip()]
    return [Finding(f"this machine can start {starts.name}", True), of_pip()]


def _of_token(url: str) -> list[Finding]:
    try:
        return [Finding(f"{url} is told its token of {VARIABLE}", True)] if token_for(url) else []
    except DeviceError as error:
        return [Finding(error.message, False, error.hint)]
