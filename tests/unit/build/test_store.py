import json
import os
import threading
import time
from pathlib import Path

import pytest
from pydantic import BaseModel

from edgerig.build import store as stores
from edgerig.build.store import ENTRY, Store, digest
from edgerig.errors import ConfigError


class Kept(BaseModel):
    a: int


def put(store: Store, key: str, text: str = "content") -> Path:
    with store.staging("artifact") as staged:
        (staged / "model.bin").write_text(text)
        return store.commit("artifact", key, staged, {"a": 1})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_what_was_committed_is_found(store: Store) -> None:
    folder = put(store, "k")
    assert store.find("artifact", "k") == folder
    assert store.meta("artifact", "k", Kept) == Kept(a=1)
    assert (folder / "model.bin").read_text() == "content"


def test_an_entry_of_another_version_counts_as_absent_and_makes_room(store: Store) -> None:
    class Other(BaseModel):
        b: int

    folder = put(store, "k")
    assert store.meta("artifact", "k", Other) is None
    assert not folder.exists()


def test_what_was_not_is_none(store: Store) -> None:
    assert store.find("artifact", "k") is None
    assert store.meta("artifact", "k", Kept) is None


def test_an_uncommitted_entry_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.staging("artifact") as staged:
        (staged / "model.bin").write_text("half")
        raise RuntimeError
    assert list((store.root / "artifact").iterdir()) == []


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "entry"])
def test_a_damaged_entry_is_never_served(store: Store, damage: str) -> None:
    folder = put(store, "k")
    file = folder / "model.bin"
    match damage:
        case "changed":
            file.write_text("CONTENT")
        case "cut":
            file.write_text("con")
        case "gone":
            file.unlink()
        case "entry":
            (folder / ENTRY).write_text("{")
    assert store.find("artifact", "k") is None
    assert put(store, "k", "again").joinpath("model.bin").read_text() == "again"


def test_a_file_is_hashed_once_and_again_when_it_changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []
    known = stores.file_digest

    def digest(path: Path) -> str:
        hashed.append(path.name)
        return known(path)

    monkeypatch.setattr(stores, "file_digest", digest)
    file = put(store, "k") / "model.bin"
    before = file.stat()
    assert hashed == ["model.bin"]  # by `commit`
    assert store.find("artifact", "k") and store.find("artifact", "k")
    assert hashed == ["model.bin"] * 2
    time.sleep(0.02)  # beyond the coarsest clock a file system keeps
    file.write_text("CONTENT")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.find("artifact", "k") is None


def test_a_folder_without_its_entry_file_is_not_an_entry(store: Store) -> None:
    folder = put(store, "k")
    (folder / ENTRY).unlink()
    assert store.find("artifact", "k") is None


def test_two_at_once_agree_on_one(store: Store) -> None:
    barrier = threading.Barrier(8)
    found = []

    def build(number: int) -> None:
        barrier.wait()
        found.append(put(store, "k", f"by {number}"))

    threads = [threading.Thread(target=build, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert store.find("artifact", "k") == found[0]
    assert [path.name for path in (store.root / "artifact").iterdir()] == ["k"]


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        Store(tmp_path / "file" / "cache")
    assert "EDGERIG_CACHE" in caught.value.hint


def test_a_digest_does_not_depend_on_key_order() -> None:
    assert digest({"a": 1, "b": [2]}) == digest(json.loads('{"b": [2], "a": 1}'))
    assert digest({"a": 1}) != digest({"a": 2})
