"""Files of which the usual libraries make different samples: what is read is right, or it is refused and said why."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, features
from test_encapsulated import J2K, write

from sofc.cli.__main__ import main
from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles import ImageSource, each, each_in_file, jpegxl, load, remarks, sources, tiff_doubts
from sofc.jpeg.soundness import complaint

imagecodecs = pytest.importorskip("imagecodecs")
RANDOM = np.random.default_rng(29)
GRAY = RANDOM.integers(0, 256, (16, 32)).astype(np.uint8)
SMOOTH = np.stack([np.add.outer(np.arange(16) * step, np.arange(32) * 3) for step in (1, 5, 9, 14)], -1).astype(
    np.uint8
)
COLOURS = SMOOTH[..., :3]
PALETTE = RANDOM.integers(0, 256, (256, 3)).astype(np.uint8)
APP0, APP14 = b"\xff\xe0", b"\xff\xee"


def arrays(path: Path) -> list[np.ndarray]:
    return [samples.array for samples in each(sources([path]))]


def set_tag(path: Path, code: int, value: int | bytes, new_code: int | None = None) -> None:
    """Change a field of one number, or the bytes of its values, and perhaps which field it is."""
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[code]
    with path.open("r+b") as file:
        file.seek(tag.valueoffset)
        file.write(value if isinstance(value, bytes) else struct.pack("<H", value))
        if new_code is not None:
            file.seek(tag.offset)
            file.write(struct.pack("<H", new_code))


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("compression", [None, "packbits"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_predictors_that_a_compression_does_not_have(tmp_path: Path, tile: Any, compression: Any, dtype: str) -> None:
    path = tmp_path / "a.tif"
    other = [(65000, "H", 1, 2, True)]
    tifffile.imwrite(path, GRAY.astype(dtype), tile=tile, compression=compression, extratags=other)
    assert np.array_equal(arrays(path)[0], GRAY)
    set_tag(path, 65000, 2, new_code=317)
    with pytest.raises(UnsupportedError, match="predictor"):
        arrays(path)


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd", "lzma"])
def test_predictors_that_a_compression_has(tmp_path: Path, compression: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GRAY, compression=compression, predictor=2)
    assert np.array_equal(arrays(tmp_path / "a.tif")[0], GRAY)


@pytest.mark.parametrize(
    ("dtype", "number", "bits", "is_read"),
    [("u2", 2, 16, True), ("f4", 3, 32, True), ("u4", 3, 32, False), ("u2", 34892, 16, False)]
    + [("u2", 2, bits, False) for bits in range(9, 16)],
)
def test_predictors_and_kinds_of_samples(tmp_path: Path, dtype: str, number: int, bits: int, is_read: bool) -> None:
    """Of samples of 9 to 15 bits tifffile takes the sums of differences in 16."""
    array, path = SMOOTH[..., 0].astype(dtype), tmp_path / "a.tif"
    octets = array.astype(array.dtype.newbyteorder(">")).view(np.uint8).reshape(len(array), -1)
    packed = np.unpackbits(octets, axis=1).reshape(len(array), -1, 8 * array.itemsize)[..., -bits:]
    other = [(65000, "H", 1, number, True)]
    if is_read:
        tifffile.imwrite(path, array, compression="zlib", predictor=number)
        assert np.array_equal(arrays(path)[0], array)
    else:
        is_packed = bits % 8 > 0
        written = np.packbits(packed.reshape(len(array), -1), axis=1) if is_packed else array
        tifffile.imwrite(path, written, compression="zlib", predictor=False, extratags=other)
        if is_packed:
            set_tag(path, 256, array.shape[1])
            set_tag(path, 258, bits)
        assert np.array_equal(arrays(path)[0], array)
        set_tag(path, 65000, number, new_code=317)
        for read in (arrays, lambda path: list(each_in_file(sources([path])))):
            with pytest.raises(UnsupportedError, match=rf"predictor \({number}\) of samples of {bits} bits"):
                read(path)


def test_slides_whose_colours_are_not_those_that_they_say(tmp_path: Path) -> None:
    """As OpenSlide shows them: RGB in a slide of Aperio that is compressed as YCbCr."""
    path, coded = tmp_path / "a.svs", tmp_path / "a.sofc"
    tifffile.imwrite(path, COLOURS, photometric="rgb", compression="jpeg2000", tile=(16, 16))
    for compression, photometric in ((33005, 2), (33003, 6)):
        set_tag(path, 259, compression)
        assert np.array_equal(arrays(path)[0], COLOURS)
        assert main(["encode", "-f", "-e", "1", str(path), "-o", str(coded)]) == 0
        assert main(["decode", "-f", str(coded), "-o", str(tmp_path / "back.tif")]) == 0
        with tifffile.TiffFile(tmp_path / "back.tif") as back:
            page = back.pages[0]
            assert (int(page.photometric), page.subsampling or (1, 1)) == (photometric, (1, 1))
            assert np.array_equal(page.asarray(), COLOURS)


def without(data: bytes, marker: bytes) -> bytes:
    """JPEG data without the segments of a marker in its head."""
    place = data.index(marker)
    return data[:place] + data[place + 2 + int.from_bytes(data[place + 2 : place + 4], "big") :]


def jpeg(mode: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    samples = SMOOTH if mode == "CMYK" else COLOURS
    Image.fromarray(samples, mode).save(file, "JPEG", quality=95, subsampling=0, **settings)
    return file.getvalue()


def adobe(transform: int) -> bytes:
    """A JPEG file in YCbCr with Adobe's mark."""
    bare = without(jpeg("RGB"), APP0)
    return bare[:2] + APP14 + b"\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform]) + bare[2:]


def as_jfif(data: bytes) -> bytes:
    """JPEG data with the mark of JFIF in front of what else its head says."""
    whole = jpeg("RGB")
    place = whole.index(APP0)
    return data[:2] + whole[place : place + 18] + data[2:]


STREAMS = {
    "jfif": jpeg("RGB"),
    "jfif, rgb by names": as_jfif(without(jpeg("RGB", keep_rgb=True), APP14)),
    "jfif, adobe 0": as_jfif(adobe(0)),
    "bare": without(jpeg("RGB"), APP0),
    "rgb": jpeg("RGB", keep_rgb=True),
    "rgb by names": without(jpeg("RGB", keep_rgb=True), APP14),
    "adobe 1": adobe(1),
    "adobe 0": adobe(0),
    "cmyk": jpeg("CMYK"),
    "ycck": imagecodecs.jpeg8_encode(SMOOTH, level=95, colorspace="CMYK", outcolorspace="YCCK"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_what_libjpeg_takes_for_transformed(name: str) -> None:
    data = STREAMS[name]
    components = 4 if name in ("cmyk", "ycck") else 3
    space = "CMYK" if components == 4 else "RGB"
    as_stored = imagecodecs.jpeg8_decode(data, colorspace=space, outcolorspace=space)
    is_transformed = not np.array_equal(imagecodecs.jpeg8_decode(data), as_stored)
    assert tiff_doubts._is_transformed(data, components) == is_transformed


@pytest.mark.parametrize("name", [name for name in STREAMS if name not in ("cmyk", "ycck")])
@pytest.mark.parametrize("photometric", [1, 2, 6, 8])
def test_colours_of_jpeg_data_in_tiff(tmp_path: Path, name: str, photometric: int) -> None:
    # As libtiff has them: converted to RGB where PhotometricInterpretation is YCbCr, whatever the JPEG data say.
    data, path = STREAMS[name], tmp_path / "a.tif"
    space = "YCBCR" if photometric == 6 else "RGB"
    expected = imagecodecs.jpeg8_decode(data, colorspace=space, outcolorspace="RGB")
    with tifffile.TiffWriter(path) as file:
        file.write(
            iter([data]),
            shape=COLOURS.shape,
            dtype="u1",
            photometric="rgb",
            compression="jpeg",
            compressionargs={"outcolorspace": "rgb"},
            rowsperstrip=16,
        )
    set_tag(path, 262, photometric)
    try:
        found = arrays(path)[0]
    except UnsupportedError as error:
        assert "converted" in str(error)
        assert (name, photometric) not in (("jfif", 6), ("bare", 6), ("bare", 2), ("rgb", 1), ("rgb", 2))
    else:
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("is_jfif", [False, True])
def test_colours_in_planes_of_jpeg_data(tmp_path: Path, is_jfif: bool) -> None:
    planes, expected = [], []
    for component in range(3):
        file = io.BytesIO()
        Image.fromarray(COLOURS[..., component]).save(file, "JPEG", quality=90)
        whole = file.getvalue()
        planes.append(whole if is_jfif else whole[:2] + whole[20:])
        expected.append(imagecodecs.jpeg8_decode(whole))
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        kind = {"photometric": "rgb", "planarconfig": "separate", "compression": "jpeg"}
        writer.write(iter(planes), shape=(3, 16, 32), dtype=np.uint8, rowsperstrip=16, metadata=None, **kind)
    assert np.array_equal(arrays(tmp_path / "a.tif")[0], np.stack(expected, -1))


def test_tiles_that_are_not_stored(tmp_path: Path) -> None:
    path, image = tmp_path / "a.tif", np.zeros((32, 32), np.uint8)
    image[:, :16], image[16:, 16:] = GRAY[:, :16].repeat(2, 0), 7
    tifffile.imwrite(path, image, tile=(16, 16))
    for code in (324, 325):  # where they begin, how long they are
        with tifffile.TiffFile(path) as file:
            tag = file.pages[0].tags[code]
        values = (tag.value[0], 0, *tag.value[2:])
        set_tag(path, code, np.array(values, "<u4" if tag.dtype == tifffile.DATATYPE.LONG else "<u2").tobytes())
    assert np.array_equal(arrays(path)[0], image)


@pytest.mark.parametrize("least", [1, 1 << 24])
def test_images_of_which_nothing_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int) -> None:
    monkeypatch.setattr("sofc.imagefiles.tiff.LARGE_BYTES", least)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY.repeat(9, 0), rowsperstrip=999, metadata=None)
    for code in (273, 279):
        set_tag(path, code, bytes(4))
    tifffile.imwrite(path, GRAY.repeat(99, 0), append=True, metadata=None)  # more than the first strip has from byte 0
    with pytest.raises(UnsupportedError, match="not stored"):
        list(each_in_file(sources([path])))


def test_beside_a_strip_that_is_not_stored_others_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY, rowsperstrip=4, metadata=None)
    with tifffile.TiffFile(path) as file:
        fields = [(code, tag.value, tag.dtype) for code in (273, 279) for tag in [file.pages[0].tags[code]]]
    for code, values, kind in fields:
        item = "<u4" if kind == tifffile.DATATYPE.LONG else "<u2"
        set_tag(path, code, np.array((values[0], 0, *values[2:]), item).tobytes())
    assert np.array_equal(arrays(path)[0][8:], GRAY[8:]) and not arrays(path)[0][4:8].any()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FormatError, match="cut off"):
        arrays(path)


def gif(frames: list[tuple[int, int, np.ndarray, int]]) -> bytes:
    """An animation of GRAY's size; each frame has its place, indices and what becomes of it."""
    file = [b"GIF89a", struct.pack("<HHBBB", GRAY.shape[1], GRAY.shape[0], 0xF7, 0, 0), PALETTE.tobytes()]
    for left, top, indices, disposal in frames:
        file += [b"\x21\xf9\x04", bytes([disposal << 2, 5, 0, 0, 0])]
        file += [b",", struct.pack("<HHHHB", left, top, indices.shape[1], indices.shape[0], 0), b"\x08"]
        bits, place = 0, 0
        codes = [
            code
            for number, index in enumerate(indices.ravel().tolist())
            for code in [256] * (number % 200 == 0) + [index]
        ]
        for code in [*codes, 257]:
            bits, place = bits | code << place, place + 9
        packed = bits.to_bytes(-(-place // 8), "little")
        file += [bytes([len(packed[at : at + 255])]) + packed[at : at + 255] for at in range(0, len(packed), 255)]
        file.append(b"\0")
    return b"".join([*file, b";"])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 2)])
def test_what_becomes_of_gif_frames(tmp_path: Path, order: tuple[int, ...]) -> None:
    # Pillow 13.0 takes 0, not said, for what a frame before it said.
    small = [RANDOM.integers(0, 256, (5, 6)).astype(np.uint8) for _ in range(3)]
    placed = [(0, 0, GRAY, 1), (2, 3, small[0], 3), (9, 8, small[1], 0), (20, 4, small[2], 0)]
    (tmp_path / "a.gif").write_bytes(gif(placed))
    canvas, expected = np.zeros((*GRAY.shape, 3), np.uint8), []
    for left, top, indices, disposal in placed:
        before = canvas.copy()
        canvas[top : top + len(indices), left : left + indices.shape[1]] = PALETTE[indices]
        expected.append(canvas)
        canvas = before if disposal == 3 else canvas.copy()
    for index in order:
        assert np.array_equal(load(ImageSource(tmp_path / "a.gif", index)).array, expected[index])


@pytest.mark.skipif(not features.check("avif"), reason="Pillow has no AVIF")
@pytest.mark.parametrize("orientation", [1, 2, 6])
def test_avif_that_viewers_turn(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(COLOURS).save(tmp_path / "a.avif", exif=exif)
    if orientation == 1:
        assert arrays(tmp_path / "a.avif")[0].shape == COLOURS.shape
    else:
        with pytest.raises(UnsupportedError, match="rotation" if orientation == 6 else "reflection"):
            arrays(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    if b"irot" in data and b"imir" not in data:  # by nothing, as some encoders say
        turn = data.index(b"irot") + 4
        (tmp_path / "a.avif").write_bytes(data[:turn] + b"\0" + data[turn + 1 :])
        assert arrays(tmp_path / "a.avif")[0].shape == COLOURS.shape


@pytest.mark.parametrize(
    ("channels", "is_read"),
    [
        (((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0)), True),
        (((3, 1, 0), (2, 0, 3), (1, 0, 2), (0, 0, 1)), True),
        (((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 0xFFFF, 0xFFFF)), True),
        (((0, 0, 3), (1, 0, 2), (2, 0, 1), (3, 1, 0)), False),
        (((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3)), False),
        (((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2, 0)), False),
    ],
)
def test_order_of_components_in_jpeg_2000(tmp_path: Path, channels: tuple[Any, ...], is_read: bool) -> None:
    data = imagecodecs.jpeg2k_encode(SMOOTH, level=0, reversible=True, mct=False, codecformat="jp2")
    box = b"cdef" + struct.pack(">H", len(channels)) + b"".join(struct.pack(">HHH", *one) for one in channels)
    box = struct.pack(">I", 4 + len(box)) + box
    start = data.index(b"jp2h") - 4
    size = int.from_bytes(data[start : start + 4], "big")
    head = data[start + 4 : start + size]
    if (old := head.find(b"cdef")) >= 0:
        head = head[: old - 4] + head[old - 4 + int.from_bytes(head[old - 4 : old], "big") :]
    changed = struct.pack(">I", 4 + len(head) + len(box)) + head + box
    (tmp_path / "a.jp2").write_bytes(data[:start] + changed + data[start + size :])
    if is_read:
        assert np.array_equal(arrays(tmp_path / "a.jp2")[0], SMOOTH)
    else:
        with pytest.raises(UnsupportedError, match="another order"):
            arrays(tmp_path / "a.jp2")


@pytest.mark.parametrize("is_read", [True, False])
def test_boxes_of_jpeg_2000_in_dicom(tmp_path: Path, is_read: bool) -> None:
    """What pydicom's decoders make of a palette, or of components that are said to stand in another order."""
    pytest.importorskip("pydicom")
    data = bytes(imagecodecs.jpeg2k_encode(COLOURS, level=0, reversible=True, mct=False, codecformat="jp2"))
    if not is_read:
        box = struct.pack(">I4sH9H", 28, b"cdef", 3, 0, 0, 2, 1, 0, 3, 2, 0, 1)
        start = data.index(b"jp2h") - 4
        size = int.from_bytes(data[start : start + 4], "big")
        head = struct.pack(">I", size + len(box)) + data[start + 4 : start + size] + box
        data = data[:start] + head + data[start + size :]
    write(tmp_path / "a.dcm", COLOURS[None], 8, J2K, lambda frame: data)
    if is_read:
        assert np.array_equal(arrays(tmp_path / "a.dcm")[0], COLOURS)
    else:
        with pytest.raises(UnsupportedError, match="another order"):
            arrays(tmp_path / "a.dcm")


def test_targa_whose_rows_are_mixed(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.tga")
    data = bytearray((tmp_path / "a.tga").read_bytes())
    data[17] |= 0x40
    (tmp_path / "a.tga").write_bytes(data)
    with pytest.raises(UnsupportedError, match="interleaved"):
        arrays(tmp_path / "a.tga")


def test_what_an_anymap_has_besides(tmp_path: Path) -> None:
    head = b"P7\nWIDTH 3\nHEIGHT 2\nDEPTH 1\nMAXVAL %d\nTUPLTYPE GRAYSCALE\nENDHDR\n"
    one = head % 255 + bytes(6)
    path = tmp_path / "a.pnm"
    for data, words in (
        (one, ""),
        (one + one, "several images"),
        (head % 100 + bytes(6), "100 stands for white"),
        (b"P5 3 2 1000\n" + bytes(12), "1000 stands for white"),
        (b"P5 3 2 1023\n" + bytes(12), ""),
        (b"P4 3 2\n" + bytes(2), ""),
    ):
        path.write_bytes(data)
        said = " ".join(remarks(path))
        assert words in said if words else not said


def test_a_volume_without_its_suffix(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(GRAY.astype(np.int16), np.eye(4)), tmp_path / "a.nii")
    (tmp_path / "a.nii").rename(tmp_path / "scan")
    with pytest.raises(UnsupportedError, match=r"rename it.*--keep-file"):
        arrays(tmp_path / "scan")


@pytest.mark.parametrize("mct", [False, True])
@pytest.mark.parametrize("bits", [12, 16])
def test_deep_colours_of_jpeg_2000_in_dicom(tmp_path: Path, bits: int, mct: bool) -> None:
    samples = RANDOM.integers(0, 1 << bits, (3, 17, 22, 3)).astype(np.uint16)
    write(
        tmp_path / "a.dcm",
        samples,
        bits,
        J2K,
        lambda frame: imagecodecs.jpeg2k_encode(
            frame, level=0, reversible=True, mct=mct, bitspersample=bits, codecformat="j2k"
        ),
    )
    assert np.array_equal(np.stack(arrays(tmp_path / "a.dcm")), samples)


def test_damaged_exr(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    head = {"compression": openexr.ZIPS_COMPRESSION, "type": openexr.scanlineimage}
    path = tmp_path / "a.exr"
    openexr.File(head, {"Y": COLOURS[..., 0].astype(np.float32)}).write(str(path))
    assert "head of the EXR file" in " ".join(remarks(path))
    data = bytearray(path.read_bytes())
    data[-20:] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(FormatError, match="damaged"):
        arrays(path)


def progressive() -> bytes:
    file = io.BytesIO()
    Image.fromarray(COLOURS).save(file, "JPEG", progressive=True)
    return file.getvalue()


WHOLE, PROGRESSIVE = jpeg("RGB"), progressive()
LAST_SCAN = PROGRESSIVE.rindex(b"\xff\xda")
DAMAGED = {
    "cut": WHOLE[: len(WHOLE) - 100] + b"\xff\xd9",
    "no end": WHOLE[:-2] + bytes(2),
    "more behind the codes": WHOLE[:-2] + b"\x12\x34\xff\xd9",
    "a scan less": PROGRESSIVE[:LAST_SCAN] + b"\xff\xd9",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_jpeg_files_are_kept_but_not_read(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # libjpeg warns, where it does, and Pillow passes on what it made up.
    (tmp_path / "a.jpg").write_bytes(DAMAGED[name])
    with Image.open(tmp_path / "a.jpg") as image:
        assert np.asarray(image).shape == COLOURS.shape
    assert main(["encode", "--samples", str(tmp_path / "a.jpg")]) == 3
    assert "damaged" in capsys.readouterr().err and not (tmp_path / "a.sofc").exists()
    assert main(["encode", str(tmp_path / "a.jpg")]) == 0
    assert main(["decode", str(tmp_path / "a.sofc"), "-o", str(tmp_path / "b.jpg")]) == 0
    assert (tmp_path / "b.jpg").read_bytes() == DAMAGED[name]


@pytest.mark.parametrize("data", [*STREAMS.values(), PROGRESSIVE, WHOLE + b"behind", WHOLE[:-2] + b"\xff\xff\xff\xd9"])
def test_sound_jpeg_files_are_called_so(data: bytes) -> None:
    assert complaint(data) == ""


@pytest.mark.parametrize("whole", [WHOLE, PROGRESSIVE])
@pytest.mark.parametrize(
    "filling", [bytes(3), b"\xff\0", b"\xff\xd0", b"\xff\xfe\0\5abc", b"\0\xff\xe1\0\3x\xff\xff\xfe\0\2"]
)
def test_what_tells_no_samples_may_stand_before_the_end(tmp_path: Path, filling: bytes, whole: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(whole[:-2] + filling + whole[-2:])
    with Image.open(tmp_path / "a.jpg") as image, Image.open(io.BytesIO(whole)) as before:
        assert np.array_equal(np.asarray(image), np.asarray(before))
    assert main(["encode", "--samples", str(tmp_path / "a.jpg")]) == 0


def ome(planes: list[tuple[str, int]], size: int) -> str:
    """What an OME-TIFF file says of itself: in which file, and as which page of it, each plane stands."""
    data = "".join(
        f'<TiffData IFD="{page}" FirstZ="{z}" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData>'
        for z, (name, page) in enumerate(planes)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:a.ome.tif"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="32" SizeY="16" SizeC="1" SizeT="1" '
        f'SizeZ="{size}"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
    )


@pytest.mark.parametrize("is_there", [False, True])
def test_planes_in_other_files_are_not_those_of_a_file(tmp_path: Path, is_there: bool) -> None:
    # tifffile gives zeros for those of a file that is missing.
    planes = [("a.ome.tif", 0), ("b.ome.tif", 0)]
    for name, image in (("a", GRAY), ("b", ~GRAY))[: 1 + is_there]:
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", image, description=ome(planes, 2), metadata=None)
    (found,) = arrays(tmp_path / "a.ome.tif")
    assert np.array_equal(found, GRAY)


def test_planes_that_are_announced_but_not_there(tmp_path: Path) -> None:
    planes = [("a.ome.tif", 0), ("a.ome.tif", 1)]
    path = tmp_path / "a.ome.tif"
    for size in (2, 3):
        tifffile.imwrite(
            path, np.stack([GRAY, ~GRAY]), description=ome(planes, size), metadata=None, photometric="minisblack"
        )
        if size == 2:
            assert [array.tobytes() for array in arrays(path)] == [GRAY.tobytes(), (~GRAY).tobytes()]
    with pytest.raises(FormatError, match=r"image 2 .* is not there"):
        arrays(path)


def test_forms_that_are_not_known_are_not_called_damaged(tmp_path: Path) -> None:
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 102, 0, 0, 70, 40, 16, 8, 1, 2, 0, 32, 0, 0, 4, 4)
    (tmp_path / "a.bmp").write_bytes(head + bytes(16) + bytes(32))
    with pytest.raises(UnsupportedError, match="form that its reader does not know") as of_bmp:
        arrays(tmp_path / "a.bmp")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"P5 1 1 255\n\0"))
    with pytest.raises(UnsupportedError, match=r"no IDX file.*unpacked") as of_gzip:
        arrays(tmp_path / "a.gz")
    assert "damaged" not in f"{of_bmp.value} {of_gzip.value}"


def test_jpeg_xl_of_colours_multiplied_by_alpha_is_refused(tmp_path: Path) -> None:
    """libjxl gives them as they are, and files of other formats would have them for colours that are not."""
    image = np.arange(9 * 11 * 4, dtype=np.uint16).reshape(9, 11, 4)
    data = imagecodecs.jpegxl_encode(image, lossless=True, bitspersample=12)
    path, head, found = tmp_path / "a.jxl", jpegxl.read_head(data), set()
    for bit in range(16, 80):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        now = jpegxl.read_head(bytes(changed))
        for expected, what in (
            (head._replace(is_associated=True), "colours multiplied by alpha"),
            (head._replace(is_alpha=False), "that is no alpha"),
        ):
            if now == expected:
                found.add(what)
                path.write_bytes(changed)
                with pytest.raises(UnsupportedError, match=what):
                    load(sources([path])[0])
    assert len(found) == 2
    path.write_bytes(data)
    assert np.array_equal(load(sources([path])[0]).array, image)
