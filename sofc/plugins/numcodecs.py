"""The codec ``sofc`` of numcodecs, with which Zarr (format 2) and others store chunks of images.

numcodecs and zarr find it by its entry point: nothing need be imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ndarray_copy

import sofc
from sofc.plugins._chunks import chunk_coder

if TYPE_CHECKING:
    from sofc.plugins._options import CodebookOption


class Sofc(Codec):  # type: ignore[misc]
    """Chunks of two or more axes, of bool, integers, floats or complex numbers, as sofc files.

    ``codebook``: a Codebook, or the path, name or id of one. ``embed_codebook``: whether it travels in the
    configuration, so that whoever reads the chunks has it; None: where it takes at most 64 kB. Otherwise the
    configuration has its id and name, and readers need it installed or on SOFC_CODEBOOK_PATH. ``effort``: 1-9.
    ``component_axis``: None where the last two axes are rows and columns, -1 where components stand behind them, -3
    where they stand before them.
    """

    codec_id = "sofc"

    def __init__(
        self,
        codebook: CodebookOption | Mapping[str, str] | None = None,
        effort: int = 5,
        component_axis: int | None = None,
        embed_codebook: bool | None = None,
    ) -> None:
        self._coder = chunk_coder(codebook, effort, component_axis, embed_codebook)

    def get_config(self) -> dict[str, Any]:
        """The configuration, for ``numcodecs.get_codec``."""
        return {"id": self.codec_id, **self._coder.configuration}

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
            if self._coder.component_axis is not None:
                raise sofc.UsageError('component_axis needs chunks in C order: create the array with order="C"')
            chunk = chunk.T
        return self._coder.encode(chunk)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The samples, as ``out`` if given. Raises what ``sofc.decode`` does."""
        samples = self._coder.decode(ensure_contiguous_ndarray(buf).tobytes())
        return ndarray_copy(samples.astype(samples.dtype.newbyteorder("<"), copy=False), out)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._coder.configuration.items())
        return f"Sofc({arguments})"
