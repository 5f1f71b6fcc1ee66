"""What every error says, whatever it quotes."""

from pathlib import Path

import pytest

from edgerig.errors import EdgerigError, InternalError, foreseen, printable


def test_what_a_terminal_would_obey_or_utf8_cannot_hold_is_left_out() -> None:
    assert printable("ok: ±2 %, 60 µs\n\tzwei — 三") == "ok: ±2 %, 60 µs\n\tzwei — 三"
    assert printable("\x1b[31m\x00\r\u202e\udcff") == "·[31m····"


def test_an_error_says_what_it_quotes_printably() -> None:
    error = EdgerigError("the device said \x1b]0;x\x07", hint="\udcff")
    assert (error.message, str(error), error.hint) == ("the device said ·]0;x·",) * 2 + ("·",)


def test_an_internal_error_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, str]()["\udcff"]
    kept = tmp_path / "new" / "traceback.txt"
    told = foreseen(caught.value, kept, "here: ")
    assert isinstance(told, InternalError)
    assert told.message.startswith("here: KeyError: ")
    assert str(kept) in told.hint
    assert "test_an_internal_error_keeps_its_traceback" in kept.read_text()


def test_an_error_of_the_tree_is_told_as_it_is(tmp_path: Path) -> None:
    error = EdgerigError("said")
    assert foreseen(error, tmp_path / "traceback.txt") is error
    assert list(tmp_path.iterdir()) == []


def test_one_that_cannot_be_kept_is_told_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert foreseen(ValueError("x" * 5000), tmp_path / "file" / "t").message == f"ValueError: {'x' * 988}"
