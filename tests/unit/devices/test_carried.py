"""A bundle carried to another host: whole, the one that host would build, and nothing beside its folder."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from edgerig.devices import bundle as bundles
from edgerig.devices.bundle import bundle, carried, userland
from edgerig.errors import ConfigError, DeviceError


@pytest.fixture
def file(fake_parts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle in a file, and a host with an empty cache that cannot build one."""
    monkeypatch.setattr(bundles.wheels, "wanted", lambda: ("numpy",))
    monkeypatch.setattr(bundles.wheels, "installed_version", lambda name: "1")
    carried.save(bundle("aarch64"), tmp_path / "carried.tar")
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(userland, "fetch", lambda *_: pytest.fail("it was built"))
    return tmp_path / "carried.tar"


def changed(file: Path, **contents: bytes | None) -> None:
    """The file with other members; None leaves one out."""
    with tarfile.open(file) as tar:
        held = {name: tar.extractfile(name).read() for name in tar.getnames()}
    held |= {name.replace("_", "."): content for name, content in contents.items()}
    if "archive" in contents:
        held["archive.tar.gz"] = held.pop("archive")
    with tarfile.open(file, "w") as tar:
        for name, content in held.items():
            if content is not None:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def manifest_of(file: Path) -> dict[str, Any]:
    with tarfile.open(file) as tar:
        manifest: dict[str, Any] = json.loads(tar.extractfile("manifest.json").read())
    return manifest


def archive_of(*members: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return gzip.compress(packed.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "", size: int = 0, mode: int = 0o644) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size, found.mode = kind, to, size, mode
    return found


def with_archive(file: Path, content: bytes) -> None:
    """The file with another archive, and a manifest that vouches for it."""
    digest = hashlib.sha256(content).hexdigest()
    manifest = {**manifest_of(file), "archive_sha256": digest, "archive_bytes": len(content)}
    changed(file, archive=content, manifest_json=json.dumps(manifest).encode())


def test_what_is_carried_is_found_where_it_could_not_be_built(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o644
    taken = carried.load(file)
    assert bundle("aarch64") == taken
    assert taken.manifest == manifest_of(file)
    assert (taken.root / "file").read_text() == "x"
    assert carried.load(file) == taken, "once more does no harm"
    left = {path.name for path in taken.folder.parent.iterdir() if path.name.startswith(".")}
    assert left == set()


def test_programs_stay_programs_and_links_links(file: Path) -> None:
    program, link = member("bin/run", size=3, mode=0o4755), member("bin/l", tarfile.SYMTYPE, "run")
    with_archive(file, archive_of(member("bin", tarfile.DIRTYPE, mode=0o755), program, link))
    root = carried.load(file).root
    assert (root / "bin" / "run").stat().st_mode & 0o7777 == 0o755
    assert (root / "bin" / "l").readlink().name == "run"


@pytest.mark.parametrize(
    "bad",
    [
        [member("../out", size=1)],
        [member("/tmp/edgerig-out", size=1)],
        [member("out", tarfile.SYMTYPE, "/tmp")],
        [member("out", tarfile.SYMTYPE, "../..")],
        [member("out", tarfile.LNKTYPE, "/etc/passwd")],
        [member("out", tarfile.SYMTYPE, "..")],
        [member("./out", tarfile.SYMTYPE, ".."), member("out/x", size=1)],
        [member("out", tarfile.SYMTYPE, ".")],
        [member("out", tarfile.FIFOTYPE)],
    ],
)
def test_an_archive_that_reaches_out_of_its_folder_is_refused(
    file: Path, tmp_path: Path, bad: list[tarfile.TarInfo]
) -> None:
    with_archive(file, archive_of(*bad))
    with pytest.raises(ConfigError, match="is no file, folder or link of a bundle"):
        carried.load(file)
    assert not list((tmp_path / "elsewhere" / "bundles").glob("*/"))


@pytest.mark.parametrize(
    "twice",
    [
        [member("a", size=1), member("a", size=1)],
        [member("a", size=1), member("a/b", size=1)],
        [member("a", tarfile.SYMTYPE, "b"), member("./a", size=1)],
        [member("a", tarfile.SYMTYPE, "b"), member("a/b", size=1)],
    ],
    ids=["files", "a file and a folder", "a link and a file", "a link and a folder"],
)
def test_of_two_members_in_one_place_none_is_written_over(file: Path, twice: list[tarfile.TarInfo]) -> None:
    with_archive(file, archive_of(*twice))
    with pytest.raises(ConfigError, match="two of its members"):
        carried.load(file)


def test_an_archive_too_large_unpacked_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "UNPACKED_LIMIT_BYTES", 10_000)
    for members in ([member("a", size=10_000)], [member(f"{i}") for i in range(20)]):
        with_archive(file, archive_of(*members))
        with pytest.raises(ConfigError, match="more than 10000 bytes"):
            carried.load(file)


def test_the_file_that_was_asked_for_is_taken_even_over_another_of_its_key(file: Path, tmp_path: Path) -> None:
    good = file.read_bytes()
    with_archive(file, archive_of(member("false", size=1)))
    assert (carried.load(file).root / "false").is_file()
    file.write_bytes(good)
    assert (carried.load(file).root / "file").read_text() == "x"


def test_a_file_that_is_no_bundle_says_how_one_is_made(tmp_path: Path, file: Path) -> None:
    (tmp_path / "text").write_text("no tar\n" * 1000)
    for name, said in (("text", "no whole bundle"), ("absent", "No such file"), (".", "is a folder")):
        with pytest.raises(ConfigError, match=said):
            carried.load(tmp_path / name)
    file.write_bytes(file.read_bytes()[:1500])
    with pytest.raises(ConfigError) as caught:
        carried.load(file)
    assert "edgerig devices bundle ARCH --to FILE" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "../../x"}, "key: "),
        ({"schema": 2}, "schema: "),
        ({"archive_bytes": 10**12}, "archive_bytes: "),
        ({"archive_bytes": "12"}, "archive_bytes: "),
        ({"archive_bytes": 12}, "its manifest says 12 and"),
        ({"more": 1}, "more: "),
        ({"arch": "riscv64"}, 'is for "riscv64"'),
        ({"wheels": [{"name": "numpy", "version": "2", "sha256": "bb"}]}, "holds numpy 2, installed here is 1"),
        ({"wheels": []}, "holds numpy not at all"),
        ({"compiler": "another"}, "another edgerig"),
        ({"archive_sha256": "0" * 64}, "and 0000"),
    ],
)
def test_a_manifest_that_does_not_fit_is_named(file: Path, change: dict[str, object], said: str) -> None:
    changed(file, manifest_json=json.dumps({**manifest_of(file), **change}).encode())
    with pytest.raises(ConfigError, match=said) as caught:
        carried.load(file)
    assert caught.value.hint


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff", b"[" * 200_000])
def test_a_manifest_that_is_none_is_named(file: Path, content: bytes | None) -> None:
    changed(file, manifest_json=content)
    with pytest.raises(ConfigError, match=r"manifest\.json"):
        carried.load(file)


def test_what_another_edgerig_built_is_refused(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "builder.py").write_text("another")
    monkeypatch.setattr(bundles, "BUILDER", (str(tmp_path / "builder.py"),))
    with pytest.raises(ConfigError, match="another edgerig"):
        carried.load(file)


def test_a_place_that_cannot_be_written_is_named(fake_parts: list[int], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        carried.save(bundle("aarch64"), tmp_path / "none" / "file.tar")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        carried.save(bundle("aarch64"), tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_cache_that_does_not_take_it_is_named(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a file")
    with pytest.raises(DeviceError, match="could not be kept"):
        carried.load(file)
