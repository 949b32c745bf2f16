"""The bytes of a static model's sections: kind 0, the plan of one plane.

Six bytes: number of references; the two reference planes (0 where there is none); class map; levels; contexts. Then one
stream of the binary range coder with these tables (rows x columns), each entry the difference from the one above:
thresholds (7 or 3 x 1), offsets (classes x 1), mark weights (marks x 1), edges (levels - 1 x 1), cells (levels x 36,
fold * 9 + agreement), plain bits (contexts x 1), reaches (contexts x 1), frequencies (contexts x 255, the symbol of
magnitude m in column m + 127) and the bank's weights (classes x taps).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.static import kernel as static
from sofc.coders.static.plan import MAX_REACH, SYMBOLS, Levels, PlanePlan, Prediction, marks, taps
from sofc.entropy.tables import TableReader, code_tables
from sofc.errors import FormatError

PLAN = 0
MAX_LEVELS = 32
WEIGHT_LIMIT = 1 << 18
OFFSET_LIMIT = 1 << 20
MARK_WEIGHT_LIMIT = 1 << 12

Integers = npt.NDArray[np.int64]


def pack_plan(plan: PlanePlan) -> bytes:
    """The section of one plane."""
    prediction, levels = plan.prediction, plan.levels
    numbers = [*prediction.references, 0, 0][:2]
    head = [len(prediction.references), *numbers, prediction.class_map, len(levels.cells), len(levels.plain)]
    mark_weights = prediction.mark_weights[: marks(len(prediction.references))]
    columns = [prediction.thresholds, prediction.offsets, mark_weights, levels.edges]
    tables = [column[:, None] for column in columns] + [levels.cells, levels.plain[:, None], plan.reaches[:, None]]
    centred = np.zeros((len(levels.plain), 2 * MAX_REACH + 1), np.int64)
    for row, frequencies, reach in zip(centred, plan.frequencies, plan.reaches, strict=True):
        row[MAX_REACH - reach : MAX_REACH + reach + 1] = frequencies[: 2 * reach + 1]
    return bytes(head) + code_tables([*tables, centred, prediction.weights])


def unpack_plan(data: bytes, plane: int) -> PlanePlan:
    """Inverse of pack_plan, for plane number ``plane``. Raises FormatError."""
    if len(data) < 6:
        raise FormatError("the plan of a static model is cut off")
    count, first, second, class_map, depth, contexts = data[:6]
    references = (first, second)[:count]
    if (
        count > 2
        or any(reference >= plane for reference in references)
        or any((first, second)[count:])
        or class_map >= len(static.CLASSES)
        or not 1 <= depth <= MAX_LEVELS
        or contexts < 1
    ):
        raise FormatError("the plan of a static model is out of range")
    classes = static.CLASSES[class_map]
    tables = TableReader(data[6:])
    thresholds = tables.column(static.THRESHOLDS[class_map])
    offsets = tables.column(classes)
    mark_weights = np.zeros(static.MARK_WEIGHTS, np.int64)
    mark_weights[: marks(count)] = tables.column(marks(count))
    levels = Levels(tables.column(depth - 1), tables.table(depth, static.CELLS), tables.column(contexts))
    if (
        int(np.abs(offsets).max()) > OFFSET_LIMIT
        or int(np.abs(mark_weights).max()) > MARK_WEIGHT_LIMIT
        or (np.diff(levels.edges) <= 0).any()
        or not ((levels.cells >= 0) & (levels.cells < contexts)).all()
        or not ((levels.plain >= 0) & (levels.plain <= static.MOST_BITS)).all()
    ):
        raise FormatError("a table of a static model is out of range")
    reaches = tables.column(contexts)
    if not ((reaches >= 1) & (reaches <= MAX_REACH)).all():
        raise FormatError("a table of a static model is out of range")
    centred = tables.table(contexts, 2 * MAX_REACH + 1)
    frequencies = np.zeros((contexts, SYMBOLS), np.int64)
    for row, source, reach in zip(frequencies, centred, reaches, strict=True):
        row[: 2 * reach + 1] = source[MAX_REACH - reach : MAX_REACH + reach + 1]
        if int(row[: 2 * reach + 1].min()) < 1 or int(row.sum()) != 1 << static.SCALE_BITS:
            raise FormatError("a distribution of a static model does not add up")
    weights = tables.table(classes, taps(count))
    if int(np.abs(weights).max()) > WEIGHT_LIMIT:
        raise FormatError("a weight of a static model is out of range")
    prediction = Prediction(references, class_map, thresholds, weights, offsets, mark_weights)
    return PlanePlan(prediction, levels, reaches, frequencies)
