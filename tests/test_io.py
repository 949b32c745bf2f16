"""One-shot functions, files, random access."""

from __future__ import annotations

import inspect
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import chunks_of, file_of, pieces, raw_codebook
from hypothesis import given
from hypothesis import strategies as st
from strategies import CODERS, images

import sofc
from sofc.container.chunks import IndexBuilder, unpack_index
from sofc.container.records import IndexEntry
from sofc.container.schema import SIGNATURE, VERSION_MAJOR, VERSION_MINOR
from sofc.errors import CodebookError, FormatError, LimitError, NotSofcError, TruncatedError, UsageError
from sofc.image import ImageHeader, PixelFormat
from sofc.stream.encoder import Encoder
from sofc.stream.settings import EncoderSettings, EncodeSettings

RANDOM = np.random.default_rng(2)
TYPES = ("bool", "uint8", "int8", "uint16", "int16")

Image = np.ndarray[Any, Any]


def random(shape: tuple[int, ...], dtype: str = "uint8") -> Image:
    if dtype == "bool":
        return RANDOM.random(shape) < 0.4
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def same(first: Image, second: Image) -> bool:
    return first.dtype == second.dtype and np.array_equal(first, second)


# Headers.


@pytest.mark.parametrize(
    ("values", "dtype", "declared", "coded", "result_type"),
    [
        ([0, 1], "bool", None, 1, "bool"),
        ([0, 0], "bool", None, 1, "bool"),
        ([0, 1], "uint8", None, 8, "uint8"),
        ([0, 1], "uint8", 1, 1, "bool"),
        ([0, 5], "uint8", 1, 3, "uint8"),
        ([0, 4095], "uint16", 12, 12, "uint16"),
        ([0, 4096], "uint16", 12, 13, "uint16"),
        ([0, 255], "uint16", 8, 8, "uint8"),
        ([-1, 0], "int8", 1, 1, "int8"),
        ([-2, 1], "int16", 1, 2, "int8"),
        ([-2, 2], "int16", 1, 3, "int8"),
        ([-2048, 2047], "int16", 12, 12, "int16"),
        ([-2049, 0], "int16", 12, 13, "int16"),
        ([0, 0], ">u2", None, 16, "uint16"),
    ],
)
def test_header_for(values: list[int], dtype: str, declared: int | None, coded: int, result_type: str) -> None:
    array = np.array([values], dtype)
    header = sofc.header_for(array, declared_bits=declared)
    assert (header.width, header.height) == (2, 1)
    assert header.format.coded_bits == coded
    assert header.format.dtype_name == result_type
    again = sofc.decode(sofc.encode(array, declared_bits=declared))
    assert again.dtype.name == result_type
    assert np.array_equal(again, array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2), np.longdouble), r"float128.*astype|longdouble"),
        (np.zeros((2, 2), "M8[s]"), "datetime64"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((2, 2, 2, 2), np.uint8), "shape"),
        (np.zeros((0, 5), np.uint8), "at least one sample"),
        (np.zeros((5, 0), np.uint8), "at least one sample"),
        (np.zeros((5, 5, 0), np.uint8), "at least one sample"),
        ([[1, 2]], "numpy array, not list"),
    ],
)
def test_arrays_that_are_no_images_are_refused(array: Any, message: str) -> None:
    for call in (sofc.header_for, sofc.encode):
        with pytest.raises(UsageError, match=message):
            call(array)


# Round trips.


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (9, 7, 2), (9, 7, 3), (1, 5, 4), (6, 1, 5)])
@pytest.mark.parametrize("coder", ["raw", "shape", None])
def test_every_type_and_shape(dtype: str, shape: tuple[int, ...], coder: str | None) -> None:
    array = random(shape, dtype)
    assert same(sofc.decode(sofc.encode(array, coder=coder)), array)


@given(images(), CODERS, st.one_of(st.none(), st.integers(1, 9)))
def test_one_shot_is_the_encoder(image: tuple[ImageHeader, Image], coder: str, band_rows: int | None) -> None:
    header, array = image
    array_header = sofc.header_for(array, declared_bits=header.format.declared_bits)
    data = sofc.encode(array, declared_bits=header.format.declared_bits, coder=coder, band_rows=band_rows)
    encoder = Encoder(array_header, coder=coder, band_rows=band_rows)
    assert encoder.write(array) + encoder.finish() == data
    assert np.array_equal(sofc.decode(data), array)
    assert np.array_equal(sofc.decode(data, image=0, threads=2), array)


def test_one_component_may_have_its_axis() -> None:
    array = random((4, 5, 1))
    assert same(sofc.decode(sofc.encode(array)), array[:, :, 0])


def test_arrays_of_any_layout() -> None:
    array = random((12, 20, 3))
    for view in (array[::-1], array[:, ::2], array.transpose(1, 0, 2), np.asfortranarray(array), array[..., ::-1]):
        assert same(sofc.decode(sofc.encode(view, band_rows=5)), view)
    array.flags.writeable = False
    assert same(sofc.decode(sofc.encode(array)), array)


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 6, 7), (4, 6, 7, 3), (2, 300, 400)])
def test_batch(shape: tuple[int, ...]) -> None:
    array = random(shape)
    data = sofc.encode(array, batch=True, coder="raw")
    assert same(sofc.decode(data), array[0] if len(array) == 1 else array)
    for number, image in enumerate(array):
        assert same(sofc.decode(data, image=number), image)
    with pytest.raises(UsageError, match=f"no image {len(array)}"):
        sofc.decode(data, image=len(array))
    with pytest.raises(UsageError):
        sofc.decode(data, image=-1)


def test_images_of_different_kinds() -> None:
    arrays = [
        random((3, 4)),
        random((3, 4)),
        random((3, 4, 3)),
        random((300, 301)),
        random((300, 301)),
        random((3, 4), "int16"),
        random((3, 4)),
    ]
    for settings in ({}, {"band_rows": 2}, {"threads": 2}):
        data = sofc.encode_images(iter(arrays), coder="raw", **settings)
        decoded = sofc.decode_images(data)
        assert all(same(one, other) for one, other in zip(decoded, arrays, strict=True))
        with pytest.raises(UsageError, match="7 images"):
            sofc.decode(data)
        with sofc.open_reader(data) as reader:
            assert len(reader) == 7
            assert reader.headers == [sofc.header_for(array) for array in arrays]
            for number in (6, 0, 3, 2, 1, 5, 4):
                assert same(reader.read_image(number), arrays[number])
    assert [kind for kind, _ in chunks_of(sofc.encode_images(arrays[:3], coder="raw"))] == [
        b"H",
        b"G",
        b"H",
        b"G",
        b"i",
        b"Z",
    ]
    with pytest.raises(UsageError, match="no image"):
        sofc.encode_images([])


# Files.


def test_files(tmp_path: Path) -> None:
    array = random((20, 30, 3))
    path = tmp_path / "image.sofc"
    sofc.write(path, array, band_rows=6)
    assert same(sofc.read(path), array)
    assert same(sofc.read(str(path)), array)
    assert same(sofc.read(path.read_bytes()), array)
    with path.open("rb") as file:
        assert same(sofc.read(file), array)
    stream = io.BytesIO()
    sofc.write(stream, array, band_rows=6)
    assert stream.getvalue() == path.read_bytes() == sofc.encode(array, band_rows=6)
    before = path.read_bytes()
    with pytest.raises(UsageError):
        sofc.write(path, np.zeros((2, 2), np.longdouble))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        sofc.read(tmp_path / "none")


def test_writer(tmp_path: Path) -> None:
    array = random((20, 30))
    path = tmp_path / "image.sofc"
    with sofc.open_writer(path, sofc.header_for(array), band_rows=6) as writer:
        writer.write(array[:7])
        assert not path.exists()
        writer.write(array[7:])
        writer.begin_image(ImageHeader(30, 10, PixelFormat(1, 8, 8)))
        writer.write_group(array.reshape(2, 10, 30))
    assert list(tmp_path.iterdir()) == [path]
    with sofc.open_reader(path) as reader:
        assert len(reader) == 3
        assert same(reader.read_image(0), array)
        assert same(reader.read_image(2), array[10:])
    stream = io.BytesIO()
    writer = sofc.open_writer(stream)
    writer.begin_image(sofc.header_for(array))
    writer.write(array)
    writer.close()
    writer.close()
    assert same(sofc.decode(stream.getvalue()), array)


@pytest.mark.parametrize("failure", ["rows", "caller", "missing rows"])
def test_a_writer_that_fails_leaves_nothing(tmp_path: Path, failure: str) -> None:
    path = tmp_path / "image.sofc"
    path.write_bytes(b"old")
    with (
        pytest.raises((UsageError, ZeroDivisionError)),
        sofc.open_writer(path, ImageHeader(3, 2, PixelFormat(1, 8, 8))) as writer,
    ):
        writer.write(np.zeros((1, 3), np.uint8))
        if failure == "rows":
            writer.write(np.zeros((1, 4), np.uint8))
        elif failure == "caller":
            raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_source_that_cannot_seek() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *arguments: int) -> int:
            raise OSError("pipe")

    array = random((9, 9))
    with sofc.open_reader(Pipe(sofc.encode(array))) as reader:
        assert same(reader.read_image(), array)
    assert same(sofc.decode(Pipe(sofc.encode(array))), array)


# Random access.


@given(images(heights=st.integers(1, 40)), st.integers(1, 9), st.booleans(), st.data())
def test_rows(image: tuple[ImageHeader, Image], band_rows: int, known: bool, data: st.DataObject) -> None:
    header, array = image
    header = ImageHeader(header.width, header.height if known else None, header.format)
    encoder = Encoder(header, band_rows=band_rows, coder="raw")
    coded = encoder.write(array) + encoder.finish()
    later = data.draw(st.sampled_from([b"", b"later"]))
    with sofc.open_reader(coded + later, threads=data.draw(st.integers(1, 3))) as reader:
        assert reader.header == ImageHeader(header.width, len(array), header.format)
        for _ in range(3):
            y0 = data.draw(st.integers(0, len(array) - 1))
            y1 = data.draw(st.integers(y0 + 1, len(array)))
            assert same(reader.read_rows(y0, y1), array[y0:y1])
        for wrong in ((-1, 1), (0, len(array) + 1), (0, 0), (1, 0), (len(array), None)):
            with pytest.raises(UsageError, match="no rows"):
                reader.read_rows(*wrong)
        assert same(np.concatenate([band.rows for band in reader.bands()]), array)


def test_only_the_bands_needed_are_decoded() -> None:
    array = random((40, 300))
    data = sofc.encode(array, band_rows=10, coder="raw")
    first_sample = data.index(array[20:22].tobytes())
    damaged = data[:first_sample] + b"????" + data[first_sample + 4 :]
    with sofc.open_reader(damaged) as reader:
        assert reader.indexed
        assert same(reader.read_rows(0, 20), array[:20])
        assert same(reader.read_rows(30, 40), array[30:])
        with pytest.raises(FormatError):
            reader.read_rows(19, 21)


@pytest.mark.parametrize("threads", [1, 3])
def test_reading_without_an_index(threads: int) -> None:
    arrays = [random((30, 8)), *random((3, 5, 5)), random((30, 8))]
    encoder = Encoder(band_rows=7, coder="raw")
    data = encoder.begin_image(sofc.header_for(arrays[0])) + encoder.write(arrays[0])
    data += encoder.begin_image(sofc.header_for(arrays[1])) + encoder.write_group(np.stack(arrays[1:4]))
    data += encoder.begin_image(sofc.header_for(arrays[0])) + encoder.write(arrays[4]) + encoder.finish()
    *rest, index, _ = chunks_of(data)
    assert index[0] == b"i"
    plain = file_of([*rest, (b"Z", bytes(4))], data)
    for file in (data, plain, data + b"later"):
        with sofc.open_reader(file, threads=threads) as reader:
            assert reader.indexed == (file is data)
            assert reader.complete
            assert all(same(reader.read_image(number), array) for number, array in enumerate(arrays))
            assert same(reader.read_rows(3, 29, 4), arrays[4][3:29])


def test_an_index_that_leads_astray() -> None:
    array = random((40, 30))
    data = sofc.encode(array, band_rows=10, coder="raw")
    *rest, index, _ = chunks_of(data)
    entries = unpack_index(index[1])

    def with_entries(changed: list[IndexEntry]) -> bytes:
        builder = IndexBuilder()
        for entry in changed:
            builder.add(entry)
        file = file_of([*rest, (b"i", builder.body())], data)
        size = len(file) - len(file_of(rest, data))
        return file + file_of([(b"Z", size.to_bytes(4, "little"))], b"")

    assert same(sofc.decode(with_entries(entries)), array)
    head, *bands = entries
    for changed in (
        [head, *bands[:3]],
        [head, *bands[:2], bands[3]],
        [head, bands[1], bands[2]],
        [*bands],
        [head, IndexEntry(b"B", bands[1].offset, 0, 0)],
        [head, *bands[:3], IndexEntry(b"B", bands[3].offset, 0, 31)],
        [head, *bands[:3], IndexEntry(b"B", bands[3].offset, 1, 0)],
        [IndexEntry(b"H", bands[0].offset, 0, 0), *bands[1:]],
    ):
        with pytest.raises(FormatError):
            sofc.decode(with_entries(changed))
        with pytest.raises(FormatError), sofc.open_reader(with_entries(changed)) as reader:
            reader.read_image()


def test_limits_of_readers() -> None:
    data = sofc.encode(random((40, 30)), band_rows=10, coder="raw")
    for limits in (
        sofc.Limits(max_pixels=1199),
        sofc.Limits(max_band_samples=299),
        sofc.Limits(max_components=0),
        sofc.Limits(max_chunk_bytes=40),
        sofc.Limits(max_images=0),
    ):
        with pytest.raises(LimitError), sofc.open_reader(data, limits=limits) as reader:
            reader.read_image()
        with pytest.raises(LimitError):
            sofc.decode(data, limits=limits)


# Codebooks and metadata.


def test_codebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFC_CODEBOOK_PATH", str(tmp_path / "codebooks of the test"))
    codebook = raw_codebook()
    array = random((30, 40))
    path = tmp_path / "image.sofc"
    sofc.write(path, array, codebook=codebook)
    for call in (sofc.read, lambda source: sofc.open_reader(source).read_image()):
        with pytest.raises(CodebookError, match="codebooks of the test"):
            call(path)
    assert same(sofc.read(path, codebooks={codebook.id: codebook}), array)
    assert same(sofc.read(path, codebooks=lambda reference: codebook), array)
    with pytest.raises(CodebookError):
        sofc.read(path, codebooks=lambda reference: raw_codebook("other"))
    (tmp_path / "test.sofcb").write_bytes(codebook.to_bytes())
    assert same(sofc.read(path), array)
    with path.open("rb") as file:
        assert same(sofc.read(file), array)
    with sofc.open_reader(path) as reader:
        assert same(reader.read_image(), array)
        assert reader.codebooks == [(codebook.reference, False)]
    data = sofc.encode(array, codebook=codebook, embed_codebook=True)
    assert same(sofc.decode(data), array)
    with sofc.open_reader(data) as reader:
        assert same(reader.read_image(), array)
        assert reader.codebooks == [(codebook.reference, True)]


def test_metadata() -> None:
    of_file = [sofc.Metadata(0, "title", b"first"), sofc.Metadata(100, "", bytes(range(256)))]
    of_image = [sofc.Metadata(sofc.MetadataKind.EXIF, "", b"Exif")]
    encoder = Encoder(metadata=of_file, codebook=raw_codebook())
    data = encoder.begin_image(ImageHeader(2, 2, PixelFormat(1, 8, 8)))
    data += encoder.write(np.zeros((2, 2), np.uint8))
    data += encoder.begin_image(ImageHeader(2, 2, PixelFormat(1, 8, 8)), metadata=of_image)
    data += encoder.write(np.zeros((2, 2), np.uint8)) + encoder.finish()
    with sofc.open_reader(data) as reader:
        assert reader.metadata == of_file
        assert reader.metadata_of(0) == []
        assert reader.metadata_of(1) == of_image


# Probing.


@pytest.mark.parametrize("embed", [False, True])
def test_probe(embed: bool) -> None:
    codebook = raw_codebook()
    array = random((9, 8, 3), "int16")
    data = sofc.encode(array, codebook=codebook, embed_codebook=embed, declared_bits=12)
    first = next(cut for cut in range(len(data)) if sofc.probe(data[:cut]) is not None)
    kinds = [kind for kind, _ in chunks_of(data)]
    assert data[:first] == file_of(chunks_of(data)[: kinds.index(b"H") + 1], data)
    info = sofc.probe(data)
    assert info == sofc.probe(data[:first])
    assert info is not None
    assert info.header == sofc.header_for(array, declared_bits=12)
    assert info.version == (VERSION_MAJOR, VERSION_MINOR[SIGNATURE])
    assert (info.codebook, info.embedded) == (codebook.reference, embed)
    plain = sofc.probe(sofc.encode(array))
    assert plain is not None
    assert (plain.codebook, plain.embedded) == (None, False)


def test_probe_refuses() -> None:
    data = sofc.encode(random((4, 4)))
    assert sofc.is_sofc(data) and sofc.is_sofc(data[:8])
    assert not sofc.is_sofc(data[:7]) and not sofc.is_sofc(b"") and not sofc.is_sofc(raw_codebook().to_bytes())
    with pytest.raises(NotSofcError):
        sofc.probe(b"GIF")
    with pytest.raises(FormatError):
        sofc.probe(file_of([(b"Z", bytes(4))], data))
    with pytest.raises(FormatError):
        sofc.probe(data[:15] + b"?" + data[16:])


def test_truncated_files_are_told() -> None:
    data = sofc.encode(random((30, 30)), band_rows=5)
    for part in pieces(data, range(0, len(data), 50))[1:]:
        with pytest.raises(TruncatedError):
            sofc.decode(data[: len(data) - len(part)])


def test_the_settings_of_the_encoder_are_named_once() -> None:
    """What is handed on is what ``Encoder`` takes."""
    taken = inspect.signature(Encoder).parameters.keys() - {"header"}
    assert EncoderSettings.__annotations__.keys() == taken
    own = {name for name, one in inspect.signature(sofc.encode).parameters.items() if one.kind is one.KEYWORD_ONLY}
    assert EncodeSettings.__annotations__.keys() == taken | own
