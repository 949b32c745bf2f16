"""The bytes of a bilevel model's sections.

Kind 0, plan of a plane; kind 1, its trained bit models, shared by all efforts; kind 2, its weights at one effort, with
all else that learns; kind 3, its network.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.bilevel import kernel, terms
from sofc.coders.bilevel.kernel import MOST_CONTEXTS, Plan, State
from sofc.coders.bilevel.kernel_network import INPUTS, WEIGHT_BITS, Fitting, Network
from sofc.coders.bilevel.model import context_table, neutral_state
from sofc.coders.bilevel.terms import MOST_TERMS, Context
from sofc.coders.bilevel.window import NEIGHBOURS, WORDS
from sofc.entropy.bit_models import Integers, TrainedModels
from sofc.entropy.mixing import SQUASH, STRETCH_LIMIT
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError

PLAN, BIT_MODELS, WEIGHTS, NETWORK = 0, 1, 2, 3
HEAD = 3
SLOT_BITS = range(8, 21)
MOST_RATE = 16
MOST_UNITS = 128
FLAG = 128
"""Added to a byte's number to say yes."""

WEIGHT_STEP = 10
"""Weights are kept in units of 2**WEIGHT_STEP."""
BLEND_STEP = 9
BLANK_STEP = 8
NETWORK_STEP = 5
NETWORK_LIMIT = 1 << 20
"""Weights of the network lie within this."""

PROBABILITIES: Integers = SQUASH[np.arange(32) * 148 - 2294 + STRETCH_LIMIT].astype(np.int64)
"""The 32 probabilities that a trained bit model may start with, in 1/65536: evenly spread when stretched."""
TRAINED = TrainedModels(PROBABILITIES, 1, np.array([0, 2, 8, 32], np.int64))
"""Kind 1 is what this packs. Pages differ so much that a probability may be worth no more than a first guess."""


def pack_plan(plan: Plan) -> bytes:
    """Kind 0: three bytes (contexts; slot bits, with FLAG where blank samples are skipped; rate), then for each context
    four bytes: nearest neighbours, then its three terms, 0 for none."""
    head = [len(plan.contexts), plan.slot_bits + FLAG * plan.skips_blank, plan.rate]
    contexts = [[sum(word.bit_count() for word in row[:WORDS]), *row[WORDS:]] for row in plan.contexts.tolist()]
    return bytes(head) + b"".join(map(bytes, contexts))


def unpack_plan(data: bytes) -> Plan:
    """Inverse of pack_plan. Raises FormatError."""
    size = 1 + MOST_TERMS
    if len(data) < HEAD or len(data) != HEAD + size * data[0] or not 1 <= data[0] <= MOST_CONTEXTS:
        raise FormatError("the plan of a bilevel model has another length than it says")
    contexts = []
    for start in range(HEAD, len(data), size):
        neighbours, *numbers = data[start : start + size]
        if neighbours > len(NEIGHBOURS) or max(numbers) >= terms.COUNT:
            raise FormatError("a context of a bilevel model is out of range")
        contexts.append(Context(neighbours, tuple(numbers)))
    skips_blank, slot_bits = divmod(data[1], FLAG)
    if slot_bits not in SLOT_BITS or not 1 <= data[2] <= MOST_RATE:
        raise FormatError("the plan of a bilevel model is out of range")
    return Plan(context_table(contexts), slot_bits, bool(skips_blank), data[2])


def pack_state(state: State, asks: bool) -> bytes:
    """Kind 2: one byte (contexts, FLAG added where the network is asked), then tables of what differs from a neutral
    state, without bit models: weights, blend, blank samples."""
    contexts = state.weights.shape[1] - 1 - asks
    neutral = neutral_state(contexts, None, asks)
    tables = [
        _steps(state.weights.astype(np.int64) - neutral.weights, WEIGHT_STEP),
        _steps(state.blend.astype(np.int64) - neutral.blend, BLEND_STEP),
        _steps(state.blank.astype(np.int64), BLANK_STEP),
    ]
    return bytes([contexts + FLAG * asks]) + code_tables(tables)


def unpack_state(data: bytes) -> tuple[State, int, bool]:
    """The state without its bit models, how many contexts it has, and whether the network is asked. Raises
    FormatError."""
    if not data or not 1 <= data[0] % FLAG <= MOST_CONTEXTS:
        raise FormatError("the weights of a bilevel model are out of range")
    contexts, asks = data[0] % FLAG, data[0] >= FLAG
    neutral = neutral_state(contexts, None, asks)
    weights, blend, blank = decode_tables(data[1:], [Field(table.shape) for table in neutral[1:]])
    state = neutral._replace(
        weights=_bounded((weights << WEIGHT_STEP) + neutral.weights, kernel.WEIGHT_LIMIT),
        blend=_bounded((blend << BLEND_STEP) + neutral.blend, kernel.WEIGHT_LIMIT),
        blank=np.clip(blank << BLANK_STEP, 0, kernel.BLANK_MOST).astype(np.int32),
    )
    return state, contexts, asks


def pack_network(network: Network) -> bytes:
    """Kind 3: two bytes (units of the first and of the second layer), then the three tables of weights."""
    deeper, units = network.second.shape[0], network.second.shape[1] - 1
    return bytes([units, deeper]) + code_tables([_steps(table.astype(np.int64), NETWORK_STEP) for table in network])


def unpack_network(data: bytes) -> Network:
    """Inverse of pack_network. Raises FormatError."""
    if len(data) < 2 or not 1 <= data[0] <= MOST_UNITS or not 1 <= data[1] <= MOST_UNITS:
        raise FormatError("the network of a bilevel model is out of range")
    units, deeper = data[0], data[1]
    tables = decode_tables(data[2:], [Field((INPUTS, units)), Field((deeper, units + 1)), Field((1, deeper + 1))])
    return Network(*(_bounded(table << NETWORK_STEP, NETWORK_LIMIT) for table in tables))


def rounded(fitting: Fitting) -> Network:
    """The network with fitted weights, as a section keeps them."""
    unit = 1 << (WEIGHT_BITS - NETWORK_STEP)
    steps = (np.rint(table * unit).astype(np.int64) for table in (fitting.first, fitting.second, fitting.third))
    return Network(*(_bounded(table << NETWORK_STEP, NETWORK_LIMIT) for table in steps))


def _steps(values: Integers, step: int) -> Integers:
    return (values + (1 << (step - 1))) >> step


def _bounded(values: Integers, limit: int) -> npt.NDArray[np.int32]:
    return np.clip(values, -limit, limit).astype(np.int32)
