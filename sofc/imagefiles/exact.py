"""What may be read through Pillow: the layouts of which it is proved that Pillow hands on the samples of the file.

Pillow has no mode for most kinds of samples, and scales, cuts or turns them without a word. So nothing is read through
it unless it stands in ``TABLE``, and nothing stands there that the tests do not compare with a second reader.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.samples import Samples, palette_samples

KEEP = "convert it to PNG or TIFF with a program that is exact for it, or keep the file: sofc encode --keep-file"
"""What can be done with a file whose samples cannot be read."""
ALL = "sofc encode --keep-file keeps the whole file"
"""What can be done where a file holds more than its images."""
_TIFF_ORIENTATION = 274
_TGA_END = b"TRUEVISION-XFILE.\0"


class Layout(NamedTuple):
    """How a file holds its samples.

    ``format`` and ``mode`` are Pillow's names. ``layout`` is what ``layout_of`` says. ``bits`` (1-16) are those of a
    sample in the file. ``proof`` names the second reader that the tests compare with. ``instead`` are the mode and
    the layout in which Pillow has to read the file, where its own choice would lose something.
    """

    format: str
    mode: str
    layout: str
    meaning: Meaning
    bits: int
    proof: str
    instead: tuple[str, str] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What is looked up."""
        return self.format, self.mode, self.layout


_GRAY, _GRAY_ALPHA, _PALETTE = Meaning.GRAY, Meaning.GRAY_ALPHA, Meaning.PALETTE
_RGB, _RGBA, _CMYK = Meaning.RGB, Meaning.RGBA, Meaning.CMYK
_PLAIN, _JPEG8 = "plain unpacking with NumPy", "imagecodecs.jpeg8_decode"

TABLE = (
    Layout("JPEG", "L", "jpeg L", _GRAY, 8, _JPEG8),
    Layout("JPEG", "RGB", "jpeg RGB", _RGB, 8, _JPEG8),
    # Under Adobe's mark the amounts of ink are stored inverted, which Pillow undoes (as it does without the mark, too).
    Layout("JPEG", "CMYK", "jpeg CMYK;I adobe", _CMYK, 8, _JPEG8),
    Layout("MPO", "L", "jpeg L", _GRAY, 8, _JPEG8),
    Layout("MPO", "RGB", "jpeg RGB", _RGB, 8, _JPEG8),
    Layout("PNG", "1", "zip 1", _GRAY, 1, _PLAIN),
    Layout("PNG", "L", "zip L;2", _GRAY, 2, _PLAIN),
    Layout("PNG", "L", "zip L;4", _GRAY, 4, _PLAIN),
    Layout("PNG", "L", "zip L", _GRAY, 8, _PLAIN),
    Layout("PNG", "I;16", "zip I;16B", _GRAY, 16, _PLAIN),
    Layout("PNG", "P", "zip P;1", _PALETTE, 1, _PLAIN),
    Layout("PNG", "P", "zip P;2", _PALETTE, 2, _PLAIN),
    Layout("PNG", "P", "zip P;4", _PALETTE, 4, _PLAIN),
    Layout("PNG", "P", "zip P", _PALETTE, 8, _PLAIN),
    Layout("PNG", "LA", "zip LA", _GRAY_ALPHA, 8, _PLAIN),
    Layout("PNG", "RGB", "zip RGB", _RGB, 8, _PLAIN),
    Layout("PNG", "RGBA", "zip RGBA", _RGBA, 8, _PLAIN),
    # Pillow cuts these to 8 bits; imagefiles.png reads both bytes.
    Layout("PNG", "RGBA", "zip LA;16B", _GRAY_ALPHA, 16, _PLAIN),
    Layout("PNG", "RGB", "zip RGB;16B", _RGB, 16, _PLAIN),
    Layout("PNG", "RGBA", "zip RGBA;16B", _RGBA, 16, _PLAIN),
    Layout("GIF", "P", "gif", _PALETTE, 8, "imagecodecs.gif_decode"),
    Layout("GIF", "L", "gif", _GRAY, 8, "imagecodecs.gif_decode"),
    Layout("WEBP", "RGB", "", _RGB, 8, "imagecodecs.webp_decode"),
    Layout("WEBP", "RGBA", "", _RGBA, 8, "imagecodecs.webp_decode"),
    Layout("QOI", "RGB", "qoi", _RGB, 8, "imagecodecs.qoi_decode"),
    Layout("QOI", "RGBA", "qoi", _RGBA, 8, "imagecodecs.qoi_decode"),
    # The number behind is that of bits a pixel. Of a palette of grays Pillow makes a gray image.
    Layout("BMP", "1", "raw 1 1", _GRAY, 1, _PLAIN),
    # Where the palette is black and white Pillow takes each sample to have one bit.
    Layout("BMP", "1", "raw 1 4", _GRAY, 1, _PLAIN, ("P", "P;4")),
    Layout("BMP", "1", "raw 1 8", _GRAY, 1, _PLAIN, ("P", "P")),
    Layout("BMP", "L", "raw L 8", _GRAY, 8, _PLAIN),
    Layout("BMP", "P", "raw P;1 1", _PALETTE, 1, _PLAIN),
    Layout("BMP", "P", "raw P;4 4", _PALETTE, 4, _PLAIN),
    Layout("BMP", "P", "raw P 8", _PALETTE, 8, _PLAIN),
    Layout("BMP", "P", "bmp_rle P;4 4", _PALETTE, 4, _PLAIN),
    Layout("BMP", "P", "bmp_rle P 8", _PALETTE, 8, _PLAIN),
    Layout("BMP", "RGB", "raw BGR 24", _RGB, 8, _PLAIN),
    # BMP leaves the fourth byte unused, and Pillow drops it; many programs have alpha there.
    Layout("BMP", "RGB", "raw BGRX 32", _RGB, 8, _PLAIN, ("RGBA", "BGRA")),
    *(
        Layout("TGA", mode, f"{decoder} {raw}", meaning, 8, _PLAIN)
        for decoder in ("raw", "tga_rle")
        for mode, raw, meaning in (
            ("L", "L", _GRAY),
            ("P", "P", _PALETTE),
            ("RGB", "BGR", _RGB),
            ("RGBA", "BGRA", _RGBA),
        )
    ),
    # Where tifffile needs imagecodecs, and that is not installed.
    *(
        Layout("TIFF", mode, layout, meaning, bits, "tifffile")
        for mode, layout, meaning, bits in (
            ("1", "raw 1", _GRAY, 1),
            ("1", "raw 1;I", _GRAY, 1),
            ("1", "libtiff 1", _GRAY, 1),
            ("1", "libtiff 1;I", _GRAY, 1),
            ("P", "raw P;1", _PALETTE, 1),
            ("P", "libtiff P;1", _PALETTE, 1),
            ("P", "libtiff P;2", _PALETTE, 2),
            ("P", "libtiff P;4", _PALETTE, 4),
            ("P", "libtiff P", _PALETTE, 8),
            ("L", "libtiff L", _GRAY, 8),
            ("I;16", "libtiff I;16N", _GRAY, 16),
            ("LA", "libtiff LA", _GRAY_ALPHA, 8),
            ("RGB", "libtiff RGB", _RGB, 8),
            ("RGBA", "libtiff RGBA", _RGBA, 8),
            ("CMYK", "libtiff CMYK", _CMYK, 8),
        )
    ),
)
"""Everything that is read through Pillow."""
_KNOWN = {one.key: one for one in TABLE}
_WITH_TILES = {one.format for one in TABLE if one.layout}

_SEVERAL = "it holds one picture in several sizes or layers, of which Pillow chooses or mixes one"
_DRAWN = "it holds drawings, of which samples exist only at a size that one chooses"
_BLOCKS = "its samples are made from blocks, which Pillow converts"
_REASONS = {
    **dict.fromkeys(("CUR", "ICNS", "PSD", "MIC", "FPX", "DCX", "FLI"), _SEVERAL),
    **dict.fromkeys(("EPS", "WMF", "PDF"), _DRAWN),
    **dict.fromkeys(("DDS", "FTEX", "BLP"), _BLOCKS),
    "BMP": "Pillow does not know where its samples are",
    "JPEG": "Pillow inverts its inks, though they do not bear Adobe's mark",
    "TIFF": "Pillow turns or converts its samples",
}
_UNPROVED = "nothing proves that Pillow hands on its samples as they are"


def layout_of(image: Any) -> str:
    """How an open image of Pillow's, not yet loaded, holds its samples.

    Those are Pillow's names of the decoder and of the layouts of its input, and what else in the file decides.
    """
    tiles = [(tile[0], *_raw_mode(tile[3])) for tile in getattr(image, "tile", None) or ()]
    names = list(dict.fromkeys(name for tile in tiles for name in tile))
    if image.format == "BMP":
        names.append(_bits_of_bmp(image))
    elif image.mode == "CMYK" and "adobe" in image.info:
        names.append("adobe")
    elif image.format == "TIFF" and image.tag_v2.get(_TIFF_ORIENTATION, 1) != 1:
        names.append("turned")
    elif image.format == "TGA" and _has_mixed_rows(image):
        names.append("interleaved")
    elif image.format == "TGA" and image.mode == "RGBA" and _has_extension(image):
        names.append("extended")
    return " ".join(names)


def described(image: Any, name: str) -> Layout:
    """The layout of an open image, not yet loaded.

    Raises UnsupportedError where it is not in the table, FormatError where the file has no samples.
    """
    layout = layout_of(image)
    try:
        return _KNOWN[image.format, image.mode, layout]
    except KeyError:
        if not layout and image.format in _WITH_TILES:
            raise FormatError(f"{name}: cannot be read as an image: the {image.format} file has no samples") from None
        kind = getattr(image, "format_description", "") or image.format
        how = f"{image.mode} from {layout}" if layout else image.mode
        reason = _REASONS.get(image.format, _UNPROVED)
        if sizes := image.info.get("sizes"):  # of icons
            reason = f"{reason} (here {', '.join(f'{size[0]} x {size[1]}' for size in sorted(sizes))})"
        raise UnsupportedError(f"{name}: {kind} ({image.format}, {how}) is not read: {reason}; {KEEP}") from None


def samples(image: Any, name: str) -> Samples:
    """The samples of an open image, not yet loaded. Raises UnsupportedError where Pillow would change them."""
    layout = described(image, name)
    if layout.instead is not None:
        return Samples(_read_instead(image, layout.instead, name), layout.bits, layout.meaning)
    return samples_as(layout, np.asarray(image))


def samples_as(layout: Layout, array: npt.NDArray[Any]) -> Samples:
    """The samples that Pillow gives as ``array``, as the file has them."""
    if layout.meaning == Meaning.PALETTE:
        return palette_samples(array, layout.bits)
    if array.dtype == np.uint8 and layout.bits < 8:
        # Pillow repeats the bits of gray samples until they are 8.
        array = array >> (8 - layout.bits)
    return Samples(array, layout.bits, layout.meaning)


def _read_instead(image: Any, instead: tuple[str, str], name: str) -> npt.NDArray[Any]:
    """A BMP image in another mode and layout than those that Pillow chose."""
    image._mode, raw = instead
    image.tile = [tile._replace(args=(raw, *tile.args[1:])) for tile in image.tile]
    array = np.asarray(image)
    if array.ndim == 2:
        if int(array.max()) > 1:
            raise FormatError(f"{name}: a sample of this BMP file is beyond its palette of two colours")
        return array.astype(np.bool_)
    if np.ptp(array[..., 3]):
        raise UnsupportedError(f"{name}: this BMP file has samples in the byte that BMP leaves unused; {KEEP}")
    return array[..., :3]


def _raw_mode(arguments: Any) -> tuple[str, ...]:
    first = arguments[0] if isinstance(arguments, (tuple, list)) and arguments else arguments
    return (first,) if isinstance(first, str) else ()


def _has_mixed_rows(image: Any) -> bool:
    """Whether a TGA file has every second or fourth row first, which Pillow takes for the next."""
    place = image.fp.tell()
    image.fp.seek(17)
    flags = image.fp.read(1)
    image.fp.seek(place)
    return bool(flags[0] & 0xC0)


def _has_extension(image: Any) -> bool:
    """Whether a TGA file says more of its alpha, which Pillow may then replace."""
    place = image.fp.tell()
    size = image.fp.seek(0, os.SEEK_END)
    image.fp.seek(max(0, size - len(_TGA_END) - 8))
    tail = image.fp.read()
    image.fp.seek(place)
    return bool(tail.endswith(_TGA_END) and tail[:4] != bytes(4))


def _bits_of_bmp(image: Any) -> str:
    """Bits a pixel, which Pillow does not tell; with a mark where Pillow would lose its place in run lengths."""
    place = image.fp.tell()
    image.fp.seek(14)
    head = image.fp.read(16)
    image.fp.seek(place)
    core = int.from_bytes(head[:4], "little") == 12
    bits = str(int.from_bytes(head[10:12] if core else head[14:16], "little"))
    odd = any(tile[0] == "bmp_rle" and tile[2] % 2 for tile in image.tile)
    return f"{bits} odd" if odd else bits
