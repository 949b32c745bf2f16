"""What the network of the bilevel coder is fitted to: samples with ink nearby, and some of the others."""

from __future__ import annotations

import numpy as np

from sofc.coders.bilevel.kernel_network import fill_inputs
from sofc.coders.bilevel.window import open_row, slide
from sofc.jit.decorators import kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.prediction.logistics import ARGUMENT_BITS, SIGMOID_BITS, sigmoid
from sofc.prediction.network_fit import Passed


@kernel
def list_places(images: Cube[np.uint8], every: int, places: Vector[np.int64]) -> int:
    """The places (flat) of samples to fit a network to: those with ink in the near part of their window, and of the
    others every so many. Returns how many there are."""
    rows, width = images.shape[1], images.shape[2]
    count = others = 0
    for number in range(images.shape[0]):
        image = images[number]
        for y in range(rows):
            window, west = open_row(image, y), 0
            for x in range(width):
                window = slide(window, west, image, y, x)
                west = int(np.int64(image[y, x]))
                if window.near == 0:
                    others += 1
                if window.near != 0 or others % every == 0:
                    places[count] = (number * rows + y) * width + x
                    count += 1
    return count


@kernel
def fill_samples(
    images: Cube[np.uint8], places: Vector[np.int64], inputs: Table[np.int16], bits: Vector[np.uint8]
) -> int:
    """The inputs of samples and what these are. Returns 0."""
    size, width = images.shape[1] * images.shape[2], images.shape[2]
    for k in range(places.shape[0]):
        image, place = images[places[k] // size], places[k] % size
        y, x = place // width, place % width
        fill_inputs(image, y, x, inputs[k])
        bits[k] = image[y, x]
    return 0


@kernel
def find_bit_gradients(bits: Vector[np.uint8], last: Passed) -> int:
    """The gradients of the code length of bits by the stretched probabilities that the ``last`` layer says. Returns
    0."""
    share = 1.0 / bits.shape[0]
    for k in range(bits.shape[0]):
        p = sigmoid(int(last.outputs[k, 0] * (1 << ARGUMENT_BITS))) / (1 << SIGMOID_BITS)
        last.back[k, 0] = share * (p - bits[k])
    return 0
