"""What the passes of bilevel training do with images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.base import Plane
from sofc.coders.bilevel.coder import PlaneModel, encode_plane, mostly_ink
from sofc.coders.bilevel.plan import Network, PlanePlan, PlaneState
from sofc.coders.bilevel.section import network_of
from sofc.kernels import bilevel

PIECE_SAMPLES = 1 << 18
"""Training goes through large images in pieces of about so many samples."""
STEPS = (0.02, 0.01, 0.005, 0.003, 0.002, 0.001, 0.0005)
"""Steps of the epochs of fitting a network to small images."""
LARGE_STEPS = (0.005, 0.003, 0.0015, 0.0007)
KEPT_SMALL, KEPT_LARGE = 64, 8

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scale:
    """First pass: how many samples an image has, and how many rows and columns at most."""

    def collect(self, images: Iterator[list[Plane]]) -> tuple[int, int]:
        """Samples of one plane of all images, and the longest side."""
        samples = side = 0
        for planes in images:
            samples += planes[0].size
            side = max(side, *planes[0].shape)
        return samples, side


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


@dataclass(frozen=True)
class Practice:
    """Last pass: code images in a fixed order, so that counters and mixers learn."""

    plane: int
    stride: int
    plan: PlanePlan
    contexts: int
    network: Network | None

    def collect(self, images: Iterator[list[Plane]]) -> tuple[PlaneState, int]:
        """The state after all images, and the bytes of their streams."""
        state = PlaneState.neutral(self.contexts, self.plan.slot_bits, self.network is not None)
        model = PlaneModel(self.plan, self.network, state)
        total = 0
        for plane, image_rows in stacks(pieces(images, self.plane, self.stride)):
            total += len(encode_plane(model, plane, image_rows, state))
        return state, total
