"""How the ExecuTorch runner is compiled, against the executorch wheel of the machine it is for, and the clock that
profiles are taken by, which needs the C library alone.

The standard library alone: the build hook of edgerig's own wheel (`hatch_build.py`) loads this file by its path, where
nothing else of edgerig is installed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "ondevice" / "native" / "executorch_runner.cc"
CLOCK = SOURCE.with_name("op_clock.c")
CLOCK_FLAGS = ("-x", "c", "-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")
LIBRARIES = (
    "executorch",
    "executorch_backend_xnnpack",
    "executorch_kernels_optimized",
    "executorch_kernels_quantized",
    "executorch_threadpool",
)
COMPILERS = {"aarch64": "aarch64-linux-gnu-g++", "x86_64": "x86_64-linux-gnu-g++"}
"""Machine, as its kernel names it → the compiler that Debian has for it."""
BESIDE = "$ORIGIN"
"""Where a runner that travels looks for ExecuTorch's libraries: in its own folder (ld.so(8))."""


def library(wheel: Path, name: str) -> Path:
    """One of ExecuTorch's libraries in `wheel`, the unpacked or installed package."""
    return wheel / "lib" / f"lib{name}.so"


def flags(wheel: Path, version: str, libraries_at: str) -> tuple[list[str], list[str]]:
    """Compiler flags and, to follow the source, linker flags, as in the wheel's own executorch-config.cmake.

    `libraries_at` is the folder the wheel's libraries are looked for at run time. The kernel and backend libraries
    register themselves when loaded and export nothing the runner calls, hence --no-as-needed.
    """
    include = wheel / "include"
    compile_flags = [
        "-std=c++17",
        "-O2",
        "-fPIC",
        "-shared",
        "-fvisibility=hidden",
        "-DC10_USING_CUSTOM_GENERATED_MACROS",
        f'-DEDGERIG_EXECUTORCH_VERSION="{version}"',
        "-isystem",
        str(include),
        "-isystem",
        str(include / "executorch/runtime/core/portable_type/c10"),
    ]
    libraries = [str(library(wheel, name)) for name in LIBRARIES]
    link_flags = [
        "-Wl,--no-undefined",
        "-Wl,--no-as-needed",
        *libraries,
        "-Xlinker",
        "-rpath",
        "-Xlinker",
        libraries_at,
    ]
    return compile_flags, link_flags


def shipped_name(machine: str, version: str) -> str:
    """The file of the runner that travels, for a machine and a version of executorch: another source, other flags or
    another version are another name, so that what has the name fits."""
    listed = [machine, version, *LIBRARIES, *flags(Path(), version, BESIDE)[0]]
    content = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    key = hashlib.sha256("\0".join([content, *listed]).encode()).hexdigest()[:16]
    return f"libedgerig_executorch-{machine}-{key}.so"


def shipped_clock(machine: str) -> str:
    """The file of the clock for a machine, as `shipped_name`."""
    content = hashlib.sha256(CLOCK.read_bytes()).hexdigest()
    key = hashlib.sha256("\0".join([content, machine, *CLOCK_FLAGS]).encode()).hexdigest()[:16]
    return f"libedgerig_op_clock-{machine}-{key}.so"
