"""What the passes of bilevel training do with images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.bilevel.coder import Images, encode_images, mostly_ink
from sofc.coders.bilevel.kernel import Plan, PlaneModel, State
from sofc.coders.bilevel.model import copied, neutral_state, starts
from sofc.coders.bilevel.section import TRAINED
from sofc.coders.warm_up import alike, by_fold, cut_rows, grouped, learn_in_rounds
from sofc.entropy.bit_models import Symbols
from sofc.entropy.priors import History, Starts
from sofc.planes import Plane
from sofc.prediction.network import NO_NETWORK, Network

PIECE_SAMPLES = 1 << 18
"""The network is fitted to large images in pieces of about so many samples."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Shapes:
    """First pass: how large images are."""

    def collect(self, images: Iterator[list[Plane]]) -> list[tuple[int, int]]:
        """Rows and width of each."""
        return [(len(planes[0]), planes[0].shape[1]) for planes in images]


def pieces(images: Iterator[list[Plane]], plane: int) -> Iterator[Pixels]:
    """The pieces of a plane of each image, in order, inverted where that is how it is coded."""
    for planes in images:
        pixels = planes[plane].astype(np.uint8)
        pixels ^= np.uint8(mostly_ink(pixels))
        rows = max(64, PIECE_SAMPLES // pixels.shape[1])
        yield from (pixels[top : top + rows] for top in range(0, len(pixels), rows))


def stacks(parts: Iterable[Pixels]) -> Iterator[Images]:
    """The parts, those that follow each other and have one shape together."""
    return map(np.stack, alike(parts, np.shape, PIECE_SAMPLES))


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
        if pixels.size < SMALL:
            if smalls % stride == 0:
                small.append(pixels)
            smalls += 1
            continue
        cuts = cut_rows(len(pixels), pixels.size, PART)
        kept = [rows for number, rows in enumerate(cuts, larges) if number % stride == 0]
        larges += len(cuts)
        if kept:
            yield [[pixels[rows]] for rows in kept]
    yield from ([group] for group in grouped(small, [pixels.size for pixels in small], GROUP, MOST_GROUPS))


def learn_part(model: PlaneModel, part: Part, state: State) -> int:
    """Code a part; the state goes on learning. Returns the bytes of its streams."""
    return sum(len(encode_images(model, images, state)) for images in stacks(part))


@dataclass(frozen=True)
class EstimatePriors:
    """With the second pass: what the bit models of a plane see in each image, and how far images agree."""

    plane: int
    stride: int
    plan: Plan

    def collect(self, images: Iterator[list[Plane]]) -> Starts:
        """What bit models should start with."""
        contexts = len(self.plan.contexts)
        neutral = neutral_state(contexts, self.plan.slot_bits, network=False)
        model = PlaneModel(self.plan, NO_NETWORK, neutral)
        history = History(starts(self.plan, contexts), TRAINED)
        for image in parts(images, self.plane, self.stride):
            states = [copied(neutral) for _ in image]
            for part, state in zip(image, states, strict=True):
                learn_part(model, part, state)
            history.add([state.models for state in states])
        return history.starts()


WARM_UP_SAMPLES = 1 << 26
"""Samples that warm-up goes through at most; of larger collections it takes every n-th part."""
TOP_SAMPLES = 1 << 21
"""Samples at the top of a part that are coded: there what was trained counts most."""


def _top(pixels: Pixels) -> Pixels:
    return pixels[: max(64, TOP_SAMPLES // pixels.shape[1])].copy()


@dataclass(frozen=True)
class WarmUp:
    """Last passes: code images in a fixed order, each as an encoder would, so that all but the bit models learns.

    ``stride``: as EstimatePriors has it. ``starts``: what the bit models of each fold start with.
    """

    plane: int
    stride: int
    plan: Plan
    contexts: int
    network: Network
    starts: tuple[Symbols, ...]

    def collect(self, images: Iterator[list[Plane]]) -> tuple[tuple[State, Network], int]:
        """The state without its bit models, and its network; and the bytes of the streams."""
        found = [
            (fold, [_top(pixels) for pixels in part]) for fold, part in by_fold(parts(images, self.plane, self.stride))
        ]
        samples = sum(pixels.size for _, part in found for pixels in part)
        chosen = found[:: -(-samples // WARM_UP_SAMPLES)]
        models = [TRAINED.states[symbols] for symbols in self.starts]
        neutral = neutral_state(self.contexts, None, self.network.is_asked)
        model = PlaneModel(self.plan, self.network, neutral)

        def code(tables: Sequence[npt.NDArray[np.int32]], practised: tuple[int, Part]) -> int:
            fold, part = practised
            return learn_part(model, part, State(models[fold].copy(), *tables))

        tables, size = learn_in_rounds(neutral[1:], chosen, samples, code)
        return (State(neutral.models, *tables), self.network), size
