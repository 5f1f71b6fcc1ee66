"""Which feature an instruction wants. The bytes are the GNU assembler's of the instruction that stands beside them."""

import pytest

from edgerig.devices.illegal import explain, feature


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        (0x4E829420, "asimddp"),  # sdot v0.4s, v1.16b, v2.16b
        (0x2E829420, "asimddp"),  # udot v0.2s, v1.8b, v2.8b
        (0x4FA2E820, "asimddp"),  # sdot v0.4s, v1.16b, v2.4b[3]
        (0x4E82A420, "i8mm"),  # smmla v0.4s, v1.16b, v2.16b
        (0x6E82A420, "i8mm"),  # ummla
        (0x4E82AC20, "i8mm"),  # usmmla
        (0x4E829C20, "i8mm"),  # usdot
        (0x4FA2F020, "i8mm"),  # usdot by element
        (0x4F22F020, "i8mm"),  # sudot by element
        (0x6E42FC20, "bf16"),  # bfdot v0.4s, v1.8h, v2.8h
        (0x4F62F020, "bf16"),  # bfdot by element
        (0x6E42EC20, "bf16"),  # bfmmla
        (0x6EC2FC20, "bf16"),  # bfmlalt
        (0x0FF2F020, "bf16"),  # bfmlalb by element
        (0x0EA16820, "bf16"),  # bfcvtn v0.4h, v1.4s
        (0x1E634020, "bf16"),  # bfcvt h0, s1
        (0x4E22EC20, "asimdfhm"),  # fmlal v0.4s, v1.4h, v2.4h
        (0x6EA2CC20, "asimdfhm"),  # fmlsl2 v0.4s, v1.4h, v2.4h
        (0x6E828420, "asimdrdm"),  # sqrdmlah v0.4s, v1.4s, v2.4s
        (0x4E421420, "asimdhp"),  # fadd v0.8h, v1.8h, v2.8h
        (0x6E421C20, "asimdhp"),  # fmul
        (0x4EF9B820, "asimdhp"),  # fcvtzs v0.8h, v1.8h
        (0x4F321820, "asimdhp"),  # fmla v0.8h, v1.8h, v2.h[7]
        (0x4F329820, "asimdhp"),  # fmul by element
        (0x1EE22820, "fphp"),  # fadd h0, h1, h2
        (0x1FC20C20, "fphp"),  # fmadd h0, h1, h2, h3
        (0x88A07C41, "atomics"),  # cas w0, w1, [x2]
        (0xF8E00041, "atomics"),  # ldaddal x0, x1, [x2]
        (0x2518E3E0, "sve"),  # ptrue p0.b
        (0x65A20020, "sve"),  # fmla z0.s, p0/m, z1.s, z2.s
        (0x80812000, "sme"),  # fmopa za0.s, p0/m, p1/m, z0.s, z1.s
        (0x8B020020, None),  # add x0, x1, x2
        (0x4E22D420, None),  # fadd v0.4s, v1.4s, v2.4s
        (0x4FA21020, None),  # fmla v0.4s, v1.4s, v2.s[1]
        (0x6F520020, None),  # mla v0.8h, v1.8h, v2.h[1]
        (0x0E628020, None),  # smlal v0.4s, v1.4h, v2.4h
        (0xC85F7C20, None),  # ldxr x0, [x1]
        (0x4E020020, None),  # tbl v0.16b, {v1.16b}, v2.16b
        (0x00000000, None),  # udf #0
    ],
)
def test_an_arm64_instruction(word: int, wanted: str | None) -> None:
    found = feature("aarch64", word.to_bytes(4, "little") + b"\0" * 12)
    assert (found and found.name) == wanted


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("62 f2 75 48 50 c2", "avx512_vnni"),  # vpdpbusd zmm0, zmm1, zmm2
        ("c4 e2 75 50 c2", "avx_vnni"),  # {vex} vpdpbusd ymm0, ymm1, ymm2
        ("62 f1 74 48 58 c2", "avx512f"),  # vaddps zmm0, zmm1, zmm2
        ("c5 f5 fe c2 90", "avx2"),  # vpaddd ymm0, ymm1, ymm2
        ("c4 42 35 b8 c2", "avx2"),  # vfmadd231ps ymm8, ymm9, ymm10
        ("c4 e2 6b 5e c1", "amx_int8"),  # tdpbssd tmm0, tmm1, tmm2
        ("66 0f fe c1 90 90", None),  # paddd xmm0, xmm1
        ("f2 0f 38 f1 c3 90", None),  # crc32 eax, ebx
        ("0f 0b c3 90 90", None),  # ud2
        ("62", None),
    ],
)
def test_an_x86_instruction(code: str, wanted: str | None) -> None:
    found = feature("x86_64", bytes.fromhex(code))
    assert (found and found.name) == wanted


def test_what_is_said() -> None:
    sdot = bytes.fromhex("2094824e")
    assert "asimddp (dotprod), which the device's processor does not list" in explain("aarch64", sdot, ["neon"])
    assert "which the device lists" in explain("aarch64", sdot, ["neon", "dotprod"])
    assert "which the device lists" in explain("aarch64", sdot, ["asimd", "asimddp"])
    assert "is not known" in explain("aarch64", sdot, None)
    unknown = explain("aarch64", b"", ["neon", "fp16"])
    assert unknown == "which instruction it was is not known; the device lists neon, fp16"
    assert explain("riscv64", b"\0" * 16, []).endswith("the device lists no feature inference kernels ask for")
