"""The fixed list of cells has what the claims compare, and nothing that cannot be."""

from __future__ import annotations

import fnmatch

import pytest

from edgerig.plan import make_plan
from edgerig.spec import SweepSpec, load_formats
from edgerig.study.cells import OF_TENSORFLOW, OF_TORCH, OWN_SIDES, RUNTIMES, SIDES, SOURCES, wanted_sweep

PLANNED = make_plan(wanted_sweep()).cells


def test_every_cell_has_its_twin() -> None:
    """From the other framework, at the same size."""
    for name in RUNTIMES:
        counts = [sum(cell.source == source and cell.format == name for cell in PLANNED) for source in SOURCES]
        assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("side", SIDES)
def test_the_large_network_comes_at_every_size_in_each_twins_own_layout(side: int) -> None:
    models = {cell.model for cell in PLANNED if cell.source == "torch" and str(side) in cell.model}
    assert models == {f"mobilenet_v2+image=1x3x{side}x{side}"}
    theirs = {cell.model for cell in PLANNED if cell.source == "keras" and str(side) in cell.model}
    assert theirs == {f"mobilenet_v2+image=1x{side}x{side}x3"}


def test_no_model_is_planned_that_no_cell_is_of() -> None:
    """A size goes with a network and a layout: the product has others."""
    assert set(make_plan(wanted_sweep()).models) == {cell.model_id for cell in PLANNED}


def test_a_framework_runs_what_was_authored_in_it_in_float() -> None:
    for cell in PLANNED:
        if cell.format in (*OF_TORCH, *OF_TENSORFLOW):
            assert cell.source == ("torch" if cell.format in OF_TORCH else "keras")
            assert cell.recipe == "fp32"


def test_every_glob_selects_something_of_the_formats_there_are() -> None:
    sweep = wanted_sweep()
    known = [glob for glob in sweep.select if any(f"-{name}-" in glob for name in load_formats())]
    assert known
    idle = [glob for glob in known if not any(fnmatch.fnmatchcase(cell.id, glob) for cell in PLANNED)]
    assert idle == []


def test_the_networks_own_sides_are_those_of_their_models() -> None:
    models = make_plan(SweepSpec(models=tuple(OWN_SIDES))).models.values()
    assert {model.name: max(model.inputs[0].shape) for model in models} == OWN_SIDES


def test_quick_is_the_small_network_on_the_devices_asked_for() -> None:
    quick = make_plan(wanted_sweep(["local", "qemu-rpi4"], quick=True)).cells
    assert {cell.model for cell in quick} == {"digits_cnn"}
    assert {cell.device for cell in quick} == {"local", "qemu-rpi4"}
