from __future__ import annotations

from edgerig.report.run.readings import states
from edgerig.results import CellResult, CellState, Reading, Results


def with_state(cell: CellResult, **state: object) -> CellResult:
    return cell.model_copy(update={"state": CellState.model_validate(state)})


def test_before_the_worst_during_and_after(results: Results) -> None:
    cell = with_state(
        results.cells[0],
        before=Reading(temperature_c=40.0, frequency_khz=1_500_000, load1=0.1),
        during=(
            Reading(temperature_c=60.0, frequency_khz=1_500_000, throttled=()),
            Reading(temperature_c=55.0, frequency_khz=600_000, throttled=("soft temperature limit",)),
        ),
        after=Reading(temperature_c=50.0, frequency_khz=None, thermal_status="severe"),
        reasons={"frequency_khz": "the kernel tells none", "battery_percent": "no battery"},
    )
    found = states([cell])
    values = {figure["title"]: figure["values"][0] for figure in found["figures"]}
    assert values == {
        "temperature (°C)": [40.0, 60.0, 50.0],
        "frequency (GHz)": [1.5, 0.6, None],
        "load (1 min)": [0.1, None, None],
    }
    assert found["throttled"] == ["soft temperature limit, thermal status severe"]
    assert found["reasons"] == ["frequency_khz: the kernel tells none"]


def test_nothing_read_is_none_with_its_reason(results: Results) -> None:
    found = states([with_state(results.cells[0], reasons={"during": "the runner is an old one"})])
    assert [figure["values"] for figure in found["figures"]] == [[None]] * 3
    assert found["throttled"] == [""]
    assert found["reasons"] == ["during: the runner is an old one"]
