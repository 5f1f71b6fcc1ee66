"""Leaves the bytes of an instruction the processor does not know, before they end this process by SIGILL.

Which instruction it was is what tells the feature the processor lacks. A handler in Python cannot: the interpreter
would run it only once the instruction has returned, which it never does, and the thread at fault may be one of the
runtime's own, which must not wait for the interpreter's lock. So the handler is a dozen instructions of machine code:

    write(descriptor, info->si_addr, 16); kill(getpid(), SIGILL)

It is installed with SA_RESETHAND, so that its `kill` ends the process as if nobody had looked; a SIGILL sent by
somebody else (si_addr is then no address, and nothing is written) ends it as well. Sources: the calls' numbers, Linux's
include/uapi/asm-generic/unistd.h and arch/x86/entry/syscalls/syscall_64.tbl; si_addr at byte 16, sigaction(2).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import signal
import struct

FILE = "illegal_instruction"
SA_SIGINFO, SA_NODEFER, SA_RESETHAND = 0x4, 0x40000000, 0x80000000
CODE = {
    "aarch64": (
        "210840f9"  # ldr x1, [x1, #16]     si_addr
        "40010018"  # ldr w0, descriptor    the four bytes that follow the code
        "020280d2"  # mov x2, #16
        "080880d2"  # mov x8, #64           write
        "010000d4"  # svc #0
        "881580d2"  # mov x8, #172          getpid
        "010000d4"  # svc #0
        "810080d2"  # mov x1, #4            SIGILL
        "281080d2"  # mov x8, #129          kill
        "010000d4"  # svc #0
        "c0035fd6"  # ret
    ),
    "x86_64": (
        "488b7610"  # mov rsi, [rsi + 16]   si_addr
        "8b3d22000000"  # mov edi, descriptor
        "ba10000000"  # mov edx, 16
        "b801000000"  # mov eax, 1          write
        "0f05"  # syscall
        "b827000000"  # mov eax, 39         getpid
        "0f05"  # syscall
        "89c7"  # mov edi, eax
        "be04000000"  # mov esi, 4          SIGILL
        "b83e000000"  # mov eax, 62         kill
        "0f05"  # syscall
        "c3"  # ret
    ),
}
"""Machine code by `platform.machine()`, in hexadecimal."""


class _Action(ctypes.Structure):
    """glibc's `struct sigaction` on 64-bit Linux (bits/sigaction.h)."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


_kept: list[object] = []
"""The handler's memory, which must outlive every instruction of this process."""


def record_to(path: str) -> bool:
    """Has the first illegal instruction of this process, or of one forked from it, write its first bytes to `path`.

    False where that cannot be had (another architecture or C library, a system that forbids new code): the process then
    ends as it always would.
    """
    code = CODE.get(platform.machine())
    if code is None or platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    memory.write(bytes.fromhex(code) + struct.pack("<i", descriptor))
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    # Executable only now: the kernel then brings the instruction cache up to date with what was written.
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ | mmap.PROT_EXEC) != 0:
        os.close(descriptor)
        return False
    _kept.append(memory)
    flags = ctypes.c_int(SA_SIGINFO | SA_NODEFER | SA_RESETHAND)
    action = _Action(handler=address, flags=flags)
    return bool(libc.sigaction(int(signal.SIGILL), ctypes.byref(action), None) == 0)
