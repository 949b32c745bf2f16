"""DICOM files and volumes: values as stored, with their bits and sign."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sofc
from sofc.cli.__main__ import main
from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import ImageSource, load, remarks, sources
from sofc.metadata import read as read_metadata

RANDOM = np.random.default_rng(4)


def pydicom() -> Any:
    return pytest.importorskip("pydicom", minversion="3", reason='needs the extra "dicom": pip install "sofc[dicom]"')


def nibabel() -> Any:
    return pytest.importorskip("nibabel", reason='needs the extra "nifti": pip install "sofc[nifti]"')


def write_dicom(path: Path, array: np.ndarray, *, bits: int, photometric: str = "MONOCHROME2", **elements: Any) -> None:
    """Shape (frames, height, width) or (frames, height, width, 3)."""
    module = pydicom()
    data_set = module.Dataset()
    data_set.file_meta = module.dataset.FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = module.uid.ExplicitVRLittleEndian
    data_set.SOPClassUID = module.uid.SecondaryCaptureImageStorage
    data_set.SOPInstanceUID = module.uid.generate_uid()
    data_set.NumberOfFrames, data_set.Rows, data_set.Columns = array.shape[:3]
    data_set.SamplesPerPixel = array.shape[3] if array.ndim == 4 else 1
    if array.ndim == 4:
        data_set.PlanarConfiguration = 0
    data_set.PhotometricInterpretation = photometric
    data_set.BitsAllocated = 1 if array.dtype == np.bool_ else 8 * array.dtype.itemsize
    data_set.BitsStored, data_set.HighBit = bits, bits - 1
    data_set.PixelRepresentation = int(array.dtype.kind == "i")
    data_set.RescaleSlope, data_set.RescaleIntercept = 2, -1024
    for name, value in elements.items():
        setattr(data_set, name, value)
    if array.dtype == np.bool_:
        data_set.PixelData = module.pixels.pack_bits(array.astype(np.uint8))
    else:
        data_set.PixelData = array.tobytes()
    data_set["PixelData"].VR = "OW" if array.dtype.itemsize == 2 else "OB"
    data_set.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "bits"),
    [(0, 4095, "uint16", 12), (-1500, 3000, "int16", 13), (0, 255, "uint8", 8), (0, 1, "bool", 1)],
)
def test_dicom(tmp_path: Path, low: int, high: int, dtype: str, bits: int) -> None:
    frames = RANDOM.integers(low, high, (3, 16, 24), endpoint=True).astype(dtype)
    write_dicom(tmp_path / "x.dcm", frames, bits=bits)
    found = sources([tmp_path])
    assert [source.index for source in found] == [0, 1, 2]
    for source, frame in zip(found, frames, strict=True):
        got = load(source)
        assert np.array_equal(got.array, frame)
        assert got.array.dtype == frame.dtype
        assert got.declared_bits == bits
        assert got.meaning == Meaning.GRAY


def test_colour_dicom(tmp_path: Path) -> None:
    frames = RANDOM.integers(0, 256, (1, 6, 8, 3), np.uint8)
    for photometric, meaning in (("RGB", Meaning.RGB), ("YBR_FULL", Meaning.UNSPECIFIED)):
        write_dicom(tmp_path / "x.dcm", frames, bits=8, photometric=photometric)
        got = load(ImageSource(tmp_path / "x.dcm"))
        assert np.array_equal(got.array, frames[0])  # not converted
        assert got.meaning == meaning


def test_jpeg_in_dicom_that_pydicom_would_convert(tmp_path: Path) -> None:
    from PIL import Image

    module = pydicom()
    imagecodecs = pytest.importorskip("imagecodecs")
    file = io.BytesIO()
    Image.fromarray(RANDOM.integers(0, 256, (16, 24, 3), np.uint8)).save(file, "JPEG")
    plain = file.getvalue()
    marked = plain[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\1" + plain[2:]
    for data in (plain, marked):
        write_dicom(tmp_path / "x.dcm", np.zeros((1, 16, 24, 3), np.uint8), bits=8, photometric="YBR_FULL_422")
        data_set = module.dcmread(tmp_path / "x.dcm")
        data_set.file_meta.TransferSyntaxUID = module.uid.JPEGBaseline8Bit
        data_set.PixelData = module.encaps.encapsulate([data])
        data_set["PixelData"].is_undefined_length = True
        data_set.save_as(tmp_path / "x.dcm")
        if data == marked:
            with pytest.raises(UnsupportedError, match="bear Adobe's mark"):
                load(ImageSource(tmp_path / "x.dcm"))
        else:
            stored = imagecodecs.jpeg8_decode(data, outcolorspace="YCBCR")
            assert np.array_equal(load(ImageSource(tmp_path / "x.dcm")).array, stored)


def test_dicom_without_a_telling_name(tmp_path: Path) -> None:
    for name in ("IM0001", "1.2.840.10008.5"):
        write_dicom(tmp_path / name, np.zeros((1, 4, 4), np.uint8), bits=8)
    (tmp_path / "README").write_text("nothing to see")
    assert [source.path.name for source in sources([tmp_path]) if source.path] == ["1.2.840.10008.5", "IM0001"]


def test_dicom_without_an_image(tmp_path: Path) -> None:
    write_dicom(tmp_path / "x.dcm", np.zeros((1, 4, 4), np.uint8), bits=8)
    data_set = pydicom().dcmread(tmp_path / "x.dcm")
    del data_set.Rows
    data_set.save_as(tmp_path / "x.dcm")
    with pytest.raises(sofc.FormatError, match="holds no image"):
        sources([tmp_path])


def test_32_bit_dicom(tmp_path: Path) -> None:
    doses = (np.arange(16, dtype=np.uint32) * 100_000_000).reshape(1, 4, 4)
    write_dicom(tmp_path / "x.dcm", doses, bits=32)
    got = load(ImageSource(tmp_path / "x.dcm")).array
    assert got.dtype == np.uint32 and np.array_equal(got, doses[0])


@pytest.mark.parametrize(("name", "dtype"), [("FloatPixelData", np.float32), ("DoubleFloatPixelData", np.float64)])
def test_floating_point_dicom(name: str, dtype: type, tmp_path: Path) -> None:
    values = np.random.default_rng(5).normal(0, 1, (2, 4, 4)).astype(dtype)

    def as_map(data_set: Any) -> None:
        as_floats(data_set)
        del data_set.FloatPixelData
        data_set.NumberOfFrames = 2
        setattr(data_set, name, values.tobytes())

    path = tmp_path / "x.dcm"
    write_dicom(path, np.zeros((1, 4, 4), np.uint16), bits=16)
    pydicom = pytest.importorskip("pydicom")
    data_set = pydicom.dcmread(path)
    as_map(data_set)
    data_set.save_as(path)
    found = [load(source).array for source in sources([path])]
    assert [array.tobytes() for array in found] == [array.tobytes() for array in values]
    data_set.NumberOfFrames = 3
    data_set.save_as(path)
    with pytest.raises(sofc.FormatError, match="32 samples, not 3 frames"):
        load(ImageSource(path))


def as_floats(data_set: Any) -> None:
    del data_set.PixelData, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation
    data_set.BitsAllocated, data_set.FloatPixelData = 32, np.zeros((4, 4), np.float32).tobytes()


def as_report(data_set: Any) -> None:
    del data_set.PixelData, data_set.Rows
    data_set.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.22"


def as_unnamed_compression(data_set: Any) -> None:
    """More bytes in fragments than plain samples would take: they must not pass as samples."""
    from pydicom.encaps import encapsulate

    data_set.PixelData = encapsulate([bytes(range(200))])
    data_set["PixelData"].is_undefined_length = True
    del data_set.file_meta.TransferSyntaxUID


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (as_report, r"holds no image \(Enhanced SR Storage\)"),
        (lambda data_set: delattr(data_set, "BitsStored"), "it lacks BitsStored"),
        (lambda data_set: delattr(data_set, "PhotometricInterpretation"), "it lacks PhotometricInterpretation"),
        (lambda data_set: delattr(data_set, "PixelData"), r"has no samples \(Pixel Data\)"),
        (as_unnamed_compression, "it lacks TransferSyntaxUID"),
        (
            lambda data_set: setattr(data_set, "HighBit", 15),
            r"not stand in the lowest bits \(HighBit 15, BitsStored 12\)",
        ),
        (lambda data_set: setattr(data_set, "BitsStored", 20), "20 bits of 16 are stored"),
        (lambda data_set: setattr(data_set, "BitsAllocated", 12), r"x\.dcm: .*12"),
    ],
)
def test_dicom_that_says_too_little(tmp_path: Path, change: Callable[[Any], object], words: str) -> None:
    path = tmp_path / "x.dcm"
    write_dicom(path, np.zeros((1, 4, 4), np.uint16), bits=12)
    data_set = pydicom().dcmread(path)
    change(data_set)
    data_set.save_as(
        path,
        **({} if hasattr(data_set.file_meta, "TransferSyntaxUID") else {"implicit_vr": False, "little_endian": True}),
    )
    with pytest.raises(sofc.SofcError, match=words) as caught:
        load(sources([path])[0])
    assert len(str(caught.value).splitlines()) == 1
    assert "has no attribute" not in str(caught.value)


def test_cut_off_dicom(tmp_path: Path) -> None:
    write_dicom(tmp_path / "x.dcm", np.zeros((1, 40, 40), np.uint8), bits=8)
    (tmp_path / "x.dcm").write_bytes((tmp_path / "x.dcm").read_bytes()[:-500])
    with pytest.raises(sofc.FormatError, match=r"x\.dcm"):
        load(ImageSource(tmp_path / "x.dcm"))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", ">i2"])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (5, 4, 3, 2)])
def test_volumes(tmp_path: Path, suffix: str, dtype: str, shape: tuple[int, ...]) -> None:
    module = nibabel()
    info = np.iinfo(dtype)
    volume = RANDOM.integers(info.min, info.max, shape, endpoint=True).astype(dtype)
    image = module.Nifti1Image(volume, np.eye(4), dtype=volume.dtype)
    image.header.set_slope_inter(2.5, -7)
    path = tmp_path / f"x{suffix}"
    module.save(image, path)
    found = sources([tmp_path])
    stacked = np.stack([load(source).array for source in found])
    assert stacked.dtype == volume.dtype.newbyteorder("=")
    assert np.array_equal(stacked.T.reshape(shape, order="F"), np.asanyarray(module.load(path).dataobj.get_unscaled()))
    assert stacked.shape[1:] == (4, 5)


def test_a_volume_in_colour(tmp_path: Path) -> None:
    module = nibabel()
    colours = RANDOM.integers(0, 256, (5, 4, 2, 3), np.uint8)
    records = colours.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    module.save(module.Nifti1Image(records, np.eye(4)), tmp_path / "x.nii.gz")
    got = load(sources([tmp_path])[1])
    assert np.array_equal(got.array, colours[:, :, 1].transpose(1, 0, 2))
    assert got.meaning == Meaning.RGB


def test_floating_point_volumes(tmp_path: Path) -> None:
    module = nibabel()
    values = RANDOM.normal(0, 1, (5, 4, 3)).astype(np.float32)
    module.save(module.Nifti1Image(values, np.eye(4)), tmp_path / "x.nii")
    assert np.array_equal(load(sources([tmp_path])[2]).array, values[:, :, 2].T)


def test_volumes_that_are_refused(tmp_path: Path) -> None:
    nibabel()
    (tmp_path / "x.nii").write_bytes(b"nothing")
    with pytest.raises(sofc.FormatError, match=r"x\.nii: cannot be read"):
        sources([tmp_path])


def test_what_nibabel_logs_is_not_shown(tmp_path: Path) -> None:
    nibabel()
    (tmp_path / "x.hdr").write_bytes((348).to_bytes(4, "little") + bytes(344))
    command = [sys.executable, "-m", "sofc.cli", "encode", "x.hdr"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    assert "x.hdr: cannot be read as an image" in line


@pytest.mark.parametrize(("module", "name"), [("pydicom", "x.dcm"), ("nibabel", "x.nii.gz")])
def test_a_missing_extra_is_named(tmp_path: Path, module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(bytes(128) + b"DICM")
    monkeypatch.setitem(sys.modules, module, None)
    extra = {"pydicom": "dicom", "nibabel": "nifti"}[module]
    with pytest.raises(sofc.UnsupportedError, match=rf"{module}; install it with: pip install 'sofc\[{extra}\]'"):
        sources([tmp_path])


def test_a_fresh_process_encodes_dicom(tmp_path: Path) -> None:
    frames = RANDOM.integers(-1000, 1000, (2, 16, 24)).astype(np.int16)
    write_dicom(tmp_path / "x.dcm", frames, bits=12)
    command = [sys.executable, "-m", "sofc.cli", "encode", "x.dcm", "-o", "x.sofc"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(sofc.read(tmp_path / "x.sofc"), frames)
    with sofc.open_reader(tmp_path / "x.sofc") as reader:
        assert (reader.header.format.declared_bits, reader.header.format.signed) == (12, True)


@pytest.mark.skipif("SOFC_TEST_DATA" not in os.environ, reason="needs real images: SOFC_TEST_DATA")
@pytest.mark.parametrize("folder", ["dicom", "volumes"])
def test_real_files(folder: str) -> None:
    (pydicom if folder == "dicom" else nibabel)()
    for source in sources([Path(os.environ["SOFC_TEST_DATA"]) / folder]):
        assert source.path is not None
        samples = load(source).array
        assert samples.ndim in (2, 3)
        assert (samples.dtype == np.uint32) == (source.path.name == "rtdose.dcm")


def test_compression_without_a_decoder(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate
    from pydicom.pixels import get_decoder
    from pydicom.uid import HTJ2KLossless, JPEG2000Lossless

    write_dicom(tmp_path / "x.dcm", RANDOM.integers(0, 9, (1, 6, 8)).astype(np.int16), bits=12)
    data_set = pydicom().dcmread(tmp_path / "x.dcm")
    data_set.PixelData = encapsulate([b"no such data"])
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    for syntax in (JPEG2000Lossless, HTJ2KLossless):
        data_set.file_meta.TransferSyntaxUID = syntax
        data_set.save_as(tmp_path / "y.dcm")
        (source,) = sources([tmp_path / "y.dcm"])
        if get_decoder(syntax).is_available or find_spec("imagecodecs"):
            with pytest.raises(FormatError, match=r"compressed with .* are damaged"):
                load(source)
        else:
            with pytest.raises(UnsupportedError, match=r"pip install 'sofc\[dicom-decoders\]'"):
                load(source)


@pytest.mark.parametrize("signed", [False, True])
def test_bits_above_the_samples_are_named(tmp_path: Path, signed: bool) -> None:
    dtype = np.int16 if signed else np.uint16
    samples = RANDOM.integers(-2048 if signed else 0, 2048, (3, 8, 8), dtype)
    path = tmp_path / "x.dcm"
    write_dicom(path, samples & 0x0FFF, bits=12)
    assert not list(remarks(path))
    write_dicom(path, samples, bits=12)
    assert not list(remarks(path))
    marked = samples & 0x0FFF
    marked[2, 3, 4] |= 0x4000
    write_dicom(path, marked, bits=12)
    assert "other data in the bits above the 12 of each sample, not stored" in " ".join(remarks(path))
    data_set = pydicom().dcmread(path)
    data_set.add_new((0x6000, 0x0102), "US", 14)
    data_set.save_as(path)
    assert "has an overlay in the bits above" in " ".join(remarks(path))
    assert np.array_equal(load(ImageSource(path, 2)).array, samples[2])
    # Compressed samples are not decoded for this.
    data_set.compress(pydicom().uid.RLELossless)
    data_set.save_as(path)
    assert "has an overlay in the bits above" in " ".join(remarks(path))
    del data_set[0x6000, 0x0102]
    data_set.save_as(path)
    assert not list(remarks(path))


@pytest.mark.parametrize(
    "syntax", ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"]
)
def test_frames_of_bits(tmp_path: Path, syntax: str) -> None:
    frames = RANDOM.random((9, 7, 5)) < 0.4
    path = tmp_path / "x.dcm"
    write_dicom(path, frames, bits=1)
    data_set = pydicom().dcmread(path)
    data_set.file_meta.TransferSyntaxUID = getattr(pydicom().uid, syntax)
    data_set.save_as(path, enforce_file_format=True)
    for index in (*range(9), 4, 8, 0):
        assert np.array_equal(load(ImageSource(path, index)).array, frames[index])


@pytest.mark.parametrize("compressed", [False, True])
def test_frames_in_any_order(tmp_path: Path, compressed: bool) -> None:
    frames = RANDOM.integers(0, 999, (6, 7, 8), np.uint16)
    path = tmp_path / "x.dcm"
    write_dicom(path, frames, bits=12)
    if compressed:
        data_set = pydicom().dcmread(path)
        data_set.compress(pydicom().uid.RLELossless)
        data_set.save_as(path)
    for index in (0, 1, 2, 2, 5, 0, 1, 4, 5, *range(6)):
        assert np.array_equal(load(ImageSource(path, index)).array, frames[index])


def volume_files() -> dict[str, Any]:
    """Writers of a volume's files, by the suffix of the file that is read."""
    module = nibabel()
    array = RANDOM.integers(-999, 999, (6, 5, 4, 2), np.int16)

    def nifti(path: Path, kind: str, order: str) -> None:
        head = getattr(module, kind).header_class(endianness=order)
        head.set_data_dtype(np.int16)
        image = getattr(module, kind)(array, np.diag([2, 3, 4, 1.0]), head)
        if "Analyze" in kind:
            image.to_filename(path)
            return
        image.header.extensions.append(module.nifti1.Nifti1Extension("comment", b"hello"))
        image.header["scl_slope"], image.header["scl_inter"] = 2.5, -7
        image.header["xyzt_units"] = 10
        image.to_filename(path)

    return {
        "a.nii": lambda path: nifti(path, "Nifti1Image", "<"),
        "a.nii.gz": lambda path: nifti(path, "Nifti1Image", ">"),
        "b.nii": lambda path: nifti(path, "Nifti2Image", ">"),
        "c.hdr": lambda path: nifti(path, "Nifti1Pair", "<"),
        "d.hdr": lambda path: nifti(path, "Nifti2Pair", "<"),
        "a.mgh": lambda path: module.MGHImage(array, np.diag([2, 3, 4, 1.0])).to_filename(path),
        "a.mgz": lambda path: module.MGHImage(array, np.diag([2, 3, 4, 1.0])).to_filename(path),
        "e.hdr": lambda path: nifti(path, "AnalyzeImage", ">"),
    }


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_volumes_come_back(tmp_path: Path, dtype: str, order: str) -> None:
    module = nibabel()
    head = module.Nifti1Header(endianness=order)
    head.set_data_dtype(dtype)
    array = (RANDOM.normal(size=(6, 5, 4)) + 1j * RANDOM.normal(size=(6, 5, 4))).astype(dtype)
    module.Nifti1Image(array, np.eye(4), head).to_filename(tmp_path / "a.nii")
    assert main(["encode", "-q", str(tmp_path / "a.nii")]) == 0
    assert main(["decode", "-q", str(tmp_path / "a.sofc"), "-o", str(tmp_path / "b.nii")]) == 0
    assert (tmp_path / "b.nii").read_bytes() == (tmp_path / "a.nii").read_bytes()


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "b.nii", "c.hdr", "d.hdr", "a.mgh", "a.mgz"])
def test_volumes_come_back_with_their_heads(tmp_path: Path, name: str) -> None:
    path, coded = tmp_path / name, tmp_path / "x.sofc"
    volume_files()[name](path)
    kind = "mgh" if name.endswith(("mgh", "mgz")) else "nifti"
    assert main(["encode", "-q", str(path), "-o", str(coded)]) == 0
    assert main(["decode", "-q", str(coded), "--format", kind, "--out-dir", str(tmp_path / "out")]) == 0
    back = tmp_path / "out" / ("x.mgh" if kind == "mgh" else "x.nii")
    data = path.read_bytes()
    if not name.endswith("hdr"):
        assert back.read_bytes() == (gzip.decompress(data) if name.endswith("z") else data)
        packed = tmp_path / ("y.mgz" if kind == "mgh" else "y.nii.gz")
        for _ in range(2):
            assert main(["decode", "-f", "-q", str(coded), "-o", str(packed)]) == 0
            assert gzip.decompress(packed.read_bytes()) == back.read_bytes()
    before, after = (nibabel().load(file) for file in (path, back))
    assert np.array_equal(before.dataobj.get_unscaled(), after.dataobj.get_unscaled())
    assert np.array_equal(before.get_fdata(), after.get_fdata()) and np.array_equal(before.affine, after.affine)
    if kind == "nifti":
        assert [one.get_content() for one in after.header.extensions] == [b"hello"]
        assert before.header.get_xyzt_units() == after.header.get_xyzt_units()


@pytest.mark.parametrize("name", ["e.hdr"])
@pytest.mark.parametrize("given", [[], ["-o", "y.img"], ["-o", "y.hdr"]])
def test_analyze_comes_back_as_two_files(tmp_path: Path, name: str, given: list[str], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    volume_files()[name](path)
    assert main(["encode", "-q", name, "-o", "x.sofc"]) == 0
    assert main(["decode", "-q", "x.sofc", *(given or ["--format", "analyze"])]) == 0
    back = Path("y.hdr" if given else "x.hdr")
    for suffix in (".hdr", ".img"):
        assert back.with_suffix(suffix).read_bytes() == path.with_suffix(suffix).read_bytes()
    assert main(["decode", "x.sofc", "--format", "nifti"]) == 2


def test_slices_that_the_head_does_not_speak_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume_files()["a.nii"](tmp_path / "a.nii")
    items = read_metadata(tmp_path / "a.nii", 8)[0]
    coded, out = tmp_path / "x.sofc", tmp_path / "x.nii"
    wrong = {"uint16": (8, 5, 6), "int8": (8, 10, 6), "int16": (8, 6, 5)}
    for dtype, shape in wrong.items():
        coded.write_bytes(sofc.encode(np.zeros(shape, dtype), batch=True, coder="raw", metadata=items))
        assert main(["decode", str(coded), "-o", str(out)]) == 3
        assert f"samples of type {dtype}, and the head of the volume speaks of 6 x 5" in capsys.readouterr().err
        assert not out.exists()


def test_bytes_behind_a_volume_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    volume_files()["a.nii"](path)
    assert list(remarks(path)) == []
    head = bytearray(path.read_bytes())
    slices = int.from_bytes(head[46:48], "little")
    head[46:48] = (slices - 1).to_bytes(2, "little")
    path.write_bytes(head)
    assert len(sources([path])) == 2 * (slices - 1)
    assert "bytes behind the samples" in next(remarks(path))


def test_heads_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume_files()["a.nii"](tmp_path / "a.nii")
    (head,) = read_metadata(tmp_path / "a.nii", 8)[0]
    coded, out = tmp_path / "x.sofc", tmp_path / "x.nii"
    for value, said in (
        (head.value, "the head of the volume speaks of 480"),
        (head.value[:60], "cannot be read"),
        (b"", "cannot be read"),
    ):
        image = np.zeros((5, 6), np.int16)
        coded.write_bytes(sofc.encode(image, coder="raw", metadata=[sofc.Metadata(head.kind, head.key, value)]))
        assert main(["decode", str(coded), "-o", str(out)]) == 3
        assert said in capsys.readouterr().err and not out.exists()
    assert main(["decode", str(coded), "--format", "mgh"]) == 2
    assert "another format (NIfTI)" in capsys.readouterr().err
    coded.write_bytes(sofc.encode(image, coder="raw"))
    assert main(["decode", str(coded), "--format", "nifti"]) == 2
    assert "no head of one volume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"SamplesPerPixel": 4, "BitsAllocated": 8, "Columns": 5}, "4 samples a pixel in 8 bits"),
        ({"BitsAllocated": 24}, "1 samples a pixel in 24 bits"),
        ({"Rows": 0}, "0 rows of 20 samples"),
        ({"NumberOfFrames": 7}, "has 400 bytes of samples, not 2800"),
    ],
)
def test_dicom_of_a_kind_that_is_not_read(tmp_path: Path, elements: dict[str, Any], words: str) -> None:
    write_dicom(tmp_path / "a.dcm", np.zeros((1, 20, 20), np.uint8), bits=8, **elements)
    with pytest.raises((FormatError, UnsupportedError), match=words):
        sources([tmp_path / "a.dcm"])


def test_bytes_behind_the_samples_are_named(tmp_path: Path) -> None:
    array = RANDOM.integers(0, 256, (2, 20, 20), np.uint8)
    write_dicom(tmp_path / "a.dcm", array, bits=8, NumberOfFrames=1)
    write_dicom(tmp_path / "padded.dcm", array[:, :3, :5], bits=8, NumberOfFrames=2)
    (remark,) = remarks(tmp_path / "a.dcm")
    assert "400 bytes behind its samples, not stored" in remark
    assert not list(remarks(tmp_path / "padded.dcm"))
    assert np.array_equal(load(sources([tmp_path / "a.dcm"])[0]).array, array[0])


def test_the_samples_of_a_pair_may_be_named(tmp_path: Path) -> None:
    volume = RANDOM.integers(0, 99, (7, 6, 5)).astype(np.int16)
    nibabel().save(nibabel().Nifti1Pair(volume, np.eye(4)), tmp_path / "a.img")
    assert len(sources([tmp_path])) == 5
    assert main(["encode", "-q", str(tmp_path / "a.img"), "-o", str(tmp_path / "a.sofc")]) == 0
    assert np.array_equal(sofc.decode(tmp_path / "a.sofc"), volume.transpose(2, 1, 0))
