"""What index.html holds; `test_page.py` opens it in a browser."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest

from edgerig.report import html as html_writer
from edgerig.report import view
from edgerig.results import Results


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


def test_every_planned_cell_has_a_row(results: Results, page: Page) -> None:
    rows = [attributes["data-id"] for tag, attributes in page.tags if tag == "tr" and "data-id" in attributes]
    assert rows == [cell.id for cell in view.ordered(results)]


def test_cell_ids_are_escaped(results: Results, source: str) -> None:
    for cell in results.cells:
        assert html.escape(cell.id) in source
    outside = source.replace(html_writer.get_plotlyjs(), "")
    assert "<script>alert" not in outside and "<img" not in outside


def test_only_the_pages_own_elements_exist(page: Page) -> None:
    assert [kind for kind, _ in page.scripts] == ["application/json", None, None]
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
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for kind, text in page.scripts if kind is None
    ]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_figures_survive_their_hostile_names(results: Results, page: Page) -> None:
    found = json.loads(page.scripts[0][1])
    assert [len(own) for own in found["tradeoff"]] == [len(results.devices)] * len(results.models)
    assert not set("<>&") & set(page.scripts[0][1])
    assert "&lt;script&gt;" in found["tradeoff"][0][1]["figure"]["data"][0]["hovertext"][0]
    assert found["tradeoff"][0][0]["note"] == "Not shown: 2 cells that did not run; see the table."


def test_links_lead_somewhere(page: Page) -> None:
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    wanted = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert len(wanted) > 6
    assert {address[1:] for address in wanted if address} <= targets


def test_an_emulated_latency_cannot_be_sorted_among_real_ones(page: Page) -> None:
    columns = [column.key for column in view.COLUMNS]
    emulated = 0
    for at, (tag, attributes) in enumerate(page.tags):
        if tag == "tr" and "script" in (attributes.get("data-device") or ""):
            cells = [found for name, found in page.tags[at + 1 : at + 30] if name == "td"][1:]
            assert "data-sort" not in cells[columns.index("p50")]
            emulated += 1
    assert emulated == 24


def test_errors_show_message_and_hint(results: Results, page: Page) -> None:
    failed = view.not_ok(results)[0]
    assert failed.error is not None
    assert failed.error.message in page.text
    assert "What to do:" in page.text


def test_results_without_a_cell_still_make_a_page(results: Results) -> None:
    page = Page(html_writer.render(results.model_copy(update={"cells": ()})).decode())
    assert "0 cells: none" in page.text
    assert json.loads(page.scripts[0][1]) == {"tradeoff": [], "size": []}
