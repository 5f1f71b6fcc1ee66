from __future__ import annotations

import re

import pytest

from edgerig.report import markdown_text
from edgerig.report.run import markdown
from edgerig.report.run.columns import columns
from edgerig.results import Results


def lines(results: Results) -> list[str]:
    return markdown.render(results).decode().splitlines()


def test_every_planned_cell_has_a_row_of_its_devices_table(results: Results) -> None:
    width = len(columns(results.cells))
    found = [line for line in lines(results) if len(re.findall(r"(?<!\\)\|", line)) == width + 1]
    tables = len(results.devices)
    assert len(found) == len(results.cells) + 2 * tables  # a header and a rule each


def test_all_rows_of_a_table_have_its_columns(results: Results) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", markdown.render(results).decode(), re.MULTILINE)
    assert len(tables) == 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_no_html_of_others_is_let_through(results: Results) -> None:
    text = re.sub(r"```text\n.*?\n```", "", markdown.render(results).decode(), flags=re.DOTALL)
    assert "<" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_failures_give_reason_and_hint(results: Results) -> None:
    rows = [line for line in lines(results) if "| failed | build: converter said:" in line]
    assert len(rows) == 4
    assert all(r"see the \*log\*" in row for row in rows)


def test_emulated_latency_is_marked(results: Results) -> None:
    emulated = [line for line in lines(results) if line.endswith("| emulated |")]
    assert len(emulated) == 18
    assert all(line.count("(emulated)") == 2 for line in emulated)


def test_the_headline_and_the_command_are_given(results: Results) -> None:
    text = markdown.render(results).decode()
    assert "Budget: accuracy at most 1 point below fp32's (where there is none:" in text
    assert "**digits_cnn** on **local**: ship **tflite fp16** – p50 12.9 µs, 111 kB, 98.5 % top1." in text
    assert "Runner-up: **tflite fp32**, as fast (13.1 µs)" in text
    assert "ship provisionally" in text
    assert "accuracy was not measured (no labelled data came with this file" in text
    assert "edgerig sweep --model digits_cnn --model '=cmd()|`x`'" in text


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("digits_cnn", "digits_cnn"),
        ("a|b\nc", r"a\|b c"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("# title", r"\# title"),
        ("- item", r"\- item"),
        ("_x_ `y` *z*", r"\_x\_ \`y\` \*z\*"),
        ("[a](b)", r"\[a\](b)"),
        ("back\\|", r"back\\\|"),
    ],
)
def test_text_is_shown_literally(given: str, written: str) -> None:
    assert markdown_text.text(given) == written
