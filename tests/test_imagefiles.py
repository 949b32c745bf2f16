"""Image files of other formats: samples come in and go out unchanged, and what cannot is refused."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sofc.errors import FormatError, LimitError, UsageError
from sofc.image import Meaning
from sofc.imagefiles import JPEG_REMARK, ImageSource, RawLayout, format_for, is_jpeg, load, remarks, save, sources, walk
from sofc.imagefiles.heads import head_of, is_still_png

RANDOM = np.random.default_rng(3)


def samples(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if dtype == "bool":
        return RANDOM.random(shape) < 0.3
    info = np.iinfo(dtype)
    return RANDOM.integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize(
    ("suffix", "dtype", "components"),
    [
        *((".png", "uint8", c) for c in (1, 2, 3, 4)),
        (".png", "bool", 1),
        (".png", "uint16", 1),
        *((".tif", d, c) for d in ("uint8", "int8", "uint16", "int16") for c in (1, 2, 3, 4, 5)),
        (".tif", "bool", 1),
        *((".npy", d, c) for d in ("bool", "uint8", "int8", "uint16", "int16") for c in (1, 3, 7)),
        (".pbm", "bool", 1),
        *((".pnm", d, c) for d in ("uint8", "uint16") for c in (1, 3)),
    ],
)
@pytest.mark.parametrize("size", [(5, 11), (1, 1), (17, 3)])
def test_round_trip(tmp_path: Path, suffix: str, dtype: str, components: int, size: tuple[int, int]) -> None:
    array = samples(size if components == 1 else (*size, components), dtype)
    path = tmp_path / f"image{suffix}"
    save(path, array)
    axes = "yxc" if array.ndim == 3 else None
    again = load(ImageSource(path, axes=axes)).array
    assert again.dtype == array.dtype
    assert np.array_equal(again, array)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("suffix", "array"),
    [
        (".png", np.zeros((2, 2, 3), np.uint16)),
        (".png", np.zeros((2, 2), np.int16)),
        (".png", np.zeros((2, 2, 5), np.uint8)),
        (".pgm", np.zeros((2, 2), np.int8)),
        (".ppm", np.zeros((2, 2, 2), np.uint8)),
    ],
)
def test_format_that_cannot_hold_the_samples(tmp_path: Path, suffix: str, array: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"\.tif or \.npy"):
        save(tmp_path / f"image{suffix}", array)
    assert list(tmp_path.iterdir()) == []


def test_16_bit_colour_png_keeps_all_bits(tmp_path: Path) -> None:
    import zlib

    for components, colour_type in ((2, 4), (3, 2), (4, 6)):
        array = samples((6, 7, components), "uint16")
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
        head = struct.pack(">IIBBBBB", 7, 6, 16, colour_type, 0, 0, 0)
        png = b"\x89PNG\r\n\x1a\n"
        for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
            png += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        path = tmp_path / f"{components}.png"
        path.write_bytes(png)
        got = load(ImageSource(path))
        assert got.declared_bits == 16
        assert np.array_equal(got.array, array)


def test_pnm_is_not_rescaled(tmp_path: Path) -> None:
    path = tmp_path / "small.pgm"
    path.write_bytes(b"P5 # a comment\n3 2\n3\n" + bytes([0, 1, 2, 3, 2, 1]))
    got = load(ImageSource(path))
    assert got.array.tolist() == [[0, 1, 2], [3, 2, 1]]
    assert got.declared_bits == 2
    save(path, got.array, declared_bits=2)
    assert path.read_bytes() == b"P5\n3 2\n3\n" + bytes([0, 1, 2, 3, 2, 1])
    path.write_bytes(b"P2\n2 1\n4095\n4095 7\n")
    assert load(ImageSource(path)).array.tolist() == [[4095, 7]]
    path.write_bytes(b"P1\n3 1\n1 0\n1\n")
    assert load(ImageSource(path)).array.tolist() == [[False, True, False]]


@pytest.mark.parametrize("content", [b"P5\n3 2\n255\nabc", b"P5\n0 2\n255\n", b"P5\n2 1\n3\n\x00\x09", b"P6 x"])
def test_bad_pnm(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.pgm"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"bad\.pgm"):
        load(ImageSource(path))


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble", "datetime64[s]", "S4"])
def test_samples_that_are_refused(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "image.npy"
    np.save(path, np.zeros((3, 3), dtype))
    with pytest.raises(UsageError, match="cannot be stored; sofc takes bool"):
        load(ImageSource(path))


@pytest.mark.parametrize("shape", [(3,), (0, 4), (4, 0), (2, 2, 2, 2)])
def test_shapes_that_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        load(ImageSource(array=np.zeros(shape, np.uint8)))


@pytest.mark.parametrize(
    ("shape", "axes", "wanted"),
    [
        ((9, 8), None, [(9, 8)]),
        ((9, 8, 3), None, [(9, 8, 3)]),
        ((3, 2, 4), None, [(3, 2, 4)]),
        ((60, 50, 20), None, [(60, 50, 20)]),
        ((5, 28, 28), None, [(28, 28)] * 5),
        ((30, 28, 28), None, [(28, 28)] * 30),
        ((3, 28, 40), None, [(28, 40)] * 3),
        ((2, 9, 8, 3), None, [(9, 8, 3)] * 2),
        ((2, 3, 9, 8), "ncyx", [(9, 8, 3)] * 2),
        ((3, 9, 8), "cyx", [(9, 8, 3)]),
        ((9, 8, 2), "yxn", [(9, 8)] * 2),
        ((8, 9), "xy", [(9, 8)]),
    ],
)
def test_axes_of_arrays(
    tmp_path: Path, shape: tuple[int, ...], axes: str | None, wanted: list[tuple[int, ...]]
) -> None:
    array = samples(shape, "uint16")
    np.save(tmp_path / "a.npy", array)
    found = sources([tmp_path / "a.npy"], axes=axes)
    images = [load(source).array for source in found]
    assert [image.shape for image in images] == wanted
    ordered = np.einsum(f"{axes}->{''.join(axis for axis in 'nyxc' if axis in axes)}", array) if axes else array
    assert np.array_equal(np.stack(images).reshape(-1), ordered.reshape(-1))


@pytest.mark.parametrize(
    ("shape", "axes", "said"),
    [
        ((7,), None, "its axes are not clear"),
        ((2, 3, 9, 8), None, "name them with --axes"),
        ((2, 2, 2, 2, 2), None, "name them with --axes"),
        ((9, 8), "nyx", "the array has 2 axes"),
    ],
)
def test_axes_that_are_not_clear(tmp_path: Path, shape: tuple[int, ...], axes: str | None, said: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(UsageError, match=said):
        sources([tmp_path / "a.npy"], axes=axes)


def test_no_pickles(tmp_path: Path) -> None:
    path = tmp_path / "evil.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(FormatError, match="pickle"):
        load(ImageSource(path))


def test_big_endian_samples_become_native() -> None:
    got = load(ImageSource(array=np.array([[1, 258]], ">u2")))
    assert got.array.dtype == np.uint16
    assert got.array.dtype.isnative
    assert got.array.tolist() == [[1, 258]]


def test_not_an_image(tmp_path: Path) -> None:
    path = tmp_path / "note.png"
    path.write_text("hello")
    with pytest.raises(FormatError, match=r"note\.png: cannot be read as an image"):
        load(ImageSource(path))
    path.write_bytes(b"")
    with pytest.raises(FormatError):
        load(ImageSource(path))


def test_truncated_png(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    save(path, samples((40, 40), "uint8"))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FormatError, match=r"cut\.png"):
        load(ImageSource(path))


def test_png_files_of_one_image_are_told_by_their_beginning(tmp_path: Path) -> None:
    """Sound ones, without an animation, whose samples begin soon; of all others Pillow counts the frames."""
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8))
    path = tmp_path / "still.png"
    image.save(path)
    still = path.read_bytes()
    assert is_still_png(head_of(path))
    assert not is_still_png(still[:32])  # the check of the first chunk is cut off
    assert not is_still_png(still[:20] + bytes([still[20] ^ 1]) + still[21:])  # a size that its check is not of
    assert not is_still_png(png_of_head(8, 6, 4, 2))  # colours of 4 bits
    assert not is_still_png(png_of_head(1 << 20, 1 << 20, 8, 0))  # too many pixels
    image.save(path, save_all=True, append_images=[image.rotate(180)])
    assert not is_still_png(head_of(path))  # the same name, another file
    assert len(sources([path])) == 2
    path.write_bytes(still)
    assert len(sources([path])) == 1


def test_a_file_written_anew_at_the_same_time_is_told_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    times = 10**18, 10**18

    def write(pixel: bytes) -> None:
        path.write_bytes(pixel * 100)
        os.utime(path, ns=times)

    write(b"a")
    assert head_of(path) == b"a" * 100
    write(b"b")
    assert head_of(path) == b"b" * 100
    # Of files that lie there for longer the beginning is read once.
    later = path.stat().st_ctime_ns + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later)
    first = head_of(path)
    assert head_of(path) is first


def png_of_head(width: int, height: int, bits: int, colours: int) -> bytes:
    """A PNG file without samples to speak of."""
    head = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", b""))
    parts = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_damaged_samples_of_a_png_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    save(path, samples((9, 9), "uint8"))
    data = bytearray(path.read_bytes())
    crc = data.index(b"IEND") - 5
    data[crc] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="chunk 'IDAT' of this PNG file is damaged"):
        load(ImageSource(path))


@pytest.mark.skipif("SOFC_TEST_DATA" not in os.environ, reason="needs real images")
def test_pngsuite() -> None:
    for path in walk([Path(os.environ["SOFC_TEST_DATA"]) / "pngsuite"]):
        if path.name.startswith("x"):
            with pytest.raises(FormatError):
                load(ImageSource(path))
        else:
            assert load(ImageSource(path)).array.size > 0


def write_idx(path: Path, images: np.ndarray) -> None:
    data = b"\0\0\x08\x03" + struct.pack(">III", *images.shape) + images.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize("name", ["x-images-idx3-ubyte", "x-images-idx3-ubyte.gz", "x.idx.gz", "x.idx"])
def test_idx(tmp_path: Path, name: str) -> None:
    images = samples((4, 5, 6), "uint8")
    write_idx(tmp_path / name, images)
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 4) + bytes(4))
    found = sources([tmp_path])
    assert [(source.path, source.index) for source in found] == [(tmp_path / name, i) for i in range(4)]
    for source, image in zip(found, images, strict=True):
        got = load(pickle.loads(pickle.dumps(source)))
        assert np.array_equal(got.array, image)
        assert got.meaning == Meaning.GRAY


def test_idx_of_labels_by_name_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x-labels-idx1-ubyte"
    path.write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 4) + bytes(4))
    with pytest.raises(UsageError, match="labels, not images"):
        sources([path])


def test_idx_with_missing_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.idx"
    path.write_bytes(b"\0\0\x08\x03" + struct.pack(">III", 2, 3, 3) + bytes(17))
    with pytest.raises(FormatError, match="need 18 bytes; there are 17"):
        load(sources([path])[1])
    packed = gzip.compress(b"\0\0\x08\x03" + struct.pack(">III", 2, 3, 3) + bytes(18))
    path.write_bytes(packed[:-6])
    with pytest.raises(FormatError, match="damaged gzip"):
        load(ImageSource(path, 0))


def test_multi_page_tiff_is_many_images(tmp_path: Path) -> None:
    import tifffile

    pages = samples((3, 8, 9), "uint16")
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, pages, photometric="minisblack")
    assert [np.array_equal(load(source).array, page) for source, page in zip(sources([path]), pages, strict=True)] == [
        True
    ] * 3


def test_planar_tiff(tmp_path: Path) -> None:
    import tifffile

    array = samples((3, 8, 9), "uint8")
    path = tmp_path / "planar.tif"
    tifffile.imwrite(path, array, photometric="rgb", planarconfig="separate")
    assert np.array_equal(load(ImageSource(path)).array, np.moveaxis(array, 0, 2))


@pytest.mark.parametrize("maximum", [1, 200, 4095, 65535])
@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("GRAYSCALE", Meaning.GRAY),
        ("GRAYSCALE_ALPHA", Meaning.GRAY_ALPHA),
        ("RGB", Meaning.RGB),
        ("RGB_ALPHA", Meaning.RGBA),
        ("FIVE", Meaning.UNSPECIFIED),
    ],
)
def test_pam(tmp_path: Path, kind: str, meaning: Meaning, maximum: int) -> None:
    components = {"GRAYSCALE": 1, "GRAYSCALE_ALPHA": 2, "RGB": 3, "RGB_ALPHA": 4, "FIVE": 5}[kind]
    array = RANDOM.integers(0, maximum, (4, 6, components), endpoint=True)
    array[0] = maximum
    head = f"P7\n# a comment\nWIDTH 6\nHEIGHT 4\nDEPTH {components}\nMAXVAL {maximum}\nTUPLTYPE {kind}\nENDHDR\n"
    data = head.encode() + array.astype("u1" if maximum < 256 else ">u2").tobytes()
    path = tmp_path / "x.pam"
    path.write_bytes(data)
    samples = load(*sources([tmp_path]))
    assert np.array_equal(samples.array, array[..., 0] if components == 1 else array)
    assert samples.array.dtype == (np.uint8 if maximum < 256 else np.uint16)
    assert (samples.declared_bits, samples.meaning) == (maximum.bit_length(), meaning)
    for wrong in (data[:-1], data.replace(b"MAXVAL", b"MAXVALUE"), data.replace(b"WIDTH 6", b"WIDTH 0"), data[:9]):
        path.write_bytes(wrong)
        with pytest.raises(FormatError, match=r"x\.pam: "):
            load(ImageSource(path))


def test_pam_of_black_and_white(tmp_path: Path) -> None:
    head = b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n"
    (tmp_path / "x.pam").write_bytes(head + b"\1\0")
    samples = load(ImageSource(tmp_path / "x.pam"))
    assert samples.array.tolist() == [[True, False]]
    assert samples.array.dtype == np.bool_


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.bmp", "x.gif"])
@pytest.mark.parametrize("colours", [2, 3, 16, 200])
def test_palette_images_are_indices(tmp_path: Path, name: str, colours: int) -> None:
    from PIL import Image

    indices = RANDOM.integers(0, colours, (9, 13)).astype(np.uint8)
    indices[0, :2] = 0, colours - 1
    image = Image.fromarray(indices).convert("P")
    image.putpalette(RANDOM.bytes(3 * colours))
    image.save(tmp_path / name)
    samples = load(ImageSource(tmp_path / name))
    with Image.open(tmp_path / name) as opened:
        assert opened.mode == "P"
        assert np.array_equal(samples.array, np.asarray(opened))
    assert samples.meaning == Meaning.PALETTE
    assert (samples.array.dtype == np.bool_) == (samples.declared_bits == 1)
    if name == "x.png":
        assert samples.declared_bits == {2: 1, 3: 2, 16: 4, 200: 8}[colours]
    with pytest.raises(UsageError, match="palette"):
        load(ImageSource(tmp_path / name, threshold=1))


def test_last_strip_of_a_plain_tiff_that_is_said_to_be_full(tmp_path: Path) -> None:
    """Its rows are all there, at the end of the file; where they are not, that is an error."""
    import tifffile

    path = tmp_path / "a.tif"
    image = samples((100, 64), "uint8")
    tifffile.imwrite(path, image, rowsperstrip=30)
    with tifffile.TiffFile(path) as file:
        counts = file.pages[0].tags["StripByteCounts"]
    data = bytearray(path.read_bytes())
    data[counts.valueoffset : counts.valueoffset + 8] = struct.pack("<4H", *[30 * 64] * 4)
    path.write_bytes(data)
    np.testing.assert_array_equal(load(ImageSource(path)).array, image)
    path.write_bytes(data[:-1])
    with pytest.raises(FormatError, match=r"a\.tif"):
        load(ImageSource(path))


def test_palette_tiff_of_any_depth(tmp_path: Path) -> None:
    import tifffile

    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        indices = RANDOM.integers(0, 1 << bits, (6, 7)).astype(dtype)
        colour_map = RANDOM.integers(0, 65536, (3, 1 << bits)).astype(np.uint16)
        tifffile.imwrite(tmp_path / "x.tif", indices, photometric="palette", colormap=colour_map)
        samples = load(ImageSource(tmp_path / "x.tif"))
        assert samples.meaning == Meaning.PALETTE
        assert samples.declared_bits == bits
        assert np.array_equal(samples.array, indices)


@pytest.mark.parametrize("name", ["x.png", "x.gif", "x.webp"])
def test_frames_of_animations(tmp_path: Path, name: str) -> None:
    from PIL import Image

    stills = [Image.fromarray(RANDOM.integers(0, 256, (12, 16, 3)).astype(np.uint8)) for _ in range(4)]
    stills[0].save(tmp_path / name, save_all=True, append_images=stills[1:], lossless=True)
    found = sources([tmp_path / name])
    assert len(found) == 4
    shown = []
    with Image.open(tmp_path / name) as image:
        for number in range(4):
            image.seek(number)
            shown.append(np.asarray(image.convert("RGB")))
    # In any order, though each is made from those before it.
    for number in (0, 1, 2, 3, 1, 3, 0):
        assert np.array_equal(load(found[number]).array[..., :3], shown[number])
    if name != "x.gif":
        assert np.array_equal(shown, [np.asarray(still) for still in stills])


def test_remarks(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "photo.jpg")
    assert is_jpeg(tmp_path / "photo.jpg")
    assert "not the file" in " ".join(remarks(tmp_path / "photo.jpg"))
    frames = [Image.new("I;16", (8, 8), value) for value in (0, 100, 200)]
    frames[0].save(tmp_path / "move.png", save_all=True, append_images=frames[1:])
    clip = [Image.new("L", (8, 8), value) for value in (0, 100)]
    for name in ("clip.png", "clip.gif", "clip.webp"):
        clip[0].save(tmp_path / name, save_all=True, append_images=clip[1:], duration=40)
        assert "how long each of the 2 frames is shown is not stored" in " ".join(remarks(tmp_path / name))
    assert "has 3 images, of which only the first" in " ".join(remarks(tmp_path / "move.png"))
    assert len(sources([tmp_path / "move.png"])) == 1
    save(tmp_path / "plain.png", np.zeros((2, 2), np.uint8))
    assert not list(remarks(tmp_path / "plain.png"))


def jpeg_bytes(size: int, **options: object) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(RANDOM.integers(0, 256, (size, size, 3), np.uint8)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def test_more_than_one_picture_in_a_jpeg_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    thumbnail = b"Exif\0\0" + jpeg_bytes(8)  # of the picture's head, which is kept
    first = jpeg_bytes(16, exif=thumbnail, restart_marker_blocks=1)
    gain = jpeg_bytes(16, xmp=b'<x hdrgm:Version="1.0"/>', progressive=True)
    for data, said in (
        (first, None),
        (first + bytes(99), None),
        (first + jpeg_bytes(16), "holds 2 pictures, of"),
        (gain + jpeg_bytes(8) + bytes(5) + jpeg_bytes(4), "holds 3 pictures (gain map), of"),
        (first + b"ftypmp42" + bytes(9) + b"moov", "has 21 bytes behind"),
        (first[:-20], None),
        # Starts without a picture behind them, as videos have them by chance.
        (first + b"ftypmp42" + b"\xff\xd8\xff\xe0" + bytes(9) + b"!", "has 22 bytes behind"),
        (first + b"moov\xff\xd8\xff\xc0\0\x02\xff\xd9", "has 12 bytes behind"),
        (first + b"moov\xff\xd8\xff" + jpeg_bytes(8), "holds 2 pictures, of"),
    ):
        path.write_bytes(data)
        others = [remark for remark in remarks(path) if remark != JPEG_REMARK]
        assert [said in remark and "--keep-file" in remark for remark in others] == [True] * (said is not None)


def test_second_picture_by_its_index(tmp_path: Path) -> None:
    from PIL import Image

    pictures = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    pictures[0].save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=pictures[1:])
    assert "holds 2 pictures (MPF), of which the first" in " ".join(remarks(tmp_path / "x.jpg"))


def test_smaller_copies_in_a_tiff_file(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    image = RANDOM.integers(0, 256, (3, 64, 64), np.uint8)
    path = tmp_path / "x.tif"
    for copies, pages in ((0, 1), (2, 1), (1, 3)):
        stack = image[:pages] if pages > 1 else image[0]
        for in_sub_ifds in (True, False):
            with tifffile.TiffWriter(path) as file:
                file.write(stack, subifds=copies if in_sub_ifds else 0, photometric="minisblack", metadata=None)
                for copy in range(copies):
                    small = stack[..., :: 2 << copy, :: 2 << copy]
                    file.write(small, subfiletype=1, photometric="minisblack", metadata=None)
            stored = len(sources([path]))
            said = " ".join(remarks(path))
            left_out = (copies + 1) * pages - stored
            assert (f"holds {left_out} more picture" in said) == (left_out > 0) == ("--keep-file" in said), (
                said,
                stored,
            )
            assert not in_sub_ifds or left_out == copies * pages


def test_threshold() -> None:
    got = load(ImageSource(array=np.array([[127, 128]], np.uint8), threshold=127))
    assert got.array.tolist() == [[False, True]]
    assert got.declared_bits == 1
    with pytest.raises(UsageError, match="one component"):
        load(ImageSource(array=np.zeros((2, 2, 3), np.uint8), threshold=1))


def test_walk(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "a.png", ".hidden.png", "notes.txt", "sub/c.tif", "labels.csv.gz"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in walk([tmp_path])] == ["a.png", "b.png"]
    assert [path.name for path in walk([tmp_path], recursive=True)] == ["a.png", "b.png", "c.tif"]
    assert walk([tmp_path / "notes.txt", tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]
    with pytest.raises(FileNotFoundError):
        walk([tmp_path / "nowhere"])


def test_raw_layout() -> None:
    layout = RawLayout.parse("640x0x3:uint12")
    assert (layout.header.width, layout.header.height) == (640, None)
    assert layout.header.format.coded_bits == 12
    assert layout.row_bytes == 640 * 3 * 2
    assert layout.row_shape == (640, 3)
    assert RawLayout.parse("4x3:int16").header.format.signed
    assert RawLayout.parse("4x3:bool").dtype == np.bool_
    assert RawLayout.parse("4x3x2:complex64").row_bytes == 4 * 2 * 8


@pytest.mark.parametrize("text", ["", "4x4", "4x4x1", "4x4x1:float24", "4x4x1:uint17", "4x4x1:int1", "0x4x1:uint8"])
def test_bad_raw_layout(text: str) -> None:
    with pytest.raises(UsageError):
        RawLayout.parse(text)


def test_format_for() -> None:
    assert format_for(Path("a.TIF")) == "tiff"
    with pytest.raises(UsageError, match="cannot tell the format"):
        format_for(Path("a.jpg"))


def _gif(number: int) -> bytes:
    """A GIF file of two frames, of which that of this number says that it is as large as frames can be."""
    made = io.BytesIO()
    frames = [Image.fromarray(np.full((4, 4), 9 * frame, np.uint8)) for frame in (0, 1)]
    frames[0].save(made, "GIF", save_all=True, append_images=frames[1:])
    parts = made.getvalue().split(b",\0\0\0\0\x04\0\x04\0")
    sizes = [b"\xff" * 4 if frame == number else b"\x04\0\x04\0" for frame in (0, 1)]
    return parts[0] + b"".join(b",\0\0\0\0" + size + part for size, part in zip(sizes, parts[1:], strict=True))


@pytest.mark.parametrize(
    ("name", "data", "index"),
    [
        ("image.qoi", b"qoif" + (1 << 20).to_bytes(4) * 2 + b"\x03\0" + bytes(100), 0),
        ("image.gif", _gif(0), 0),
        ("image.gif", _gif(1), 1),
    ],
)
def test_an_image_too_large_for_its_file_is_not_decoded(name: str, data: bytes, index: int, tmp_path: Path) -> None:
    """Pillow would go on past the end of the file, and take memory for every pixel."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(LimitError, match=f"of {len(data)} bytes that says it holds"):
        load(list(sources([path]))[index])
