"""What a codebook gains on images it was not mined from."""

from __future__ import annotations

from collections.abc import Iterable

from sofc.codebook import Codebook
from sofc.collection import encode_collection
from sofc.imagefiles import ImageSource, each


def split(count: int, share: float) -> list[int]:
    """Positions of the held-out images among ``count``: evenly spread, at least one of five images, none of fewer."""
    if count < 5 or share == 0:
        return []
    held = max(1, int(count * share))
    return [(2 * k + 1) * count // (2 * held) for k in range(held)]


def coded_size(sources: Iterable[ImageSource], *, codebook: Codebook | None, coder: str | None) -> int:
    """Bytes of one file of all the images that refers to the codebook."""
    pieces = encode_collection(each(sources), codebook=codebook, coder=coder, verify=False, digest=False)
    return sum(map(len, pieces))
