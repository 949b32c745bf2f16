"""What image files hold beside their samples: kept byte for byte, put back, shown, left out."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin
from test_imagefiles_medical import write_dicom

import sofc
from sofc.cli.__main__ import main
from sofc.collection import encode_collection
from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError
from sofc.imagefiles import ImageSource, load
from sofc.imagefiles.samples import Samples
from sofc.imagefiles.save import write
from sofc.metadata import ifd, png, put_back, read, split, tiff
from sofc.metadata.ifd import Directory, Field

RANDOM = np.random.default_rng(8)
GRAY = RANDOM.integers(0, 9, (6, 7)).astype(np.uint8)
COLOUR = RANDOM.integers(0, 9, (6, 7, 3)).astype(np.uint8)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\xc3\xa4</x:xmpmeta>'
EXIF = ifd.write(
    Directory(
        {271: Field(2, 4, b"Leo\0")},
        {ifd.EXIF: Directory({33434: Field(5, 1, struct.pack("<II", 1, 250)), 37500: Field(7, 9, b"makernote")})},
    )
)


def written(array: np.ndarray, file_format: str) -> bytes:
    buffer = io.BytesIO()
    write(buffer, array, file_format)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(*chunks: bytes, array: np.ndarray = COLOUR) -> bytes:
    data = written(array, "png")
    return data[: png.HEAD_END] + b"".join(chunks) + data[png.HEAD_END :]


FULL_PNG = png_with(
    chunk(b"gAMA", struct.pack(">I", 45455)),
    chunk(b"iCCP", b"my profile\0\0" + zlib.compress(ICC)),
    chunk(b"eXIf", EXIF),
    chunk(b"pHYs", struct.pack(">IIB", 11811, 11812, 1)),
    chunk(b"tEXt", b"Author\0J\xfcrgen"),
    chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"long " * 99)),
    chunk(b"iTXt", b"Title\0\0\0\0\0" + "Łódź".encode()),
    chunk(b"iTXt", b"Title\0\0\0de\0Titel\0" + b"Lodsch"),
    chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
    chunk(b"tRNS", bytes(6)),
    chunk(b"bKGD", bytes(2)),
    chunk(b"prVt", b"private"),
    chunk(b"prVT", b"of these very samples"),
)
FULL_PNG_ITEMS = [
    Metadata(MetadataKind.PNG, "gAMA", struct.pack(">I", 45455)),
    Metadata(MetadataKind.ICC, "my profile", ICC),
    Metadata(MetadataKind.EXIF, "", EXIF),
    Metadata(MetadataKind.RESOLUTION, "", b"11811/100 2953/25 cm"),
    Metadata(MetadataKind.TEXT, "Author", "Jürgen".encode()),
    Metadata(MetadataKind.TEXT, "Comment", b"long " * 99),
    Metadata(MetadataKind.TEXT, "Title", "Łódź".encode()),
    Metadata(MetadataKind.PNG, "iTXt", b"Title\0\0\0de\0Titel\0Lodsch"),
    Metadata(MetadataKind.XMP, "", XMP),
    Metadata(MetadataKind.PNG, "tRNS", bytes(6)),
    Metadata(MetadataKind.PNG, "prVt", b"private"),
]


def test_png_and_back(folder: Path) -> None:
    Path("a.png").write_bytes(FULL_PNG)
    assert read(Path("a.png"), 1) == [FULL_PNG_ITEMS]
    assert main(["encode", "--coder", "raw", "a.png"]) == 0
    with sofc.open_reader("a.sofc") as reader:
        assert reader.metadata == FULL_PNG_ITEMS
    assert main(["decode", "a.sofc", "-o", "b.png"]) == 0
    assert read(Path("b.png"), 1) == [FULL_PNG_ITEMS]
    with Image.open("b.png") as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert image.info["icc_profile"] == ICC
        assert image.info["exif"] == b"Exif\0\0" + EXIF
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.info["xmp"] == XMP
        assert image.text["Author"] == "Jürgen"
        assert np.array_equal(np.asarray(image), COLOUR)


def test_strip(folder: Path) -> None:
    Path("a.png").write_bytes(FULL_PNG)
    assert main(["encode", "--coder", "raw", "--strip", "a.png"]) == 0
    needed = [Metadata(MetadataKind.PNG, "tRNS", bytes(6))]
    assert Path("a.sofc").read_bytes() == sofc.encode(COLOUR, coder="raw", meaning=sofc.Meaning.RGB, metadata=needed)


@pytest.mark.parametrize("colours", [2, 9, 256])
@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.bmp", "a.tif"])
def test_palettes_and_back(folder: Path, name: str, colours: int) -> None:
    indices = np.arange(12 * 25).reshape(12, 25) % colours
    image = Image.fromarray(indices.astype(np.uint8)).convert("P")
    image.putpalette(np.random.default_rng(colours).bytes(3 * colours))
    transparency = {"a.png": {"transparency": bytes([0, 99])}, "a.gif": {"transparency": 1}}.get(name, {})
    image.save(name, **transparency)
    # Without the palette the samples would be of little use.
    assert main(["encode", "--coder", "raw", "--strip", name, "-o", "a.sofc"]) == 0
    with Image.open(name) as opened:
        was, colour, alpha = np.asarray(opened), opened.convert("RGB"), opened.convert("RGBA")
    assert np.array_equal(sofc.read("a.sofc"), was)
    for output, wanted in (("b.png", alpha), ("b.tif", colour)):
        assert main(["decode", "a.sofc", "-o", output]) == 0
        with Image.open(output) as again:
            assert again.mode == "P"
            assert np.array_equal(np.asarray(again), was)
            assert np.array_equal(np.asarray(again.convert(wanted.mode)), np.asarray(wanted))


def test_palette_of_8_bits_in_a_tiff(folder: Path) -> None:
    """Old programs wrote such, and libtiff shows them as they were meant (tif_getimage.c, checkcmap)."""
    colours = np.arange(768, dtype=np.uint16).reshape(256, 3) // 3
    tifffile.imwrite("a.tif", GRAY, photometric="palette", colormap=colours.T)
    assert main(["encode", "--coder", "raw", "a.tif"]) == 0
    for output in ("b.png", "b.tif"):
        assert main(["decode", "a.sofc", "-o", output]) == 0
        with Image.open(output) as image:
            assert np.array_equal(np.asarray(image.convert("RGB")), colours[GRAY])


def test_palette_of_16_bits(folder: Path) -> None:
    colour_map = np.random.default_rng(3).integers(0, 65536, (3, 256)).astype(np.uint16)
    indices = np.arange(300, dtype=np.uint16).reshape(12, 25).astype(np.uint8)
    tifffile.imwrite("a.tif", indices, photometric="palette", colormap=colour_map)
    assert main(["encode", "--coder", "raw", "a.tif"]) == 0
    assert main(["decode", "a.sofc", "-o", "b.tif"]) == 0
    with tifffile.TiffFile("b.tif") as file:
        assert np.array_equal(file.pages[0].colormap, colour_map)
        assert np.array_equal(file.asarray(), indices)


@pytest.mark.parametrize(
    "palette",
    [
        Metadata(MetadataKind.PALETTE, "RGB8", bytes(7)),
        Metadata(MetadataKind.PALETTE, "RGB9", bytes(6)),
        Metadata(MetadataKind.PALETTE, "RGB8", b""),
        Metadata(MetadataKind.PALETTE, "RGBA8", bytes(4000)),
    ],
)
def test_palettes_that_cannot_be(folder: Path, palette: Metadata) -> None:
    for image in (GRAY, COLOUR, GRAY.astype(np.uint16), GRAY > 99):
        Path("a.sofc").write_bytes(sofc.encode(image, coder="raw", metadata=[palette]))
        for output in ("b.png", "b.tif"):
            assert main(["decode", "-f", "a.sofc", "-o", output]) == 0
            samples = load(ImageSource(Path(output))).array
            assert np.array_equal(samples, image)


def test_info(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = [*FULL_PNG_ITEMS, Metadata(MetadataKind.TEXT, "bell", b"\x1b[2J" + b"x" * 99), Metadata(100, "", b"?")]
    Path("a.sofc").write_bytes(sofc.encode(GRAY, coder="raw", metadata=items))
    assert main(["info", "a.sofc"]) == 0
    text = capsys.readouterr().out
    assert "metadata TEXT 'Author': 7 B\n" in text
    assert main(["info", "-v", "a.sofc"]) == 0
    text = capsys.readouterr().out
    assert "  metadata TEXT 'Author': 7 B  Jürgen\n" in text
    assert "  metadata RESOLUTION: 20 B  11811/100 2953/25 cm\n" in text
    assert f"  metadata TEXT 'bell': 103 B  [2J{'x' * 56}…\n" in text
    assert f"  metadata ICC 'my profile': {len(ICC)} B\n" in text
    assert "  metadata kind 100: 1 B\n" in text


def fields_of(data: bytes) -> dict[int, Any]:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages) == 1
        return {tag.code: tag.value for tag in file.pages[0].tags}


def test_png_to_tiff(folder: Path) -> None:
    Path("a.png").write_bytes(FULL_PNG)
    assert main(["encode", "--coder", "raw", "a.png"]) == 0
    assert main(["decode", "a.sofc", "-o", "b.tif"]) == 0
    assert np.array_equal(load(ImageSource(Path("b.tif"))).array, COLOUR)
    fields = fields_of(Path("b.tif").read_bytes())
    assert fields[34675] == ICC
    assert fields[700] == XMP
    assert fields[34665]["ExposureTime"] == (1, 250)
    assert fields[34665]["MakerNote"] == b"makernote"
    assert (fields[282], fields[283], fields[296]) == ((11811, 100), (2953, 25), 3)
    assert (fields[271], fields[315]) == ("Leo", "Jürgen")


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_tiff_and_back(folder: Path, byteorder: Any, bigtiff: bool) -> None:
    extra = [
        (34675, 7, len(ICC), ICC, True),
        (700, 1, len(XMP), XMP, True),
        (33550, 12, 3, (10.0, 20.0, 0.5), True),
        (274, 3, 1, 6, True),
        (61000, 3, 2, (1, 2), True),
    ]
    settings: dict[str, Any] = {"description": "a worm", "resolution": (300, 150), "resolutionunit": 2}
    tifffile.imwrite(
        "a.tif", COLOUR, byteorder=byteorder, bigtiff=bigtiff, extratags=extra, metadata=None, software="me", **settings
    )
    (items,) = read(Path("a.tif"), 1)
    assert items[:5] == [
        Metadata(MetadataKind.ICC, "", ICC),
        Metadata(MetadataKind.XMP, "", XMP),
        Metadata(MetadataKind.TEXT, "ImageDescription", b"a worm"),
        Metadata(MetadataKind.TEXT, "Software", b"me"),
        Metadata(MetadataKind.RESOLUTION, "", b"300 150 inch"),
    ]
    assert [item.kind for item in items[5:]] == [MetadataKind.TIFF]
    assert main(["encode", "--coder", "raw", "a.tif"]) == 0
    assert main(["decode", "a.sofc", "-o", "b.tif"]) == 0
    assert read(Path("b.tif"), 1) == [items]
    fields = fields_of(Path("b.tif").read_bytes())
    assert (fields[33550], fields[274]) == ((10.0, 20.0, 0.5), 6)
    assert 61000 not in fields
    assert np.array_equal(load(ImageSource(Path("b.tif"))).array, COLOUR)


def test_exif_of_a_tiff(folder: Path) -> None:
    Path("a.tif").write_bytes(put_back(written(GRAY, "tiff"), "tiff", [Metadata(MetadataKind.EXIF, "", EXIF)]))
    (items,) = read(Path("a.tif"), 1)
    assert ifd.read(io.BytesIO(items[0].value)).inner == ifd.read(io.BytesIO(EXIF)).inner
    assert main(["encode", "--coder", "raw", "a.tif"]) == 0
    assert main(["decode", "a.sofc", "-o", "b.png"]) == 0
    with Image.open("b.png") as image:
        assert image.getexif().get_ifd(ifd.EXIF)[33434] == 1 / 250


def test_pages_of_a_tiff(folder: Path) -> None:
    with tifffile.TiffWriter("a.tif") as file:
        for number in range(3):
            file.write(GRAY + number, description=f"page {number // 2}", metadata=None, software="me", contiguous=False)
    assert main(["encode", "--coder", "raw", "a.tif"]) == 0
    with sofc.open_reader("a.sofc") as reader:
        assert [(item.kind, item.value) for item in reader.metadata] == [
            (MetadataKind.TEXT, b"me"),
            (MetadataKind.PAGES, b""),
        ]
        assert [reader.metadata_of(number)[0].value for number in range(3)] == [b"page 0", b"page 0", b"page 1"]
    for options in ([], ["--format", "tiff"]):
        assert main(["decode", "-f", *options, "a.sofc", "-o", "b"]) == 0
        with tifffile.TiffFile("b.tif") as file:
            texts = [(page.aspage().tags[270].value, page.aspage().tags[305].value) for page in file.pages]
            assert texts == [("page 0", "me"), ("page 0", "me"), ("page 1", "me")]
            assert np.array_equal(file.pages[2].asarray(), GRAY + 2)
    assert main(["decode", "--format", "png", "a.sofc"]) == 0
    assert len(list(Path("a").glob("*.png"))) == 3


def test_descriptions_that_are_not_put_back_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite("a.tif", np.stack([GRAY] * 4), imagej=True)
    Path("more").mkdir()
    tifffile.imwrite("more/b.tif", np.stack([GRAY] * 4), imagej=True)
    for inputs in (["a.tif"], ["--collection", "a.tif", "more/b.tif"]):
        assert main(["encode", "-f", "--coder", "raw", *inputs, "-o", "c.sofc"]) == 0
        capsys.readouterr()
        assert main(["decode", "-f", "--format", "tiff", "c.sofc", "-o", "c"]) == 0
        several = len(inputs) > 1
        assert ("without the description of pages by ImageJ or OME" in capsys.readouterr().out) == several
    paths = [path for path in Path("c").rglob("*.tif") if path.is_file()]
    assert len(paths) == 8
    for path in paths:
        assert np.array_equal(tifffile.imread(path), GRAY)


def test_what_only_tiff_holds_comes_back_as_tiff(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = (34735, 3, 4, (1, 1, 0, 0), True)
    tifffile.imwrite("map.tif", GRAY, extratags=[keys], metadata=None)
    tifffile.imwrite("plain.tif", GRAY, metadata=None)
    assert main(["encode", "--coder", "raw", "map.tif", "plain.tif"]) == 0
    assert main(["decode", "-f", "map.sofc", "plain.sofc", "--out-dir", "out"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["map.tif", "plain.png"]
    assert fields_of(Path("out/map.tif").read_bytes())[34735] == (1, 1, 0, 0)
    capsys.readouterr()
    assert main(["decode", "map.sofc", "-o", "map.png"]) == 0
    assert "map.png  without TIFF metadata" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["imagej", "ome"])
@pytest.mark.parametrize("colours", [False, True])
def test_axes_come_back(folder: Path, kind: str, colours: bool) -> None:
    image = COLOUR if colours else GRAY
    stack = np.stack([np.roll(image, number, 1) for number in range(6)]).reshape(2, 3, *image.shape)
    metadata = {"axes": "TZYXS" if colours else "TZYX"}
    name = "a.ome.tif" if kind == "ome" else "a.tif"
    settings: dict[str, Any] = {kind: True, "photometric": "rgb" if colours else "minisblack"}
    tifffile.imwrite(name, stack, metadata=metadata, **settings)
    assert main(["encode", "--coder", "raw", name, "-o", "a.sofc"]) == 0
    assert main(["decode", "a.sofc", "-o", "b"]) == 0
    with tifffile.TiffFile("b.tif") as file:
        assert (len(file.pages), file.series[0].axes) == (6, metadata["axes"])
        assert np.array_equal(file.asarray(), stack)
    with Image.open("b.tif") as pages:
        for number in range(6):
            pages.seek(number)
            assert np.array_equal(np.asarray(pages), stack.reshape(6, *image.shape)[number])


def test_pages_in_one_file_where_one_is_named(folder: Path) -> None:
    images = [GRAY, COLOUR, GRAY[:5]]
    texts = [Metadata(MetadataKind.TEXT, "Artist", text) for text in (b"a", b"bb" * 9, b"c")]
    coded = encode_collection(map(Samples, images), coder="raw", metadata_of_images=[[one] for one in texts])
    Path("a.sofc").write_bytes(b"".join(coded))
    assert main(["decode", "a.sofc", "-o", "b.tif"]) == 0
    with tifffile.TiffFile("b.tif") as file:
        for page, image, text in zip(file.pages, images, texts, strict=True):
            assert np.array_equal(page.asarray(), image)
            assert page.aspage().tags["Artist"].value.encode() == text.value


def test_descriptions_that_do_not_fit(folder: Path) -> None:
    pixels = '<OME ><Pixels SizeX="{}" SizeY="{}" SizeZ="{}" SizeC="1" SizeT="1"/>'
    height, width = GRAY.shape
    for text in (
        "ImageJ=1\nimages=9\n",
        pixels.format(width, height, 9),
        pixels.format(9 * width, height, 1),
        pixels.format(width, height, 1) + "<UUID FileName=''/>",
        "<OME ",
    ):
        item = Metadata(MetadataKind.TEXT, "ImageDescription", text.encode())
        Path("a.sofc").write_bytes(sofc.encode(GRAY, coder="raw", metadata=[item]))
        assert main(["decode", "-f", "a.sofc", "-o", "b.tif"]) == 0
        assert 270 not in fields_of(Path("b.tif").read_bytes())
        assert np.array_equal(tifffile.imread("b.tif"), GRAY)


@pytest.mark.parametrize("encapsulated", [False, True])
def test_dicom(folder: Path, encapsulated: bool) -> None:
    pydicom = pytest.importorskip("pydicom", minversion="3")
    from pydicom.encaps import encapsulate

    write_dicom(Path("a.dcm"), RANDOM.integers(0, 4000, (2, 8, 9)).astype(np.uint16), bits=12, PatientName="Noether")
    data_set = pydicom.dcmread("a.dcm")
    data_set.add_new(0xFFFCFFFC, "OB", b"padding!")
    if encapsulated:
        data_set.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
        data_set.PixelData = encapsulate([b"ab", b"cdef"])
        data_set["PixelData"].is_undefined_length = True
    data_set.save_as("a.dcm")
    first, second = read(Path("a.dcm"), 2)
    assert first == second
    (item,) = first
    assert item.kind == MetadataKind.DICOM
    kept = pydicom.dcmread(io.BytesIO(item.value))
    assert kept.PatientName == "Noether"
    assert "PixelData" not in kept
    del data_set.PixelData
    assert kept == data_set
    if not encapsulated:
        whole = Path("a.dcm").read_bytes()
        assert item.value == whole.replace(whole[whole.index(b"\xe0\x7f\x10\0") :][: 12 + 2 * 8 * 9 * 2], b"")


def test_jpeg(folder: Path) -> None:
    Image.fromarray(COLOUR).save("a.jpg", icc_profile=ICC, exif=b"Exif\0\0" + EXIF, dpi=(72, 36), comment=b"hi")
    assert read(Path("a.jpg"), 1) == [
        [
            Metadata(MetadataKind.ICC, "", ICC),
            Metadata(MetadataKind.EXIF, "", EXIF),
            Metadata(MetadataKind.TEXT, "Comment", b"hi"),
            Metadata(MetadataKind.RESOLUTION, "", b"72 36 inch"),
        ]
    ]


def test_collection(folder: Path) -> None:
    for name, text in (("a", b"one"), ("b", b"two"), ("c", b"two")):
        shared = chunk(b"tEXt", b"Author\0me")
        Path(f"{name}.png").write_bytes(png_with(shared, chunk(b"tEXt", b"Title\0" + text), array=GRAY))
    assert main(["encode", "--coder", "raw", "--collection", "a.png", "b.png", "c.png", "-o", "all.sofc"]) == 0
    with sofc.open_reader("all.sofc") as reader:
        assert reader.metadata[0] == Metadata(MetadataKind.TEXT, "Author", b"me")
        assert [reader.metadata_of(number)[0].value for number in range(3)] == [b"one", b"two", b"two"]
    assert main(["decode", "all.sofc"]) == 0
    with Image.open("all/c.png") as image:
        assert image.info == {"Author": "me", "Title": "two"}


def test_damaged_metadata_does_not_stop(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.png").write_bytes(png_with(chunk(b"iCCP", b"x\0\0" + zlib.compress(ICC)[:50])))
    assert main(["encode", "--coder", "raw", "a.png"]) == 0
    assert "a.png: its metadata cannot be read: a compressed chunk is cut off" in capsys.readouterr().err
    with sofc.open_reader("a.sofc") as reader:
        assert reader.metadata == []


def test_split() -> None:
    one, two, three = (Metadata(0, name, b"") for name in "abc")
    assert split([[one, two], [three, one]]) == ([one], [[two], [three]])


def test_hostile_items_leave_the_samples_alone() -> None:
    size = Directory({256: Field(3, 1, b"\1\0"), 273: Field(4, 1, bytes(4)), 270: Field(3, 1, b"\1\0")})
    size.fields |= {tag: Field(ifd.ASCII, 2, b"a\0") for tag in (34412, 33629, 51123, 65420, 34665, 34675)}
    hostile = [
        Metadata(MetadataKind.TIFF, "", ifd.write(size)),
        Metadata(MetadataKind.EXIF, "", ifd.write(size)),
        Metadata(MetadataKind.PNG, "IHDR", bytes(13)),
        Metadata(MetadataKind.PNG, "tRNS", bytes(99)),
        Metadata(MetadataKind.PNG, "acTL", bytes(8)),
        Metadata(MetadataKind.PNG, "priV", bytes(8)),
        Metadata(MetadataKind.PNG, "pHYs\0", b""),
        Metadata(MetadataKind.TEXT, "k" * 100, b"a\0b"),
        Metadata(MetadataKind.TEXT, "Ł", b"\xff"),
        Metadata(MetadataKind.RESOLUTION, "", b"9999999999/1 1/9999999999 inch"),
        Metadata(MetadataKind.RESOLUTION, "", b"0 0 inch"),
        Metadata(MetadataKind.ICC, "\u20ac", b""),
    ]
    assert np.array_equal(tifffile.imread(io.BytesIO(put_back(written(GRAY, "tiff"), "tiff", hostile))), GRAY)
    with Image.open(io.BytesIO(put_back(written(GRAY, "png"), "png", hostile))) as image:
        assert np.array_equal(np.asarray(image), GRAY)
        assert set(image.info) <= {"Comment", "icc_profile", "exif"}


@given(
    st.lists(
        st.builds(
            Metadata,
            st.sampled_from([*MetadataKind]),
            st.sampled_from(["", "Author", "Title", "tRNS", "gAMA", "sPLT", "IDAT", "iTXt"]) | st.text(max_size=5),
            st.binary(max_size=60).map(lambda tail: EXIF[: len(tail)] + tail)
            | st.binary(max_size=60)
            | st.binary(max_size=20).map(lambda tail: b"k\0\1\0de\0K\0" + tail),
        ),
        max_size=4,
    )
)
@example([Metadata(MetadataKind.PNG, "a", b"")])
@example([Metadata(MetadataKind.PNG, "prvat", b"five letters name no chunk")])
def test_any_items_can_be_put_back(items: list[Metadata]) -> None:
    assert np.array_equal(tifffile.imread(io.BytesIO(put_back(written(GRAY, "tiff"), "tiff", items))), GRAY)
    data = put_back(written(GRAY, "png"), "png", items)
    with Image.open(io.BytesIO(data)) as image:
        image.load()


@given(st.binary(max_size=80).map(lambda tail: b"II*\0\x08\0\0\0" + tail) | st.binary(max_size=80))
def test_any_directory_ends_well(data: bytes) -> None:
    try:
        directory = ifd.read(io.BytesIO(data))
    except FormatError:
        return
    again = ifd.read(io.BytesIO(ifd.write(directory)))
    assert again == directory


def test_pages_of_either_layout_in_either(tmp_path: Path) -> None:
    items = [Metadata(MetadataKind.EXIF, "", EXIF), Metadata(MetadataKind.ICC, "", ICC)]
    for limit in (1 << 32, 1000):
        path = tmp_path / "a.tif"
        with path.open("wb") as file:
            pages = tiff.Pages(file, limit=limit)
            for number in range(4):
                buffer = io.BytesIO()
                tifffile.imwrite(buffer, COLOUR + number, bigtiff=number % 2 == 1, rowsperstrip=2, metadata=None)
                pages.add(buffer, items)
            pages.finish()
        with tifffile.TiffFile(path) as read_again:
            assert read_again.is_bigtiff == (limit == 1000)
            assert np.array_equal(read_again.asarray(), [COLOUR, COLOUR + 1, COLOUR + 2, COLOUR + 3])
            for page in read_again.pages:
                assert page.aspage().tags[34665].value["MakerNote"] == b"makernote"
                assert page.aspage().tags[34675].value == ICC
        assert len(sofc.imagefiles.sources([path])) == 4


def test_packed_metadata_is_bounded() -> None:
    items = [Metadata(0, "", bytes(1 << 20))] * 3
    data = sofc.encode(GRAY, coder="raw", metadata=items)
    assert len(data) < 5000
    limits = sofc.Limits(max_metadata_bytes=5 << 19)
    with pytest.raises(sofc.LimitError, match="max_metadata_bytes"):
        sofc.decode_images(data, limits=limits)
    with sofc.open_reader(data, limits=limits) as reader, pytest.raises(sofc.LimitError):
        _ = reader.metadata
    with sofc.open_reader(data) as reader:
        assert reader.metadata == items
