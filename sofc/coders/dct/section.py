"""The bytes of a DCT model's sections.

Kind 0, plan of a component; kind 1, its trained counters, shared by all efforts; kind 2, its mixers at one effort.
"""

from __future__ import annotations

import numpy as np

from sofc.coders.dct import kernel
from sofc.coders.dct.plan import CONTEXTS, ComponentModel, ComponentPlan
from sofc.entropy.adaptive import INTEGER_SLOTS
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED, MixingState, unpack_weights
from sofc.entropy.tables import code_tables, decode_tables
from sofc.errors import FormatError
from sofc.jpeg.dct import SIZE, Integers

PLAN, COUNTERS, MIXERS = 0, 1, 2
BLOCK_BITS = range(4, 19)
WEIGHT_LIMIT = 1 << 18


def pack_plan(plan: ComponentPlan) -> bytes:
    """Kind 0: the weights that foretell coefficients, those for sizes, and the room of each context's counters."""
    return code_tables([plan.mean_weights, plan.size_weights, plan.block_bits[:, None]])


def unpack_plan(data: bytes) -> ComponentPlan:
    """Inverse of pack_plan. Raises FormatError."""
    shapes = [(SIZE, kernel.MEANS), (SIZE, kernel.SIZES), (len(CONTEXTS), 1)]
    means, sizes, bits = decode_tables(data, shapes)
    if (
        max(int(np.abs(means).max()), int(np.abs(sizes).max())) > WEIGHT_LIMIT
        or not ((bits >= BLOCK_BITS.start) & (bits < BLOCK_BITS.stop)).all()
    ):
        raise FormatError("the plan of a DCT model is out of range")
    return ComponentPlan(means, sizes, bits[:, 0])


def places(blocks: Integers) -> Integers:
    """Where the counters of each context begin."""
    return blocks * BLOCK


def model_of(plan: ComponentPlan, counters: bytes, mixers: bytes) -> ComponentModel:
    """A component's model at one effort. Raises FormatError."""
    contexts, sets, weights = unpack_weights(mixers)
    if contexts > len(CONTEXTS):
        raise FormatError(f"a DCT model has at most {len(CONTEXTS)} contexts, not {contexts}")
    models = TRAINED.unpack(counters, places(plan.blocks(len(CONTEXTS))), contexts)
    start = MixingState.trained(contexts, models, weights, INTEGER_SLOTS)
    return ComponentModel(plan, contexts, sets, start)
