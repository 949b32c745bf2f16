"""PNG files taken apart at once: the samples that Pillow reads, and the file again; all else is left to others."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_png import unfilter as naive_unfilter
from PIL import Image

from sofc.container.original import Original, Tokens, Window, most_parts, unpack_recipe
from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.png import SIGNATURE, Head, chunk, file_of, load_bytes
from sofc.keepfile import PlainPng, deflate, plain_png, png_filters, read_plain, recipe_of
from sofc.keepfile.deflate import Known
from sofc.keepfile.restore import assemble

KINDS = {1: 0, 2: 4, 3: 2, 4: 6}
"""Colour types by components."""
Rows = npt.NDArray[np.uint8]


def filtered_rows(seed: int, height: int, size: int, most: int = 4) -> Rows:
    """Rows of ``size`` bytes, each behind the number of a filter up to ``most``."""
    random = np.random.default_rng(seed)
    rows = random.integers(0, 256, (height, size + 1), dtype=np.uint8)
    rows[:, 0] = random.integers(0, most + 1, height)
    return rows


def file(filtered: Rows, width: int, bits: int, kind: int, chunks: bytes = b"", **head: int) -> bytes:
    """A PNG file of filtered rows."""
    described = Head(width, len(filtered), bits, kind, 0, 0, 0)._replace(**head)
    return file_of(described, chunks, zlib.compress(filtered.tobytes(), 6))


def again(plain: PlainPng, known: Known | None = None) -> bytes:
    """The file once more, from its recipe and its image."""
    made = recipe_of(plain, known)
    assert made is not None
    parts = unpack_recipe(made, most_parts(len(plain.data), len(made)))
    return b"".join(assemble(Original("", len(plain.data), b"", parts), [plain.samples.array]))


@given(st.integers(0, 1 << 32), st.integers(1, 6), st.integers(1, 20), st.integers(1, 8), st.booleans())
def test_filters(seed: int, height: int, size: int, distance: int, is_smooth: bool) -> None:
    filtered = filtered_rows(seed, height, size)
    if is_smooth:  # so that predictions are as good as each other
        filtered[:, 1:] //= 86
    rows = np.zeros((height, size), np.uint8)
    assert png_filters.unfilter(filtered, distance, rows) == png_filters.OK
    assert rows.tolist() == naive_unfilter(filtered.tolist(), distance)
    back = filtered.copy()
    back[:, 1:] = 0
    assert png_filters.refilter(rows, distance, back) == png_filters.OK
    assert np.array_equal(back, filtered)


@pytest.mark.parametrize("kernel", [png_filters.unfilter, lambda a, d, b: png_filters.refilter(b, d, a)])
def test_filters_that_cannot_be(kernel: Any) -> None:
    rows = np.zeros((2, 5), np.uint8)
    for filtered, distance in ((filtered_rows(1, 2, 5), 0), (filtered_rows(1, 2, 6), 1), (filtered_rows(1, 3, 5), 1)):
        assert kernel(filtered, distance, rows) == png_filters.BROKEN
    unknown = filtered_rows(1, 2, 5)
    unknown[1, 0] = 5
    assert kernel(unknown, 1, rows) == png_filters.BROKEN


@given(st.integers(0, 1 << 32), st.sampled_from(sorted(KINDS)), st.sampled_from([8, 16]), st.integers(1, 9))
def test_the_same_as_pillow_reads(seed: int, components: int, bits: int, width: int) -> None:
    data = file(filtered_rows(seed, 7, width * components * bits // 8), width, bits, KINDS[components])
    plain = read_plain(data, "a.png")
    assert plain is not None
    wanted = load_bytes(data, "a.png")
    assert plain.samples.array.dtype == wanted.array.dtype.newbyteorder("=")
    assert np.array_equal(plain.samples.array, wanted.array)
    assert plain.samples[1:] == wanted[1:]
    assert again(plain) == data


def test_meanings() -> None:
    data = {kind: file(filtered_rows(1, 2, count), 1, 8, kind) for count, kind in KINDS.items()}
    found = {kind: plain.samples.meaning for kind, one in data.items() if (plain := read_plain(one, "")) is not None}
    assert found == {0: Meaning.GRAY, 2: Meaning.RGB, 4: Meaning.GRAY_ALPHA, 6: Meaning.RGBA}


def test_bytes_around_the_image() -> None:
    text = chunk(b"tEXt", b"Title\0of many")
    data = file(filtered_rows(3, 9, 8), 8, 8, 0, text)
    for one in (data, data + b"behind the end", data.replace(text, b"") + bytes(4)):
        plain = read_plain(one, "")
        assert plain is not None and again(plain) == one


def test_settings_of_files_before_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known()
    sought: list[int] = []
    find = deflate.find_settings
    monkeypatch.setattr(deflate, "find_settings", lambda *data: sought.append(len(known.settings)) or find(*data))
    array = np.add.outer(np.arange(60) // 3, np.arange(80) // 2).astype(np.uint8) % 23
    for level in (1, 1, 9, 1, 9):
        packed = io.BytesIO()
        Image.fromarray(array).save(packed, "PNG", compress_level=level)
        plain = read_plain(packed.getvalue(), "")
        assert plain is not None
        assert again(plain, known) == packed.getvalue()
    assert sought == [0, 1]
    assert [one.level for one in known.settings] == [9, 1]


def test_what_is_not_plain() -> None:
    rows = filtered_rows(1, 4, 8)
    short, long = file(rows[:3], 8, 8, 0, height=4), file(rows, 8, 8, 0, height=3)
    palette = chunk(b"PLTE", bytes(range(30)))
    others = [
        *(short, long, b"", SIGNATURE, file(rows, 8, 8, 0)[:-30], b"x" + file(rows, 8, 8, 0)),
        file(filtered_rows(1, 4, 1), 8, 1, 0),
        file(rows % np.array([5, *[10] * 8], np.uint8), 8, 8, 3, palette),
        file(rows, 8, 8, 0, interlaced=1),
        file(rows, 8, 8, 0, packing=1),
        file(rows, 8, 8, 0, filters=1),
        file(rows, 8, 8, 0, chunk(b"acTL", bytes(8))),
        file(filtered_rows(1, 4, 8, 4) | np.array([8, *[0] * 8], np.uint8), 8, 8, 0),
        file_of(Head(0, 4, 8, 0, 0, 0, 0), b"", zlib.compress(bytes(4))),
        file_of(Head(8, 4, 8, 0, 0, 0, 0), b"", b"no deflate data"),
        file_of(Head(8, 4, 8, 0, 0, 0, 0), b"", zlib.compress(rows.tobytes()) + b"?"),
    ]
    assert [read_plain(data, "") for data in others] == [None] * len(others)


def test_damaged_checks_are_told() -> None:
    data = bytearray(file(filtered_rows(1, 4, 8), 8, 8, 0))
    data[29] ^= 1
    with pytest.raises(FormatError, match=r"a\.png: chunk 'IHDR'"):
        read_plain(bytes(data), "a.png")
    with pytest.raises(UnsupportedError, match="Apple"):
        read_plain(file(filtered_rows(1, 4, 8), 8, 8, 0, chunk(b"CgBI", bytes(4))), "a.png")


def test_claims_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    blank, noise = file(np.zeros((99, 99), np.uint8), 98, 8, 0), file(filtered_rows(1, 4, 8), 8, 8, 0)
    for data, most in ((blank, 99 * 99 - 1), (noise, len(noise) - 1)):
        monkeypatch.setattr(plain_png, "MOST_BYTES", most)
        assert read_plain(data, "") is None
        monkeypatch.setattr(plain_png, "MOST_BYTES", most + 1)
        assert read_plain(data, "") is not None


def test_an_encoder_that_is_not_zlib() -> None:
    """Stored blocks of odd lengths are what zlib makes with no settings at hand; the file comes back all the same."""
    rows = filtered_rows(1, 4, 8).tobytes()
    packed = zlib.compressobj(9, zlib.DEFLATED, 15, 8, zlib.Z_FIXED)
    body = packed.compress(rows[:20]) + packed.flush(zlib.Z_FULL_FLUSH) + packed.compress(rows[20:]) + packed.flush()
    data = file_of(Head(8, 4, 8, 0, 0, 0, 0), b"", body)
    plain = read_plain(data, "")
    assert plain is not None
    assert again(plain) == data
    parts = plain.parts()
    assert parts is not None
    (body_part,) = [part for part in parts[1].parts if hasattr(part, "parts")]  # type: ignore[union-attr]
    assert isinstance(body_part, Tokens) and isinstance(body_part.parts[0], Window)
