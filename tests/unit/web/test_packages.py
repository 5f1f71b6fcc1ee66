"""Packages of npm: accepted by their bytes alone. The tarballs are the test's own; no registry is asked."""

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from edgerig.errors import DeviceError
from edgerig.spec import EngineSpec, NpmPackage
from edgerig.web.packages import modules_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def tarball(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def engine(content: bytes, *files: str) -> EngineSpec:
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    package = NpmPackage(name="@made/up", version="1.2.3", integrity=f"sha512-{digest}", files=files)
    return EngineSpec(name="e", runtime="E", script="e.mjs", packages=(package,))


def by_hand(cache: Path, content: bytes) -> None:
    (cache / "web" / "tarballs").mkdir(parents=True)
    (cache / "web" / "tarballs" / "made-up-1.2.3.tgz").write_bytes(content)


def test_one_put_there_by_hand_is_taken_and_nothing_is_downloaded(cache: Path) -> None:
    content = tarball(**{"package/dist/a.js": b"a", "package/dist/b.map": b"b", "package/package.json": b"{}"})
    by_hand(cache, content)
    said: list[str] = []
    modules = modules_of(engine(content, "dist/*.js", "package.json"), said.append)
    found = sorted(path.relative_to(modules).as_posix() for path in modules.rglob("*") if path.is_file())
    assert (found, said) == (["@made/up/dist/a.js", "@made/up/package.json"], [])
    (cache / "web" / "tarballs" / "made-up-1.2.3.tgz").unlink()
    assert modules_of(engine(content, "dist/*.js", "package.json"), said.append) == modules, "made once"


def test_a_program_can_be_started(cache: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, mode in (("package/bin/node", 0o755), ("package/LICENSE", 0o644)):
            member = tarfile.TarInfo(name)
            member.mode = mode
            archive.addfile(member)
    by_hand(cache, out.getvalue())
    made = modules_of(engine(out.getvalue(), "bin/node", "LICENSE"), print) / "@made/up"
    assert [(made / name).stat().st_mode & 0o777 for name in ("bin/node", "LICENSE")] == [0o755, 0o644]


def test_other_bytes_are_refused_and_nothing_is_left(cache: Path) -> None:
    by_hand(cache, tarball(**{"package/a.js": b"changed"}))
    with pytest.raises(DeviceError, match=r"made-up-1\.2\.3\.tgz has sha512-"):
        modules_of(engine(tarball(**{"package/a.js": b"a"}), "a.js"), print)
    assert [path.name for path in (cache / "web").iterdir()] == ["tarballs"]


def test_no_file_is_written_elsewhere(cache: Path) -> None:
    content = tarball(**{"package/../../../../gone.js": b"a", "package/a.js": b"a"})
    by_hand(cache, content)
    modules_of(engine(content, "*.js"), print)
    assert [path.name for path in cache.parent.rglob("*.js")] == ["a.js"]


def test_a_listed_file_that_is_not_in_it_is_told(cache: Path) -> None:
    content = tarball(**{"package/a.js": b"a"})
    by_hand(cache, content)
    with pytest.raises(DeviceError, match="only 1 of the files"):
        modules_of(engine(content, "a.js", "b.js"), print)


def test_without_npm_the_place_for_a_tarball_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(cache))
    said: list[str] = []
    with pytest.raises(DeviceError, match="npm is not installed") as error:
        modules_of(engine(b"", "a.js"), said.append)
    assert "made-up-1.2.3.tgz" in error.value.hint
    assert "downloading @made/up 1.2.3" in said[0]
