"""What the tests of bundles share."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgerig.devices.bundle import debian, userland, wheels


@pytest.fixture
def fake_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Parts that cost nothing, so that what is tested is the cache alone; gives the threads that built."""
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    package = debian.Package("libc6", "1", "aa", tmp_path)
    wheel = wheels.Wheel("numpy", "1", "bb", tmp_path)
    built = []

    def fetch(target: userland.Architecture, versions: Mapping[str, str], folder: Path) -> userland.Parts:
        built.append(threading.get_ident())
        return userland.Parts(target, (package,), (wheel,), wheel, tmp_path, "g++ 1", (), tmp_path)

    def assemble(parts: userland.Parts, unpacked: Path, root: Path) -> None:
        root.mkdir(parents=True)
        (root / "file").write_text("x")

    monkeypatch.setattr(userland, "fetch", fetch)
    monkeypatch.setattr(userland, "assemble", assemble)
    return built
