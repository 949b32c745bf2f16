"""The plugin of imageio (its v3 interface): ``.sofc`` files in ``imread``, ``imwrite`` and their like.

Where sofc is installed with pip, imageio knows the plugin without being told. Elsewhere (``python -S``,
``pip install --target``, a source tree on the path) importing this module makes it known.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Unpack

import imageio.config
import numpy as np
import numpy.typing as npt
from imageio.core.request import URI_BYTES, ImageMode, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3

import sofc
from sofc.plugins import register_with_imageio
from sofc.plugins._metadata import describe
from sofc.plugins._options import decode_settings, encode_settings

if TYPE_CHECKING:
    from sofc.api.each import EachEncoder
    from sofc.plugins._options import CodebookOption
    from sofc.stream.settings import WriteSettings

Samples = npt.NDArray[Any]
Index = int | EllipsisType | None

# As sofc.is_sofc has them: calling that would load much on behalf of files that are none of ours.
_FIRST_BYTES = b"\xabSOFC"
_MEANINGS = {1: sofc.Meaning.GRAY, 2: sofc.Meaning.GRAY_ALPHA, 3: sofc.Meaning.RGB, 4: sofc.Meaning.RGBA}

_IMAGES, _COMPONENTS = "images", "components"
"""Axes of which there is one element, and which are kept by name."""

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
        self._writing: _Writing | None = None
        self._added: list[tuple[list[Samples], bool]] = []
        if request.mode.io_mode == IOMode.read:
            # Not request.firstbytes: plugins that were asked before leave a file object behind its beginning.
            file = request.get_file()
            file.seek(0)
            if file.read(len(_FIRST_BYTES)) != _FIRST_BYTES:
                raise InitializationError("the file does not begin with the signature of sofc")
        elif request.extension != ".sofc" and not (request.extension is None and _is_asked_for()):
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
        reader = self._reader(settings)
        if self._picks_one(index):
            assert index is not None and index is not ...
            return _as_written(reader.read_image(index), reader, index)
        images = sofc.decode(self._source(), **settings)
        images = images if len(reader) > 1 else images[np.newaxis]
        if all(_has_component_axis(reader, number) for number in range(len(reader))):
            images = images[..., np.newaxis]
        return images if self._is_stack(index, reader) else images[0]

    def iter(
        self, *, codebook: CodebookOption | None = None, limits: sofc.Limits | None = None, threads: int = 1
    ) -> Iterator[Samples]:
        """The images one after the other, of whatever kinds, one in memory at a time."""
        reader = self._reader(decode_settings(codebook, {"limits": limits, "threads": threads}))
        if self._is_volume:
            yield self.read(index=..., codebook=codebook, limits=limits, threads=threads)
            return
        for index in range(len(reader)):
            yield _as_written(reader.read_image(index), reader, index)
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
        if self._picks_one(index):
            assert index is not None and index is not ...
            return ImageProperties(_shape(reader, index), _dtype(reader.header_of(index)))
        _check_complete(reader)
        kinds = {(_shape(reader, number), _dtype(header)) for number, header in enumerate(reader.headers)}
        if len(kinds) > 1:
            raise sofc.UsageError(f"the file has {count} images of different kinds: give index=, or use imiter")
        ((shape, dtype),) = kinds
        if not self._is_stack(index, reader):
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
        **settings: Unpack[WriteSettings],
    ) -> bytes | None:
        """Write images; further calls add more. The bytes so far are returned where the target is ``"<bytes>"``.

        A list is a list of images of any sizes and types. An array is one image, shape (height, width) or
        (height, width, components), or with ``is_batch`` images along its first axis; without ``is_batch`` an
        array of three dimensions is one image where the last has 1 to 4 elements, otherwise a batch. Opened for
        volumes, an array is always a batch: the slices. The array that is read again has the shape of what was
        written.

        ``settings`` are those of ``sofc.encode``: effort (1-9), coder, embed_codebook, declared_bits, meaning,
        metadata, band_rows, threads, verify, digest, limits; they are the same in all calls. What is written stands in
        the file once it is closed, and nothing where encoding fails.
        """
        images, batch = self._images_of(ndimage, is_batch)
        given = {"codebook": codebook, **settings}
        if self._writing is None:
            self._writing = _Writing(encode_settings(codebook, settings), given)
        elif self._writing.given != given:
            raise sofc.UsageError("all images of a .sofc file are written with the same settings")
        try:
            if self.request._uri_type != URI_BYTES:
                self._writing.add(images, batch)
                return None
            # A file that ends here; where it goes on all is encoded again, so that copies are kept: the caller may
            # write the next image into the same array.
            self._added.append(([image.copy() for image in images], batch))
            self._writing = _Writing(self._writing.settings, given)
            for one in self._added:
                self._writing.add(*one)
            return self._writing.finish()
        except BaseException:
            self._writing.failed = True
            raise

    def _images_of(
        self, given: npt.ArrayLike | Sequence[npt.ArrayLike], is_batch: bool | None
    ) -> tuple[list[Samples], bool]:
        """The images, and whether they are written as several."""
        if not isinstance(given, (list, tuple)):
            array = np.asarray(given)
            batch = self._is_volume or (_is_batch(array) if is_batch is None else is_batch)
            return (list(array) if batch else [array]), batch
        images = [np.asarray(image) for image in given]
        if self.request.mode.image_mode == ImageMode.multi_volume:
            if len(images) != 1:
                raise sofc.UsageError(f"a .sofc file holds one volume, not {len(images)}: write each to its own")
            return list(images[0]), True
        if self._is_volume:
            return self._images_of(np.asarray(images), is_batch)
        return images, True

    @property
    def _is_volume(self) -> bool:
        return self.request.mode.image_mode in (ImageMode.single_volume, ImageMode.multi_volume)

    def _picks_one(self, index: Index) -> bool:
        return index is not None and index is not ... and not self._is_volume

    def _is_stack(self, index: Index, reader: sofc.Reader) -> bool:
        """Whether what is read for all images has an axis for them."""
        return index is ... or self._is_volume or len(reader) > 1 or _IMAGES in _axes(reader.metadata)

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        """Close the file; what is not complete, because of an error, is not written."""
        if kind is not None and self._writing is not None:
            self._writing.failed = True
        self.close()

    def close(self) -> None:
        """Write what there is to write, and let go of the file."""
        self._opened = None
        writing, self._writing = self._writing, None
        if writing is not None and not writing.failed:
            self.request.get_file().write(writing.finish())
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


class _Writing:
    """Images on their way into a file, which are encoded as they come."""

    def __init__(self, settings: dict[str, Any], given: dict[str, Any]) -> None:
        self.given = given
        self.failed = False
        self.settings = settings
        self._encoder: EachEncoder | None = None
        self._data = bytearray()

    def add(self, images: list[Samples], batch: bool) -> None:
        """Take images, which were written as a ``batch`` or as one."""
        from sofc.api.each import EachEncoder, Given

        settings = {**self.settings}
        declared_bits, meaning = settings.pop("declared_bits", None), settings.pop("meaning", _meaning(images))
        headers = _headers(images, declared_bits, meaning)
        if self._encoder is None:
            axes = [_axes_item(_IMAGES)] if batch and len(images) == 1 else []
            settings["metadata"] = [*settings.get("metadata", ()), *axes]
            self._encoder = EachEncoder(**settings)
        for image, header in zip(images, headers, strict=True):
            own = [_axes_item(_COMPONENTS)] if image.ndim == 3 and image.shape[2] == 1 else []
            for piece in self._encoder.add(Given(image, header), own):
                self._data += piece

    def finish(self) -> bytes:
        """The whole file, to which nothing more can be added."""
        if self._encoder is not None:
            for piece in self._encoder.finish():
                self._data += piece
            self._encoder = None
        return bytes(self._data)


def _headers(images: list[Samples], declared_bits: int | None, meaning: sofc.Meaning) -> list[sofc.ImageHeader]:
    """Of images that go together; of those of one kind the bits of all count, so that they are coded together."""
    from sofc.api.headers import header_for

    headers = [header_for(image, declared_bits=declared_bits, meaning=meaning) for image in images]
    kinds = {(header.width, header.height, header.format.dtype_name, header.format.components) for header in headers}
    if len(kinds) != 1:
        return headers
    most = max(headers, key=lambda header: header.format.coded_bits)
    return [most] * len(headers)


def _axes_item(axis: str) -> sofc.Metadata:
    return sofc.Metadata(sofc.MetadataKind.AXES, "", axis.encode())


def _axes(items: Sequence[sofc.Metadata]) -> set[str]:
    """Axes of length 1 that were there when the images were written."""
    values = (item.value for item in items if item.kind == sofc.MetadataKind.AXES)
    return {value.decode("ascii", "replace") for value in values}


def _has_component_axis(reader: sofc.Reader, index: int) -> bool:
    return reader.header_of(index).format.components == 1 and _COMPONENTS in _axes(reader.metadata_of(index))


def _as_written(image: Samples, reader: sofc.Reader, index: int) -> Samples:
    return image[..., np.newaxis] if _has_component_axis(reader, index) else image


def _is_asked_for() -> bool:
    """Whether the program named this plugin: imageio also offers what has no name to every plugin, ours first."""
    frame = sys._getframe(2)
    for _ in range(2):
        if frame.f_code.co_name == "imopen":
            return frame.f_locals.get("plugin") is not None
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False


def _is_batch(array: Samples) -> bool:
    return array.ndim > 3 or (array.ndim == 3 and array.shape[-1] > 4)


def _meaning(images: list[Samples]) -> sofc.Meaning:
    """What the components stand for in imageio, where all images have the same number of them."""
    counts = {image.shape[2] if image.ndim == 3 else 1 for image in images}
    return _MEANINGS.get(counts.pop(), sofc.Meaning.UNSPECIFIED) if len(counts) == 1 else sofc.Meaning.UNSPECIFIED


def _shape(reader: sofc.Reader, index: int) -> tuple[int, ...]:
    header = reader.header_of(index)
    components = header.format.components
    shape = header.height or 0, header.width
    return (*shape, components) if components > 1 or _has_component_axis(reader, index) else shape


def _dtype(header: sofc.ImageHeader) -> np.dtype[Any]:
    return np.dtype(header.format.dtype_name)
