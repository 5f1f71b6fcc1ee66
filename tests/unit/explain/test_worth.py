from unit.explain.made_profiles import cell, run

from edgerig.explain.worth import worth_profiling
from edgerig.results import Delegation


def test_what_surprises_is_looked_into_with_what_it_is_held_against() -> None:
    cells = [cell("fp32", 100), cell("int8-dynamic", 150), cell("int8-weight", 99.5)]
    assert worth_profiling(run(*cells)) >= {cells[0].id, cells[1].id}
    far = cell("fp32", 300, "onnx")
    assert far.id in worth_profiling(run(cells[0], far))


def test_what_is_recommended_is_looked_into_with_its_float_twin() -> None:
    float_, quick, other = cell("fp32", 100), cell("int8-static", 40), cell("fp16", 60)
    assert worth_profiling(run(float_, quick, other)) == {float_.id, quick.id}


def test_a_delegate_that_leaves_operators_is_looked_into_where_the_cell_is_fast_enough() -> None:
    split = cell("int8-static", 45, delegation=Delegation(delegated=3, total=4, undelegated=("EXP",)))
    whole = cell("int8-static", 45, delegation=Delegation(delegated=4, total=4))
    float_, quicker = cell("fp32", 100), cell("int8-dynamic", 40)
    assert split.id in worth_profiling(run(float_, quicker, split))
    assert whole.id not in worth_profiling(run(float_, quicker, whole))
