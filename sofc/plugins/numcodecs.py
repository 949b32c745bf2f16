"""The codec ``sofc`` of numcodecs, with which Zarr (format 2) and others store chunks of images.

numcodecs and zarr find it by its entry point: nothing need be imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ndarray_copy

import sofc
from sofc.plugins._chunks import ChunkCodec


class Sofc(ChunkCodec, Codec):  # type: ignore[misc]
    """Chunks of two or more axes, of bool, integers, floats or complex numbers, as sofc files."""

    codec_id = "sofc"

    def get_config(self) -> dict[str, Any]:
        """The configuration, for ``numcodecs.get_codec``."""
        return {"id": self.codec_id, **self.coder.configuration}

    def encode(self, buf: Any) -> bytes:
        """The file of a chunk, an array with its axes. Raises UsageError for what cannot be coded, CodebookError."""
        chunk = np.asarray(buf)
        if chunk.dtype != chunk.dtype.newbyteorder("<"):
            # What decodes them is not told their byte order, and gives out little-endian ones.
            raise sofc.UsageError(
                f"sofc takes little-endian arrays here, not {chunk.dtype.str}: create the array with dtype "
                f"{chunk.dtype.newbyteorder('<').str!r}, or in Zarr format 3"
            )
        if chunk.flags.f_contiguous and not chunk.flags.c_contiguous:
            # Codecs keep the order in memory: a chunk in Fortran order is its transpose in C order.
            if self.coder.component_axis is not None:
                raise sofc.UsageError('component_axis needs chunks in C order: create the array with order="C"')
            chunk = chunk.T
        return self.coder.encode(chunk)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The samples, as ``out`` if given. Raises what ``sofc.decode`` does."""
        samples = self.coder.decode(ensure_contiguous_ndarray(buf).tobytes())
        return ndarray_copy(samples.astype(samples.dtype.newbyteorder("<"), copy=False), out)
