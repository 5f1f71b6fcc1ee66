import pytest

from edgerig.spec import RunSettings
from edgerig.spec.duration import in_seconds


@pytest.mark.parametrize(
    ("written", "seconds"), [("10m", 600), ("90s", 90), ("1.5 h", 5400), ("600", 600), (30, 30), ("2min", 120)]
)
def test_a_length_of_time_is_read_as_people_write_it(written: object, seconds: float) -> None:
    assert RunSettings.model_validate({"sustained_s": written}).sustained_s == seconds


@pytest.mark.parametrize("written", ["", "m", "10 parsecs", "-1m", "1e3", "9" * 30])
def test_what_is_none_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="no length of time"):
        in_seconds(written)


def test_an_emulator_is_not_kept_at_work() -> None:
    assert RunSettings.model_validate({"sustained_s": "10m"}).on_emulator().sustained_s == 0
