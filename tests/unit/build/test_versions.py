"""Keys name what is installed, else what the store's builds were made with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgerig.build import versions


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path))
    versions.version.cache_clear()
    yield tmp_path
    versions.version.cache_clear()


def without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions.installed
    monkeypatch.setattr(versions, "installed", lambda asked: versions.ABSENT if asked == name else found(asked))


def test_what_is_not_installed_is_what_it_was_where_it_was_built(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions.remember(root, ["numpy", "rich", "not-a-package"])
    numpy = versions.version("numpy")
    versions.version.cache_clear()
    without("numpy", monkeypatch)
    assert versions.version("numpy") == numpy
    assert versions.version("not-a-package") == versions.ABSENT


def test_what_is_installed_counts_and_is_kept_beside_what_others_built_with(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / versions.MADE_WITH).write_text('{"numpy": "0.1", "torch": "2.0+cpu"}')
    assert versions.version("numpy") != "0.1"
    without("torch", monkeypatch)
    versions.remember(root, ["numpy", "torch"])
    assert versions.version("torch") == "2.0+cpu"


@pytest.mark.parametrize("content", ["", "[]", '{"torch": 2}', '{"torch": "<script>"}', "\xff"])
def test_a_damaged_file_says_nothing(root: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    (root / versions.MADE_WITH).write_text(content, encoding="latin-1")
    without("torch", monkeypatch)
    assert versions.version("torch") == versions.ABSENT


def test_a_store_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    versions.remember(tmp_path / "file", ["numpy"])
    assert (tmp_path / "file").read_text() == ""
