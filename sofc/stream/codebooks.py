"""Codebooks that a caller has for what a file refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sofc.codebook import Codebook
from sofc.codebook.model import REFERENCE_SIZE
from sofc.container.records import CodebookReference
from sofc.errors import CodebookError

Codebooks = Mapping[bytes, Codebook] | Callable[[CodebookReference], Codebook | None]
"""Codebooks by id (32 bytes, or the first 16); or what finds one, else gives None or raises CodebookError."""


def ask(codebooks: Codebooks | None, reference: CodebookReference) -> Codebook | None:
    """What the caller has for a reference. Raises CodebookError where the caller does."""
    if callable(codebooks):
        return codebooks(reference)
    return next((book for id, book in (codebooks or {}).items() if id[:REFERENCE_SIZE] == reference.id), None)


def checked(codebook: Codebook, reference: CodebookReference) -> Codebook:
    """The codebook, if it is the one referred to. Raises CodebookError."""
    if codebook.id[:REFERENCE_SIZE] != reference.id:
        raise CodebookError(
            f"the codebook given for id {reference.id.hex()} is another, with id {codebook.id[:REFERENCE_SIZE].hex()}",
            codebook_id=reference.id,
        )
    return codebook
