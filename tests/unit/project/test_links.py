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
MADE = {f"docs/{made.PAGE}": made for made in (hook("toml_keys"), hook("commands"))}
"""Pages that the site makes; what stands in the repository says where their text is."""
OFF_THE_SITE = ROOT / "docs" / "sample-report" / "README.md"
"""A site's folder has one index, and that is the report itself."""
CODE = re.compile(r"^```(?s:.*?)^```$|^ {4,}.*$", re.MULTILINE)


def links(document: Path) -> list[tuple[str, str]]:
    """File and anchor of every inline link into the repository."""
    prose = CODE.sub("", document.read_text(encoding="utf-8"))
    targets = [link["target"] for link in repository.LINK.finditer(prose)]
    return [target.partition("#")[::2] for target in targets if ":" not in target]


def slugs(document: Path) -> set[str]:
    """The anchors GitHub gives its headings: small letters, no punctuation, a hyphen for each space."""
    made = MADE.get(str(document.relative_to(ROOT)))
    prose = CODE.sub("", made.page() if made else document.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for file, anchor in links(document):
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), f"{file} is not there"
        assert target != OFF_THE_SITE or not document.is_relative_to(ROOT / "docs"), f"{file} is no page of the site"
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
    there = {str(path.relative_to(docs)) for path in docs.rglob("*.md")} - {str(OFF_THE_SITE.relative_to(docs))}
    assert pages(config["nav"]) == there | set(repository.BROUGHT.values())
    assert config["strict"] is True
    assert all((ROOT / each).is_file() for each in config["hooks"])
