"""What operators have to do, by hand: multiply-accumulates from shapes, and the bytes of tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgerig.ondevice.profiles.onnxruntime_work import node_work
from edgerig.ondevice.profiles.work import Tensor, Work, largest_cache, work

PRODUCT = 5 * 6 * 7
CASES: list[tuple[str, list[tuple[int, ...]], tuple[int, ...], int | None]] = [
    ("CONV_2D", [(1, 8, 8, 3), (16, 3, 3, 3), (16,)], (1, 4, 4, 16), 4 * 4 * 16 * 27),
    ("DEPTHWISE_CONV_2D", [(1, 8, 8, 16), (1, 3, 3, 16), (16,)], (1, 8, 8, 16), 8 * 8 * 16 * 9),
    ("FULLY_CONNECTED", [(1, 64), (10, 64), (10,)], (1, 10), 640),
    ("BATCH_MATMUL", [(2, 5, 6), (2, 6, 7)], (2, 5, 7), 2 * PRODUCT),
    ("BATCH_MATMUL", [(2, 6, 5), (2, 6, 7)], (2, 5, 7), 2 * PRODUCT),  # the first lies transposed
    ("MatMul", [(5, 6), (6, 7)], (5, 7), PRODUCT),
    ("Conv", [(1, 8, 8, 8), (16, 1, 3, 3), (16,)], (1, 16, 8, 8), 16 * 64 * 9),
    ("ADD", [(1, 8), (1, 8)], (1, 8), None),
    ("TRANSPOSE_CONV", [(4,), (3, 2, 2, 8), (1, 4, 4, 8)], (1, 8, 8, 3), None),
    ("BATCH_MATMUL", [(2, 5, 6), (2, 8, 9)], (2, 5, 7), None),  # that share no axis
]


@pytest.mark.parametrize(("name", "inputs", "output", "macs"), CASES)
def test_multiply_accumulates(
    name: str, inputs: list[tuple[int, ...]], output: tuple[int, ...], macs: int | None
) -> None:
    assert work(name, [Tensor(each, 4) for each in inputs], [Tensor(output, 4)]).macs == macs


def test_bytes_are_those_of_each_tensor_once() -> None:
    inputs = [Tensor((1, 64), 1), Tensor((10, 64), 1), Tensor((10,), 4)]
    assert work("FULLY_CONNECTED", inputs, [Tensor((1, 10), 1)]).moved == 64 + 640 + 40 + 10


@pytest.mark.parametrize("outputs", [[], [Tensor((-1,), 0)]])
def test_of_tensors_that_are_not_known_nothing_is_told(outputs: list[Tensor]) -> None:
    assert work("ADD", [Tensor((4,), 4)], outputs) == Work(None, None)


def told(name: str, inputs: list[dict[str, list[int]]], output: list[int], *sizes: int) -> dict[str, Any]:
    return {
        "op_name": name,
        "input_type_shape": inputs,
        "output_type_shape": [{"float": output}],
        **dict(zip(("activation_size", "parameter_size", "output_size"), sizes, strict=True)),
    }


def test_weights_that_onnx_runtime_packed_are_added() -> None:
    """As its profile tells them: of a float product only the bias is left, of an integer convolution scales too."""
    product = told("Gemm", [{"float": [1, 128]}, {"float": [10]}], [1, 10], 512, 40, 40)
    assert node_work(product, ()) == Work(1280, 512 + 40 + 40 + 128 * 10 * 4)
    integers: list[dict[str, list[int]]] = [
        {"uint8": [1, 8, 8, 32]},
        {"float": []},
        {"float": [64]},
        {"int8": [64]},
        {"int32": [64]},
    ]
    convolution = told("QLinearConv", integers, [1, 8, 8, 64], 2048, 586, 4096)
    assert node_work(convolution, (64, 32, 1, 1)) == Work(64 * 64 * 32, 2048 + 586 + 4096 + 64 * 32)
    assert node_work(convolution, ()).macs is None


def test_weights_that_are_told_are_not_added() -> None:
    told_all = told("Conv", [{"float": [1, 1, 8, 8]}, {"float": [32, 1, 3, 3]}], [1, 32, 8, 8], 256, 1280, 8192)
    assert node_work(told_all, (32, 1, 3, 3)) == Work(32 * 64 * 9, 256 + 1280 + 8192)


@pytest.mark.parametrize("args", [{}, {"op_name": "Conv", "activation_size": "many"}, {"input_type_shape": 3}])
def test_what_a_profile_does_not_tell_is_not_known(args: dict[str, Any]) -> None:
    assert node_work(args, ()) == Work(None, None)


def test_the_largest_cache_of_a_made_tree(tmp_path: Path) -> None:
    (tmp_path / "uevent").write_text("")
    for index, size in enumerate(("48K\n", "32K\n", "1024K\n", "32M\n")):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(size)
    (tmp_path / "index4").mkdir()
    (tmp_path / "index4" / "size").write_text("a lot")
    assert largest_cache(str(tmp_path)) == 32 * 2**20
    assert largest_cache(str(tmp_path / "none")) is None
