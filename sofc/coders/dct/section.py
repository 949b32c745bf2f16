"""Spec dct/sections: the bytes of a dct model's sections.

Kind 0, plan of a component; kind 1, its trained bit models, shared by all efforts; kind 2, its weights at one effort,
and its network, where it has one.
"""

from __future__ import annotations

from sofc.coders.dct.kernel import NUMBER_BITS
from sofc.coders.dct.kernel_network import DECISIONS, INPUTS
from sofc.coders.dct.kernel_prediction import MEANS, ROWS, SIZES
from sofc.coders.dct.model import ComponentModel, ComponentPlan, state_of
from sofc.coders.dct.terms import CONTEXTS
from sofc.coders.network_section import Architecture, unpack_mixers
from sofc.coders.plane_sections import PlaneSections
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError
from sofc.jpeg.dct import SIZE

BLOCK_BITS = range(4, 19)
"""A context has 2**block_bits blocks of bit models."""
WEIGHT_LIMIT = 1 << 16
NETWORKS = Architecture(INPUTS, kinds=SIZE, outputs=DECISIONS, most=1)


def pack_plan(plan: ComponentPlan) -> bytes:
    """Kind 0: the weights that predict coefficients, those for sizes, and the room of each context's bit models."""
    predictors = len(plan.mean_weights) // ROWS
    return bytes([predictors]) + code_tables([plan.mean_weights, plan.size_weights, plan.block_bits])


def unpack_plan(data: bytes, change: bytes = b"") -> ComponentPlan:
    """Inverse of pack_plan; ``change``: what its tables differ by. Raises FormatError."""
    if not data or not 1 <= data[0] <= 1 << NUMBER_BITS:
        raise FormatError("a DCT model has another number of predictors than a stream can name")
    rows = data[0] * ROWS
    tables = decode_tables(
        data[1:],
        [
            Field.within(WEIGHT_LIMIT, rows, MEANS),
            Field.within(WEIGHT_LIMIT, rows, SIZES),
            Field((len(CONTEXTS),), BLOCK_BITS[0], BLOCK_BITS[-1]),
        ],
        change,
    )
    return ComponentPlan(*tables)


def unpack_model(plan: ComponentPlan, own: PlaneSections, change: PlaneSections) -> ComponentModel:
    """A component's model at one effort; ``change``: what its sections differ by. Raises FormatError."""
    used, sets, mixing, network = unpack_mixers(own.weights, NETWORKS, change.weights)
    if used > len(CONTEXTS):
        raise FormatError(f"a DCT model has at most {len(CONTEXTS)} contexts, not {used}")
    symbols = TRAINED.symbols(own.bit_models, plan.starts(len(CONTEXTS)) * BLOCK, used + 1)
    return ComponentModel(plan, sets, state_of(used, TRAINED.states[symbols], mixing), network)
