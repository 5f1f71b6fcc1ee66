"""The wire format against messages written by hand, by its documentation."""

import pytest

from edgerig.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, fields, written

# field 1: varint 300; 2: the text "ab"; 3: fixed32; 4: fixed64; as in protobuf.dev, "Encoding"
WHOLE = b"\x08\xac\x02" + b"\x12\x02ab" + b"\x1d\x01\x02\x03\x04" + b"\x21" + bytes(range(8))


def test_each_field_is_told_with_its_place() -> None:
    assert list(fields(WHOLE, 0, len(WHOLE))) == [
        Field(1, VARINT, 300, 1, 3),
        Field(2, BYTES, 0, 5, 7),
        Field(3, FIXED32, 0, 8, 12),
        Field(4, FIXED64, 0, 13, 21),
    ]


def test_what_is_written_are_the_same_bytes() -> None:
    assert written(1, 300) + written(2, b"ab") == WHOLE[:7]
    assert written(1, 0) == b"\x08\x00"
    long = written(20, bytes(200))
    assert list(fields(long, 0, len(long))) == [Field(20, BYTES, 0, 4, 204)]


def test_a_message_of_nothing_has_no_fields() -> None:
    assert list(fields(b"", 0, 0)) == []


@pytest.mark.parametrize(
    "content",
    [
        WHOLE[:-1],  # the last field ends behind the message
        b"\x12\xff\xff\xff\xff\x0f",  # a length of 4 GB
        b"\x08" + b"\xff" * 11,  # a number of more than ten bytes
        b"\x08",  # no number
        b"\x0b",  # a group
        b"\x00\x00",  # a field numbered 0
    ],
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        list(fields(content, 0, len(content)))
