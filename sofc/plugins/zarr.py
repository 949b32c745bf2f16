"""The codec ``sofc`` of Zarr, format 3: it makes bytes of arrays, so it takes the place of the serializer.

    zarr.create_array(store, ..., serializer=SofcCodec(effort=7), compressors=None)

zarr finds it by its entry point when it opens an array: nothing need be imported. For format 2 give
``sofc.plugins.numcodecs.Sofc`` as the compressor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer

import sofc
from sofc.plugins._chunks import ChunkCoder, chunk_coder

if TYPE_CHECKING:
    from sofc.plugins._options import CodebookOption


class SofcCodec(ArrayBytesCodec):  # type: ignore[misc]
    """Chunks of two or more axes, of bool, integers, floats or complex numbers, as sofc files.

    ``codebook``: a Codebook, or the path, name or id of one. ``embed_codebook``: whether it travels in the
    configuration, so that whoever reads the array has it; None: where it takes at most 64 kB. Otherwise the
    configuration has its id and name, and readers need it installed or on SOFC_CODEBOOK_PATH. ``effort``: 1-9.
    ``component_axis``: None where the last two axes are rows and columns, -1 where components stand behind them, -3
    where they stand before them.
    """

    is_fixed_size = False

    def __init__(
        self,
        codebook: CodebookOption | Mapping[str, str] | None = None,
        effort: int = 5,
        component_axis: int | None = None,
        embed_codebook: bool | None = None,
    ) -> None:
        self.coder: ChunkCoder = chunk_coder(codebook, effort, component_axis, embed_codebook)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SofcCodec) and self.coder == other.coder

    def __hash__(self) -> int:
        return hash(self.coder)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.coder.configuration.items())
        return f"SofcCodec({arguments})"

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """From the array's metadata. Raises UsageError for a configuration that is none of this codec's."""
        if data.get("name") != "sofc":
            raise sofc.UsageError(f"the codec is called {data.get('name')!r}, not 'sofc'")
        try:
            return cls(**data.get("configuration", {}))
        except TypeError as error:
            raise sofc.UsageError(f"the configuration of the codec sofc has unknown entries: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """For the array's metadata."""
        return {"name": "sofc", "configuration": self.coder.configuration}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Raise UsageError where arrays of so many axes, or of this type, cannot be coded."""
        self.coder.check(len(shape), dtype.to_native_dtype())

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Not known before coding."""
        raise NotImplementedError

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        data = await asyncio.to_thread(self.coder.encode, chunk_data.as_numpy_array())
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        samples = await asyncio.to_thread(self.coder.decode, chunk_data.to_bytes())
        dtype = chunk_spec.dtype.to_native_dtype()
        if samples.size != np.prod(chunk_spec.shape) or samples.dtype != dtype.newbyteorder("="):
            raise sofc.FormatError(
                f"the chunk holds {samples.size} samples of {samples.dtype}, which is not {chunk_spec.shape} of {dtype}"
            )
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(samples.reshape(chunk_spec.shape).astype(dtype))
