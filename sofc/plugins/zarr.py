"""The codec ``sofc`` of Zarr, format 3: it makes bytes of arrays, so it takes the place of the serializer.

    zarr.create_array(store, ..., serializer=SofcCodec(effort=7), compressors=None)

zarr finds it by its entry point when it opens an array: nothing need be imported. For format 2 give
``sofc.plugins.numcodecs.Sofc`` as the compressor.
"""

from __future__ import annotations

import asyncio
from typing import Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin
from zarr.abc.store import ByteGetter
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer

import sofc
from sofc.plugins._chunks import ChunkCodec


class SofcCodec(ChunkCodec, ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin):  # type: ignore[misc]
    """Chunks of two or more axes, of bool, integers, floats or complex numbers, as sofc files.

    Where a chunk holds several images, only those are decoded of which samples are asked for.
    """

    is_fixed_size = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SofcCodec) and self.coder == other.coder

    def __hash__(self) -> int:
        return hash(self.coder)

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

    async def _decode_partial_single(
        self, byte_getter: ByteGetter, selection: Any, chunk_spec: ArraySpec
    ) -> NDBuffer | None:
        data = await byte_getter.get(prototype=chunk_spec.prototype)
        if data is None:
            return None
        touched = self.coder.touched(chunk_spec.shape, selection)
        if touched.all():
            return (await self._decode_single(data, chunk_spec))[selection]
        dtype = chunk_spec.dtype.to_native_dtype()
        chunk = np.empty(chunk_spec.shape, dtype.newbyteorder("="))
        await asyncio.to_thread(self.coder.decode_touched, data.to_bytes(), chunk, touched)
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(chunk.astype(dtype, copy=False))[selection]
