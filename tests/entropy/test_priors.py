"""What bit models start with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sofc.entropy.bit_models import RATE
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED
from sofc.entropy.priors import LEAST_GAINS, CodeLengths, History, Starts, least_gain


def evolved(probabilities, bits, rng):
    """Counters (len(probabilities),), from neutral, after so many bits each, 1 with the probability given."""
    models = np.full(len(probabilities), 1 << 31, np.int64)
    for k, (probability, count) in enumerate(zip(probabilities, bits, strict=True)):
        for bit in rng.random(count) < probability:
            seen, value = models[k] & 1023, models[k] >> 10
            value += ((0x3FFFFF if bit else 0) - value) * RATE[seen] >> 16
            models[k] = value << 10 | min(255, seen + 1)
    return models.astype(np.uint32)


@given(st.integers(0, 4), st.integers(0, 31), st.integers(0, 255), st.integers(0, 255))
def test_lengths_are_those_of_a_beta_binomial_model(start, probability, ones, zeros):
    """Against the closed form; and what a model that starts so takes bit by bit is about the same."""
    assume(ones + zeros <= 255)
    evidence = [0.6, 2.6, 6.6, 20.6, 60.6][start]
    share = TRAINED.probabilities[probability] / 65536 if start else 0.5
    first, second = evidence * share, evidence * (1 - share)

    def beta(x, y):
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    expected = (beta(first, second) - beta(first + ones, second + zeros)) / math.log(2)
    (found,) = CodeLengths(TRAINED)(*(np.array([k]) for k in (start, probability, ones, ones + zeros)))
    assert found == pytest.approx(expected, abs=1e-6)


def test_bit_models_are_kept_where_images_agree():
    """Sure where the probability is the same in all images, unsure where it varies, neutral where it is anything."""
    rng = np.random.default_rng(0)
    blocks = np.arange(0, 80, 16)
    past = History(blocks * BLOCK, TRAINED)
    size = 64 * BLOCK
    part = np.arange(size) // (16 * BLOCK)
    for _ in range(12):
        varied = np.clip(0.9 + 0.08 * rng.standard_normal(size), 0.01, 0.99)
        wild = rng.choice([0.01, 0.99], size)
        probabilities = np.select([part == 0, part == 1, part == 2], [0.9, varied, wild], 0.5)
        past.add([evolved(probabilities, np.where(part == 3, 0, 40), rng)])
    starts = past.starts()
    seen = (starts.symbols.astype(int) - 1) & 3
    kept = starts.symbols > 0
    assert kept[part < 2].all()
    assert seen[part == 0].mean() > seen[part == 1].mean() + 0.5
    assert kept[part == 2].mean() < 0.1
    assert not kept[part == 3].any()
    probability = TRAINED.probabilities[(starts.symbols[part == 0].astype(int) - 1) >> 2] / 65536
    assert abs(probability - 0.9).mean() < 0.03
    some = starts.worth(float(np.median(starts.gains[kept])))
    assert 0 < np.count_nonzero(some.symbols) < np.count_nonzero(starts.symbols)
    assert all(not fold[some.symbols == 0].any() for fold in some.folds)


def test_folds_know_nothing_of_their_own_images():
    """Two images that say the opposite: each fold starts as the other's image says."""
    blocks = np.array([0, 16])
    past = History(blocks * BLOCK, TRAINED)
    rng = np.random.default_rng(0)
    ones, zeros = np.full(128, 0.97), np.full(128, 0.03)
    half = np.arange(128) < 64
    for number in range(8):
        # The second half of the models agrees in all images, so that starting them pays.
        past.add([evolved(np.where(half, ones if number % 2 else zeros, ones), np.full(128, 30), rng)])
    starts = past.starts()
    alike = (starts.symbols > 0) & ~half
    assert alike.any()
    probabilities = [TRAINED.probabilities[np.maximum(0, fold.astype(int) - 1) >> 2] / 65536 for fold in starts.folds]
    for probability in probabilities:
        assert probability[alike].min() > 0.8
    opposite = half & (starts.symbols > 0)
    assert (probabilities[0][opposite] > 0.8).all() and (probabilities[1][opposite] < 0.2).all()


def test_parts_of_an_image_do_not_vouch_for_each_other():
    """All parts of an image are alike here and images are not: nothing is known of further images."""
    rng = np.random.default_rng(1)
    past = History(np.array([0, 128]), TRAINED)
    for _ in range(6):
        probabilities = rng.choice([0.02, 0.98], 128)
        past.add([evolved(probabilities, np.full(128, 20), rng) for _ in range(4)])
    assert np.count_nonzero(past.starts().symbols) < 13


def test_a_seen_image_helps_once_others_agree():
    """Of models alike that were seen in one image, those are kept whose kind proved right before."""
    rng = np.random.default_rng(3)
    starts_ = np.array([0, 512])
    steady, erratic = (History(starts_, TRAINED) for _ in range(2))
    for number in range(6):
        shared = np.arange(512) < 384
        met = shared | (np.arange(512) // 8 % 6 == number)
        bits = np.where(met, 20, 0)
        steady.add([evolved(np.full(512, 0.95), bits, rng)])
        erratic.add([evolved(rng.choice([0.05, 0.95], 512), bits, rng)])
    once = np.arange(512) >= 384
    assert np.count_nonzero(steady.starts().symbols[once]) > 100
    assert np.count_nonzero(erratic.starts().symbols[once]) == 0


def test_bit_models_that_save_most_fill_the_budget():
    """Of several planes together; where the fewest are too many still, those are kept all the same."""
    gains = np.array([1.9, 2, 3.5, 11, 40, 1000], np.float32)
    planes = [Starts(np.full(6, 7, np.uint8), gains, ()) for _ in range(2)]

    def pack(number, symbols):
        return bytes([number]) * int(np.count_nonzero(symbols))

    assert least_gain(planes, pack, 10) == (2, [bytes(5), b"\x01" * 5])
    assert least_gain(planes, pack, 7)[0] == 4
    assert least_gain(planes, pack, 2) == (48, [b"\x00", b"\x01"])
    assert least_gain(planes, pack, 0)[0] == LEAST_GAINS[-1]
