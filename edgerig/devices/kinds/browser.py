"""Chromium on this machine, without a window: runtimes of JavaScript and WebAssembly, as a page has them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.spec import BY_JAVASCRIPT, Device, DeviceKind, Program


class BrowserDevice(Device):
    kind: Literal["browser"]
    browser: str = ""
    """The program, a path or a name: Chromium or a Chrome; "": the first that is found of those a system calls so."""
    port: int = Field(default=0, ge=0, le=65535)
    """Where on loopback the page is served; 0: any free one."""

    @property
    def address(self) -> str:
        return self.browser or "this machine's Chromium"


KIND = DeviceKind(
    spec=BrowserDevice,
    opens="edgerig.devices.web.device:open_browser",
    asks="edgerig.devices.web.findings:of_browser",
    shares="machine",
    runs=BY_JAVASCRIPT,
    programs=(Program("npm", "npm", "fetching the runtimes' packages, once"),),
)
