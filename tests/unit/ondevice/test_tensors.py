from __future__ import annotations

import numpy as np
import pytest

from edgerig.ondevice.engines import Array, TensorInfo
from edgerig.ondevice.tensors import check_inputs, dequantize, exactly, quantize


def tensor(dtype: str, scale: float = 0.0, zero_point: int = 0, shape: tuple[int, ...] = (1,)) -> TensorInfo:
    return TensorInfo(name="t", shape=shape, dtype=dtype, scale=scale, zero_point=zero_point)


def real(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def test_ties_round_to_even_before_the_zero_point_is_added() -> None:
    found = quantize(real(-1.5, -0.5, 0.5, 1.5, 2.5), tensor("int8", 1.0, 3))
    assert found.dtype == np.int8
    assert found.tolist() == [1, 3, 3, 5, 5]


@pytest.mark.parametrize(("dtype", "low", "high"), [("int8", -128, 127), ("uint8", 0, 255), ("int16", -32768, 32767)])
def test_values_are_clipped_to_the_dtype(dtype: str, low: int, high: int) -> None:
    assert quantize(real(-1e9, 1e9, -np.inf, np.inf), tensor(dtype, 0.1)).tolist() == [low, high, low, high]


@pytest.mark.parametrize("scale", [0.5847029089927673, 0.00390625, 1e-6, 3.7])
def test_every_stored_value_survives_the_round_trip(scale: float) -> None:
    stored = np.arange(-128, 128, dtype=np.int8)
    info = tensor("int8", scale, 83)
    restored = dequantize(stored, info)
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(quantize(restored, info), stored)


def test_quantizing_is_off_by_half_a_step_at_most() -> None:
    values = np.random.default_rng(0).uniform(-6, 6, 1000).astype(np.float32)
    info = tensor("int8", 0.05, -4)
    np.testing.assert_allclose(dequantize(quantize(values, info), info), values, atol=0.025 + 1e-6)


def test_nan_has_no_integer() -> None:
    with pytest.raises(ValueError, match='"t": NaN has no int8 value'):
        quantize(real(1.0, np.nan), tensor("int8", 1.0))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_float_tensors_are_cast(dtype: str) -> None:
    found = quantize(real(0.5, -2.25), tensor(dtype))
    assert found.dtype == np.dtype(dtype)
    assert found.tolist() == [0.5, -2.25]
    assert dequantize(found, tensor(dtype)).dtype == (np.float64 if dtype == "float64" else np.float32)


@pytest.mark.parametrize(("dtype", "values"), [("int64", [3.0, -4.0]), ("bool", [1.0, 0.0]), ("uint8", [255.0])])
def test_integers_without_a_scale_are_taken_exactly(dtype: str, values: list[float]) -> None:
    info = tensor(dtype)
    found = quantize(real(*values), info)
    assert found.dtype == np.dtype(dtype)
    assert dequantize(found, info).tolist() == values


@pytest.mark.parametrize(("dtype", "value"), [("int64", 0.5), ("uint8", 256.0), ("bool", 2.0), ("int8", np.nan)])
def test_integers_without_a_scale_lose_nothing_in_silence(dtype: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"dtype {dtype} and no scale"):
        quantize(real(value), tensor(dtype))


def test_a_free_axis_takes_any_length() -> None:
    check_inputs([np.zeros((1, 7, 2), np.float32)], [tensor("float32", shape=(1, -1, 2))])
    with pytest.raises(ValueError, match=r"shape \(1, 7, 3\) given"):
        check_inputs([np.zeros((1, 7, 3), np.float32)], [tensor("float32", shape=(1, -1, 2))])


def test_a_scalar_is_a_tensor_of_no_axes() -> None:
    check_inputs([np.array(1.0, np.float32)], [tensor("float32", shape=())])


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_integers_never_pass_through_a_float(dtype: str) -> None:
    info, values = tensor(dtype), np.array([16_777_217, 2**53 + 1], np.dtype(dtype))
    assert quantize(values, info).tolist() == dequantize(values, info).tolist() == values.tolist()
    assert exactly(values.astype(np.uint64), np.dtype("int64")).tolist() == values.tolist()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([256]), "uint8"),
        (np.array([-1]), "uint8"),
        (np.array([2**63], np.uint64), "int64"),
        (np.array([0.5], np.float32), "int32"),
        (np.array([1e30], np.float32), "int64"),
        (np.array([np.nan], np.float32), "int64"),
        (np.array([16_777_217]), "float32"),
        (np.array([2]), "bool"),
    ],
)
def test_a_cast_that_changes_a_value_is_none(values: Array, dtype: str) -> None:
    assert exactly(values, np.dtype(dtype)) is None
