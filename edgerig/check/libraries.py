"""A shared library's verdict: 64 bits, and segments that 16 KB pages can map.

Android 15 runs on processors with 16 KB pages, and Google Play asks for it of what targets it ("Support 16 KB page
sizes", developer.android.com/guide/practices/page-sizes): every PT_LOAD segment of a 64-bit library has a p_align of
16384 or a multiple, and offset and address agree modulo it (System V ABI, chapter 5), else the loader refuses it. The
kernels of Raspberry Pi 5 have 16 KB pages as well. 32-bit libraries are exempt there, and refused here.
"""

from __future__ import annotations

import posixpath

from edgerig.check import elf
from edgerig.check.verdicts import Broken, Finding, Verdict, broken

PAGE = 16 * 1024
PAGES = "16 KB pages"
BITS = "64 bits"
ABIS = {"arm64-v8a": "AArch64", "x86_64": "x86-64", "riscv64": "RISC-V"}
"""Android's folders of 64-bit libraries (NDK, "Android ABIs") and the machine in each."""
ABIS_32 = frozenset({"armeabi-v7a", "armeabi", "x86", "mips"})
NO_WHEELS = "LiteRT, ONNX Runtime and ExecuTorch have no wheels for 32 bits, so nothing of it was measured"
RELINK = "link with -Wl,-z,max-page-size=16384 (NDK r28 does by itself), or take a newer release of the library"


def findings(prefix: bytes, size: int, where: str = "", *, linux_desktop: bool = False) -> list[Finding]:
    """Of the library whose first bytes are `prefix`; `where` is its name in an archive.

    `linux_desktop`: for x86-64 in a wheel smaller pages are a note, since Linux has 4 KB pages there (Kernel,
    Documentation/arch/x86).
    """
    try:
        library = elf.parse(prefix, size)
    except Broken as error:
        return [broken(error, where)]
    if library.bits == 32:
        return [Finding(Verdict.FAILS, BITS, f"a 32-bit library ({library.machine}): {NO_WHEELS}", where, _TO_64)]
    return [*_folder(library, where), _pages(library, where, linux_desktop)]


_TO_64 = "build it for arm64-v8a (AArch64)"


def _folder(library: elf.Elf, where: str) -> list[Finding]:
    """Whether the ABI's folder it stands in is its own."""
    abi = posixpath.basename(posixpath.dirname(where))
    expected = ABIS.get(abi, "ARM or x86, 32 bits" if abi in ABIS_32 else library.machine)
    if expected == library.machine:
        return []
    what = f"stands in {abi} ({expected}) and is of {library.machine}"
    return [Finding(Verdict.FAILS, BITS, what, where, "move it into the folder of its own ABI")]


def _pages(library: elf.Elf, where: str, linux_desktop: bool) -> Finding:
    if not library.loads:
        return Finding(Verdict.FAILS, PAGES, "has no segment that is loaded: not a library", where, RELINK)
    least = min(segment.align for segment in library.loads)
    if least < PAGE or any(segment.align % PAGE for segment in library.loads):
        what = f"segments are aligned to {_size(least)}, 16 KB pages need 16 KB ({library.machine})"
        if linux_desktop and library.machine == "x86-64":
            return Finding(Verdict.NOTE, PAGES, f"{what}; x86-64 Linux has 4 KB pages", where)
        return Finding(Verdict.FAILS, PAGES, what, where, RELINK)
    for segment in library.loads:
        if (segment.offset - segment.address) % PAGE:
            what = f"p_align says {_size(least)}, but a segment's offset {segment.offset:#x} and address "
            return Finding(Verdict.FAILS, PAGES, f"{what}{segment.address:#x} differ modulo 16 KB", where, RELINK)
    return Finding(Verdict.OK, PAGES, f"segments are aligned to {_size(least)} ({library.machine})", where)


def _size(number: int) -> str:
    """4096 as 4 KB."""
    return f"{number // 1024} KB" if number >= 1024 and number % 1024 == 0 else f"{number} bytes"
