"""What the doctor finds of a browser on this machine."""

from __future__ import annotations

from edgerig.devices.findings import Finding
from edgerig.devices.kinds.browser import BrowserDevice
from edgerig.devices.web.programs import find_browser, require_driver
from edgerig.errors import DeviceError


def of_browser(spec: BrowserDevice) -> list[Finding]:
    found = []
    for what, check in (
        ("playwright: driving the browser", require_driver),
        ("a browser", lambda: find_browser(spec.browser)),
    ):
        try:
            check()
            found.append(Finding(what, True))
        except DeviceError as error:
            found.append(Finding(error.message, False, error.hint))
    return found
