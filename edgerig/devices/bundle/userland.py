"""What a bundle holds: Debian's loader, C library and Python, the runtimes' wheels and the ExecuTorch runner.

    bin/     python3.11, busybox (static)
    lib/     the loader and every shared library, side by side, the clock of profiles among them
    lib/python3.11/            the standard library
    lib/python3/dist-packages/ numpy and the runtimes
    lib/executorch/            the runner and ExecuTorch's own libraries, without torch
    licences/                  of Debian's packages, and where their sources are; a wheel's are in its .dist-info

Python finds all of it from the place of `bin/python3.11` alone, so the folder can stand anywhere.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.compiler import NativeLibrary
from edgerig.devices.bundle import debian, wheels
from edgerig.devices.native import executorch_runner_for, op_clock, shipped_runner
from edgerig.devices.runner_recipe import COMPILERS, LIBRARIES, library
from edgerig.errors import DeviceError

SUITE, PYTHON = "bookworm", "3.11"
MAGIC = (3495).to_bytes(2, "little") + b"\r\n"
"""How Python 3.11's compiled files begin: only a host Python that writes the same may compile for the device."""
PACKAGES = (
    "base-files",  # the texts of the licences that the others name
    "busybox-static",
    "gcc-12-base",  # the copyright file of GCC's libraries
    "libbz2-1.0",
    "libc6",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libstdc++6",
    "libuuid1",
    "python3.11-minimal",
    "zlib1g",
)
USELESS_MODULES = (
    *("ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtle.py", "turtledemo"),
    "sitecustomize.py",  # a link to the device's own
    *("lib-dynload/_test*", "lib-dynload/_ctypes_test*", "lib-dynload/xx*", "lib-dynload/_xxtestfuzz*"),
    # These need libraries that nothing here has a use for.
    *(f"lib-dynload/{name}.*" for name in ("_curses", "_curses_panel", "_dbm", "_hashlib", "_sqlite3", "_ssl")),
    *("lib-dynload/nis.*", "lib-dynload/ossaudiodev.*", "lib-dynload/readline.*"),
)
"""Of the standard library, as globs; no test of it, and nothing for a terminal, a window or a network."""
COMPILE_TIMEOUT_S = 300.0
CLOCK = "libedgerig_op_clock.so"
SOURCES = """\
What is in bin/ and lib/ is of these binary packages of Debian {suite}, unchanged:

{listed}
Each one's copyright and licence is in PACKAGE.copyright here; the texts these name are in common-licenses/. The source
of each is in Debian's archive, for "apt-get source PACKAGE=VERSION" in {suite}, or its snapshots.
"""


@dataclass(frozen=True)
class Architecture:
    """A machine bundles are built for; `name` is the kernel's (`uname -m`), `debian` Debian's."""

    name: str
    debian: str
    triplet: str
    loader: str

    @property
    def compiler(self) -> str:
        return COMPILERS[self.name]

    @property
    def compiler_package(self) -> str:
        return f"g++-{self.triplet.replace('_', '-')}"


ARCHITECTURES = {
    "aarch64": Architecture("aarch64", "arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
    "x86_64": Architecture("x86_64", "amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
}


@dataclass(frozen=True)
class Parts:
    """Everything fetched that a bundle is made of, in the folder `folder`."""

    architecture: Architecture
    packages: tuple[debian.Package, ...]
    runtimes: tuple[wheels.Wheel, ...]
    executorch: wheels.Wheel
    runner: Path
    compiler: str
    """The first line of the `--version` of the compiler of the runner; of a shipped one, that it is."""
    executorch_libraries: tuple[Path, ...]
    clock: Path


def fetch(architecture: Architecture, versions: dict[str, str], folder: Path) -> Parts:
    """Downloads the parts into `folder`, and compiles the runner there unless one is shipped. Raises DeviceError."""
    if not shipped_runner(architecture.name, versions["executorch"]) and not shutil.which(architecture.compiler):
        raise DeviceError(
            f"{architecture.compiler} is not installed: it compiles the ExecuTorch runner for {architecture.name}",
            hint=f"apt-get install {architecture.compiler_package}",
        )
    packages = debian.download(PACKAGES, architecture.debian, SUITE, folder / "packages")
    *runtimes, executorch = wheels.download(versions, PYTHON, architecture.name, folder / "wheels")
    wheels.unpack(executorch, folder / "executorch", skip=())
    wheel = folder / "executorch" / "executorch"
    native = executorch_runner_for(architecture.name, wheel, executorch.version, folder)
    runner = _made(native, architecture)
    clock = _made(op_clock(architecture.name, folder), architecture)
    return Parts(
        architecture=architecture,
        packages=tuple(packages),
        runtimes=tuple(runtimes),
        executorch=executorch,
        runner=runner,
        compiler=native.compiler,
        executorch_libraries=tuple(library(wheel, name) for name in LIBRARIES),
        clock=clock,
    )


def _made(native: NativeLibrary, architecture: Architecture) -> Path:
    """Raises DeviceError where there is none."""
    if native.path is None:
        raise DeviceError(
            f"no bundle for {architecture.name}: {native.reason}",
            hint=f"apt-get install {architecture.compiler_package}",
        )
    return native.path


def assemble(parts: Parts, unpacked: Path, root: Path) -> None:
    """Lays the bundle out at `root`; `unpacked` is a folder for what is on the way. Raises DeviceError."""
    unpacked.mkdir()
    for package in parts.packages:
        debian.unpack(package, unpacked)
    try:
        _lay_out(parts, unpacked, root)
    except OSError as error:
        raise DeviceError(f"the bundle could not be laid out: {error}", hint="is there space in the cache?") from error
    for wheel in parts.runtimes:
        wheels.unpack(wheel, root / "lib" / "python3" / "dist-packages")
    if can_compile():
        compile_modules(root, root / "lib")


def can_compile() -> bool:
    """Whether this Python's compiled files are the bundle's Python's. Uncompiled, it starts slower."""
    return importlib.util.MAGIC_NUMBER == MAGIC


def _lay_out(parts: Parts, unpacked: Path, root: Path) -> None:
    (root / "bin").mkdir(parents=True)
    shutil.copy2(unpacked / "usr" / "bin" / f"python{PYTHON}", root / "bin")
    shutil.copy2(unpacked / "bin" / "busybox", root / "bin")
    library = root / "lib"
    shutil.copytree(unpacked / "usr" / "lib" / f"python{PYTHON}", library / f"python{PYTHON}", symlinks=True)
    for glob in USELESS_MODULES:
        for path in sorted((library / f"python{PYTHON}").glob(glob)):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for folder in ("lib", "usr/lib"):
        for path in sorted((unpacked / folder / parts.architecture.triplet).glob("*.so*")):
            shutil.copy2(path, library, follow_symlinks=False)
    _licences(parts.packages, unpacked, root / "licences")
    (library / "executorch").mkdir()
    for path in parts.executorch_libraries:
        shutil.copy2(path, library / "executorch")
    shutil.copy2(parts.runner, library / "executorch" / "libedgerig_executorch.so")
    shutil.copy2(parts.clock, library / CLOCK)


def _licences(packages: tuple[debian.Package, ...], unpacked: Path, into: Path) -> None:
    """Each package's copyright file and the licences these name: who passes a bundle on passes them on too (GPL-2.0
    section 1, LGPL-2.1 section 1). Debian Policy 12.5 says where they are; a folder may be a link to another package's.
    """
    shutil.copytree(unpacked / "usr/share/common-licenses", into / "common-licenses", symlinks=True)
    for package in packages:
        file = unpacked / "usr/share/doc" / package.name / "copyright"
        if not file.is_file():
            raise DeviceError(f"the package {package.name} {package.version} has no copyright file")
        shutil.copyfile(file, into / f"{package.name}.copyright")
    listed = "".join(f"{package.name} {package.version}\n" for package in packages)
    (into / "README").write_text(SOURCES.format(suite=SUITE, listed=listed), encoding="utf-8")


def compile_modules(root: Path, folder: Path) -> None:
    """Compiles every module in the `folder` below `root`; the files carry no times, so that nothing on the device makes
    them stale. Raises DeviceError."""
    command = [
        *(sys.executable, "-I", "-m", "compileall", "-q", "-s", str(root), "-p", "/"),
        *("--invalidation-mode", "unchecked-hash", str(folder)),
    ]
    done = process.run(command, timeout_s=COMPILE_TIMEOUT_S)
    if done.timed_out or done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-600:]
        raise DeviceError(f"Python modules could not be compiled for the device: {said or 'the deadline passed'}")
