"""Files that readers open and that are seldom seen: nothing in them is lost or changed without a word."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, features
from test_imagefiles_medical import write_dicom

import sofc
from sofc.cli.__main__ import main
from sofc.errors import FormatError, UnsupportedError, UsageError
from sofc.files import replacing
from sofc.image import Meaning
from sofc.imagefiles import ImageSource, each, load, pillow, png, remarks, save, sources, usual_format, walk

RANDOM = np.random.default_rng(17)
GRAY = RANDOM.integers(0, 256, (12, 19)).astype(np.uint8)
BITS = RANDOM.random((9, 14)) < 0.5


def arrays(path: Path) -> list[np.ndarray]:
    return [load(source).array for source in sources([path])]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pages_of_all_sizes_are_images(folder: Path) -> None:
    pages = [GRAY, GRAY[:5, :7], np.stack([GRAY] * 3, axis=-1), GRAY + 1]
    with tifffile.TiffWriter("a.tif") as file:
        for page in pages:
            file.write(page, photometric="rgb" if page.ndim == 3 else "minisblack", metadata=None)
    found = arrays(Path("a.tif"))
    assert sorted(array.tobytes() for array in found) == sorted(page.tobytes() for page in pages)
    data = Path("a.tif").read_bytes()
    assert main(["encode", "--keep-file", "a.tif"]) == 0
    assert main(["decode", "a.sofc", "-o", "b.tif"]) == 0
    assert Path("b.tif").read_bytes() == data


def test_bilevel_pages_between_others(folder: Path) -> None:
    with tifffile.TiffWriter("a.tif") as file:
        for page in (BITS, BITS[:4, :4], ~BITS, BITS[:4, :4]):
            file.write(page, photometric="minisblack", metadata=None, subfiletype=int(len(page) == 4))
    found = arrays(Path("a.tif"))
    assert sorted(array.tobytes() for array in found) == sorted(
        page.tobytes() for page in (BITS, BITS[:4, :4], ~BITS, BITS[:4, :4])
    )


def test_mask_behind_its_picture(folder: Path) -> None:
    """Pillow takes no page of masks, and once it has failed at one itself to be at it, with the samples of another."""
    masks = [RANDOM.random((16, 16)) < share for share in (0.2, 0.5)]
    with tifffile.TiffWriter("masks.tif") as file:
        for mask in masks:
            file.write(np.zeros((16, 16, 3), np.uint8), photometric="rgb", metadata=None)
            file.write(mask, photometric="mask", subfiletype=4, metadata=None)
    found = sources([Path("masks.tif")])[2:]  # behind the pictures
    for number in (0, 0, 1, 1, 0):
        assert np.array_equal(load(found[number]).array, masks[number])


@pytest.mark.parametrize("settings", [{"byteorder": ">", "bigtiff": True}, {"photometric": "miniswhite"}])
def test_bilevel_layouts(folder: Path, settings: dict[str, object]) -> None:
    tifffile.imwrite("a.tif", BITS, **{"photometric": "minisblack", **settings})
    (found,) = arrays(Path("a.tif"))
    assert np.array_equal(found, ~BITS if "photometric" in settings else BITS)


def test_unequal_bits_and_other_colours(folder: Path) -> None:
    colours = np.stack([GRAY, GRAY // 2, GRAY // 3], axis=-1)
    tifffile.imwrite("lab.tif", colours, photometric="cielab")
    sample = load(ImageSource(Path("lab.tif")))
    assert np.array_equal(sample.array, colours) and sample.meaning == Meaning.UNSPECIFIED


def test_bits_of_several_components(folder: Path) -> None:
    array = RANDOM.random((6, 9, 3)) < 0.5
    np.save("a.npy", array)
    assert usual_format(array) == "npy" and usual_format(BITS) == "png"
    assert main(["encode", "--keep-file", "a.npy"]) == 0
    assert main(["decode", "--images", "a.sofc", "-o", "c.npy"]) == 0
    assert np.array_equal(np.load("c.npy"), array)
    with pytest.raises(UsageError, match="components of 1 bit"):
        save(Path("b.tif"), array)
    assert not Path("b.tif").exists()


def test_inks_and_deep_palettes_are_no_png() -> None:
    inks = np.stack([GRAY] * 4, axis=-1)
    assert usual_format(inks, Meaning.CMYK) == "tiff" and usual_format(inks, Meaning.RGBA) == "png"
    assert usual_format(GRAY.astype(np.uint16), Meaning.PALETTE) == "tiff"


@pytest.mark.parametrize(
    ("content", "samples"),
    [
        (b"P2 3 1 255 000012 000034 000255\n", [12, 34, 255]),
        (b"P2 3 1 65535 1 # one\n 65535 3", [1, 65535, 3]),
        (b"P1 4 1 10 0#x\n1", [False, True, True, False]),
        (b"P2 3 1 65535 123456 7 8\n", None),
        (b"P2 3 1 255 1 -2 3\n", None),
        (b"P2 3 1 255 1 x 3\n", None),
        (b"P1 3 1 1 7 2 0 1\n", None),
    ],
)
def test_plain_anymaps(folder: Path, content: bytes, samples: list[int] | None) -> None:
    Path("a.pnm").write_bytes(content)
    if samples is None:
        with pytest.raises(FormatError, match=r"a\.pnm"):
            load(ImageSource(Path("a.pnm")))
    else:
        assert load(ImageSource(Path("a.pnm"))).array.ravel().tolist() == samples


def test_more_images_than_are_read_are_said(folder: Path) -> None:
    one = b"P5 3 2 255\n" + bytes(6)
    Path("two.pgm").write_bytes(one + one)
    Path("one.pgm").write_bytes(one + b"\n")
    bitmap = b"P4\n9 2\n" + bytes(4)
    Path("two.pbm").write_bytes(bitmap + bitmap)
    assert "several images" in " ".join(remarks(Path("two.pgm"))) and "several" in " ".join(remarks(Path("two.pbm")))
    assert not list(remarks(Path("one.pgm")))


@pytest.mark.parametrize(
    "kept", [(0, 1, 2, 3), (0, 2, 4), (0, 2, 4, 5), (1, 0, 2, 3), (0, 0, 1, 2, 3), (0, 1, 2, 3, 3)]
)
def test_frames_that_no_animation_names_are_said(folder: Path, kept: tuple[int, ...]) -> None:
    """Chunks of an APNG file: an animation of one frame, its frame, the samples, and other frames."""
    whole = png.octets_of(GRAY)
    packed = zlib.compress(np.pad(whole, ((0, 0), (1, 0))).tobytes())
    height, width = GRAY.shape
    place = struct.pack(">4IHH2B", width, height, 0, 0, 1, 10, 0, 0)
    parts = [
        png.chunk(b"acTL", struct.pack(">II", 1, 0)),
        png.chunk(b"fcTL", bytes(4) + place),
        png.chunk(b"IDAT", packed),
        *(
            png.chunk(b"fcTL", struct.pack(">I", number) + place)
            + png.chunk(b"fdAT", struct.pack(">I", number + 1) + packed)
            for number in (1, 0, 2)
        ),
    ]
    head = png.chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    data = png.SIGNATURE + head + b"".join(parts[number] for number in kept) + png.chunk(b"IEND", b"")
    Path("a.png").write_bytes(data)
    with warnings.catch_warnings(action="ignore"):
        try:
            read = len(arrays(Path("a.png")))
        except FormatError:
            return  # as of frames whose numbers do not follow each other
        said = " ".join(remarks(Path("a.png")))
    there = sum(number in (1, 3, 4, 5) for number in kept) + (1 not in kept[: kept.index(2)])
    assert (f"the input has {there} images" in said) == (there > read)


@pytest.mark.skipif(not features.check("avif"), reason="Pillow has no AVIF")
def test_other_pictures_of_avif_files_are_said(folder: Path) -> None:
    pytest.importorskip("imagecodecs")
    exif, whole = Image.Exif(), io.BytesIO()
    exif[271] = "somebody"
    Image.fromarray(np.stack([GRAY] * 4, axis=-1)).save(whole, "AVIF", exif=exif)
    alpha, item = b"auxiliary:alpha", b"\0\0ExifExif"  # of an item type and name
    assert whole.getvalue().count(alpha) == whole.getvalue().count(item) == 1
    for old, new, said in (
        (alpha, alpha, ""),
        (alpha, b"auxiliary:depth", "auxiliary:depth"),
        (item, b"\0\0tmapExif", "gain map"),
    ):
        Path("a.avif").write_bytes(whole.getvalue().replace(old, new))
        assert arrays(Path("a.avif"))[0].shape[:2] == GRAY.shape
        assert [said in one for one in remarks(Path("a.avif"))] == ([True] if said else [])


def test_warnings_of_libraries_are_not_said(folder: Path) -> None:
    still = io.BytesIO()
    Image.fromarray(GRAY).save(still, "PNG")
    head = still.getvalue()[:33]
    twice = png.chunk(b"acTL", struct.pack(">II", 2, 0)) * 2
    Path("a.png").write_bytes(head + twice + still.getvalue()[33:])
    with pytest.warns(UserWarning, match="APNG"):
        arrays(Path("a.png"))
    done = subprocess.run([sys.executable, "-m", "sofc", "encode", "a.png"], capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr


def test_what_slips_from_libraries_is_not_said(folder: Path) -> None:
    pytest.importorskip("pydicom")
    write_dicom(Path("a.dcm"), GRAY[None].astype(np.uint16), bits=16)
    data = Path("a.dcm").read_bytes()
    assert data.count(b"IS\2\0001 ") == 1
    Path("a.dcm").write_bytes(data.replace(b"IS\2\0001 ", b"IS\2\0001A"))
    with pytest.raises(FormatError) as caught:
        arrays(Path("a.dcm"))
    assert "damaged" in str(caught.value) and "invalid literal" not in str(caught.value)
    np.savez("a.npz", a=np.array([[1, "x"]], object))
    with pytest.raises(FormatError, match="'a' holds objects of Python"):
        arrays(Path("a.npz"))
    for name, data in (("a.dcm.gz", bytes(128) + b"DICM"), ("b.gz", b"\0\0\1\3" + bytes(12)), ("c.gz", b"\0\0\x08\0")):
        Path(name).write_bytes(gzip.compress(data))
        with pytest.raises(UnsupportedError, match="no IDX file"):
            arrays(Path(name))


@pytest.mark.skipif(sys.platform == "win32", reason="there functions of libraries of libraries are not to be found")
def test_words_of_libtiff_on_damaged_data_are_not_said(folder: Path) -> None:
    pytest.importorskip("imagecodecs")
    stripes = Image.fromarray(np.add.outer(np.arange(200), np.arange(300)) // 7 % 5 == 0)
    stripes.save("a.tif", compression="group4")
    data = bytearray(Path("a.tif").read_bytes())
    for place in range(20, 160, 7):
        data[place] ^= 16
    Path("a.tif").write_bytes(data)
    command = [sys.executable, "-m", "sofc", "encode", "--samples", "a.tif"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (
        done.returncode
        and done.stderr.count("\n") == 1
        and "data of CCITT in this TIFF file are damaged" in done.stderr
    )


def test_libtiff_says_what_others_do_with_it(folder: Path) -> None:
    """It is taken from Pillow by its name: programs and other libraries may share it."""
    put = pillow._libtiff_puts()
    before = put(None)
    put(before)
    Image.fromarray(BITS).save("b.tif", compression="group4")
    for _ in range(2):
        assert np.array_equal(arrays(Path("b.tif"))[0], BITS)
        with pillow.silent_libtiff(), pillow.silent_libtiff():
            pass
    after = put(before)
    assert before == after and (before or sys.platform == "win32")


def test_images_larger_than_pillow_allows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(GRAY).save("a.png")
    Image.fromarray(BITS).save("b.tif", compression="group4")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert np.array_equal(arrays(Path("a.png"))[0], GRAY)
    assert np.array_equal(arrays(Path("b.tif"))[0], BITS)
    assert main(["encode", "a.png"]) == 0
    assert Image.MAX_IMAGE_PIXELS == 20


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_outputs_that_are_no_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(GRAY).save("a.png")
    Path("real.sofc").write_bytes(b"old")
    Path("link.sofc").symlink_to("real.sofc")
    assert main(["encode", "-f", "a.png", "-o", "link.sofc"]) == 0
    assert Path("link.sofc").is_symlink() and np.array_equal(sofc.read("real.sofc"), GRAY)
    os.mkfifo("pipe")
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(len(open('pipe', 'rb').read()))"], stdout=-1
    ) as one:
        assert main(["encode", "-f", "a.png", "-o", "pipe"]) == 0
        assert one.stdout is not None
        assert int(one.stdout.read()) == Path("real.sofc").stat().st_size
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)
    capsys.readouterr()
    assert main(["encode", "pipe", "-o", "b.sofc"]) != 0
    assert "pipe is a pipe" in capsys.readouterr().err
    Path("inside").mkdir()
    with pytest.raises(IsADirectoryError, match="inside"), replacing(Path("inside")):
        pass


def test_what_cannot_be_kept_is_not_recommended(folder: Path) -> None:
    for name in ("longdouble", "clongdouble"):
        np.save("a.npy", GRAY.astype(name))
        with pytest.raises(UsageError, match="cannot be stored") as caught:
            load(ImageSource(Path("a.npy")))
        assert "--keep-file" not in str(caught.value)


def test_volumes_in_two_files_and_packed(folder: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    volume = RANDOM.integers(0, 900, (5, 6, 3)).astype(np.int16)
    nibabel.Nifti1Pair(volume, np.eye(4)).to_filename("a.hdr")
    nibabel.Nifti1Image(volume, np.eye(4)).to_filename("b.nii.bz2")
    Path("c.hdr").write_bytes(b"#?RADIANCE\n")
    # Radiance's pictures are images, too: refused by name, not passed over.
    assert [path.name for path in walk([Path()])] == ["a.hdr", "b.nii.bz2", "c.hdr"]
    with pytest.raises(UnsupportedError, match="Radiance HDR"):
        load(ImageSource(Path("c.hdr")))
    for name in ("a.hdr", "b.nii.bz2"):
        assert np.array_equal(np.stack(arrays(Path(name))), volume.transpose(2, 1, 0))


def test_dicom_that_pydicom_reads_only_whole(folder: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.uid import DeflatedExplicitVRLittleEndian
    from test_imagefiles_medical import write_dicom

    write_dicom(Path("a.dcm"), GRAY[None], bits=8)
    data_set = pydicom.dcmread("a.dcm")
    data_set.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data_set.save_as("a.dcm", implicit_vr=False, little_endian=True)
    assert np.array_equal(arrays(Path("a.dcm"))[0], GRAY)

    frames = RANDOM.random((3, 5, 7)) < 0.5
    write_dicom(Path("b.dcm"), GRAY[None], bits=8)
    data_set = pydicom.dcmread("b.dcm")
    data_set.Rows, data_set.Columns, data_set.NumberOfFrames = 5, 7, 3
    data_set.BitsAllocated = data_set.BitsStored = 1
    data_set.HighBit = 0
    packed = np.packbits(frames.ravel(), bitorder="little").tobytes()
    data_set.PixelData = packed + bytes(len(packed) % 2)
    data_set.save_as("b.dcm")
    assert np.array_equal(np.stack(arrays(Path("b.dcm"))), frames)


@pytest.mark.parametrize(
    ("kind", "bits", "words"), [(2, 12, "signed integers of 12 bits"), (1, 24, "24 bits, whose order of bytes")]
)
def test_tiff_samples_that_are_not_certain(folder: Path, kind: int, bits: int, words: str) -> None:
    tifffile.imwrite(folder / "a.tif", GRAY.astype(np.int16), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(folder / "a.tif", mode="r+") as file:
        file.pages[0].tags["BitsPerSample"].overwrite(bits)
        file.pages[0].tags["SampleFormat"].overwrite(kind)
    with pytest.raises(UnsupportedError, match=words):
        load(ImageSource(folder / "a.tif"))


def test_arrays_of_an_archive_that_are_no_images_are_named(folder: Path) -> None:
    np.savez(folder / "a.npz", images=GRAY, labels=np.arange(3))
    with pytest.raises(UsageError, match="array 'labels' has 1 dimensions"):
        list(each(sources([folder / "a.npz"])))


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_cut_off_samples_of_few_bits(folder: Path, bits: int, tile: tuple[int, int] | None) -> None:
    path = folder / "a.tif"
    tifffile.imwrite(path, np.tile(GRAY, (3, 1)), photometric="minisblack", rowsperstrip=7, tile=tile, metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        tags = file.pages.first.tags
        tags[256].overwrite(tags[256].value * 8 // bits)
        tags[258].overwrite(bits)
        if tile:
            tags[322].overwrite(tile[1] * 8 // bits)
        last = max(file.pages.first.dataoffsets)
    (whole,) = each(sources([path]))
    path.write_bytes(path.read_bytes()[: last + 3])
    assert whole.array.shape[0] == 3 * GRAY.shape[0]
    with pytest.raises(FormatError, match="cut off"):
        list(each(sources([path])))


def test_colours_that_pixels_share_are_not_called_cut_off(folder: Path) -> None:
    """Plain YCbCr, of which four pixels share two samples where nothing else is said, takes half of what RGB does."""
    path = folder / "a.tif"
    tifffile.imwrite(path, np.zeros((12, 16, 3), np.uint8), photometric="rgb", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        tags = file.pages.first.tags
        tags[262].overwrite(6)
        tags[279].overwrite(12 * 16 * 3 // 2)
        (start,) = file.pages.first.dataoffsets
    path.write_bytes(path.read_bytes()[: start + 12 * 16 * 3 // 2])
    with pytest.raises(UnsupportedError, match="subsampling"):
        list(each(sources([path])))


def test_arrays_behind_the_first_are_named(folder: Path) -> None:
    path = folder / "a.npy"
    with path.open("wb") as file:
        np.save(file, GRAY)
        file.flush()
        assert not list(remarks(path))
        end = file.tell()
        np.save(file, GRAY)
    assert np.array_equal(load(ImageSource(path)).array, GRAY)
    (said,) = remarks(path)
    assert f"{path.stat().st_size - end} bytes behind its array" in said and "--keep-file" in said


def test_arrays_of_an_archive_that_have_one_name(folder: Path) -> None:
    arrays = [GRAY, GRAY.T.copy(), GRAY[::-1].copy()]
    with warnings.catch_warnings(), zipfile.ZipFile(folder / "a.npz", "w") as archive:
        warnings.simplefilter("ignore")
        for array in arrays:
            with archive.open("a.npy", "w") as file:
                np.save(file, array)
    for _ in range(2):
        assert all(map(np.array_equal, arrays, (one.array for one in each(sources([folder / "a.npz"])))))


@pytest.mark.parametrize("kind", [b"CgBI", b"ABCD"])
def test_png_with_critical_chunks_of_others_is_refused(folder: Path, kind: bytes) -> None:
    """Apple's form, and one that is not known."""
    save(folder / "a.png", GRAY)
    data = (folder / "a.png").read_bytes()
    chunk = kind + b"\x50\0\x20\x02"
    (folder / "b.png").write_bytes(data[:8] + b"\0\0\0\x04" + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[8:])
    with pytest.raises(UnsupportedError, match=kind.decode()):
        load(ImageSource(folder / "b.png"))


def test_slips_of_libraries_are_not_passed_on(folder: Path) -> None:
    (folder / "a.emf").write_bytes(b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(60))
    with pytest.raises(UnsupportedError, match="this is a Windows metafile file, which sofc does not read") as found:
        load(ImageSource(folder / "a.emf"))
    assert "ZeroDivision" not in str(found.value) and "division" not in str(found.value)


def test_a_reader_that_goes_before_the_beginning_of_a_file(folder: Path) -> None:
    # Of palettes at their end, in files that are shorter; found by fuzzing.
    head = b"\x0a\x05\x28\x08" + bytes(4) + b"\x10\0\xf4\0\x64\0\x64\0"
    (folder / "a.pcx").write_bytes(head.ljust(64, b"\0") + b"\0\1\x11\0\1" + bytes(150))
    with pytest.raises(FormatError, match=r"a\.pcx: ") as found:
        list(each(sources([folder / "a.pcx"])))
    assert "Errno" not in str(found.value)


def test_frames_are_read_in_any_order(folder: Path) -> None:
    frames = [Image.fromarray(RANDOM.integers(0, 256, (9, 12, 3)).astype(np.uint8)) for _ in range(3)]
    for name in ("a.png", "a.gif", "a.webp"):
        frames[0].save(name, save_all=True, append_images=frames[1:], lossless=True)
        found = sources([Path(name)])
        expected = [load(source).array for source in found]
        for number in (0, 1, 0, 1, 2, 1, 0):
            np.testing.assert_array_equal(load(found[number]).array, expected[number])


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
def test_few_bits_look_in_a_tiff_as_they_did(folder: Path, bits: int, photometric: str) -> None:
    samples = (GRAY >> (8 - bits)).astype(np.uint8)
    tifffile.imwrite("a.tif", samples, bitspersample=bits, photometric=photometric)
    assert main(["encode", "a.tif"]) == 0
    assert main(["decode", "a.sofc", "-o", "b.tif"]) == 0
    np.testing.assert_array_equal(tifffile.imread("b.tif"), samples)
    with Image.open("a.tif") as before, Image.open("b.tif") as after:
        assert before.convert("L").tobytes() == after.convert("L").tobytes()


def test_cut_off_samples_are_called_so(folder: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    from test_imagefiles_medical import write_dicom

    stack = RANDOM.integers(0, 256, (5, 37, 53)).astype(np.uint8)
    tifffile.imwrite("a.tif", stack, photometric="minisblack")
    write_dicom(Path("a.dcm"), GRAY[None], bits=8)
    assert pydicom.dcmread("a.dcm").Rows == len(GRAY)
    for name, words in (("a.tif", "image 1 of this TIFF file is cut off"), ("a.dcm", "some are missing")):
        whole = Path(name).read_bytes()
        Path(name).write_bytes(whole[: 3000 if name == "a.tif" else -100])
        with pytest.raises(FormatError, match=words):
            arrays(Path(name))


@pytest.mark.parametrize("compression", [None, "packbits", "jpeg"])
def test_strips_beyond_the_end_of_the_file(folder: Path, compression: str | None) -> None:
    # Decoders of JPEG data make up what is missing.
    pytest.importorskip("imagecodecs")
    tifffile.imwrite("a.tif", GRAY, compression=compression, rowsperstrip=4 if compression is None else None)
    whole = Path("a.tif").read_bytes()
    Path("a.tif").write_bytes(whole[:-7])
    with pytest.raises(FormatError, match="cut off"):
        arrays(Path("a.tif"))


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_damaged_data_of_ccitt(folder: Path, compression: str) -> None:
    pytest.importorskip("imagecodecs")
    bits = np.add.outer(np.arange(40), np.arange(70)) // 9 % 3 == 0
    Image.fromarray(bits).save("a.tif", compression=compression)
    np.testing.assert_array_equal(arrays(Path("a.tif"))[0], bits)
    with tifffile.TiffFile("a.tif") as file:
        start, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    data = bytearray(Path("a.tif").read_bytes())
    data[start + count // 2 : start + count // 2 + 12] = bytes(12)
    Path("a.tif").write_bytes(data)
    with pytest.raises((FormatError, UnsupportedError)):
        arrays(Path("a.tif"))


def test_data_of_ccitt_that_fill_words_are_refused(folder: Path) -> None:
    Image.fromarray(BITS).save("a.tif", compression="tiff_raw_16")
    with pytest.raises(UnsupportedError, match="CCITT"):
        arrays(Path("a.tif"))


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mgz", "a.nii.bz2"])
def test_checks_behind_a_packed_volume(folder: Path, name: str) -> None:
    nibabel = pytest.importorskip("nibabel")
    kind = nibabel.MGHImage if name.endswith("mgz") else nibabel.Nifti1Image
    volume = RANDOM.integers(0, 900, (9, 10, 4)).astype(np.int16)
    kind(volume, np.eye(4)).to_filename(name)
    whole = Path(name).read_bytes()
    found = sources([Path(name)])
    for number in (0, 1, 3, 2, 0):
        np.testing.assert_array_equal(load(found[number]).array, volume[..., number].T)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 4
    for data in (whole[:-5], bytes(damaged)):
        Path(name).write_bytes(data)
        for order in (found, found[::-1]):
            with pytest.raises(FormatError):
                list(each(order))


def test_damaged_chunks_of_frames(folder: Path) -> None:
    frames = [Image.fromarray(RANDOM.integers(0, 256, (9, 12, 3)).astype(np.uint8)) for _ in range(2)]
    frames[0].save("a.png", save_all=True, append_images=frames[1:])
    frames[0].save("a.ico", sizes=[(9, 9)])
    for name, chunk in (("a.png", b"IDAT"), ("a.png", b"fdAT"), ("a.png", b"fcTL"), ("a.ico", b"IDAT")):
        data = bytearray(Path(name).read_bytes())
        data[data.rindex(chunk) + 9] ^= 1
        Path("b" + name[1:]).write_bytes(data)
        with pytest.raises(FormatError, match="is damaged"):
            arrays(Path("b" + name[1:]))


def test_kinds_that_are_not_read_are_named(folder: Path) -> None:
    mrc = (64).to_bytes(4, "little") + bytes(204) + b"MAP " + bytes(900)
    for name, data, words in (("a.mrc", mrc, "MRC"), ("a.lerc", b"Lerc2 " + bytes(90), "LERC")):
        Path(name).write_bytes(data)
        with pytest.raises(UnsupportedError, match=f"this is a {words} file"):
            arrays(Path(name))
    np.save("a.npy", np.array([[{}, 1]], object), allow_pickle=True)
    with pytest.raises(FormatError, match="objects of Python"):
        arrays(Path("a.npy"))
