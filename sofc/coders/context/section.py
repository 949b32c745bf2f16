"""The bytes of a context model's sections.

Kind 0, plan of a plane; kind 1, its trained bit models, shared by all efforts; kind 2, its weights at one effort, and
its network, where it has one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.base import MAX_COUNTERS
from sofc.coders.context import terms
from sofc.coders.context.kernel import PLAIN_MODELS
from sofc.coders.context.kernel_network import INPUTS
from sofc.coders.context.model import PlaneModel, PlanePlan, Prediction
from sofc.coders.gridded import pack_references, unpack_references
from sofc.coders.network_section import Architecture, unpack_mixers
from sofc.coders.plane_sections import PlaneSections
from sofc.entropy.changes import pack_table_changes
from sofc.entropy.contexts import BLOCK, MOST_TERMS
from sofc.entropy.mixing import LEVELS
from sofc.entropy.mixture import MOST_CONTEXTS, TRAINED, MixingState
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError, LimitError
from sofc.prediction import bank, expected_error

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


def pack_plan_change(plan: PlanePlan, weights: Integers, shift: int) -> bytes:
    """The change of a plan's section where its predictors alone change: by so many (classes, taps) times 2**shift."""
    prediction = plan.prediction
    columns = prediction.thresholds, plan.levels, plan.low_bits
    between = (plan.block_bits, np.zeros(expected_error.errors(len(prediction.references))), prediction.offsets)
    before = [(len(column), 1) for column in columns], [plan.contexts.shape], [(len(column), 1) for column in between]
    same = [(np.zeros(shape, np.int64), 0) for shapes in before for shape in shapes]
    return pack_table_changes([*same, (weights, shift)])


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


NETWORKS = Architecture(INPUTS, kinds=1, outputs=3, most=16)


def unpack_model(plan: PlanePlan, own: PlaneSections, change: bytes = b"", room: int = MAX_COUNTERS) -> PlaneModel:
    """A plane's model at one effort, of at most ``room`` bit models; ``change``: what its weights differ by. Raises
    FormatError, LimitError."""
    used, sets, weights, network = unpack_mixers(own.weights, NETWORKS, change)
    if used > len(plan.contexts):
        raise FormatError("the weights of a context model are for more contexts than it has")
    starts = plan.starts(len(plan.contexts)) * BLOCK
    if starts[used] > room:
        raise LimitError(f"a context model has more than {MAX_COUNTERS} bit models")
    models = TRAINED.states[TRAINED.symbols(own.bit_models, starts, used)]
    return PlaneModel(plan, sets, MixingState.trained(used, models, weights, PLAIN_MODELS), network)
