"""Operators against a runtime's release; damaged models end in a finding."""

from collections.abc import Sequence
from pathlib import Path

import made_apps
import pytest

from edgerig.check import targets
from edgerig.check.files import check
from edgerig.check.targets import Targets
from edgerig.check.verdicts import FileReport, Verdict
from edgerig.errors import ConfigError


def of(path: Path, content: bytes, **runtimes: tuple[int, ...]) -> FileReport:
    path.write_bytes(content)
    return check(path, Targets(**runtimes))


def operators(report: FileReport) -> list[tuple[Verdict, str]]:
    return [(each.verdict, each.what) for each in report.findings if each.check == "operators"]


CONV_8 = ((3, 8),)  # CONV_2D version 8 came with 2.15.0


def test_an_older_tensorflow_lite_lacks_an_operator_s_version(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    ((verdict, what),) = operators(of(path, made_apps.tflite(CONV_8), tflite=(2, 14, 0)))
    assert verdict is Verdict.FAILS
    assert what == "TensorFlow Lite 2.14.0 lacks CONV_2D version 8: 2.15.0 is the first with all"
    assert operators(of(path, made_apps.tflite(CONV_8), tflite=(2, 15, 0)))[0][0] is Verdict.OK
    assert operators(of(path, made_apps.tflite(CONV_8)))[0] == (
        Verdict.OK,
        "its 1 operators run from TensorFlow Lite 2.15.0 on",
    )


def test_a_version_that_no_release_is_known_for_fails_for_the_releases_that_are(tmp_path: Path) -> None:
    newer = made_apps.tflite(((3, 90),))
    assert operators(of(tmp_path / "a.tflite", newer, tflite=(2, 21, 0)))[0][0] is Verdict.FAILS
    assert operators(of(tmp_path / "a.tflite", newer, tflite=(2, 99, 0)))[0][0] is Verdict.NOTE


@pytest.mark.parametrize(
    ("name", "said"),
    [("FlexErf", "TensorFlow's own kernels: FlexErf"), ("Own", "custom operators that no runtime brings: Own")],
)
def test_operators_of_its_own_fail(tmp_path: Path, name: str, said: str) -> None:
    report = of(tmp_path / "a.tflite", made_apps.tflite(customs=(name,)))
    assert report.verdict is Verdict.FAILS
    assert any(said in what for _, what in operators(report))


def test_custom_operators_that_tflite_registers_itself_do_not(tmp_path: Path) -> None:
    report = of(tmp_path / "a.tflite", made_apps.tflite(customs=("TFLite_Detection_PostProcess",)))
    assert [verdict for verdict, _ in operators(report)] == [Verdict.OK]


@pytest.mark.parametrize(
    ("release", "opset", "ir", "verdict"),
    [
        ((1, 20), 21, 10, Verdict.OK),
        ((1, 20, 1), 22, 10, Verdict.FAILS),
        ((1, 20), 21, 11, Verdict.FAILS),
        ((1, 31, 1), 26, 13, Verdict.OK),
        ((1, 12), 12, 7, Verdict.NOTE),
        ((1, 99), 12, 7, Verdict.NOTE),
    ],
)
def test_an_onnx_model_is_held_to_a_release_s_opset_and_ir(
    tmp_path: Path, release: tuple[int, ...], opset: int, ir: int, verdict: Verdict
) -> None:
    report = of(tmp_path / "a.onnx", made_apps.onnx(ir, opset), onnxruntime=release)
    assert report.verdict is verdict


def test_onnx_operators_of_an_own_domain_are_told(tmp_path: Path) -> None:
    report = of(tmp_path / "a.onnx", made_apps.onnx(nodes=(b"", b"com.microsoft", b"my.domain")))
    assert operators(report)[0] == (Verdict.NOTE, "has operators of my.domain, which ONNX Runtime does not bring")


def program(kernels: list[tuple[str, str]], backends: Sequence[str] = ()) -> bytes:
    plan: made_apps.Table = {
        0: "forward",
        6: [{0: name, 1: overload} for name, overload in kernels],
        7: [{0: name} for name in backends],
    }
    return made_apps.flatbuffer({0: 0, 1: [plan]}, b"ET12")


def test_a_program_s_kernels_and_backends_are_those_of_the_wheel(tmp_path: Path) -> None:
    path = tmp_path / "a.pte"
    assert of(path, program([("aten::add", "out")], ["XnnpackBackend"])).verdict is Verdict.OK
    report = of(path, program([("aten::add", "out"), ("my::op", "out")], ["MyBackend"]))
    assert operators(report) == [(Verdict.FAILS, "executorch 1.5.1's wheel lacks my::op.out, MyBackend")]
    assert of(path, program([("my::op", "out")]), executorch=(1, 0, 0)).verdict is Verdict.NOTE


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tflite", made_apps.tflite(CONV_8)),
        ("a.pte", program([("aten::add", "out")], ["XnnpackBackend"])),
        ("a.onnx", made_apps.onnx()),
    ],
)
def test_a_damaged_model_ends_in_a_finding(tmp_path: Path, name: str, content: bytes) -> None:
    """Cut anywhere, and with any byte as large as it gets: no exception but those that become findings."""
    for length in range(1, len(content), 3):
        assert of(tmp_path / name, content[:length]).findings
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at : at + 2] = b"\xff\xff"[: len(content) - at]
        assert of(tmp_path / name, bytes(damaged)).findings
    assert of(tmp_path / name, content[: len(content) - 5]).verdict is Verdict.UNREADABLE


def test_a_vector_of_billions_is_refused_before_it_is_read(tmp_path: Path) -> None:
    content = made_apps.tflite().replace((1).to_bytes(4, "little") + b"\x08\0\0\0", b"\xff\xff\xff\x7f\x08\0\0\0", 1)
    assert of(tmp_path / "a.tflite", content).findings


def test_models_in_an_app_are_checked_and_kept_uncompressed(tmp_path: Path) -> None:
    path = made_apps.archive(tmp_path / "a.apk", {"assets/a.tflite": made_apps.tflite(CONV_8)}, compressed=True)
    report = check(path, Targets(tflite=(2, 14, 0)))
    assert [(each.verdict, each.check) for each in report.findings if each.check != "metadata"] == [
        (Verdict.FAILS, "operators"),
        (Verdict.NOTE, "zip alignment"),
    ]
    assert {each.where for each in report.findings} == {"assets/a.tflite"}


@pytest.mark.parametrize("text", ["tflite", "tflite=new", "litert=2.3.0", "=1.2", "tflite=2", "tflite=1.2.3.4.5"])
def test_a_runtime_is_a_name_and_a_release(text: str) -> None:
    with pytest.raises(ConfigError, match="NAME=VERSION"):
        targets.parse([text])


def test_a_runtime_is_named_once() -> None:
    assert targets.parse(["tflite=2.14.0", "onnxruntime=1.20"]) == Targets(tflite=(2, 14, 0), onnxruntime=(1, 20))
    with pytest.raises(ConfigError, match="twice"):
        targets.parse(["tflite=2.14.0", "tflite=2.15.0"])


def test_one_vector_named_in_many_places_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand methods that share a vector of kernels would be a walk of millions."""
    monkeypatch.setattr("edgerig.check.flatbuffer.MOST", 500)
    kernels = [("aten::add", "out")] * 20
    plan: made_apps.Table = {0: "forward", 6: [{0: name, 1: overload} for name, overload in kernels]}
    report = of(tmp_path / "a.pte", made_apps.flatbuffer({0: 0, 1: [plan] * 30}, b"ET12"))
    assert report.verdict is Verdict.UNREADABLE
    assert "over 500 tables" in report.findings[0].what
