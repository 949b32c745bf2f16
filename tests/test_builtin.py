"""Built-in codebooks: which one serves an image, how a file names it, and what they are."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import train_builtin
from conftest import DEFAULTS
from helpers import chunks_of, file_of, models_of

import sofc
from sofc.band.candidates import Candidates
from sofc.band.fastest import LEAD
from sofc.band.pieces import PIECE, SMALL_PIECE, cut_piece
from sofc.band.selection import Selection
from sofc.band.ways import Way
from sofc.codebook import Codebook
from sofc.codebook.builtin import FOLDER, builtin_codebook, find_builtin, is_builtin
from sofc.coders.context import ContextCoder
from sofc.coders.context.section import pack_plan, unpack_plan
from sofc.coders.dct import DctCoder
from sofc.coders.kinds import Kind
from sofc.coders.registry import coder_for
from sofc.coders.shape import NeutralShapeCoder
from sofc.container import schema
from sofc.container.records import FIRST_CODEBOOK_MODEL
from sofc.container.registered import NUMBERS, REGISTERED
from sofc.container.walker import frame_chunk
from sofc.image import PixelFormat
from sofc.keepfile import keep_coefficients
from sofc.planes import Plane
from sofc.training.general import EFFORTS, base_of, companions
from sofc.transforms.components import CHAIN, LATTICE, PAPERS

SPEC = Path(__file__).resolve().parent.parent / "spec"
RANDOM = np.random.default_rng(9)
MAX_BYTES = 2_000_000


def numbers_of(codebook: Codebook, pixel_format: PixelFormat, effort: int) -> list[int]:
    """Numbers of the models that may code an image."""
    return [one.number for one in Selection(codebook, None, effort).candidates(pixel_format)]


def smooth(height: int, width: int, components: int = 1, top: int = 255, dtype: str = "uint8") -> npt.NDArray[Any]:
    """An image that compresses, shape (height, width, components)."""
    rows, columns = np.mgrid[:height, :width]
    plane = 0.5 + 0.3 * np.sin(rows / 9) + 0.15 * np.cos(columns / 7)
    planes = [plane * top * (1 - 0.1 * k) + RANDOM.normal(0, top / 100, plane.shape) for k in range(components)]
    return np.clip(np.stack(planes, axis=-1), 0, top).astype(dtype)


def blobs(side: int, components: int, noise: float, bits: int = 8) -> npt.NDArray[Any]:
    """Six for each component, shape (side, side, components), samples up to 2**``bits`` - 1."""
    random = np.random.default_rng(3)
    planes = []
    for _ in range(components):
        drawn = [random.uniform(0, (side, side, side), 3) for _ in range(6)]
        rows, columns = np.ogrid[:side, :side]
        plane = sum(np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (3 + r) ** 2) for y, x, r in drawn)
        plane = (plane - plane.min()) / np.ptp(plane) * (2**bits - 20) + random.normal(0, noise, plane.shape)
        planes.append(plane.clip(0, 2**bits - 1))
    return np.stack(planes, axis=2).astype(np.uint8 if bits == 8 else np.uint16)


def test_files_are_those_of_the_register() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{book.name}.sofcb" for book in REGISTERED.values()}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MAX_BYTES
    text = (SPEC / "container.md").read_text()
    table = re.findall(r"^\| (\d+) \| (\w+) \|[^|]*\| `([0-9a-f]{32})` \|$", text, re.MULTILINE)
    assert table == [(str(number), book.name, book.id.hex()) for number, book in REGISTERED.items()]
    decoder = re.findall(r'^ +(\d+): "([0-9a-f]{32})",$', (SPEC / "minidec" / "container.py").read_text(), re.MULTILINE)
    assert decoder == [(str(number), book.id.hex()) for number, book in REGISTERED.items()]
    for reference in REGISTERED.values():
        codebook = find_builtin(reference.id)
        assert codebook is not None and is_builtin(codebook) and codebook.reference == reference
        assert "BSD-2" in codebook.provenance
        assert all(section.coder != 1 for section in codebook.sections)  # those of the shape coder hold patches


@pytest.mark.parametrize("components", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [1, 2, 8, 9, 16])
def test_there_is_one_for_every_format(components: int, bits: int) -> None:
    pixel_format = PixelFormat(components, bits, bits)
    codebook = builtin_codebook(pixel_format)
    for effort in (1, 5, 9):
        models = numbers_of(codebook, pixel_format, effort)
        assert len(models) > 1
        for model in models:
            coder_for(codebook, model, pixel_format)


@pytest.mark.parametrize("effort", [1, 5])
@pytest.mark.parametrize(
    ("image", "name"),
    [
        (smooth(70, 90)[..., 0] > 128, "binary"),
        (smooth(70, 90), "common"),
        (smooth(70, 90, 3), "common"),
        (blobs(80, 4, 0.2), "common"),
        (smooth(70, 90, 1, 4000, "int16"), "deep"),
        (smooth(70, 90, 2, 60000, "uint16"), "deep"),
    ],
    ids=["binary", "gray", "colour", "rgba", "signed", "deep"],
)
def test_an_image_without_a_codebook_gets_one(image: npt.NDArray[Any], name: str, effort: int) -> None:
    data = sofc.encode(image, effort=effort, codebook=builtin_codebook)
    info = sofc.probe(data)
    assert info is not None and info.codebook is not None
    assert info.codebook.name == name
    assert chunks_of(data)[0] == (schema.BUILTIN_CODEBOOK, NUMBERS[info.codebook.id].to_bytes(2, "little"))
    assert np.array_equal(sofc.decode(data), image[..., 0] if image.shape[-1] == 1 else image)
    lead = LEAD if effort == 1 else 1  # which what is learned without a codebook must have there
    assert len(data) <= lead * len(sofc.encode(image, codebook=None)) + len(frame_chunk(*chunks_of(data)[0]))


def test_it_is_what_encoding_does_by_default() -> None:
    assert DEFAULTS["codebook"] is builtin_codebook


def test_images_of_several_kinds_name_several() -> None:
    images = [smooth(20, 30), smooth(20, 30, 3), smooth(24, 30), smooth(20, 30, 1, 4000, "uint16")]
    data = sofc.encode_images([*images, images[0]], effort=1, codebook=builtin_codebook)
    assert [kind for kind, _ in chunks_of(data) if kind in b"KH"] == [b"K", b"H", b"H", b"H", b"K", b"H", b"H"]
    wanted = [image[..., 0] if image.shape[-1] == 1 else image for image in [*images, images[0]]]
    for decoded in (sofc.decode_images(data), [sofc.decode(data, image=k) for k in range(5)]):
        assert all(map(np.array_equal, decoded, wanted))
    with sofc.open_reader(data) as reader:
        assert [reference.name for reference, _ in reader.codebooks] == ["common", "deep"]
    unindexed = file_of([chunk for chunk in chunks_of(data) if chunk[0] not in b"iZ"], data)
    assert np.array_equal(sofc.decode(unindexed, image=3), wanted[3])


def test_unknown_number_is_refused() -> None:
    chunks = chunks_of(sofc.encode(smooth(20, 30), effort=1, codebook=builtin_codebook))
    assert chunks[0][0] == schema.BUILTIN_CODEBOOK
    unknown = file_of([(b"K", b"\xff\xff"), *chunks[1:]], sofc.encode(smooth(9, 9), codebook=None))
    with pytest.raises(sofc.UnsupportedError, match="built-in codebook 65535"):
        sofc.decode(unknown)


def test_salvage_keeps_the_numbers_of_codebooks() -> None:
    images = [smooth(20, 30), smooth(20, 30, 3)]
    chunks = chunks_of(sofc.encode_images(images, effort=1, band_rows=8, codebook=builtin_codebook))
    lost = next(k for k, (kind, _) in enumerate(chunks) if kind == b"E")
    data = file_of(chunks[:lost] + chunks[lost + 1 :], sofc.encode(smooth(9, 9), codebook=None))
    decoder = sofc.Decoder(salvage=True)
    decoder.feed(data)
    rows = [event.band.rows for event in decoder.events() if isinstance(event, sofc.BandReady)]
    assert np.array_equal(np.concatenate(rows[-3:]), images[1])


def test_training_uses_what_may_be_passed_on() -> None:
    """Never what is measured, nor test images."""
    for name in train_builtin.SETS:
        assert not {"test", "wg04", "tecnick", "medical8", "imagecompression-info"} & set(name.split("/"))


def test_parts_are_joined_at_the_nearest_efforts() -> None:
    vectors = SPEC / "vectors"
    parts = []
    for coder, kind in (("context", "gray"), ("interleaved", "gray"), ("interleaved", "colour")):
        found = sofc.Codebook.from_bytes((vectors / f"{coder}-{kind}.sofcb").read_bytes())
        parts.append(sofc.Codebook(coder, found.models, found.sections))
    codebook = train_builtin.joined("joined", parts, "from vectors")
    efforts = train_builtin.EFFORTS
    assert [model.effort for model in codebook.models] == [*efforts["context"], *efforts["interleaved"] * 2]
    # What one coder's models are trained anew for stays as it is, but for them.
    kept = train_builtin.joined("joined", [train_builtin.kept(codebook, "interleaved")], "from vectors")
    assert [model.effort for model in kept.models] == list(efforts["context"])
    assert len(kept.sections) < len(codebook.sections)
    for effort in range(1, 10):
        for components in (1, 3):
            pixel_format = PixelFormat(components, 8, 8)
            for model in numbers_of(codebook, pixel_format, effort):
                coder_for(codebook, model, pixel_format)


def test_the_piece_on_which_models_are_compared() -> None:
    planes = [np.arange(512 * 512, dtype=np.int32).reshape(512, 512) + k for k in range(2)]
    piece, height = cut_piece(planes, 512)
    assert all(part.size == PIECE for part in piece) and height == 32
    tops, lefts = np.divmod(piece[0][::32, 0], 512)
    assert not (tops % 8).any() and not (lefts % 8).any()
    assert len(set(tops)) == len(set(lefts)) == len(tops)
    small, height = cut_piece([plane[:, :32] for plane in planes], 64)
    assert height == 32 and small[0].size == SMALL_PIECE
    smaller, height = cut_piece([plane[:128, :32] for plane in planes], 64)
    assert height == 64 and smaller[0].shape == (128, 32)
    group, height = cut_piece([plane.reshape(-1, 16) for plane in planes], 16)
    assert height == 16 and group[0].shape == (PIECE // 16, 16)


def test_trained_codebooks_take_companions_along() -> None:
    """Models for slices with any number of images; those for single images, and fast ones, with few."""
    kind = Kind(1, 8)
    base = base_of(kind)
    many = companions(base, kind, few=False)
    assert {model.transform for model in many} == {CHAIN.id}
    assert [model.effort for model in many] == list(EFFORTS)
    few = companions(base, kind, few=True)
    assert len(few) > len(many)
    assert {model.effort for model in few} == {1, *EFFORTS}
    codebook = sofc.Codebook("few", tuple(few), base.sections, bases=(base,))
    for number in range(len(few)):
        coder_for(codebook, FIRST_CODEBOOK_MODEL + number, PixelFormat(1, 8, 8))
    on_lattice = companions(base, Kind(3, 8, lattice=True), few=True)
    assert {model.transform for model in on_lattice} == {LATTICE.id}
    off_lattice = companions(base, Kind(3, 8), few=True)
    assert off_lattice and LATTICE.id not in {model.transform for model in off_lattice}
    assert companions(base, Kind(3, 8), few=False) == []
    binary = Kind(1, 1)
    assert companions(base_of(binary), binary, few=False) == []


@pytest.mark.parametrize("kind", [Kind(1, 8), Kind(3, 8, lattice=True)], ids=str)
def test_companions_for_coefficients(kind: Kind) -> None:
    """With few images that JPEG decoders made goes the built-in model for such, too; with many none of one image."""
    found = companions(base_of(kind), kind, few=True, traced=True)
    assert {model.effort for model in found if model.coder == DctCoder.id} == {*EFFORTS}
    many = companions(base_of(kind), kind, few=False, traced=True)
    assert DctCoder.id not in {model.coder for model in many}


def test_of_close_models_the_smaller_is_used() -> None:
    """A trained codebook's file is as small as with its best model alone, where a piece cannot tell."""
    rng = np.random.default_rng(5)
    images = [np.clip(rng.normal(120, 9, (48, 40)).cumsum(axis=0) / 9 % 256, 0, 255).astype(np.uint8) for _ in range(3)]
    codebook = sofc.train(images, name="close", held_out=0, efforts=[1, 5]).codebook
    pixel_format = PixelFormat(1, 8, 8)
    numbers = [number for number in numbers_of(codebook, pixel_format, 5) if number >= FIRST_CODEBOOK_MODEL]
    assert len(numbers) > 2
    sizes = []
    for number in numbers:
        model = codebook.models[number - FIRST_CODEBOOK_MODEL]
        alone = sofc.Codebook("close", (model,), codebook.sections)
        sizes.append(len(sofc.encode(images[0], codebook=alone)))
    assert len(sofc.encode(images[0], codebook=codebook)) == min(sizes)


def test_a_collections_own_model_is_always_tried_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a piece says of other models, the file is never larger than with the codebook's first."""
    rng = np.random.default_rng(6)
    images = [np.clip(rng.normal(120, 9, (48, 40)).cumsum(axis=1) / 9 % 256, 0, 255).astype(np.uint8) for _ in range(6)]
    codebook = sofc.train(images, name="own", held_out=0, efforts=[1, 5]).codebook
    first = numbers_of(codebook, PixelFormat(1, 8, 8), 5)[0]
    sizes = {}
    for worst in (True, False):

        def size(way: Way, image_rows: int, _: int = 1, *, worst: bool = worst) -> int:
            """Of a piece, which makes the model look best that is largest, or smallest, in full."""
            whole = sum(map(len, way.streams(image_rows)))
            return (1 << 20) - whole if worst else whole

        monkeypatch.setattr("sofc.band.ways.Way.size", size)
        sizes[worst] = len(sofc.encode(images[0], codebook=codebook))
    alone = sofc.Codebook("own", (codebook.models[first - FIRST_CODEBOOK_MODEL],), codebook.sections)
    monkeypatch.undo()
    assert sizes[False] <= sizes[True] <= len(sofc.encode(images[0], codebook=alone))


@pytest.mark.parametrize("side", [200, 100, 40])
@pytest.mark.parametrize("lead", [0.9, 1.03, 1.06, 1.2])
def test_at_efforts_1_and_2_what_learns_has_to_lead(side: int, lead: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used where it takes an eighth less than models that do not learn, which are decoded faster; at effort 2 it
    is tried in full where a piece takes a 24th less, beside what effort 1 has, so that nothing takes more."""
    image = RANDOM.integers(0, 256, (side, side), np.uint8)

    def size(way: Way, image_rows: int, _: int = 1) -> float:
        """Of a piece."""
        return 5000 / lead if way.model < FIRST_CODEBOOK_MODEL else 5000

    monkeypatch.setattr("sofc.band.fastest.neutral_size", lambda *_: 0)
    monkeypatch.setattr("sofc.band.ways.Way.size", size)
    monkeypatch.setattr("sofc.band.ways.Way.streams", lambda way, image_rows: (bytes(int(size(way, image_rows))),))
    planes, gray = [image.astype(np.int32)], PixelFormat(1, 8, 8)
    choices = [Selection(builtin_codebook(gray), None, effort) for effort in (1, 2)]
    fast, next_one = ([way.model for way in choice.ways(planes, gray, len(image))] for choice in choices)
    assert [model < FIRST_CODEBOOK_MODEL for model in fast] == [lead > 9 / 8]
    assert fast[0] in next_one
    if side == 200:  # of smaller ones both are tried
        assert any(model < FIRST_CODEBOOK_MODEL for model in next_one) == (lead > 25 / 24)


@pytest.mark.parametrize("lead", [0.9, 1.01, 1.03])
def test_at_effort_1_a_few_rows_have_to_tell_built_in_models_clearly(
    lead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the model is taken that a codebook has beside them."""
    pixel_format = PixelFormat(3, 8, 8)
    base = builtin_codebook(pixel_format)
    known = next(one for one in base.models if one.effort == 1 and one.components == 3 and one.transform == PAPERS.id)
    own = replace(known, sections=tuple(len(base.sections) + number for number in range(len(known.sections))))
    sections = (*base.sections, *(base.sections[number] for number in known.sections))
    codebook = Codebook("both", (own, *base.models), sections, bases=(base,))

    def size(way: Way, _: int) -> float:
        return 5000 * lead if way.model == FIRST_CODEBOOK_MODEL else 5000

    monkeypatch.setattr("sofc.band.fastest.neutral_size", lambda *_: 5000)
    monkeypatch.setattr("sofc.band.ways.Way.glimpsed_size", size)
    monkeypatch.setattr("sofc.band.ways.Way.streams", lambda way, image_rows: (bytes(5000),))
    planes = list(RANDOM.integers(0, 256, (3, 200, 200)).astype(np.int32))
    (way,) = Selection(codebook, None, 1).ways(planes, pixel_format, 200)
    assert (way.model == FIRST_CODEBOOK_MODEL) == (lead < 1.02)


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
@pytest.mark.parametrize("side", [100, 250])
def test_at_effort_1_no_neutral_model_codes_what_trained_ones_know(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of drawings it does."""
    coded: list[int] = []
    encode = NeutralShapeCoder.encode

    def noted(coder: NeutralShapeCoder, planes: Sequence[Plane], *others: Any) -> list[bytes]:
        coded.append(planes[0].size)
        return encode(coder, planes, *others)

    monkeypatch.setattr(NeutralShapeCoder, "encode", noted)
    rows, columns = np.mgrid[:side, :side]
    drawing = np.stack([(rows // 20 + columns // 30) % 3 * 60] * 3, axis=2).astype(np.uint8)
    for image, is_drawn in ((blobs(side, 1, 3)[..., 0], False), (drawing, True)):
        coded.clear()
        data = sofc.encode(image, effort=1, codebook=builtin_codebook)
        assert np.array_equal(sofc.decode(data), image)
        assert bool(coded) == is_drawn


def test_at_effort_1_small_images_have_no_chains() -> None:
    """For each component, a chain makes ready what it learns from: more work than decoding such an image."""
    image = blobs(100, 2, 0.7)
    codebook = builtin_codebook(PixelFormat(2, 8, 8))
    models = {}
    for effort in (1, 5):
        data = sofc.encode(image, effort=effort, codebook=builtin_codebook)
        # At effort 1 each component may have one of its own.
        models[effort] = [codebook.models[model - FIRST_CODEBOOK_MODEL] for model in models_of(data)]
        assert np.array_equal(sofc.decode(data), image)
    assert all(model.effort == 1 and model.transform != CHAIN.id for model in models[1])
    assert [model.transform for model in models[5]] == [CHAIN.id]


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
@pytest.mark.parametrize(("side", "noise", "bits", "step"), [(16, 6, 8, 1), (24, 100, 12, 1), (16, 3, 8, 40)])
def test_small_images_take_no_more_for_more_time(side: int, noise: float, bits: int, step: int) -> None:
    """Effort 2 tries what 1 chose, and what tables of values and parts of an arrangement take to say counts."""
    image = blobs(side, 2, noise, bits) // step * step
    few = blobs(6, 1, 0)
    for one in (image, np.concatenate([few, np.where(few > 90, 255, 0).astype(np.uint8)], axis=2)):
        sizes = [len(sofc.encode(one, effort=effort, codebook=builtin_codebook)) for effort in (1, 2, 3)]
        assert sizes == sorted(sizes, reverse=True)


def test_effort_3_tries_what_faster_efforts_have() -> None:
    """In full, beside the best that learns as it goes: whatever a piece says, nothing takes more than at effort 2."""
    image = blobs(200, 1, 1)
    gray = PixelFormat(1, 8, 8)
    codebook = builtin_codebook(gray)
    ways = Selection(codebook, None, 3).ways([image[..., 0].astype(np.int32)], gray, len(image))
    trained = [way.model - FIRST_CODEBOOK_MODEL for way in ways if way.model >= FIRST_CODEBOOK_MODEL]
    assert {codebook.models[model].effort for model in trained} == {1, 5}
    sizes = [len(sofc.encode(image, effort=effort, codebook=builtin_codebook)) for effort in (1, 2, 3)]
    assert sizes == sorted(sizes, reverse=True)


def test_sections_fit_this_version() -> None:
    """Plans of the context coder hold as many numbers as this version reads: a tap more or less would shift them."""
    plans = 0
    for codebook_id in NUMBERS:
        codebook = find_builtin(codebook_id)
        assert codebook is not None
        for model in codebook.models:
            if model.coder == ContextCoder.id:
                for plane, section in enumerate(model.sections[: len(model.sections) // 3]):
                    data = codebook.sections[section].data
                    assert pack_plan(unpack_plan(data, plane)) == data
                    plans += 1
    assert plans


@pytest.mark.parametrize("components", [1, 3])
def test_coefficients_have_a_network_of_luminance_at_effort_9(components: int) -> None:
    samples = PixelFormat(components, 8, 8)
    codebook = builtin_codebook(samples)
    asked = {}
    for number, model in enumerate(codebook.models):
        if (model.coder, model.components) == (DctCoder.id, components):
            _, coder = coder_for(codebook, FIRST_CODEBOOK_MODEL + number, samples)
            assert isinstance(coder, DctCoder)
            asked[model.effort] = [own.network.is_asked for own in coder.models]
    none = [False] * components
    assert asked == {5: none, 7: none, 9: [True, *none[1:]]}


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images: slow")
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("quality", [50, 75, 95])
def test_the_network_of_coefficients_serves(components: int, quality: int) -> None:
    """Images that were JPEG, and files that are, take no more than at effort 5; where details go on, less."""
    y, x = np.mgrid[:256, :320]
    waves = 128 + 60 * np.sin((x + 2 * y) / 5 + 3 * np.sin(y / 40)) * np.cos(x / 60)
    photo = np.stack([waves + np.random.default_rng(k).normal(0, 4, waves.shape) for k in range(components)], axis=-1)
    stream = io.BytesIO()
    PIL.Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8).squeeze()).save(stream, "JPEG", quality=quality)
    image, codebook = np.array(PIL.Image.open(stream)), builtin_codebook(PixelFormat(components, 8, 8))
    usual, slow = (sofc.encode(image, effort=effort, codebook=codebook) for effort in (5, 9))
    (used,) = {codebook.models[number - FIRST_CODEBOOK_MODEL] for number in models_of(slow)}
    assert (used.coder, used.effort) == (DctCoder.id, 9)
    assert len(slow) < len(usual)
    assert np.array_equal(sofc.decode(slow), image)
    kept = [keep_coefficients("a.jpg", stream.getvalue(), None, effort) for effort in (5, 9)]
    usual_size, slow_size = (sum(len(item.value) for item in each.items) for each in kept if each is not None)
    assert slow_size < usual_size


@pytest.mark.parametrize(("least", "other", "is_tried"), [(5000, 6500, True), (5000, 7000, False), (700, 1300, True)])
def test_effort_3_tries_nothing_that_is_far_off(
    least: int, other: int, is_tried: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it takes as long as efforts 2 and 5 together; but of few bytes a piece tells too little."""
    gray = PixelFormat(1, 8, 8)
    codebook = builtin_codebook(gray)

    def size(way: Way, image_rows: int, _: int = 1) -> float:
        """Of a piece."""
        if way.model < FIRST_CODEBOOK_MODEL:
            return other
        return least if codebook.models[way.model - FIRST_CODEBOOK_MODEL].effort == 5 else 9000

    monkeypatch.setattr("sofc.band.ways.Way.size", size)
    planes = [RANDOM.integers(0, 256, (200, 200)).astype(np.int32)]
    tried = [
        {way.model < FIRST_CODEBOOK_MODEL for way in Selection(codebook, None, effort).ways(planes, gray, 200)}
        for effort in (2, 3)
    ]
    assert True in tried[0]
    assert (True in tried[1]) == is_tried


@pytest.mark.parametrize("effort", [2, 3, 4])
@pytest.mark.parametrize("components", [1, 3])
def test_lower_efforts_try_what_the_fastest_has(effort: int, components: int) -> None:
    """So that none is larger."""
    samples = PixelFormat(components, 8, 8)
    fastest, found = (
        {one.number for one in Selection(builtin_codebook(samples), None, each).candidates(samples)}
        for each in (1, effort)
    )
    assert fastest <= found


@pytest.mark.parametrize(("lower", "higher"), [(2, 3), (2, 4), (5, 7), (5, 9)])
def test_higher_efforts_code_in_full_what_lower_ones_do(lower: int, higher: int) -> None:
    """So that they never take more: a piece may say that other ways are smaller."""
    pixel_format = PixelFormat(1, 8, 8)
    random = np.random.default_rng(7)
    for height, width, spread in ((102, 65, 8), (93, 132, 3), (70, 80, 40), (160, 150, 20)):
        samples = (128 + random.normal(size=(height, width)) * spread) // 16 * 16
        planes = [np.clip(samples + random.integers(0, 2, samples.shape), 0, 255).astype(np.int32)]
        taken = []
        for effort in (lower, higher):
            ways = Selection(builtin_codebook(pixel_format), None, effort).ways(planes, pixel_format, height)
            taken.append({(way.view.mapping, way.model) for way in ways})
        assert taken[0] <= taken[1]


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images: slow")
@pytest.mark.parametrize("effort", [1, 5])
def test_masks_of_few_bytes_are_compared_in_full(effort: int) -> None:
    """Tiles of which none has a border say nothing."""
    y, x = np.ogrid[:576, :768]
    mask = (x - 300) ** 2 + 1.3 * (y - 300) ** 2 < 60**2
    assert len(sofc.encode(mask, effort=effort)) < 1.05 * len(sofc.encode(mask, coder="bilevel"))


def test_what_is_kept_of_models_does_not_grow_with_groups() -> None:
    """Whether there are several images is all that lists differ by: writers live long, and groups have many sizes."""
    candidates = Candidates(builtin_codebook(PixelFormat(1, 8, 8)), None, 1)
    several = candidates.of(PixelFormat(1, 8, 8), 2)
    assert all(candidates.of(PixelFormat(1, 8, 8), count) is several for count in (3, 400))
    assert candidates.of(PixelFormat(1, 8, 8), 1) is not several
