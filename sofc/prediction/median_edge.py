"""The median edge detector of JPEG-LS (LOCO-I): a sample from its neighbours to the west, north and northwest."""

from __future__ import annotations

from sofc.jit.decorators import inlined


@inlined
def median_edge(west: int, north: int, northwest: int) -> int:
    """The median of west, north and west + north - northwest."""
    low, high = min(west, north), max(west, north)
    return low if northwest >= high else high if northwest <= low else west + north - northwest
