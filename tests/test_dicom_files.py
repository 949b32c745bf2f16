"""DICOM files that decoding writes: the same bytes where samples were plain, else the same elements and samples."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_imagefiles_medical import pydicom, write_dicom

import sofc
from sofc.cli.__main__ import main
from sofc.metadata import read as read_metadata
from sofc.metadata.dicom_file import DicomWriter

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images: slow")
RANDOM = np.random.default_rng(8)
Change = Callable[[Any], object]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pydicom()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def colours(frames: int = 1) -> np.ndarray:
    return RANDOM.integers(0, 256, (frames, 7, 10, 3), np.uint8)


def changed(path: Path, *changes: Change, **arguments: Any) -> None:
    data_set = pydicom().dcmread(path)
    for change in changes:
        change(data_set)
    data_set.save_as(path, **arguments)


def as_planar(data_set: Any) -> None:
    frames = np.frombuffer(data_set.PixelData, np.uint8).reshape(-1, 7, 10, 3)
    data_set.PlanarConfiguration, data_set.PixelData = 1, np.moveaxis(frames, 3, 1).tobytes()


def as_halved(data_set: Any) -> None:
    data_set.PhotometricInterpretation = "YBR_FULL_422"
    data_set.PixelData = RANDOM.integers(0, 256, 7 * 10 * 2, np.uint8).tobytes()


def with_overlay(data_set: Any) -> None:
    data_set.add_new((0x6000, 0x0010), "US", 4)
    data_set.add_new((0x6000, 0x3000), "OW", b"\x5a\xa5")


def with_padding(data_set: Any) -> None:
    data_set.add_new(0xFFFCFFFC, "OB", b"behind the samples")


def as_words(data_set: Any) -> None:
    data_set["PixelData"].VR = "OW"


def as_floats(data_set: Any) -> None:
    del data_set.PixelData, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation
    data_set.BitsAllocated, data_set.FloatPixelData = 32, RANDOM.normal(0, 1, (3, 7, 9)).astype(np.float32).tobytes()


def palette(data_set: Any) -> None:
    for name in ("Red", "Green", "Blue"):
        setattr(data_set, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 8])
        data_set[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(data_set, f"{name}PaletteColorLookupTableData", RANDOM.integers(0, 256, 256, np.uint8).tobytes())


GRAY = RANDOM.integers(0, 4096, (3, 7, 9)).astype(np.uint16)
PLAIN: dict[str, tuple[np.ndarray, int, str, tuple[Change, ...]]] = {
    "one frame": (GRAY[:1], 12, "MONOCHROME2", ()),
    "white as zero": (GRAY, 12, "MONOCHROME1", (with_overlay, with_padding)),
    "signed": (GRAY.astype(np.int16) - 2000, 13, "MONOCHROME2", ()),
    "odd bytes": (GRAY.astype(np.uint8), 8, "MONOCHROME2", ()),
    "bytes as words": (GRAY.astype(np.uint8), 8, "MONOCHROME2", (as_words,)),
    "32 bits": (GRAY.astype(np.uint32) << 20, 32, "MONOCHROME2", ()),
    "floats": (GRAY.astype(np.uint32), 32, "MONOCHROME2", (as_floats,)),
    "bits": (GRAY > 2000, 1, "MONOCHROME2", ()),
    "bits in bytes": ((GRAY > 2000).astype(np.uint8), 1, "MONOCHROME2", ()),
    "palette": (GRAY.astype(np.uint8), 8, "PALETTE COLOR", (palette,)),
    "colours": (colours(2), 8, "RGB", ()),
    "planar": (colours(2), 8, "YBR_FULL", (as_planar,)),
    "halved": (colours(), 8, "YBR_FULL_422", (as_halved,)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_files_of_plain_samples_come_back(name: str) -> None:
    array, bits, photometric, changes = PLAIN[name]
    write_dicom(Path("a.dcm"), array, bits=bits, photometric=photometric, PatientName="Noether")
    changed(Path("a.dcm"), *changes)
    assert main(["encode", "-q", "-e1", "a.dcm"]) == 0
    assert main(["decode", "-q", "a.sofc", "--format", "dicom", "--out-dir", "back"]) == 0
    assert Path("back/a.dcm").read_bytes() == Path("a.dcm").read_bytes()


@pytest.mark.parametrize("is_implicit", [True, False])
def test_encodings_are_kept(is_implicit: bool) -> None:
    write_dicom(Path("a.dcm"), GRAY, bits=12)
    data_set = pydicom().dcmread("a.dcm")
    syntaxes = pydicom().uid
    syntax = syntaxes.ImplicitVRLittleEndian if is_implicit else syntaxes.ExplicitVRBigEndian
    data_set.file_meta.TransferSyntaxUID = syntax
    if not is_implicit:
        data_set.PixelData = GRAY.byteswap().tobytes()
    pydicom().dcmwrite("a.dcm", data_set, implicit_vr=is_implicit, little_endian=is_implicit)
    assert main(["encode", "-q", "-e1", "a.dcm"]) == 0
    assert main(["decode", "-q", "a.sofc", "-o", "b.dcm"]) == 0
    assert Path("b.dcm").read_bytes() == Path("a.dcm").read_bytes()


@pytest.mark.parametrize("syntax", ["ExplicitVRBigEndian", "DeflatedExplicitVRLittleEndian"])
def test_floats_are_said_to_be_such(syntax: str) -> None:
    module = pydicom()
    write_dicom(Path("a.dcm"), GRAY.astype(np.uint32), bits=32)
    data_set = module.dcmread("a.dcm")
    as_floats(data_set)
    data_set.file_meta.TransferSyntaxUID = module.uid.UID(getattr(module.uid, syntax))
    is_big = syntax == "ExplicitVRBigEndian"
    module.dcmwrite("a.dcm", data_set, implicit_vr=False, little_endian=not is_big)
    assert main(["encode", "-q", "-e1", "a.dcm"]) == 0
    assert main(["decode", "-q", "a.sofc", "-o", "b.dcm"]) == 0
    before, after = (module.dcmread(name)["FloatPixelData"] for name in ("a.dcm", "b.dcm"))
    assert (after.VR, after.value) == ("OF", before.value)
    assert not is_big or Path("b.dcm").read_bytes() == Path("a.dcm").read_bytes()


def deflated(data_set: Any) -> None:
    data_set.file_meta.TransferSyntaxUID = pydicom().uid.DeflatedExplicitVRLittleEndian


def rle(data_set: Any) -> None:
    data_set.compress(pydicom().uid.RLELossless, generate_instance_uid=False)


def jpeg(data_set: Any) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(data_set.pixel_array[0]).save(file, "JPEG")
    data_set.NumberOfFrames, data_set.PhotometricInterpretation = 1, "YBR_FULL_422"
    data_set.file_meta.TransferSyntaxUID = pydicom().uid.JPEGBaseline8Bit
    data_set.PixelData = pydicom().encaps.encapsulate([file.getvalue()])
    data_set["PixelData"].is_undefined_length = True


@pytest.mark.parametrize(
    ("change", "named"),
    [(deflated, "Deflated"), (rle, "in RLE Lossless"), (jpeg, "colours in YBR_FULL, where they were in YBR_FULL_422")],
)
def test_compressed_samples_become_plain(change: Change, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    from pydicom.pixels import pixel_array

    module = pydicom()
    write_dicom(Path("a.dcm"), colours(2), bits=8, photometric="RGB", PatientName="Noether")
    changed(Path("a.dcm"), change, with_padding)
    assert main(["encode", "-q", "-e1", "a.dcm"]) == 0
    assert main(["decode", "a.sofc", "-o", "b.dcm"]) == 0
    assert named in capsys.readouterr().out
    before, after = module.dcmread("a.dcm"), module.dcmread("b.dcm")
    assert np.array_equal(pixel_array(before, raw=True), pixel_array(after, raw=True))
    assert after.file_meta.TransferSyntaxUID == module.uid.ExplicitVRLittleEndian
    for data_set in (before, after):
        del data_set.PixelData, data_set.PhotometricInterpretation
        del data_set.file_meta.TransferSyntaxUID, data_set.file_meta.FileMetaInformationGroupLength
    assert before == after and before.file_meta == after.file_meta


def test_a_collection_comes_back_as_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    for name, frames in (("a", 1), ("b", 3), ("c", 2)):
        write_dicom(Path(f"{name}.dcm"), GRAY[:frames], bits=12, PatientName=name)
    names = ["a.dcm", "b.dcm", "c.dcm"]
    assert main(["encode", "-q", "-e1", "--collection", *names, "-o", "all.sofc"]) == 0
    decode = ["decode", "all.sofc", "--format", "dicom", "--out-dir", "out"]
    assert main(decode) == 0
    assert "out/all/  3 files" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in Path("out/all").iterdir()} == {
        name: Path(name).read_bytes() for name in names
    }
    Path("out/all/b.dcm").unlink()
    assert main(decode) == 1
    assert main([*decode, "--skip-existing"]) == 0
    assert Path("out/all/b.dcm").read_bytes() == Path("b.dcm").read_bytes()
    assert main(["decode", "all.sofc", "--format", "dicom", "-o", "-"]) == 2


def test_a_file_that_is_kept_is_given_back() -> None:
    write_dicom(Path("a.dcm"), GRAY, bits=12)
    assert main(["encode", "-q", "--keep-file", "a.dcm"]) == 0
    assert main(["decode", "-q", "--format", "dicom", "a.sofc", "-o", "b.dcm", "--rm"]) == 0
    assert Path("b.dcm").read_bytes() == Path("a.dcm").read_bytes() and not Path("a.sofc").exists()


def test_what_no_file_is_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    write_dicom(Path("a.dcm"), GRAY, bits=12)
    items = read_metadata(Path("a.dcm"), 1)[0]
    (kept,) = items
    odd = pydicom().dcmread(io.BytesIO(kept.value))
    odd.BitsAllocated = 12
    odd.save_as("odd.dcm")
    twelve = sofc.Metadata(kept.kind, kept.key, Path("odd.dcm").read_bytes())
    cut, other = sofc.Metadata(kept.kind, kept.key, kept.value[:200]), sofc.Metadata(kept.kind, "", b"no data set")
    for samples, given, said in (
        (GRAY[:2], items, "2 of the 3 frames"),
        (np.concatenate([GRAY, GRAY]), items, "more images than the 3 frames"),
        (GRAY.astype(np.uint32), items, "type uint32"),
        (GRAY[:, 1:], items, "speaks of"),
        (GRAY, [twelve], "samples in 12 bits"),
        (GRAY, [cut], "cannot be read"),
        (GRAY, [other], "cannot be read"),
        (GRAY, [], "keeps no DICOM data set"),
    ):
        Path("x.sofc").write_bytes(sofc.encode(samples, batch=True, coder="raw", metadata=given))
        assert main(["decode", "x.sofc", "-o", "x.dcm"]) in (2, 3)
        assert said in capsys.readouterr().err and not Path("x.dcm").exists()


def test_writer_in_python() -> None:
    write_dicom(Path("a.dcm"), GRAY, bits=12)
    writer, file = DicomWriter(read_metadata(Path("a.dcm"), 1)[0]), io.BytesIO()
    writer.begin(file)
    for frame in GRAY:
        writer.add(frame)
    writer.finish()
    assert file.getvalue() == Path("a.dcm").read_bytes()


def test_large_frames_stay_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    from sofc.cli import dicom_sink

    taken = []
    monkeypatch.setattr("sofc.cli.spool.LARGE_BYTES", 1)
    spooled = dicom_sink.DicomSink.spooled
    monkeypatch.setattr(dicom_sink.DicomSink, "spooled", lambda *given: (taken.append(given[1]), spooled(*given)))
    frames = RANDOM.integers(0, 256, (2, 300, 400, 3), np.uint8)
    write_dicom(Path("a.dcm"), frames, bits=8, photometric="RGB")
    data_set = pydicom().dcmread("a.dcm")
    data_set.PlanarConfiguration, data_set.PixelData = 1, np.moveaxis(frames, 3, 1).tobytes()
    data_set.save_as("a.dcm")
    assert main(["encode", "-q", "--coder", "raw", "a.dcm"]) == 0
    assert main(["decode", "-q", "a.sofc", "-o", "b.dcm"]) == 0
    assert taken == [0, 1]
    assert Path("b.dcm").read_bytes() == Path("a.dcm").read_bytes()
