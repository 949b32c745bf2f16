"""The plugin of imageio (its v3 interface): ``.sofc`` files in ``imread``, ``imwrite`` and their like.

Where sofc is installed with pip, imageio knows the plugin without being told. Elsewhere (``python -S``,
``pip install --target``, a source tree on the path) importing this module makes it known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import imageio.config
import numpy as np
import numpy.typing as npt
from imageio.core.request import URI_BYTES, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3

import sofc
from sofc.plugins import register_with_imageio
from sofc.plugins._metadata import describe
from sofc.plugins._options import decode_settings, encode_settings

if TYPE_CHECKING:
    from sofc.plugins._options import CodebookOption

Samples = npt.NDArray[Any]
Index = int | EllipsisType | None

# As sofc.is_sofc has them: calling that would load much on behalf of files that are none of ours.
_FIRST_BYTES = b"\xabSOFC"
_MEANINGS = {1: sofc.Meaning.GRAY, 2: sofc.Meaning.GRAY_ALPHA, 3: sofc.Meaning.RGB, 4: sofc.Meaning.RGBA}

register_with_imageio(imageio.config)


class SofcPlugin(PluginV3):  # type: ignore[misc]
    """Reads and writes ``.sofc`` files for imageio.

    ``index``: a number picks one image; ``...`` takes all, stacked along a new first axis; None (the default)
    takes the image of a file that has one, and all, stacked, of a file that has several. ``codebook``, in every
    method that takes it: a Codebook, the path of one, or the name or id of an installed one; without it those
    that the file carries or refers to are used.

    Errors are those of ``sofc``: SofcError subclasses, of which UsageError and FormatError are ValueErrors.
    """

    def __init__(self, request: Request) -> None:
        """Take the request, or raise InitializationError, which sends imageio to its next plugin."""
        super().__init__(request)
        self._opened: tuple[dict[str, Any], sofc.Reader] | None = None
        self._written = False
        if request.mode.io_mode == IOMode.read:
            # Not request.firstbytes: plugins that were asked before leave a file object behind its beginning.
            file = request.get_file()
            file.seek(0)
            if file.read(len(_FIRST_BYTES)) != _FIRST_BYTES:
                raise InitializationError("the file does not begin with the signature of sofc")
        elif request.extension != ".sofc":
            # Before the file is opened, which would empty it.
            raise InitializationError("sofc writes files whose names end in .sofc")

    def read(
        self,
        *,
        index: Index = None,
        codebook: CodebookOption | None = None,
        limits: sofc.Limits | None = None,
        threads: int = 1,
    ) -> Samples:
        """Samples as stored: one image, shape (height, width[, components]), or several along a first axis.

        Reading the whole file also compares the digests in it. Raises ValueError where there is no such image
        or where the images are of different kinds and cannot be stacked.
        """
        settings = decode_settings(codebook, {"limits": limits, "threads": threads})
        if index is None:
            return sofc.decode(self._source(), **settings)
        if index is not ...:
            return self._reader(settings).read_image(index)
        images = sofc.decode(self._source(), **settings)
        return images if len(self._reader(settings)) > 1 else images[np.newaxis]

    def iter(
        self, *, codebook: CodebookOption | None = None, limits: sofc.Limits | None = None, threads: int = 1
    ) -> Iterator[Samples]:
        """The images one after the other, of whatever kinds, one in memory at a time."""
        reader = self._reader(decode_settings(codebook, {"limits": limits, "threads": threads}))
        for index in range(len(reader)):
            yield reader.read_image(index)
        _check_complete(reader)

    def iter_bands(
        self,
        *,
        index: int | None = None,
        codebook: CodebookOption | None = None,
        limits: sofc.Limits | None = None,
        threads: int = 1,
    ) -> Iterator[sofc.Band]:
        """Bands of rows of one image, or of all: each has ``image``, ``y`` (its first row) and ``rows``.

        Only through ``imopen``: imageio itself has no such function. An image need not fit in memory.
        """
        return self._reader(decode_settings(codebook, {"limits": limits, "threads": threads})).bands(index)

    def properties(self, index: Index = None) -> ImageProperties:
        """Shape and type of what ``read`` gives for this index, from the heads alone."""
        reader = self._reader({})
        count = len(reader)
        if index is not None and index is not ...:
            return ImageProperties(_shape(reader.header_of(index)), _dtype(reader.header_of(index)))
        _check_complete(reader)
        kinds = {(_shape(header), _dtype(header)) for header in reader.headers}
        if len(kinds) > 1:
            raise sofc.UsageError(f"the file has {count} images of different kinds: give index=, or use imiter")
        ((shape, dtype),) = kinds
        if index is None and count == 1:
            return ImageProperties(shape, dtype)
        return ImageProperties((count, *shape), dtype, n_images=count, is_batch=True)

    def metadata(self, index: Index = None, exclude_applied: bool = True) -> dict[str, Any]:
        """What the file says beside the samples, from its heads alone; nothing of it is ever applied to them.

        Names as in Pillow where it has them: ``icc_profile``, ``exif``, ``xmp`` (bytes); text by its key; besides,
        ``version``, ``codebooks`` and, of an image, ``declared_bits``, ``coded_bits`` and ``meaning``. ``...``, and
        None for a file of several images: what belongs to the file; a number: with what belongs to that image.
        """
        reader = self._reader({})
        found: dict[str, Any] = {
            "version": ".".join(map(str, reader.version)),
            "codebooks": [
                {"id": reference.id.hex(), "name": reference.name, "embedded": embedded}
                for reference, embedded in reader.codebooks
            ],
            **describe(reader.metadata),
        }
        if index is None and len(reader) == 1:
            index = 0
        if index is not None and index is not ...:
            samples = reader.header_of(index).format
            found |= {
                "declared_bits": samples.declared_bits,
                "coded_bits": samples.coded_bits,
                "meaning": samples.meaning.name.lower(),
                **describe(reader.metadata_of(index)),
            }
        return found

    def write(
        self,
        ndimage: npt.ArrayLike | Sequence[npt.ArrayLike],
        *,
        is_batch: bool | None = None,
        codebook: CodebookOption | None = None,
        **settings: Any,
    ) -> bytes | None:
        """Write the file, in one call; its bytes are returned where the target is ``"<bytes>"``.

        A list is a list of images of any sizes and types. An array is one image, shape (height, width) or
        (height, width, components), or with ``is_batch`` images along its first axis; without ``is_batch`` an
        array of three dimensions is one image where the last has 1 to 4 elements, otherwise a batch. The array
        that is read again is the same either way; how well it is compressed is not.

        ``settings`` are those of ``sofc.encode``: effort (1-9), coder, embed_codebook, declared_bits, meaning,
        metadata, band_rows, threads, verify, digest, limits. Nothing is written where encoding fails.
        """
        if self._written:
            raise sofc.UsageError("a .sofc file is written in one call: pass a list of images, or use sofc.open_writer")
        settings = encode_settings(codebook, settings)
        if isinstance(ndimage, list):
            images = [np.asarray(image) for image in ndimage]
            data = sofc.encode_images(images, **{"meaning": _meaning(images, False), **settings})
        else:
            array = np.asarray(ndimage)
            batch = _is_batch(array) if is_batch is None else is_batch
            data = sofc.encode(array, batch=batch, **{"meaning": _meaning([array], batch), **settings})
        self.request.get_file().write(data)
        self._written = True
        return data if self.request._uri_type == URI_BYTES else None

    def close(self) -> None:
        """Let go of the file."""
        self._opened = None
        super().close()

    def _source(self) -> Any:
        """The file, at its beginning."""
        file = self.request.get_file()
        file.seek(0)
        # What imageio wraps streams and archives in knows seek but not seekable, and keeps all it has read.
        return file if hasattr(file, "seekable") else BytesIO(file.read())

    def _reader(self, settings: Mapping[str, Any]) -> sofc.Reader:
        """A reader of the file; the one before, where it is asked for again with the same settings."""
        wanted = dict(settings)
        if self._opened is None or self._opened[0] != wanted:
            self._opened = wanted, sofc.open_reader(self._source(), **wanted)
        return self._opened[1]


def _check_complete(reader: sofc.Reader) -> None:
    if not reader.complete:
        raise sofc.TruncatedError(
            f"the file is cut off after {len(reader)} whole or begun images; index= reads what is there"
        )


def _is_batch(array: Samples) -> bool:
    return array.ndim > 3 or (array.ndim == 3 and array.shape[-1] > 4)


def _meaning(arrays: list[Samples], batch: bool) -> sofc.Meaning:
    """What the components stand for in imageio, where all images have the same number of them."""
    shapes = [array.shape[1:] if batch else array.shape for array in arrays]
    meanings = {_MEANINGS.get(shape[2] if len(shape) == 3 else 1, sofc.Meaning.UNSPECIFIED) for shape in shapes}
    return meanings.pop() if len(meanings) == 1 else sofc.Meaning.UNSPECIFIED


def _shape(header: sofc.ImageHeader) -> tuple[int, ...]:
    components = header.format.components
    shape = header.height or 0, header.width
    return shape if components == 1 else (*shape, components)


def _dtype(header: sofc.ImageHeader) -> np.dtype[Any]:
    return np.dtype(header.format.dtype_name)
