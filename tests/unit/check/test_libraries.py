"""ELF headers and archives: 16 KB pages, 64 bits, alignment in an APK; hostile ones end in a finding."""

import struct
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import made_apps
import pytest

from edgerig.check import elf, libraries
from edgerig.check.files import check
from edgerig.check.targets import Targets
from edgerig.check.verdicts import Broken, FileReport, Verdict


def of(path: Path, **targets: Any) -> FileReport:
    return check(path, Targets(**targets))


def found(report: FileReport, check: str | None = None) -> list[tuple[Verdict, str]]:
    return [(each.verdict, each.where) for each in report.findings if check in (None, each.check)]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("align", "verdict"), [(4096, Verdict.FAILS), (16384, Verdict.OK), (65536, Verdict.OK), (24576, Verdict.FAILS)]
)
def test_a_library_s_segments_are_aligned_to_16_kb(tmp_path: Path, align: int, verdict: Verdict) -> None:
    report = of(written(tmp_path / "libx.so", made_apps.elf(align)))
    assert report.verdict is verdict
    assert report.findings[0].check == libraries.PAGES


def test_offset_and_address_agree_modulo_16_kb(tmp_path: Path) -> None:
    report = of(written(tmp_path / "libx.so", made_apps.elf(16384, offset=4096, address=0, size=8192)))
    assert report.verdict is Verdict.FAILS
    assert "differ modulo 16 KB" in report.findings[0].what


def test_a_32_bit_library_is_refused_with_the_reason(tmp_path: Path) -> None:
    report = of(written(tmp_path / "libx.so.1", made_apps.elf(bits=32, machine=40)))
    assert report.verdict is Verdict.FAILS
    assert "32-bit library (ARM)" in report.findings[0].what
    assert "no wheels for 32 bits" in report.findings[0].what


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF", "cut off"),
        (made_apps.elf()[:60], "cut off"),
        (made_apps.elf(count=0xFFFF), "65535 entries"),
        (made_apps.elf(count=2000), "behind its end"),
        (made_apps.elf(offset=1 << 60), "it is cut off"),
        (struct.pack("<32sQ", made_apps.elf()[:32], 1 << 63) + made_apps.elf()[40:], "behind its end"),
    ],
)
def test_a_damaged_header_is_no_library(content: bytes, said: str) -> None:
    with pytest.raises(Broken, match=said):
        elf.parse(content, len(content))


def test_what_is_no_shared_library_says_so(tmp_path: Path) -> None:
    report = of(written(tmp_path / "libx.so", made_apps.elf(kind=2)))
    assert "no segment that is loaded" in report.findings[0].what
    assert of(written(tmp_path / "liby.so", b"INPUT(libz.so)")).verdict is Verdict.UNREADABLE


def test_an_apk_has_its_libraries_at_16_kb(tmp_path: Path) -> None:
    libraries_ = {"lib/arm64-v8a/liba.so": made_apps.elf(), "lib/arm64-v8a/libb.so": made_apps.elf()}
    aligned = of(made_apps.archive(tmp_path / "good.apk", libraries_, align=16384))
    assert aligned.verdict is Verdict.OK
    assert len(found(aligned, "zip alignment")) == 2
    loose = of(made_apps.archive(tmp_path / "loose.apk", libraries_))
    assert found(loose, "zip alignment") == [(Verdict.FAILS, name) for name in libraries_]
    assert found(loose, libraries.PAGES) == [(Verdict.OK, name) for name in libraries_]


def test_a_compressed_library_s_place_does_not_matter(tmp_path: Path) -> None:
    report = of(made_apps.archive(tmp_path / "a.apk", {"lib/arm64-v8a/liba.so": made_apps.elf(4096)}, compressed=True))
    assert found(report, "zip alignment") == [(Verdict.OK, "lib/arm64-v8a/liba.so")]
    assert found(report, libraries.PAGES) == [(Verdict.FAILS, "lib/arm64-v8a/liba.so")]


def test_an_aar_is_repacked_so_that_only_its_libraries_count(tmp_path: Path) -> None:
    report = of(made_apps.archive(tmp_path / "a.aar", {"jni/arm64-v8a/liba.so": made_apps.elf()}))
    assert report.verdict is Verdict.OK


def test_a_32_bit_twin_is_a_note_and_32_bits_alone_fail(tmp_path: Path) -> None:
    arm = made_apps.elf(bits=32, machine=40)
    both = {"jni/arm64-v8a/liba.so": made_apps.elf(), "jni/armeabi-v7a/liba.so": arm}
    assert found(of(made_apps.archive(tmp_path / "both.aar", both)), libraries.BITS) == [
        (Verdict.NOTE, "jni/armeabi-v7a/liba.so")
    ]
    alone = of(made_apps.archive(tmp_path / "alone.aar", {"jni/armeabi-v7a/liba.so": arm}))
    assert found(alone, libraries.BITS) == [(Verdict.FAILS, "jni/armeabi-v7a/liba.so")]


def test_a_library_stands_in_its_own_abi_s_folder(tmp_path: Path) -> None:
    report = of(made_apps.archive(tmp_path / "a.aar", {"jni/x86_64/liba.so": made_apps.elf(machine=183)}))
    assert "stands in x86_64 (x86-64) and is of AArch64" in report.findings[0].what


def test_4_kb_in_a_wheel_are_a_note_on_x86_64_alone(tmp_path: Path) -> None:
    content = {"a/x.so": made_apps.elf(4096, machine=62), "a/y.so": made_apps.elf(4096, machine=183)}
    report = of(made_apps.archive(tmp_path / "a.whl", content))
    assert found(report, libraries.PAGES) == [(Verdict.NOTE, "a/x.so"), (Verdict.FAILS, "a/y.so")]


def test_what_is_named_after_a_library_and_is_none_is_passed_over(tmp_path: Path) -> None:
    report = of(made_apps.archive(tmp_path / "a.whl", {"a/x.so": made_apps.elf(), "a/x.so.sig": b"signature"}))
    assert found(report) == [(Verdict.OK, "a/x.so")]


def test_names_that_lead_outside_are_names_alone(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    report = of(made_apps.archive(inside / "a.aar", {"../../liba.so": made_apps.elf()}))
    assert report.verdict is Verdict.OK
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.aar", "inside"]


def test_of_a_bomb_the_first_bytes_alone_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = {"jni/arm64-v8a/liba.so": made_apps.elf(size=64 << 20)}
    path = made_apps.archive(tmp_path / "a.aar", bomb, compressed=True)
    asked = []
    from edgerig.check import archive

    real = archive.read

    def read(opened: ZipFile, member: archive.Member, limit: int) -> bytes:
        asked.append(limit)
        return real(opened, member, limit)

    monkeypatch.setattr(archive, "read", read)
    assert path.stat().st_size < 1 << 20
    assert of(path).verdict is Verdict.OK
    assert asked == [elf.PREFIX]


def test_a_list_of_members_that_is_too_long_is_not_loaded(tmp_path: Path) -> None:
    path = made_apps.archive(tmp_path / "a.apk", {"lib/arm64-v8a/liba.so": made_apps.elf()})
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, len(content) - 22 + 12, 0xF0000000)
    path.write_bytes(content)
    report = of(path)
    assert report.verdict is Verdict.UNREADABLE
    assert "list of members" in report.findings[0].what


def test_an_archive_cut_anywhere_ends_in_a_finding(tmp_path: Path) -> None:
    whole = made_apps.archive(tmp_path / "a.apk", {"lib/arm64-v8a/liba.so": made_apps.elf()}).read_bytes()
    for length in range(1, len(whole), 7):
        assert of(written(tmp_path / "cut.apk", whole[:length])).verdict is Verdict.UNREADABLE


def test_a_member_that_is_not_where_the_list_says_is_told(tmp_path: Path) -> None:
    path = made_apps.archive(tmp_path / "a.apk", {"lib/arm64-v8a/liba.so": made_apps.elf()})
    path.write_bytes(path.read_bytes().replace(b"PK\x03\x04", b"PKxx", 1))
    report = of(path)
    assert report.verdict is Verdict.UNREADABLE
    assert "no member where its list says" in report.findings[0].what
