"""Which way up the planes of a JPEG file are: rows and columns, left and right are not treated alike by decoders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from sofc.jpeg.bounds import Bounded, Seen, bounded
from sofc.jpeg.dct import ACCURATE, SIDE, Grid
from sofc.jpeg.luminance import CLEARLY_MORE
from sofc.jpeg.origin import Origin, Steps
from sofc.jpeg.subsampling import match, shrunk
from sofc.jpeg.tables import known_tables
from sofc.jpeg.trial import Look, exact_of
from sofc.planes import Plane

ALIKE = 52
"""Tables that share so many of 63 steps are the same but for what hardly shows."""


def is_sideways(planes: Sequence[Plane], origin: Origin) -> bool:
    """Whether clearly more blocks of luminance come out whole of planes that are turned on their side, the origin being
    that as they stand: columns and rows were transformed in the other order then.

    ``planes``: one, or Y, Cb, Cr and their correction plane.
    """
    plane = Bounded(*[planes[0]] * 4)
    if len(planes) > 1:
        plane = bounded(planes[:3], Seen.of(planes))[0]
    turned = Bounded(*(np.ascontiguousarray(each.T) for each in plane))
    down, across, top, left = origin.grid[:4]
    table = np.ascontiguousarray(origin.table.reshape(SIDE, SIDE).T).reshape(-1)
    upright = exact_of(Look.at([plane], origin.grid, origin.decoder), [origin.table])
    grid = Grid(across, down, left, top)
    # Of planes on their side another decoder's roundings may suit more blocks than the right one's.
    decoders = {origin.decoder, origin.decoder._replace(inverse=ACCURATE)}
    return max(exact_of(Look.at([turned], grid, one), [table]) for one in decoders) > upright + CLEARLY_MORE


def is_inverted(table: Steps) -> bool:
    """Whether steps of luminance are about those that an encoder chooses but for that of the means, which is finer.

    Inverted, a block has 8 * 255 less its mean: no multiple of a step, unless that divides 8 as quality 75's does.
    """
    return _is_inverted(table.tobytes())


@lru_cache(maxsize=64)
def _is_inverted(content: bytes) -> bool:
    tables, table = known_tables()[0], np.frombuffer(content, np.int64)
    alike = (tables[:, 1:] == table[1:]).sum(axis=1)
    return bool(alike.max() >= ALIKE and not (tables[alike == alike.max(), 0] <= table[0]).any())


def most_enlarged(planes: Sequence[Plane], factors: Iterable[tuple[int, int]]) -> float:
    """The share of Cb and Cr that comes out if they were enlarged smoothly by those of some factors that suit best.

    ``planes``: Y, Cb, Cr and their correction plane. It tells orientations apart: how samples are rounded then is not
    symmetric.
    """
    colours = bounded(planes[:3], Seen.of(planes))[1:]
    grids = [Grid(*each, *place) for each in factors if each != (1, 1) for place in np.ndindex(each)]
    return max(min(match(plane, shrunk(plane, grid), grid) for plane in colours) for grid in grids)
