"""Compiled kernels on disk: one file each, found by everything that its machine code depends on."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path

import platformdirs

from sofc.kernels._native import Code, Kinds, processor

CACHE_VARIABLE = "SOFC_KERNEL_CACHE"
"""Environment variable: folder for compiled kernels in place of the user's cache folder."""

COMPILER_VARIABLES = "NUMBA_"
"""Environment variables that may change what is compiled begin with this."""

DIGEST_SIZE = 32


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
    """Keep a kernel. Where that is impossible the next process compiles it again."""
    path = _path(name, kinds)
    if path is None:
        return
    body = b"\n".join((code.name.encode(), code.result.encode(), code.content))
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(body).digest() + body)
        Path(file.name).replace(path)
    except OSError:
        return


def _path(name: str, kinds: Kinds) -> Path | None:
    folder = cache_folder()
    return folder and folder / f"{name}-{hashlib.sha256(repr(kinds).encode()).hexdigest()[:16]}"


@cache
def cache_folder() -> Path | None:
    """A writable folder that is the user's own (what is found in it is run), or None."""
    base = os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("sofc")
    folder = Path(base) / f"kernels-{_surroundings()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return None
    except OSError:
        return None
    return folder


def _surroundings() -> str:
    """Digest of what every kernel depends on: their sources, the compiler and what it is told, the machine."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    told = sorted(item for item in os.environ.items() if item[0].startswith(COMPILER_VARIABLES))
    digest.update(repr((told, *processor())).encode())
    return digest.hexdigest()[:16]
