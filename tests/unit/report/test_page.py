"""index.html in a real browser: it draws, sorts, filters, asks for nothing and runs nobody else's script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgerig.report import html as html_writer
from edgerig.results import Results

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
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

pytestmark = [pytest.mark.integration, pytest.mark.skipif(BROWSER is None, reason="needs chromium")]


@pytest.fixture
def opened(results: Results, tmp_path: Path) -> Iterator[tuple[object, list[str]]]:
    """The page at a phone's width, and everything that went wrong or was asked for since it was opened."""
    file = tmp_path / "index.html"
    file.write_bytes(html_writer.render(results))
    events: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(viewport={"width": 400, "height": 800})
        page.on("console", lambda message: events.append(message.text))
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("dialog", lambda dialog: (events.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: events.append(request.url) if request.url != file.as_uri() else None)
        page.goto(file.as_uri())
        yield page, events
        browser.close()


def shown(page, column: str) -> list[str]:
    """The texts of the table's column, top to bottom, without hidden rows."""
    return page.evaluate(
        """column => {
            const at = [...document.querySelectorAll('#table th')].findIndex(th => th.textContent === column);
            return [...document.querySelectorAll('#table tbody tr:not([hidden])')].map(tr => tr.cells[at].textContent);
        }""",
        column,
    )


def test_plots_are_drawn_for_every_choice_and_nothing_is_fetched(opened) -> None:
    page, events = opened
    for model in (0, 1):
        for device in (0, 1):
            page.select_option("#model", index=model)
            page.select_option("#device", index=device)
            page.wait_for_function("document.querySelectorAll('#tradeoff .point').length > 8")
            assert page.locator("#size .bars .point").count() >= 9
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert events == []


def test_sorting_by_keyboard_keeps_what_is_not_comparable_last(opened) -> None:
    page, events = opened
    planned = shown(page, "p50 (ms)")
    header = page.locator("#table th", has_text="p50")
    header.locator("button").focus()
    for order, backwards in (("ascending", False), ("descending", True)):
        page.keyboard.press("Enter")
        assert header.get_attribute("aria-sort") == order
        texts = shown(page, "p50 (ms)")
        ranked = [float(text) for text in texts[:20]]
        assert ranked == sorted(ranked, reverse=backwards)
        assert all(text == "–" or "emulated" in text for text in texts[20:])
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "none"
    assert shown(page, "p50 (ms)") == planned
    assert events == []


def test_filters_combine(opened) -> None:
    page, events = opened
    page.fill("#find", "ONNX int8")
    assert len(shown(page, "format")) == 8
    page.select_option("select[data-filter=status]", label="failed")
    assert set(shown(page, "status")) == {"failed"}
    assert page.inner_text("#shown") == "4 of 48 cells"
    page.select_option("select[data-filter=device]", label="<script>alert(1)</script>")
    assert page.inner_text("#shown") == "2 of 48 cells"
    page.fill("#find", "no such text")
    assert page.inner_text("#shown") == "0 of 48 cells"
    assert events == []
