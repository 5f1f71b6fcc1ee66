"""Facts of this machine, where the system tells them otherwise than Linux."""

import platform

import psutil
import pytest

from edgerig import process
from edgerig.devices import host


def test_memory_is_psutils_and_none_where_it_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.memory_bytes() == psutil.virtual_memory().total

    def silent() -> None:
        raise RuntimeError("psutil: no such figure here")

    monkeypatch.setattr(psutil, "virtual_memory", silent)
    assert host.memory_bytes() is None


@pytest.mark.parametrize(
    ("code", "said", "expected"), [(0, b"Apple M4\n", "Apple M4"), (1, b"", "arm"), (0, b"\n", "arm")]
)
def test_without_cpuinfo_macos_is_asked_for_the_processor(
    monkeypatch: pytest.MonkeyPatch, code: int, said: bytes, expected: str
) -> None:
    monkeypatch.setattr(host, "_read", lambda path: "")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    asked = []

    def run(argv: list[str], timeout_s: float) -> process.Finished:
        asked.append(argv)
        return process.Finished(code, said, b"", 0.0, False)

    monkeypatch.setattr(process, "run", run)
    assert host.cpu_model() == expected
    assert asked == [["sysctl", "-n", "machdep.cpu.brand_string"]]
