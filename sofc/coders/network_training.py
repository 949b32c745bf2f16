"""What trainings of networks have in common: how often samples are learned from, and images held out, by which it is
seen whether a network pays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sofc.coders.network_section import Architecture, pack_network
from sofc.prediction.network import NO_NETWORK, Network

Image = TypeVar("Image")

HELD_OUT = 8
"""Every so many images one is held out, by which it is seen what the network saves."""
BATCH = 1 << 10
"""Samples of a step of the descent."""
LEAST_EPOCHS = 2
"""Rounds over all samples, the more the fewer these are."""


def fitted_where_it_pays(
    images: Sequence[Image],
    architecture: Architecture,
    times: float,
    fit: Callable[[list[Image]], Network],
    code: Callable[[Sequence[Image], Network], int],
) -> Network:
    """What ``fit`` makes of most images; a network without units where it saves less of ``times`` as many images than
    its bytes, by what it saves of the others, or ``fit`` gives one of these. ``code``: the bytes of images that are
    coded with a network, or without one."""
    held_out = images[HELD_OUT - 1 :: HELD_OUT]
    network = fit([image for turn, image in enumerate(images, 1) if turn % HELD_OUT]) if held_out else NO_NETWORK
    if not network.is_asked:
        return NO_NETWORK
    saved = code(held_out, NO_NETWORK) - code(held_out, network)
    size = len(pack_network(network, architecture))
    return network if saved * times * len(images) > size * len(held_out) else NO_NETWORK


def epochs_for(samples: int, wanted: int, most: int) -> int:
    """Rounds over so many samples in which about ``wanted`` are learned from, at most so many."""
    return max(LEAST_EPOCHS, min(most, wanted // samples))


def batches(samples: int, size: int, random: np.random.RandomState) -> Iterator[npt.NDArray[np.int64]]:
    """Numbers of so many samples in random order, ``size`` at a time; what does not fill a batch is left out."""
    order = random.permutation(samples)
    for start in range(0, samples - size + 1, size):
        yield order[start : start + size]
