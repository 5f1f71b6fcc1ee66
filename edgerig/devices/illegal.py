"""Which CPU feature an illegal instruction wanted, from its bytes and what the device's probe lists.

The patterns are those of the Arm Architecture Reference Manual (DDI 0487, "A64 instruction set encoding": Advanced
SIMD three-same, three-same-extra and indexed element; floating point; SVE) and of Intel's manual (volume 2, VEX and
EVEX prefixes). Only what inference kernels ask for is told apart; any other instruction is named by its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.devices.probe import FEATURES


@dataclass(frozen=True)
class Feature:
    """A CPU feature by the kernel's name in /proc/cpuinfo, and what of it was met."""

    name: str
    instructions: str

    @property
    def text(self) -> str:
        """Such as `asimddp (dotprod)`."""
        other = FEATURES.get(self.name, self.name)
        return self.name if other == self.name else f"{self.name} ({other})"


# mask, value, feature, instructions; the first that fits is taken.
A64 = (
    (0x9FE0FC00, 0x0E809400, "asimddp", "SDOT/UDOT"),
    (0x9FC0F400, 0x0F80E000, "asimddp", "SDOT/UDOT by element"),
    (0xDFE0F400, 0x4E80A400, "i8mm", "SMMLA/UMMLA/USMMLA"),
    (0xBFE0FC00, 0x0E809C00, "i8mm", "USDOT"),
    (0xBFC0F400, 0x0F80F000, "i8mm", "USDOT by element"),
    (0xBFC0F400, 0x0F00F000, "i8mm", "SUDOT by element"),
    (0xBFE0FC00, 0x2E40FC00, "bf16", "BFDOT"),
    (0xBFC0F400, 0x0F40F000, "bf16", "BFDOT by element"),
    (0xFFE0FC00, 0x6E40EC00, "bf16", "BFMMLA"),
    (0xBFE0FC00, 0x2EC0FC00, "bf16", "BFMLALB/BFMLALT"),
    (0xBFC0F400, 0x0FC0F000, "bf16", "BFMLALB/BFMLALT by element"),
    (0xBFFFFC00, 0x0EA16800, "bf16", "BFCVTN"),
    (0xFFFFFC00, 0x1E634000, "bf16", "BFCVT"),
    (0xBF60FC00, 0x0E20EC00, "asimdfhm", "FMLAL/FMLSL"),
    (0xBF60FC00, 0x2E20CC00, "asimdfhm", "FMLAL2/FMLSL2"),
    (0xBF20F400, 0x2E008400, "asimdrdm", "SQRDMLAH/SQRDMLSH"),
    (0x9F60C400, 0x0E400400, "asimdhp", "vector arithmetic on half floats"),
    (0x9F7E0C00, 0x0E780800, "asimdhp", "vector arithmetic on half floats"),
    (0xBFC0B400, 0x0F001000, "asimdhp", "FMLA/FMLS by element on half floats"),
    (0x9FC0F400, 0x0F009000, "asimdhp", "FMUL/FMULX by element on half floats"),
    (0xFFE00000, 0x1EE00000, "fphp", "arithmetic on half floats"),
    (0xFFC00000, 0x1FC00000, "fphp", "fused arithmetic on half floats"),
    (0x3FA07C00, 0x08A07C00, "atomics", "CAS"),
    (0x3F200C00, 0x38200000, "atomics", "LDADD and its like"),
    (0x9E000000, 0x80000000, "sme", "an SME instruction"),
    (0x1E000000, 0x04000000, "sve", "an SVE instruction"),
)
LEGACY_PREFIXES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf2\xf3")
VNNI_OPCODES = range(0x50, 0x54)
"""VPDPBUSD, VPDPBUSDS, VPDPWSSD, VPDPWSSDS, all of opcode map 2."""
AMX_OPCODES = (0x49, 0x4B, 0x5C, 0x5E, 0x6C)
"""Tile configuration, loads and dot products, of opcode map 2."""


def feature(arch: str, code: bytes) -> Feature | None:
    """The feature the instruction that `code` begins with belongs to, or None: none of the table's.

    `arch` is the kernel's name of the architecture (`uname -m`).
    """
    if arch == "aarch64" and len(code) >= 4:
        word = int.from_bytes(code[:4], "little")
        return next((Feature(name, words) for mask, value, name, words in A64 if word & mask == value), None)
    if arch == "x86_64":
        return _x86(code.lstrip(bytes(LEGACY_PREFIXES)))
    return None


def _x86(code: bytes) -> Feature | None:
    if len(code) < 5:
        return None
    opcode_map = code[1] & (0x07 if code[0] == 0x62 else 0x1F)
    if code[0] == 0x62:
        vnni = opcode_map == 2 and code[4] in VNNI_OPCODES
        return Feature("avx512_vnni", "VPDPBUSD and its like") if vnni else Feature("avx512f", "an AVX-512 instruction")
    if code[0] == 0xC4 and opcode_map == 2 and code[3] in VNNI_OPCODES:
        return Feature("avx_vnni", "VPDPBUSD and its like")
    if code[0] == 0xC4 and opcode_map == 2 and code[3] in AMX_OPCODES:
        return Feature("amx_int8", "an AMX instruction")
    if code[0] in (0xC4, 0xC5):
        return Feature("avx2", "an AVX, AVX2 or FMA instruction")
    return None


def explain(arch: str | None, code: bytes, listed: Sequence[str] | None) -> str:
    """What can be said of an illegal instruction: `code` its bytes (b"" when they are unknown), `listed` the features
    the device's probe found, by the kernel's or by our names."""
    found = feature(arch, code) if arch and code else None
    if found is None:
        return f"{_bytes(arch, code)}; the device lists {_list(listed)}"
    sentence = f"{found.instructions} ({_bytes(arch, code)}) needs {found.text}"
    if listed is None:
        return f"{sentence}; which features the device has is not known"
    if {found.name, FEATURES.get(found.name, found.name)} & set(listed):
        return f"{sentence}, which the device lists: its system may not let programs use it"
    return f"{sentence}, which the device's processor does not list"


def _bytes(arch: str | None, code: bytes) -> str:
    if not code:
        return "which instruction it was is not known"
    shown = f"0x{int.from_bytes(code[:4], 'little'):08x}" if arch == "aarch64" else code[:8].hex(" ")
    return f"instruction {shown}"


def _list(listed: Sequence[str] | None) -> str:
    wanted = [name for name in listed or () if name in FEATURES or name in FEATURES.values()]
    return ", ".join(wanted) or "no feature inference kernels ask for"
