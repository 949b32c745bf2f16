"""Which colour was mixed with what lies below, how opaque and by which rounding, told from pairs of samples: an
encoder's affair.

A translucent colour makes of each sample what it makes of others as bright: ``kept`` times what is below and a part of
its own. So both show by regression, of which what is known around what was painted is enough for the first guess.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.integer] | npt.NDArray[np.floating]

MOST_KEPT, KEPT_STEP = 0.9, 0.05
"""A mixture keeps so much of what is below, at most; shares of it that are tried first."""
NEAR, FITS = 6, 5
"""Pairs belong to a mixture that are so near it, in all components; so often it is fitted to those that do."""
EXACTLY = 1.5
"""The same of pairs whose samples below are right."""
MOST_PAIRS = 1 << 12
SEARCHED, FINELY, COARSE, ENOUGH = 0.1, 0.001, 2.5, 48
"""How far around a guess the share that is kept is sought, in which steps, by coefficients whose steps are no finer
than that then: noise of a mixture is a third of one; and how many have to be one step at least."""


class Mixture(NamedTuple):
    """How much is ``kept`` of what is below, the ``part`` that the colour adds to each component, the share of pairs
    that come of that, and whether whole blocks tell it."""

    kept: float
    part: Reals
    share: float
    is_of_blocks: bool = False

    @property
    def opacity(self) -> float:
        """From 0 to 1."""
        return 1 - self.kept

    def away(self, seen: Pairs, below: Pairs) -> Reals:
        """How far pairs are from it, in the component that is farthest."""
        return np.asarray(np.abs(seen - self.kept * below - self.part[:, None]).max(axis=0), np.float64)

    def colour(self, most: int) -> tuple[int, ...]:
        """The nearest of samples up to ``most``."""
        return tuple(np.clip(np.rint(self.part / self.opacity), 0, most).astype(int).tolist())


def guess_mixture(seen: Reals, below: Reals) -> Mixture | None:
    """The mixture of which most pairs come, (components, pairs) both, where what is ``below`` is about right."""
    seen, below = _some(seen), _some(below)
    best: Mixture | None = None
    for kept in np.arange(0, MOST_KEPT, KEPT_STEP):
        mixture = Mixture(float(kept), np.array([_mode(part) for part in seen - kept * below]), 0)
        share = float(np.mean(mixture.away(seen, below) <= NEAR))
        if best is None or share > best.share:
            best = mixture._replace(share=share)
    return None if best is None else _fitted(best, seen, below, NEAR)


def by_steps(mixture: Mixture, coefficients: Reals, table: Numbers) -> Mixture:
    """A mixture whose share of what is below is that of which ``coefficients`` (blocks, 64) of its samples, which are
    those of what is below times that share, are most nearly multiples of the steps of a ``table``."""
    shares = np.arange(max(FINELY, mixture.kept - SEARCHED), min(MOST_KEPT, mixture.kept + SEARCHED), FINELY)
    tells = (mixture.kept * table >= COARSE) & (np.arange(table.size) > 0)
    quotients = coefficients[:, tells] / table[tells]
    quotients = quotients[np.abs(quotients) >= mixture.kept]
    if quotients.size < ENOUGH:
        return mixture
    scores = [np.cos(2 * np.pi * quotients / share).mean() for share in shares]
    return mixture._replace(kept=float(shares[int(np.argmax(scores))]), is_of_blocks=True)


def with_kept(mixture: Mixture, seen: Reals, below: Reals) -> Mixture:
    """The mixture that keeps so much, by the pairs that are near it."""
    for near in (4 * NEAR, 2 * NEAR, NEAR, NEAR):
        chosen = mixture.away(seen, below) <= near
        if not chosen.any():
            break
        part = np.median(seen[:, chosen] - mixture.kept * below[:, chosen], axis=1)
        mixture = mixture._replace(part=part, share=float(chosen.mean()))
    return mixture


def fitted(mixture: Mixture, seen: Numbers, below: Numbers) -> Mixture | None:
    """About the same mixture, as pairs near it tell that have the right samples below; None where they are too few."""
    near = _fitted(mixture, seen, below, NEAR)
    return None if near is None else _fitted(near, seen, below, EXACTLY)


def _fitted(mixture: Mixture, seen: Pairs, below: Pairs, near: float) -> Mixture | None:
    """A mixture by the least squares of the pairs that are near it; None where they tell of none."""
    for _ in range(FITS):
        chosen = mixture.away(seen, below) <= near
        if np.count_nonzero(chosen) < len(seen) + 1:
            return None
        one, other = seen[:, chosen].astype(np.float64), below[:, chosen].astype(np.float64)
        means = one.mean(axis=1), other.mean(axis=1)
        way = other - means[1][:, None]
        spread = float((way * way).sum())
        kept = float((way * (one - means[0][:, None])).sum()) / spread if spread else mixture.kept
        if not 0 <= kept <= MOST_KEPT:
            kept = float(np.clip(kept, 0, MOST_KEPT))
        mixture = mixture._replace(kept=kept, part=means[0] - kept * means[1], share=float(chosen.mean()))
    return mixture


def _mode(numbers: Reals) -> float:
    """About the commonest of some numbers."""
    whole = np.rint(numbers).astype(np.int64)
    counts = np.bincount(whole - whole.min())
    return float(np.convolve(counts, np.ones(NEAR + 1, np.int64), "same").argmax() + whole.min())


def _some(pairs: Pairs) -> Pairs:
    """At most so many of all."""
    return pairs[:, :: 1 + pairs.shape[1] // MOST_PAIRS]
