"""The kernels that came with the wheel: machine code for all processors of a kind, run without a compiler.

``building`` makes one shared library of them. Its name holds the digest of the sources it was made from, so that a
library of other sources is not found; the names of its functions hold the kinds of their arguments and results.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from sofc.jit.baseline import baseline, processor_features
from sofc.jit.native import WORDS, Kinds, Native
from sofc.jit.sources import PACKAGE, SOURCES

COMPILER_VARIABLES = "NUMBA_"
"""Environment variables that may change what is compiled begin with this."""


class Opened(NamedTuple):
    """The library, or None; and what to say of it: whom it is for, or why it is not in use."""

    library: ctypes.CDLL | None
    remark: str


def library_path() -> Path:
    """Where the library of these sources is, if there is one: in a folder in which Python looks for no modules."""
    return PACKAGE / "jit" / "compiled" / f"kernels-{SOURCES.hex()[:16]}.so"


def symbol(name: str, kinds: Kinds, result: str) -> str:
    """The function of the library that is a kernel for arguments of these kinds."""
    return f"{name}-{hashlib.sha256(repr(kinds).encode()).hexdigest()[:16]}-{result}"


@cache
def has_compiler() -> bool:
    """Whether kernels can be compiled here."""
    return find_spec("numba") is not None


@cache
def opened() -> Opened:
    """The library, loaded where it is there and fits: the processor, and what the compiler is told."""
    path = library_path()
    target = baseline()
    if target is None or not SOURCES or not path.exists():
        return Opened(None, f"this installation has no {path.name}, compiled from these sources")
    missing = target.features - processor_features()
    if missing:
        return Opened(None, f"this processor is no {target.processor}: it lacks {', '.join(sorted(missing))}")
    told = sorted(name for name in os.environ if name.startswith(COMPILER_VARIABLES))
    if told and has_compiler():
        return Opened(None, f"{', '.join(told)} may ask the compiler for other code")
    try:
        return Opened(ctypes.CDLL(str(path)), f"for {target.processor}")
    except OSError as error:
        return Opened(None, str(error))


def find(name: str, kinds: Kinds) -> Native | None:
    """A kernel of the library; None where it has none for such arguments."""
    library = opened().library
    if library is None:
        return None
    for result in WORDS:
        function: Any = getattr(library, symbol(name, kinds, result), None)
        if function is not None:
            return Native(name, kinds, result, ctypes.cast(function, ctypes.c_void_p).value or 0)
    return None
