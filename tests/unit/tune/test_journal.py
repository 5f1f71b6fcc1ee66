"""A tuning's journal: what is written is there after a kill, what was cut short is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.errors import ConfigError, ResultsError
from edgerig.tune.journal import FILE, Entry, Looked, Rung, journal
from edgerig.tune.space import Candidate
from edgerig.tune.trial import Trial

TRIAL = Trial(candidate=Candidate(format="onnx", recipe="fp16"), seconds=2.0, size_bytes=7)


def test_what_was_written_is_read_and_a_torn_line_is_not(tmp_path: Path) -> None:
    with journal(tmp_path) as kept:
        kept.write(Entry(trial=TRIAL))
        kept.write(Entry(looked=Looked(format="onnx", layers=3, seconds=1.0)))
        kept.write(Entry(rung=Rung(name="host", run="host/x", cells=2, seconds=0.5)))
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole + whole[:50])
    with journal(tmp_path) as again:
        assert again.trials == {"onnx-fp16": TRIAL}
        assert again.looked["onnx"].layers == 3
        assert again.rungs["host"].cells == 2
        assert again.seconds == 3.5
    assert (tmp_path / FILE).read_bytes() == whole


def test_one_process_at_a_time_writes_to_it(tmp_path: Path) -> None:
    with journal(tmp_path), pytest.raises(ConfigError, match="another process"), journal(tmp_path):
        pass


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'{"trial": 3}\n')
    with pytest.raises(ResultsError, match="line 1 is damaged"), journal(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"), journal(tmp_path / "file"):
        pass
