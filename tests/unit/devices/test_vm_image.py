"""The machine's image: initrd format, driver order, disks, and what is left when its making fails."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgerig.devices import leash
from edgerig.devices.bundle import debian
from edgerig.devices.qemu import initrd, vm_image
from edgerig.devices.qemu.initrd import Entry
from edgerig.errors import DeviceError

HEADER_BYTES = 110


def members(data: bytes) -> tuple[list[tuple[str, int, bytes]], bytes]:
    """What a cpio archive holds, read as the kernel reads it: (name, mode, content) up to its trailer, and the rest."""
    found: list[tuple[str, int, bytes]] = []
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        numbers = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name_at, size, length = at + HEADER_BYTES, numbers[6], numbers[11]
        content_at = (name_at + length + 3) // 4 * 4
        name = data[name_at : name_at + length]
        assert name.endswith(b"\0")
        at = (content_at + size + 3) // 4 * 4
        if name == b"TRAILER!!!\0":
            return found, data[at:]
        found.append((name[:-1].decode(), numbers[1], data[content_at : content_at + size]))


def test_an_archive_holds_files_and_folders_with_their_permissions() -> None:
    data = initrd.archive({"bin": Entry(None, 0o755), "bin/sh": Entry(b"#!odd", 0o755), "key": Entry(b"", 0o600)})
    found, rest = members(data)
    assert found == [("bin", 0o040755, b""), ("bin/sh", 0o100755, b"#!odd"), ("key", 0o100600, b"")]
    assert not rest.strip(b"\0")


def test_archives_can_stand_one_after_the_other() -> None:
    first, second = initrd.archive({"a": Entry(b"1")}), initrd.archive({"b": Entry(b"22")})
    assert len(first) % 4 == 0
    _, rest = members(first + second)
    assert members(rest.lstrip(b"\0"))[0] == [("b", 0o100644, b"22")]


@pytest.fixture
def modules(tmp_path: Path) -> Callable[..., Path]:
    def make(**needs: str) -> Path:
        for name, depends in needs.items():
            path = tmp_path / "kernel" / f"{name.replace('_', '-')}.ko"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0")
        return tmp_path

    return make


def names(paths: list[Path]) -> list[str]:
    return [path.stem.replace("-", "_") for path in paths]


def test_drivers_come_after_what_they_need_and_once(modules: Callable[..., Path]) -> None:
    folder = modules(virtio_net="virtio,failover", failover="", virtio="ring", ring="", virtio_rng="virtio")
    assert names(initrd.in_load_order(["virtio_net", "virtio_rng"], folder)) == [
        "ring",
        "virtio",
        "failover",
        "virtio_net",
        "virtio_rng",
    ]


def test_a_driver_built_into_the_kernel_is_not_loaded(modules: Callable[..., Path]) -> None:
    folder = modules(virtio_blk="virtio")
    (folder / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio.ko\n")
    assert names(initrd.in_load_order(["virtio-blk", "ext4"], folder)) == ["virtio_blk"]


def test_a_driver_the_kernel_lacks_is_named(modules: Callable[..., Path]) -> None:
    with pytest.raises(DeviceError, match="no module virtio_blk"):
        initrd.in_load_order(["virtio_blk"], modules(virtio=""))


def test_a_missing_tool_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeviceError) as caught:
        vm_image.tool("no-such-program", "its-package")
    assert "no-such-program" in caught.value.message
    assert caught.value.hint == "apt-get install its-package"


def test_a_disk_holds_the_tree_and_takes_only_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "tree" / "in").mkdir(parents=True)
    (tmp_path / "tree" / "in" / "file").write_bytes(b"content\n")
    disk = tmp_path / "disk, with a comma.ext4"
    vm_image.make_disk(tmp_path / "tree", disk, 512, "label")
    assert disk.stat().st_size == 512 * 2**20
    assert disk.stat().st_blocks * 512 < 32 * 2**20
    debugfs = vm_image.tool("debugfs", "e2fsprogs")
    shown = subprocess.run([debugfs, "-R", "cat /in/file", disk], capture_output=True, check=True, timeout=30)
    assert shown.stdout == b"content\n"
    owner = subprocess.run([debugfs, "-R", "stat /", disk], capture_output=True, check=True, timeout=30, text=True)
    assert "User:     0" in owner.stdout


def test_a_disk_too_small_for_its_tree_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "large").write_bytes(os.urandom(8 * 2**20))
    with pytest.raises(DeviceError, match="mke2fs ended with exit code"):
        vm_image.make_disk(tmp_path / "tree", tmp_path / "disk", 4, "label")


def test_a_failed_making_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DeviceError("the archive is not reached")

    monkeypatch.setattr(debian, "download", fail)
    with pytest.raises(DeviceError, match="not reached"):
        vm_image.vm_image(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_image_there_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        folder.mkdir()

    monkeypatch.setattr(vm_image, "_make", make)
    assert vm_image.vm_image(tmp_path) == vm_image.vm_image(tmp_path)
    assert len(made) == 1


def test_another_guest_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vm_image, "_make", lambda folder: folder.mkdir(parents=True))
    first = vm_image.vm_image(tmp_path / "cache")
    guest = Path(shutil.copytree(vm_image.GUEST, tmp_path / "guest"))
    with (guest / "sshd_config").open("a") as file:
        file.write("# another line\n")
    monkeypatch.setattr(vm_image, "GUEST", guest)
    assert vm_image.vm_image(tmp_path / "cache") != first


def leashed(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", leash.__file__, str(folder), *command], stdin=subprocess.PIPE)


def test_the_leash_passes_an_exit_code_on_and_leaves_the_folder(tmp_path: Path) -> None:
    with leashed(tmp_path, "sh", "-c", "exit 7") as child:
        assert child.wait(20) == 7
    with leashed(tmp_path, "sh", "-c", "kill -9 $$") as child:
        assert child.wait(20) == 128 + 9
    assert tmp_path.is_dir()


def test_the_leash_ends_its_command_when_let_go(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    pid = folder.with_name("pid")
    with leashed(folder, "sh", "-c", 'echo $$ >"$0"; exec sleep 60', str(pid)) as child:
        while not (pid.exists() and pid.read_text()):
            assert child.poll() is None
        child.stdin.close()
        child.wait(20)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert not folder.exists()
