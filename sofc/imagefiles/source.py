"""Where images come from: files, images inside files, arrays."""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, SofcError, UnsupportedError, UsageError
from sofc.image import Meaning
from sofc.imagefiles import (
    bmp,
    codecs,
    dicom,
    ends,
    exact,
    exr,
    fits,
    frames,
    ico,
    idx,
    jpeg,
    nifti,
    npy,
    npz,
    pcx,
    pfm,
    png,
    png_rows,
    pnm,
    sgi,
    signatures,
    stacks,
    sun,
    tiff,
    y4m,
)
from sofc.imagefiles.heads import head_of, is_still_png
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.pillow import is_of_disk, opened
from sofc.imagefiles.rows import LARGE_BYTES, InFile
from sofc.imagefiles.samples import Samples, checked, in_words, meaning_of
from sofc.places import StorePath, as_of, here
from sofc.rows import FileRows

JPEG = jpeg.START
NPY = b"\x93NUMPY"
JPEG_REMARK = "the input is a JPEG file: what is kept is its samples, not the file"
# What Pillow says it cannot open, though files that begin so mostly can be read.
_READ = ("JPEG", "GIF", "BMP", "WebP", "QOI", "SGI", "PNG", "TIFF", "BigTIFF", "PNM")
_VOLUME = "NIfTI"
_OTHERWISE = "if another program opens it, write it as PNG or TIFF with that, or keep the file: sofc encode --keep-file"
# Of these the text is written for people; of others it is about the code of a library.
_SPOKEN = (OSError, ValueError, SyntaxError, EOFError, NotImplementedError, RuntimeError, ImportError)


HELD_BYTES = 1 << 27
"""Of samples of images that were fetched from stores."""
_held: OrderedDict[ImageSource, Samples] = OrderedDict()
_SLIPS = re.compile(
    "invalid literal|could not convert|cannot reshape|broadcast|values to unpack|buffer size|negative (seek|dimensions)"
    "|zero-size array|imcd_|cannot convert float|read length"
)
"""What Python and libraries say to programmers."""
_NOT_KNOWN = re.compile("unsupported|not supported|not implemented", re.IGNORECASE)
"""What libraries say of files that may well be sound."""


@dataclass(frozen=True)
class ImageSource:
    """One image: ``index`` in the file at ``path``, or an ``array`` in memory. Small and picklable.

    With a ``threshold`` a gray image becomes binary: True where the sample is larger. With ``words`` samples of 32 and
    64 bits come as words of 16 bits, the lowest first, each a component. ``axes``: those of an array in a file, see
    ``stacks.AXES``. ``place``, without a path: a file of a store, which is fetched when it is loaded.
    """

    path: Path | None = None
    index: int = 0
    threshold: int | None = None
    words: bool = False
    axes: str | None = None
    array: npt.NDArray[Any] | None = field(default=None, compare=False, repr=False)
    place: StorePath | None = None

    @property
    def name(self) -> str:
        """For messages."""
        if self.place is not None:
            return str(self.place)
        return str(self.path) if self.path is not None else f"array {self.index}"


def is_jpeg(path: Path) -> bool:
    """Whether the file is a JPEG, by its first bytes."""
    return _head(path).startswith(JPEG)


def is_lossy_jpeg(path: Path) -> bool:
    """Whether the file is a JPEG file whose samples are only what a decoder makes of its coefficients."""
    return is_jpeg(path) and not codecs.is_lossless_jpeg(path)


def count(path: Path, axes: str | None = None) -> int:
    """Images in a file: pages, frames of an animation, slices of a volume, arrays of a stack by its ``axes``."""
    kind = kind_of(path)
    if kind == "idx":
        return idx.count(path)
    with _reading(path):
        if kind == "nifti":
            return nifti.count(path)
        if kind == "npy":
            return stacks.count(path, axes)
        if kind == "dicom":
            return dicom.count(path)
        if kind in ("png", "pillow"):
            return _frames(path)
        if kind in _SEVERAL:
            return int(_SEVERAL[kind].count(path))
        images = tiff.count(path) if kind == "tiff" else 1
    if images == 0:
        raise FormatError(f"{path}: the TIFF file holds no image")
    return images


def is_volume_data(path: Path) -> bool:
    """Whether the file has the samples of a volume whose head is in an .hdr file beside it."""
    head = path.with_suffix(nifti.HEAD_SUFFIX)
    return path.suffix.lower() == ".img" and head.is_file() and nifti.is_volume(head)


def kind_of(path: Path) -> str:
    """Who reads the file: nifti, idx, dicom, tiff, png, npy, a name of ``_SINGLE`` or ``_SEVERAL``, one of
    ``codecs.KINDS``, or pillow for all else."""
    if nifti.is_volume(path) or is_volume_data(path):
        return "nifti"
    head = _head(path)
    if _is_idx(head):
        return "idx"
    if dicom.is_dicom(path):
        return "dicom"
    magics = {"tiff": tiff.MAGICS, "png": (png.SIGNATURE,), "npy": (NPY,), "pnm": pnm.MAGICS}
    magics |= {"npz": (npz.MAGIC,), "pfm": pfm.MAGICS, "exr": (exr.MAGIC,), "sgi": (sgi.MAGIC,), "sun": (sun.MAGIC,)}
    magics |= {"fits": (fits.MAGIC,), "ico": (ico.MAGIC,), "y4m": (y4m.MAGIC,)}
    by_magic = next((kind for kind, magic in magics.items() if head.startswith(magic)), None)
    if by_magic is None and pcx.is_pcx(head):
        return "pcx"
    if by_magic is None and bmp.is_masked(path):
        return "bmp"
    return by_magic or codecs.kind_of(path, head) or "pillow"


def load(source: ImageSource) -> Samples:
    """The image. Raises FormatError for a file that is no image or damaged, UsageError for samples sofc cannot keep."""
    if source.place is not None:
        return _load_from_store(source.place, source)
    if source.array is not None:
        array = np.asarray(source.array)
        components = array.shape[2] if array.ndim == 3 else 1
        samples = Samples(array, None, meaning_of(components))
    elif source.path is not None:
        samples = _load_file(source.path, source.index, source.axes)
    else:
        raise UsageError("an ImageSource needs a path or an array")
    samples = checked(in_words(samples) if source.words else samples, source.name)
    return samples if source.threshold is None else _binary(samples, source.threshold, source.name)


def _load_from_store(place: StorePath, source: ImageSource) -> Samples:
    """An image that training asks for again and again: some are held."""
    if source not in _held:
        with here(place) as path, as_of(place, path):
            _held[source] = load(replace(source, path=path, place=None))
        while len(_held) > 1 and sum(samples.array.nbytes for samples in _held.values()) > HELD_BYTES:
            _held.popitem(last=False)
    return _held[source]


def reading_of(path: Path) -> str:
    """How a file that may be read in several ways is read, in words; "" for one that is what it says."""
    if kind_of(path) != "npy":
        return ""
    with _reading(path):
        return stacks.remark(path)


def load_in_file(source: ImageSource) -> Samples | InFile:
    """As ``load``; rows of a large image are read when they are asked for, where the file has them so that they can be.

    What is wrong with such rows is raised then.
    """
    path = source.path
    if path is not None and source.threshold is None and source.axes is None and not source.words:
        kind = kind_of(path)
        with _reading(path):
            if kind == "tiff":
                found = tiff.in_file(path, source.index)
            else:
                found = _IN_FILE[kind](path) if kind in _IN_FILE else None
        if found is not None:
            return found._replace(array=replace(found.array, read=partial(_read_rows, path, found.array.read)))
    return load(source)


def _read_rows(path: Path, read: Callable[[int, int], npt.NDArray[Any]], first: int, end: int) -> npt.NDArray[Any]:
    with _reading(path):
        return read(first, end)


def remarks(path: Path) -> Iterator[str]:
    """What a person should know before this file is stored, a sentence each: above all what of it is not stored."""
    head = _head(path)
    kind = kind_of(path)
    has_more = kind == "pnm" and pnm.has_more(path)
    if head.startswith(JPEG):
        yield JPEG_REMARK
        yield from jpeg.remarks(path)
        with contextlib.suppress(OSError), opened(path) as image:
            if image.mode == "CMYK":
                yield (
                    "the JPEG file has its inks inverted, as Adobe's programs write them; what is kept are the amounts "
                    "of ink, 0 for none"
                )
    elif kind == "tiff":
        with _reading(path):
            heard = tiff.complaints(path)
            left_out = tiff.pictures_left_out(path)
        if heard:
            yield f"the TIFF file is not quite sound, and may have had more pages or fields: {heard[0]}"
        if left_out:
            what = "picture (a smaller copy, or one" if left_out == 1 else "pictures (smaller copies, or such"
            yield f"the TIFF file holds {left_out} more {what} in SubIFDs), not stored; {exact.ALL}"
    elif kind == "pnm":
        if has_more:
            yield f"the file holds several images; only the first is kept; {exact.ALL}"
        if (largest := pnm.largest(path)) & (largest + 1):
            yield f"that {largest} stands for white in the file is not stored; {exact.ALL}"
    elif kind == "exr":
        yield f"the head of the EXR file (windows, names of channels, colours) is not stored; {exact.ALL}"
    elif kind in _REMARKING:
        with _reading(path):
            yield from _REMARKING[kind].remarks(path)
    if not has_more and (rest := ends.behind(path, kind)):
        size = "a byte" if rest == 1 else f"{rest} bytes"
        yield f"the file has {size} behind its end, such as another picture, not stored; {exact.ALL}"
    if kind in ("png", "pillow") and not head.startswith(JPEG):
        with _reading(path), opened(path) as image:
            read = frames.count(image)
            shown = png.frames_there(path) if kind == "png" else getattr(image, "n_frames", 1)
            if read > 1:
                yield f"how long each of the {read} frames is shown is not stored, nor how often all are; {exact.ALL}"
            if shown > read:
                which = "only the first" if read == 1 else f"{read}"
                yield f"the input has {shown} images, of which {which} can be read here; {exact.ALL}"


def _frames(path: Path) -> int:
    return _lasting_counts.of(path)


def _counted(path: Path) -> int:
    if is_still_png(head_of(path)):
        return 1
    with opened(path) as image:
        return frames.count(image)


_lasting_counts = Lasting(_counted)
"""To count the frames of a GIF file, Pillow goes through all of it."""


def _head(path: Path) -> bytes:
    return head_of(path)[:12]


def _is_idx(head: bytes) -> bool:
    # The fourth byte is the number of dimensions; TGA files of gray samples have 0 there.
    return head.startswith(idx.GZIP) or (head[:3] in (b"\0\0\x08", b"\0\0\x09", b"\0\0\x0b") and head[3:4] != b"\0")


def _load_file(path: Path, index: int, axes: str | None) -> Samples:
    kind = kind_of(path)
    if kind == "idx":
        return idx.load(path, index)
    with _reading(path):
        if kind == "nifti":
            return nifti.load(path, index)
        if kind == "dicom":
            return dicom.load(path, index)
        if kind == "tiff":
            return tiff.load(path, index)
        if kind in ("png", "pillow") and _frames(path) > 1:
            return frames.load(path, index)
        if kind == "png":
            return png.load(path)
        if kind == "npy":
            return stacks.load(path, index, axes)
        if kind in _SEVERAL:
            several: Samples = _SEVERAL[kind].load(path, index)
            return several
        if kind in codecs.KINDS:
            return codecs.load(path, kind)
        return _SINGLE.get(kind, _load_other)(path)


def _load_other(path: Path) -> Samples:
    with opened(path) as image:
        samples = exact.samples(image, str(path))
        return samples._replace(jpeg=path.read_bytes()) if image.format in ("JPEG", "MPO") else samples


_SINGLE: dict[str, Callable[[Path], Samples]] = {
    **{"pnm": pnm.load, "pfm": pfm.load, "exr": exr.load, "sgi": sgi.load},
    **{"sun": sun.load, "pcx": pcx.load, "bmp": bmp.load},
}
"""Readers of files of one image."""
_IN_FILE: dict[str, Callable[[Path], InFile | None]] = {"npy": npy.in_file, "png": png_rows.in_file, "pnm": pnm.in_file}
"""What gives the rows of large images of these without reading all of them."""
_SEVERAL: dict[str, ModuleType] = {"npz": npz, "fits": fits, "ico": ico, "y4m": y4m}
"""Readers of files of one or more."""


_REMARKING: dict[str, ModuleType] = {
    **{"avif": codecs, "dicom": dicom, "fits": fits, "nifti": nifti, "npy": stacks, "npz": npz},
}
"""Readers that say what of a file is not stored."""


def _binary(samples: Samples, threshold: int, name: str) -> Samples:
    if samples.array.ndim != 2 or samples.meaning == Meaning.PALETTE:
        raise UsageError(f"{name}: only images of one component, not palette images, can be made binary by a threshold")
    if samples.array.dtype == np.bool_:
        return samples
    return Samples(np.asarray(samples.array.astype(np.int32) > threshold), 1, Meaning.GRAY)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns whatever an image library raises on a bad file into one clear error."""
    try:
        yield
    except SofcError:
        raise
    except Exception as error:
        if is_of_disk(error):
            raise
        raise _explained(path, error) from error


def _explained(path: Path, error: Exception) -> SofcError:
    """What a person can make of an exception from an image library."""
    known = signatures.name_of(path)
    if known == _VOLUME and kind_of(path) == "pillow":
        return UnsupportedError(
            f"{path}: this is a {known} file, which is read where its name ends in .nii; rename it, or keep the file: "
            "sofc encode --keep-file"
        )
    is_unread = known is not None and known not in _READ and kind_of(path) == "pillow"
    if type(error).__name__ == "UnidentifiedImageError" or is_unread:  # of Pillow, which says only the name once more
        if known in _READ:
            return FormatError(
                f"{path}: cannot be read as an image: it begins as {known} does, but is damaged, or of a form that is "
                f"not read; {_OTHERWISE}"
            )
        if known is not None:
            return UnsupportedError(f"{path}: this is a {known} file, which sofc does not read; {exact.KEEP}")
        return FormatError(f"{path}: cannot be read as an image: it is of no known kind, or damaged at its beginning")
    said = str(error).strip().splitlines()
    # Slips of a library that met what it did not expect mean nothing to others.
    is_spoken = isinstance(error, _SPOKEN) and getattr(error, "errno", None) is None and not _SLIPS.search(str(error))
    why = f": {said[0].rstrip('.')}" if said and is_spoken else ""
    if _NOT_KNOWN.search(why):
        return UnsupportedError(
            f"{path}: the {known or 'image'} file has a form that its reader does not know{why}; {_OTHERWISE}"
        )
    return FormatError(
        f"{path}: cannot be read as an image: the {known or 'image'} file is damaged, or has a form that its reader "
        f"does not expect{why}; {_OTHERWISE}"
    )


def each(sources: Iterable[ImageSource]) -> Iterator[Samples]:
    """Load one image after the other, holding one at a time."""
    for source in sources:
        yield load(source)


def each_again(sources: Sequence[ImageSource]) -> Iterator[Samples | InFile]:
    """As ``each_in_file``, of images that are gone through several times: those of a file of many that would take more
    than ``LARGE_BYTES`` together are read anew then, and the last one is held: it is asked for strip by strip."""
    loaded = lru_cache(maxsize=1)(load)
    for source in sources:
        image = load_in_file(source)
        if len(sources) > 1 and not isinstance(image, InFile) and image.array.nbytes * len(sources) > LARGE_BYTES:
            image = InFile(_read_anew(source, image.array, loaded), image.declared_bits, image.meaning)
        yield image


def _read_anew(source: ImageSource, array: npt.NDArray[Any], loaded: Callable[[ImageSource], Samples]) -> FileRows:
    return FileRows(array.shape, array.dtype, lambda first, end: loaded(source).array[first:end])


def each_in_file(sources: Iterable[ImageSource]) -> Iterator[Samples | InFile]:
    """The same, holding only rows of those that are large."""
    for source in sources:
        yield load_in_file(source)
