"""The one decorator of every kernel."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def _source_digest() -> str:
    """Digest of all kernel sources: numba's cache does not see a change in another file, we do."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path | None:
    """A writable private folder for compiled kernels, or None where there is none."""
    import platformdirs

    base = os.environ.get("SOFC_KERNEL_CACHE") or platformdirs.user_cache_dir("sofc")
    folder = Path(base) / f"kernels-{_source_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return None
    return folder


def _make_decorator() -> Callable[[Function], Function]:
    try:
        import numba
    except ImportError:
        warnings.warn("numba is not installed: sofc runs its kernels interpreted, some 100 times slower", stacklevel=2)
        return lambda function: function
    folder = _cache_folder()
    if folder is None:
        return numba.njit(nogil=True)  # type: ignore[no-any-return]

    def decorate(function: Function) -> Function:
        # The folder must be set while numba builds the dispatcher, and put back for other users of numba.
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder)
        try:
            return numba.njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
        finally:
            numba.config.CACHE_DIR = before

    return decorate


kernel = _make_decorator()
"""Compile a function without the GIL, cached on disk where that is possible."""
