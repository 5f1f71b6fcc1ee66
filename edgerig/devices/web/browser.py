"""A script in a page of Chromium without a window, driven by Playwright over a pipe.

Its profile is new and empty, below the job's folder: what is found to work there after the job is ended
(`leftovers.end_job`), and a Chromium whose pipe is closed ends by itself.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from html import escape

from edgerig.devices.web.memory import renderers
from edgerig.devices.web.place import Host, Place

START_MS = 60_000
SAID_LIMIT = 20_000
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page is told of its memory at once, not at the next garbage collection, which may be minutes away.
    "--enable-blink-features=ForceEagerMeasureMemory",
)
_PAGE = """<!doctype html>
<meta charset="utf-8"><title>edgerig</title><link rel="icon" href="data:,">
<script type="importmap">{importmap}</script>
<script type="application/json" id="packages">{packages}</script>
<body><script type="module" src="js/page.mjs"></script></body>
"""


def page(imports: Mapping[str, str]) -> bytes:
    """The page; a bare name that a package imports another by leads to that one's file."""
    mapped = {name: f"./packages/{name}/{file}" for name, file in imports.items()}
    return _PAGE.format(
        importmap=escape(json.dumps({"imports": mapped}), quote=False),
        packages=escape(json.dumps(dict(imports)), False),
    ).encode()


def run(place: Place) -> None:
    """Raises RuntimeError when Chromium cannot be started, or it or its page ends before the script does."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            context = playwright.chromium.launch_persistent_context(
                place.folder / "profile",
                executable_path=place.command[0],
                headless=True,
                chromium_sandbox=os.geteuid() != 0,  # as root it starts without one alone
                args=list(FLAGS),
                timeout=START_MS,
            )
        except Error as error:
            print(str(error)[:SAID_LIMIT], file=sys.stderr)
            raise RuntimeError(f"{place.command[0]} cannot be started: {_first(error)}") from error
        try:
            tab = context.pages[0] if context.pages else context.new_page()
            tab.on("console", lambda said: print(said.text[:2000], file=sys.stderr))
            tab.on("pageerror", lambda error: print(str(error)[:2000], file=sys.stderr))
            tab.goto(f"{place.address}/page.html", timeout=START_MS)
            # A promise, not a poll: nothing of the driver is at work while the script times.
            tab.wait_for_function("'finished' in globalThis", timeout=START_MS)
            tab.evaluate("() => globalThis.finished")
        except Error as error:
            raise RuntimeError(f"the browser or its page ended before the run did: {_first(error)}") from error
        finally:
            _close(context)


def _close(context: object) -> None:
    try:
        context.close()  # type: ignore[attr-defined]
    except Exception as error:  # it has crashed, which has been told
        print(f"while closing: {error}", file=sys.stderr)


def _first(error: Exception) -> str:
    """Of the driver's words: the browser's own log follows behind them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


HOST = Host(
    run,
    lambda: renderers(os.getpid()),
    "the process that renders the page: its part of the browser, the runtime, the model, one input set",
)
