"""Chunks of arrays as small sofc files, for the array stores that cut their arrays into such."""

from __future__ import annotations

import base64
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import sofc
from sofc.plugins._options import codebook_of

if TYPE_CHECKING:
    from sofc.plugins._options import CodebookOption

Samples = npt.NDArray[Any]
_USUAL_TYPES = ("bool", "uint8", "int8", "uint16", "int16")
SAMPLE_TYPES = tuple(dict.fromkeys((*_USUAL_TYPES, *(wide.dtype_name for wide in sofc.SampleType))))
COMPONENT_AXES = (None, -1, -3)
MAX_EMBEDDED_BYTES = 1 << 16
"""Unless told otherwise, codebooks up to this size travel in the configuration of a codec, which each reader of the
array reads whole: those that differ from the built-in one take 1 to 10 kB."""

# Codebooks that a caller of this process gave as objects; by id, in hexadecimal.
_given: dict[str, sofc.Codebook] = {}


@dataclass(frozen=True)
class ChunkCoder:
    """How chunks are coded: plain data, as it stands in the configuration of a codec. Made by ``chunk_coder``.

    The last two axes of a chunk are rows and columns, those before count images, but for ``component_axis``: -1
    where the last axis counts components (colours, channels) and the two before it are rows and columns, -3 where
    the axis before rows and columns does. ``codebook_id`` is in hexadecimal, "" for none; ``codebook_data`` is the
    codebook's file in base 64, "" where whoever reads chunks must have it. ``key_interval`` is that of ``Encoder``.
    """

    effort: int
    component_axis: int | None
    codebook_id: str = ""
    codebook_name: str = ""
    codebook_data: str = ""
    key_interval: int | None = None

    @property
    def configuration(self) -> dict[str, Any]:
        """What ``chunk_coder`` takes, as JSON has it."""
        codebook = {"id": self.codebook_id, "name": self.codebook_name} if self.codebook_id else None
        if codebook and self.codebook_data:
            codebook["data"] = self.codebook_data
        configuration = {"codebook": codebook, "effort": self.effort, "component_axis": self.component_axis}
        return configuration | ({"key_interval": self.key_interval} if self.key_interval is not None else {})

    @property
    def image_axes(self) -> int:
        """Axes that a chunk has at least."""
        return 2 if self.component_axis is None else 3

    def encode(self, chunk: Samples) -> bytes:
        """The file of a chunk of at least ``image_axes`` axes. Raises UsageError, or CodebookError if there is none."""
        self.check(chunk.ndim, chunk.dtype)
        if chunk.size == 0:
            raise sofc.UsageError(f"a chunk without samples cannot be coded; its shape is {chunk.shape}")
        if self.component_axis == -3:
            chunk = np.moveaxis(chunk, -3, -1)
        images = chunk.reshape(-1, *chunk.shape[-self.image_axes :])
        settings: dict[str, Any] = {"batch": True, "effort": self.effort, "key_interval": self.key_interval}
        if self.codebook_id:
            settings["codebook"] = self._codebook()
        return sofc.encode(images, **settings)

    def decode(self, data: bytes) -> Samples:
        """The samples of a chunk in C order, all axes before the image's as one. Raises what ``sofc.decode`` does."""
        return np.stack([self._turned(image) for image in sofc.decode_images(data, codebooks=self._named)])

    def decode_touched(self, data: bytes, chunk: Samples, touched: npt.NDArray[np.bool_]) -> None:
        """Fill the images of a chunk, an array in C order, that ``touched`` says, and decode no more than that takes.

        Raises FormatError for images of another shape or type, or another count, and what ``Reader`` does.
        """
        images = chunk.reshape(touched.size, *chunk.shape[-self.image_axes :])
        with sofc.open_reader(data, codebooks=self._named) as reader:
            if len(reader) != len(images):
                raise sofc.FormatError(f"the chunk holds {len(reader)} images, which is not {len(images)}")
            for number in np.flatnonzero(touched):
                image = self._turned(reader.read_image(int(number)))
                if image.size != images[number].size or image.dtype != images.dtype:
                    raise sofc.FormatError(
                        f"the chunk holds {image.size} samples of {image.dtype} as an image, "
                        f"which is not {images.shape[1:]} of {images.dtype}"
                    )
                images[number] = image.reshape(images.shape[1:])

    def touched(self, shape: tuple[int, ...], selection: Any) -> npt.NDArray[np.bool_]:
        """Of which images of a chunk an index of it takes samples, or might: by the axes before the image's."""
        counts = shape[: -self.image_axes]
        touched = np.ones(counts, np.bool_)
        if isinstance(selection, tuple) and not any(chosen is ... for chosen in selection):
            for axis, chosen in enumerate(selection[: len(counts)]):
                along = np.zeros(counts[axis], np.bool_)
                along[chosen] = True
                touched &= along.reshape(-1, *[1] * (len(counts) - axis - 1))
        return touched

    def _turned(self, image: Samples) -> Samples:
        """A decoded image with its axes as the chunk has them."""
        return np.moveaxis(image, -1, 0) if self.component_axis == -3 and image.ndim == 3 else image

    def _codebook(self) -> sofc.Codebook:
        if self.codebook_data and self.codebook_id not in _given:
            _given[self.codebook_id] = _embedded(self.codebook_data, self.codebook_id)
        return _find(self.codebook_id, self.codebook_name)

    def _named(self, reference: sofc.CodebookReference) -> sofc.Codebook:
        """The codebook that a chunk names, which is this one's unless the array was written with several."""
        if self.codebook_id.startswith(reference.id.hex()):
            return self._codebook()
        return _find(reference.id.hex(), reference.name)

    def check(self, axes: int, dtype: np.dtype[Any]) -> None:
        """Raise UsageError where chunks of so many axes, or of this type, cannot be coded."""
        if axes < self.image_axes:
            raise sofc.UsageError(
                f"sofc needs chunks of at least {self.image_axes} axes, with rows and columns among them, not {axes}"
            )
        if dtype.name not in SAMPLE_TYPES:
            raise sofc.UsageError(
                f"sofc takes arrays of {', '.join(SAMPLE_TYPES)}, not of {dtype.name}: convert values that fit with "
                "array.astype, or use another codec for this array"
            )


def chunk_coder(
    codebook: CodebookOption | Mapping[str, str] | None,
    effort: int,
    component_axis: int | None,
    embed_codebook: bool | None = None,
    key_interval: int | None = None,
) -> ChunkCoder:
    """From the arguments of a codec. What a mapping with ``id`` and ``name`` names is looked up when it is needed.

    ``embed_codebook``: whether the codebook travels in the configuration; None: if it takes at most
    ``MAX_EMBEDDED_BYTES``. Of a mapping, its ``data`` alone says so.

    Raises UsageError for arguments out of range, and what reading the codebook raises.
    """
    if component_axis not in COMPONENT_AXES:
        raise sofc.UsageError(f"component_axis must be None, -1 or -3, not {component_axis}")
    if not isinstance(effort, int) or not 1 <= effort <= 9:
        raise sofc.UsageError(f"effort must be 1 to 9, not {effort}")
    if key_interval is not None and (not isinstance(key_interval, int) or key_interval < 1):
        raise sofc.UsageError(f"key_interval must be at least 1, not {key_interval}")
    if isinstance(codebook, Mapping):
        _check_mapping(codebook)
        names = codebook["id"].lower(), codebook["name"], codebook.get("data", "")
        return ChunkCoder(effort, component_axis, *names, key_interval=key_interval)
    found = codebook_of(codebook)
    if found is None:
        return ChunkCoder(effort, component_axis, key_interval=key_interval)
    _given[found.id.hex()] = found
    data = found.to_bytes()
    embed = len(data) <= MAX_EMBEDDED_BYTES if embed_codebook is None else embed_codebook
    names = found.id.hex(), found.name, base64.b64encode(data).decode("ascii") if embed else ""
    return ChunkCoder(effort, component_axis, *names, key_interval=key_interval)


class ChunkCodec:
    """What the codecs of numcodecs and of Zarr have in common: how they are configured, and shown."""

    def __init__(
        self,
        codebook: CodebookOption | Mapping[str, str] | None = None,
        effort: int = 5,
        component_axis: int | None = None,
        embed_codebook: bool | None = None,
        key_interval: int | None = None,
    ) -> None:
        """``codebook``: a Codebook, or the path, name or id of one. ``embed_codebook``: whether it travels in the
        configuration, so that whoever reads the array has it; None: where it takes at most 64 kB. Otherwise the
        configuration has its id and name, and readers need it installed or on SOFC_CODEBOOK_PATH. ``effort``: 1-9.
        ``component_axis``: None where the last two axes are rows and columns, -1 where components stand behind them,
        -3 where they stand before them. ``key_interval``: images of a chunk that are coded together at most, 1 for
        each readable by itself. Raises UsageError, and what reading the codebook raises.
        """
        self.coder = chunk_coder(codebook, effort, component_axis, embed_codebook, key_interval)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.coder.configuration.items())
        return f"{type(self).__name__}({arguments})"


def _check_mapping(codebook: Mapping[str, str]) -> None:
    keys = set(codebook) - {"data"}
    if keys != {"id", "name"} or not all(isinstance(value, str) for value in codebook.values()):
        raise sofc.UsageError(f"a codebook is configured by its id, its name and maybe its data, not by {sorted(keys)}")
    if len(codebook["id"]) != 64 or not set(codebook["id"]) <= set(string.hexdigits):
        raise sofc.UsageError(f"the id of a codebook has 64 hexadecimal digits; this is none: {codebook['id']}")


def _embedded(data: str, codebook_id: str) -> sofc.Codebook:
    """The codebook in a configuration. Raises CodebookError where it is not the one that is named beside it."""
    try:
        found = sofc.Codebook.from_bytes(base64.b64decode(data, validate=True))
    except (ValueError, sofc.SofcError) as error:  # what is not ASCII is a ValueError
        raise sofc.CodebookError(
            f"the codebook in the configuration of the codec is damaged: {error}",
            codebook_id=bytes.fromhex(codebook_id),
        ) from error
    if found.id.hex() != codebook_id:
        raise sofc.CodebookError(
            f"the codebook in the configuration of the codec has the id {found.id.hex()}, not {codebook_id}",
            codebook_id=bytes.fromhex(codebook_id),
        )
    return found


def _find(codebook_id: str, name: str) -> sofc.Codebook:
    """The codebook whose id begins so. Raises CodebookError where it is neither known here nor in the store."""
    for known_id, known in list(_given.items()):
        if known_id.startswith(codebook_id):
            return known
    return _installed(codebook_id, name)


@lru_cache(maxsize=16)
def _installed(codebook_id: str, name: str) -> sofc.Codebook:
    found = sofc.find_codebook(sofc.CodebookReference(bytes.fromhex(codebook_id)[:16], name))
    if not found.id.hex().startswith(codebook_id):
        raise sofc.CodebookError(
            f"the codebook that was found has the id {found.id.hex()}, not {codebook_id}",
            codebook_id=bytes.fromhex(codebook_id),
        )
    return found
