"""What several plugins ask of their callers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sofc

if TYPE_CHECKING:
    CodebookOption = sofc.Codebook | str | os.PathLike[str]
    """A codebook, the path of one, or the name or id of one that is installed."""


def codebook_of(option: CodebookOption | None) -> sofc.Codebook | None:
    """The codebook meant. Raises CodebookError where it is not found, OSError or FormatError where it is unreadable."""
    return sofc.load_codebook(option) if isinstance(option, (str, os.PathLike)) else option


def encode_settings(codebook: CodebookOption | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of ``sofc.encode``: those given, with the codebook itself where one is named."""
    found = codebook_of(codebook)
    return dict(settings) if found is None else {**settings, "codebook": found}


def decode_settings(codebook: CodebookOption | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of ``sofc.decode``: those given, and the codebook, which is asked before any other."""
    found = codebook_of(codebook)
    return settings if found is None else {**settings, "codebooks": {found.id: found}}
