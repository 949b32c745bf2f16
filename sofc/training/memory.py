"""What a worker does with memory that it has freed."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_TRIM, _MAP = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's <malloc.h>."""
_KEPT, _UNMAPPED = 64 << 20, 32 << 20
"""Free bytes at the end of a heap that are kept, and bytes from which an array has a mapping of its own: what glibc
comes to by itself where nothing is set (mallopt(3))."""


@cache
def keep_freed_memory() -> None:
    """From now on keep freed memory for what comes next, where the environment says that next to none is to be kept.

    Workers of dask are started with MALLOC_TRIM_THRESHOLD_=65536. With that each array of 128 kB and more is mapped
    anew, and each of its pages cleared: mining sixty photographs took twice the time of the processor.
    """
    trim = os.environ.get("MALLOC_TRIM_THRESHOLD_", "")
    if not trim.isdecimal() or int(trim) >= _KEPT or os.name != "posix":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc alone has it
    if set_option is not None:
        set_option(_MAP, _UNMAPPED)
        set_option(_TRIM, _KEPT)
