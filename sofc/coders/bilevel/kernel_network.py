"""Spec bilevel/network: what the network sees of a sample, and what it says."""

from __future__ import annotations

import numpy as np

from sofc.coders.bilevel.window import Image
from sofc.jit.decorators import inlined
from sofc.jit.types import Vector
from sofc.prediction.network import Activities, Network, ask

UP = 12
SIDE = 12
"""Rows above, and columns to either side, that the network sees."""
WEST = 18
"""Samples to the left: with these the inputs fill whole vectors."""
ROW = 2 * SIDE + 1
NEIGHBOURS = WEST + UP * ROW
INPUTS = NEIGHBOURS + 2
"""Inputs: the samples to the left, the rows above, the nearest first; row and column."""
INK = 256
"""The input of a neighbour that is 1; of others it is 0."""
MIDDLE = 1024
"""What is taken off those of row and column."""
OUTPUT_LIMIT = 2303


@inlined
def fill_inputs(image: Image, y: int, x: int, inputs: Vector[np.int16]) -> None:
    """Spec bilevel/network. What the network sees of sample (y, x)."""
    for i in range(NEIGHBOURS):
        inputs[i] = 0
    for i in range(min(WEST, x)):
        inputs[i] = np.int16(image[y, x - 1 - i]) * INK
    low, high = max(0, x - SIDE), min(image.shape[1], x + SIDE + 1)
    for up in range(min(UP, y)):
        above, seen = image[y - 1 - up, low:high], inputs[WEST + ROW * up + low + SIDE - x :]
        for i in range(above.shape[0]):
            seen[i] = np.int16(above[i]) * INK
    inputs[NEIGHBOURS] = 32 * min(y, 63) - MIDDLE
    inputs[NEIGHBOURS + 1] = 32 * min(x, 63) - MIDDLE


@inlined
def ask_network(image: Image, y: int, x: int, network: Network, activities: Activities) -> int:
    """Spec bilevel/network. The network's stretched probability for sample (y, x)."""
    fill_inputs(image, y, x, activities.inputs)
    ask(network, activities, 0)
    return max(-OUTPUT_LIMIT, min(OUTPUT_LIMIT, int(activities.outputs[0])))
