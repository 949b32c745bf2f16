#!/usr/bin/env python3
"""Make a folder of files of many kinds under odd names, to try what becomes of each.

    tools/make_tree.py FOLDER [--files 2000] [--seed 1]

All kinds of image files that Pillow, tifffile, numpy, imagecodecs, pydicom and nibabel write, whole, cut and damaged,
and files that are no images; names with spaces, of letters composed and not, with dots and dashes in front, of 255
bytes, of nothing but a suffix, equal but for case; links and empty files. One seed gives the same bytes each time.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import os
import sys
import time
import unicodedata
import warnings
import wave
import zipfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

Array = npt.NDArray[Any]
Random = np.random.Generator
Writer = Callable[[Random], bytes]
NAME_BYTES = 255
LINKED, CUT, DAMAGED, EMPTY = range(4)
SHARE = 25
"""One of so many files is a link, another is cut, another damaged, another empty."""


def gray(random: Random, dtype: str = "uint8") -> Array:
    """A smooth image with a little noise, of 16 to 39 rows and columns."""
    rows, columns = random.integers(16, 40, 2)
    y, x = np.mgrid[:rows, :columns]
    top = 200 if np.dtype(dtype).itemsize == 1 else 4000
    smooth = 0.5 + 0.4 * np.sin(x / 7 + random.random()) * np.cos(y / 9)
    image: Array = (smooth * top + random.integers(0, 4, (rows, columns))).astype(dtype)
    return image


def colour(random: Random, dtype: str = "uint8") -> Array:
    """Three components that are alike."""
    image = gray(random, dtype)
    return np.stack([image, image // 2, image.max() - image], axis=-1)


def pillow(file_format: str, make: Callable[[Random], Array], **options: Any) -> Writer:
    """As Pillow writes it; ``mode``: after converting to it."""
    mode = options.pop("mode", None)

    def write(random: Random) -> bytes:
        image = Image.fromarray(make(random))
        buffer = io.BytesIO()
        (image.convert(mode) if mode else image).save(buffer, file_format, **options)
        return buffer.getvalue()

    return write


def animation(file_format: str, **options: Any) -> Writer:
    """Three frames."""

    def write(random: Random) -> bytes:
        image = gray(random)
        frames = [Image.fromarray(image + number) for number in range(3)]
        buffer = io.BytesIO()
        frames[0].save(buffer, file_format, save_all=True, append_images=frames[1:], **options)
        return buffer.getvalue()

    return write


def tiff(make: Callable[[Random], Array], pages: int = 1, **options: Any) -> Writer:
    """As tifffile writes it."""

    def write(random: Random) -> bytes:
        buffer = io.BytesIO()
        image = make(random)
        tifffile.imwrite(buffer, np.stack([image] * pages) if pages > 1 else image, **options)
        return buffer.getvalue()

    return write


def coded(name: str, make: Callable[[Random], Array], **options: Any) -> Writer:
    """As a codec of imagecodecs writes it."""
    return lambda random: bytes(getattr(imagecodecs, f"{name}_encode")(make(random), **options))


def anymap(random: Random) -> bytes:
    """A PGM file of 16 bits."""
    image = gray(random, ">u2")
    return b"P5\n# made up\n%d %d\n4095\n" % (image.shape[1], image.shape[0]) + image.tobytes()


def saved(save: Callable[[Any, Array], None], make: Callable[[Random], Array]) -> Writer:
    """As numpy writes it."""

    def write(random: Random) -> bytes:
        buffer = io.BytesIO()
        save(buffer, make(random))
        return buffer.getvalue()

    return write


def idx(random: Random) -> bytes:
    """Three images."""
    image = gray(random)
    return b"\0\0\x08\x03" + b"".join(length.to_bytes(4, "big") for length in (3, *image.shape)) + image.tobytes() * 3


def dicom(*, preamble: bool = True, implicit: bool = False, pixels: bool = True) -> Writer:
    """As pydicom writes it, with the same identifiers each time."""

    def write(random: Random) -> bytes:
        from pydicom import Dataset
        from pydicom.dataset import FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, SecondaryCaptureImageStorage

        data_set = Dataset()
        data_set.SOPClassUID = SecondaryCaptureImageStorage
        data_set.SOPInstanceUID = f"1.2.840.99.{random.integers(1 << 30)}"
        data_set.PatientName = "Nobody^At All"
        if pixels:
            image = gray(random, "uint16")
            data_set.Rows, data_set.Columns = image.shape
            data_set.SamplesPerPixel, data_set.PixelRepresentation = 1, 0
            data_set.PhotometricInterpretation = "MONOCHROME2"
            data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 16, 12, 11
            data_set.PixelData = image.tobytes()
            data_set["PixelData"].VR = "OW"
        buffer = io.BytesIO()
        if not preamble:
            data_set.save_as(buffer, implicit_vr=implicit, little_endian=True)
            return buffer.getvalue()
        data_set.file_meta = FileMetaDataset()
        data_set.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        data_set.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    return write


def volume(kind: str) -> Writer:
    """As nibabel writes it."""

    def write(random: Random) -> bytes:
        import nibabel

        image = np.stack([gray(random, "int16")] * 2, axis=-1)
        data: bytes = getattr(nibabel, kind)(image, np.eye(4)).to_bytes()
        return data

    return write


def packed(pack: Callable[[bytes], bytes], write: Writer) -> Writer:
    """A file compressed as a whole."""
    return lambda random: pack(write(random))


def gzipped(data: bytes) -> bytes:
    """Without the time of day."""
    return gzip.compress(data, mtime=0)


def archive(random: Random) -> bytes:
    """A ZIP file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(zipfile.ZipInfo("a.txt"), text(random))
    return buffer.getvalue()


def text(random: Random) -> bytes:
    """Words."""
    return b" ".join(random.choice([b"one", b"image", b"P5", b"of", b"\xc3\xa9"], 60).tolist()) + b"\n"


def table(random: Random) -> bytes:
    """JSON."""
    return json.dumps(random.integers(0, 9, 40).tolist()).encode()


def sound(random: Random) -> bytes:
    """A WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(gray(random).tobytes())
    return buffer.getvalue()


def coded_by_sofc(random: Random) -> bytes:
    """A sofc file."""
    import sofc

    return sofc.encode(gray(random), coder="raw")


def wide(random: Random) -> Array:
    """32-bit floating point."""
    return gray(random).astype(np.float32) / 7


KINDS: dict[str, Writer] = {
    ".png": pillow("PNG", gray),
    ".rgb.png": pillow("PNG", colour, optimize=True),
    ".palette.png": pillow("PNG", colour, mode="P"),
    ".bits.png": pillow("PNG", gray, mode="1"),
    ".deep.png": coded("png", lambda random: colour(random, "uint16")),
    ".apng": animation("PNG"),
    ".gif": animation("GIF"),
    ".webp": animation("WEBP", lossless=True),
    ".jpg": pillow("JPEG", colour, quality=85),
    ".progressive.jpeg": pillow("JPEG", colour, progressive=True),
    ".cmyk.jpg": pillow("JPEG", colour, mode="CMYK"),
    ".12bit.jpg": coded("jpeg", lambda random: gray(random, "uint16"), bitspersample=12),
    ".jls": coded("jpegls", gray),
    ".jp2": pillow("JPEG2000", colour),
    ".j2k": coded("jpeg2k", lambda random: gray(random, "uint16"), codecformat="j2k", reversible=True),
    ".jxl": coded("jpegxl", gray, lossless=True),
    ".avif": pillow("AVIF", colour),
    ".qoi": pillow("QOI", colour),
    ".mpo": animation("MPO"),
    ".bmp": pillow("BMP", colour),
    ".dds": pillow("DDS", colour),
    ".eps": pillow("EPS", gray),
    ".pdf": pillow("PDF", gray, creationDate=time.gmtime(0), modDate=time.gmtime(0)),
    ".ico": pillow("ICO", gray, mode="RGBA"),
    ".im": pillow("IM", gray),
    ".msp": pillow("MSP", gray, mode="1"),
    ".pcx": pillow("PCX", gray),
    ".sgi": pillow("SGI", colour),
    ".spi": pillow("SPIDER", gray, mode="F"),
    ".tga": pillow("TGA", colour),
    ".xbm": pillow("XBM", gray, mode="1"),
    ".ppm": pillow("PPM", colour),
    ".pgm": anymap,
    ".tif": tiff(gray),
    ".pages.tiff": tiff(gray, pages=3, photometric="minisblack"),
    ".tiles.tif": tiff(colour, photometric="rgb", tile=(16, 16), compression="deflate"),
    ".lzw.tif": pillow("TIFF", colour, compression="tiff_lzw"),
    ".packbits.tif": pillow("TIFF", colour, compression="packbits"),
    ".tifffile-lzw.tif": tiff(colour, photometric="rgb", compression="lzw", predictor=2),
    ".fax.tif": pillow("TIFF", gray, mode="1", compression="group4"),
    ".float.tif": tiff(wide, photometric="minisblack"),
    ".svs": tiff(colour, photometric="rgb", tile=(16, 16), compression="jpeg"),
    ".lsm": tiff(lambda random: gray(random, "uint16"), byteorder=">"),
    ".npy": saved(np.save, lambda random: gray(random, "int16")),
    ".wide.npy": saved(np.save, wide),
    ".npz": saved(np.savez, gray),
    ".idx": idx,
    ".idx.gz": packed(gzipped, idx),
    ".dcm": dicom(),
    ".implicit.dcm": dicom(implicit=True),
    ".1.2.840": dicom(preamble=False),
    ".1.2.841": dicom(preamble=False, implicit=True),
    ".report.dcm": dicom(pixels=False),
    ".nii": volume("Nifti1Image"),
    ".nii.gz": packed(gzipped, volume("Nifti1Image")),
    ".nii.bz2": packed(bz2.compress, volume("Nifti1Image")),
    ".mgh": volume("MGHImage"),
    ".txt": text,
    ".json": table,
    ".zip": archive,
    ".wav": sound,
    ".tar.gz": packed(gzipped, text),
    ".bin": lambda random: random.bytes(300),
    ".sofc": coded_by_sofc,
}
"""What each kind of file is written by, and how its usual name ends."""
STEMS = [
    "scan", "a b", " lead", "trail ", "\u00e9t\u00e9", unicodedata.normalize("NFD", "\u00e9t\u00e9"), "\u65e5\u672c",
    "-dash", "--help", ".dot", "..two", "a.b.c", "1.2.840.99.5", "X", "x", "con", "a:b?*", "quote'\"", "line\nbreak",
    "\U0001f469\u200d\U0001f680", "%41", "~", "$HOME", "back\\slash", "",
]  # fmt: skip
"""Beginnings of names; with none of it a name is only a suffix."""
FOLDERS = ["", "deep/er", "x.png", ".hidden", "with space", "Scan", "scan"]


def names(random: Random, suffix: str) -> Iterator[str]:
    """Names for a file, each of its own, with what a kind's names usually end in, another end, or none."""
    for number in count():
        folder = FOLDERS[random.integers(len(FOLDERS))]
        stem = STEMS[random.integers(len(STEMS))] + (str(random.integers(1000)) if number else "")
        end = ("", suffix, suffix, suffix, suffix.upper(), f".{suffix.split('.')[-1]}", ".png", ".dat")
        name = stem + end[random.integers(len(end))]
        if random.integers(40) == 0:
            # Of such a length names with control characters cannot come back.
            stem = stem.replace("\n", " ")
            name = stem + "n" * (NAME_BYTES - len((stem + suffix).encode())) + suffix
        if name and name not in (".", ".."):
            yield f"{folder}/{name}" if folder else name


def make_tree(folder: Path, files: int, seed: int) -> int:
    """Fill a folder, which must not be there, and give the number of files in it, links included.

    A file system that has not one of the names gets another.
    """
    folder.mkdir(parents=True)
    made: list[Path] = []
    for number in range(files):
        random = np.random.default_rng([seed, number])
        suffix = list(KINDS)[number % len(KINDS)]
        fate = random.integers(SHARE)
        data = b"" if fate == EMPTY else KINDS[suffix](random)
        if fate == CUT:
            data = data[: random.integers(len(data))]
        elif fate == DAMAGED:
            place = random.integers(len(data))
            data = data[:place] + random.bytes(4) + data[place + 4 :]
        for name in names(random, suffix):
            path = folder / name
            if os.path.lexists(path) or any(part.is_file() for part in path.parents if part != folder):
                continue
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                if fate == LINKED and made:
                    path.symlink_to(os.path.relpath(made[random.integers(len(made))], path.parent))
                else:
                    path.write_bytes(data)
                made.append(path)
                break
            except OSError:
                continue
    return len(made)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="to be made")
    parser.add_argument("--files", type=int, default=2000, metavar="N", help="files to make (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all that is random (default: 1)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    made = make_tree(options.folder, options.files, options.seed)
    print(f"{options.folder}: {made} files of {len(KINDS)} kinds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
