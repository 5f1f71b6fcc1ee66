"""The object files that XLA made of a network, with what they call of TensorFlow's runtime, as one shared library.

The runtime's sources come with TensorFlow's package (`xla_aot_runtime_src`); what is compiled of them is kept in the
cache under a name made of all it depends on. `xla_runtime/` stands before TensorFlow's own headers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import compiler
from edgerig.cache import temporary_folder, used
from edgerig.errors import BuildError

HERE = Path(__file__).with_name("xla_runtime")
CLASS = "edgerig::Program"
"""tfcompile's class of the program, as `xla_runtime/program.cc` knows it."""
RUNTIME = Path("xla", "backends", "cpu", "runtime")
"""Where the runtime's headers and sources are, below those of TensorFlow."""
DEADLINE_S = 600.0
"""Of a part of the runtime: templates of Eigen's take a quarter of a minute on a processor that is free."""
POOLED = ("convolution_lib.h", "dot_lib.h")


@dataclass(frozen=True)
class Target:
    """What is compiled for: to LLVM a triple and a processor, to the C++ compiler an architecture."""

    machine: str
    triple: str
    cpu: str
    march: str


TARGETS = {
    target.machine: target
    for target in (
        Target("x86_64", "x86_64-pc-linux-gnu", "x86-64-v3", "x86-64-v3"),
        Target("aarch64", "aarch64-linux-gnu", "generic", "armv8-a"),
    )
}
"""By the kernel's name for the processor. Every arm64 board has Armv8-A; of x86-64 those with AVX2 and FMA."""


@dataclass(frozen=True)
class Program:
    """What tfcompile wrote: a header with the class of the program, object files with its kernels and its constants."""

    header: Path
    kernels: Path
    constants: Path


@dataclass(frozen=True)
class TensorFlow:
    """The package that has compiled: its version and its folder."""

    version: str
    folder: Path


def linked(program: Program, target: Target, tensorflow: TensorFlow, cache: Path, out: Path) -> None:
    """Writes the library. Raises BuildError where there is no compiler for the target, or it refuses."""
    command = _compiler(target)
    flags = _flags(target, tensorflow, _on_one_thread(tensorflow, cache))
    parts = list(_parts(program, command, flags, tensorflow, cache))
    inputs = [str(path) for path in (HERE / "program.cc", program.kernels, program.constants, *parts)]
    # The device brings a C library and nothing else; what nothing calls is left out.
    link = ["-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections", "-Wl,--no-undefined", "-Wl,-s", "-lm"]
    exports = f"-Wl,--version-script={HERE / 'exports.map'}"
    calls = ["-isystem", str(HERE / "calls"), *flags, f'-DEDGERIG_XLA_HEADER="{program.header}"']
    line = [*command, *calls, "-shared", *inputs, *link, exports, "-o", str(out)]
    try:
        compiler.run(line, compiler.COMPILE_DEADLINE_S)
    except compiler.CompilerError as error:
        raise BuildError(
            f"XLA's program was not linked: {error}", hint="the build's log has the whole story"
        ) from error


def _on_one_thread(tensorflow: TensorFlow, cache: Path) -> Path:
    """A folder with those headers of the runtime that can use a pool of threads, without that branch: there is no pool,
    and code for one would be 2.9 MB of the library and a minute of its compilation."""
    texts = {name: (tensorflow.folder / "include" / RUNTIME / name).read_text(encoding="utf-8") for name in POOLED}
    bare = {name: text.replace("if (device != nullptr)", "if constexpr (false)") for name, text in texts.items()}
    folder = cache / f"xla_headers-{hashlib.sha256(repr(bare).encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        with temporary_folder(cache, ".headers-") as work:
            (work / "made" / RUNTIME).mkdir(parents=True)
            for name, text in bare.items():
                (work / "made" / RUNTIME / name).write_text(text, encoding="utf-8")
            with contextlib.suppress(OSError):  # another process was first
                os.rename(work / "made", folder)
    used(folder)
    return folder


def _stand_ins() -> str:
    """A digest of what stands before TensorFlow's headers."""
    texts = [path.read_bytes() for path in sorted(HERE.rglob("*.h"))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def _compiler(target: Target) -> list[str]:
    command = compiler.compiler_for(target.machine)
    if not command:
        name = compiler.cross_compiler(target.machine)
        raise BuildError(
            f"no C++ compiler for {target.machine} is installed, which links what XLA compiled",
            hint=f'"apt install g++-{name.removesuffix("-g++")}", or "apt install g++" on such a machine itself',
        )
    return command


def _flags(target: Target, tensorflow: TensorFlow, headers: Path) -> list[str]:
    """`NDEBUG` as TensorFlow's own builds have it; Eigen's threads are declared, and none is made; on arm64 its
    products have four columns at a time, as TensorFlow's convolutions pack them."""
    made_of = f'-DEDGERIG_MADE_OF="{tensorflow.version} {_stand_ins()}"'
    eigen = ["-DEIGEN_USE_THREADS=", "-DEIGEN_NEON_GEBP_NR=4"]
    small = ["-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"]
    folders = (headers, HERE, tensorflow.folder / "include")
    includes = [flag for folder in folders for flag in ("-isystem", str(folder))]
    built = ["-std=c++17", "-O2", f"-march={target.march}", "-fPIC", "-w", "-DNDEBUG"]
    return [*built, *small, *eigen, made_of, *includes]


CALLS = re.compile(r"\b(EigenConv[23]D|TypedMatMul|SortInplace|GetAndUpdateState)\b(?:<(std::complex<\w+>|[\w:]+))?")
"""What of the runtime a program calls, and on which type."""
TYPES = {
    "Eigen::half": "f16",
    "float": "f32",
    "double": "f64",
    "int8_t": "s8",
    "int32_t": "s32",
    "std::complex<float>": "c64",
    "std::complex<double>": "c128",
}
"""By which its sources are named."""


def _parts(
    program: Program, command: Sequence[str], flags: Sequence[str], tensorflow: TensorFlow, cache: Path
) -> Iterator[Path]:
    """Object files of what the program calls of the runtime, from the cache or compiled now. Raises BuildError."""
    for name in sorted(_called(program.header.read_text(encoding="utf-8"))):
        source = tensorflow.folder / "xla_aot_runtime_src" / RUNTIME / f"{name}.cc"
        if not source.is_file():
            raise BuildError(
                f"the network calls {name} of XLA's runtime, which TensorFlow {tensorflow.version} brings no source of",
                hint="choose another format",
            )
        stem = cache / f"xla_{name}"
        found = compiler.compiled("XLA's runtime", stem, source, [*flags, "-c"], (), command, ".o", DEADLINE_S)
        if found.path is None:
            raise BuildError(found.reason, hint="the build's log has the whole story")
        yield found.path


def _called(header: str) -> Iterator[str]:
    """The runtime's sources, by name. Raises BuildError for what this program cannot have."""
    for function, dtype in set(CALLS.findall(header)):
        if function == "GetAndUpdateState":
            raise BuildError(
                "the network draws random numbers, of which edgerig compiles no generator",
                hint="give it what it draws as an input",
            )
        if function == "SortInplace":
            yield "sort_lib"
        elif function == "TypedMatMul":
            yield f"dot_lib_{TYPES.get(dtype, dtype)}"
        else:
            yield f"convolution_lib_{TYPES.get(dtype, dtype)}_{function[len('EigenConv')].lower()}d"
