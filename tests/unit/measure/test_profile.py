"""What a device says of its inferences: believed only within bounds, and reported as medians."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.errors import UnparsableOutput
from edgerig.measure.operator_layers import GRAPH, Node, written
from edgerig.measure.profile import FILE, FOLDER, VALUES, parse_profile, read_profile
from edgerig.results import Profile

CELL = "m-torch-tflite-int8@d/t1"


def operator(name: str = "CONV_2D", **more: Any) -> dict[str, Any]:
    return {"name": name, "layer": "", "runner": "xnnpack", "partition": 0, "calls": 1.0} | more


def told(operators: list[dict[str, Any]], runs: int, **more: Any) -> dict[str, Any]:
    return {
        "schema": 1, "cell": CELL, "unit": "ns", "method": "m", "partitions": 1, "floor": 20, "notes": [],
        "runs": runs, "operators": operators,
    } | more  # fmt: skip


def kept(folder: Path, document: dict[str, Any], values: npt.NDArray[Any] | None = None) -> Path:
    (folder / FOLDER).mkdir()
    (folder / FOLDER / FILE).write_text(json.dumps(document))
    if values is not None:
        np.save(folder / FOLDER / VALUES, values)
    return folder


def test_medians_shares_and_what_is_outside(tmp_path: Path) -> None:
    values = np.array([[100, 900, 50, 30], [110, 800, 40, 30], [1000, 9000, 45, 90]], np.int64)
    operators = [operator(), operator("SOFTMAX", runner="kernel", partition=None, layer="probabilities")]
    found = read_profile(kept(tmp_path, told(operators, 3), values), CELL)
    assert (found.whole, found.profiled_whole, found.sum, found.outside) == (110, 900, 75, 35)
    assert [each.value for each in found.operators] == [45, 30]
    assert [each.share for each in found.operators] == pytest.approx([45 / 110, 30 / 110])
    assert [each.kind for each in found.operators] == ["convolution", "softmax"]
    assert [each.name for each in found.fallbacks] == ["SOFTMAX"]
    assert (found.operators[1].layer, found.operators[0].spread, found.runs) == ("probabilities", 5, 3)
    assert not found.shares_only


@pytest.mark.parametrize(
    ("entering", "rows"),
    [
        (None, [("outside operators", 50)]),
        (30, [("calls of the delegate", 30), ("outside operators", 20)]),
        (70, [("calls of the delegate", 50)]),  # of another run than the median one: no more than there is
    ],
)
def test_calls_of_the_delegate_are_a_part_of_what_no_operator_covers(
    tmp_path: Path, entering: int | None, rows: list[tuple[str, int]]
) -> None:
    values = np.tile(np.array([100, 200, 50], np.int64), (3, 1))
    found = read_profile(kept(tmp_path, told([operator()], 3, entering=entering), values), CELL)
    assert found.outside == 50
    assert list(found.uncovered) == rows


CONVOLUTION, PRODUCT = "Convolution (NHWC, F32) IGEMM", "Fully Connected (NC, F32) GEMM"
STEM, HEAD = Node("Conv2d", "stem", 900, 4000), Node("Fully Connected", "head", 100, 200)


def in_xnnpack(folder: Path, graph: str | None, names: Sequence[str], partitions: Sequence[int] = (0, 0)) -> Profile:
    """A profile whose runner told no graph, beside the one its builder wrote down."""
    document = told(
        [operator(name, partition=number) for name, number in zip(names, partitions, strict=True)],
        3,
        partitions=len(set(partitions)),
    )
    kept(folder, document, np.full((3, 2 + len(names)), 50, np.int64))
    if graph is not None:
        (folder / FOLDER / GRAPH).write_text(graph)
    return read_profile(folder, CELL)


def test_the_graph_a_builder_wrote_down_names_what_xnnpack_computes(tmp_path: Path) -> None:
    found = in_xnnpack(tmp_path, written([[STEM], [HEAD]]), [CONVOLUTION, PRODUCT], (0, 1))
    assert [(each.layer, each.macs, each.moved) for each in found.operators] == [
        ("stem", 900, 4000),
        ("head", 100, 200),
    ]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("graph", "partitions", "why"),
    [
        (None, (0, 0), "the graph it was given is not known"),
        (written([[STEM]]), (0, 0), "of partition 0: XNNPACK tells of 2 convolutions and matrix products"),
        (written([[STEM, HEAD], [HEAD]]), (0, 0), "of 2 partitions 1 ran"),
    ],
)  # fmt: skip
def test_where_the_graph_and_the_profile_do_not_agree_no_layer_is_told_and_why(
    tmp_path: Path, graph: str | None, partitions: tuple[int, int], why: str
) -> None:
    found = in_xnnpack(tmp_path, graph, [CONVOLUTION, PRODUCT], partitions)
    assert [(each.layer, each.macs) for each in found.operators] == [("", None)] * 2
    assert [why in note for note in found.notes] == [True]


@pytest.mark.parametrize("graph", ["{", "[[1]]", '[[["Conv2d", "stem", -1, 2]]]'])
def test_a_graph_that_is_none_is_the_profiles_reason(tmp_path: Path, graph: str) -> None:
    assert "cannot be read" in in_xnnpack(tmp_path, graph, [CONVOLUTION, PRODUCT]).reason


def test_a_time_that_no_call_takes_is_not_believed(tmp_path: Path) -> None:
    values = np.tile(np.array([100, 200, 50], np.int64), (3, 1))
    assert "entering" in read_profile(kept(tmp_path, told([operator()], 3, entering=-1), values), CELL).reason


@pytest.mark.parametrize(("partitions", "left"), [(1, 1), (0, 1), (None, 0)])
def test_without_a_delegate_nothing_was_left_by_one(tmp_path: Path, partitions: int | None, left: int) -> None:
    """A delegate that took nothing (0 partitions) left everything."""
    operators = [operator("SOFTMAX", runner="kernel", partition=None)]
    values = np.full((3, 3), 100, np.int64)
    found = read_profile(kept(tmp_path, told(operators, 3, partitions=partitions), values), CELL)
    assert len(found.fallbacks) == left


def test_of_instructions_the_spread_is_all_of_it(tmp_path: Path) -> None:
    values = np.array([[100, 100, 50], [100, 100, 50], [100, 100, 57]], np.int64)
    found = read_profile(kept(tmp_path, told([operator()], 3, unit="instructions"), values), CELL)
    assert (found.unit, found.operators[0].spread) == ("instructions", 7)


@pytest.mark.parametrize(("each", "shares_only"), [(54, False), (70, True)])
def test_operators_longer_than_the_whole_give_shares_of_their_sum(tmp_path: Path, each: int, shares_only: bool) -> None:
    values = np.tile(np.array([100, 300, each, each], np.int64), (5, 1))
    found = read_profile(kept(tmp_path, told([operator()] * 2, 5), values), CELL)
    assert found.shares_only == shares_only
    assert [one.share for one in found.operators] == [0.5, 0.5]
    assert found.outside == 0


def test_operators_of_twice_the_whole_are_no_profile(tmp_path: Path) -> None:
    values = np.tile(np.array([100, 300, 250], np.int64), (5, 1))
    found = read_profile(kept(tmp_path, told([operator()], 5), values), CELL)
    assert "2.5 times what the whole takes" in found.reason
    assert found.operators == ()


def test_a_cell_that_was_not_looked_into_says_so(tmp_path: Path) -> None:
    assert read_profile(tmp_path, CELL).reason == "the cell was not profiled"


def test_the_devices_reason_is_kept_and_made_printable(tmp_path: Path) -> None:
    found = read_profile(kept(tmp_path, {"schema": 1, "cell": CELL, "reason": "no\x1b[31m"}), CELL)
    assert found.reason == "no·[31m"


@pytest.mark.parametrize(
    "change",
    [
        {"operators": [operator()] * 5000},
        {"operators": []},
        {"operators": [operator(runner="gpu")]},
        {"operators": [operator("")]},
        {"operators": [operator(calls=-1)]},
        {"operators": [operator(partition=-1)]},
        {"runs": 10**9},
        {"runs": 0},
        {"notes": ["n"] * 11},
        {"unit": "s"},
        {"schema": 2},
        {"cell": "another"},
    ],
)
def test_what_no_runner_writes_is_refused(change: dict[str, Any]) -> None:
    document = told([operator()], 3) | change
    with pytest.raises(UnparsableOutput):
        parse_profile(json.dumps(document).encode(), CELL)


@pytest.mark.parametrize(
    "values",
    [
        np.full((3, 3), -1, np.int64),
        np.full((3, 3), 2**60, np.int64),
        np.ones((3, 4), np.int64),
        np.ones((3, 3), np.float64),
        None,
    ],
)
def test_values_that_no_inference_has_are_a_reason(tmp_path: Path, values: npt.NDArray[Any] | None) -> None:
    found = read_profile(kept(tmp_path, told([operator()], 3), values), CELL)
    assert found.reason.startswith("the profile cannot be read")
