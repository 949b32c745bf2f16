"""The codebooks that come with the package, and which of them serves images of a format."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sofc.codebook.model import REFERENCE_SIZE, Codebook
from sofc.container.registered import NUMBERS, REGISTERED
from sofc.errors import CodebookError
from sofc.image import PixelFormat

FOLDER = Path(__file__).resolve().parent.parent / "builtin"


def builtin_codebook(pixel_format: PixelFormat) -> Codebook:
    """The built-in codebook for images of this format. Raises CodebookError where the installation lacks it."""
    if pixel_format.coded_bits == 1:
        return _load("binary")
    return _load("common" if pixel_format.coded_bits <= 8 else "deep")


def find_builtin(id: bytes) -> Codebook | None:
    """The built-in codebook whose id begins with these 16 bytes, if there is one."""
    return _load(REGISTERED[NUMBERS[id]].name) if id in NUMBERS else None


def is_builtin(codebook: Codebook) -> bool:
    """Whether it is one that came with the package."""
    return codebook.id[:REFERENCE_SIZE] in NUMBERS


@cache
def _load(name: str) -> Codebook:
    path = FOLDER / f"{name}.sofcb"
    try:
        codebook = Codebook.from_bytes(path.read_bytes())
    except OSError as error:
        raise CodebookError(f"the built-in codebook {name!r} is missing ({error}): install sofc again") from None
    if not is_builtin(codebook):
        raise CodebookError(
            f"{path} is not the built-in codebook {name!r}: install sofc again", codebook_id=codebook.id
        )
    return codebook
