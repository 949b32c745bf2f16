"""The bytes of an interleaved model's sections: kind 0, the model of one plane.

Nine bytes: number of references; the two reference planes (0 where there is none); class map; bits after the point;
error shift; levels; the first rows' level; contexts. Then one stream with these tables (rows x columns): threshold
(1 x 1), error weights (errors x 1, or 64 x errors), edges (levels - 1 x 1), cells (levels x 4), frequencies
(contexts x 64) and the weights (classes x taps).
"""

from __future__ import annotations

import numpy as np

from sofc.coders.gridded import pack_references, unpack_references
from sofc.coders.interleaved import kernel
from sofc.coders.interleaved.kernel_tokens import ESCAPE
from sofc.coders.interleaved.model import FRACTION_BITS, MAX_LEVELS, SCALE, TOKENS, PlaneModel, Prediction, errors, taps
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError

PLAN = 0
HEAD = 9
GRID_WITH_ERRORS = 3
"""What stands for the grid map where error weights, too, go by the place in it."""
ERROR_WEIGHT_LIMIT = 128
"""Of the sum of a place's error weights: times the largest error it stays below 2**15."""
WEIGHT_LIMIT = (1 << 15) - 1
THRESHOLD_LIMIT = 1 << 19
EDGE_LIMIT = 1 << 15
MAX_SHIFT = 16


def pack_plan(model: PlaneModel) -> bytes:
    """The section of one plane."""
    prediction = model.prediction
    class_map = GRID_WITH_ERRORS if prediction.errors_by_place else prediction.class_map
    head = [*pack_references(prediction.references), class_map, prediction.fraction, prediction.error_shift]
    head += [len(model.cells), model.start, len(model.frequencies)]
    threshold = np.array([prediction.threshold], np.int64)
    # One row of weights stands as a column, whose numbers are predicted from each other.
    errors_around = prediction.error_weights if prediction.errors_by_place else prediction.error_weights[0]
    tables = [threshold, errors_around, model.edges, model.cells, model.frequencies, prediction.weights]
    return bytes(head) + code_tables(tables)


def unpack_plan(data: bytes, plane: int) -> PlaneModel:
    """Inverse of pack_plan, for plane number ``plane``. Raises FormatError."""
    if len(data) < HEAD:
        raise FormatError("the plan of an interleaved model is cut off")
    references = unpack_references(data, plane)
    count = len(references)
    class_map, fraction, error_shift, levels, start, contexts = data[3:HEAD]
    by_place = class_map == GRID_WITH_ERRORS
    class_map = kernel.GRID if by_place else class_map
    if (
        class_map >= len(kernel.CLASSES)
        or not FRACTION_BITS[0] <= fraction <= FRACTION_BITS[1]
        or error_shift > MAX_SHIFT
        or not 1 <= levels <= MAX_LEVELS
        or start >= levels
        or contexts < 1
    ):
        raise FormatError("the plan of an interleaved model is out of range")
    fields = [
        Field((1,), 0, THRESHOLD_LIMIT),
        Field((kernel.CLASSES[kernel.GRID], errors(count)) if by_place else (errors(count),), 0, ERROR_WEIGHT_LIMIT),
        Field.within(EDGE_LIMIT - 1, levels - 1),
        Field((levels, kernel.FRACTIONS), 0, contexts - 1),
        Field((contexts, TOKENS), 0, SCALE),
        Field.within(WEIGHT_LIMIT, kernel.CLASSES[class_map], len(taps(count))),
    ]
    threshold, error_weights, edges, cells, frequencies, weights = decode_tables(data[HEAD:], fields)
    error_weights = np.atleast_2d(error_weights)
    if int(error_weights.sum(axis=1).max()) > ERROR_WEIGHT_LIMIT or (np.diff(edges) <= 0).any():
        raise FormatError("a table of an interleaved model is out of range")
    if (frequencies.sum(axis=1) != SCALE).any() or not frequencies[:, ESCAPE].all():
        raise FormatError("a distribution of an interleaved model does not add up")
    prediction = Prediction(references, class_map, fraction, int(threshold[0]), error_shift, weights, error_weights)
    return PlaneModel(prediction, edges, start, cells, frequencies)
