"""Labels and normalization, written and read back; what is in a file already stays."""

import io
import zipfile
from typing import Any

import made_apps
import pytest

from edgerig.check import tflite_labels, tflite_schema, tflite_write
from edgerig.check.flatbuffer import Table, root
from edgerig.check.tflite_schema import Record
from edgerig.check.tflite_write import Labels, Normalization, rewritten
from edgerig.check.verdicts import Broken, Verdict

FOUR = Labels("labels.txt", b"a\nb\nc\nd\n")
HALF = Normalization((127.5,), (127.5,))


def said(content: bytes) -> list[tuple[Verdict, str]]:
    return [(each.verdict, each.what) for each in tflite_labels.findings(content, root(content, b"TFL3"), "")]


def test_what_is_written_is_read_back() -> None:
    content = rewritten(made_apps.tflite(), FOUR, HALF)
    assert said(content) == [
        (Verdict.OK, "output 0 has 4 labels in 'labels.txt'"),
        (Verdict.OK, "input 0 is (x − 127.5) / 127.5"),
    ]
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.read("labels.txt") == FOUR.content


def test_the_old_content_stays_byte_for_byte_and_as_aligned() -> None:
    old = made_apps.tflite()
    new = rewritten(old, FOUR, HALF)
    at = new.index(old[8:])
    assert (at - 8) % 64 == 0
    assert [each.raw(0) for each in root(new, b"TFL3").tables(4)][:2] == [b"", bytes(range(64))]


def test_a_second_writing_replaces_the_first() -> None:
    once = rewritten(made_apps.tflite(), FOUR, HALF)
    twice = rewritten(once, Labels("other.txt", b"1\n2\n3\n4\n"), Normalization((1, 2, 3), (4,)))
    assert said(twice) == [
        (Verdict.OK, "output 0 has 4 labels in 'other.txt'"),
        (Verdict.OK, "input 0 is (x − 1:2:3) / 4"),
    ]
    with zipfile.ZipFile(io.BytesIO(twice)) as packed:
        assert packed.namelist() == ["other.txt"]
    assert len(list(root(twice, b"TFL3").tables(6))) == 1


def test_normalization_alone_keeps_the_labels() -> None:
    content = rewritten(rewritten(made_apps.tflite(), FOUR, None), None, HALF)
    assert [verdict for verdict, _ in said(content)] == [Verdict.OK, Verdict.OK]


@pytest.mark.parametrize(
    ("model", "labels", "normalization", "message"),
    [
        ({}, Labels("l", b"a\nb\n"), None, "2 labels fit no output of"),
        ({"outputs": ((1, 4), (1, 4))}, FOUR, None, "fit 2 outputs"),
        ({"inputs": ((1, 4), (1, 4))}, None, HALF, "has 2 inputs"),
        ({}, None, Normalization((1, 2), (1,)), "does not take 2 means and 1 deviations"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(
    model: dict[str, Any],
    labels: Labels | None,
    normalization: Normalization | None,
    message: str,
) -> None:
    with pytest.raises(Broken, match=message):
        rewritten(made_apps.tflite(**model), labels, normalization)


def test_labels_go_to_the_output_they_fit() -> None:
    content = rewritten(made_apps.tflite(outputs=((1, 7), (1, 4))), FOUR, None)
    assert (Verdict.OK, "output 1 has 4 labels in 'labels.txt'") in said(content)


def test_labels_that_are_named_and_not_packed_fail() -> None:
    content = rewritten(made_apps.tflite(), FOUR, None)
    cut = content[: tflite_labels.associated(content).start]
    assert said(cut)[0] == (
        Verdict.FAILS,
        "names 'labels.txt' as output 0's labels, which is not packed behind the model",
    )


def test_labels_of_another_number_fail() -> None:
    content = rewritten(made_apps.tflite(), FOUR, None)
    start = tflite_labels.associated(content).start
    other = tflite_write._with_archive(content[:start], {"labels.txt": b"a\nb\n"})
    assert said(other)[0] == (Verdict.FAILS, "'labels.txt' has 2 labels, output 0 has 4 values")


def test_every_table_of_the_schema_is_written_as_it_is_read() -> None:
    files = (Record("AssociatedFile", texts={"name": ("v",), "locale": ("en",)}, scalars={"type": 5}),)
    units = tuple(
        Record("ProcessUnit").with_records("options", each)
        for each in (
            Record("ScoreCalibrationOptions", scalars={"transformation": 2, "default": 0.5}),
            Record("RegexTokenizerOptions", texts={"pattern": ("\\W+",)}).with_records("files", *files),
        )
    )
    image = Record("ImageProperties", scalars={"color_space": 1}).with_records(
        "default_size", Record("ImageSize", scalars={"width": 8, "height": 9})
    )
    content = Record("Content").with_records("properties", image)
    content = content.with_records("range", Record("ValueRange", scalars={"min": -1, "max": 2}))
    boxes = Record("BoundingBoxProperties", numbers={"index": (0, 2, 1, 3)}, scalars={"type": 1})
    tensor = Record("TensorMetadata", texts={"name": ("é",), "dimension_names": ("batch", "x")})
    tensor = tensor.with_records("content", content).with_records("units", *units)
    tensor = tensor.with_records("stats", Record("Stats", numbers={"max": (1.0, 2.0), "min": (0.5,)}))
    other = Record("TensorMetadata").with_records("content", Record("Content").with_records("properties", boxes))
    group = Record("TensorGroup", texts={"name": ("g",), "tensor_names": ("a", "b")})
    graph = Record("SubGraphMetadata").with_records("inputs", tensor, other).with_records("output_groups", group)
    whole = Record("ModelMetadata", texts={"name": ("n",), "author": ("a",)}).with_records("subgraphs", graph)
    assert tflite_schema.read(root(tflite_schema.write(whole), b"M001")) == whole


def with_metadata(table: made_apps.Table) -> tuple[bytes, Table]:
    """A made model whose metadata is this FlatBuffer."""
    model = made_apps.tflite()
    index = root(rewritten(model, None, HALF), b"TFL3")
    return tflite_write._assembled(model, root(model, b"TFL3"), made_apps.flatbuffer(table, b"M001")), index


def test_metadata_of_a_newer_schema_is_read_and_not_rewritten() -> None:
    content, _ = with_metadata({0: "n", 8: "newer"})
    assert said(content)[0][0] is Verdict.NOTE
    with pytest.raises(Broken, match=r"newer schema than 1\.2\.1"):
        rewritten(content, FOUR, None)


def test_one_table_named_in_many_places_ends() -> None:
    """Three lists of a thousand that all lead to one table would be a billion."""
    unit: made_apps.Table = {1: {}}
    tensor = {4: [unit] * 200}
    content, _ = with_metadata({3: [{2: [tensor] * 200}]})
    (finding,) = said(content)
    assert finding[0] is Verdict.FAILS
    assert "over 20,000 tables" in finding[1]


def test_files_behind_a_model_that_unpack_to_too_much_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tflite_labels, "FILES_LIMIT", 100)
    content = tflite_write._with_archive(made_apps.tflite(), {"a": bytes(60), "b": bytes(60)})
    with pytest.raises(Broken, match="over 100 bytes"):
        tflite_labels.associated(content)
