"""Fitting a network to the mixed decisions about coefficients: the gradients of what these take in bits."""

from __future__ import annotations

import numpy as np

from sofc.coders.dct.kernel import CATEGORY, MOST_MIXED, SIGN, SIGNED, ZERO
from sofc.entropy.digits import bit_length
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.prediction.logistics import ARGUMENT_BITS, SIGMOID_BITS, sigmoid
from sofc.prediction.network_fit import Passed

ARGUMENT_ONE, SIGMOID_ONE = float(1 << ARGUMENT_BITS), float(1 << SIGMOID_BITS)


@inlined
def _gradient(output: float, bit: int) -> float:
    """Of the code length of a decision, in natural units, by its stretched probability."""
    limited = max(-16.0, min(16.0, output))
    return sigmoid(int(np.floor(limited * ARGUMENT_ONE))) / SIGMOID_ONE - bit


@kernel
def find_decision_gradients(residuals: Vector[np.int16], last: Passed) -> int:
    """The gradients of the code length of the decisions about a batch of ``residuals`` (samples,) by what the last
    layer says of each. Returns 0."""
    share = np.float32(1.0 / residuals.shape[0])
    for row in range(residuals.shape[0]):
        residual = int(residuals[row])
        outputs, back = last.outputs[row], last.back[row]
        back[:] = 0
        wanted, positive = bit_length(abs(residual)), 1 if residual > 0 else 0
        back[ZERO] = share * _gradient(float(outputs[ZERO]), 1 if wanted > 0 else 0)
        if wanted > 0:
            back[SIGN] = share * _gradient(float(outputs[SIGN]), positive)
        for category in range(1, min(wanted + 1, MOST_MIXED)):
            decision = CATEGORY * category + positive if category < SIGNED else SIGNED + category
            back[decision] = share * _gradient(float(outputs[decision]), 1 if wanted > category else 0)
    return 0
