"""Compressed frames of DICOM files come as they were before, whichever decoder reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_imagefiles_medical import write_dicom

from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles import load, remarks, sources

imagecodecs = pytest.importorskip("imagecodecs")
pydicom = pytest.importorskip("pydicom")
RANDOM = np.random.default_rng(23)
SV1, LOSSLESS, TWELVE = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.51"
LS, NEAR = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
J2K = "1.2.840.10008.1.2.4.90"
HIGH_THROUGHPUT = tuple(f"1.2.840.10008.1.2.4.20{number}" for number in (1, 2, 3))
Coder = Callable[[np.ndarray], bytes]


def some(bits: int, signed: bool, components: int = 1) -> np.ndarray:
    """Three frames with the least and the largest value, neither of them smooth."""
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    kind = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    shape = (3, 17, 22) if components == 1 else (3, 17, 22, components)
    samples = RANDOM.integers(low, high, shape).astype(kind)
    samples.flat[:2] = low, high - 1
    return samples


def write(path: Path, samples: np.ndarray, bits: int, syntax: str, coder: Coder, pieces: int = 1) -> None:
    """A file of frames as ``coder`` makes them."""
    photometric = "RGB" if samples.ndim == 4 else "MONOCHROME2"
    write_dicom(path, samples, bits=bits, photometric=photometric)
    data_set = pydicom.dcmread(path)
    data_set.file_meta.TransferSyntaxUID = syntax
    coded = [coder(frame) for frame in samples]
    data_set.PixelData = pydicom.encaps.encapsulate(coded, fragments_per_frame=pieces)
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    data_set.save_as(path)


def bits_of(frame: np.ndarray, bits: int) -> np.ndarray:
    """The bits that are stored of each sample."""
    return (frame.view(f"u{frame.itemsize}") & ((1 << bits) - 1)).astype(f"u{frame.itemsize}")


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize(
    ("bits", "signed", "components"),
    [(8, False, 1), (8, False, 3), (12, False, 1), (16, False, 1), (12, True, 1), (16, True, 1), (8, True, 1)],
)
def test_lossless_frames(tmp_path: Path, bits: int, signed: bool, components: int, pieces: int) -> None:
    samples = some(bits, signed, components)
    path = tmp_path / "x.dcm"
    coders: dict[str, Coder] = {LS: lambda frame: bytes(imagecodecs.jpegls_encode(bits_of(frame, bits)))}
    if components == 1:
        coders[SV1] = coders[LOSSLESS] = lambda frame: bytes(
            imagecodecs.ljpeg_encode(bits_of(frame, bits), bitspersample=bits)
        )
    if not (signed and bits == 8):
        # OpenJPH writes them, OpenJPEG reads them.
        coders |= dict.fromkeys(HIGH_THROUGHPUT, lambda frame: bytes(imagecodecs.htj2k_encode(frame)))
    for syntax, coder in coders.items():
        write(path, samples, bits, syntax, coder, pieces)
        found = sources([path])
        for number in (0, 1, 2, 0, 2, 1):
            got = load(found[number])
            assert got.array.dtype == samples.dtype and got.declared_bits == bits
            np.testing.assert_array_equal(got.array, samples[number])


@pytest.mark.parametrize(("syntax", "bits"), [(LS, 12), (NEAR, 12), (SV1, 16), *((one, 12) for one in HIGH_THROUGHPUT)])
def test_as_other_decoders_have_them(tmp_path: Path, syntax: str, bits: int) -> None:
    # libjpeg of T. Richter and OpenJPEG, in packages that pydicom knows.
    for name in ("pylibjpeg", "libjpeg", "openjpeg"):
        pytest.importorskip(name)
    from pydicom.pixels import pixel_array

    path = tmp_path / "x.dcm"
    coders: dict[str, Coder] = {
        LS: imagecodecs.jpegls_encode,
        NEAR: lambda frame: bytes(imagecodecs.jpegls_encode(frame, level=2)),
        SV1: lambda frame: bytes(imagecodecs.ljpeg_encode(frame, bitspersample=bits)),
    }
    samples = some(bits, False)
    write(path, samples, bits, syntax, coders.get(syntax, imagecodecs.htj2k_encode))
    for number, source in enumerate(sources([path])):
        expected = pixel_array(path, index=number, raw=True, decoding_plugin="pylibjpeg")
        np.testing.assert_array_equal(load(source).array, expected)


def test_twelve_bits(tmp_path: Path) -> None:
    smooth = (np.add.outer(np.arange(40), np.arange(50)) * 40).astype(np.uint16)[None]
    write(tmp_path / "x.dcm", smooth, 12, TWELVE, lambda frame: bytes(imagecodecs.jpeg_encode(frame, bitspersample=12)))
    (source,) = sources([tmp_path / "x.dcm"])
    got = load(source)
    assert got.declared_bits == 12
    assert np.abs(got.array.astype(int) - smooth[0].astype(int)).max() < 100


@pytest.mark.parametrize("kept_in", ["YCBCR", "RGB"])
@pytest.mark.parametrize("photometric", ["YBR_FULL", "RGB"])
def test_colours_of_twelve_bits_are_not_converted(tmp_path: Path, kept_in: str, photometric: str) -> None:
    ramp = np.add.outer(np.arange(40), np.arange(50)) * 40
    stored = np.stack([ramp, 4095 - ramp, ramp // 2], -1).astype(np.uint16)[None]
    path = tmp_path / "x.dcm"

    def coder(frame: np.ndarray) -> bytes:
        spaces = {"colorspace": kept_in, "outcolorspace": kept_in}
        data = bytes(imagecodecs.jpeg_encode(frame, level=98, bitspersample=12, subsampling="444", **spaces))
        return data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]  # without a mark of JFIF or Adobe

    write(path, stored, 12, TWELVE, coder)
    data_set = pydicom.dcmread(path)
    data_set.PhotometricInterpretation = photometric
    data_set.save_as(path)
    (source,) = sources([path])
    assert np.abs(load(source).array.astype(int) - stored[0]).max() < 4


@pytest.mark.parametrize("signed", [False, True])
def test_data_of_fewer_bits_than_the_file_says(tmp_path: Path, signed: bool) -> None:
    samples = some(8, signed)
    path = tmp_path / "x.dcm"
    coders: dict[str, Coder] = {
        HIGH_THROUGHPUT[0]: lambda frame: bytes(imagecodecs.htj2k_encode(frame.astype(samples.dtype))),
        J2K: lambda frame: bytes(
            imagecodecs.jpeg2k_encode(frame.astype(samples.dtype), level=0, codecformat="j2k", reversible=True)
        ),
    }
    if not signed:
        coders[LS] = lambda frame: bytes(imagecodecs.jpegls_encode(frame.astype(np.uint8)))
    wide = samples.astype(np.int16 if signed else np.uint16)
    for syntax, coder in coders.items():
        write(path, wide, 12, syntax, coder)
        for source, expected in zip(sources([path]), wide, strict=True):
            got = load(source)
            assert got.array.dtype == wide.dtype and got.declared_bits == 12
            np.testing.assert_array_equal(got.array, expected)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    samples = some(12, False)

    def marked(frame: np.ndarray) -> bytes:
        return bytes(imagecodecs.jpegls_encode(frame | 0x2000))

    for coder, kind, words in (
        (marked, UnsupportedError, "more than 12 bits"),
        (lambda frame: bytes(imagecodecs.jpegls_encode(frame[:9])), UnsupportedError, "of shape"),
        (lambda frame: bytes(imagecodecs.jpegls_encode(frame))[:-30], FormatError, "are damaged: frame 0 is cut off"),
        (lambda frame: b"no such data\xff\xd9", FormatError, "are damaged"),
    ):
        write(path, samples, 12, LS, coder)
        with pytest.raises(kind, match=words):
            load(sources([path])[0])


def test_data_that_no_decoder_is_made_for_are_not_called_damaged(tmp_path: Path) -> None:
    samples, path = RANDOM.integers(0, 1 << 20, (1, 16, 16), np.uint32), tmp_path / "x.dcm"
    write(path, samples, 32, J2K, lambda frame: bytes(imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k")))
    with pytest.raises(UnsupportedError, match=r"does not decode.*up to 16.*--keep-file"):
        load(sources([path])[0])


@pytest.mark.parametrize("padding", [b"\xff", b"\xff\0", b"\0\0\0"])
def test_what_makes_frames_even(tmp_path: Path, padding: bytes) -> None:
    samples, path = some(12, False), tmp_path / "x.dcm"
    write(path, samples, 12, LS, lambda frame: bytes(imagecodecs.jpegls_encode(frame)) + padding)
    assert all(map(np.array_equal, samples, (load(source).array for source in sources([path]))))


def _ls(frame: np.ndarray) -> bytes:
    coded = bytes(imagecodecs.jpegls_encode(frame))
    return coded + b"\0" * (len(coded) % 2)


@pytest.mark.parametrize("syntax", [LS, J2K])
def test_tables_of_offsets_that_lead_elsewhere(tmp_path: Path, syntax: str) -> None:
    samples, path = some(12, False), tmp_path / "x.dcm"
    write(path, samples, 12, syntax, _ls if syntax == LS else _j2k)
    data_set = pydicom.dcmread(path)
    frames = list(pydicom.encaps.generate_frames(data_set.PixelData, number_of_frames=3))
    data_set.PixelData, starts, sizes = pydicom.encaps.encapsulate_extended(frames)
    whole = [np.frombuffer(table, "<u8") for table in (starts, sizes)]
    orders = {(0, 1, 2): True, (1, 0, 2): False, (0, 0, 0): False, (0, 1): False}
    for order, is_read in orders.items():
        data_set.ExtendedOffsetTable, data_set.ExtendedOffsetTableLengths = (t[list(order)].tobytes() for t in whole)
        data_set.save_as(path)
        if is_read:
            assert all(map(np.array_equal, samples, (load(source).array for source in sources([path]))))
        else:
            with pytest.raises(FormatError, match="Extended Offset Table"):
                load(sources([path])[0])
    # Tables that hold no whole numbers are none that fit, and no library is asked what it makes of them.
    for cut in (slice(None, -2), slice(None, 4)):
        data_set.ExtendedOffsetTable, data_set.ExtendedOffsetTableLengths = starts[cut], sizes[cut]
        data_set.save_as(path)
        with pytest.raises(FormatError, match="Extended Offset Table"):
            load(sources([path])[0])


@pytest.mark.parametrize("has_table", [False, True])
@pytest.mark.parametrize("syntax", [LS, J2K])
def test_frames_beyond_those_of_the_head_are_named(tmp_path: Path, syntax: str, has_table: bool) -> None:
    samples, path = some(12, False), tmp_path / "x.dcm"
    write(path, samples, 12, syntax, _ls if syntax == LS else _j2k)
    assert not [one for one in remarks(path) if "more frame" in one]
    data_set = pydicom.dcmread(path)
    data_set.NumberOfFrames = 1 if has_table else 2
    frames = list(pydicom.encaps.generate_frames(data_set.PixelData, number_of_frames=3))
    data_set.PixelData = pydicom.encaps.encapsulate(frames, has_bot=has_table)
    data_set.save_as(path)
    said = "2 more frames than" if has_table else "1 more frame than"
    assert [one for one in remarks(path) if said in one]


def _j2k(frame: np.ndarray) -> bytes:
    coded = bytes(imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat="j2k", bitspersample=12))
    return coded + b"\0" * (len(coded) % 2)


def test_a_sign_that_the_head_denies(tmp_path: Path) -> None:
    """pydicom adds half the range to such samples; others take their bits for unsigned ones."""
    samples, path = some(12, True), tmp_path / "x.dcm"
    write(path, samples, 12, J2K, _j2k)
    assert all(map(np.array_equal, samples, (load(source).array for source in sources([path]))))
    data_set = pydicom.dcmread(path)
    data_set.PixelRepresentation = 0
    data_set.save_as(path)
    with pytest.raises(UnsupportedError, match="PixelRepresentation 0"):
        load(sources([path])[0])
