"""Pictures of codebooks and of where bits went: what they are made of adds up, and files come about."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sofc
from sofc.cli import drawing
from sofc.cli.__main__ import main
from sofc.cli.bit_maps import HEADS, Spent, of_blocks, of_samples, spent_on
from sofc.cli.render_bits import Covered, page, placed
from sofc.coders.shape.parameters import ShapeSet
from sofc.coders.shape.placement import Pairs
from sofc.errors import UsageError
from sofc.imagefiles.samples import Samples
from sofc.jpeg.dct import Grid
from sofc.jpeg.origin import Origin, standard_table

compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images")
RANDOM = np.random.default_rng(6)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noisy_below() -> np.ndarray:
    """Flat above, noise below."""
    image = np.full((64, 48), 100, np.uint8)
    image[32:] = RANDOM.integers(0, 256, (32, 48))
    return image


@compiled
@pytest.mark.parametrize("components", [1, 3])
def test_bits_are_those_of_the_file(components: int) -> None:
    array = noisy_below() if components == 1 else np.stack([noisy_below()] * 3, axis=2)
    image = Samples(array, None, sofc.Meaning.UNSPECIFIED)
    spent = spent_on(image, None, 5)
    assert sum(one.size for one in spent) == len(sofc.encode(array, effort=5))
    for one in spent:
        assert one.name == HEADS or np.isclose(one.bits.sum(), 8 * one.size)
    bits = np.sum([one.bits for one in spent], axis=0)
    assert bits[34:].sum() > 10 * bits[:30].sum()


def test_wide_samples_are_refused() -> None:
    array = RANDOM.normal(0, 1, (16, 16))
    with pytest.raises(UsageError, match="at most 16 bits"):
        spent_on(Samples(array, None, sofc.Meaning.UNSPECIFIED), None, 5)


def test_estimates() -> None:
    image = noisy_below().astype(np.int32)
    bits = of_samples(image)
    assert bits.shape == image.shape and bits[:30].mean() < 0.2 and bits[34:].mean() > 5
    halves = np.zeros((32, 32), np.int32)
    halves[:, 16:] = 1
    assert of_samples(halves).sum() < 64  # what neighbours predict takes nothing
    coefficients = np.zeros((4, 5, 64), np.int32)
    coefficients[2, 3] = RANDOM.integers(-40, 40, 64)
    for grid in (Grid(1, 1, 3, 2), Grid(2, 2, 3, 2)):
        shape = (8 * grid.down * 4 - 8, 8 * grid.across * 5 - 8)
        bits = of_blocks(Origin(grid, standard_table(50), coefficients), shape)
        row, column = np.unravel_index(bits.argmax(), shape)
        assert (row + grid.top) // (8 * grid.down) == 2 and (column + grid.left) // (8 * grid.across) == 3


def test_shapes_are_where_they_were_placed() -> None:
    shapes = ShapeSet.of([np.array([[1, 1], [0, 1]], np.int32)])
    high = np.array([[0, 1, 1, 0], [0, 0, 1, 2]], np.int32)
    pairs = Pairs(np.array([1, 2]), np.array([1, -2]), 0, 0)
    covered = placed(pairs, shapes, high)
    assert covered.numbers.tolist() == [[0, 1, 1, 0], [0, 1, 1, -1]]
    assert covered.is_set.tolist() == (high > 0).tolist()


def test_planes_without_shapes_are_not_drawn() -> None:
    image = noisy_below()
    spent = [Spent("plane 0", 900, of_samples(image.astype(np.int32)))]
    none = Covered(np.zeros(image.shape, np.int32), np.zeros(image.shape, bool))
    some = none._replace(numbers=np.ones(image.shape, np.int32))
    alone = page("a", image, spent, ())
    assert np.array_equal(page("a", image, spent, [none]), alone)
    assert page("a", image, spent, [none, some]).height > alone.height


def test_colours_rise() -> None:
    shades = drawing.heat(np.linspace(0, 2, 9)[None], 2)[0].astype(int).sum(axis=1)
    assert (np.diff(shades) > 0).all()
    against, none, both = drawing.signs(np.array([[-1.0, 0.0, 1.0]]), 1)[0].astype(int)
    assert against[2] > against[0] and both[0] > both[2] and none.sum() < min(against.sum(), both.sum())


@compiled
def test_commands_draw(capsys: pytest.CaptureFixture[str]) -> None:
    y, x = np.mgrid[:48, :64]
    Image.fromarray(np.stack([x + y, 2 * x, 255 - 3 * y], axis=2).astype(np.uint8)).save("a.png")
    Image.fromarray(noisy_below() > 128).save("b.png")
    assert main(["analyze", "--render", "bits.png", "b.png"]) == 0
    assert main(["analyze", "-D", "deep", "--render", "more.png", "a.png", "b.png"]) == 0
    assert main(["codebook", "show", "deep", "--render", "deep.png"]) == 0
    assert "sets of predictors drawn" in capsys.readouterr().out.splitlines()[-1]
    assert main(["analyze", "--render", "bits.png", "b.png"]) == 1  # it is there
    Image.new("L", (48, 3)).save("flat.png")  # of which the head says all
    assert main(["analyze", "-D", "deep", "--render", "nothing.png", "flat.png"]) == 0
    for name in ("bits.png", "more.png", "deep.png"):
        with Image.open(name) as picture:
            assert picture.mode == "RGB" and np.asarray(picture).std() > 5
