"""Groups of tiles from JPEG files start in the state that an earlier, long group left."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import minidec
import numpy as np
import numpy.typing as npt
import pytest
from helpers import chunks_of, file_of
from PIL import Image

import sofc
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.base import Coder
from sofc.coders.dct import DctCoder
from sofc.coders.raw import RawCoder
from sofc.container import schema
from sofc.container.chunks import pack_file_end, pack_group, pack_image_head, unpack_group, unpack_image_head
from sofc.container.likeness import DEPARTURES, GOING_ON, Placing, Plan, pack_plan, unpack_plan
from sofc.container.records import LIKENESS_MODEL, CodedGroup
from sofc.stream import copies, costs, going_on, layout, references
from sofc.stream.references import GoneOnFrom

Array = npt.NDArray[Any]
SIDE = 48
FORMATS = {3: sofc.PixelFormat(1, 8, 8), 4: sofc.PixelFormat(3, 8, 8)}
"""Of gray tiles and of those in colour, by the number of axes of all."""
LONG = 3
"""Images of a long group."""


@pytest.fixture(autouse=True)
def few_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of one tile, and a long one after two, and again after four."""
    monkeypatch.setattr(going_on, "FIRST_AFTER", 2)
    monkeypatch.setattr(going_on, "NEXT_AFTER", 4)
    monkeypatch.setattr(going_on, "LEAST", 2)
    monkeypatch.setattr(layout, "TRACED_GROUP_SAMPLES", SIDE * SIDE)
    monkeypatch.setattr(layout, "GROUP_SAMPLES", LONG * SIDE * SIDE)


def tiles(count: int, seed: int = 0) -> Array:
    """Tiles of a picture that was a JPEG file, shape (count, SIDE, SIDE)."""
    random = np.random.default_rng(seed)
    side = 8 * SIDE
    rows, columns = np.mgrid[:side, :side]
    picture = np.full((side, side), 120.0)
    for _ in range(60):
        y, x, size = random.uniform(0, side), random.uniform(0, side), random.uniform(4, 30)
        picture += random.uniform(-60, 60) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * size**2))
    picture += random.normal(0, 6, picture.shape)
    file = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=50)
    decoded = np.asarray(Image.open(file))
    places = random.integers(0, side - SIDE, (count, 2))
    return np.stack([decoded[y : y + SIDE, x : x + SIDE] for y, x in places])


def encoded(images: Array, **settings: Any) -> bytes:
    codebook = builtin_codebook(FORMATS[images.ndim])
    return sofc.encode(images, batch=True, codebook=codebook, **settings)


def groups(data: bytes) -> list[CodedGroup]:
    return [unpack_group(body) for kind, body in chunks_of(data) if kind == schema.GROUP]


def plans(data: bytes) -> list[Plan | None]:
    """Of each group the plan, if it has one."""
    return [unpack_plan(one.streams[0], one.images) if one.model == LIKENESS_MODEL else None for one in groups(data)]


def starts(data: bytes) -> list[int | None]:
    """Of each group the image whose group it goes on from, if it does."""
    return [plan.placings[0].reference if plan and plan.way == GOING_ON else None for plan in plans(data)]


def check(data: bytes, images: Array) -> None:
    """All decoders agree, in any order."""
    np.testing.assert_array_equal(sofc.decode(data), images)
    np.testing.assert_array_equal(sofc.decode(data, threads=2), images)
    with sofc.open_reader(io.BytesIO(data)) as reader:
        for number in reversed(range(len(images))):
            np.testing.assert_array_equal(reader.read_image(number), images[number])
    codebook = builtin_codebook(FORMATS[3])
    for image, found in zip(images, minidec.decode_file(data, [codebook.to_bytes()]).images, strict=True):
        assert found.samples == image.ravel().tolist()


def test_groups_go_on_from_a_long_one() -> None:
    images = tiles(11)
    data = encoded(images)
    assert [one.images for one in groups(data)] == [1, 1, LONG, 1, 1, 1, 1, 2]
    assert starts(data)[3:7] == [2] * 4
    assert starts(data)[:3] + starts(data)[7:] == [None] * 4
    check(data, images)


def test_it_saves_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    images = tiles(30)
    monkeypatch.setattr(going_on, "NEXT_AFTER", 100)
    monkeypatch.setattr(layout, "GROUP_SAMPLES", 12 * SIDE * SIDE)
    data = encoded(images)
    assert 2 in starts(data)
    monkeypatch.setattr(going_on, "FIRST_AFTER", 100)
    apart = encoded(images)
    assert set(starts(apart)) == {None}
    assert len(data) < 0.98 * len(apart)


def test_colours() -> None:
    gray = tiles(7)
    file = io.BytesIO()
    wide = np.concatenate([np.stack([one, np.roll(one, 1, 0), np.flipud(one)], axis=-1) for one in gray], axis=1)
    Image.fromarray(wide).save(file, "JPEG", quality=75)
    decoded = np.asarray(Image.open(file))
    images = np.stack(np.split(decoded, len(gray), axis=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "GROUP_SAMPLES", 3 * LONG * SIDE * SIDE)
        data = encoded(images)
    assert 2 in starts(data)
    np.testing.assert_array_equal(sofc.decode(data), images)


def test_same_bytes_however_cut() -> None:
    images = tiles(9)
    data = encoded(images)
    assert 2 in starts(data)
    assert encoded(images, threads=3) == data
    encoder = sofc.Encoder(sofc.ImageHeader(SIDE, SIDE, FORMATS[3]), codebook=builtin_codebook(FORMATS[3]))
    pieces = [encoder.write_group(images[first : first + 2]) for first in range(0, len(images), 2)]
    assert groups(b"".join([*pieces, encoder.finish()])) == groups(data)


def test_key_interval_rules_it_out() -> None:
    data = encoded(tiles(8), key_interval=3)
    assert set(plans(data)) == {None}


def test_nothing_goes_on_from_far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that a decoder no longer has is not named."""
    images = tiles(8)
    for limit, value in (("WINDOW", 100), ("NEAREST", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(copies, limit, value)
            data = encoded(images)
        assert starts(data).count(2) <= 1
        np.testing.assert_array_equal(sofc.decode(data), images)


def test_an_image_of_a_group_that_goes_on_may_be_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sofc.band.alike.LEAST_SAMPLES", SIDE * SIDE)
    images = tiles(8)
    images = np.concatenate([images, images[6:7, ::-1]])
    data = encoded(images)
    assert starts(data)[4] == 2
    assert [plan for plan in plans(data) if plan and plan.way == DEPARTURES]
    check(data, images)


def test_an_image_of_a_long_group_may_be_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """As decoders keep both it and the whole group, these must not wait for each other."""
    monkeypatch.setattr("sofc.band.alike.LEAST_SAMPLES", SIDE * SIDE)
    images = tiles(8)
    images = np.concatenate([images, images[3:4, ::-1]])
    data = encoded(images)
    assert starts(data)[2:4] == [None, 2]
    assert [plan.placings[0].reference for plan in plans(data) if plan and plan.way == DEPARTURES] == [3]
    check(data, images)


def test_what_is_asked_for_by_going_on_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups pay for the long one that they go on from, and so does who asks for their images; to the sample."""
    monkeypatch.setattr("sofc.band.alike.LEAST_SAMPLES", SIDE * SIDE)
    monkeypatch.setattr(costs, "FEW_TIMES", 1)
    images, size = tiles(8), SIDE * SIDE
    alike = np.concatenate([images, images[6:7, ::-1]])
    # Of the group that goes on, LONG images; of the other its reference, a table, the group of that and LONG images.
    for given, cost, way in ((images, LONG * size, GOING_ON), (alike, (2 + LONG) * size + 1056, DEPARTURES)):
        monkeypatch.setattr(costs, "FEW", cost - size)
        data = encoded(given)
        np.testing.assert_array_equal(sofc.decode(data), given)
        assert way in {plan.way for plan in plans(data) if plan}
        monkeypatch.setattr(costs, "FEW", cost - size - 1)
        with pytest.raises(sofc.FormatError, match="more of earlier images"):
            sofc.decode(data)
        less = encoded(given)
        np.testing.assert_array_equal(sofc.decode(less), given)
        assert way not in {plan.way for plan in plans(less) if plan}


def test_a_reference_is_near_with_the_group_that_its_own_goes_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoders that keep no more chunks than the encoder says have both."""
    monkeypatch.setattr("sofc.band.alike.LEAST_SAMPLES", SIDE * SIDE)
    images = tiles(8)
    images = np.concatenate([images, images[6:7, ::-1]])
    found = []
    for nearest in range(1, 6):
        monkeypatch.setattr(copies, "NEAREST", nearest)
        data = encoded(images)
        np.testing.assert_array_equal(sofc.decode(data), images)
        reaches = starts(data)[4] == 2
        found.append((reaches, any(plan and plan.way == DEPARTURES for plan in plans(data))))
    assert found[0] == (False, False) and (True, False) in found and found[-1] == (True, True)


def with_reference(reference: int) -> Callable[[CodedGroup], CodedGroup]:
    def change(coded: CodedGroup) -> CodedGroup:
        plan = unpack_plan(coded.streams[0], coded.images)
        changed = pack_plan(plan._replace(placings={0: Placing(reference)}))
        return replace(coded, streams=(changed, *coded.streams[1:]))

    return change


def with_model(model: int) -> Callable[[CodedGroup], CodedGroup]:
    def change(coded: CodedGroup) -> CodedGroup:
        plan = unpack_plan(coded.streams[0], coded.images)
        return replace(coded, streams=(pack_plan(plan._replace(model=model)), *coded.streams[1:]))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_reference(6), "none that another"),
        (with_reference(7), "no earlier image|comes after"),
        (with_reference(1 << 40), "no earlier image|comes after"),
        (with_reference(0), "another order|leads outside"),
        (with_model(1), "none that another"),
        (with_model(5), "said to be copies, or predicted"),
        (lambda coded: replace(coded, mapping=1), "has a mapping"),
        (lambda coded: replace(coded, streams=coded.streams[:1]), "has 0 streams"),
        (lambda coded: replace(coded, streams=(coded.streams[0][:-1], *coded.streams[1:])), "cannot be read"),
        (lambda coded: replace(coded, streams=(coded.streams[0] + b"\0", *coded.streams[1:])), "cannot be read|bytes"),
    ],
)
def test_broken_plans(change: Callable[[CodedGroup], CodedGroup], message: str) -> None:
    """All ways to read a file say what is wrong, and salvage gives all other images."""
    data = encoded(tiles(8))
    assert starts(data)[-1] == 2
    found = chunks_of(data)
    place = max(number for number, (kind, _) in enumerate(found) if kind == schema.GROUP)
    found[place] = schema.GROUP, pack_group(change(unpack_group(found[place][1])))
    kept = [chunk for chunk in found if chunk[0] not in (schema.INDEX, schema.FILE_END)]
    broken = file_of([*kept, (schema.FILE_END, pack_file_end(0))], data)
    with pytest.raises(sofc.SofcError, match=message):
        sofc.decode(broken)
    with sofc.open_reader(io.BytesIO(broken)) as reader, pytest.raises(sofc.SofcError, match=message):
        reader.read_image(7)
    with pytest.raises(minidec.FormatError):
        minidec.decode_file(broken, [builtin_codebook(FORMATS[3]).to_bytes()])
    decoder = sofc.Decoder(salvage=True)
    decoder.feed(broken)
    events = list(decoder.events())
    assert sum(isinstance(event, sofc.DamagedBand) for event in events) == 1
    assert sum(len(event.images) for event in events if isinstance(event, sofc.GroupReady)) == 7


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Of each group that is decoded for the state it leaves, its first stream."""
    found: list[bytes] = []
    after = DctCoder.after

    def counted(coder: DctCoder, streams: Sequence[bytes], *args: Any) -> DctCoder:
        found.append(streams[0])
        return after(coder, streams, *args)

    monkeypatch.setattr(DctCoder, "after", counted)
    return found


def test_decoders_go_from_one_long_group_to_the_next(states: list[bytes]) -> None:
    """Files in which groups go back to one that is left behind are refused: small groups of those that go on from large
    ones in turn would take as long as these, each."""
    images = tiles(16)
    data = encoded(images)
    assert [start for start in starts(data) if start is not None] == [2, 2, 2, 2, 9, 9, 9, 9]
    states.clear()
    check(data, images)
    whole, by_threads, backwards = 2, 2, 2
    assert len(states) == whole + by_threads + backwards
    found = chunks_of(data)
    place = max(number for number, (kind, _) in enumerate(found) if kind == schema.GROUP)
    found[place] = schema.GROUP, pack_group(with_reference(2)(unpack_group(found[place][1])))
    kept = [chunk for chunk in found if chunk[0] not in (schema.INDEX, schema.FILE_END)]
    broken = file_of([*kept, (schema.FILE_END, pack_file_end(0))], data)
    states.clear()
    with pytest.raises(sofc.FormatError, match="another order"):
        sofc.decode(broken)
    assert len(states) == 2
    with sofc.open_reader(io.BytesIO(broken)) as reader, pytest.raises(sofc.FormatError, match=r"another order.*byte"):
        list(reader)
    with sofc.open_reader(io.BytesIO(broken)) as reader, pytest.raises(sofc.FormatError, match=r"check|outside"):
        reader.read_image(15)
    with pytest.raises(minidec.FormatError, match="group before one"):
        minidec.decode_file(broken, [builtin_codebook(FORMATS[3]).to_bytes()])
    decoder = sofc.Decoder(salvage=True)
    decoder.feed(broken)
    events = list(decoder.events())
    assert sum(isinstance(event, sofc.DamagedBand) for event in events) == 1
    assert sum(len(event.images) for event in events if isinstance(event, sofc.GroupReady)) == 15


def test_readers_keep_the_images_of_long_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once they know that others go on from these; who gets an image may change it."""
    decoded: list[int] = []
    decode = DctCoder.decode

    def counted(coder: DctCoder, streams: Sequence[bytes], ranges: Any, rows: int, *args: int) -> list[Any]:
        decoded.append(rows // SIDE)
        return decode(coder, streams, ranges, rows, *args)

    images = tiles(16)
    data = encoded(images)
    assert [start for start in starts(data) if start is not None] == [2, 2, 2, 2, 9, 9, 9, 9]
    monkeypatch.setattr(DctCoder, "decode", counted)
    with sofc.open_reader(data) as reader:
        for number in (3, 7, 10, 15, 4, 11, 2, 10, 4):
            found = reader.read_image(number)
            assert (found == images[number]).all()
            found[:] = 0
    assert decoded == [LONG, 1, LONG, 1, LONG, LONG]


def test_large_states_are_not_kept_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a codebook asks for is kept once, and not as often as is worth it for those that are built in."""

    class Sized(RawCoder):
        bit_models = 100

    for most, made in ((200, 2), (199, 3)):
        monkeypatch.setattr(references, "MOST_BIT_MODELS", most)
        left = references.LeftCoders()
        found = [left.at(offset, Sized) for offset in (10, 20, 10)]
        assert len(set(map(id, found))) == made


def test_bit_models_of_states_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    at = references.LeftCoders.at

    def counted(left: references.LeftCoders, offset: int, make: Callable[[], Coder]) -> Coder:
        told.append(at(left, offset, make).bit_models)
        return at(left, offset, make)

    monkeypatch.setattr(references.LeftCoders, "at", counted)
    encoded(tiles(8), verify=False)
    assert min(told) > 1 << 16


def test_order_of_what_groups_go_on_from() -> None:
    """However it comes to be known."""
    pairs = [(30, 10), (40, 10), (60, 50), (70, 50), (90, 80)]
    random = np.random.default_rng(0)
    for _ in range(20):
        found = GoneOnFrom()
        for offset, earlier in random.permutation(pairs).tolist():
            found.note(offset, earlier)
        for offset, earlier in ((65, 10), (95, 50), (100, 10), (35, 20), (60, 55), (20, 15)):
            with pytest.raises(sofc.FormatError, match="another order"):
                found.note(offset, earlier)
        found.note(45, 10)
        found.note(100, 80)
        found.note(110, 100)


def test_other_heads() -> None:
    """A group goes on from none whose image head says something else, if only what colours mean."""
    data = encoded(tiles(8))
    found = [chunk for chunk in chunks_of(data) if chunk[0] not in (schema.INDEX, schema.FILE_END)]
    place = max(number for number, (kind, _) in enumerate(found) if kind == schema.GROUP)
    body = next(body for kind, body in found if kind == schema.IMAGE_HEAD)
    head = unpack_image_head(body)
    for meaning, is_told in ((head.header.format.meaning, False), (sofc.Meaning.GRAY, True)):
        of_format = replace(head.header, format=replace(head.header.format, meaning=meaning))
        changed = schema.IMAGE_HEAD, pack_image_head(replace(head, header=of_format))
        file = file_of([*found[:place], changed, *found[place:], (schema.FILE_END, pack_file_end(0))], data)
        codebooks = [builtin_codebook(FORMATS[3]).to_bytes()]
        if not is_told:
            assert len(sofc.decode_images(file)) == len(minidec.decode_file(file, codebooks).images) == 8
            continue
        with pytest.raises(sofc.FormatError, match="none that another"):
            sofc.decode_images(file)
        with pytest.raises(minidec.FormatError, match="other images"):
            minidec.decode_file(file, codebooks)


@pytest.mark.parametrize("has_mapping", [False, True])
def test_damage_of_a_long_group_is_told(states: list[bytes], *, has_mapping: bool) -> None:
    """What goes on from it is lost, and nothing else, and is not sought again and again."""
    images = tiles(8)
    found = chunks_of(encoded(images))
    places = [number for number, (kind, _) in enumerate(found) if kind == schema.GROUP]
    long = unpack_group(found[places[2]][1])
    assert long.images == LONG
    damaged = replace(long, mapping=1) if has_mapping else replace(long, streams=(b"\xff" * 30, *long.streams[1:]))
    found[places[2]] = schema.GROUP, pack_group(damaged)
    broken = file_of(found, encoded(images))
    states.clear()
    decoder = sofc.Decoder(salvage=True)
    decoder.feed(broken)
    events = list(decoder.events())
    assert len(states) == (0 if has_mapping else 1)
    whole = [event.images for event in events if isinstance(event, sofc.GroupReady)]
    np.testing.assert_array_equal(np.concatenate(whole), images[:2])
