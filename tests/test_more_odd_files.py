"""Layouts of files that libraries pass over, guess at, or describe in their own words."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles import load, remarks, sources

SAMPLES = np.arange(17 * 23, dtype=np.uint16).reshape(17, 23) * 161
STRIP_COUNTS, COMPRESSION = 279, 259


def tiff_with(tag: int, change: Any, **settings: Any) -> bytes:
    """A TIFF file whose entry of one field is changed by ``change``, of the 12 bytes of the entry."""
    file = io.BytesIO()
    tifffile.imwrite(file, SAMPLES, metadata=None, byteorder="<", **settings)
    data = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as read:
        start = read.pages.first.tags[tag].offset
    data[start : start + 12] = change(bytes(data[start : start + 12]))
    return bytes(data)


def arrays(path: Path) -> list[np.ndarray[Any, Any]]:
    """All images of a file."""
    return [load(source).array for source in sources([path])]


def test_strips_of_which_the_lengths_are_missing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_with(STRIP_COUNTS, lambda entry: struct.pack("<HHII", 65001, 3, 1, 0), rowsperstrip=4))
    with pytest.raises(FormatError, match="does not say how many bytes"):
        arrays(path)


@pytest.mark.parametrize("number", [32766, 32809, 34661, 34725])
def test_ways_of_compression_that_are_not_read_are_named(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_with(COMPRESSION, lambda entry: entry[:8] + struct.pack("<I", number)))
    with pytest.raises(UnsupportedError, match=rf"not read \(Compression {number}[,)]"):
        arrays(path)


def test_pages_of_lsm_files_without_smaller_copies_are_read(tmp_path: Path) -> None:
    """Of these tifffile takes every second page for a smaller copy of the one before."""
    path = tmp_path / "a.lsm"
    stack = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    head = struct.pack("<IiIIIIIi", 0x0400494C, 512, 5, 4, 3, 1, 1, 1).ljust(512, b"\0")
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(stack):
            extra = [(34412, "B", len(head), head, True)] if number == 0 else []
            writer.write(page, metadata=None, photometric="minisblack", extratags=extra)
    assert np.array_equal(arrays(path), stack)


def test_cursors_are_named_and_tga_files_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(struct.pack("<HHH", 0, 2, 1) + bytes(16) + b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(UnsupportedError, match="Windows cursor"):
        arrays(path)
    path.write_bytes(struct.pack("<3BHHB4H2B", 0, 0, 2, 0, 0, 0, 0, 0, 2, 1, 24, 0x20) + b"abcdef")
    assert np.array_equal(arrays(path)[0], [[[99, 98, 97], [102, 101, 100]]])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("VTK", b"# vtk DataFile Version 3.0\n"),
        ("Interfile", b"!INTERFILE  :=\n"),
        ("ICS", b"\t\nics_version\t2.0\n"),
        ("GIPL", bytes(252) + b"\xef\xff\xe9\xb0"),
        ("OLE2", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ],
)
def test_further_formats_are_named(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data.ljust(600, b"\0"))
    with pytest.raises(UnsupportedError, match=f"this is a {name} file"):
        arrays(path)


class TestVolumes:
    """NIfTI and Analyze files."""

    def test_head_without_its_samples(self, tmp_path: Path) -> None:
        nibabel = pytest.importorskip("nibabel")
        nibabel.save(nibabel.Nifti1Pair(np.zeros((5, 4, 3), np.int16), np.eye(4)), tmp_path / "a.img")
        (tmp_path / "a.img").unlink()
        with pytest.raises(FormatError, match=r"are in a\.img beside it"):
            arrays(tmp_path / "a.hdr")

    def test_samples_within_the_head(self, tmp_path: Path) -> None:
        nibabel = pytest.importorskip("nibabel")
        path = tmp_path / "a.nii"
        volume = np.arange(60, dtype=np.int16).reshape(5, 4, 3)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path)
        data = bytearray(path.read_bytes())
        assert np.array_equal(arrays(path)[1], volume[:, :, 1].T)
        struct.pack_into("<f", data, 108, 0)
        path.write_bytes(data)
        with pytest.raises(UnsupportedError, match=r"within its head \(at 0\)"):
            arrays(path)


class TestDicom:
    """Data sets made by hand."""

    def saved(self, path: Path, syntax: str, data: bytes, vr: str, **values: Any) -> None:
        """A file with these values and samples."""
        pydicom = pytest.importorskip("pydicom")
        data_set = pydicom.Dataset()
        data_set.file_meta = pydicom.dataset.FileMetaDataset()
        data_set.file_meta.TransferSyntaxUID = syntax
        data_set.SOPClassUID, data_set.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
        fields: dict[str, Any] = {"Rows": 6, "Columns": 8, "SamplesPerPixel": 1, "BitsAllocated": 8, "BitsStored": 8}
        fields |= {"HighBit": 7, "PixelRepresentation": 0, "PhotometricInterpretation": "MONOCHROME2"}
        for name, value in (fields | values).items():
            setattr(data_set, name, value)
        data_set.add_new(0x7FE00010, vr, data)
        data_set.save_as(path, enforce_file_format=True)

    @pytest.mark.parametrize("frames", [1, 3])
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_single_bits_in_words(self, tmp_path: Path, frames: int, order: str) -> None:
        path = tmp_path / "a.dcm"
        image = np.random.default_rng(1).integers(0, 2, (frames, 7, 9)).astype(np.bool_)
        packed = np.packbits(image.ravel(), bitorder="little").tobytes()
        words = np.frombuffer(packed + bytes(len(packed) % 2), "<u2").astype(f"{order}u2")
        syntax = "1.2.840.10008.1.2.1" if order == "<" else "1.2.840.10008.1.2.2"
        bits = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "Rows": 7, "Columns": 9}
        self.saved(path, syntax, words.tobytes(), "OW", **bits, NumberOfFrames=frames)
        assert np.array_equal(arrays(path), image)

    def test_colours_said_to_be_halved_but_all_there(self, tmp_path: Path) -> None:
        path = tmp_path / "a.dcm"
        colours = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL_422"}
        self.saved(path, "1.2.840.10008.1.2.1", bytes(6 * 8 * 2), "OB", **colours)
        assert arrays(path)[0].shape == (6, 8, 3)
        assert not [*remarks(path)]
        self.saved(path, "1.2.840.10008.1.2.1", bytes(6 * 8 * 3), "OB", **colours)
        with pytest.raises(UnsupportedError, match="half of the colours"):
            arrays(path)

    def test_syntaxes_that_are_not_known_are_named(self, tmp_path: Path) -> None:
        path = tmp_path / "a.dcm"
        self.saved(path, "1.2.840.10008.1.2.4.201", b"\xfe\xff\x00\xe0" + bytes(4), "OB")
        path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.4.201", b"1.2.840.10008.1.2.4.990"))
        with pytest.raises(UnsupportedError, match=r"does not know \(TransferSyntaxUID 1\.2\.840\.10008\.1\.2\.4\.990"):
            arrays(path)
