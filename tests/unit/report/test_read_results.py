"""results.json: what is written can be read, and what is wrong is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgerig.errors import ResultsError
from edgerig.report.run import json_results, read
from edgerig.results import SCHEMA_MINOR, Results


@pytest.fixture
def file(results: Results, tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_bytes(json_results.render(results))
    return path


def test_what_was_written_is_read_back(results: Results, file: Path) -> None:
    assert read.read_results(file) == results
    assert read.read_results(file.parent) == results


def test_the_document_meets_the_exported_schema(file: Path) -> None:
    schema = read.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    document["cells"][0]["status"] = "splendid"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_a_number_json_cannot_hold_is_refused(results: Results) -> None:
    cell = results.cells[0]
    broken = cell.model_copy(update={"parity": cell.parity.model_copy(update={"relative_error": float("inf")})})
    with pytest.raises(ResultsError, match=r"cells\[0\]\.parity\.relative_error is not a finite number"):
        json_results.render(results.model_copy(update={"cells": (broken,)}))


def change(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | fields), encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "ends early"),
        (b'{"schema_version": 1, "run": {"id": "a', "ends early"),
        (b'{"schema_version": 1,', "ends early"),
        (b"{'schema_version': 1}", "is not JSON"),
        (b'{"schema_version": NaN}', "NaN is not a JSON number"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[1]", "holds a list"),
        (b"{}", 'no "schema_version"'),
        (b'{"schema_version": "1"}', 'no "schema_version"'),
        (b'{"schema_version": true}', 'no "schema_version"'),
        (b'{"schema_version": 4}', "newer than this edgerig reads"),
        (b'{"schema_version": 0}', "not known"),
        (b'{"schema_version": 3}', "run: Field required"),
        (b'{"schema_version": 2}', "says it is of schema 2 and is not"),
        (b"[" * 200_000, "is not JSON"),
    ],
)
def test_a_bad_file_is_told_what_is_wrong(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=said) as caught:
        read.read_results(path)
    assert str(path) in caught.value.message and caught.value.hint


def test_a_wrong_value_is_named_by_its_place(file: Path) -> None:
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    cells[3]["status"] = "splendid"
    change(file, cells=cells)
    with pytest.raises(ResultsError, match=r"cells\[3\]\.status"):
        read.read_results(file)


def test_a_cell_twice_is_refused(file: Path) -> None:
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    change(file, cells=[*cells, cells[0]])
    with pytest.raises(ResultsError, match="more than once"):
        read.read_results(file)


def test_a_file_too_large_is_not_parsed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_BYTES", 1000)
    with pytest.raises(ResultsError, match="larger than 1,000 bytes"):
        read.read_results(file)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such file"):
        read.read_results(tmp_path)


def test_what_a_newer_version_says_beside_is_kept(file: Path) -> None:
    """Labels of verdicts, figures of their evidence, and what an older one wrote there."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    newer = {"label": "dozing", "evidence": {"slept_s": 3}, "advice": "wake it"}
    older = {"label": "stable", "evidence": {"median_ci95_ms": [0.9, 1.1], "blocks": 30}, "advice": ""}
    change(file, cells=[{**cells[0], "verdict": newer}, {**cells[1], "verdict": older}, *cells[2:]])
    first, second, *_ = read.read_results(file).cells
    assert (first.verdict.model_dump(), second.verdict.model_dump(mode="json")) == (newer, older)
    assert second.verdict.evidence.median_ci95_ms == (0.9, 1.1)
    change(file, cells=[{**cells[0], "verdict": {**newer, "label": "<b>"}}])
    with pytest.raises(ResultsError, match=r"verdict.label"):
        read.read_results(file)


def test_schema_1_is_migrated(tmp_path: Path, results: Results) -> None:
    """What an earlier edgerig wrote: no source in the ids, models by name."""
    old = json.loads(json_results.render(results))
    old["schema_version"] = 1
    old["models"] = {record.pop("model"): record for record in old["models"].values()}
    for cell in old["cells"]:
        cell["id"] = cell["model"] + cell["id"].removeprefix(f"{cell['model']}-{cell['source']}")
    (tmp_path / "results.json").write_text(json.dumps(old), encoding="utf-8")
    assert read.read_results(tmp_path) == results
    del old["cells"][0]["source"]
    (tmp_path / "results.json").write_text(json.dumps(old), encoding="utf-8")
    with pytest.raises(ResultsError, match="schema 1 and is not"):
        read.read_results(tmp_path)


def newer(file: Path, **more: Any) -> dict[str, Any]:
    """The document as a newer minor version might have written it: `more` in its first cell, a field elsewhere."""
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    document |= {"schema_minor": SCHEMA_MINOR + 3, "signature": "0" * 64}
    document["cells"][0] |= {"warm_ups": [{"name": "warm", "ms": 1.5}], "queue_ms": None, **more}
    document["cells"][0]["latency"]["p95_ms"] = 0.25
    document["run"]["host"] = {"rack": {"slot": 3}}
    file.write_text(json.dumps(document), encoding="utf-8")
    return document


def test_fields_of_a_newer_minor_version_are_kept_and_written_again(file: Path) -> None:
    document = newer(file)
    found = read.read_results(file)
    assert found.schema_minor == SCHEMA_MINOR + 3
    assert json.loads(json_results.render(found)) == document
    fewer = found.model_copy(update={"cells": found.cells[:1]})
    assert json.loads(json_results.render(fewer))["cells"] == document["cells"][:1]


def test_a_newer_minor_versions_document_meets_the_schema_of_this_one(file: Path) -> None:
    jsonschema.validate(newer(file), read.json_schema())


@pytest.mark.parametrize("minor", [0, SCHEMA_MINOR])
def test_an_unknown_field_of_a_version_that_is_known_is_an_error(file: Path, minor: int) -> None:
    newer(file)
    change(file, schema_minor=minor)
    with pytest.raises(ResultsError, match=r"cells\[0\]\.latency: Extra inputs are not permitted: p95_ms"):
        read.read_results(file)


def test_a_known_field_of_a_newer_minor_version_is_held_to_its_type(file: Path) -> None:
    newer(file, status="splendid")
    with pytest.raises(ResultsError, match=r"cells\[0\]\.status"):
        read.read_results(file)


def test_a_file_without_a_minor_version_is_of_the_first(file: Path, results: Results) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    del document["schema_minor"]
    file.write_text(json.dumps(document), encoding="utf-8")
    assert read.read_results(file) == results
    for wrong in ("1", True, 1.5, -1, 10**9):
        change(file, schema_minor=wrong)
        with pytest.raises(ResultsError, match="schema_minor"):
            read.read_results(file)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"x": [value]}
    return value


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({f"field_{number}": 1 for number in range(100)}, "102 unknown fields, at most 64 are kept"),
        ({"deep": nested(5)}, "nested deeper than 8 levels"),
        ({"deep": nested(300)}, "nested deeper than 8 levels"),
        ({"a" * 200: 1}, "whose name none can have"),
        ({"<script>": 1}, "whose name none can have"),
        ({"": 1}, "whose name none can have"),
        ({"text": "\ud800"}, "holds what JSON cannot"),
        ({"table": {"\ud800": 1}}, "holds what JSON cannot"),
    ],
)
def test_what_no_version_would_have_written_is_refused(file: Path, more: dict[str, Any], said: str) -> None:
    newer(file, **more)
    with pytest.raises(ResultsError, match=said) as caught:
        read.read_results(file)
    assert len(caught.value.message) < 1000


def test_inside_edgerig_a_field_that_there_is_none_of_is_an_error(results: Results) -> None:
    with pytest.raises(ValueError, match="Extra inputs are not permitted: mode"):
        type(results.run).model_validate({**results.run.model_dump(), "mode": "x"})
