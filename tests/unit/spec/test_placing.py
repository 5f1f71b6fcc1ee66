"""Which engine runs a format where."""

import pytest
from pydantic import ValidationError

from edgerig.device_kinds import KINDS
from edgerig.plan import make_plan
from edgerig.spec import (
    EngineSpec,
    OptionValue,
    SweepSpec,
    engine_on,
    kind_named,
    load_device,
    load_engines,
    load_formats,
    not_run,
)


def test_a_device_without_a_table_of_its_own_has_the_formats_engines() -> None:
    local = load_device("local")
    for name, row in load_formats().items():
        if load_engines()[row.engine].module:
            assert engine_on(local, name) == load_engines()[row.engine]
            assert not_run(local, name) == ""


def test_every_table_names_formats_and_engines_there_are() -> None:
    for kind in map(kind_named, KINDS):
        assert kind.runs.keys() <= load_formats().keys()
        assert all(load_engines()[name].script for name in kind.runs.values())


def test_a_format_that_a_browser_does_not_run_is_told_by_the_plan() -> None:
    sweep = SweepSpec(models=("digits_cnn",), formats=("onnx", "executorch"), recipes=("fp32",), devices=("browser",))
    onnx, executorch = make_plan(sweep).cells
    assert onnx.unsupported == ""
    assert executorch.unsupported == "a device of the kind browser runs onnx, tflite and tfjs, not executorch"


def test_the_options_are_those_of_the_engine_there() -> None:
    engine: dict[str, dict[str, tuple[OptionValue, ...]]] = {
        "ort_web": {"graph_optimization_level": ("basic",)},
        "onnxruntime": {"intra_op_spinning": (False,)},
    }
    sweep = SweepSpec(
        models=("digits_cnn",), formats=("onnx",), recipes=("fp32",), devices=("browser", "local"), engine=engine
    )
    assert [cell.place for cell in make_plan(sweep).cells] == [
        "browser/t1/graph_optimization_level=basic",
        "local/t1/intra_op_spinning=false",
    ]


@pytest.mark.parametrize("rows", [{}, {"module": "a:B", "script": "a.mjs"}])
def test_an_engine_is_of_one_language(rows: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match='a "module" of Python or a "script" of JavaScript'):
        EngineSpec.model_validate({"name": "e", "runtime": "E", **rows})
