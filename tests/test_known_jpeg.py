"""Images whose JPEG data is at hand: its coefficients are coded, once all samples are seen to come out of them."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from PIL import Image

import sofc
from sofc.cli.__main__ import main
from sofc.codebook.builtin import builtin_codebook
from sofc.imagefiles import ImageSource, load
from sofc.jpeg import known, recover
from sofc.jpeg.colour import CONVERSIONS, reached
from sofc.jpeg.dct import ACCURATE, REPLICATED, Decoder, Grid
from sofc.jpeg.known import prove, read_known
from sofc.jpeg.settle import MISSED_BITS, Tried, best_table, settled
from sofc.jpeg.solve import Guessed, Inversion, Solved, scratch
from sofc.jpeg.tables import completed, known_tables, table_beside
from sofc.transforms.components import LATTICE

COMPILED = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images: slow")
FEW_COLOURS = {"411": (1, 4), "440": (2, 1)}
SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


def scene(shape, channels=3, seed=1):
    """Waves and noise, with parts that are cut at black and white."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [np.sin(x / (5 + 3 * k) + k) + np.cos(y / (7 - k)) for k in range(channels)]
    image = 128 + 90 * np.stack(waves, axis=2) + rng.normal(0, 8, (*shape, channels))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def jpeg_of(image, **options):
    """JPEG data, and what Pillow decodes it to."""
    data = io.BytesIO()
    Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0]).save(data, "JPEG", **options)
    return data.getvalue(), np.asarray(Image.open(data))


def coded_of(image, **options):
    """A file by the codebooks that are built in."""
    return sofc.encode(image, codebook=builtin_codebook, **options)


def planes_of(image):
    if image.ndim == 2:
        return [image.astype(np.int32)]
    return LATTICE.forward([np.ascontiguousarray(image[:, :, k], np.int32) for k in range(3)])[:3]


@pytest.fixture
def no_search(monkeypatch):
    """Nothing is sought in samples."""

    def search(*_):
        raise AssertionError("the origin was looked for")

    monkeypatch.setattr(recover, "find_luminance", search)


@COMPILED
@pytest.mark.parametrize("shape", [(37, 83), (160, 200)])
@pytest.mark.parametrize("options", [{"subsampling": "4:2:2"}, {"progressive": True}, {"quality": 100}])
@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_is_sought(no_search, channels, options, shape):
    data, image = jpeg_of(scene(shape, channels), **options)
    coded = coded_of(image, jpeg=data)
    assert np.array_equal(sofc.decode(coded), image)
    assert len(coded) < len(data)


@COMPILED
@pytest.mark.parametrize("quality", [60, 98])
@pytest.mark.parametrize("subsampling", SAMPLINGS)
def test_bytes_are_no_more_than_without(quality, subsampling):
    data, image = jpeg_of(scene((128, 160)), quality=quality, subsampling=subsampling)
    assert len(coded_of(image, jpeg=data)) <= len(coded_of(image))


@COMPILED
@pytest.mark.parametrize("band_rows", [8, 100])
@pytest.mark.parametrize("subsampling", SAMPLINGS)
def test_bands(no_search, subsampling, band_rows):
    """A decoder saw the rows on both sides of a cut."""
    data, image = jpeg_of(scene((203, 160)), subsampling=subsampling)
    coded = coded_of(image, jpeg=data, band_rows=band_rows)
    assert np.array_equal(sofc.decode(coded), image)


@COMPILED
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("cut", [1, 17, 203])
def test_cut_into_calls(cut, threads):
    data, image = jpeg_of(scene((203, 160)))
    header = sofc.ImageHeader(160, 203, sofc.PixelFormat(3, 8, 8))
    encoder = sofc.Encoder(codebook=builtin_codebook, band_rows=64, threads=threads)
    coded = encoder.begin_image(header, jpeg=data)
    coded += b"".join(encoder.write(image[row : row + cut]) for row in range(0, len(image), cut))
    assert coded + encoder.finish() == coded_of(image, jpeg=data, band_rows=64)


@COMPILED
def test_groups(no_search):
    pairs = [jpeg_of(scene((64, 64), seed=seed)) for seed in range(3)]
    encoder = sofc.Encoder(codebook=builtin_codebook)
    coded = encoder.begin_image(sofc.ImageHeader(64, 64, sofc.PixelFormat(3, 8, 8)))
    images = np.stack([image for _, image in pairs])
    coded += encoder.write_group(images, jpegs=[data for data, _ in pairs]) + encoder.finish()
    assert np.array_equal(sofc.decode(coded), images)


@COMPILED
@pytest.mark.parametrize("change", ["sample", "size", "garbage", "cut off", "other picture", "nothing"])
def test_data_that_is_not_that_of_the_samples(change):
    """It is as if there were none."""
    data, image = jpeg_of(scene((96, 112)))
    plain = coded_of(image)
    if change == "sample":
        image = image.copy()
        image[50, 50, 1] ^= 1
        plain = coded_of(image)
    elif change == "size":
        image = np.ascontiguousarray(image[:, :-1])
        plain = coded_of(image)
    else:
        data = {
            "garbage": b"\xff\xd8\xff" + bytes(range(256)),
            "cut off": data[: len(data) // 2],
            "other picture": jpeg_of(scene((96, 112), seed=2))[0],
            "nothing": b"",
        }[change]
    assert coded_of(image, jpeg=data) == plain


@pytest.mark.parametrize("subsampling", SAMPLINGS)
def test_one_sample_that_differs_is_seen(subsampling):
    data, image = jpeg_of(scene((24, 32)), subsampling=subsampling)
    assert prove(planes_of(image), read_known(data)) is not None
    for row, column in ((0, 0), (23, 31), (11, 7)):
        planes = planes_of(image)
        planes[0][row, column] = 255 - planes[0][row, column]
        assert prove(planes, read_known(data)) is None


@pytest.mark.parametrize("first, count", [(0, 16), (8, 24), (5, 11), (16, 37)])
def test_rows_of_a_picture(first, count):
    """Of rows that were cut out, those at the cut alone may differ, and only where components are enlarged."""
    for subsampling in SAMPLINGS:
        data, image = jpeg_of(scene((53, 40)), subsampling=subsampling)
        part = planes_of(np.ascontiguousarray(image[first : first + count]))
        whole = read_known(data)
        found = prove(part, whole.part(first, count))
        assert found is not None
        halves = whole.part(first, count).part(0, count)
        assert all(
            np.array_equal(one.coefficients, other.coefficients)
            for one, other in zip(found.origins, halves.origins, strict=True)
        )
        inside = slice(int(first > 0), count - int(first + count < 53))
        for origin, plane in zip(found.origins, found.planes, strict=True):
            assert np.array_equal(origin.draw(part[0].shape)[0][inside], plane[inside])


def test_other_decoders():
    """The decoder that made the samples is found among those that are known."""
    data, _ = jpeg_of(scene((40, 48)), subsampling="4:2:0")
    whole = read_known(data)
    decoder = Decoder(ACCURATE, REPLICATED)
    planes = [
        (origin if number == 0 else known.replace(origin, decoder=decoder)).draw((40, 48))[0]
        for number, origin in enumerate(whole.origins)
    ]
    found = prove(planes, whole)
    assert [origin.decoder for origin in found.origins] == [Decoder(), decoder, decoder]


def test_pictures_that_are_not_modelled():
    image = scene((32, 32), 4)
    inks = io.BytesIO()
    Image.fromarray(image, "CMYK").save(inks, "JPEG")
    coarse = io.BytesIO()
    Image.fromarray(image[:, :, 0]).save(coarse, "JPEG", qtables=[[300] * 64])
    assert read_known(inks.getvalue()) is None
    assert read_known(coarse.getvalue()) is None


def test_readers_hand_data_on(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg_of(scene((32, 32)))[0])
    assert load(ImageSource(path)).jpeg == path.read_bytes()
    Image.fromarray(scene((32, 32))).save(tmp_path / "a.png")
    assert load(ImageSource(tmp_path / "a.png")).jpeg is None


@COMPILED
def test_the_command_seeks_nothing(no_search, tmp_path, capsys):
    data, image = jpeg_of(scene((96, 112)))
    (tmp_path / "a.jpg").write_bytes(data)
    assert main(["encode", "--no-verify", str(tmp_path / "a.jpg")]) == 0
    assert np.array_equal(sofc.read(tmp_path / "a.sofc"), image)


def test_a_batch_has_no_data():
    with pytest.raises(sofc.UsageError, match="batch"):
        sofc.encode(np.zeros((2, 8, 8), np.uint8), batch=True, jpeg=b"")


@COMPILED
@pytest.mark.parametrize("subsampling", SAMPLINGS)
def test_components_that_were_not_converted(subsampling):
    """Y, Cb and Cr as they were decoded, without the data: by their coefficients, each plane by itself."""
    data, image = jpeg_of(scene((160, 176)), subsampling=subsampling)
    with Image.open(io.BytesIO(data)) as decoded:
        decoded.draft("YCbCr", decoded.size)
        unconverted = np.asarray(decoded)
    coded = coded_of(unconverted)
    assert np.array_equal(sofc.decode(coded), unconverted)
    assert len(coded) <= 1.1 * len(coded_of(image, jpeg=data))


@COMPILED
def test_smooth_components_that_were_not_converted():
    """Of chrominance that was enlarged, samples come out by fine steps, too, but whole blocks do not."""
    few = np.random.default_rng(0).integers(60, 195, (9, 11, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(few).resize((176, 144), Image.Resampling.BICUBIC))
    data, image = jpeg_of(smooth, quality=40, subsampling="4:2:2")
    with Image.open(io.BytesIO(data)) as decoded:
        decoded.draft("YCbCr", decoded.size)
        unconverted = np.asarray(decoded)
    assert len(coded_of(unconverted)) <= 1.1 * len(coded_of(image, jpeg=data))


@COMPILED
@pytest.mark.parametrize("subsampling", FEW_COLOURS)
@pytest.mark.parametrize("place", [(0, 0), (5, 11)])
def test_samplings_that_pillow_does_not_write(subsampling, place):
    """Known from the file or found in the samples, colours of fewer columns cost no more than the file."""
    data = imagecodecs.jpeg8_encode(scene((136, 160)), level=80, subsampling=subsampling)
    with Image.open(io.BytesIO(data)) as decoded:
        image = np.asarray(decoded)
    known = read_known(data)
    assert known is not None
    found = prove(planes_of(image), known)
    assert found is not None and found.share == 1
    cut = np.ascontiguousarray(image[place[0] :, place[1] :])
    sought = recover.recover_planes(
        LATTICE.forward([np.ascontiguousarray(cut[:, :, k], np.int32) for k in range(3)]), 3
    )
    assert sought is not None
    down, across = FEW_COLOURS[subsampling]
    assert {origin.grid[:4] for origin in sought.origins[1:]} == {
        (down, across, place[0] % (8 * down), place[1] % (8 * across))
    }
    coded = coded_of(cut)
    assert len(coded) < (1.1 if any(place) else 1) * len(data)
    np.testing.assert_array_equal(sofc.decode(coded), cut)


@COMPILED
def test_tables_of_other_encoders():
    """MozJPEG's tables, and libjpeg 9's for chrominance, are found where few coefficients show them."""
    tables = known_tables()[0]
    for luminance, chrominance in ((tables[200 + 59], tables[200 + 59]), (tables[74], tables[300 + 74])):
        steps = [luminance.tolist(), chrominance.tolist()]
        data, image = jpeg_of(scene((128, 160)), qtables=steps, subsampling="4:4:4")
        known = read_known(data)
        sought = recover.recover_planes(LATTICE.forward([image[:, :, k].astype(np.int32) for k in range(3)]), 3)
        assert known is not None and sought is not None
        for found, true in zip(sought.origins, known.origins, strict=True):
            assert found.table.tolist() == true.table.tolist()


def test_tables_of_jpegli():
    """What pyjpegli 0.3.2 writes at qualities 20, 50, 90 and 100: the first steps of luminance and chrominance."""
    tables = known_tables()[0]
    written = {
        20: ([24, 17, 31, 34, 64, 67], [23, 14, 27, 26, 52, 48]),
        50: ([12, 10, 20, 21, 33, 34], [12, 8, 17, 16, 26, 24]),
        90: ([3, 4, 6, 6, 7, 7], [3, 3, 5, 5, 6, 5]),
        100: ([1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]),
    }
    for quality, (luminance, chrominance) in written.items():
        assert tables[400 + quality - 1, :6].tolist() == luminance
        assert tables[500 + quality - 1, :6].tolist() == chrominance


def test_a_table_is_completed_from_what_is_seen():
    """Steps of coefficients that are zero everywhere are those of the known table that agrees with the others."""
    tables = known_tables()[0]
    coefficients = np.zeros((2, 3, 64), np.int32)
    coefficients[1, 2, :40] = 1
    guessed = np.where(np.arange(64) < 40, tables[34], 1)
    np.testing.assert_array_equal(completed(guessed, [coefficients]), tables[34])
    np.testing.assert_array_equal(table_beside(completed(guessed, [coefficients])), tables[100 + 34])
    guessed[5] += 1
    np.testing.assert_array_equal(completed(guessed, [coefficients]), guessed)


def test_tables_beside_each_other():
    """Standard tables and jpegli's have one for chrominance; MozJPEG's, and what is unknown, are for both."""
    tables = known_tables()[0]
    for luminance, chrominance in ((34, 134), (234, 234), (434, 534)):
        np.testing.assert_array_equal(table_beside(tables[luminance]), tables[chrominance])
    unknown = tables[34] + 1
    np.testing.assert_array_equal(table_beside(unknown), unknown)


@COMPILED
@pytest.mark.parametrize("factors", [((2, 2), (1, 2)), ((2, 1), (2, 2))])
def test_chrominance_may_be_sampled_differently(factors):
    """Cb and Cr with other factors each are found, by their own."""
    image = scene((160, 192), 3)
    origins = []
    for k, (down, across) in enumerate(((1, 1), *factors)):
        small = 128 + (image[::down, ::across, k].astype(int) - 128) // (4 if k else 2)
        known = read_known(jpeg_of(small[:, :, None].astype(np.uint8), quality=80)[0])
        assert known is not None
        (origin,) = known.origins
        origins.append(replace(origin, grid=Grid(down, across, 0, 0)))
    planes = [origin.draw((160, 192))[0] for origin in origins]
    sought = recover.recover_planes(LATTICE.forward(reached(planes, CONVERSIONS[0])), 3)
    assert sought is not None
    assert [origin.grid for origin in sought.origins] == [origin.grid for origin in origins]


@COMPILED
def test_steps_near_known_ones_are_settled():
    """A table that no encoder of ours has is found wherever a coefficient is not zero."""
    table = np.minimum(255, known_tables()[0][200 + 54] + np.arange(64) % 3)
    data, image = jpeg_of(scene((128, 160), 1), qtables=[table.tolist()])
    known = read_known(data)
    sought = recover.recover_planes([image.astype(np.int32)], 1)
    assert known is not None and sought is not None
    true, found = known.origins[0], sought.origins[0]
    seen = true.coefficients.any(axis=(0, 1))
    np.testing.assert_array_equal(found.table[seen], true.table[seen])


@pytest.mark.parametrize("seed", range(4))
def test_the_table_that_takes_least_is_chosen(seed):
    """Of samples that do not come out by each and of what each costs, the first of those with the least of both."""
    rng = np.random.default_rng(seed)
    samples = np.clip(np.cumsum(rng.integers(-9, 10, (8, 40)), axis=1) + 128, 0, 255).astype(np.int32)
    blocks = Guessed(samples << 4, samples, samples)
    tables = rng.integers(1, 30, (5, 64))
    costs = rng.integers(0, 200, 5).astype(np.float64)
    missed = [Solved.of(blocks, Inversion.of(table, ACCURATE)).missed for table in tables]
    bits = [MISSED_BITS * count + cost for count, cost in zip(missed, costs.tolist(), strict=True)]
    tried = Tried.of(tables, ACCURATE, costs)
    assert best_table(blocks, tried, np.zeros(64, np.int32), scratch()) == bits.index(min(bits))


@COMPILED
def test_no_step_is_settled_finer_for_blocks_that_were_painted_over():
    """By steps of 1 samples of such blocks come out, too, but all coefficients would take more."""
    data, image = jpeg_of(scene((64, 160), 1)[:, :, [0]], qtables=[[3] * 64])
    samples = image.astype(np.int32)
    (true,) = read_known(data).origins
    for column in range(3, 160, 16):
        samples[5:60, column : column + 3] = 20
    seen = Guessed(samples << 4, samples, samples)
    inversion = Inversion.of(true.table, ACCURATE)
    solved = Solved.of(seen, inversion)
    assert solved.missed > 1000
    np.testing.assert_array_equal(settled([seen], [solved.coefficients], true.table, ACCURATE), true.table)


@COMPILED
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
def test_what_was_painted_over_is_not_missed(colour):
    """Samples of a box of one colour that come out of no coefficients do not make the origin doubtful, and spoil no
    block that they do not touch."""
    data, image = jpeg_of(scene((160, 192)) // 2 + 60, quality=80, subsampling="4:2:0")
    box = np.s_[37:91, 51:120]
    painted = image.copy()
    painted[box] = colour
    found = recover.recover_planes(
        LATTICE.forward([np.ascontiguousarray(painted[:, :, k], np.int32) for k in range(3)]), 3
    )
    known = read_known(data)
    assert found is not None and known is not None
    whole = np.ones(image.shape[:2], np.bool_)
    whole[32:96, 48:120] = False
    right = (found.origins[0].coefficients == known.origins[0].coefficients).all(axis=2)
    assert right[whole[::8, ::8]].all()
    assert 1 - found.share < painted[box].size / painted.size / 2


@COMPILED
def test_origins_are_sought_once(monkeypatch):
    """Not for a whole image, and for a group of it alone again; for other samples anew."""
    noise = np.random.default_rng(1).integers(0, 256, (2, 64, 72)).astype(np.uint8)
    sought = []
    search = recover.find_luminance
    monkeypatch.setattr(recover, "find_luminance", lambda plane: sought.append(plane.samples.copy()) or search(plane))
    for image in noise:
        sofc.encode(image[None], batch=True, codebook=builtin_codebook)
    np.testing.assert_array_equal(sought, noise)


@COMPILED
@pytest.mark.parametrize("has_data", [False, True])
def test_one_image_has_the_same_bytes_by_any_call(monkeypatch, has_data):
    """Also where it is mirrored, which samples as they stand hardly show; where not, its origin is sought once."""
    sought = []
    search = recover.find_luminance
    monkeypatch.setattr(recover, "find_luminance", lambda plane: sought.append(image) or search(plane))
    data, upright = jpeg_of(scene((39, 66), seed=6), quality=62, subsampling="4:2:0")
    for image, jpeg in ((upright, data if has_data else None), (np.ascontiguousarray(upright[:, ::-1]), None)):
        sought.clear()
        coded = coded_of(image, jpeg=jpeg)
        assert image is not upright or len(sought) == (0 if has_data else 1)
        encoder = sofc.Encoder(codebook=builtin_codebook)
        pieces = [encoder.begin_image(sofc.header_for(image), jpeg=jpeg)]
        pieces += [encoder.write(image[first : first + 7]) for first in range(0, len(image), 7)]
        assert b"".join([*pieces, encoder.finish()]) == coded
        np.testing.assert_array_equal(sofc.decode(coded), image)
