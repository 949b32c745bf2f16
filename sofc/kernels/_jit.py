"""The one decorator of every kernel, and where compiled kernels are kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

Function = TypeVar("Function", bound=Callable[..., Any])

CACHE_VARIABLE = "SOFC_KERNEL_CACHE"
"""Environment variable: folder for compiled kernels in place of the user's cache folder."""


def _source_digest() -> str:
    """Digest of all kernel sources: numba's cache does not notice a change in another file."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path | None:
    """A writable folder for compiled kernels that is the user's own (numba unpickles what it finds), or None."""
    base = os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("sofc")
    folder = Path(base) / f"kernels-{_source_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return None
    return folder


def _survive_damage(dispatcher: Any) -> None:
    """Make a cache entry that cannot be read or written mean "compile again", never a failure.

    numba raises EOFError for ever once a cache file is truncated (numba issue 10434). The JIT may be
    switched off: then there is no cache.
    """
    cache = getattr(dispatcher, "_cache", None)
    if cache is None:
        return
    load, save = cache.load_overload, cache.save_overload

    def load_or_compile(signature: Any, target_context: Any) -> Any:
        try:
            return load(signature, target_context)
        except Exception:  # unpickling damaged bytes may raise anything
            try:
                cache.flush()
            except OSError:
                return None
            return None

    def save_if_possible(signature: Any, data: Any) -> None:
        try:
            save(signature, data)
        except OSError:  # a full or vanished disk costs the next start some time, nothing else
            return
        except Exception:  # the index is damaged: drop it, then write it anew
            cache.flush()
            save(signature, data)

    cache.load_overload, cache.save_overload = load_or_compile, save_if_possible


def _make_decorator() -> Callable[[Function], Function]:
    try:
        import numba
    except ImportError:
        warnings.warn("numba is not installed: sofc runs its kernels interpreted, some 100 times slower", stacklevel=2)
        return lambda function: function
    folder = _cache_folder()

    def decorate(function: Function) -> Function:
        if folder is None:
            return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]
        # The folder counts while numba builds the dispatcher; other users of numba keep their own.
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder)
        try:
            dispatcher = numba.njit(nogil=True, cache=True)(function)
        finally:
            numba.config.CACHE_DIR = before
        _survive_damage(dispatcher)
        return dispatcher  # type: ignore[no-any-return]

    return decorate


kernel = _make_decorator()
"""Compile a function without the GIL, cached on disk where that is possible."""
