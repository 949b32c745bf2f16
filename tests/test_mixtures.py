"""Mixtures of a colour and of what is below, told from pairs of samples."""

from __future__ import annotations

import numpy as np
import pytest

from sofc.band.mixtures import Mixture, by_steps, fitted, guess_mixture, with_kept

COLOUR = np.array([60.0, 150.0, 210.0])


def pairs(kept: float, noise: float, count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Samples seen and about those below, (3, count)."""
    draw = np.random.default_rng(7)
    below = draw.uniform(20, 235, (3, count))
    seen = np.rint(kept * below + (1 - kept) * COLOUR[:, None])
    return seen, below + draw.normal(0, noise, below.shape)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.62, 0.85])
def test_the_mixture_of_most_pairs_is_guessed(kept: float) -> None:
    seen, below = pairs(kept, 2)
    seen[:, ::3] = np.random.default_rng(1).uniform(0, 255, seen[:, ::3].shape)
    found = guess_mixture(seen, below)
    assert found is not None and abs(found.kept - kept) < 0.03 and 0.5 < found.share < 0.75
    assert np.abs(np.array(found.colour(255)) - COLOUR).max() < 20


def test_pairs_that_are_right_tell_the_colour() -> None:
    seen, below = pairs(0.62, 0)
    found = fitted(Mixture(0.6, 0.4 * COLOUR, 1), seen.astype(np.int64), below)
    assert found is not None and found.colour(255) == (60, 150, 210)
    assert fitted(Mixture(0.6, -400 * np.ones(3), 1), seen.astype(np.int64), below) is None


def test_noise_is_no_mixture() -> None:
    draw = np.random.default_rng(3)
    below = draw.uniform(0, 255, (3, 900))
    found = guess_mixture(below + draw.normal(0, 25, below.shape), below)
    assert found is None or found.share < 0.1


def test_steps_tell_how_much_is_kept() -> None:
    draw = np.random.default_rng(5)
    table = np.repeat(np.arange(5, 21, 2), 8)
    blocks = 0.437 * table * np.rint(draw.laplace(0, 3, (60, 64))) + draw.normal(0, 0.3, (60, 64))
    found = by_steps(Mixture(0.47, 0.53 * COLOUR, 1), blocks, table)
    assert found.is_of_blocks and abs(found.kept - 0.437) < 0.003
    assert by_steps(Mixture(0.47, 0.53 * COLOUR, 1), blocks[:0], table).kept == 0.47


def test_the_colour_follows_from_what_is_kept() -> None:
    seen, below = pairs(0.437, 1)
    found = with_kept(Mixture(0.437, 0.5 * COLOUR, 0), seen, below)
    assert found.kept == 0.437 and found.share > 0.95 and np.abs(found.part - 0.563 * COLOUR).max() < 0.5
