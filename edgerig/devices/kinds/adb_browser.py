"""A browser on a phone, reached over adb: what a page's users get of a model there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edgerig.spec import BY_JAVASCRIPT, DeviceKind, OverAdb, Program


class AdbBrowserDevice(OverAdb):
    kind: Literal["adb-browser"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+$", max_length=255)] = (
        "com.android.chrome"
    )
    """The app that is brought to the front and asked: Chrome, or another that is made of Chromium."""
    socket: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)] = "chrome_devtools_remote"
    """Where on the device its developer tools listen: an abstract socket."""
    port: int = Field(default=0, ge=0, le=65535)
    """Where on this host's loopback the page is served; 0: any free one."""

    @property
    def elsewhere(self) -> str:
        return f"{self.package} on {self.address}"


KIND = DeviceKind(
    spec=AdbBrowserDevice,
    opens="edgerig.devices.web.phone:open_adb_browser",
    asks="edgerig.devices.web.findings:of_adb_browser",
    shares="disk",
    runs=BY_JAVASCRIPT,
    programs=(Program("adb", "adb", "the adb server"), Program("npm", "npm", "fetching the runtimes' packages, once")),
)
