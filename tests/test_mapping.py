"""Samples that are coded as numbers in a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers import chunks_of, file_of
from hypothesis import given
from hypothesis import strategies as st

import sofc
from sofc.band.mapping import MAX_TABLE, Mapped, Mapping, mapped, read_table
from sofc.codebook.builtin import builtin_codebook
from sofc.container.chunks import pack_group, unpack_group
from sofc.image import PixelFormat
from sofc.transforms.samples import look_up

RANDOM = np.random.default_rng(10)


def views(planes: list[np.ndarray], bits: int) -> dict[Mapping, Mapped]:
    return {view.mapping: view for view in mapped(planes, PixelFormat(len(planes), bits, bits))}


@given(st.integers(1, 4), st.integers(1, 16), st.integers(1, 40), st.integers(0, 9))
def test_tables_give_the_samples_back(components: int, bits: int, colours: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    palette = random.integers(0, 1 << bits, (components, colours)).astype(np.int32)
    planes = list(palette[:, random.integers(0, colours, (40, 30))])
    pixel_format = PixelFormat(components, bits, bits)
    for view in mapped(planes, pixel_format):
        table = read_table(view.mapping, [*view.table, b"next"], pixel_format)
        assert list(table.rest) == [b"next"]
        assert table.format == view.format
        assert max(int(plane.max()) for plane in view.planes) < 1 << view.format.coded_bits
        if view.mapping != Mapping.NONE:
            assert all(map(np.array_equal, table.restore(view.planes), planes))


def test_only_what_promises_something_is_mapped() -> None:
    full = [RANDOM.integers(0, 256, (64, 64)).astype(np.int32) for _ in range(3)]
    assert set(views(full, 8)) == {Mapping.NONE}
    assert set(views([plane // 8 * 8 for plane in full], 8)) == {Mapping.NONE, Mapping.VALUES}
    assert set(views([full[0]] * 3, 8)) == {Mapping.NONE, Mapping.PALETTE}
    assert set(views([full[0] // 8 * 8], 8)) == {Mapping.NONE, Mapping.VALUES}
    many = [full[0]] * (MAX_TABLE // (1 << 16) + 1)
    assert Mapping.VALUES not in views(many, 16)


def test_gray_comes_first_in_a_palette() -> None:
    gray = np.arange(64, dtype=np.int32).repeat(64).reshape(64, 64)
    planes = [gray, gray, np.where(gray < 32, gray, 0)]
    view = views(planes, 8)[Mapping.PALETTE]
    assert np.array_equal(view.planes[0], gray)


@pytest.mark.parametrize(
    ("image", "mapping"),
    [
        (RANDOM.choice(256, 9, replace=False).astype(np.uint8)[RANDOM.integers(0, 9, (48, 50))], Mapping.VALUES),
        (RANDOM.integers(-9000, 9000, 9).astype(np.int16)[RANDOM.integers(0, 9, (48, 50))], Mapping.VALUES),
        (RANDOM.integers(0, 256, (9, 3)).astype(np.uint8)[RANDOM.integers(0, 9, (48, 50))], Mapping.PALETTE),
        (RANDOM.integers(0, 9000, (9, 2)).astype(np.uint16)[RANDOM.integers(0, 9, (48, 50))], Mapping.PALETTE),
    ],
    ids=["values", "signed", "colours", "pairs"],
)
def test_such_images_are_mapped(image: np.ndarray, mapping: Mapping) -> None:
    data = sofc.encode(image, coder="shape", codebook=builtin_codebook)
    (group,) = (unpack_group(body) for kind, body in chunks_of(data) if kind == b"G")
    assert group.mapping == mapping
    assert np.array_equal(sofc.decode(data), image)
    # Half a bit is saved at least in each sample of noise.
    assert len(data) < len(sofc.encode(image, codebook=None)) - image.size // 16


def test_broken_tables_are_refused() -> None:
    image = RANDOM.integers(0, 256, (9, 3)).astype(np.uint8)[RANDOM.integers(0, 9, (48, 50))]
    data = sofc.encode(image, coder="shape", codebook=builtin_codebook)
    chunks = chunks_of(data)
    place = next(k for k, (kind, _) in enumerate(chunks) if kind == b"G")
    group = unpack_group(chunks[place][1])

    def refused(**changes: object) -> None:
        body = pack_group(replace(group, **changes))
        with pytest.raises(sofc.FormatError):
            sofc.decode(file_of([*chunks[:place], (b"G", body), *chunks[place + 1 :]], data))

    count, *rest = group.streams
    refused(streams=(b"\x00", *rest))
    refused(streams=(count + b"\x00", *rest))
    refused(streams=(b"\x00\x00", *rest))
    refused(streams=group.streams[:2])
    refused(streams=group.streams[1:])
    refused(mapping=Mapping.VALUES)
    refused(mapping=Mapping.NONE)
    refused(mapping=3)


def test_bounds_of_a_table_of_values() -> None:
    """They are those of what any component takes, and are refused where they are none."""
    planes = [np.array([[900, 907, 1030]], np.int32).repeat(9, axis=0), np.array([[1031, 907, 950]]).repeat(9, axis=0)]
    view = views(planes, 16)[Mapping.VALUES]
    assert view.table[0] == (900).to_bytes(2, "little") + (1031).to_bytes(2, "little")
    for bounds in (b"", view.table[0][:3], view.table[0] + b"\0", b"\2\0\1\0"):
        with pytest.raises(sofc.FormatError):
            read_table(Mapping.VALUES, [bounds, *view.table[1:]], PixelFormat(2, 16, 16))
    with pytest.raises(sofc.FormatError, match=r"900 \.\. 1031 of 10 bits"):
        read_table(Mapping.VALUES, view.table, PixelFormat(2, 10, 10))


def test_a_table_of_values_holds_some_and_is_not_too_large() -> None:
    with pytest.raises(sofc.FormatError, match="over"):
        read_table(Mapping.VALUES, [b""] * 18, PixelFormat(17, 16, 16))
    empty = views([np.zeros((8, 8), np.int32)], 8)
    assert Mapping.VALUES not in empty


@given(st.integers(1, 50), st.integers(0, 9))
def test_numbers_are_looked_up(size: int, seed: int) -> None:
    """As numpy does, and not at all if any stands for nothing."""
    random = np.random.default_rng(seed)
    values, numbers = (
        random.integers(0, high, count).astype(np.int32) for high, count in ((1 << 16, size), (size, 77))
    )
    samples = np.full(numbers.shape, -1, np.int32)
    assert look_up(numbers, values, samples)
    assert np.array_equal(samples, values[numbers])
    for wrong in (-1, size, np.iinfo(np.int32).max, np.iinfo(np.int32).min):
        untouched, others = samples.copy(), numbers.copy()
        others[random.integers(0, 77)] = wrong
        assert not look_up(others, values, samples)
        assert np.array_equal(samples, untouched)
