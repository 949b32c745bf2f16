"""Compiled kernels on disk: one file each, found by everything that its machine code depends on."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import platformdirs

from sofc.jit.library import COMPILER_VARIABLES
from sofc.jit.native import Code, Kinds, processor
from sofc.jit.sources import SOURCES

CACHE_VARIABLE = "SOFC_KERNEL_CACHE"
"""Environment variable: folder for compiled kernels in place of the user's cache folder."""

DIGEST_SIZE = 32
OTHERS_WRITE = 0o022


def read_code(name: str, kinds: Kinds) -> Code | None:
    """A kernel compiled before. None where there is none, and where its file is damaged."""
    path = _path(name, kinds)
    try:
        data = path.read_bytes() if path else b""
    except OSError:
        return None
    digest, body = data[:DIGEST_SIZE], data[DIGEST_SIZE:]
    if hashlib.sha256(body).digest() != digest:
        return None
    function, result, content = body.split(b"\n", 2)
    return Code(function.decode(), result.decode(), content)


def write_code(name: str, kinds: Kinds, code: Code) -> None:
    """Keep a kernel. Where that is impossible a warning says so, and the next process compiles it again."""
    path = _path(name, kinds)
    if path is None:
        return
    body = b"\n".join((code.name.encode(), code.result.encode(), code.content))
    part = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            part = Path(file.name)
            file.write(hashlib.sha256(body).digest() + body)
        part.replace(path)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        _warn(error)


def _path(name: str, kinds: Kinds) -> Path | None:
    folder = cache_folder()
    return folder and folder / f"{name}-{hashlib.sha256(repr(kinds).encode()).hexdigest()[:16]}"


@cache
def cache_folder() -> Path | None:
    """A folder that only the user may write to, for what is in it is run; None, with a warning, where there is none."""
    if not SOURCES:
        return None
    base = os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("sofc")
    folder = Path(base) / f"kernels-{_surroundings()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & OTHERS_WRITE):
            raise PermissionError(f"others may write to {folder}")
    except OSError as error:
        _warn(error)
        return None
    return folder


def _warn(error: OSError) -> None:
    warnings.warn(
        f"compiled kernels cannot be kept, so they will be compiled again ({error}); {CACHE_VARIABLE} names a folder",
        stacklevel=2,
    )


def _surroundings() -> str:
    """Digest of what every kernel depends on: sources, the compiler and what it is told, the machine.

    numba is not asked for its version, which would mean importing it: each has an llvmlite of its own.
    """
    told = sorted(item for item in os.environ.items() if item[0].startswith(COMPILER_VARIABLES))
    versions = platform.python_version(), np.__version__, processor()
    return hashlib.sha256(SOURCES + repr((told, versions)).encode()).hexdigest()[:16]
