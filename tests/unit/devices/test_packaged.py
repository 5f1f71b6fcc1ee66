"""A bundle as a package: a wheel that pip installs, taken from there with every check of a bundle from elsewhere."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgerig
from edgerig import plugins
from edgerig.devices import bundle as bundles
from edgerig.devices.bundle import bundle, packaged, userland
from edgerig.devices.findings import of_bundle
from edgerig.errors import ConfigError, DeviceError


@pytest.fixture
def wheel(fake_parts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle's wheel, and a host with an empty cache that cannot build one."""
    monkeypatch.setattr(bundles.wheels, "wanted", lambda: ("numpy",))
    monkeypatch.setattr(bundles.wheels, "installed_version", lambda name: "1")
    made = packaged.save(bundle("aarch64"), tmp_path)
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "elsewhere"))

    def cannot(*_: object) -> None:
        raise DeviceError("there is no compiler", hint="install one")

    monkeypatch.setattr(userland, "fetch", cannot)
    return made


@pytest.fixture
def installed(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, its files where pip puts them; gives the bundle's file there."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    plugins.forget()
    yield site / "edgerig_bundle_aarch64" / "bundle.tar"
    plugins.forget()


def test_an_installed_one_is_found_and_its_package_is_not_imported(installed: Path) -> None:
    assert packaged.installed("aarch64") == installed
    assert packaged.installed("x86_64") is None
    assert [finding.ok for finding in of_bundle(userland.ARCHITECTURES["aarch64"])] == [True]
    assert (bundle("aarch64").root / "file").read_text() == "x"
    assert "edgerig_bundle_aarch64" not in sys.modules
    with pytest.raises(DeviceError, match="no compiler"):
        bundle("x86_64")


def test_pip_installs_it(wheel: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(tmp_path / "there"), str(wheel)], check=True, timeout=120)
    assert (tmp_path / "there" / "edgerig_bundle_aarch64" / "bundle.tar").is_file()
    assert not (tmp_path / "there" / "bin").exists()


def test_its_members_are_recorded_with_their_digests(wheel: Path) -> None:
    assert wheel.name == f"edgerig_bundle_aarch64-{edgerig.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        record = archive.read(next(name for name in names if name.endswith("RECORD"))).decode()
    assert [line.split(",")[0] for line in record.splitlines()] == names


def test_one_of_another_edgerig_is_passed_over_and_named_where_none_can_be_built(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "builder.py").write_text("another")
    monkeypatch.setattr(bundles, "BUILDER", (str(tmp_path / "builder.py"),))
    with pytest.raises(DeviceError, match=r"no compiler; the installed bundle is not taken: .*another") as caught:
        bundle("aarch64")
    assert caught.value.hint == "install one"


def test_a_damaged_one_is_not_taken(installed: Path) -> None:
    installed.write_bytes(installed.read_bytes()[:2000])
    with pytest.raises(DeviceError, match=r"not taken: .*no whole bundle"):
        bundle("aarch64")


def test_one_for_another_machine_is_not_taken_for_this(installed: Path) -> None:
    points = next(installed.parents[1].glob("*.dist-info/entry_points.txt"))
    points.write_text(points.read_text().replace("aarch64 =", "x86_64 ="))
    plugins.forget()
    with pytest.raises(DeviceError, match=r"bundle\.tar is for aarch64"):
        bundle("x86_64")


@pytest.mark.parametrize("value", ["../../etc", "a.b", "os:system"])
def test_an_entry_point_that_names_no_folder_is_refused(installed: Path, value: str) -> None:
    points = next(installed.parents[1].glob("*.dist-info/entry_points.txt"))
    points.write_text(f"[edgerig.bundles]\naarch64 = {value}\n")
    plugins.forget()
    with pytest.raises(ConfigError, match="names no folder"):
        packaged.installed("aarch64")


def test_equal_bundles_give_equal_wheels(fake_parts: list[int], tmp_path: Path) -> None:
    found = bundle("aarch64")
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.append(packaged.save(found, tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_a_folder_that_cannot_be_written_is_named(fake_parts: list[int], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        packaged.save(bundle("aarch64"), tmp_path / "none" / "below")
