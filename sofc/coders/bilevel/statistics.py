"""What the passes of bilevel training do with images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.bilevel import kernel as bilevel
from sofc.coders.bilevel.coder import PlaneModel, encode_plane, mostly_ink
from sofc.coders.bilevel.plan import Network, PlanePlan, PlaneState
from sofc.coders.bilevel.section import TRAINED, network_of
from sofc.entropy.bit_models import Symbols
from sofc.entropy.priors import FOLDS, History, Starts
from sofc.planes import Plane

PIECE_SAMPLES = 1 << 18
"""Training goes through large images in pieces of about so many samples."""
STEPS = (0.02, 0.01, 0.005, 0.003, 0.002, 0.001, 0.0005)
"""Steps of the epochs of fitting a network to small images."""
LARGE_STEPS = (0.005, 0.003, 0.0015, 0.0007)
KEPT_SMALL, KEPT_LARGE = 64, 8

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scale:
    """First pass: how many samples images have, and how many rows and columns at most."""

    def collect(self, images: Iterator[list[Plane]]) -> tuple[int, int, int]:
        """Samples of one plane of all images, those of the largest, and the longest side."""
        samples = largest = side = 0
        for planes in images:
            samples += planes[0].size
            largest = max(largest, planes[0].size)
            side = max(side, *planes[0].shape)
        return samples, largest, side


def pieces(images: Iterator[list[Plane]], plane: int, stride: int) -> Iterator[Pixels]:
    """Every ``stride``-th piece of a plane of each image, in order, inverted where that is how it is coded."""
    number = 0
    for planes in images:
        pixels = planes[plane].astype(np.uint8)
        pixels ^= np.uint8(mostly_ink(pixels))
        rows = max(64, PIECE_SAMPLES // pixels.shape[1])
        for top in range(0, len(pixels), rows):
            if number % stride == 0:
                yield pixels[top : top + rows]
            number += 1


def stacks(parts: Iterator[Pixels]) -> Iterator[tuple[Pixels, int]]:
    """The parts joined where neighbours have one shape, and the rows of each part."""
    held: list[Pixels] = []
    for part in parts:
        if held and (part.shape != held[0].shape or len(held) * part.size > PIECE_SAMPLES):
            yield np.concatenate(held), len(held[0])
            held = []
        held.append(part)
    if held:
        yield np.concatenate(held), len(held[0])


@dataclass(frozen=True)
class Fit:
    """Second pass: fit the network of one plane."""

    plane: int
    stride: int
    small: bool
    units: int
    deeper: int

    def collect(self, images: Iterator[list[Plane]]) -> tuple[Network, float]:
        """The network, and the bits that the samples would have taken by it in the last epoch."""
        random = np.random.default_rng(1)
        first, second, third = (
            (random.normal(size=(bilevel.INPUTS + 1, self.units)) * 0.08).astype(np.float32),
            (random.normal(size=(self.deeper, self.units + 1)) * (1.4 / self.units) ** 0.5).astype(np.float32),
            (random.normal(size=(1, self.deeper + 1)) * (1 / self.deeper) ** 0.5).astype(np.float32),
        )
        parts = list(stacks(pieces(images, self.plane, self.stride)))
        lottery = np.array([1], np.int64)
        kept = KEPT_SMALL if self.small else KEPT_LARGE
        room, bits = bilevel.fit_room(self.units, self.deeper), 0.0
        for step in STEPS if self.small else LARGE_STEPS:
            bits = 0.0
            for number in random.permutation(len(parts)):
                plane, image_rows = parts[number]
                bits += bilevel.fit_network(plane, image_rows, kept, step, first, second, third, lottery, room)
        return network_of((first, second, third)), bits


PART = 1 << 22
GROUP = 1 << 20
SMALL = 1 << 16
"""Images of fewer samples are taken together, up to a GROUP, as if coded in groups; those of more than a PART are cut
into equal ones, as they are into bands."""
MOST_GROUPS = 8
"""Small images make at least so many groups together."""

Part = list[Pixels]
"""Images, or a piece of an image, that are coded from one start."""


def parts(images: Iterator[list[Plane]], plane: int, stride: int) -> Iterator[list[Part]]:
    """The parts of a plane of each image; in the end, groups of small images.

    Of the parts of large images, and of small ones, every ``stride``-th."""
    small: Part = []
    smalls = larges = 0
    for planes in images:
        pixels = planes[plane].astype(np.uint8)
        rows, size = len(pixels), pixels.size
        if size < SMALL:
            if smalls % stride == 0:
                small.append(pixels)
            smalls += 1
            continue
        height = -(-rows // -(-size // PART) // 8) * 8
        tops = range(0, rows, height)
        kept = [top for number, top in enumerate(tops, larges) if number % stride == 0]
        larges += len(tops)
        if kept:
            yield [[pixels[top : top + height]] for top in kept]
    wanted = max(1, min(GROUP, sum(pixels.size for pixels in small) // MOST_GROUPS))
    while small:
        count = samples = 0
        while count < len(small) and samples < wanted:
            samples += small[count].size
            count += 1
        yield [small[:count]]
        small = small[count:]


def practise(model: PlaneModel, part: Part, state: PlaneState) -> int:
    """Code a part; the state goes on learning. Returns the bytes of its streams."""
    return sum(len(encode_plane(model, pixels, rows, state)) for pixels, rows in stacks(iter(part)))


@dataclass(frozen=True)
class Recollect:
    """With the second pass: what the counters of a plane see in each image, and how far images agree.

    ``apart``: the fold whose images are passed over, FOLDS for none. Which counters pay, and how sure they are, must be
    found without the images that are practised with them: else practice trusts them more than further images bear out.
    """

    plane: int
    stride: int
    plan: PlanePlan
    apart: int

    def collect(self, images: Iterator[list[Plane]]) -> Starts:
        """What counters should start with."""
        contexts = len(self.plan.contexts)
        neutral = PlaneState.neutral(contexts, self.plan.slot_bits, network=False)
        model = PlaneModel(self.plan, None, neutral)
        history = History(self.plan.places(contexts), TRAINED, folds=1)
        for number, image in enumerate(parts(images, self.plane, self.stride)):
            if number % FOLDS == self.apart:
                continue
            counters = []
            for part in image:
                state = neutral.copy()
                practise(model, part, state)
                counters.append(state.counters)
            history.add(counters)
        return history.starts()._replace(folds=())


PRACTICE_SAMPLES = 1 << 26
"""Samples that practice goes through at most; of larger collections it takes every n-th part."""
ROUND_SAMPLES = 1 << 22
"""Fewer samples than this are practised twice."""
TOP_SAMPLES = 1 << 21
"""Samples at the top of a part that are practised: there what was trained counts most."""


def _top(pixels: Pixels) -> Pixels:
    return pixels[: max(64, TOP_SAMPLES // pixels.shape[1])].copy()


@dataclass(frozen=True)
class Practice:
    """Last passes: code images in a fixed order, each as an encoder would, so that all but the counters learns.

    ``stride``: as Recollect has it. ``starts``: what the counters of each fold start with.
    """

    plane: int
    stride: int
    plan: PlanePlan
    contexts: int
    network: Network | None
    starts: tuple[Symbols, ...]

    def collect(self, images: Iterator[list[Plane]]) -> tuple[PlaneState, int]:
        """The state but for its counters, and the bytes of the streams.

        It is the mean over the second half of the practice: the last one suits the last image best.
        """
        numbered = enumerate(parts(images, self.plane, self.stride))
        found = [(number % FOLDS, [_top(pixels) for pixels in part]) for number, image in numbered for part in image]
        samples = sum(pixels.size for _, part in found for pixels in part)
        chosen = found[:: -(-samples // PRACTICE_SAMPLES)]
        turns = chosen * (2 if samples < ROUND_SAMPLES else 1)
        counters = [TRAINED.states[symbols] for symbols in self.starts]
        state = PlaneState.neutral(self.contexts, 0, self.network is not None)
        model = PlaneModel(self.plan, self.network, state)
        mean = Mean(state)
        total = 0
        for turn, (fold, part) in enumerate(turns):
            state.counters = counters[fold].copy()
            size = practise(model, part, state)
            total += size if turn < len(chosen) else 0
            if turn >= len(turns) // 2:
                mean.add(state)
        return mean.state(), total


class Mean:
    """The mean of states, but for their counters."""

    def __init__(self, like: PlaneState) -> None:
        self._sums = [np.zeros(table.shape, np.int64) for table in like.tables()]
        self._count = 0

    def add(self, state: PlaneState) -> None:
        """Take in a state."""
        for total, table in zip(self._sums, state.tables(), strict=True):
            total += table
        self._count += 1

    def state(self) -> PlaneState:
        """Their mean."""
        return PlaneState(np.zeros(0, np.uint32), *((total // self._count).astype(np.int32) for total in self._sums))
