"""What index.html holds; `test_page.py` opens it in a browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest

from edgerig.errors import ResultsError
from edgerig.report.run import html as html_writer
from edgerig.results import Results, order


class Page(HTMLParser):
    """Every start tag with its attributes, every script's text, and the text outside scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.text = ""
        self._inside = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif self._inside != "style":
            self.text += data


@pytest.fixture
def source(results: Results) -> str:
    return html_writer.render(results).decode()


@pytest.fixture
def page(source: str) -> Page:
    return Page(source)


def unpacked(page: Page, which: int) -> str:
    """What one of the page's packed scripts holds: 0 the data, 1 Plotly."""
    return gzip.decompress(base64.b64decode(page.scripts[which][1])).decode()


def test_every_planned_cell_is_in_the_data(results: Results, page: Page) -> None:
    assert json.loads(unpacked(page, 0))["ids"] == [cell.id for cell in order.ordered(results)]


def test_names_are_escaped(results: Results, source: str) -> None:
    assert "<script>alert" not in source and "<img" not in source
    assert html.escape("<script>alert(1)</script>") in source
    assert html.escape("=cmd()|`x`") in source


def test_only_the_pages_own_elements_exist(page: Page) -> None:
    assert [kind for kind, _ in page.scripts] == ["application/octet-stream", "application/octet-stream", None]
    assert not {"img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_nothing_is_fetched(page: Page) -> None:
    addresses = [
        attributes[name]
        for _, attributes in page.tags
        for name in ("src", "href", "srcset", "data", "action")
        if name in attributes
    ]
    assert addresses
    assert all(address and address.startswith(("#", "data:")) for address in addresses)


def test_the_policy_allows_no_network_and_only_the_pages_scripts(page: Page) -> None:
    policy = next(
        attributes["content"]
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None and policy.startswith("default-src 'none'; ")
    run = (unpacked(page, 1), page.scripts[2][1])
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_the_packed_scripts_are_base64_alone(page: Page) -> None:
    for _, text in page.scripts[:2]:
        assert re.fullmatch(r"[A-Za-z0-9+/=]+", text)


def test_the_first_screen_says_what_to_ship(page: Page) -> None:
    text = " ".join(page.text.split())
    assert "Ship tflite fp16 p50 12.9 µs" in text
    assert "Runner-up: tflite fp32, as fast (13.1 µs)" in text
    assert "Budget: accuracy at most 1 point below fp32's (where there is none: the float network's top class" in text
    assert text.index("Ship tflite fp16") < text.index("All planned cells")


def test_many_decisions_are_a_table(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_writer, "CARDS", 3)
    page = Page(html_writer.render(results).decode())
    assert not [1 for tag, attributes in page.tags if "card" in (attributes.get("class") or "").split()]
    rows = [
        1 for tag, attributes in page.tags if tag == "tr" and attributes.get("class") in ("recommended", "provisional")
    ]
    assert len(rows) == 4


def test_groups_lead_to_their_cells(results: Results, page: Page) -> None:
    groups = json.loads(unpacked(page, 0))["groups"]
    buttons = [attributes["data-group"] for _, attributes in page.tags if "data-group" in attributes]
    assert set(buttons) == set(groups)
    statuses = [cell.status for cell in order.ordered(results)]
    begin, length = groups["trouble-0"][:2]
    assert set(statuses[begin : begin + length]) == {"failed"}


def test_no_more_groups_are_told_than_can_be_read(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_writer, "GROUPS", 1)
    assert "trouble-1" not in html_writer.render(results).decode()


def test_sources_stand_side_by_side(results: Results) -> None:
    twins = [
        cell.model_copy(update={"id": cell.id.replace("-torch-", "-keras-"), "source": "keras"})
        for cell in results.cells[:12]
    ]
    page = Page(html_writer.render(results.model_copy(update={"cells": (*results.cells, *twins)})).decode())
    assert "Through the same format and recipe, Keras (TensorFlow)'s build takes 1.00× what PyTorch's does" in page.text
    assert "Ship keras → tflite fp16" in " ".join(page.text.split())


def test_a_broken_budget_is_refused(results: Results) -> None:
    run = results.run.model_copy(update={"spec": {"budget": {"accuracy_drop": "much"}}})
    with pytest.raises(ResultsError, match=r"run\.spec\.budget\.accuracy_drop"):
        html_writer.render(results.model_copy(update={"run": run}))


def test_links_lead_somewhere(page: Page) -> None:
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    wanted = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert len(wanted) > 6
    assert {address[1:] for address in wanted if address} <= targets


def test_errors_show_message_and_hint(results: Results, page: Page) -> None:
    failed = next(cell for cell in results.cells if cell.status == "failed")
    assert failed.error is not None
    assert failed.error.message in page.text
    assert "What to do:" in page.text


def test_results_without_a_cell_still_make_a_page(results: Results) -> None:
    page = Page(html_writer.render(results.model_copy(update={"cells": ()})).decode())
    assert "0 cells: none" in page.text
    assert json.loads(unpacked(page, 0))["ids"] == []
