"""The C library's memory: that large arrays get the pages of those before them."""

from __future__ import annotations

from functools import cache

import numpy as np

LARGE = (1 << 25) - (1 << 13)
"""Bytes of the largest block that glibc learns from; the rest is for what it adds (mallopt(3), M_MMAP_THRESHOLD)."""


@cache
def keep_freed_memory() -> None:
    """Let the C library keep up to twice LARGE bytes that were freed for what is asked for next.

    Glibc gives all back to the system that is more than twice as large as the largest block that was ever freed, and
    asks for each page anew: for encoding an image of DRIVE 4,000 pages of 4 kB, 6.6 of 27 ms. The block that teaches it
    otherwise is never touched, so that it takes no memory. Other C libraries do as they do.
    """
    np.empty(LARGE, np.uint8)
