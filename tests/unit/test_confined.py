"""No name leads out of its folder, and nothing but a regular file is opened."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edgerig.confined import Confined, read_named


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside")
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "root" / "a" / "file").write_text("inside")
    return tmp_path / "root"


@pytest.mark.parametrize("name", ["../outside/file", "/etc/passwd", "a/../../outside/file", "", "a//file", ".", "a/.",
                                  "a/\0", "\ud800", "x" * 5000, "x/" * 3000 + "y"])  # fmt: skip
def test_a_name_that_leads_elsewhere_or_is_none_is_refused(root: Path, name: str) -> None:
    file = Confined(root) / name if name else Confined(root) / ""
    for use in (file.open, lambda: file.replace(b"x")):
        with pytest.raises(OSError):
            use()
    assert (root.parent / "outside" / "file").read_text() == "outside"
    assert not file.is_file()


def test_a_link_is_not_followed_wherever_it_stands(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "outside")
    (root / "a" / "link").symlink_to(root.parent / "outside" / "file")
    (root / "self").symlink_to("a")
    for name, said in (("link/file", "symbolic link"), ("a/link", "symbolic link"), ("self/file", "symbolic link")):
        file = Confined(root) / name
        with pytest.raises(OSError, match=said):
            file.read_bytes(100)
        assert not file.is_file()
    with pytest.raises(OSError, match="symbolic link"):
        (Confined(root) / "link/new").replace(b"x")
    with pytest.raises(OSError, match="symbolic link"):
        (Confined(root) / "a/link").refuse_links()
    assert os.listdir(root.parent / "outside") == ["file"]


def test_the_root_may_be_a_link(root: Path) -> None:
    named = root.parent / "named"
    named.symlink_to(root)
    assert (Confined(named) / "a/file").read_bytes(6) == b"inside"


def test_a_link_in_a_files_place_is_replaced_and_not_written_through(root: Path) -> None:
    (root / "new").symlink_to(root.parent / "outside" / "file")
    assert (Confined(root) / "new").replace(b"new") == root / "new"
    assert (root / "new").read_text() == "new"
    assert not (root / "new").is_symlink()
    assert (root.parent / "outside" / "file").read_text() == "outside"


@pytest.mark.parametrize("before", ["nothing", "a file", "a folder", "a link"])
def test_a_folder_is_made_fresh_whatever_stood_there(root: Path, before: str) -> None:
    outside = root.parent / "outside"
    if before == "a file":
        (root / "a" / "new").write_text("x")
    elif before == "a folder":
        (root / "a" / "new" / "below").mkdir(parents=True)
        (root / "a" / "new" / "link").symlink_to(outside)
    elif before == "a link":
        (root / "a" / "new").symlink_to(outside)
    assert (Confined(root) / "a/new").make_fresh() == root / "a" / "new"
    assert (root / "a" / "new").is_dir()
    assert not (root / "a" / "new").is_symlink()
    assert os.listdir(root / "a" / "new") == []
    assert (outside / "file").read_text() == "outside"
    (root / "link").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        (Confined(root) / "link/new").make_fresh()


def test_folders_are_made_and_nothing_else_is_left(root: Path) -> None:
    (Confined(root) / "b/c/file").replace(b"1")
    (Confined(root) / "b/c/file").replace(b"2")
    assert [file.name for file in (root / "b" / "c").iterdir()] == ["file"]
    assert (root / "b" / "c" / "file").read_bytes() == b"2"
    with pytest.raises(OSError, match="directory"):
        (Confined(root) / "a").replace(b"x")
    assert os.listdir(root / "a") == ["file"]
    assert sorted(os.listdir(root)) == ["a", "b"]


@pytest.mark.parametrize("named", [False, True])
def test_what_is_no_regular_file_is_refused_without_waiting(root: Path, named: bool) -> None:
    os.mkfifo(root / "fifo")
    (root / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(root / "socket"))
    told: dict[str, str] = {}

    def read() -> None:
        for name in ("fifo", "socket", "device", "a"):
            try:
                read_named(root / name, 100) if named else (Confined(root) / name).read_bytes(100)
            except OSError as error:
                told[name] = str(error)

    thread = threading.Thread(target=read, daemon=True)  # what hangs must not hang pytest
    thread.start()
    thread.join(30)
    assert sorted(told) == ["a", "device", "fifo", "socket"]
    assert "FIFO" in told["fifo"]
    assert "folder" in told["a"]


def test_a_file_above_the_limit_is_refused(root: Path) -> None:
    assert read_named(root / "a" / "file", 6) == b"inside"
    reads: tuple[Callable[[], bytes], ...] = (
        lambda: read_named(root / "a" / "file", 5),
        lambda: (Confined(root) / "a/file").read_bytes(5),
    )
    for read in reads:
        with pytest.raises(OSError, match="larger than 5 bytes"):
            read()
