"""The bytes of a static model's sections: kind 0, the plan of one plane.

Six bytes: number of references; the two reference planes (0 where there is none); class map; levels; contexts. Then one
stream of the binary range coder with these tables (rows x columns), each entry the difference from the one above:
thresholds (7 or 3 x 1), offsets (classes x 1), error weights (errors x 1), edges (levels - 1 x 1), cells (levels x 36,
fraction * 9 + sides), low bits (contexts x 1), escapes (contexts x 1), frequencies (contexts x 255, the symbol of
magnitude m in column m + 127) and the bank's weights (classes x taps).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.gridded import pack_references, unpack_references
from sofc.coders.static import kernel
from sofc.coders.static.model import MAX_ESCAPE, SYMBOLS, Levels, PlaneModel, Prediction, taps
from sofc.entropy.rans import MOST_BITS, SCALE_BITS
from sofc.entropy.tables import TableReader, code_tables
from sofc.errors import FormatError
from sofc.prediction import bank, expected_error

PLAN = 0
MAX_LEVELS = 32

Integers = npt.NDArray[np.int64]


def pack_plan(model: PlaneModel) -> bytes:
    """The section of one plane."""
    prediction, levels = model.prediction, model.levels
    head = [*pack_references(prediction.references), prediction.class_map, len(levels.cells), len(levels.low_bits)]
    error_weights = prediction.error_weights[: expected_error.errors(len(prediction.references))]
    columns = [prediction.thresholds, prediction.offsets, error_weights, levels.edges]
    tables = [column[:, None] for column in columns] + [levels.cells, levels.low_bits[:, None], model.escapes[:, None]]
    centred = np.zeros((len(levels.low_bits), 2 * MAX_ESCAPE + 1), np.int64)
    for row, frequencies, escape in zip(centred, model.frequencies, model.escapes, strict=True):
        row[MAX_ESCAPE - escape : MAX_ESCAPE + escape + 1] = frequencies[: 2 * escape + 1]
    return bytes(head) + code_tables([*tables, centred, prediction.weights])


def unpack_plan(data: bytes, plane: int) -> PlaneModel:
    """Inverse of pack_plan, for plane number ``plane``. Raises FormatError."""
    if len(data) < 6:
        raise FormatError("the plan of a static model is cut off")
    references = unpack_references(data, plane)
    count = len(references)
    class_map, depth, contexts = data[3:6]
    if class_map >= len(bank.CLASSES) or not 1 <= depth <= MAX_LEVELS or contexts < 1:
        raise FormatError("the plan of a static model is out of range")
    classes = bank.CLASSES[class_map]
    tables = TableReader(data[6:])
    thresholds = tables.column(bank.THRESHOLDS[class_map])
    offsets = tables.column(classes)
    error_weights = np.zeros(expected_error.WEIGHTS, np.int64)
    error_weights[: expected_error.errors(count)] = tables.column(expected_error.errors(count))
    levels = Levels(tables.column(depth - 1), tables.table(depth, kernel.CELLS), tables.column(contexts))
    if (
        int(np.abs(offsets).max()) > expected_error.OFFSET_LIMIT
        or int(np.abs(error_weights).max()) > expected_error.WEIGHT_LIMIT
        or (np.diff(levels.edges) <= 0).any()
        or not ((levels.cells >= 0) & (levels.cells < contexts)).all()
        or not ((levels.low_bits >= 0) & (levels.low_bits <= MOST_BITS)).all()
    ):
        raise FormatError("a table of a static model is out of range")
    escapes = tables.column(contexts)
    if not ((escapes >= 1) & (escapes <= MAX_ESCAPE)).all():
        raise FormatError("a table of a static model is out of range")
    centred = tables.table(contexts, 2 * MAX_ESCAPE + 1)
    frequencies = np.zeros((contexts, SYMBOLS), np.int64)
    for row, source, escape in zip(frequencies, centred, escapes, strict=True):
        row[: 2 * escape + 1] = source[MAX_ESCAPE - escape : MAX_ESCAPE + escape + 1]
        if int(row[: 2 * escape + 1].min()) < 1 or int(row.sum()) != 1 << SCALE_BITS:
            raise FormatError("a distribution of a static model does not add up")
    weights = tables.table(classes, taps(count))
    if int(np.abs(weights).max()) > bank.WEIGHT_LIMIT:
        raise FormatError("a weight of a static model is out of range")
    prediction = Prediction(references, class_map, thresholds, weights, offsets, error_weights)
    return PlaneModel(prediction, levels, escapes, frequencies)
