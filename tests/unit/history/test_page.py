"""The history's page: self-contained, escaped, and drawn by a real browser without a request or an error."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import browser as chromium
import pyarrow as pa
import pytest

from edgerig.history.page import render
from edgerig.history.store import History
from edgerig.history.trends import ask
from edgerig.report.run import parquet_results
from edgerig.results import CellResult, Results

HOSTILE = "<script>alert(1)</script>"
PLAIN = "digits_cnn-torch-tflite-fp32@local/t1"


@pytest.fixture
def page(run: Callable[..., Results], cell: Callable[..., CellResult]) -> str:
    odd = cell(f"{HOSTILE}-torch-onnx-fp32@local/t1", p50=5.0, label="noisy")
    runs = [
        run(i, cell(p50=(1.0 if i < 12 else 1.2) * (1 + 0.002 * (i % 3))), odd, cell(f"{HOSTILE}@local/t1"),
            run=f"{HOSTILE}{i:02d}", cpu=HOSTILE, tools={HOSTILE: "1" if i < 12 else "2"}, commit="a" * 40)
        for i in range(20)
    ]  # fmt: skip
    rows = pa.concat_tables([parquet_results.table(one) for one in runs])
    warnings = (f"{HOSTILE}.parquet: damaged",)
    return render(ask(History(rows, 20, warnings), "digits_cnn", "latency_p50_ms", (), HOSTILE)).decode()


def test_names_from_outside_are_text_everywhere(page: str) -> None:
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;alert(1)") > 5
    packed = re.search(r'<script type="application/octet-stream" id="data">(.*?)</script>', page, re.S)
    data = json.loads(gzip.decompress(base64.b64decode(packed.group(1))))
    hovers = [text for figure in data for trace in figure["data"] for text in trace.get("hovertext", [])]
    assert hovers
    assert not any("<script" in text for text in hovers)


def test_it_needs_nothing_from_elsewhere(page: str) -> None:
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r'(src|href)="(?!data:,|#)', page.split("<script>")[0])


def test_it_tells_the_change_what_stands_beside_it_and_what_was_left_out(page: str) -> None:
    assert "+20.0 % at &lt;script&gt;" in page
    assert "1 → 2" in page
    assert "20 left out: noisy" in page
    assert ".parquet: damaged" in page


def test_the_same_history_gives_the_same_page(run: Callable[..., Results], cell: Callable[..., CellResult]) -> None:
    rows = parquet_results.table(run(1))
    found = ask(History(rows, 1, ()), "digits_cnn", "accuracy", (), "here")
    assert render(found) == render(found)


@pytest.mark.integration
@chromium.needed
def test_a_browser_draws_it_and_nothing_is_fetched(page: str, tmp_path: Path) -> None:
    file = tmp_path / "history.html"
    file.write_text(page, encoding="utf-8")
    events: list[str] = []
    with chromium.running() as browser:
        view = browser.new_page(viewport={"width": 400, "height": 800})
        view.on("console", lambda message: events.append(message.text))
        view.on("pageerror", lambda error: events.append(str(error)))
        view.on("dialog", lambda dialog: events.append(dialog.message))
        view.on("dialog", lambda dialog: dialog.dismiss())
        view.on("request", lambda request: events.append(request.url) if request.url != file.as_uri() else None)
        view.goto(file.as_uri())
        view.locator("#trend .point").nth(19).wait_for(state="attached")
        assert view.locator("#trend .point").count() == 20
        assert view.inner_text("#chosen") == PLAIN
        view.locator("#trends button").nth(1).focus()
        view.keyboard.press("Enter")
        view.locator("#chosen", has_text=HOSTILE).wait_for()
        assert view.evaluate("document.documentElement.scrollWidth") == 400
        view.close()
        found = {
            scheme: chromium.grave_findings(browser, file, scheme, "#trend .point") for scheme in ("light", "dark")
        }
    assert events == []
    assert found == {"light": [], "dark": []}
