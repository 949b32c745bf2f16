"""The bytes of a context model's sections.

Kind 0, plan of a plane; kind 1, its trained bit models, shared by all efforts; kind 2, its weights at one effort.
"""

from __future__ import annotations

import numpy as np

from sofc.coders.context import terms
from sofc.coders.context.model import PlanePlan, Prediction
from sofc.coders.gridded import pack_references, unpack_references
from sofc.entropy.contexts import MOST_TERMS
from sofc.entropy.mixing import LEVELS
from sofc.entropy.mixture import MOST_CONTEXTS
from sofc.entropy.tables import code_tables, decode_tables
from sofc.errors import FormatError
from sofc.prediction import bank, expected_error

BLOCK_BITS = range(4, 19)
"""A context has 2**block_bits blocks of bit models."""
HEAD = 5


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
            prediction.thresholds[:, None],
            plan.levels[:, None],
            plan.low_bits[:, None],
            np.where(plan.contexts == terms.NO_TERM, -1, plan.contexts),
            plan.block_bits[:, None],
            prediction.error_weights[: expected_error.errors(len(prediction.references)), None],
            prediction.offsets[:, None],
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
    shapes = [
        (bank.THRESHOLDS[class_map], 1),
        (LEVELS - 1, 1),
        (LEVELS, 1),
        (contexts, MOST_TERMS),
        (contexts, 1),
        (expected_error.errors(count), 1),
        (bank.CLASSES[class_map], 1),
        (bank.CLASSES[class_map], bank.taps(count)),
    ]
    thresholds, levels, low_bits, numbers, block_bits, errors, offsets, weights = decode_tables(
        data[HEAD:], shapes, change
    )
    if (
        not (np.diff(levels, axis=0) > 0).all()
        or not ((low_bits >= 0) & (low_bits <= 16)).all()
        or not ((numbers >= -1) & (numbers < terms.COUNT)).all()
        or not ((block_bits >= BLOCK_BITS.start) & (block_bits < BLOCK_BITS.stop)).all()
        or int(np.abs(errors).max()) > expected_error.WEIGHT_LIMIT
        or int(np.abs(offsets).max()) > expected_error.OFFSET_LIMIT
        or int(np.abs(weights).max()) > bank.WEIGHT_LIMIT
    ):
        raise FormatError("a table of a context model is out of range")
    error_weights = np.zeros(expected_error.WEIGHTS, np.int64)
    error_weights[: len(errors)] = errors[:, 0]
    prediction = Prediction(
        references,
        class_map,
        thresholds[:, 0],
        weights,
        offsets[:, 0],
        error_weights,
        bool(adapts),
        shift,
    )
    numbers = np.where(numbers < 0, terms.NO_TERM, numbers)
    return PlanePlan(prediction, levels[:, 0], low_bits[:, 0], numbers, block_bits[:, 0], bool(matches))
