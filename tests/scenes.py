"""Planes, predictions and plans that no training would give, but that are valid, for tests of several stages."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from itertools import pairwise, starmap

import naive_context as naive
import numpy as np

from sofc.coders.context import terms
from sofc.coders.context.coder import InTurn, neighbourhood
from sofc.coders.context.model import PlanePlan, Prediction
from sofc.coders.context.section import BLOCK_BITS, NETWORKS
from sofc.coders.network_section import Mixers, pack_mixers
from sofc.coders.training import Decoded, JpegTask
from sofc.entropy.contexts import context_table
from sofc.entropy.mixing import LEVELS
from sofc.prediction import bank, expected_error, network


def random_planes(rng, ranges, shape):
    """Noise, extremes, ramps or gentle slopes in the ranges."""
    kind = rng.integers(0, 4)
    planes = []
    for span in ranges:
        steps = span.high - span.low + 1
        if kind == 0:
            plane = rng.integers(span.low, span.high, shape, endpoint=True)
        elif kind == 1:
            plane = rng.choice([span.low, span.high], shape, p=[0.8, 0.2])
        elif kind == 2:
            plane = span.low + np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % steps
        else:
            plane = span.low + (steps // 2 + np.cumsum(rng.integers(-3, 4, shape), axis=1)) % steps
        planes.append(plane.astype(np.int32))
    return planes


def chosen_by_two(rng, shape):
    """An image of two values, noise apart: which it is depends on two neighbours that no context has both."""
    image = rng.integers(0, 2, (shape[0] + 2, shape[1] + 2))
    for y in range(2, shape[0] + 2):
        for x in range(2, shape[1] + 1):
            image[y, x] = image[y, x - 1] ^ image[y - 2, x + 1]
    return (40 + 140 * image[2:, 2:] + rng.integers(-2, 3, shape)).astype(np.uint8)


def related_images(seed, count, shape, ranges):
    """Smooth planes that follow each other, with noise."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        field = rng.normal(size=shape)
        for _ in range(3):
            field = (field + np.roll(field, 1, 0) + np.roll(field, 1, 1)) / 2
        planes = []
        for span in ranges:
            middle, scale = (span.low + span.high) / 2, (span.high - span.low) / 10
            noisy = middle + scale * (field + 0.05 * rng.normal(size=shape))
            planes.append(np.clip(np.rint(noisy), span.low, span.high).astype(np.int32))
        images.append(planes)
    return images


def collected(task, images):
    """A task's statistics of images of which no JPEG data is at hand."""
    if isinstance(task, JpegTask):
        return task.collect_decoded(Decoded(planes, None) for planes in images)
    return task.collect(iter(images))


def train(training, images, shard=2):
    """Run all passes; tasks and statistics go through pickle as with workers."""
    shards = [images[start : start + shard] for start in range(0, len(images), shard)]
    while (step := training.next_pass()) is not None:
        parts = [(task, part) for task in step.tasks for part in (shards if step.samples is None else [images])]
        results = (collected(pickle.loads(pickle.dumps(task)), part) for task, part in parts)
        training.merge(pickle.loads(pickle.dumps(result)) for result in results)
    return training


def assert_same(planes, decoded):
    """Decoded planes are those that were encoded, of integers that all coders hand on."""
    assert len(planes) == len(decoded)
    for plane, found in zip(planes, decoded, strict=True):
        assert found.dtype in (np.int16, np.int32)
        np.testing.assert_array_equal(plane, found)


def random_prediction(rng, plane, class_map=None, maximum=255, adapts=None):
    """A prediction that no training would give, but that is valid; its bank predicts near some neighbour."""
    references = tuple(int(number) for number in rng.permutation(plane)[: rng.integers(0, min(plane, 2) + 1)])
    class_map = int(rng.integers(0, 2)) if class_map is None else class_map
    classes, taps = bank.CLASSES[class_map], bank.taps(len(references))
    weights = rng.integers(-3000, 3000, (classes, taps))
    weights[np.arange(classes), rng.integers(0, taps - 1, classes)] += 1 << bank.WEIGHT_BITS
    error_weights = rng.integers(-40, 120, expected_error.WEIGHTS)
    error_weights[expected_error.errors(len(references)) :] = 0
    return Prediction(
        references,
        class_map,
        np.sort(rng.integers(0, 2 * maximum + 2, 3 if class_map == bank.GRID else 7)),
        weights,
        rng.integers(-4000, 12000, classes),
        error_weights,
        bool(rng.integers(0, 2)) if adapts is None else adapts,
        int(rng.integers(0, 4)),
    )


def random_plan(rng, plane, class_map=None, maximum=255):
    """The same for a whole plan."""
    contexts = tuple(tuple(rng.permutation(terms.NO_TERM)[: rng.integers(1, 5)]) for _ in range(rng.integers(1, 6)))
    return PlanePlan(
        random_prediction(rng, plane, class_map, maximum),
        np.sort(rng.choice(bank.EXPECTED, LEVELS - 1, replace=False)),
        rng.integers(0, int(rng.integers(1, 8)), LEVELS),
        context_table(contexts, terms.NO_TERM),
        rng.integers(BLOCK_BITS.start, BLOCK_BITS.start + 4, len(contexts)),
        bool(rng.integers(0, 2)),
    )


def packed_weights(contexts, sets, weights):
    """The section of mixing weights without a network."""
    return pack_mixers(Mixers(contexts, sets, weights), NETWORKS)


def random_network(rng, architecture=NETWORKS):
    """A network as no training would leave it, within its bounds, and often at them."""
    sizes = [
        architecture.inputs,
        *rng.integers(1, 6, 2),
        architecture.outputs * rng.integers(1, min(3, architecture.most) + 1),
    ]
    reach = int(rng.choice([40, 1000, network.WEIGHT_LIMIT]))
    layers = []
    for (before, after), kinds in zip(pairwise(sizes), (architecture.kinds, 1, 1), strict=True):
        weights = rng.integers(-reach, reach, (after, before), endpoint=True)
        limit = network.BIAS_LIMIT // 256
        biases = rng.integers(-limit, limit, (kinds, after), endpoint=True) // int(rng.choice([1, 60])) * 256
        layers.append((weights, biases))
    return network.Network(*starmap(network.layer_of, layers))


@dataclass
class Scene:
    """The last of some planes, as kernels and twins take it, with random marks in the planes before."""

    planes: list
    references: tuple
    maximum: int
    marks: list

    @classmethod
    def of(cls, rng, planes, references, maximum):
        marks = [rng.integers(0, 200, plane.shape).astype(np.uint8) for plane in planes]
        return cls(planes, references, maximum, marks)

    def around(self, *, known=True) -> bank.Neighbourhood:
        """The kernels' arrays, anew: they are written to."""
        planes = [*self.planes[:-1], self.planes[-1] if known else np.zeros_like(self.planes[-1])]
        return neighbourhood(self.references, InTurn(planes, self.marks, self.maximum))

    def images(self, *, known=True):
        """The twins' images of samples and of marks."""
        samples = [self.planes[number].tolist() for number in self.references]
        marks = [self.marks[number].tolist() for number in self.references]
        plane, middle = self.planes[-1], (self.maximum + 1) // 2
        image = naive.Image.of(plane.tolist(), middle, samples) if known else None
        image = image or naive.Image(*plane.shape, middle, samples, {})
        return image, naive.Image(*plane.shape, naive.START_MARK, marks, {})


def inside(padded):
    return bank.inside(padded).tolist()


def enlarged(rng, rows, columns):
    """A plane of which every second row and column lies between those beside it."""
    small = np.cumsum(rng.normal(0, 4, (rows // 2 + 1, columns // 2 + 1)), axis=0)
    tall = np.empty((rows, columns // 2 + 1))
    tall[::2], tall[1::2] = small[:-1], (small[:-1] + small[1:]) / 2
    wide = np.empty((rows, columns))
    wide[:, ::2], wide[:, 1::2] = tall[:, :-1], (tall[:, :-1] + tall[:, 1:]) / 2
    return np.rint(wide).astype(np.int32)


def clouds(random, steepness, deviation, side=192):
    """Noise (side, side) whose amplitudes fall with such a power of the frequency."""
    frequencies = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequencies[0, 0] = 1
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=(side, side))) / frequencies**steepness, s=(side, side))
    return deviation * noise / noise.std()
