"""Planes that were cut out of larger ones: beyond which sides components go on, and what lies there."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sofc.jpeg import chrominance
from sofc.jpeg.blockwise import Judged
from sofc.jpeg.bounds import Bounded
from sofc.jpeg.cut import Sides
from sofc.jpeg.dct import Grid
from sofc.jpeg.origin import Origin, standard_table
from sofc.jpeg.recover import Recovered, recover_planes
from sofc.transforms.components import LATTICE


def decoded(subsampling: str) -> np.ndarray:
    """What Pillow makes of a JPEG file."""
    y, x = np.mgrid[:160, :176]
    waves = [120 + 50 * np.sin(x / (9 + c) + y / 31) + 40 * np.cos(y / (13 - c)) for c in range(3)]
    image = np.stack(waves, axis=2) + np.random.default_rng(4).normal(0, 4, (160, 176, 3))
    data = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(data, "jpeg", quality=75, subsampling=subsampling)
    return np.asarray(Image.open(data))


def found_of(image: np.ndarray) -> Recovered:
    found = recover_planes(LATTICE.forward([image[..., k].astype(np.int32) for k in range(3)]), 3)
    assert found is not None
    return found


def border_that_comes_out(found: Recovered) -> float:
    """Share of the borders of the planes of chrominance."""
    same = [
        origin.draw(plane.shape)[0] == plane for origin, plane in zip(found.origins[1:], found.planes[1:], strict=True)
    ]
    return float(np.mean([np.concatenate([one[0], one[-1], one[:, 0], one[:, -1]]) for one in same]))


@pytest.mark.parametrize(("subsampling", "factors"), [("4:2:0", (2, 2)), ("4:2:2", (1, 2))])
def test_tile_on_the_grid(subsampling, factors, monkeypatch):
    """All four sides are cut where blocks begin: a row or column of blocks lies beyond each that is enlarged, and of
    the border less than half as much needs corrections as without."""
    tile = np.ascontiguousarray(decoded(subsampling)[32:128, 32:128])
    found = found_of(tile)
    down, across = factors
    grid = Grid(down, across, 16 if down == 2 else 0, 16, int(down == 2), 1)
    assert [origin.grid for origin in found.origins] == [Grid(1, 1, 0, 0), grid, grid]
    blocks = [origin.coefficients.shape[:2] for origin in found.origins]
    assert blocks[1] == (96 // (8 * down) + 2 * (down - 1), 96 // 16 + 2)
    monkeypatch.setattr(chrominance, "_cut_out", lambda planes, best: best.origins_of(planes))
    assert 1 - border_that_comes_out(found) < (1 - border_that_comes_out(found_of(tile))) / 2


def test_whole_image():
    """Nothing lies beyond the sides of an image as it was decoded."""
    found = found_of(decoded("4:2:0"))
    assert [origin.grid for origin in found.origins] == [Grid(1, 1, 0, 0), *[Grid(2, 2, 0, 0)] * 2]
    assert border_that_comes_out(found) == 1


def test_sides_and_back():
    """The widened plane has the blocks of the component, whatever the place of the plane."""
    rng = np.random.default_rng(2)
    for _ in range(50):
        down, across = (int(factor) for factor in rng.integers(1, 3, 2))
        rows, width = (int(size) for size in rng.integers(4, 40, 2))
        grid = Grid(down, across, int(rng.integers(0, 8 * down)), int(rng.integers(0, 8 * across)))
        sides = Sides(*(int(flag) for flag in rng.integers(0, 2, 4) * np.repeat([down - 1, across - 1], 2)))
        plane = Bounded(*[rng.integers(0, 256, (rows, width)).astype(np.int32)] * 4)
        widened = sides.widened(plane)
        shape = rows + sides.above + sides.below, width + sides.left + sides.right
        assert widened.samples.shape == shape
        inside = slice(sides.above, sides.above + rows), slice(sides.left, sides.left + width)
        assert widened.known[inside].all() and widened.known.sum() == plane.samples.size
        over = Origin.empty(sides.widened_grid(grid), standard_table(50), shape)
        own = sides.of_plane(over)
        assert own.coefficients.shape == Origin.empty(own.grid, own.table, (rows, width)).coefficients.shape
        assert (own.grid.top - grid.top) % (8 * down) == 0 and (own.grid.left - grid.left) % (8 * across) == 0
        over.coefficients[..., :6] = rng.integers(-9, 10, (*over.coefficients.shape[:2], 6))
        assert (own.draw((rows, width))[0] == over.draw(shape)[0][inside]).all()


def test_what_blocks_at_borders_have_of_the_coefficients():
    """Those that are not 0, of all planes together; a block in a corner is at two borders."""
    origins = [Origin.empty(Grid(2, 2, 0, 0), standard_table(50), (96, 80)) for _ in range(2)]
    origins[0].coefficients[2, 1:4, :3] = 5
    origins[1].coefficients[0, 0, 7] = origins[1].coefficients[5, 4, 0] = -1
    shares = [Sides(*flags).share_of(origins) for flags in [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 0, 1, 1)]]
    assert shares == [1 / 11, 1 / 11, 1 / 11, 3 / 11]
    assert Sides(1, 1, 1, 1).share_of([Origin.empty(Grid(2, 2, 0, 0), standard_table(50), (96, 80))]) == 0


@pytest.mark.parametrize(
    ("further", "other"),
    [
        (Grid(2, 2, 0, 0, 1, 1), Grid(2, 2, 0, 0, 1, 1)),
        (Grid(2, 2, 0, 0, 1, 1), Grid(2, 2, 0, 0)),
        (Grid(2, 2, 8, 8, 1, 1), Grid(1, 1, 8, 8, 1, 1)),
    ],
)
def test_components_go_on_beyond_the_same_sides(further, other, monkeypatch):
    """Sampled differently or not: a stream says it of all together, and a decoder would take other grids."""
    planes = [Bounded(*[np.zeros((32, 32), np.int32)] * len(Bounded._fields)) for _ in range(2)]
    table = standard_table(1)
    here, alike = Grid(2, 2, 0, 0), further == other
    together = [Origin.empty(here, table, (32, 32))] * 2
    apart = iter([Origin.empty(grid, table, (32, 32)) for grid in (further, other)])

    def find_alike(some, first):
        return (together, True) if len(some) == 2 else ([next(apart)], False)

    monkeypatch.setattr(chrominance, "_find_alike", find_alike)

    def judged(some, origins):
        return Judged(-sum(origin.grid.below for origin in origins), missed=0, exact=0, busy=1)

    monkeypatch.setattr(chrominance, "_judged", judged)
    found = chrominance.find_chrominance(planes, together[0])
    assert [origin.grid for origin in found] == [further if alike else here] * 2
