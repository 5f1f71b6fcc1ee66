"""What the doctor finds of this host for a browser: this machine's, or a phone's."""

from __future__ import annotations

from collections.abc import Callable

from edgerig.devices.findings import Finding
from edgerig.devices.kinds.adb_browser import AdbBrowserDevice
from edgerig.devices.kinds.browser import BrowserDevice
from edgerig.devices.web.programs import find_browser, require_driver, require_talker
from edgerig.errors import DeviceError


def of_browser(spec: BrowserDevice) -> list[Finding]:
    return [
        _finding("playwright: driving the browser", require_driver),
        _finding("a browser", lambda: find_browser(spec.browser)),
    ]


def of_adb_browser(spec: AdbBrowserDevice) -> list[Finding]:
    return [_finding("websockets: talking to the browser", require_talker)]


def _finding(what: str, check: Callable[[], object]) -> Finding:
    try:
        check()
    except DeviceError as error:
        return Finding(error.message, False, error.hint)
    return Finding(what, True)
