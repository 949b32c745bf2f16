"""The bytes of a context model's sections.

Kind 0, plan of a plane; kind 1, its trained bit models, shared by all efforts; kind 2, its weights at one effort, and
its network, where it has one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.context import terms
from sofc.coders.context.kernel_network import INPUTS
from sofc.coders.context.model import PlanePlan, Prediction
from sofc.coders.gridded import pack_references, unpack_references
from sofc.entropy.contexts import MOST_TERMS
from sofc.entropy.mixing import LEVELS
from sofc.entropy.mixture import (
    MOST_CONTEXTS,
    checked_counts,
    kept_weights,
    pack_weights,
    unpack_weights,
    weights_field,
    weights_of,
)
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError
from sofc.prediction import bank, expected_error
from sofc.prediction.network import (
    BIAS_LIMIT,
    MOST_UNITS,
    NO_NETWORK,
    WEIGHT_LIMIT,
    Network,
    layer_of,
)

Integers = npt.NDArray[np.int64]

BLOCK_BITS = range(4, 19)
"""A context has 2**block_bits blocks of bit models."""
HEAD = 5
MOST_LOW_BITS = 16


def pack_plan(plan: PlanePlan) -> bytes:
    """Kind 0: five bytes (references, the two planes, flags and shift, contexts), then the tables."""
    prediction = plan.prediction
    head = [
        *pack_references(prediction.references),
        plan.matches << 7 | prediction.class_map << 6 | prediction.adapts << 5 | prediction.shift,
        len(plan.contexts),
    ]
    return bytes(head) + code_tables(
        [
            prediction.thresholds,
            plan.levels,
            plan.low_bits,
            np.where(plan.contexts == terms.NO_TERM, -1, plan.contexts),
            plan.block_bits,
            prediction.error_weights[: expected_error.errors(len(prediction.references))],
            prediction.offsets,
            prediction.weights,
        ]
    )


def unpack_plan(data: bytes, plane: int, change: bytes = b"") -> PlanePlan:
    """Inverse of pack_plan, for plane number ``plane``; ``change``: what its tables differ by. Raises FormatError."""
    if len(data) < HEAD:
        raise FormatError("the plan of a context model is cut off")
    references = unpack_references(data, plane)
    count = len(references)
    packed, contexts = data[3:HEAD]
    matches, class_map, adapts, shift = packed >> 7, packed >> 6 & 1, packed >> 5 & 1, packed & 31
    if shift > 16 or not 1 <= contexts <= MOST_CONTEXTS:
        raise FormatError("the plan of a context model is out of range")
    classes = bank.CLASSES[class_map]
    fields = [
        Field((bank.THRESHOLDS[class_map],)),
        Field((LEVELS - 1,)),
        Field((LEVELS,), 0, MOST_LOW_BITS),
        Field((contexts, MOST_TERMS), -1, terms.COUNT - 1),
        Field((contexts,), BLOCK_BITS[0], BLOCK_BITS[-1]),
        Field.within(expected_error.WEIGHT_LIMIT, expected_error.errors(count)),
        Field.within(expected_error.OFFSET_LIMIT, classes),
        Field.within(bank.WEIGHT_LIMIT, classes, bank.taps(count)),
    ]
    tables = decode_tables(data[HEAD:], fields, change)
    thresholds, levels, low_bits, numbers, block_bits, errors, offsets, weights = tables
    if not (np.diff(levels) > 0).all():
        raise FormatError("the levels of a context model do not rise")
    error_weights = np.zeros(expected_error.WEIGHTS, np.int64)
    error_weights[: len(errors)] = errors
    banked = thresholds, weights, offsets, error_weights
    prediction = Prediction(references, class_map, *banked, adapts=bool(adapts), shift=shift)
    numbers = np.where(numbers < 0, terms.NO_TERM, numbers)
    return PlanePlan(prediction, levels, low_bits, numbers, block_bits, bool(matches))


FLAG = 128
"""Added to the number of weight sets where there is a network."""
NETWORK_HEAD = 5
MOST_COMPONENTS = 16
BIAS_STEP = 8
"""Biases are kept in units of 2**BIAS_STEP."""


class Mixers(NamedTuple):
    """What a plane has at one effort: how many contexts, how many weight sets are averaged, their weights at the start,
    and its network."""

    contexts: int
    sets: int
    weights: npt.NDArray[np.int32]
    network: Network = NO_NETWORK


def pack_mixers(mixers: Mixers) -> bytes:
    """Kind 2: two bytes (contexts, weight sets averaged), then what the weights differ from neutral ones. Where there
    is a network: FLAG in the second byte, three bytes (units of its first and second layer, components of what it
    says), then the tables of its layers before that of the weights."""
    contexts, sets, weights, network = mixers
    if not network.is_asked:
        return pack_weights(contexts, sets, weights)
    tables = [*network_tables(network), kept_weights(contexts, weights, forecast=True)]
    return bytes([contexts, sets | FLAG, *_sizes(network)]) + code_tables(tables)


def _sizes(network: Network) -> list[int]:
    """Units of its layers, and components of what it says."""
    return [len(network.first.biases), len(network.second.biases), len(network.last.biases) // 3]


def network_tables(network: Network) -> list[Integers]:
    """The weights and the biases of each layer, as sections keep them."""
    pairs = ((weights, biases[:, np.newaxis] >> BIAS_STEP) for weights, biases in network)
    return [table.astype(np.int64) for pair in pairs for table in pair]


def pack_network(network: Network) -> bytes:
    """What the section of the weights has more of where there is a network."""
    return bytes(_sizes(network)) + code_tables(network_tables(network))


def network_fields(data: bytes) -> list[Field]:
    """The tables of a network, by the head of its section. Raises FormatError."""
    units, deeper, components = data[2:NETWORK_HEAD]
    if not (1 <= units <= MOST_UNITS and 1 <= deeper <= MOST_UNITS and 1 <= components <= MOST_COMPONENTS):
        raise FormatError(f"a network has 1 to {MOST_UNITS} units a layer and says 1 to {MOST_COMPONENTS} components")
    sizes = (INPUTS, units, deeper, 3 * components)
    return [
        field
        for before, after in pairwise(sizes)
        for field in (Field.within(WEIGHT_LIMIT, after, before), Field.within(BIAS_LIMIT >> BIAS_STEP, after))
    ]


def unpack_mixers(data: bytes, change: bytes = b"") -> Mixers:
    """Inverse of pack_mixers; ``change``: what its tables differ by. Raises FormatError."""
    if len(data) < NETWORK_HEAD or not data[1] & FLAG:
        return Mixers(*unpack_weights(data, change))
    contexts, sets = checked_counts(data[0], data[1] ^ FLAG)
    *tables, kept = decode_tables(data[NETWORK_HEAD:], [*network_fields(data), weights_field(contexts)], change)
    layers = (layer_of(*pair) for pair in zip(tables[::2], (one << BIAS_STEP for one in tables[1::2]), strict=True))
    return Mixers(contexts, sets, weights_of(contexts, kept, forecast=True), Network(*layers))
