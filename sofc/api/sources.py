"""Where files and their codebooks come from."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from sofc.codebook import Codebook
from sofc.codebook.store import find_codebook
from sofc.container.records import CodebookReference
from sofc.limits import Limits
from sofc.stream.codebooks import Codebooks, ask, checked

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, the bytes of a file, or a binary file object."""


def opened(src: Source, stack: ExitStack) -> BinaryIO:
    """A source as a file; what is opened here, the stack closes. Raises OSError."""
    if isinstance(src, (bytes, bytearray, memoryview)):
        return BytesIO(src)
    if isinstance(src, (str, os.PathLike)):
        return stack.enter_context(Path(src).open("rb"))
    return src


def folder_of(src: Source) -> Path | None:
    """Where a file stands, if that is known."""
    if isinstance(src, (str, os.PathLike)):
        return Path(src).parent
    name = getattr(src, "name", None)
    return Path(name).parent if isinstance(name, str) else None


def finder(codebooks: Codebooks | None, beside: Path | None, limits: Limits) -> Callable[[CodebookReference], Codebook]:
    """Asks the caller's codebooks, then the store. It raises CodebookError where neither has it."""

    def find(reference: CodebookReference) -> Codebook:
        found = ask(codebooks, reference)
        if found is not None:
            return checked(found, reference)
        return find_codebook(reference, beside=beside, limits=limits)

    return find
