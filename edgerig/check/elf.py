"""The program headers of an ELF file (System V ABI, chapters 4 and 5; elf(5)), from its first bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edgerig.check.verdicts import Broken

MAGIC = b"\x7fELF"
PREFIX = 64 * 1024
"""Bytes a reader asks for: linkers write the program headers behind the ELF header, a few hundred bytes in."""
_MACHINES = {3: "x86", 8: "MIPS", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V", 258: "LoongArch"}
"""e_machine, as elf(5) and the ABI's register have it."""
_PT_LOAD = 1
_PN_XNUM = 0xFFFF


@dataclass(frozen=True)
class Segment:
    """A loaded segment: where it stands in the file and in memory, and its p_align, in bytes."""

    offset: int
    address: int
    align: int


@dataclass(frozen=True)
class Elf:
    """`bits` is 32 or 64; `machine` a name, or e_machine's number as text. `loads` is empty for 32 bits, whose segments
    nobody asks for."""

    bits: int
    machine: str
    loads: tuple[Segment, ...]


def parse(prefix: bytes, size: int) -> Elf:
    """The file whose first bytes are `prefix` (PREFIX of them, or all) and which has `size` bytes. Raises Broken."""
    if not prefix.startswith(MAGIC):
        raise Broken("is no ELF file: it does not begin with 7f 45 4c 46", "give a shared library built for Linux")
    if len(prefix) < 52 or prefix[4] not in (1, 2) or prefix[5] not in (1, 2):
        raise Broken("its ELF header is cut off or damaged")
    order = "<" if prefix[5] == 1 else ">"
    number = struct.unpack_from(f"{order}H", prefix, 18)[0]
    machine = _MACHINES.get(number, str(number))
    if prefix[4] == 1:
        return Elf(32, machine, ())
    if len(prefix) < 64:
        raise Broken("its ELF header is cut off")
    return Elf(64, machine, _loads(prefix, size, order))


def _loads(prefix: bytes, size: int, order: str) -> tuple[Segment, ...]:
    """The PT_LOAD segments of an ELF64 file. Raises Broken."""
    table = struct.unpack_from(f"{order}Q", prefix, 32)[0]
    entry, count = struct.unpack_from(f"{order}HH", prefix, 54)
    if count == _PN_XNUM or (count and entry != 56):
        raise Broken(f"its program header table has {count} entries of {entry} bytes, ELF64's have 56")
    if table + 56 * count > min(size, len(prefix)):
        where = "behind its end" if table + 56 * count > size else f"behind its first {PREFIX} bytes"
        raise Broken(f"its {count} program headers stand at {table}, {where}")
    loads = []
    for at in range(table, table + 56 * count, 56):
        kind, _, offset, address, _, stored, _, align = struct.unpack_from(f"{order}IIQQQQQQ", prefix, at)
        if kind != _PT_LOAD:
            continue
        if offset + stored > size:
            raise Broken(f"a segment ends at {offset + stored}, the file at {size}: it is cut off")
        loads.append(Segment(offset, address, align))
    return tuple(loads)
