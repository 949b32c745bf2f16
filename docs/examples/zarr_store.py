"""Keep a stack of images in a Zarr store whose chunks are coded by sofc.

    python zarr_store.py

Needs ``pip install "sofc[zarr]"``. Programs that read the store need sofc installed; they import nothing of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zarr

import sofc
from sofc.plugins.zarr import SofcCodec


def make_stack() -> np.ndarray:
    """A volume of noise around a slow slope, 24 slices of 12 bits."""
    random = np.random.default_rng(3)
    slope = np.arange(24)[:, None, None] * 5 + np.arange(64)[:, None] * 3 + np.arange(80)
    return (slope + random.normal(0, 4, slope.shape)).clip(0, 4095).astype(np.uint16)


def main() -> None:
    stack = make_stack()

    # A codebook is not needed, but chunks are small, and with one they need not tell what they are like each time.
    codebook = sofc.train(list(stack[::4]), name="stack", iterations=0).codebook

    array = zarr.create_array(
        "stack.zarr",
        shape=stack.shape,
        chunks=(8, 64, 80),  # of more than two axes, the last two are rows and columns
        dtype=stack.dtype,
        serializer=SofcCodec(codebook=codebook, effort=7),
        compressors=None,  # there is nothing left to compress
    )
    array[...] = stack

    # As any other program does it. The array's metadata names the codec, and so small a codebook is part of it; one of
    # more than 64 kB is named there, and readers need it: sofc codebook install.
    again = zarr.open_array("stack.zarr", mode="r")
    assert np.array_equal(again[10:20], stack[10:20])
    stored = sum(path.stat().st_size for path in Path("stack.zarr").rglob("*") if path.is_file())
    print(f"{stack.nbytes} bytes of samples, {stored} bytes in the store")


if __name__ == "__main__":
    main()
