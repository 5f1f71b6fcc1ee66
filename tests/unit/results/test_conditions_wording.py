"""What a device was brought into, and what it was not, in words."""

from edgerig.results import ConditionsRecord, HeldKnob
from edgerig.results.wording import held, not_held

GOVERNOR = HeldKnob(name="governor", wanted="performance", before="ondemand", now="performance", held=True)
CLOCK = HeldKnob(name="frequency_khz", wanted="1500000", before="600000", now="600000", held=False)


def test_what_is_held_is_told_with_what_it_was() -> None:
    found = ConditionsRecord(knobs=(GOVERNOR, CLOCK), temperature_c=41.2, waited_s=12.0)
    assert held(found) == "governor performance (was ondemand), begun at 41 °C after 12 s"
    assert held(ConditionsRecord()) == ""


def test_what_is_not_held_is_told_with_its_reason() -> None:
    found = ConditionsRecord(
        knobs=(GOVERNOR, CLOCK),
        start_below_c=50.0,
        temperature_c=61.0,
        hot=True,
        restored=False,
        reasons={"frequency_khz": "the kernel did not take it"},
    )
    assert not_held(found) == (
        "frequency_khz stayed 600000 in place of 1500000; begun at 61.0 °C, above 50.0 °C; not all could be put back "
        "afterwards: edgerig devices tune NAME --reset; the kernel did not take it"
    )
    assert not_held(ConditionsRecord(knobs=(GOVERNOR,))) == ""
    assert not_held(ConditionsRecord(reasons={"knobs": "it has no shell"})) == "it has no shell"
