"""What Linux tells about the processors QEMU's user mode emulates: the files a runtime reads to choose its kernels.

In user mode the guest sees the host's /proc and /sys. ONNX Runtime crashes on reading an x86 /proc/cpuinfo, and XNNPACK
needs the lists of processors, so these files are written for the emulated one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CORES = 4
"""As on the boards named below."""


@dataclass(frozen=True)
class Cpu:
    """Identity as in its main ID register (MIDR_EL1; Arm's reference manuals), `features` as Linux prints them.

    The features are those the board's Linux prints and this QEMU executes too: naming one that it lacks would be an
    invitation to an illegal instruction.
    """

    implementer: int
    variant: int
    part: int
    revision: int
    features: str


CPUS = {
    # Raspberry Pi 3 and 4 lack the cryptographic extension.
    "cortex-a53": Cpu(0x41, 0, 0xD03, 4, "fp asimd evtstrm crc32 cpuid"),
    "cortex-a72": Cpu(0x41, 0, 0xD08, 3, "fp asimd evtstrm crc32 cpuid"),
    # Raspberry Pi 5; its Linux also prints lrcpc, which QEMU 7.2's model does not have.
    "cortex-a76": Cpu(
        *(0x41, 4, 0xD0B, 1),
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm dcpop asimddp",
    ),
    # No board: QEMU's own, with what its 7.2 emulates of use to inference.
    "max": Cpu(
        *(0x00, 0, 0x051, 0),
        "fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma lrcpc dcpop sha3 asimddp "
        "sha512 sve asimdfhm dcpodp sve2 frint svei8mm i8mm bf16",
    ),
}


def write_files(cpu: Cpu, root: Path) -> None:
    """Writes /proc/cpuinfo and the lists of processors below `root`, for QEMU to show in place of the host's."""
    (root / "proc").mkdir(parents=True)
    (root / "proc" / "cpuinfo").write_text("".join(_processor(cpu, index) for index in range(CORES)), encoding="ascii")
    system = root / "sys" / "devices" / "system" / "cpu"
    system.mkdir(parents=True)
    for name in ("possible", "present", "online"):
        (system / name).write_text(f"0-{CORES - 1}\n", encoding="ascii")


def _processor(cpu: Cpu, index: int) -> str:
    """One processor's paragraph, as c_show of Linux's arch/arm64/kernel/cpuinfo.c prints it."""
    return (
        f"processor\t: {index}\n"
        "BogoMIPS\t: 108.00\n"
        f"Features\t: {cpu.features}\n"
        f"CPU implementer\t: 0x{cpu.implementer:02x}\n"
        "CPU architecture: 8\n"
        f"CPU variant\t: 0x{cpu.variant:x}\n"
        f"CPU part\t: 0x{cpu.part:03x}\n"
        f"CPU revision\t: {cpu.revision}\n\n"
    )
