"""A headless Chromium that asks the network for nothing of its own, and what axe-core finds grave on a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needed = pytest.mark.needs("chromium")


@contextmanager
def running() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


def grave_findings(browser: Any, file: Path, scheme: str, ready: str) -> list[Any]:
    """What axe-core calls serious or critical on the page in `file` once an element matches `ready`."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page.goto(file.as_uri())
    page.wait_for_selector(ready, state="attached")
    found = axe.Axe().run(page).response
    page.close()
    assert len(found["passes"]) > 10
    return [
        (violation["id"], violation["impact"], [node["html"][:200] for node in violation["nodes"][:3]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
