"""What a gate and a comparison write: valid, complete, and with strangers' texts shown as texts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import browser as chromium
import pytest
from lxml import etree

from edgerig.compare.comparison import CellChange, Comparison
from edgerig.compare.figure_change import MetricChange
from edgerig.compare.gate import Check, GateResult, Outcome
from edgerig.report.comparison import html as comparison_html
from edgerig.report.comparison import markdown as comparison_markdown
from edgerig.report.gate import annotations as gate_annotations
from edgerig.report.gate import junit as gate_junit
from edgerig.report.gate import summary as gate_summary
from edgerig.report.gate import verdict as gate_verdict

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("junit.xsd")))
HOSTILE = "<script>alert(1)</script>|\x1b[31m\r\n::error::x % , : ]]> \ufffe `x`"


def check(outcome: Outcome, cell: str = "net@rpi4/t1", name: str = "size", message: str = "found") -> Check:
    return Check(cell=cell, name=name, outcome=outcome, message=message)


def result(*checks: Check, outcome: Literal["pass", "fail", "inconclusive"] = "fail") -> GateResult:
    return GateResult(run="new", base="old", rule="fail", outcome=outcome, checks=checks)


EVERY = result(check("fail", HOSTILE, message=HOSTILE), check("inconclusive"), check("pass"), check("left out"))


@pytest.mark.parametrize(
    "found", [EVERY, result(outcome="pass"), EVERY.model_copy(update={"rule": "pass", "base": None})]
)
def test_junit_is_valid(found: GateResult) -> None:
    SCHEMA.assertValid(etree.fromstring(gate_junit.render(found, "2026-01-02T03:04:05+00:00")))


def test_junit_counts_what_it_holds() -> None:
    (suite,) = etree.fromstring(gate_junit.render(EVERY, "2026-01-02T03:04:05+00:00"))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped", "timestamp")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "timestamp": "2026-01-02T03:04:05",
    }
    assert [[child.tag for child in case] for case in suite.findall("testcase")] == [
        ["failure"],
        ["error"],
        [],
        ["skipped"],
    ]
    assert "<script>alert(1)</script>" in suite.find("testcase/failure").get("message")


def test_the_schema_refuses_what_is_not_junit() -> None:
    assert not SCHEMA.validate(etree.fromstring(b'<testsuites><testsuite name="x"/></testsuites>'))


def test_annotations_are_one_escaped_line_each() -> None:
    lines = gate_annotations.render(EVERY).split("\n")
    assert len(lines) == 3
    assert lines[-1] == ""
    assert lines[0].startswith("::error title=fail%3A <script>alert(1)</script>|·[31m·%0A·%3A%3Aerror%3A%3Ax %25 %2C")
    assert lines[0].count("%0A") == 2
    assert lines[1] == "::error title=inconclusive%3A net@rpi4/t1::size: found"
    lenient = gate_annotations.render(EVERY.model_copy(update={"rule": "pass"}))
    assert "::warning title=inconclusive" in lenient


def test_no_more_annotations_than_github_shows() -> None:
    many = gate_annotations.render(result(*[check("fail", f"cell {number}") for number in range(30)]))
    assert many.count("::error ") == gate_annotations.SHOWN
    assert "and 21 more" in many


def test_the_verdict_is_short_json() -> None:
    document = json.loads(gate_verdict.render(EVERY, 7))
    assert (document["outcome"], document["exit_code"]) == ("fail", 7)
    assert document["counts"] == {"fail": 1, "inconclusive": 1, "pass": 1, "left out": 1}
    assert [each["outcome"] for each in document["checks"]] == ["fail", "inconclusive"]


def comparison() -> Comparison:
    metrics = (
        MetricChange(metric="size", label="same", base=1000, new=1000, effect=0, low=0, high=0, minimum=0.01),
        MetricChange(
            metric="latency",
            label="regressed",
            base=1.0,
            new=1.1,
            effect=0.1,
            low=0.09,
            high=0.11,
            p=0.001,
            minimum=0.05,
        ),
        MetricChange(metric="memory", label="not compared", minimum=0.1, reason=HOSTILE),
        MetricChange(metric="accuracy", label="inconclusive", base=0.9, minimum=0.01, reason=HOSTILE),
        MetricChange(
            metric="parity", label="improved", base=0.03, new=0.01, effect=-0.02, low=-0.02, high=-0.02, minimum=0.002
        ),
        MetricChange(metric="instructions", label="not compared", minimum=0.005, reason="not emulated"),
        MetricChange(metric="energy", label="not compared", minimum=0.1, reason="no sensor"),
    )
    return Comparison(
        base="old<b>",
        new="new",
        cells=(
            CellChange(id=HOSTILE, presence="both", label="regressed", metrics=metrics),
            CellChange(id="gone", presence="base only", label="not compared", reason=HOSTILE),
        ),
    )


def test_markdown_tables_are_whole_whatever_the_texts() -> None:
    for text in (comparison_markdown.render(comparison()), gate_summary.render(EVERY, comparison())):
        content = text.decode()
        assert "<script" not in content
        for table in re.findall(r"(?:^\|.*\n)+", content, re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
            assert len(widths) == 1, table


def test_the_summary_says_what_failed_and_fits_on_githubs_page() -> None:
    assert "edgerig gate: failed, 1 of 4 checks" in gate_summary.render(EVERY, None).decode()
    huge = result(*[check("fail", f"cell {number}", message="m" * 10_000) for number in range(300)])
    assert len(gate_summary.render(huge, None)) <= gate_summary.LIMIT_BYTES


def test_the_page_is_self_contained_and_escaped() -> None:
    page = comparison_html.render(comparison()).decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "old&lt;b&gt;" in page
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "+10.00 % [+9.00, +11.00], p 0.001 (counts from 5 %)" in page
    assert etree.fromstring(page.encode(), etree.HTMLParser()).findall(".//table")


@pytest.mark.integration
@chromium.needed
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "compare.html"
    file.write_bytes(comparison_html.render(comparison()))
    with chromium.running() as running:
        assert chromium.grave_findings(running, file, scheme, "h1") == []
