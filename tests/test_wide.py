"""Wide samples: every type and bit pattern, through every entry, against the second decoder; hostile plans."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import minidec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sofc
from sofc.band.coding import decode_band, encode_band
from sofc.band.mirror import found_mirror
from sofc.band.scaling import found_tables
from sofc.band.selection import Selection
from sofc.band.tables import ADD_MULTIPLY, DIVIDE_ADD, IN_FLOAT32, MULTIPLY_ADD, computed
from sofc.codebook.builtin import builtin_codebook
from sofc.container import wide as plans
from sofc.container.records import CodedSamples
from sofc.errors import FormatError
from sofc.image import SampleType, wide_format
from sofc.transforms.numbers import LAYOUTS, from_keys, from_order, narrowed, number_type, to_keys, to_order, widened

BUILTIN = [path.read_bytes() for path in (Path(sofc.__file__).parent / "builtin").glob("*.sofcb")]
Image = npt.NDArray[Any]


def bits_of(array: Image) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def settings_of(sample_type: SampleType) -> dict[str, Any]:
    return {"sample_type": sample_type} if sample_type is SampleType.BFLOAT16 else {}


@st.composite
def wide_images(draw: st.DrawFn) -> tuple[SampleType, Image]:
    """Images of any bits, of few values, or of values that were made from integers."""
    sample_type = draw(st.sampled_from(list(SampleType)))
    dtype = np.dtype(sample_type.dtype_name)
    shape = draw(st.sampled_from([(1, 1), (1, 9), (7, 1), (6, 5), (12, 11), (5, 4, 2), (4, 6, 3)]))
    count = int(np.prod(shape))
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    kind = draw(st.sampled_from(["bits", "few", "scaled", "special"]))
    if kind == "bits":
        array = random.integers(0, 256, count * dtype.itemsize, dtype=np.uint8).view(dtype)
    elif kind == "few":
        values = random.integers(0, 256, 4 * dtype.itemsize, dtype=np.uint8).view(dtype)
        array = values[random.integers(0, 4, count)]
    elif kind == "scaled" or dtype.kind not in "fc":
        numbers = random.integers(0, 50, count)
        scaled = numbers * 0.37 - 3.1 if dtype.kind in "fc" else numbers * draw(st.integers(1, 1000))
        array = scaled.astype(dtype)
    else:
        special = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, 5e-324, 1e-45, 6e-8])
        with np.errstate(all="ignore"):
            array = special[random.integers(0, len(special), count)].astype(dtype)
    return sample_type, array.reshape(shape)


@given(wide_images(), st.sampled_from([None, "builtin"]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_image_comes_back_bit_for_bit(made: tuple[SampleType, Image], codebook: str | None, big: bool) -> None:
    sample_type, array = made
    given_array = array.astype(array.dtype.newbyteorder(">")) if big else array
    chosen = {} if codebook else {"codebook": None}
    data = sofc.encode(given_array, **settings_of(sample_type), **chosen)
    decoded = sofc.decode(data)
    assert (decoded.dtype, decoded.shape) == (array.dtype, array.shape)
    assert bits_of(decoded) == bits_of(array)
    with sofc.open_reader(data) as reader:
        assert reader.header.format.wide is sample_type
    file = minidec.decode_file(data, BUILTIN)
    assert (file.images[0].data, file.images[0].shape) == (bits_of(array), array.shape)


@given(wide_images(), st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_bands_depend_on_rows_alone(made: tuple[SampleType, Image], band_rows: int, step: int) -> None:
    sample_type, array = made
    header = sofc.header_for(array, **settings_of(sample_type))
    whole = sofc.Encoder(header, codebook=None, band_rows=band_rows)
    cut = sofc.Encoder(header, codebook=None, band_rows=band_rows, threads=2)
    rows = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    expected = whole.write(rows) + whole.finish()
    pieces = [cut.write(rows[start : start + step]) for start in range(0, len(rows), step)]
    assert b"".join(pieces) + cut.finish() == expected
    decoder = sofc.Decoder()
    found = []
    for start in range(0, len(expected), 7):
        decoder.feed(expected[start : start + 7])
        found += [event.band.rows for event in decoder.events() if isinstance(event, sofc.BandReady)]
        if decoder.eof:
            break
    if found:
        assert bits_of(np.concatenate(found)) == bits_of(array)


@pytest.mark.parametrize("sample_type", SampleType, ids=lambda one: one.name)
def test_groups(sample_type: SampleType) -> None:
    dtype = np.dtype(sample_type.dtype_name)
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (4, 6, 5, dtype.itemsize), dtype=np.uint8).view(dtype)[..., 0]
    data = sofc.encode(images, batch=True, codebook=None, **settings_of(sample_type))
    assert bits_of(sofc.decode(data)) == bits_of(images)
    assert bits_of(sofc.decode(data, image=2)) == bits_of(images[2])


@pytest.mark.parametrize("number", [one for one in SampleType if one is number_type(one)], ids=lambda one: one.name)
def test_keys_are_in_the_order_of_values(number: SampleType) -> None:
    random = np.random.default_rng(1)
    words = random.integers(0, 1 << number.bits, 500, dtype=np.uint64, endpoint=False) if number.bits < 64 else None
    words = random.integers(0, 1 << 63, 500).astype(np.uint64) * np.uint64(2) if words is None else words
    keys = to_order(words, number)
    assert np.array_equal(from_order(keys, number), words)
    if number is SampleType.BFLOAT16:
        values = (words << np.uint64(16)).astype(np.uint32).view(np.float32)
    else:
        values = words.astype(f"u{number.bits // 8}").view(number.dtype_name)
    usual = ~np.isnan(values)
    assert np.all(np.diff(values[usual][np.argsort(keys[usual])]) >= 0)


@pytest.mark.parametrize(("narrow", "number"), [("float16", "float32"), ("float16", "float64"), ("float32", "float64")])
def test_narrowing(narrow: str, number: str) -> None:
    """All float16 values, and any float32 ones, are found in wider types; payloads and signs stay."""
    few, many = SampleType[narrow.upper()], SampleType[number.upper()]
    if few.bits == 16:
        words = np.arange(1 << 16, dtype=np.uint64)
    else:
        words = np.random.default_rng(2).integers(0, 1 << 32, 5000, dtype=np.uint64)
    keys = to_order(words, few)
    wide = widened(keys, few, many)
    values = words.astype(f"u{few.bits // 8}").view(few.dtype_name)
    usual = np.isfinite(values)
    wide_words = from_order(wide, many).astype(f"u{many.bits // 8}").view(many.dtype_name)
    assert np.array_equal(wide_words[usual], values[usual].astype(many.dtype_name))
    if few.bits == 16:
        back, found = narrowed(wide, many)
        assert found is few and np.array_equal(back, keys)
    assert LAYOUTS[few].mantissa < LAYOUTS[many].mantissa


NUMBERS = np.random.default_rng(4).integers(0, 900, (40, 50))
SLOPE, OFFSET = np.float64(np.float32(0.0137)), np.float64(np.float32(-12.3))


@pytest.mark.parametrize(
    ("array", "forms"),
    [
        (NUMBERS * SLOPE + OFFSET, None),
        ((NUMBERS * SLOPE + OFFSET).astype(np.float32), None),
        ((NUMBERS + 17.5) * 0.731, {ADD_MULTIPLY}),
        ((NUMBERS.astype(np.float32) + np.float32(17.5)) * np.float32(0.731), None),
        (NUMBERS / 4095.0, {DIVIDE_ADD}),
        (NUMBERS.astype(np.float64), {MULTIPLY_ADD}),
        ((NUMBERS - NUMBERS.mean()) / NUMBERS.std(), None),
    ],
    ids=["two roundings", "one rounding", "shift scale", "in float32", "divided", "whole", "z-score"],
)
def test_what_was_made_from_integers_is_coded_as_they_are(array: Image, forms: set[int] | None) -> None:
    number = SampleType[array.dtype.name.upper()]
    keys, number = narrowed(to_keys(array, number), number)
    found = found_tables(keys, number, len(array))
    assert found is not None and found.is_sure
    (table,) = found.tables.tables
    assert len(table.scalings) == 1 and not table.keys
    assert forms is None or table.scalings[0].form & ~IN_FLOAT32 in forms
    integers = len(sofc.encode(NUMBERS.astype(np.uint16)))
    assert len(sofc.encode(array)) < integers + 1000


@pytest.mark.parametrize(
    "array",
    [
        (NUMBERS % 66 * 1000).astype(np.float16),
        (NUMBERS % 34 * 1e37).astype(np.float32),
        (NUMBERS % 13 * (np.finfo(np.float32).max / 12)).astype(np.float32),
        NUMBERS % 40 * 2.0**1018,
    ],
    ids=["float16", "float32", "greatest", "float64"],
)
def test_entries_that_no_sample_has_are_finite(array: Image) -> None:
    """Tables go on to numbers that a type of integers has, but not beyond those of the samples."""
    data = sofc.encode(array)
    assert bits_of(sofc.decode(data)) == bits_of(array)
    assert minidec.decode_file(data, BUILTIN).images[0].data == bits_of(array)


def test_computed_entries_are_finite_as_samples() -> None:
    for number, top in ((SampleType.FLOAT16, 65504.0), (SampleType.FLOAT32, 3.4028234663852886e38)):
        assert len(computed(MULTIPLY_ADD, top, 0.0, np.arange(2), number)) == 2
        with pytest.raises(FormatError, match="finite"):
            computed(MULTIPLY_ADD, top, 0.0, np.arange(3), number)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_values_on_a_fine_grid(dtype: type) -> None:
    """Hardly two of which are neighbours there, and none in the first half."""
    numbers = 2 * np.random.default_rng(9).integers(-16000, 16000, (30, 30))
    numbers[15:] += 1
    array = (numbers * SLOPE).astype(dtype)
    found = found_tables(to_keys(array, SampleType[array.dtype.name.upper()]), SampleType[array.dtype.name.upper()], 30)
    assert found is not None and found.is_sure
    assert np.ptp(found.planes[0]) == np.ptp(numbers)
    assert len(sofc.encode(array)) < len(sofc.encode(numbers.astype(np.int16))) + 250


def test_exceptions_are_listed() -> None:
    array = (NUMBERS / np.float32(4095)).astype(np.float32)
    array[0, :4] = np.nan, -0.0, np.inf, 0.123456
    keys = to_keys(array, SampleType.FLOAT32)
    found = found_tables(keys, SampleType.FLOAT32, len(array))
    assert found is not None and len(found.tables.tables[0].keys) == 4


def test_slices_of_other_scales_have_tables_of_their_own() -> None:
    images = np.stack([(NUMBERS * scale).astype(np.float32) for scale in (0.0137, 0.5, 1.77)])
    data = sofc.encode(images, batch=True)
    alone = sofc.encode(NUMBERS.astype(np.uint16))  # of the same slice thrice, two would be copies
    assert len(data) < 3 * len(alone) + 500
    assert bits_of(sofc.decode(data)) == bits_of(images)


@pytest.mark.parametrize("shape", [(20, 30), (21, 30), (20, 31), (21, 31)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fourier_magnitudes_are_folded(shape: tuple[int, int], dtype: type) -> None:
    image = np.abs(np.fft.fftshift(np.fft.fft2(np.random.default_rng(5).normal(0, 1, shape)))).astype(dtype)
    keys = to_keys(image, SampleType[image.dtype.name.upper()])
    assert found_mirror(keys, SampleType[image.dtype.name.upper()], len(image)) is not None
    data = sofc.encode(image, codebook=None)
    assert len(data) < 0.85 * image.nbytes
    assert bits_of(sofc.decode(data)) == bits_of(image)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_transforms_of_real_images_are_folded(dtype: type) -> None:
    """Their imaginary parts are their own reflections with the other sign."""
    image = np.fft.fft2(np.random.default_rng(7).normal(0, 1, (3, 40, 41))).astype(dtype)
    data = sofc.encode(image, batch=True, codebook=None)
    assert len(data) < 0.75 * image.nbytes
    assert bits_of(sofc.decode(data)) == bits_of(image)
    assert minidec.decode_file(data, []).images[2].data == bits_of(image[2])


@pytest.mark.parametrize("is_built_in", [False, True])
@pytest.mark.parametrize("is_shuffled", [False, True])
def test_many_labels(is_built_in: bool, is_shuffled: bool) -> None:
    numbers = np.arange(270 * 260)
    if is_shuffled:
        np.random.default_rng(1).shuffle(numbers)
    labels = np.kron(numbers.reshape(270, 260), np.ones((3, 3), np.int64)) * 977
    data = sofc.encode(labels, codebook=builtin_codebook(wide_format(1, SampleType.INT64)) if is_built_in else None)
    assert len(data) < (labels.size // 2 if is_shuffled else labels.size // 4)
    assert np.array_equal(sofc.decode(data), labels)


# Bad input.

IMAGE = (np.arange(60).reshape(6, 10) * 0.37).astype(np.float32)
FORMAT = wide_format(1, SampleType.FLOAT32)
_SUMS = np.random.default_rng(5).normal(0, 1, (90, 40)).cumsum(0).cumsum(0).cumsum(1).cumsum(1)
SMOOTH = (np.diff(_SUMS[::3], 3, axis=0)[:20] * 0.37).astype(np.float32)


def changed(way: int, body: bytes, *streams: bytes, number: int = SampleType.FLOAT32) -> CodedSamples:
    plan = plans.pack_plan(plans.Plan(number, 0, way, body))
    return CodedSamples(0, 0, (plan, *streams))


LINES = plans.pack_lines(plans.LineHead(130, 0, 4, 0, 1, 0), [0] * 6)


@pytest.mark.parametrize(
    "coded",
    [
        CodedSamples(0, 0, ()),
        CodedSamples(0, 0, (b"",)),
        changed(7, b""),
        changed(plans.STEPS, b""),
        changed(plans.TABLES, b"", b""),
        changed(plans.STEPS, b"", number=SampleType.INT32),
        changed(plans.STEPS, plans.pack_steps(plans.Steps([plans.Segment(0, 52, 1 << 16)], [])), *[b""] * 4),
        changed(plans.STEPS, plans.pack_steps(plans.Steps([plans.Segment(0, 16, 1 << 16)], [0, 3])), *[b""] * 4),
        changed(
            plans.STEPS, plans.pack_steps(plans.Steps([plans.Segment(0, 16, 1 << 16)], [])), *[b""] * 2, bytes(120)
        ),
        changed(
            plans.STEPS, plans.pack_steps(plans.Steps([plans.Segment(0, 16, 1 << 16)], [])), *[b""] * 3, bytes(120)
        ),
        changed(
            plans.TABLES,
            plans.pack_tables(plans.Tables(0, [plans.Table([plans.Scaling(1, 0, 0, 0, 1 << 30)], [])]))[0],
            zlib.compress(b""),
        ),
        changed(
            plans.TABLES,
            plans.pack_tables(plans.Tables(0, [plans.Table([plans.Scaling(3, 0, 0, 0, 5)], [])]))[0],
            zlib.compress(b""),
            bytes(23),
        ),
        changed(plans.TABLES, b"\0\1\0\xff\xff\x03", zlib.compress(bytes(1 << 20))),
        changed(plans.MIRRORED, plans.pack_mirrored(plans.Mirrored(0, 99, 0, 0, 0, 0)), b""),
        changed(plans.MIRRORED, plans.pack_mirrored(plans.Mirrored(0, 0, 0, 0, 0, 9)), b""),
        changed(plans.MIRRORED, plans.pack_mirrored(plans.Mirrored(0, 0, 4, 0, 0, 0)), b""),
        changed(plans.PREDICTED, plans.pack_predicted(9, b"\x80"), b""),
        changed(plans.PREDICTED, plans.pack_predicted(4, b"\xff\x80"), b""),
        changed(plans.PREDICTED, plans.pack_predicted(4, b"\xc0"), b""),
        changed(plans.PREDICTED, plans.pack_predicted(4, b"\x80"), b""),
        changed(
            plans.PREDICTED,
            plans.pack_predicted(4, b"\x80"),
            plans.pack_plan(plans.Plan(7, 0, plans.PREDICTED, plans.pack_predicted(4, b"\x80"))),
            b"",
        ),
        changed(plans.LINES, b"", b""),
        changed(plans.LINES, LINES[0]),
        changed(plans.LINES, *LINES, number=SampleType.FLOAT16),
        changed(plans.LINES, *LINES, plans.pack_plan(plans.Plan(7, 0, plans.LINES, LINES[0])), LINES[1], b""),
        changed(plans.LINES, LINES[0], b"no zlib"),
    ],
)
def test_hostile_plans_are_refused(coded: CodedSamples) -> None:
    with pytest.raises(sofc.SofcError):
        decode_band(coded, FORMAT, None, rows=6, width=10, image_rows=6)


@pytest.mark.parametrize(
    ("head", "weights"),
    [
        ((0, 0, 4, 0, 1, 0), [0] * 6),
        ((255, 0, 4, 0, 1, 0), [0] * 6),
        ((130, 0, 45, 0, 1, 0), [0] * 6),
        ((130, 0, 4, 0, 9, 0), [0] * 54),
        ((130, 0, 4, 0, 1, 0), [0] * 5),
        ((130, 0, 4, 0, 1, 0), [0] * 7),
        ((130, 0, 4, 0, 2, 0), [-2000, 2096] * 6),
        ((130, 2, 4, 0, 1, 0), [0] * 6),
        ((130, 0, 4, 0, 0, 8), [0] * 80),
    ],
)
def test_hostile_weights_are_refused(head: tuple[int, ...], weights: list[int]) -> None:
    """Where those of one in 1 / 16 for each row before are not."""
    shape, most = (1, 6, 10), (60, 254, 8)
    assert plans.unpack_lines(*LINES, shape, *most)[1] == [[[]], [[0]] * 6, [[]] * 10]
    with pytest.raises(FormatError):
        plans.unpack_lines(*plans.pack_lines(plans.LineHead(*head), weights), shape, *most)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bands_never_give_wrong_samples(data: st.DataObject) -> None:
    fine = np.hypot(*np.mgrid[-4:4, -5:5]).astype(np.float32) * np.float32(0.7)
    ringing = np.outer(0.27 ** np.arange(20), (-0.3) ** np.arange(20.0)).astype(np.float32)
    image = data.draw(st.sampled_from([fine, IMAGE, np.abs(np.fft.fft2(fine)).astype(np.float32), ringing, SMOOTH]))
    coded = encode_band(image, FORMAT, Selection(None, None, 5), image_rows=len(image), verify=False)
    number = data.draw(st.integers(0, len(coded.streams) - 1))
    stream = bytearray(coded.streams[number])
    if stream:
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place] ^= data.draw(st.integers(1, 255))
    streams = (*coded.streams[:number], bytes(stream), *coded.streams[number + 1 :])
    try:
        decoded = decode_band(
            replace(coded, streams=streams), FORMAT, None, rows=len(image), width=image.shape[1], image_rows=len(image)
        )
    except sofc.SofcError:
        return
    assert bits_of(decoded) == bits_of(image)


def test_a_limit_counts_words() -> None:
    data = sofc.encode(np.zeros((40, 40), np.complex128), codebook=None)
    with pytest.raises(sofc.LimitError, match="12800 samples"):
        sofc.decode(data, limits=sofc.Limits(max_band_samples=12799))


def test_types_do_not_mix() -> None:
    encoder = sofc.Encoder(sofc.header_for(IMAGE))
    with pytest.raises(sofc.UsageError, match="float32 has samples of float64"):
        encoder.write(IMAGE.astype(np.float64))
    with pytest.raises(sofc.UsageError, match="cannot be stored"):
        sofc.encode(np.zeros((2, 2), np.longdouble))
    with pytest.raises(sofc.UsageError, match="bfloat16 come as uint16"):
        sofc.encode(IMAGE, sample_type=SampleType.BFLOAT16)
    unknown: Any
    for unknown in ({"sample_type": "bfloat16"}, {"sample_type": 0}, {"meaning": "rgb"}, {"meaning": 99}):
        with pytest.raises(sofc.UsageError, match="is a member of sofc"):
            sofc.encode(np.zeros((2, 2), np.uint16), **unknown)


# Other programs' ways in.


@pytest.mark.parametrize("sample_type", [one for one in SampleType if one is not SampleType.BFLOAT16])
def test_files(sample_type: SampleType, tmp_path: Path) -> None:
    from sofc.cli.__main__ import main

    array = (np.arange(30).reshape(5, 6) * 3 + 1).astype(sample_type.dtype_name)
    source, coded, back = (tmp_path / name for name in ("a.npy", "a.sofc", "b.npy"))
    np.save(source, array.astype(array.dtype.newbyteorder(">")))
    assert main(["encode", str(source), "-o", str(coded)]) == 0
    assert main(["info", str(coded)]) == 0
    assert main(["test", str(coded)]) == 0
    assert main(["decode", str(coded), "-o", str(back)]) == 0
    found = np.load(back)
    assert found.dtype == array.dtype and bits_of(found) == bits_of(array)
    assert main(["decode", str(coded), "-o", str(tmp_path / "c.tif")]) == 0
    import tifffile

    assert bits_of(tifffile.imread(tmp_path / "c.tif")) == bits_of(array)


def test_archives_and_float_maps(tmp_path: Path) -> None:
    from sofc.imagefiles import load, sources

    np.savez(tmp_path / "a.npz", first=IMAGE, second=IMAGE.astype(np.int32))
    first, second = (load(source).array for source in sources([tmp_path / "a.npz"]))
    assert bits_of(first) == bits_of(IMAGE) and second.dtype == np.int32
    (tmp_path / "b.pfm").write_bytes(b"Pf\n10 6\n-1.0\n" + IMAGE[::-1].astype("<f4").tobytes())
    (tmp_path / "c.pfm").write_bytes(b"PF\n2 1\n1.0\n" + np.arange(6).astype(">f4").tobytes())
    assert bits_of(load(sources([tmp_path / "b.pfm"])[0]).array) == bits_of(IMAGE)
    assert load(sources([tmp_path / "c.pfm"])[0]).array.shape == (1, 2, 3)


def test_array_stores() -> None:
    from sofc.plugins._chunks import chunk_coder

    coder = chunk_coder(None, 5, None)
    chunk = np.random.default_rng(6).normal(0, 1, (3, 8, 9))
    assert bits_of(coder.decode(coder.encode(chunk))) == bits_of(chunk)


def test_pillow() -> None:
    from PIL import Image as Pillow

    import sofc.plugins.pillow  # noqa: F401

    for image in (Pillow.fromarray(IMAGE), Pillow.fromarray((IMAGE * 1e6).astype(np.int32))):
        buffer = io.BytesIO()
        image.save(buffer, "SOFC")
        with Pillow.open(buffer) as opened:
            assert opened.mode == image.mode
            assert opened.tobytes() == image.tobytes()


def test_restored_keys_have_the_shape_of_components() -> None:
    array = np.random.default_rng(7).normal(0, 1, (3, 4, 2)) + 1j
    keys = to_keys(array, SampleType.COMPLEX128)
    assert keys.shape == (4, 3, 4)
    assert bits_of(from_keys(keys, SampleType.COMPLEX128, 2)) == bits_of(array)
