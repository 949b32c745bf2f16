"""What decode writes shows what its input shows: inverted gray, YCbCr, palettes, Lab, inks, alpha, orientation."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from test_imagefiles_medical import pydicom, write_dicom

import sofc
from sofc.cli.__main__ import main
from sofc.container.records import Metadata, MetadataKind
from sofc.image import Meaning
from sofc.imagefiles import ImageSource, load
from sofc.imagefiles.photometric import COLOURS, EXTRAS, Photometric, of_dicom, of_tiff
from sofc.metadata import put_back

RANDOM = np.random.default_rng(15)
ROWS, COLUMNS = np.mgrid[0:24, 0:32]
GRAY = (5 * ROWS + 3 * COLUMNS).astype(np.uint8)
COLOUR = np.stack([GRAY, 255 - GRAY, (8 * COLUMNS).astype(np.uint8)], axis=-1)
ALPHA = (10 * ROWS).astype(np.uint8)


def through_sofc(name: str, *options: str) -> Path:
    """The one file that decode makes of this one."""
    assert main(["encode", "-f", "--coder", "raw", *options, name, "-o", "x.sofc"]) == 0
    for old in Path("out").rglob("*.*"):
        old.unlink()
    assert main(["decode", "-f", "x.sofc", "--out-dir", "out"]) == 0
    (back,) = (path for path in Path("out").rglob("*") if path.is_file())
    return back


def shown(path: Path) -> np.ndarray:
    """What Pillow shows: turned upright, on white where it is transparent."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        upright = upright.convert("RGBA" if upright.mode in ("RGBa", "RGBA", "LA", "La", "PA") else "RGB")
        white = Image.new("RGBA", upright.size, "white")
        return np.asarray(Image.alpha_composite(white, upright.convert("RGBA")).convert("RGB"))


def tags_of(path: Path) -> dict[int, Any]:
    with tifffile.TiffFile(path) as file:
        return {tag.code: tag.value for tag in file.pages.first.tags.values()}


def lab_of(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).convert("L"))[..., None] + np.array([0, 20, 40], np.uint8)


PREMULTIPLIED = np.dstack([(COLOUR * (ALPHA[..., None] / 255)).astype(np.uint8), ALPHA])
SHOWN_TIFFS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "white first": (GRAY, {"photometric": "miniswhite"}),
    "black first": (GRAY, {"photometric": "minisblack"}),
    "white first, 1 bit": (GRAY > 99, {"photometric": "miniswhite"}),
    "rgb": (COLOUR, {"photometric": "rgb"}),
    "a fourth that is no alpha": (
        np.dstack([COLOUR, ALPHA]),
        {"photometric": "rgb", "extrasamples": ["unspecified"]},
    ),
    "associated alpha": (PREMULTIPLIED, {"photometric": "rgb", "extrasamples": ["assocalpha"]}),
    "alpha": (np.dstack([COLOUR, ALPHA]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "inks": (np.dstack([COLOUR, ALPHA]), {"photometric": "separated"}),
    "lab": (lab_of(COLOUR), {"photometric": "cielab"}),
    "turned": (COLOUR, {"photometric": "rgb", "extratags": [(274, 3, 1, 6, True)]}),
    "mirrored gray, white first": (GRAY, {"photometric": "miniswhite", "extratags": [(274, 3, 1, 5, True)]}),
    "gray and alpha": (np.dstack([GRAY, ALPHA]), {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
}


@pytest.mark.parametrize("name", SHOWN_TIFFS)
@pytest.mark.parametrize("options", [(), ("--strip",)])
def test_tiff_shows_the_same(folder: Path, name: str, options: tuple[str, ...]) -> None:
    array, settings = SHOWN_TIFFS[name]
    tifffile.imwrite("a.tif", array, metadata=None, **settings)
    if options and "extratags" in settings:
        return  # which --strip is to leave out
    back = through_sofc("a.tif", *options)
    stored = sofc.read("x.sofc")
    assert np.array_equal(stored, ~array if name == "white first, 1 bit" else array)
    assert np.array_equal(shown(back), shown(Path("a.tif")))
    again = load(ImageSource(back)).array
    assert np.array_equal(again, stored)


MANY = RANDOM.integers(0, 256, (24, 32, 5)).astype(np.uint8)
TAGGED_TIFFS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "icclab": (COLOUR, {"photometric": "icclab"}),
    "itulab of 16 bits": (COLOUR.astype(np.uint16) * 99, {"photometric": "itulab"}),
    "white first, 16 bits": (GRAY.astype(np.uint16) * 200, {"photometric": "miniswhite"}),
    "white first, signed": (GRAY.astype(np.int16) - 99, {"photometric": "miniswhite"}),
    "channels": (MANY[..., :4], {"photometric": "minisblack", "extrasamples": ["unspecified"] * 3}),
    "three channels": (MANY[..., :3], {"photometric": "minisblack", "extrasamples": ["unspecified"] * 2}),
    "two channels": (MANY[..., :2], {"photometric": "minisblack", "extrasamples": ["unspecified"]}),
    "bands": (MANY, {"photometric": "rgb", "extrasamples": ["unspecified", "unassalpha"]}),
    "planes": (
        np.moveaxis(MANY[..., :4], 2, 0),
        {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ["assocalpha"]},
    ),
    "inks and alpha": (MANY, {"photometric": "separated", "extrasamples": ["unassalpha"]}),
    "other inks": (
        MANY[..., :4],
        {"photometric": "separated", "extratags": [(332, 3, 1, 2, True), (334, 3, 1, 4, True)]},
    ),
    "filters": (
        GRAY,
        {"photometric": "cfa", "extratags": [(33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\0\1\1\2", True)]},
    ),
    "linear": (COLOUR, {"photometric": "linear_raw"}),
    "luminance": (GRAY.astype(np.uint16), {"photometric": "logl"}),
}
SAID = (262, 332, 334, 338, 33421, 33422)


@pytest.mark.parametrize("name", TAGGED_TIFFS)
def test_tiff_says_the_same(folder: Path, name: str) -> None:
    array, settings = TAGGED_TIFFS[name]
    tifffile.imwrite("a.tif", array, metadata=None, **settings)
    back = through_sofc("a.tif")
    assert back.suffix == ".tif"
    was, now = tags_of(Path("a.tif")), tags_of(back)
    assert {tag: was[tag] for tag in SAID if tag in was} == {tag: now[tag] for tag in SAID if tag in now}
    array = np.moveaxis(array, 0, 2) if name == "planes" else array
    assert np.array_equal(sofc.read("x.sofc"), array)
    assert np.array_equal(load(ImageSource(back)).array, array)


def test_ycbcr_in_a_tiff(folder: Path) -> None:
    data = put_back(written(COLOUR), "tiff", [Metadata(MetadataKind.PHOTOMETRIC, "", b"ycbcr")])
    Path("a.tif").write_bytes(data)
    wanted = np.asarray(Image.fromarray(COLOUR, "YCbCr").convert("RGB"))
    assert np.array_equal(shown(Path("a.tif")), wanted)
    back = through_sofc("a.tif")
    assert np.array_equal(shown(back), wanted)
    assert np.array_equal(sofc.read("x.sofc"), COLOUR)


def test_ycbcr_that_decoders_make_rgb(folder: Path) -> None:
    pytest.importorskip("imagecodecs")
    tifffile.imwrite("a.tif", COLOUR, photometric="rgb", compression="jpeg", metadata=None)
    assert tags_of(Path("a.tif"))[262] == tifffile.PHOTOMETRIC.YCBCR
    back = through_sofc("a.tif")
    assert back.suffix == ".png"
    assert np.abs(shown(back).astype(int) - COLOUR).mean() < 9


def written(array: np.ndarray) -> bytes:
    from sofc.imagefiles.save import write

    buffer = io.BytesIO()
    write(buffer, array, "tiff")
    return buffer.getvalue()


PALETTE = RANDOM.integers(0, 256, (3, 256)).astype(np.uint8)


def lut(values: np.ndarray, first: int = 0) -> dict[str, Any]:
    """The elements of a palette, whose colours are shape (3, entries)."""
    names = ("Red", "Green", "Blue")
    bits = 8 * values.dtype.itemsize
    found: dict[str, Any] = {}
    for name, row in zip(names, values, strict=True):
        found[f"{name}PaletteColorLookupTableDescriptor"] = [row.size, first, bits]
        found[f"{name}PaletteColorLookupTableData"] = row.tobytes()
    return found


DICOMS: dict[str, tuple[np.ndarray, str, dict[str, Any]]] = {
    "gray": (GRAY, "MONOCHROME2", {}),
    "white first": (GRAY, "MONOCHROME1", {}),
    "rgb": (COLOUR, "RGB", {}),
    "ycbcr": (COLOUR, "YBR_FULL", {}),
    "palette": (GRAY, "PALETTE COLOR", lut(PALETTE)),
    "palette of 16 bits": (GRAY, "PALETTE COLOR", lut(PALETTE.astype(np.uint16) * 256 + 7)),
    "palette from 40 on": (GRAY, "PALETTE COLOR", lut(PALETTE[:, :100], 40)),
}


@pytest.mark.parametrize("name", DICOMS)
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("keeps", [False, True])
def test_dicom_shows_the_same(folder: Path, name: str, frames: int, keeps: bool) -> None:
    from pydicom.pixels import apply_color_lut, pixel_array

    array, photometric, elements = DICOMS[name]
    stack = np.stack([np.roll(array, number, axis=0) for number in range(frames)])
    pydicom()
    write_dicom(Path("a.dcm"), stack, bits=8, photometric=photometric, **elements)
    # What pydicom shows: colours in RGB, palettes applied.
    wanted = pixel_array("a.dcm")
    if photometric == "PALETTE COLOR":
        wanted = apply_color_lut(wanted, pydicom().dcmread("a.dcm"))
        wanted = (wanted >> 8).astype(np.uint8) if wanted.dtype == np.uint16 else wanted
    elif photometric == "MONOCHROME1":
        wanted = 255 - wanted
    wanted = wanted.reshape(stack.shape[:3] + wanted.shape[-1:] if wanted.shape[-1] == 3 else stack.shape)
    if keeps:
        assert main(["encode", "--keep-file", "--coder", "raw", "a.dcm", "-o", "x.sofc"]) == 0
        assert main(["decode", "--images", "x.sofc", "--out-dir", "out"]) == 0
        (back,) = Path("out").iterdir()
    else:
        back = through_sofc("a.dcm")
        stored = sofc.read("x.sofc")
        assert np.array_equal(stored, stack if frames > 1 else stack[0])
    got = []
    with Image.open(back) as image:
        assert getattr(image, "n_frames", 1) == frames
        for number in range(frames):
            image.seek(number)
            got.append(np.asarray(image.convert("RGB")))
    for one, right in zip(got, wanted, strict=True):
        right = np.stack([right] * 3, axis=-1) if right.ndim == 2 else right
        assert np.abs(one.astype(int) - right).max() <= 2


def test_bits_and_signs_of_dicom_palettes(folder: Path) -> None:
    pydicom()
    indices = (GRAY.astype(np.uint16) * 3)[None]
    colours = RANDOM.integers(0, 65536, (3, 1024)).astype(np.uint16)
    write_dicom(Path("a.dcm"), indices, bits=10, photometric="PALETTE COLOR", **lut(colours))
    back = through_sofc("a.dcm")
    with tifffile.TiffFile(back) as file:
        assert np.array_equal(file.pages.first.colormap[:, :1024], colours)
        assert np.array_equal(file.asarray(), indices[0])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_tiff_palettes_say_their_bits(folder: Path, bits: int) -> None:
    """libtiff passes over a palette where BitsPerSample is not given, and then opens no such file."""
    with Image.open(_palette_of_few_colours(bits)) as image:
        shown = np.asarray(image.convert("RGB"))
    assert main(["encode", "-f", "-e", "1", "a.png", "-o", "a.sofc"]) == 0
    assert main(["decode", "-f", "a.sofc", "-o", "a.tif"]) == 0
    with tifffile.TiffFile("a.tif") as file:
        assert file.pages[0].tags[258].value == bits
    with Image.open("a.tif") as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), shown)


def _palette_of_few_colours(bits: int) -> Path:
    image = Image.fromarray(GRAY >> 8 - bits, "P")
    image.putpalette(RANDOM.integers(0, 256, 3 << bits).tolist())
    image.save("a.png", bits=bits)
    return Path("a.png")


def test_a_palette_that_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pydicom()
    write_dicom(Path("a.dcm"), GRAY[None], bits=8, photometric="PALETTE COLOR")
    assert main(["encode", "--coder", "raw", "a.dcm"]) == 0
    assert "the palette of this DICOM file cannot be read" in capsys.readouterr().err
    assert np.array_equal(sofc.read("a.sofc"), GRAY)
    assert main(["decode", "a.sofc", "-o", "b.dcm"]) == 0
    assert Path("b.dcm").read_bytes() == Path("a.dcm").read_bytes()


def test_jpeg_in_dicom_that_is_said_to_be_rgb(folder: Path) -> None:
    module = pydicom()
    file = io.BytesIO()
    Image.fromarray(COLOUR).save(file, "JPEG", quality=95)
    write_dicom(Path("a.dcm"), COLOUR[None], bits=8, photometric="RGB")
    data_set = module.dcmread("a.dcm")
    data_set.file_meta.TransferSyntaxUID = module.uid.JPEGBaseline8Bit
    data_set.PixelData = module.encaps.encapsulate([file.getvalue()])
    data_set["PixelData"].is_undefined_length = True
    data_set.save_as("a.dcm")
    back = through_sofc("a.dcm")
    assert load(ImageSource(Path("a.dcm"))).meaning == Meaning.UNSPECIFIED
    with Image.open(file) as image:
        assert np.abs(shown(back).astype(int) - np.asarray(image.convert("RGB"))).max() <= 2


@pytest.mark.parametrize("output", ["b.png", "b.pgm", "b.npy"])
def test_what_shows_another_picture_is_said(folder: Path, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite("a.tif", GRAY, photometric="miniswhite", metadata=None)
    assert main(["encode", "--coder", "raw", "a.tif"]) == 0
    capsys.readouterr()
    assert main(["decode", "a.sofc", "-o", output]) == 0
    assert "what its components are (min-is-white), so that it shows another picture" in capsys.readouterr().out
    assert main(["info", "-v", "a.sofc"]) == 0
    assert "metadata PHOTOMETRIC: 12 B  min-is-white" in capsys.readouterr().out


def test_orientation_of_a_tiff_in_a_png(folder: Path) -> None:
    for exif in (None, Metadata(MetadataKind.EXIF, "", b"")):
        tifffile.imwrite("a.tif", COLOUR, metadata=None, extratags=[(274, 3, 1, 6, True)])
        assert exif is None or exif.value == b""
        assert main(["encode", "-f", "--coder", "raw", "a.tif"]) == 0
        assert main(["decode", "-f", "a.sofc", "-o", "b.png"]) == 0
        assert np.array_equal(shown(Path("b.png")), shown(Path("a.tif")))


def test_pages_of_different_kinds(folder: Path) -> None:
    with tifffile.TiffWriter("a.tif") as file:
        file.write(GRAY, photometric="miniswhite", metadata=None)
        file.write(COLOUR, photometric="cielab", metadata=None)
        file.write(GRAY, photometric="minisblack", metadata=None)
    back = through_sofc("a.tif")
    with tifffile.TiffFile(back) as file:
        assert [page.aspage().tags[262].value for page in file.pages] == [0, 8, 1]


@pytest.mark.parametrize(
    "text", ["", "?", "rgb alpha", "rgb x", "ycbcr", "min-is-white other", "tiff-99999999", "tiff-70000"]
)
@pytest.mark.parametrize("array", [GRAY, GRAY > 99, np.dstack([COLOUR, ALPHA]), np.dstack([GRAY, ALPHA])])
def test_untrusted_items_leave_the_samples_alone(folder: Path, text: str, array: np.ndarray) -> None:
    items = [Metadata(MetadataKind.PHOTOMETRIC, "", text.encode() + b"\xff" * (text == "?"))]
    Path("a.sofc").write_bytes(sofc.encode(array, coder="raw", metadata=items))
    assert main(["decode", "-f", "a.sofc", "-o", "b.tif"]) == 0
    assert np.array_equal(load(ImageSource(Path("b.tif"))).array, array)


def test_words() -> None:
    for colours in COLOURS:
        for extras in ((), ("alpha",), ("other", "associated-alpha")):
            found = Photometric(colours, extras)
            assert Photometric.parse(found.text) == found
            assert found.number == COLOURS[colours]
    assert of_tiff(2, 4) == Photometric("rgb", ("alpha",))
    assert of_tiff(2, 5) == Photometric("rgb", ("other", "other"))
    assert of_tiff(2, 4, extras=(0,)) == Photometric("rgb", ("other",))
    assert of_tiff(2, 4, extras=(9,)) == Photometric("rgb", ("other",))
    assert of_tiff(2, 1) == Photometric("")  # says three components
    assert of_tiff(5, 4) == Photometric("cmyk")
    assert of_tiff(5, 3) == Photometric("inks")
    assert of_tiff(32844, 1) == Photometric("tiff-32844")
    assert Photometric("tiff-32844").number == 32844
    assert of_dicom("YBR_PARTIAL_420", 3) == Photometric("ycbcr-narrow")
    assert of_dicom("RGB", 1) == Photometric("")
    assert of_dicom("ARGB", 4).meaning == Meaning.UNSPECIFIED
    assert set(EXTRAS.values()) == {0, 1, 2}


def test_four_components_of_which_nothing_is_known(folder: Path) -> None:
    for array in (np.dstack([COLOUR, ALPHA]), np.dstack([GRAY, ALPHA])):
        Path("a.sofc").write_bytes(sofc.encode(array, coder="raw"))
        assert main(["decode", "-f", "a.sofc"]) == 0
        assert tags_of(Path("a.tif"))[338] in (0, (0,))


def test_inks_of_a_jpeg(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.dstack([COLOUR, ALPHA]), "CMYK").save("a.jpg", quality=100)
    back = through_sofc("a.jpg")
    assert "its inks inverted, as Adobe's programs write them" in capsys.readouterr().err
    assert np.array_equal(shown(back), shown(Path("a.jpg")))


def test_sizes_of_an_icon_are_images(folder: Path) -> None:
    Image.fromarray(COLOUR).resize((64, 64)).save("a.ico", sizes=[(16, 16), (32, 32), (64, 64)])
    assert main(["encode", "-q", "a.ico"]) == 0
    with sofc.open_reader("a.sofc") as reader:
        assert sorted(reader.header_of(number).width for number in range(len(reader))) == [16, 32, 64]
