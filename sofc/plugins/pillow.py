"""Pillow: after ``import sofc.plugins.pillow`` ``Image.open`` and ``Image.save`` know ``.sofc``.

Pillow has no way to find plugins of other packages, so the import is needed. It has no mode for more than 8 bits
of more than one component either, nor for more than 4 components: such images are for ``sofc.read``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageSequence

import sofc
from sofc.metadata.palette import Palette, in_8_bits, palette_item, palette_of
from sofc.metadata.pillow import palette_in
from sofc.metadata.texts import dots_item, dots_per_inch
from sofc.plugins._metadata import describe
from sofc.plugins._options import decode_settings, encode_settings

FORMAT = "SOFC"
_CARRIED = {
    "icc_profile": sofc.MetadataKind.ICC,
    "exif": sofc.MetadataKind.EXIF,
    "xmp": sofc.MetadataKind.XMP,
}
# What may be given to Image.save, besides what is in _CARRIED.
_SETTINGS = ("embed_codebook", "coder", "effort", "band_rows", "verify", "threads", "digest", "limits", "declared_bits")


class _Mode(NamedTuple):
    components: int
    dtype: str
    meaning: sofc.Meaning


_MODES = {
    "1": _Mode(1, "bool", sofc.Meaning.GRAY),
    "L": _Mode(1, "uint8", sofc.Meaning.GRAY),
    "LA": _Mode(2, "uint8", sofc.Meaning.GRAY_ALPHA),
    "RGB": _Mode(3, "uint8", sofc.Meaning.RGB),
    "RGBA": _Mode(4, "uint8", sofc.Meaning.RGBA),
    "CMYK": _Mode(4, "uint8", sofc.Meaning.CMYK),
    "I;16": _Mode(1, "uint16", sofc.Meaning.GRAY),
    "F": _Mode(1, "float32", sofc.Meaning.GRAY),
}


class SofcImageFile(ImageFile.ImageFile):
    """An open file: ``seek`` and ``tell`` go through its images; ``info`` has its metadata, samples come on ``load``.

    Samples are as stored, never rescaled: 12-bit samples come as mode I;16 with values up to 4095, and signed ones
    as mode I. ``info`` has ``declared_bits`` besides ``icc_profile``, ``exif``, ``xmp`` and text.
    """

    format = FORMAT
    format_description = "sofc, lossless"
    codebook: sofc.Codebook | None = None
    """Set it before the samples are loaded where the codebook can be found nowhere else."""
    # For images that were not opened but copied or unpickled, which have their samples.
    _reader: sofc.Reader | None = None
    _loaded: int | None = None
    _number = 0

    def _open(self) -> None:
        file: Any = self.fp
        self._reader = sofc.open_reader(file)
        self.n_frames = len(self._reader)
        self.is_animated = self.n_frames > 1
        self._of_file = describe(self._reader.metadata)
        self._show(0)

    def seek(self, frame: int) -> None:
        """Go to an image. Raises EOFError where there is none."""
        if self._seek_check(frame):
            self._show(frame)

    def tell(self) -> int:
        """The number of the image shown."""
        return self._number

    def load(self) -> Any:
        """Decode the image. Raises what ``sofc.decode`` does."""
        if self._reader is not None and self._loaded != self._number:
            file = self._file()
            samples = sofc.decode(file, image=self._number, **decode_settings(self.codebook, {}))
            loaded = _image_of(samples, self.mode)
            if self._colours is not None:
                loaded.putpalette(in_8_bits(self._colours).tobytes())
                self.palette = loaded.palette
            self.im = loaded.im
            self.readonly = loaded.readonly
            self._loaded = self._number
            if self._exclusive_fp and not self.is_animated:
                file.close()
                self.fp = None
        return super().load()

    def verify(self) -> None:
        """Decode all images, and compare the digests. As with other formats the file is to be opened anew then."""
        sofc.decode_images(self._file(), **decode_settings(self.codebook, {}))
        super().verify()

    def _file(self) -> Any:
        """The file, at its beginning. Raises ValueError where it was closed."""
        file: Any = self.fp
        if file is None or file.closed:
            raise ValueError("the image was closed, or verified, before its samples were loaded: open it again")
        file.seek(0)
        return file

    def _show(self, number: int) -> None:
        assert self._reader is not None
        if number != self._number:
            self._loaded = None
        header = self._reader.header_of(number)
        items = (*self._reader.metadata_of(number), *self._reader.metadata)
        self._colours = _palette(header.format, items)
        self._mode = _mode_of(header.format) if self._colours is None else "P"
        self._size = header.width, header.height or 0
        described: Any = {**self._of_file, **describe(self._reader.metadata_of(number))}
        self.info = {"declared_bits": header.format.declared_bits, **described}
        resolutions = (dots_per_inch(item) for item in items if item.kind == sofc.MetadataKind.RESOLUTION)
        if (dpi := next(resolutions, None)) is not None:
            self.info["dpi"] = dpi
        if self._colours is not None and self._colours.alpha is not None:
            self.info["transparency"] = self._colours.alpha.tobytes()
        self.tile = []  # nothing for Pillow's own decoders
        self._number = number


def _mode_of(samples: sofc.PixelFormat) -> str:
    kinds = {(mode.components, mode.dtype): name for name, mode in _MODES.items()}
    if samples.components == 1 and samples.dtype_name in ("int8", "int16", "int32"):
        return "I"
    kinds[4, "uint8"] = "CMYK" if samples.meaning == sofc.Meaning.CMYK else "RGBA"
    try:
        return kinds[samples.components, samples.dtype_name]
    except KeyError:
        raise sofc.UnsupportedError(
            f"Pillow has no mode for {samples.components} component(s) of {samples.dtype_name}: use sofc.read"
        ) from None


def _palette(samples: sofc.PixelFormat, items: Iterable[sofc.Metadata]) -> Palette | None:
    """The colours of a palette image that Pillow has a mode for."""
    if (
        samples.meaning != sofc.Meaning.PALETTE
        or samples.components != 1
        or samples.dtype_name not in ("bool", "uint8")
    ):
        return None
    return next((found for found in map(palette_of, items) if found is not None and len(found.colours) <= 256), None)


def _image_of(samples: npt.NDArray[Any], mode: str) -> Image.Image:
    if mode in ("CMYK", "P"):
        return Image.frombytes(mode, (samples.shape[1], samples.shape[0]), samples.tobytes())
    return Image.fromarray(samples.astype(np.int32) if mode == "I" else samples)


def _samples(image: Image.Image) -> tuple[npt.NDArray[Any], sofc.Meaning]:
    if image.mode == "I":
        # 32 bits, mostly with samples of 16.
        wide = np.asarray(image)
        for dtype in (np.uint16, np.int16):
            if np.iinfo(dtype).min <= wide.min() and wide.max() <= np.iinfo(dtype).max:
                return wide.astype(dtype), sofc.Meaning.GRAY
        return wide, sofc.Meaning.GRAY
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), sofc.Meaning.GRAY
    if image.mode == "P":
        return np.asarray(image), sofc.Meaning.PALETTE
    if image.mode not in _MODES:
        raise sofc.UsageError(
            f"an image of mode {image.mode} cannot be saved as it is: convert it first, to one of {', '.join(_MODES)}"
        )
    return np.asarray(image), _MODES[image.mode].meaning


def _metadata(image: Image.Image) -> Iterator[sofc.Metadata]:
    for name, kind in _CARRIED.items():
        value = image.encoderinfo.get(name, image.info.get(name))
        if isinstance(value, Image.Exif):
            value = value.tobytes()
        if value:
            # In a file of sofc EXIF begins with the head of its TIFF data, as in PNG; in Pillow not always.
            yield sofc.Metadata(kind, "", value.removeprefix(b"Exif\0\0"))
    yield from dots_item(image.encoderinfo.get("dpi", image.info.get("dpi")))


def _save(image: Image.Image, file: Any, filename: str | bytes, save_all: bool = False) -> None:
    given = image.encoderinfo
    settings = {name: given[name] for name in _SETTINGS if name in given}
    settings = encode_settings(given.get("codebook"), settings)
    declared = settings.pop("declared_bits", None)
    # Each is written before the next is asked for, which may be the same object.
    images = chain([image], given.get("append_images", ()) if save_all else ())
    frames = (frame for one in images for frame in ImageSequence.Iterator(one)) if save_all else images
    with sofc.open_writer(file, metadata=tuple(_metadata(image)), **settings) as writer:
        for frame in frames:
            samples, meaning = _samples(frame)
            header = sofc.header_for(samples, declared_bits=declared, meaning=meaning)
            palette = palette_in(frame)
            writer.begin_image(header, metadata=() if palette is None else (palette_item(palette),))
            writer.write(samples)


def _save_all(image: Image.Image, file: Any, filename: str | bytes) -> None:
    _save(image, file, filename, save_all=True)


Image.register_open(FORMAT, SofcImageFile, sofc.is_sofc)
Image.register_save(FORMAT, _save)
Image.register_save_all(FORMAT, _save_all)
Image.register_extension(FORMAT, ".sofc")
Image.register_mime(FORMAT, "image/x-sofc")
