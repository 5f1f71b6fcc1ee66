"""What stands between a host and counted instructions is said, never raised."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.devices.qemu import instructions
from edgerig.devices.qemu.instructions import instruction_counter


def script(folder: Path, name: str, body: str) -> str:
    """An executable shell script."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return str(file)


def test_an_emulator_that_takes_the_plugin_is_given_it(tmp_path: Path) -> None:
    emulator = script(tmp_path, "qemu", 'echo "$@" > "$0.given"')
    found = instruction_counter(emulator, tmp_path / "cache")
    assert found.reason == ""
    assert found.prefix == ("setarch", "-R")
    assert found.arguments[:2] == ("-plugin", str(next((tmp_path / "cache").iterdir())))
    assert Path(f"{emulator}.given").read_text().startswith(f"-plugin {found.arguments[1]},check=on ")
    assert instruction_counter(emulator, tmp_path / "cache") == found


def test_where_fixed_addresses_are_forbidden_it_counts_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "FIXED_ADDRESSES", (script(tmp_path, "setarch", "exit 1"), "-R"))
    found = instruction_counter(script(tmp_path, "qemu", ""), tmp_path / "cache")
    assert (found.prefix, found.reason) == ((), "")
    assert found.arguments


def test_a_comma_in_the_path_does_not_end_it(tmp_path: Path) -> None:
    found = instruction_counter(script(tmp_path, "qemu", ""), tmp_path / "a,b")
    assert "/a,,b/" in found.arguments[1]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo \"qemu: unknown option 'plugin'\" >&2; exit 1", "unknown option 'plugin'"),
        ("echo on stdout; exit 1", "on stdout"),
        ("exit 3", "exit code 3"),
        ("kill -SEGV $$", "SIGSEGV"),
        ("yes no | head -c 100000 >&2; exit 1", "no\nno"),
    ],
)
def test_an_emulator_that_refuses_is_quoted(tmp_path: Path, body: str, said: str) -> None:
    found = instruction_counter(script(tmp_path, "qemu", body), tmp_path / "cache")
    assert (found.prefix, found.arguments) == ((), ())
    assert said in found.reason
    assert "apt install qemu-user" in found.reason
    assert len(found.reason) < 600


def test_an_emulator_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "CHECK_TIMEOUT_S", 0.3)
    found = instruction_counter(script(tmp_path, "qemu", "sleep 60 & wait"), tmp_path / "cache")
    assert "deadline of 0.3 s" in found.reason


def test_an_emulator_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = instruction_counter(str(tmp_path / "gone"), tmp_path / "cache")
    assert str(tmp_path / "gone") in found.reason
    assert found.arguments == ()


def test_a_host_that_cannot_compile_says_why(tmp_path: Path) -> None:
    compiler = script(tmp_path, "cc", 'case "$1" in --version) echo cc;; *) echo "no cc1" >&2; exit 1;; esac')
    found = instruction_counter("qemu-aarch64", tmp_path / "cache", [compiler])
    assert found.reason == "the instruction counter was not compiled: " + f"{compiler} failed with exit code 1: no cc1"
    assert found.arguments == ()
