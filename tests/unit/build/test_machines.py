"""Which file of machine code a device gets, and why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.build import keys
from edgerig.build.formats.xla_library import TARGETS, Program, TensorFlow, linked
from edgerig.build.request import BuiltVariant, Failure
from edgerig.build.spawn import BuildOutcome, _found
from edgerig.build.store import Store
from edgerig.errors import BuildError, EdgerigError, NotOnDevice
from edgerig.results import Artifact, BuildRecord, DeviceRecord

HERE, THERE = "x86_64", "aarch64"


def artifact(key: str) -> Artifact:
    return Artifact(
        key=key,
        file="model.xla.so",
        sha256="0" * 64,
        size_bytes=len(key),
        format="xla",
        recipe="fp32",
        engine="xla",
        layout="any",
        inputs=(),
        outputs=(),
        constants={},
        check=None,
    )


def outcome(machines: dict[str, Artifact], no_machines: dict[str, Failure]) -> BuildOutcome:
    record = BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None, key="here")
    return BuildOutcome(
        recipe="fp32",
        artifact=artifact("here"),
        machines=machines,
        no_machines=no_machines,
        record=record,
        failure=None,
    )


def device(arch: str | None) -> DeviceRecord:
    return DeviceRecord(kind="ssh", emulated=False, arch=arch)


def test_each_processor_gets_its_own_file() -> None:
    built = outcome({HERE: artifact("here"), THERE: artifact("there")}, {})
    for arch, key in ((HERE, "here"), (THERE, "there")):
        found = built.on(device(arch))
        assert found.artifact is not None
        assert (found.artifact.key, found.record.key) == (key, key)


@pytest.mark.parametrize(("arch", "said"), [(THERE, "no compiler"), ("riscv64", "not for riscv64"), (None, "unknown")])
def test_a_processor_without_a_file_says_why(arch: str | None, said: str) -> None:
    missing = Failure(kind="BuildError", message="no compiler", hint="install one")
    with pytest.raises(EdgerigError, match=said) as caught:
        outcome({HERE: artifact("here")}, {THERE: missing}).on(device(arch))
    assert isinstance(caught.value, BuildError if arch == THERE else NotOnDevice)


def test_a_file_for_every_processor_is_nobodys_in_particular() -> None:
    assert outcome({}, {}).on(device("riscv64")).artifact == artifact("here")


def test_the_store_has_what_is_wanted_or_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def keep(key: str, machines: dict[str, Artifact]) -> None:
        made = BuiltVariant(artifact=artifact(key), machines=machines, seconds=None, peak_rss_bytes=None)
        with store.staging("artifact") as staged:
            (staged / "model.xla.so").write_bytes(key.encode())
            store.commit("artifact", key, staged, made.model_dump(mode="json"))

    keep("here", {HERE: artifact("here")})
    found = _found(store, "here")
    assert found is not None and found.machines.keys() == {HERE}
    assert _found(store, "here", [THERE]) is None, "what is for another processor is to be built"
    keep(keys.for_machine("here", THERE), {})
    found = _found(store, "here", [THERE])
    assert found is not None and found.machines.keys() == {HERE, THERE}


def test_without_a_compiler_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    program = Program(tmp_path / "program.h", tmp_path / "program.o", tmp_path / "constants.o")
    with pytest.raises(BuildError, match="no C\\+\\+ compiler for aarch64 is installed") as caught:
        linked(program, TARGETS[THERE], TensorFlow("2.21.0", tmp_path), tmp_path, tmp_path / "out")
    assert "g++-aarch64-linux-gnu" in caught.value.hint
