"""The parts of a bundle's making that need no network; the real ones are built in tests/integration/test_bundle.py."""

import gzip
import json
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgerig.devices import bundle as bundles
from edgerig.devices.bundle import Bundle, bundle, debian, kept, provision, userland, wheels
from edgerig.devices.bundle.userland import ARCHITECTURES
from edgerig.devices.kinds.qemu_user import QemuUserDevice
from edgerig.devices.qemu import cpuinfo
from edgerig.errors import DeviceError

STANZAS = """\
# a comment
Types: deb deb-src
URIs: http://archive.invalid/debian
Suites: trixie trixie-updates trixie-backports
Components: main contrib
Architectures: amd64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ==
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://third.invalid/apt
Suites: trixie-vendor
Components: main

Types: deb
Enabled: no
URIs: http://archive.invalid/debian
Suites: trixie
Components: main
"""
LINES = """\
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://archive.invalid/security trixie-security main # why
deb http://third.invalid/docker trixie stable
deb-src http://archive.invalid/debian trixie main
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(LINES)
    (tmp_path / "sources.list.d" / "debian.sources").write_text(STANZAS)
    (tmp_path / "sources.list.d" / "old.sources.save").write_text(STANZAS)
    return tmp_path


def test_the_machines_sources_with_another_suite(etc: Path) -> None:
    found = list(debian.sources_of("bookworm", debian.machine_sources(etc)))
    assert found == [
        {
            "Signed-By": "/usr/share/keyrings/a.gpg",
            "Types": "deb",
            "URIs": "http://archive.invalid/security",
            "Suites": "bookworm-security",
            "Components": "main",
        },
        {
            "Types": "deb",
            "URIs": "http://archive.invalid/debian",
            "Suites": "bookworm bookworm-updates",
            "Components": "main",
            "Signed-By": "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n -----END PGP PUBLIC KEY BLOCK-----",
        },
    ]


def test_a_machine_without_debians_archive_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "machine_sources", lambda etc: [])
    with pytest.raises(DeviceError, match="names no Debian archive"):
        debian.download(["zlib1g"], "arm64", "bookworm", tmp_path)


def test_an_archive_that_is_not_there_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"Types": "deb", "URIs": f"file:{tmp_path}/gone", "Suites": "bookworm", "Components": "main"}
    monkeypatch.setattr(debian, "machine_sources", lambda etc: [gone])
    with pytest.raises(DeviceError, match="apt-get failed") as caught:
        debian.download(["zlib1g"], "arm64", "bookworm", tmp_path / "packages")
    assert caught.value.hint == 'does "apt-get update" work on this machine?'


@pytest.mark.parametrize("missing", ["apt-get", "dpkg-deb"])
def test_a_missing_tool_is_named(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    package = debian.Package("zlib1g", "1", "", tmp_path / "zlib1g_1_arm64.deb")
    with pytest.raises(DeviceError, match=f"{missing} cannot be started"):
        if missing == "apt-get":
            debian.download(["zlib1g"], "arm64", "bookworm", tmp_path)
        else:
            debian.unpack(package, tmp_path)


@pytest.mark.parametrize(
    ("arch", "package"), [("aarch64", "g++-aarch64-linux-gnu"), ("x86_64", "g++-x86-64-linux-gnu")]
)
def test_a_missing_compiler_is_named_with_its_package(
    arch: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DeviceError, match=f"{arch.replace('_', '.')}-linux-gnu-g.. is not installed") as caught:
        bundle(arch)
    assert caught.value.hint == f"apt-get install {package}"
    assert sorted(path.suffix for path in (tmp_path / "cache" / "bundles").iterdir()) == [".lock"]


def test_an_index_without_the_wheel_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(DeviceError, match=r"No matching distribution found for numpy==0\.0\.1") as caught:
        wheels.download({"numpy": "0.0.1"}, "3.11", "aarch64", tmp_path)
    assert "-m pip download" in caught.value.hint


def test_a_runtime_that_is_not_installed_here_is_named() -> None:
    with pytest.raises(DeviceError, match="no-such-runtime is not installed here"):
        wheels.installed_version("no-such-runtime")


def test_a_wheel_is_unpacked_without_what_is_useless(tmp_path: Path) -> None:
    names = {
        "onnxruntime/capi/libonnxruntime.so.1.2.3": False,
        "onnxruntime/capi/libonnxruntime_providers_shared.so": True,
        "onnxruntime/transformers/optimizer.py": False,
        "onnxruntime/__init__.py": True,
        "numpy/_core/tests/test_umath.py": False,
        "numpy/testing/__init__.py": True,
        "onnxruntime-1.dist-info/METADATA": True,
    }
    with zipfile.ZipFile(tmp_path / "onnxruntime-1-py3-none-any.whl", "w") as archive:
        for name in names:
            archive.writestr(name, "")
    wheels.unpack(wheels.Wheel("onnxruntime", "1", "", Path(archive.filename)), tmp_path / "to")
    assert {name: (tmp_path / "to" / name).is_file() for name in names} == names


def test_a_wheel_cut_short_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a-1-py3-none-any.whl").write_bytes(b"PK")
    with pytest.raises(DeviceError, match="cannot be unpacked"):
        wheels.unpack(wheels.Wheel("a", "1", "", tmp_path / "a-1-py3-none-any.whl"), tmp_path)


def test_an_architecture_without_a_bundle() -> None:
    with pytest.raises(DeviceError, match="no bundle for armv7l") as caught:
        bundle("armv7l")
    assert 'runtime = "system"' in caught.value.hint


@pytest.mark.parametrize("sign", [":", ";", "$"])
def test_a_path_the_loader_would_split_is_refused(sign: str) -> None:
    with pytest.raises(DeviceError, match="cannot stand at"):
        Bundle("k", Path("/b/k"), {}, ARCHITECTURES["aarch64"]).python(f"/data{sign}x")


def test_equal_folders_give_equal_archives(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "run").write_text("x")
        (tmp_path / name / "bin" / "run").chmod(0o775 if name == "one" else 0o700)
        (tmp_path / name / "bin" / "link").symlink_to("run")
        kept.archived(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(fileobj=gzip.open(tmp_path / "one.tar.gz")) as archive:
        found = {member.name: (member.mode, member.linkname) for member in archive}
    assert found == {"bin": (0o755, ""), "bin/link": (0o755, "run"), "bin/run": (0o755, "")}


def test_a_bundle_is_built_once_by_whoever_comes_first(fake_parts: list[int]) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(bundle, ["aarch64"] * 4))
    assert len(fake_parts) == 1
    assert len({one.key for one in found}) == 1
    assert found[0].archive.is_file()
    manifest = json.loads((found[0].folder / "manifest.json").read_text())
    assert manifest["packages"] == [{"name": "libc6", "version": "1", "sha256": "aa"}]
    assert [path.name for path in found[0].folder.parent.iterdir() if path.name.startswith(".build")] == []


def test_architectures_and_builders_do_not_share_a_bundle(
    fake_parts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm, intel = bundle("aarch64"), bundle("x86_64")
    (tmp_path / "builder.py").write_text("another")
    monkeypatch.setattr(bundles, "BUILDER", (str(tmp_path / "builder.py"),))
    assert len({arm.key, intel.key, bundle("aarch64").key}) == 3


def test_a_bundle_the_cache_lost_is_built_again(fake_parts: list[int]) -> None:
    first = bundle("aarch64")
    (first.folder / "manifest.json").unlink()
    assert bundle("aarch64").key == first.key
    assert len(fake_parts) == 2


def test_a_failed_build_leaves_nothing(fake_parts: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(parts: userland.Parts, unpacked: Path, root: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(userland, "assemble", full)
    with pytest.raises(DeviceError, match="No space left") as caught:
        bundle("aarch64")
    assert "600 MB" in caught.value.hint
    assert [path.name for path in (tmp_path / "cache" / "bundles").iterdir()] == ["aarch64.lock"]


def test_a_stuck_builder_is_not_waited_for_for_ever(
    fake_parts: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept, "LOCK_TIMEOUT_S", 0.1)
    (tmp_path / "cache" / "bundles").mkdir(parents=True)
    with (
        kept.locked(tmp_path / "cache" / "bundles" / "aarch64.lock"),
        pytest.raises(DeviceError, match="another process has been building"),
    ):
        bundle("aarch64")


def test_every_processor_a_device_may_name_is_known(tmp_path: Path) -> None:
    models = QemuUserDevice.model_fields["cpu"].annotation.__args__
    assert set(models) == set(cpuinfo.CPUS)
    cpuinfo.write_files(cpuinfo.CPUS["cortex-a76"], tmp_path)
    text = (tmp_path / "proc" / "cpuinfo").read_text()
    assert text.count("CPU part\t: 0xd0b\n") == cpuinfo.CORES
    assert "asimddp" in text
    assert (tmp_path / "sys/devices/system/cpu/online").read_text() == "0-3\n"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("tar: write error: No space left on device", "free some space"),
        ("sh: /data/busybox: Permission denied", "noexec"),
        ("busybox: cannot execute binary file: Exec format error", "64-bit userland"),
        ("", "writable folder"),
    ],
)
def test_what_the_device_said_decides_the_hint(said: str, hint: str) -> None:
    assert hint in provision._hint(said)
