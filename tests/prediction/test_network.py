"""Networks and mixtures of logistic distributions: against definitions in plain Python, and their fitting."""

import math
import os
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sofc.prediction import logistics, mixture_fit, network, network_fit
from sofc.prediction.mixture_fit import MixtureFit
from sofc.prediction.network import Samples, Scale

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
fill = getattr(logistics.fill_logistics, "function", logistics.fill_logistics)
below = getattr(logistics.mass_below, "function", logistics.mass_below)
ask = getattr(network.ask, "function", network.ask)
SEEDS = st.integers(0, 2**32 - 1)


def passed(rng, before, after, batch):
    """A layer that is fitted, of random numbers."""
    shapes = [(before, after), (2, after), (before, after), (2, after), (batch, after), (batch, after)]
    weights, biases, *gradients, outputs, back = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    own, found = network_fit.Affine(weights, biases), network_fit.Affine(*gradients)
    return network_fit.Passed(own, found, outputs, back)


@pytest.mark.parametrize("rectified", [False, True])
def test_layers_go_forward_and_back(rectified):
    """As products of matrices, as far as single precision goes."""
    rng = np.random.default_rng(1)
    before, layer = passed(rng, 3, 7, 5), passed(rng, 7, 4, 5)
    inputs = np.where(rng.random((5, 7)) < 0.3, 0, rng.normal(size=(5, 7))).astype(np.float32)
    kinds = np.array([0, 1, 1, 0, 1], np.uint8)
    network_fit.go_forward(inputs, kinds, layer, rectified)
    expected = inputs @ layer.parameters.weights + layer.parameters.biases[kinds]
    expected = np.clip(expected, 0, network.ACTIVITY_LIMIT / 256) if rectified else expected
    assert np.allclose(layer.outputs, expected, atol=1e-5)
    network_fit.go_back(inputs, kinds, layer)
    assert np.allclose(layer.gradients.weights, inputs.T @ layer.back, atol=1e-5)
    for kind in range(2):
        assert np.allclose(layer.gradients.biases[kind], layer.back[kinds == kind].sum(axis=0), atol=1e-5)
    before.outputs[0, 0], before.outputs[0, 1] = 0, network.ACTIVITY_LIMIT / 256
    network_fit.pass_back(np.ascontiguousarray(layer.parameters.weights.T), layer, before)
    counts = (before.outputs > 0) & (before.outputs < network.ACTIVITY_LIMIT / 256)
    assert np.allclose(before.back, (layer.back @ layer.parameters.weights.T) * counts, atol=1e-5)


def code_length(outputs, fine, value, scale):
    """Of a sample, in natural units: the same distribution with real numbers."""
    count = len(outputs) // 3
    weights = 2.0 ** outputs[:count]
    means = fine / 8 + 32 * outputs[count : 2 * count] * 2**scale.shift
    widths = 2.0 ** (outputs[2 * count :] + scale.shift)

    def below(end):
        return 1 / (1 + np.exp(-(end - means) / widths))

    high = below(value + 0.5) if value < scale.maximum else 1
    low = below(value - 0.5) if value > 0 else 0
    return -math.log((weights * (high - low)).sum() / weights.sum())


@given(SEEDS, st.sampled_from([0, 3]), st.sampled_from([0, 1, 100, 254, 255]))
def test_gradients_are_those_of_the_code_length(seed, shift, value):
    rng = np.random.default_rng(seed)
    scale, count, step = Scale(shift, 255), 3, 1e-4
    last = passed(rng, 2, 3 * count, 1)
    last.outputs[:, count : 2 * count] /= 8
    last.outputs[:, 2 * count :] = abs(last.outputs[:, 2 * count :])  # not so narrow that rounding matters
    last.outputs[:] = np.floor(last.outputs * 256) / 256
    fine = int(8 * value + rng.integers(-40, 40))
    samples = Samples(np.zeros((1, 2), np.int16), np.array([fine], np.int32), np.array([value], np.int32))
    scratch = np.zeros(3 * count, np.int32)
    mixture_fit.find_gradients(samples, scale, logistics.logistics_of(count), scratch, last)
    outputs = last.outputs[0].astype(np.float64)
    for number, found in enumerate(last.back[0]):
        ends = []
        for change in (-step, step):
            moved = outputs.copy()
            moved[number] += change
            ends.append(code_length(moved, fine, value, scale))
        assert found == pytest.approx((ends[1] - ends[0]) / (2 * step), abs=0.05, rel=0.1)


def outputs_of(fitted, inputs, kind=0):
    """What the last layer of a network says."""
    values = inputs.astype(np.int64)
    for weights, biases in fitted:
        own = biases[kind if len(biases) > 1 else 0]
        outputs = (weights.astype(np.int64) @ values + own) >> network.WEIGHT_BITS
        values = np.clip(outputs, 0, network.ACTIVITY_LIMIT)
    return outputs.astype(np.int32)


@pytest.mark.skipif(not INTERPRETED, reason="a step of kernels, and compiled integers wrap")
@pytest.mark.parametrize("weight", [network.WEIGHT_LIMIT, -network.WEIGHT_LIMIT])
@pytest.mark.parametrize("value", [network.ACTIVITY_LIMIT, -network.ACTIVITY_LIMIT])
def test_the_largest_sums(weight, value):
    """As many units as there may be, all weights, biases and inputs at their limits: no sum leaves 32 bits."""
    units = network.MOST_UNITS
    bias = network.BIAS_LIMIT if weight * value > 0 else -network.BIAS_LIMIT
    layer = network.layer_of(np.full((units, units), weight), np.full((1, units), bias))
    first = network.layer_of(layer.weights, np.concatenate([layer.biases, abs(layer.biases)]))
    largest = network.Network(first, layer, layer)
    activities = network.activities_of(largest)
    activities.inputs[:] = value
    with np.errstate(over="raise"):
        ask(largest, activities, 1)
    assert activities.outputs.tolist() == outputs_of(largest, activities.inputs, 1).tolist()
    if weight * value > 0:
        assert activities.first.min() == network.ACTIVITY_LIMIT


def samples_of(rng, count):
    """Samples that are one of two, as an input says."""
    inputs = rng.integers(-300, 300, (count, 4)).astype(np.int16)
    values = np.where(inputs[:, 2] > 0, 20, 140) + rng.integers(-2, 3, count)
    return Samples(inputs, np.full(count, 640, np.int32), values.astype(np.int32))


@pytest.mark.skipif(INTERPRETED, reason="takes long")
def test_networks_learn():
    """Which of two distributions samples come from, and how wide it is; the same network every time."""
    rng = np.random.default_rng(2)
    batches = [samples_of(rng, 64) for _ in range(300)]
    found = []
    for _ in range(2):
        fit = MixtureFit((4, 8, 8), 2, 64, np.random.RandomState(1))
        for number, batch in enumerate(batches):
            fit.learn(batch, Scale(0, 255), 0.02 if number < 250 else 0.002)
        found.append(fit.network())
    assert all(np.array_equal(a, b) for one, other in zip(*found, strict=True) for a, b in zip(one, other, strict=True))
    fitted, bits = found[0], 0.0
    held = samples_of(rng, 100)
    for inputs, value in zip(held.inputs, held.values.tolist(), strict=True):
        says = logistics.logistics_of(2)
        fill(outputs_of(fitted, inputs), 640, 0, says)
        masses = [below(end, 255, 0, says) for end in (value, value + 1, 256)]
        bits -= math.log2((masses[1] - masses[0]) / masses[2])
    assert bits / 100 < 3.2, "five values are 2.32 bits, not the 8 of all"


@given(SEEDS, st.integers(0, 16), st.integers(1, 16))
def test_masses_rise(seed, shift, count):
    """Whatever a network says, the mass below a sample is never less than below the one before, and none is without."""
    rng = np.random.default_rng(seed)
    says = logistics.logistics_of(count)
    outputs = rng.integers(-(1 << 21), 1 << 21, 3 * count) >> int(rng.integers(0, 21))
    maximum = int(rng.choice([0, 1, 255, 65535]))
    fill(outputs.astype(np.int32), int(rng.integers(0, 8 * maximum + 1)), shift, says)
    ends = sorted({0, 1, maximum, maximum + 1, *rng.integers(0, maximum + 2, 20).tolist()})
    masses = [below(end, maximum, shift, says) for end in ends]
    assert all(low + logistics.FLOOR <= high for low, high in pairwise(masses))
    assert masses[-1] << 16 < 1 << 63
