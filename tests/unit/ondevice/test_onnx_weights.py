"""Protocol buffers made by hand, as onnx.proto3 has the fields."""

from pathlib import Path

import pytest

from edgerig.ondevice.profiles.onnx_weights import weight_shapes


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def node(name: str, operator: str, inputs: list[str], output: str) -> bytes:
    parts = [*(field(1, each) for each in inputs), field(2, output), field(3, name), field(4, operator)]
    return field(1, b"".join(parts) + field(5, b"\x0a\x01a"))


def tensor(name: str, *dims: int) -> bytes:
    lengths = b"".join(field(1, length) for length in dims)
    return field(5, lengths + field(2, 1) + field(8, name) + field(9, b"\0" * 300))


GRAPH = (
    node("conv", "Conv", ["x", "w"], "y")
    + node("dq", "DequantizeLinear", ["w8", "s", "z"], "w8_f")
    + node("deep", "Conv", ["y", "w8_f", "b"], "z")
    + node("of a computed one", "Conv", ["z", "y"], "q")
    + node("add", "Add", ["q", "w"], "o")
    + tensor("w", 96, 16, 1, 1)
    + tensor("w8", 300, 1, 3, 3)
)


def test_weights_are_found_by_the_node_that_takes_them(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(field(1, 8) + field(2, "pytorch") + field(7, GRAPH))
    assert weight_shapes(str(tmp_path / "m.onnx")) == {"conv": (96, 16, 1, 1), "deep": (300, 1, 3, 3)}


@pytest.mark.parametrize(
    "content", [b"", b"no model at all", field(7, GRAPH)[:-200], b"\xff" * 50, field(7, b"\x0a\xff\xff\xff\x7f")]
)
def test_what_cannot_be_read_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert weight_shapes(str(tmp_path / "m.onnx")) == {}
    assert weight_shapes(str(tmp_path / "missing.onnx")) == {}
