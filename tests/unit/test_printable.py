"""What text from elsewhere becomes before it is printed."""

import json

import pytest
from rich.console import Console

from edgerig.cli import say
from edgerig.printable import as_json, one_line, printable, without_commands


def test_a_service_obeys_no_line_of_it() -> None:
    assert printable("::error::x\n \t::set-output name=a::b\na::b") == "·::error::x\n \t·::set-output name=a::b\na::b"
    assert (
        printable("x ##[group]y ##vso[task.x]y\n##teamcity[z] # ##")
        == "x #·#[group]y #·#vso[task.x]y\n#·#teamcity[z] # ##"
    )
    assert without_commands("\x1b[1mx\x1b[0m\n::x::") == "\x1b[1mx\x1b[0m\n·::x::"


@pytest.mark.parametrize("code", [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0x200B, 0xFEFF, 0xDC80])
def test_what_steers_a_terminal_is_shown(code: int) -> None:
    assert printable(f"a{chr(code)}b") == "a·b"
    assert json.loads(as_json(json.dumps(f"a{chr(code)}b", ensure_ascii=False))) == f"a{chr(code)}b"
    assert as_json(json.dumps(f"a{chr(code)}b", ensure_ascii=False)).isprintable()


def test_a_field_is_one_line() -> None:
    assert one_line("a\n::error::b\tc") == "a ::error::b c"
    assert one_line("\n::error::b") == " ·::error::b"


def test_json_stays_the_same_value() -> None:
    value = {"a\n": ["##[group]", "::error::", "\U0001f600", "é", "\u202e"]}
    text = as_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(text) == value
    assert "##[" not in text
    assert "é" in text


def test_a_statement_starts_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say.say("failed: x\nerror: gate passed\n::error::x")
    assert capsys.readouterr().out == "failed: x\n  error: gate passed\n  ·::error::x\n"


def test_a_cell_folded_in_a_table_starts_no_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(say, "Console", lambda **_: Console(width=40, force_terminal=False))
    shown = say.table("cell", "x")
    shown.add_row("y" * 33 + "::error::z\r" + "w" * 40, "a\nb")
    say.print_table(shown)
    lines = capsys.readouterr().out.split("\n")
    assert any("::error" in line for line in lines)
    assert [line for line in lines if line.lstrip().startswith("::") or "\r" in line] == []
