"""The browser and node of this machine: where they are, and what they call themselves."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence

from edgerig import extras, process
from edgerig.errors import DeviceError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CALLED = ("Chrom", "Edge", "Opera", "Brave", "Vivaldi")
"""What is in the version of browsers that are made of Chromium; the driver drives these."""
ASK_TIMEOUT_S = 30.0
DRIVER, TALKER = "playwright", "websockets"
"""Packages: what drives a browser of this machine, and what talks to the developer tools of another's."""


def find_browser(named: str) -> str:
    """Raises DeviceError."""
    found = _found((named,) if named else BROWSERS)
    if found:
        return found
    if named:
        raise DeviceError(f"{named}: no such program", hint='correct "browser" in the device file, or leave it out')
    raise DeviceError(
        f"no browser is found: {', '.join(BROWSERS)}",
        hint='sudo apt-get install chromium, or name one: browser = "/path/of/it" in the device file',
    )


def require_browser(program: str, version: tuple[str | None, str]) -> None:
    """Raises DeviceError where a `program` tells a version that is no browser's: what goes wrong when it is driven
    would be taken for the network's. Some tell nothing before they are started."""
    told = version[0]
    if told is not None and not any(name in told for name in CALLED):
        raise DeviceError(
            f'{program} is no browser made of Chromium: it calls itself "{told[:80]}"',
            hint='correct "browser" in the device file, or leave it out',
        )


def find_node(named: str) -> str:
    """Raises DeviceError."""
    found = _found((named,))
    if not found:
        raise DeviceError(f"{named}: no such program", hint="sudo apt-get install nodejs, or correct the device file")
    return found


def require_driver() -> None:
    """Raises DeviceError where the package that drives this machine's browser is missing."""
    _require(DRIVER, "drives the browser")


def require_talker() -> None:
    """Raises DeviceError where the package that talks to a phone's browser is missing."""
    _require(TALKER, "talks to the browser")


def _require(package: str, does: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise DeviceError(f"{package}, which {does}, is not installed", hint=extras.install([package]))


def version_of(program: str) -> tuple[str | None, str]:
    """Its own words, or why there are none."""
    try:
        done = process.run([program, "--version"], timeout_s=ASK_TIMEOUT_S)
    except OSError as error:
        return None, f"it cannot be started: {error.strerror}"
    said = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return (said[-1][:200], "") if said and done.returncode == 0 else (None, "it does not tell its version")


def _found(names: Sequence[str]) -> str:
    return next((path for name in names if (path := shutil.which(name))), "")
