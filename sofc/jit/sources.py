"""The sources that machine code of kernels is made from, and a digest of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
KERNEL_MODULES = (
    *("jit/*.py", "entropy/*.py", "prediction/*.py", "transforms/*.py", "jpeg/*.py"),
    *("coders/*/kernel*.py", "coders/*/window.py", "coders/*/terms.py", "keepfile/tokens/*.py"),
    *("keepfile/gif_codes.py", "keepfile/lzw_codes.py", "keepfile/png_filters.py"),
)
"""Where kernels, and the steps and numbers that are compiled into them, may stand, below the package."""


def kernel_paths() -> list[Path]:
    """The files, in order; none where they cannot be read, as in an archive."""
    return sorted(path for pattern in KERNEL_MODULES for path in PACKAGE.glob(pattern))


def _digest() -> bytes:
    contents = [path.read_bytes() for path in kernel_paths()]
    return hashlib.sha256(b"".join(contents)).digest() if contents else b""


# Taken now: a program that runs on while its sources are replaced must not keep old code under the new one's digest.
SOURCES = _digest()
"""SHA-256 of all of them; empty where there are none to read."""
