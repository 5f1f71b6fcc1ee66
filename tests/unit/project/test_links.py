"""Links between documents: on GitHub they lead to files of the repository, on the site to pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.project.hooks import ROOT, hook

repository = hook("repository")
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "models/*/*.md", ".github/*.md")
    for path in ROOT.glob(pattern)
)
MADE = {"docs/reference/toml.md", "docs/reference/commands.md"}
"""Pages that are there on the site alone."""
CODE = re.compile(r"^```(?s:.*?)^```$|^ {4,}.*$", re.MULTILINE)


def links(document: Path) -> list[tuple[str, str]]:
    """File and anchor of every inline link into the repository."""
    prose = CODE.sub("", document.read_text(encoding="utf-8"))
    targets = [link["target"] for link in repository.LINK.finditer(prose)]
    return [target.partition("#")[::2] for target in targets if ":" not in target]


def slugs(document: Path) -> set[str]:
    """The anchors GitHub gives its headings: small letters, no punctuation, a hyphen for each space."""
    prose = CODE.sub("", document.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for file, anchor in links(document):
        target = (document.parent / file).resolve() if file else document
        if target.is_relative_to(ROOT) and str(target.relative_to(ROOT)) in MADE:
            continue
        assert target.exists(), f"{file} is not there"
        assert not anchor or anchor in slugs(target), f"{file} has no #{anchor}"


def test_the_documents_have_links() -> None:
    assert sum(len(links(document)) for document in DOCUMENTS) > 60


@pytest.mark.parametrize(
    ("page", "link", "on_the_site"),
    [
        ("gate.md", "[b](../benchmarks/README.md#x)", "[b](project/benchmarks.md#x)"),
        ("how-to.md", "[c](../CONTRIBUTING.md)", "[c](project/contributing.md)"),
        ("project/contributing.md", "[d](docs/design.md)", "[d](../design.md)"),
        ("project/benchmarks.md", "[d](../docs/gate.md#the-gate)", "[d](../gate.md#the-gate)"),
        ("project/security.md", "[c](CODE_OF_CONDUCT.md)", "[c](conduct.md)"),
        ("emulated.md", "[k](ci/gitlab-ci.yml)", "[k](ci/gitlab-ci.yml)"),
        ("hosts.md", "[w](../.github/workflows/ci.yml)", "w"),
        ("index.md", "[a](#install) [b](https://example.org/x) ![i](../i.png)", None),
    ],
)
def test_a_link_out_of_the_folder_becomes_one_to_a_page_or_a_text(
    page: str, link: str, on_the_site: str | None
) -> None:
    assert repository.relinked(link, page) == (on_the_site or link)


def test_with_a_repository_to_look_at_files_are_links_to_it() -> None:
    told = repository.relinked("[w](../.ci/run)", "hosts.md", "https://example.org/edgerig/")
    assert told == "[w](https://example.org/edgerig/blob/HEAD/.ci/run)"


def pages(entries: list[Any]) -> set[str]:
    """Every page of a navigation."""
    found: set[str] = set()
    for entry in entries:
        values = [entry] if isinstance(entry, str) else list(dict(entry).values())
        for value in values:
            found |= pages(value) if isinstance(value, list) else {value}
    return found


def test_every_page_of_the_folder_is_in_the_navigation() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    docs = ROOT / "docs"
    there = {str(path.relative_to(docs)) for path in docs.rglob("*.md")} - {"sample-report/README.md"}
    made = {page.removeprefix("docs/") for page in MADE} | set(repository.BROUGHT.values())
    assert pages(config["nav"]) == there | made
    assert config["strict"] is True
    assert all((ROOT / each).is_file() for each in config["hooks"])
