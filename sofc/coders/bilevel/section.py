"""The bytes of a bilevel model's sections.

Kind 0, plan of a plane; kind 1, its trained bit models, shared by all efforts; kind 2, its weights at one effort, with
all else that learns, and its network, where it has one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.bilevel import kernel, terms
from sofc.coders.bilevel.kernel import MOST_CONTEXTS, Plan, State
from sofc.coders.bilevel.kernel_network import INPUTS
from sofc.coders.bilevel.model import context_table, neutral_state
from sofc.coders.bilevel.terms import MOST_TERMS, Context
from sofc.coders.bilevel.window import NEIGHBOURS, WORDS
from sofc.coders.network_section import Architecture, network_fields, network_of, network_sizes, network_tables
from sofc.entropy.bit_models import Integers, TrainedModels
from sofc.entropy.mixing import SQUASH, STRETCH_LIMIT
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError
from sofc.prediction.network import NO_NETWORK, Network

HEAD, STATE_HEAD = 3, 4
"""Bytes before the contexts of a plan, and before the tables of weights where there is a network."""
SLOT_BITS = range(8, 21)
MOST_RATE = 16
FLAG = 128
"""Added to a byte's number to say yes."""

WEIGHT_STEP = 10
"""Weights are kept in units of 2**WEIGHT_STEP."""
BLEND_STEP = 9
BLANK_STEP = 8
NETWORKS = Architecture(INPUTS, kinds=1, outputs=1, most=1)

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


def pack_state(state: State, network: Network) -> bytes:
    """Kind 2: one byte (contexts, FLAG added where there is a network), then tables of what differs from a neutral
    state, without bit models: weights, blend, blank samples. A network has three bytes (units of its first and second
    layer, 1) and its tables before these."""
    asks = network.is_asked
    contexts = state.weights.shape[1] - 1 - asks
    neutral = neutral_state(contexts, None, asks)
    tables = [
        _steps(state.weights.astype(np.int64) - neutral.weights, WEIGHT_STEP),
        _steps(state.blend.astype(np.int64) - neutral.blend, BLEND_STEP),
        _steps(state.blank.astype(np.int64), BLANK_STEP),
    ]
    if not asks:
        return bytes([contexts]) + code_tables(tables)
    head = [contexts + FLAG, *network_sizes(network, NETWORKS)]
    return bytes(head) + code_tables([*network_tables(network), *tables])


def unpack_state(data: bytes) -> tuple[State, int, Network]:
    """The state without its bit models, how many contexts it has, and the network. Raises FormatError."""
    first, *sizes = data[:STATE_HEAD].ljust(STATE_HEAD, b"\0")
    asks, contexts = divmod(first, FLAG)
    if not 1 <= contexts <= MOST_CONTEXTS:
        raise FormatError("the weights of a bilevel model are out of range")
    neutral = neutral_state(contexts, None, bool(asks))
    fields = [*(network_fields(sizes, NETWORKS) if asks else []), *(Field(table.shape) for table in neutral[1:])]
    *tables, weights, blend, blank = decode_tables(data[STATE_HEAD if asks else 1 :], fields)
    state = neutral._replace(
        weights=_bounded((weights << WEIGHT_STEP) + neutral.weights, kernel.WEIGHT_LIMIT),
        blend=_bounded((blend << BLEND_STEP) + neutral.blend, kernel.WEIGHT_LIMIT),
        blank=np.clip(blank << BLANK_STEP, 0, kernel.BLANK_MOST).astype(np.int32),
    )
    return state, contexts, network_of(tables) if asks else NO_NETWORK


def _steps(values: Integers, step: int) -> Integers:
    return (values + (1 << (step - 1))) >> step


def _bounded(values: Integers, limit: int) -> npt.NDArray[np.int32]:
    return np.clip(values, -limit, limit).astype(np.int32)
