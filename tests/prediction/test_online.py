"""Local least squares against its twin."""

from __future__ import annotations

import os

import naive_context as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sofc.prediction import bank, online

SEEDS = st.integers(0, 2**32 - 1)
INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"


class Stripes:
    """Three stripes of the kernels' arrays beside their twin; the middle one is solved."""

    def __init__(self, references):
        self.references = references
        self.twin = naive.Correction(references)
        self.state = online.stripes_of(online.STRIPE)

    @property
    def weights(self):
        """Those of the middle stripe."""
        return self.state.weights[1]

    def learn(self, stripe, values, mu, targets, log_errors):
        """A row of samples: their ``values`` as the bank gathers them, (samples, bank.MOST_TAPS)."""
        names = [*naive.OWN, *("p" + side for side in naive.AROUND), *("q" + side for side in naive.AROUND)]
        for sample, line in enumerate(values):
            found = online.correction(self.state, 1, sample, line, self.references, mu)
            expected = self.twin.taps(dict(zip(names, line.tolist(), strict=True)), mu)
            taps = self.state.taps.reshape(online.STRIPE, online.LANES)[sample]
            assert taps.tolist() == [*expected.values(), 0, 0]
            assert found == self.twin.correct(1, expected)
            target, weight = int(targets[sample]), int(online.SAMPLE_WEIGHTS[log_errors[sample]])
            self.twin.learn(stripe, expected, target, weight)
            column, last = online.STRIPE * (stripe - 1) + sample, sample == len(values) - 1
            online.note(self.state, column, last, int(log_errors[sample]), target)

    def solve(self):
        online.solve(self.state, 1)
        self.twin.solve(1)
        assert self.weights.tolist() == [*(self.twin.weights[1, name] for name in self.twin.names), 0, 0]
        for stripe, sums in enumerate(self.state.sums.reshape(3, online.LANES, online.LANES)):
            for i, row in enumerate(self.twin.names):
                assert sums[online.TAPS, i] == self.twin.sums[stripe][row, "error"]
                for j, column in enumerate(self.twin.names[: i + 1]):
                    assert sums[i, j] == self.twin.sums[stripe][row, column]


HIGHEST = (1 << 17) - 1
VALUES = {
    "nothing": lambda rng, shape: np.zeros(shape),
    "noise": lambda rng, shape: rng.integers(0, HIGHEST + 1, shape),
    "extremes": lambda rng, shape: rng.integers(0, 2, shape) * HIGHEST,
    "top": lambda rng, shape: np.full(shape, HIGHEST),
    "alternating": lambda rng, shape: np.indices(shape).sum(axis=0) % 2 * HIGHEST,
    "lonely": lambda rng, shape: (np.indices(shape)[1] == 3) * rng.integers(0, 3, shape),
    "small": lambda rng, shape: rng.integers(0, 9, shape),
}


@pytest.mark.parametrize("references", [0, 1, 2])
@pytest.mark.parametrize("kind", VALUES)
def test_limits_of_the_solution(kind, references):
    """The largest differences, errors and shares there are, over and over: no sum leaves 64 bits, no weight 32."""
    rng = np.random.default_rng(references)
    stripes = Stripes(references)
    for row in range(3 if INTERPRETED else 30):
        for stripe in (0, 1, 2):
            values = VALUES[kind](rng, (online.STRIPE, bank.MOST_TAPS)).astype(np.int32)
            mu = int(rng.choice([0, HIGHEST, HIGHEST // 2]))
            targets = rng.choice([-8 * HIGHEST, 8 * HIGHEST], online.STRIPE)
            if row % 2:
                targets[:] = 8 * HIGHEST
            stripes.learn(stripe, values, mu, targets, np.zeros(online.STRIPE, np.int64))
        stripes.solve()
    assert stripes.weights.any() or kind == "nothing"


@given(SEEDS, st.integers(0, 2), st.integers(0, 17))
def test_solution(seed, references, bits):
    """Samples of all sizes and shares, rows that are cut short, and stripes that learn unevenly."""
    rng = np.random.default_rng(seed)
    stripes = Stripes(references)
    for _ in range(3):
        for stripe in rng.permutation(3)[: rng.integers(1, 4)]:
            samples = int(rng.integers(1, online.STRIPE + 1))
            values = rng.integers(0, 1 << bits, (samples, bank.MOST_TAPS)).astype(np.int32)
            targets = np.zeros(online.STRIPE, np.int64)
            targets[:samples] = rng.integers(-8 << bits, 8 << bits, samples)
            mu = int(rng.integers(0, 1 << bits))
            stripes.learn(int(stripe), values, mu, targets, rng.integers(0, len(online.SAMPLE_WEIGHTS), samples))
        stripes.solve()


def test_shares():
    """Less and less for more error, never nothing."""
    expected = [max(1, round(8192 / 2 ** (max(0, total - 24) / 8))) for total in range(512)]
    assert online.SAMPLE_WEIGHTS.tolist() == expected
