"""The cache's temporary folders and its pruning, on real files and with a maker that is really killed."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from edgerig import cache
from edgerig.cache import prune, temporary_folder, used

MAKER = """
import sys, time
from pathlib import Path
from edgerig.cache import temporary_folder
with temporary_folder(Path(sys.argv[1]), ".making-") as folder:
    (folder / "half").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def entry(root: Path, name: str, size: int, seconds: int) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(os.urandom(size))
    age(folder, seconds)
    return folder


def test_a_temporary_folder_goes_unless_it_was_renamed(tmp_path: Path) -> None:
    with temporary_folder(tmp_path / "kind", ".x-") as folder:
        (folder / "file").write_bytes(b"1")
    assert not folder.exists()
    with temporary_folder(tmp_path / "kind", ".x-") as folder:
        folder.rename(tmp_path / "kind" / "made")
    assert [path.name for path in (tmp_path / "kind").iterdir()] == ["made"]


def test_what_a_killed_maker_left_is_removed_and_what_a_living_one_makes_is_not(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", MAKER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as maker:
        left = tmp_path / os.path.basename(maker.stdout.readline().strip())
        age(left, 3600)
        with temporary_folder(tmp_path, ".making-"):
            assert (left / "half").exists(), "its maker lives"
        maker.send_signal(signal.SIGKILL)
        maker.wait()
    with temporary_folder(tmp_path, ".other-"):
        assert left.exists(), "another kind's is not ours to judge"
    with temporary_folder(tmp_path, ".making-"):
        assert not left.exists()


def test_what_a_maker_left_a_moment_ago_goes_too(tmp_path: Path) -> None:
    (tmp_path / ".making-left").mkdir()
    with temporary_folder(tmp_path, ".making-"):
        assert not (tmp_path / ".making-left").exists()


@pytest.mark.parametrize("moment", ["open", "flock"])
def test_a_folder_that_is_taken_for_left_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Another maker looks at it in between: here, just before each of the two steps."""
    module: ModuleType = {"open": os, "flock": fcntl}[moment]
    seen: list[Path] = []
    real = getattr(module, moment)

    def remove_first(*given: Any) -> Any:
        if not seen and [*tmp_path.iterdir()]:
            seen.append(next(tmp_path.iterdir()))
            seen[0].rmdir()
        return real(*given)

    monkeypatch.setattr(cache, module.__name__, SimpleNamespace(**{**vars(module), moment: remove_first}))
    with temporary_folder(tmp_path, ".making-") as folder:
        assert folder != seen[0]
        assert folder.is_dir()


def test_what_was_used_longest_ago_goes_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    day = 86400
    old = entry(tmp_path, "artifact/old", 8192, 3 * day)
    middle = entry(tmp_path, "bundles/middle", 8192, 2 * day)
    young = entry(tmp_path, "vm/young", 8192, day)
    now = entry(tmp_path, "data/now", 8192, 60)
    lock = tmp_path / "bundles" / "aarch64.lock"
    lock.touch()
    age(lock, 9 * day)
    found = prune(tmp_path, 20_000)
    assert (found.removed, found.kept) == (2, 2)
    assert (found.removed_bytes, found.kept_bytes) == (16384, 16384)
    assert [path.exists() for path in (old, middle, young, now, lock)] == [False, False, True, True, True]
    assert prune(tmp_path, 0).kept == 1
    assert now.exists()


def test_using_an_entry_saves_it(tmp_path: Path) -> None:
    first = entry(tmp_path, "artifact/first", 4096, 90_000)
    second = entry(tmp_path, "artifact/second", 4096, 80_000)
    used(first)
    prune(tmp_path, 4096)
    assert first.exists() and not second.exists()


def test_a_single_file_is_an_entry_too(tmp_path: Path) -> None:
    (tmp_path / "native").mkdir()
    library = tmp_path / "native" / "lib.so"
    library.write_bytes(b"1")
    age(library, 2 * cache.IN_USE_S)
    assert prune(tmp_path, 0).removed == 1
    assert not library.exists()


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from edgerig import cache
shutil.rmtree = lambda *given, **options: os.kill(os.getpid(), signal.SIGKILL)
cache.prune(Path(sys.argv[1]), 0)
"""


def test_a_prune_that_is_killed_leaves_no_entry_in_part(tmp_path: Path) -> None:
    """Killed where the first file would be removed: the entry is out of sight by then."""
    old = entry(tmp_path, "bundles/old", 8192, 90_000)
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)]).returncode == -signal.SIGKILL
    (left,) = (tmp_path / "bundles").iterdir()
    assert left.name.startswith(".prune-") and (left / old.name / "file").exists()
    age(left, 3600)
    assert prune(tmp_path, 10**9).removed == 0
    assert list((tmp_path / "bundles").iterdir()) == []


@pytest.mark.parametrize("nothing", ["", "none"])
def test_an_empty_cache_has_nothing_to_prune(tmp_path: Path, nothing: str) -> None:
    assert prune(tmp_path / nothing, 0).removed == 0


def test_what_others_put_beside_a_temporary_folder_is_left_and_not_waited_for(tmp_path: Path) -> None:
    """The folder may be /tmp, where anybody may make anything of any name."""
    old = time.time() - 10_000
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "kept").mkdir(parents=True)
    parent = tmp_path / "tmp"
    parent.mkdir()
    os.mkfifo(parent / "edgerig-x-fifo")
    (parent / "edgerig-x-link").symlink_to(elsewhere)
    for path in (parent / "edgerig-x-fifo", parent / "edgerig-x-link", elsewhere):
        os.utime(path, (old, old), follow_symlinks=False)
    done = threading.Event()

    def make() -> None:
        with temporary_folder(parent, "edgerig-x-"):
            done.set()

    threading.Thread(target=make, daemon=True).start()  # what waits for ever must not hold pytest up
    assert done.wait(60)
    assert (elsewhere / "kept").is_dir()
