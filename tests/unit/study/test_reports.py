"""The study's page and its Markdown: every figure leads to its cell, nothing runs, strangers' texts are texts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import browser as chromium
import pytest
from unit.study.made import broken, cell, run

from edgerig.study import Study, markdown, page, source, study, view

HOSTILE = "<script>alert(1)</script> | `x`"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def values(self, key: str) -> list[str]:
        return [str(attributes[key]) for _, attributes in self.found if key in attributes]


@pytest.fixture
def made() -> Study:
    cells = [
        cell("torch", "torch_eager", 2.0),
        cell("torch", "executorch", 1.0, label="noisy"),
        cell("torch", "tflite", 1.0),
        cell("torch", "tflite", 0.5, recipe="int8-static", size=250_000),
        cell("keras", "tflite", 1.5),
        cell("keras", "onnx"),
        broken(cell("torch", "onnx"), message=HOSTILE),
        cell("keras", "keras_eager", 3.0, device=HOSTILE),
    ]
    return study([run(*cells)])


def test_every_figure_leads_to_its_cell(made: Study) -> None:
    tags = Tags(page.render(made).decode())
    links = [link for link in tags.values("href") if link.startswith("#")]
    assert len([link for link in links if link.startswith("#cell-")]) > 8
    assert {link[1:] for link in links} <= set(tags.values("id"))
    text = markdown.render(made).decode()
    assert set(re.findall(r"\(#(cell-\d+)\)", text)) <= set(re.findall(r'<a id="(cell-\d+)">', text))
    known = view.numbered(made)
    shown = view.cells(made)
    for finding in made.findings:
        for each in finding.evidence:
            for figure in each.figures:
                assert shown[known[figure.cell.run, figure.cell.cell.id] - 1][2] == figure.cell.cell.id


def test_ids_are_there_once(made: Study) -> None:
    ids = Tags(page.render(made).decode()).values("id")
    assert len(ids) == len(set(ids))


def test_nothing_runs_and_texts_from_elsewhere_are_texts(made: Study) -> None:
    text = page.render(made).decode()
    assert not [tag for tag, _ in Tags(text).found if tag in ("script", "iframe", "object", "img")]
    assert "default-src 'none'" in text
    assert "&lt;script&gt;alert(1)" in text
    plain = markdown.render(made).decode()
    assert "<script>" not in plain
    rows = [line for line in plain.splitlines() if line.startswith("|")]
    assert rows and all(len(re.findall(r"(?<!\\)\|", row)) >= 4 for row in rows)


def test_what_others_measured_is_marked_and_not_ranked(made: Study) -> None:
    for text in (page.render(made).decode(), markdown.render(made).decode()):
        assert "1.174 s" in text and "2.667 s" in text
        assert "not ranked" in text
        assert source.ADDRESS in text
    ranked = [figure.text for finding in made.findings for each in finding.evidence for figure in each.figures]
    assert not [text for text in ranked if "1.174" in text or "2.667" in text]


def test_the_same_runs_give_the_same_bytes_and_reports_are_linked(made: Study) -> None:
    links = {made.runs[0].run.id: "../run/index.html"}
    assert page.render(made, links) == page.render(made, links)
    assert "../run/index.html" in Tags(page.render(made, links).decode()).values("href")
    assert b"(../run/index.html)" in markdown.render(made, links)


def test_a_verdict_is_told_with_what_it_rests_on(made: Study) -> None:
    said = {finding.claim.key: view.said(finding) for finding in made.findings}
    only = "PyTorch alone, nothing of TensorFlow was compared"
    assert said["int8-size"] == f"depends: as claimed; {only}"
    assert said["onnx-bridge"].startswith("depends: on the bridge: as claimed with keras → onnx")
    assert said["training"].startswith("not testable here: it trains nothing")
    assert view.counts(made.findings[3]) == "1 comparison: 1 as claimed"


@pytest.mark.integration
@chromium.needed
def test_a_browser_shows_it_and_nothing_is_fetched(made: Study, tmp_path: Path) -> None:
    file = tmp_path / "study.html"
    file.write_bytes(page.render(made))
    events: list[str] = []
    with chromium.running() as browser:
        shown = browser.new_page(viewport={"width": 400, "height": 800})
        shown.on("console", lambda message: events.append(message.text))
        shown.on("pageerror", lambda error: events.append(str(error)))
        shown.on("request", lambda request: events.append(request.url) if request.url != file.as_uri() else None)
        shown.goto(file.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") == 400
        shown.locator(".evidence a").first.click()
        assert "#cell-" in shown.url
        shown.close()
        found = {scheme: chromium.grave_findings(browser, file, scheme, "#cells") for scheme in ("light", "dark")}
    assert events == []
    assert found == {"light": [], "dark": []}
