"""Plain layouts are read and written as construct does it, and anything else is left to it."""

from __future__ import annotations

from io import BytesIO

import pytest
from construct import ConstructError, Struct
from hypothesis import given
from hypothesis import strategies as st

from sofc.container import schema
from sofc.container.layouts import build_integer, parse_integer
from sofc.container.plain import read_plain, write_plain
from sofc.errors import FormatError

PLAIN = {
    "band": Struct(*schema.BAND_BODY.subcons[:-1]),
    "group": Struct(*schema.GROUP_BODY.subcons[:-1]),
    "file head": schema.FILE_HEAD_BODY,
    "file end": schema.FILE_END_BODY,
    "index entry": schema.INDEX_ENTRY,
    "place": schema.PlacePrefix,
}
BYTE = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
BODIES = st.lists(BYTE, max_size=40).map(bytes)


@pytest.mark.parametrize("name", PLAIN)
@given(body=BODIES)
def test_as_construct_does(name, body):
    layout = PLAIN[name]
    found = read_plain(layout, body)
    with BytesIO(body) as stream:
        try:
            fields = layout.parse_stream(stream)
        except ConstructError:
            assert found is None
            return
        assert found is not None
        assert found[1] == stream.tell()
    assert found[0] == {key: fields[key] for key in found[0]}
    assert set(found[0]) == {part.name for part in layout.subcons}
    assert write_plain(layout, found[0]) == layout.build(found[0]) == body[: found[1]]


def test_what_is_not_plain():
    assert read_plain(schema.IMAGE_HEAD_BODY, bytes(16)) is None
    assert read_plain(schema.CODEBOOK_REFERENCE_BODY, bytes(17)) is None
    assert write_plain(schema.CODEBOOK_REFERENCE_BODY, {"id": bytes(16), "name": ""}) is None


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_values_that_do_not_fit(value):
    """construct says what is wrong with them."""
    assert write_plain(schema.FILE_END_BODY, {"index_size": value}) is None


@given(st.integers(0, schema.MAX_INTEGER))
def test_integers(value):
    coded = build_integer(value)
    assert coded == schema.VarInt.build(value)
    assert parse_integer(coded, b"B") == value


@pytest.mark.parametrize("body", [b"", b"\x80", b"\x80\x00", b"\xff" * 7 + b"\x7f", b"\x01\x01", b"\x80" * 30])
def test_integers_that_break_the_rules(body):
    with pytest.raises(FormatError):
        parse_integer(body, b"B")
