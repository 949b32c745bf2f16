"""JPEG files kept with their images: made again from samples and corrections, byte for byte."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sofc.cli.__main__ import main
from sofc.container.huffman import TYPICAL_TABLES
from sofc.container.original import CONVERTED, SETTLED, Jpeg, Literal, Original, from_metadata, to_metadata
from sofc.entropy.binary import BROKEN, TOO_LONG
from sofc.errors import FormatError, SofcError
from sofc.imagefiles import load, sources
from sofc.jpeg import estimate, scan
from sofc.jpeg.dct import BASIS, BASIS_BITS
from sofc.jpeg.headers import DamagedError, Frame
from sofc.keepfile import jpeg, keep, restore_items

RANDOM = np.random.default_rng(8)
ROWS, COLUMNS = 45, 70
WAVES = 120 + 60 * np.sin(np.add.outer(np.arange(ROWS) / 7, np.arange(COLUMNS) / 9))
PHOTO = np.stack([WAVES, WAVES * 0.7 + 30, 230 - WAVES], axis=-1) + RANDOM.normal(0, 3, (ROWS, COLUMNS, 3))
COLOUR = np.clip(np.rint(PHOTO), 0, 255).astype(np.uint8)
GRAY = np.ascontiguousarray(COLOUR[..., 0])


def written(array: np.ndarray, mode: str | None = None, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(buffer, "JPEG", **settings)
    return buffer.getvalue()


def read(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)))


def corrections(data: bytes) -> int:
    (kept,) = keep("a.jpg", data, [read(data)]).items
    original = from_metadata([kept])
    assert original is not None
    (part,) = [part for part in original.parts if isinstance(part, Jpeg)]
    return len(part.corrections)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_colour(quality: int, subsampling: int) -> None:
    data = written(COLOUR, quality=quality, subsampling=subsampling)
    image = read(data)
    kept = keep("a.jpg", data, [image])
    assert not kept.why_whole
    assert restore_items(kept.items, [image]) == data
    # What is not standard in the heads, and corrections: hardly any where steps are wide.
    assert sum(len(item.value) for item in kept.items) < (250 if quality == 30 else 400 if quality == 75 else len(data))


@pytest.mark.parametrize(
    "settings",
    [
        {"quality": 75},
        {"quality": 100},
        {"quality": 60, "optimize": True},
        {"quality": 80, "restart_marker_blocks": 3},
        {"quality": 80, "restart_marker_rows": 1, "icc_profile": b"profile" * 9, "comment": "of no matter"},
        {"qtables": [[1 + place // 3 for place in range(64)]]},
    ],
)
@pytest.mark.parametrize("array", [GRAY, COLOUR, GRAY[:1, :9], COLOUR[:17, :33]])
def test_ways_to_write(array: np.ndarray, settings: dict[str, Any]) -> None:
    data = written(array, **settings)
    image = read(data)
    kept = keep("a.jpg", data, [image])
    # Of a file of a few bytes the whole may be less than how to make it.
    assert not kept.why_whole or (len(data) < 200 and jpeg.find_samples(data, [image]) is not None)
    assert restore_items(kept.items, [image]) == data


def test_estimates_are_right_where_steps_are_wide() -> None:
    aligned = COLOUR[:32, :64]
    assert corrections(written(aligned, quality=50, subsampling=0)) == 0
    assert corrections(written(GRAY[:40, :64], quality=70)) == 0
    # Of 96 blocks of 64 a few at most, where chrominance was made of fewer samples.
    assert corrections(written(aligned, quality=75, subsampling=2)) < 20


def test_other_components() -> None:
    """Four components, and three that are no luminance and chrominances."""
    for data in (written(COLOUR, "CMYK"), written(COLOUR, quality=80, keep_rgb=True)):
        image = read(data)
        kept = keep("a.jpg", data, [image])
        assert restore_items(kept.items, [image]) == data
    assert not kept.why_whole and not from_metadata(kept.items).parts[0].flags & CONVERTED


def test_factors_of_a_single_component_say_nothing() -> None:
    data = bytearray(written(GRAY))
    place = data.index(b"\xff\xc0") + 11
    assert data[place] == 0x11
    data[place] = 0x22
    image = read(bytes(data))
    kept = keep("a.jpg", bytes(data), [image])
    assert not kept.why_whole and restore_items(kept.items, [image]) == data


def test_bytes_filled_up_with_zeros() -> None:
    data = next(
        data
        for size in range(8, 40)
        if (data := written(GRAY[:size, :size]))[-3] & 7 == 7 and data[-4] != 0xFF and data[-3] != 0xFF
    )
    zeros = data[:-3] + bytes([data[-3] & 0xFE]) + data[-2:]
    image = read(zeros)
    kept = keep("a.jpg", zeros, [image])
    assert restore_items(kept.items, [image]) == zeros


def test_what_is_not_one_sequential_scan_is_kept_whole() -> None:
    data = written(COLOUR, progressive=True)
    assert "cannot be made again" in keep("a.jpg", data, [read(data)]).why_whole
    cut = written(COLOUR)[:-40]
    image = read(written(COLOUR))
    kept = keep("a.jpg", cut, [image])
    assert kept.why_whole and restore_items(kept.items, [image]) == cut


def test_jpeg_data_among_other_bytes() -> None:
    streams = [written(COLOUR, quality=60), written(GRAY, quality=60)]
    data = b"head\xff\xd8\xff\xe0" + streams[0] + b"between" + streams[1] + b"tail"
    images = [read(stream) for stream in streams]
    kept = keep("a.bin", data, images)
    assert not kept.why_whole and restore_items(kept.items, images) == data
    original = from_metadata(kept.items)
    assert original is not None
    assert [part.kind for part in original.parts] == [Literal.kind, Jpeg.kind] * 2 + [Literal.kind]


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    data = written(np.tile(COLOUR, (3, 3, 1)), quality=85)
    Path("photo.jpg").write_bytes(data)
    (source,) = sources([Path("photo.jpg")], recursive=False)
    assert (load(source).array == read(data)).all()
    assert main(["encode", "--keep-file", "photo.jpg"]) == 0
    assert "kept whole" not in capsys.readouterr().out
    Path("photo.jpg").unlink()
    assert main(["info", "-v", "photo.sofc"]) == 0
    assert "made from the samples" in capsys.readouterr().out
    assert main(["decode", "photo.sofc"]) == 0
    assert Path("photo.jpg").read_bytes() == data


def test_other_samples_do_not_make_the_file() -> None:
    data = written(COLOUR, quality=85)
    items = keep("a.jpg", data, [read(data)]).items
    with pytest.raises(SofcError):
        restore_items(items, [255 - read(data)])
    with pytest.raises(FormatError, match="heads of JPEG data"):
        restore_items(items, [read(data)[1:]])
    with pytest.raises(FormatError, match="heads of JPEG data"):
        restore_items(items, [read(data).astype(np.uint16)])


@given(st.data())
def test_damaged_parts_end_well(data: st.DataObject) -> None:
    stream = written(COLOUR[:20, :24], quality=85)
    image = read(stream)
    original = from_metadata(keep("a.jpg", stream, [image]).items)
    assert original is not None
    part, tail = original.parts
    assert isinstance(part, Jpeg)
    heads, extra = bytearray(part.heads), bytearray(part.corrections)
    for changed in (heads, extra):
        for _ in range(data.draw(st.integers(0, 3))):
            if changed:
                changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    extra += data.draw(st.binary(max_size=6))
    damaged = Jpeg(part.image, part.flags, part.padding, bytes(heads), bytes(extra))
    items = to_metadata(Original("a.jpg", len(stream), original.digest, (damaged, tail)))
    with contextlib.suppress(SofcError):
        assert restore_items(items, [image]) == stream


def test_corrections_are_bounded_by_the_image() -> None:
    data = written(GRAY[:16, :16])
    original = from_metadata(keep("a.jpg", data, [read(data)]).items)
    assert original is not None
    part, _ = original.parts
    assert isinstance(part, Jpeg)
    for many, ends in ((5 * 64, True), (5 * 64 + 1, False)):
        one = Jpeg(0, part.flags, part.padding, part.heads, bytes(many))
        if ends:
            with contextlib.suppress(FormatError):  # no code for a coefficient so large
                jpeg.jpeg_bytes(read(data), one, 1 << 20)
        else:
            with pytest.raises(DamagedError):
                jpeg.jpeg_bytes(read(data), one, 1 << 20)


@given(st.binary(max_size=60))
def test_any_bytes_end_well(tail: bytes) -> None:
    stream = written(GRAY[:16, :16])
    assert restore_items(keep("a", stream[:-30] + tail, [read(stream)]).items, [read(stream)]) == stream[:-30] + tail


def test_settling_does_as_its_plain_twin() -> None:
    steps = RANDOM.integers(1, 4, 64)
    right = RANDOM.integers(-20, 21, (12, 64))
    samples = np.rint((right * steps) @ estimate.PATTERNS / (1 << estimate.REST_BITS)).astype(np.int64)
    samples[3] += 3  # not from any such coefficients
    estimates = (right + (RANDOM.random(right.shape) < 0.03) * RANDOM.integers(-1, 2, right.shape)).astype(np.int32)
    rests = (samples << estimate.REST_BITS) - (estimates * steps) @ estimate.PATTERNS
    plain = [
        naive.settled(block, rest, steps.tolist(), estimate.PATTERNS.tolist())
        for block, rest in zip(estimates.tolist(), rests.tolist(), strict=True)
    ]
    estimate.settle(estimates, rests, steps.astype(np.int64), estimate.PATTERNS)
    assert estimates.tolist() == plain


def test_settling_takes_most_errors_out_of_fine_steps() -> None:
    data = written(COLOUR[:40, :64], quality=96, subsampling=0)
    (kept,) = keep("a.jpg", data, [read(data)]).items
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate, "settle", lambda *_: 0)
        (plain,) = keep("a.jpg", data, [read(data)]).items
    parts = [from_metadata([item]).parts[0] for item in (kept, plain)]
    assert [part.flags & SETTLED for part in parts] == [SETTLED, 0]
    assert len(parts[0].corrections) < len(parts[1].corrections) * 3 // 4


def test_basis_is_that_of_the_cosine_transform() -> None:
    frequency, sample = np.mgrid[:8, :8]
    exact = np.cos((2 * sample + 1) * frequency * np.pi / 16) / np.where(frequency, 2, np.sqrt(8))
    assert np.array_equal(BASIS, np.rint(exact * (1 << BASIS_BITS)))
    sizes = (4017, 3784, 3406, 2896, 2276, 1567, 799)  # as the specification lists them
    assert (BASIS[0] == 2896).all() and set(np.abs(BASIS[1:]).flat) == set(sizes)


def test_typical_tables_are_those_that_libjpeg_writes() -> None:
    data = written(COLOUR)
    for segment in TYPICAL_TABLES.split(b"\xff\xc4")[1:]:
        assert b"\xff\xc4" + segment in data


def code_of(counts: list[int], symbols: list[int], table: int, codes: np.ndarray, lengths: np.ndarray) -> None:
    for symbol, (code, length) in naive.huffman_codes(counts, symbols).items():
        codes[table, symbol], lengths[table, symbol] = code, length


@pytest.mark.parametrize(("members", "restart", "padding"), [([0], 0, 1), ([0, 0, 1, 2], 2, 0), ([0, 1], 3, 1)])
def test_kernels_do_as_their_plain_twins(members: list[int], restart: int, padding: int) -> None:
    codes, lengths = (np.zeros((scan.TABLES, scan.SYMBOLS), np.int64) for _ in range(2))
    # All symbols have codes: of sizes up to 15 for first coefficients, of any run and size for others.
    code_of([0] * 4 + [16] + [0] * 11, list(range(16)), 0, codes, lengths)
    code_of([0] * 8 + [256] + [0] * 7, [(7 * n) % 256 for n in range(256)], 4, codes, lengths)
    code_of([0, 1, 2] + [0] * 6 + [13] + [0] * 6, list(range(16)), 3, codes, lengths)
    code_of([0, 1, 0, 4] + [0] * 7 + [251] + [0] * 4, list(range(256)), 7, codes, lengths)
    tables = np.array([(0, 4), (3, 7), (3, 4)], np.int64)
    units = 7
    blocks = RANDOM.geometric(0.02, (units * len(members), 64)) * RANDOM.integers(-1, 2, (units * len(members), 64))
    blocks[:, 1:] *= RANDOM.random((len(blocks), 63)) < 0.1
    blocks = np.ascontiguousarray(blocks, np.int32)
    layout = scan.Layout(np.array(members, np.int64), tables, restart)
    coded = Frame(code=codes, length=lengths).codes
    kept = blocks.copy()

    def code(encode: bool, blocks: np.ndarray, data: np.ndarray, start: int = 0, layout: scan.Layout = layout) -> int:
        return scan.code_scan(encode, blocks, layout, coded, padding, scan.bits_in(data, 3, start))

    buffer = np.zeros(1 << 16, np.uint8)
    size = code(True, blocks, buffer)
    assert np.array_equal(blocks, kept)
    books = {
        table: {symbol: (int(codes[table, symbol]), int(lengths[table, symbol])) for symbol in range(256)}
        for table in range(scan.TABLES)
    }
    plain = naive.jpeg_scan(blocks.tolist(), members, tables.tolist(), restart, padding, books)
    assert buffer[:size].tobytes() == plain

    data = np.frombuffer(bytearray(b"??" + plain + b"\xff\xd9"), np.uint8)
    found = np.zeros_like(blocks)
    assert code(False, found, data, 2) == 2 + len(plain)
    assert np.array_equal(found, blocks)
    # Too little room, no code for a size, and data that is cut off before a restart marker.
    assert code(True, blocks, np.zeros(500, np.uint8)) == TOO_LONG
    for place in (0, 5):
        large = blocks.copy()
        large[0, place] = 1 << 16
        assert code(True, large, buffer, layout=layout._replace(restart=0)) == BROKEN
    if restart:
        cut = np.ascontiguousarray(data[: len(data) // 2])
        assert code(False, np.zeros_like(blocks), cut, 2) == BROKEN
