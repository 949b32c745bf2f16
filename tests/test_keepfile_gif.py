"""GIF files that are taken apart, as any encoder wrote them."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from typing import Any

import naive_gif_lzw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import sofc
from sofc.archive.making import Settings, archive
from sofc.archive.unit import FROM_FILE
from sofc.container import original
from sofc.container.original import APART, GifLzw, Literal, Original, SubBlocks, Window
from sofc.entropy.binary import OK
from sofc.errors import FormatError, LimitError, SofcError
from sofc.imagefiles import load, sources
from sofc.keepfile import gif, gif_codes, gif_lzw, keep, keep_whole, lzw_codes, restore_items
from sofc.keepfile.tokens import bits as token_bits

RANDOM = np.random.default_rng(9)
Y, X = np.mgrid[:90, :120]
PICTURE = ((np.sin(X / 9) + np.cos(Y / 7) + 2) * 60 + RANDOM.integers(0, 9, X.shape)).astype(np.uint8)


class Bits:
    """Codes of so many bits, the lowest first."""

    def __init__(self) -> None:
        self.value = self.count = 0

    def put(self, code: int, width: int) -> None:
        self.value |= code << self.count
        self.count += width

    def packed(self) -> bytes:
        return self.value.to_bytes(-(-self.count // 8), "little")


def written(data: bytes, bits: int, clears: Any, lengths: Any) -> bytes:
    """LZW data of an encoder that clears and cuts strings as it is told: by functions of the number of the code, the
    codes since the last clear, and the longest string's length."""
    clear, out = 1 << bits, Bits()
    strings: dict[bytes, int] = {}
    width, following, place, number, since = bits + 1, clear + 2, 0, 0, 0
    last = b""

    def learn(string: bytes) -> None:
        nonlocal following, width
        if following < 4096:
            strings[string] = following
            following += 1
            # What is longer than another string of the same bytes is not found any more.
            for longer in [one for one in strings if len(one) > len(string) and one.startswith(string)]:
                del strings[longer]

    while place < len(data):
        if clears(number, since):
            out.put(clear, min(12, (clear + 2 + max(0, since - 1)).bit_length()))
            strings, following, since, last = {}, clear + 2, 0, b""
        if last:
            learn(last + data[place : place + 1])
        length = 1
        while place + length < len(data) and data[place : place + length + 1] in strings:
            length += 1
        string = data[place : place + lengths(number, length)]
        width = min(12, (clear + 2 + max(0, since - 1)).bit_length())
        out.put(strings[string] if len(string) > 1 else string[0], width)
        last, place, number, since = string, place + len(string), number + 1, since + 1
    out.put(clear + 1, min(12, (clear + 2 + max(0, since - 1)).bit_length()))
    return out.packed()


def as_file(packed: bytes, bits: int, width: int, height: int, cut: int = 255) -> bytes:
    """A GIF file of one frame."""
    head = b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + bytes([0xF0 | bits - 1, 0, 0])
    palette = bytes(value for entry in range(1 << bits) for value in (entry, 255 - entry, 7))
    frame = b"," + bytes(4) + width.to_bytes(2, "little") + height.to_bytes(2, "little") + bytes([0, bits])
    blocks = [packed[start : start + cut] for start in range(0, len(packed), cut)]
    return head + palette + frame + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0;"


ENCODERS: dict[str, tuple[Any, Any]] = {
    "full": (lambda number, since: number == 0 or since == 3838, lambda number, length: length),
    "early": (lambda number, since: number == 0 or since == 700, lambda number, length: length),
    "never": (lambda number, since: number == 0, lambda number, length: length),
    "at will": (lambda number, since: number in (0, 5, 90, 4000, 4001), lambda number, length: length),
    "without": (lambda number, since: number == 3, lambda number, length: length),
    "uncompressed": (lambda number, since: number == 0 or since == 250, lambda number, length: 1),
    "lazy": (lambda number, since: number == 0, lambda number, length: max(1, length - (number % 97 == 5))),
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_any_encoder(tmp_path: Path, encoder: str, bits: int) -> None:
    samples = np.tile(PICTURE >> (8 - bits), (1, 2))
    packed = written(samples.tobytes(), bits, *ENCODERS[encoder])
    data = as_file(packed, bits, 240, 90, 255 if bits > 2 else 254)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), samples), "another reader reads what was written"
    kept = keep("a.gif", data, [samples])
    assert not kept.why_whole and restore_items(kept.items, [samples]) == data
    found = original.from_metadata(kept.items)
    assert found is not None and found.from_samples
    whole = original.from_metadata(keep_whole("a.gif", data))
    assert whole is not None and whole.way == APART and restore_items(keep_whole("a.gif", data), []) == data
    blocks = found.parts[1]
    assert isinstance(blocks, SubBlocks) and isinstance(blocks.parts[0], GifLzw)
    usual = encoder in ("full", "early", "never")
    assert (blocks.parts[0].changes == b"") == usual or encoder == "full"


@given(st.lists(st.sampled_from([b"a", b"ab", b"ba", b"aaaa", b"abc" * 9]), max_size=40).map(b"".join), st.data())
def test_any_choice(text: bytes, choices: st.DataObject) -> None:
    data = bytes(byte & 3 for byte in text)
    often = choices.draw(st.sampled_from([2, 5, 50]))
    seed = np.random.default_rng(choices.draw(st.integers(0, 99)))
    packed = written(
        data, 2, lambda number, since: seed.integers(often) == 0, lambda number, length: 1 + int(seed.integers(length))
    )
    expanded = gif_lzw.expand(packed, 2, len(data))
    assert expanded.data.tobytes() == data
    found = gif_lzw.explain(expanded, 2, ())
    assert found == naive_gif_lzw.explain(expanded.codes.tolist(), data, 2, ())
    if found is not None:  # too many strings are too short
        again = gif_lzw.compress(data, 2, found.run, found.changes)
        assert packed.startswith(again) and len(packed) - len(again) <= 2
        assert again == naive_gif_lzw.compress(data, 2, found.run, found.changes)


@given(st.binary(max_size=200), st.integers(2, 8), st.integers(0, 300))
def test_any_data(packed: bytes, bits: int, most: int) -> None:
    expanded = gif_lzw.expand(packed, bits, most)
    data, codes = naive_gif_lzw.expand(packed, bits, most)
    assert (expanded.data.tobytes(), expanded.codes.tolist()) == (data, codes.tolist())
    assert gif_lzw.explain(expanded, bits, ()) == naive_gif_lzw.explain(codes, data, bits, ())


@given(
    st.lists(st.integers(0, 3), max_size=60).map(bytes),
    st.integers(0, 9),
    st.lists(st.sampled_from([0, 0, 1, 1, 2, 3, 128, 130]), max_size=9).map(bytes),
)
def test_any_changes(data: bytes, run: int, changes: bytes) -> None:
    try:
        wanted = naive_gif_lzw.compress(data, 2, run, changes)
    except FormatError:
        with pytest.raises(FormatError):
            gif_lzw.compress(data, 2, run, changes)
    else:
        assert gif_lzw.compress(data, 2, run, changes) == wanted


def test_strings_that_are_full() -> None:
    """Also where many of them are the same."""
    data = RANDOM.integers(0, 16, 30000).astype(np.uint8).tobytes()
    for clears in (0, 3838, 5000):
        packed = written(
            data, 4, lambda number, since, clears=clears: number == 0 or since == clears, lambda number, length: 1
        )
        expanded = gif_lzw.expand(packed, 4, len(data))
        assert expanded.data.tobytes() == data
        found = gif_lzw.explain(expanded, 4, ())
        assert found is not None and found == naive_gif_lzw.explain(expanded.codes.tolist(), data, 4, ())
        assert gif_lzw.compress(data, 4, found.run, found.changes) == packed[:-2] or packed.startswith(
            gif_lzw.compress(data, 4, found.run, found.changes)
        )


def room_for(size: int) -> token_bits.Bits:
    return token_bits.Bits(np.zeros(size, np.uint8), np.zeros(1, np.int64))


def test_room_that_is_too_small() -> None:
    data = np.frombuffer(bytearray(RANDOM.bytes(300)), np.uint8)
    for size in (0, 1, 40, 300):
        status = gif_codes.write_codes(data, 8, 0, room_for(0), lzw_codes.sequences(), room_for(size))
        assert status == token_bits.TOO_LONG
    codes = np.array([0, 0, 0, 0, 1, 1, 1], np.uint16)
    needed = room_for(99)
    for changes in (needed, *map(room_for, range(40))):
        status = gif_codes.find_changes(codes, codes.astype(np.uint8), 2, 0, lzw_codes.sequences(), changes)
        is_enough = changes.buffer.size >= needed.position[0] // 8 > 5
        assert status == (OK if is_enough else gif_codes.NOT_CHOSEN)


def test_animation_is_taken_apart(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(PICTURE, 3 * number, 1)).convert("P") for number in range(4)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    data = path.read_bytes()
    images = [load(source).array for source in sources([path])]
    assert len(images) == 4
    kept = keep("a.gif", data, images)
    assert kept.why_whole, "frames are read as they are shown"
    found = original.from_metadata(kept.items)
    assert found is not None and found.way == APART and not found.from_samples
    assert sum(len(item.value) for item in kept.items) < 0.7 * len(data)
    file = sofc.Encoder(codebook=None, metadata=kept.items).finish()
    assert restore_items(kept.items, []) == data
    assert np.array_equal(np.stack(sofc.decode_images(file)), np.stack(images))
    # Where indices would take more than they may, frames stay compressed.
    few = gif.without_images(data, 120 * 90)
    assert few is not None and sum(isinstance(part, SubBlocks) for part in few) == 1
    assert gif.without_images(data, 5) is None


def test_archive_of_animations(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(PICTURE, 3 * number, 1)).convert("P") for number in range(4)]
    (tmp_path / "tree").mkdir()
    path = tmp_path / "tree" / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    archive(tmp_path / "tree", tmp_path / "archive", Settings(effort=1, train=False))
    with sofc.open_archive(tmp_path / "archive") as opened:
        ((way, stored),) = opened.table.execute("SELECT way, bytes FROM contents")
        assert way == FROM_FILE and stored < 0.8 * path.stat().st_size
        assert opened.read_bytes("a.gif") == path.read_bytes()
        for image, source in zip(opened.images("a.gif"), sources([path]), strict=True):
            assert np.array_equal(image, load(source).array)


def test_other_samples_than_those_of_the_file() -> None:
    data = as_file(written((PICTURE >> 4).tobytes(), 4, *ENCODERS["full"]), 4, 120, 90)
    other = PICTURE >> 4
    other[5, 5] ^= 1
    for image in (other, other[:50], other[:, :50], np.stack([other] * 3, axis=-1), other.astype(np.uint16)):
        assert keep("a.gif", data, [image]).why_whole
    for cut in range(0, len(data), 7):
        assert restore_items(keep("a.gif", data[:cut], []).items, []) == data[:cut]


@pytest.mark.parametrize(
    ("data", "bits", "run", "changes", "says"),
    [
        (b"\0", 1, 0, b"", "bits"),
        (b"\0", 9, 0, b"", "bits"),
        (b"\4", 2, 0, b"", "larger"),
        (b"\0\0\0\0\0\0", 2, 0, b"\1\2", "too short"),
        (b"\0\1\0\1\0\1\0\1", 2, 0, b"\0\x81\x80\x80\x80\1", "too short"),
        (b"\0\1", 2, 0, b"\x80", "cannot be read"),
        (b"\0\1", 2, 0, b"\x81\0\0", "cannot be read"),
        (b"\0\1", 2, 0, b"\1", "cannot be read"),
        (b"\0\1", 2, 0, b"\5\0", "behind"),
        (b"", 2, 0, b"\0\0", "behind"),
        (b"", 2, 0, b"\x80", "behind"),
    ],
)
def test_changes_that_cannot_be(data: bytes, bits: int, run: int, changes: bytes, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        gif_lzw.compress(data, bits, run, changes)


def test_recipes_that_ask_for_too_much() -> None:
    inner: Any = Literal(bytes(9000))
    for _ in range(6):  # twice as many bytes each
        inner = GifLzw(8, 1, b"", (inner,))
    items = original.to_metadata(Original("a", 10, bytes(32), (inner,)))
    with pytest.raises(LimitError, match="longer than the file"):
        restore_items(items, [])
    far = original.to_metadata(Original("a", 10, bytes(32), (Literal(bytes(1 << 20)),)))
    with pytest.raises(SofcError, match="larger than it says"):
        restore_items(far, [])
    for lengths in ((0, 3), (256,), (2,)):
        part = SubBlocks(lengths, (Literal(bytes(sum(lengths) if lengths != (2,) else 3)),))
        with pytest.raises(FormatError, match="block"):
            restore_items(original.to_metadata(Original("a", 9, bytes(32), (part,))), [])
    assert Original("a", 4, bytes(32), (SubBlocks((4,), (Window(0, 1, 4, 1, 8),)),)).from_samples


def test_codes_of_gif_files_take_little_memory() -> None:
    """Also where most of them clear a table."""
    packed = np.packbits(np.tile([0, 0, 1], 1 << 20), bitorder="little").tobytes()
    tracemalloc.start()
    expanded = gif_lzw.expand(packed, 2, 9)
    found = gif_lzw.explain(expanded, 2, ())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (expanded.data.size, found, expanded.codes.size) == (0, None, 1 << 20)
    assert most < 4 * expanded.codes.size
