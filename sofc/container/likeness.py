"""Spec likeness/plan: which images are predicted from which earlier ones, as plain data and as bytes."""

from __future__ import annotations

from typing import NamedTuple

from sofc.container import schema
from sofc.container.layouts import build, parse
from sofc.errors import FormatError

DEPARTURES, GUIDE, GOING_ON = 0, 1, 2
FLIP_ROWS, FLIP_COLUMNS, TRANSPOSE = 1, 2, 4
ARRANGEMENTS = 8
CONSTANT, EDGE, WRAP, REFLECT = range(4)
MAX_PLACE = 1 << 31
"""Rows and columns that a reference is moved by at most."""


class Placing(NamedTuple):
    """Where the samples of an image are expected to come from.

    ``reference``: number of an image of the file. Its planes are reduced by 2**``reduction``, then transposed and
    flipped as ``arrangement`` says; row ``down`` and column ``across`` of what comes of it stand in row and column 0.
    ``outside``: what is expected where it has no sample. ``component``: the one that the first is predicted from.
    """

    reference: int
    arrangement: int = 0
    outside: int = EDGE
    reduction: int = 0
    component: int = 0
    down: int = 0
    across: int = 0


class Plan(NamedTuple):
    """``placings``: by the place in the group of each image that is predicted, rising. The others, in order, are coded
    by ``mapping`` and ``model``. Of a group that goes on from an earlier one, an image of that is the reference of the
    first image."""

    way: int
    mapping: int
    model: int
    placings: dict[int, Placing]


def _zigzag(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


def _signed(value: int) -> int:
    return -(value + 1 >> 1) if value & 1 else value >> 1


def pack_plan(plan: Plan) -> bytes:
    """The bytes of a plan."""
    if plan.way == GOING_ON:
        return build(schema.LIKENESS_GOING_ON, way=GOING_ON, model=plan.model, reference=plan.placings[0].reference)
    images = []
    end = 0
    for place, one in plan.placings.items():
        images.append(
            {
                "skipped": place - end,
                "reference": one.reference,
                "turning": one.arrangement | one.outside << 3 | one.reduction << 5,
                "component": one.component,
                "down": _zigzag(one.down),
                "across": _zigzag(one.across),
            }
        )
        end = place + 1
    return build(schema.LIKENESS_PLAN, way=plan.way, mode=2 * plan.mapping, model=plan.model, images=images)


def unpack_plan(data: bytes, images: int) -> Plan:
    """The plan of a band (``images`` 1) or of a group of so many. Raises FormatError."""
    if data[:1] == bytes([GOING_ON]):
        fields = parse(schema.LIKENESS_GOING_ON, data, b"")
        return Plan(GOING_ON, 0, fields.model, {0: Placing(fields.reference)})
    fields = parse(schema.LIKENESS_PLAN, data, b"")
    placings: dict[int, Placing] = {}
    end = 0
    for one in fields.images:
        place = end + one.skipped
        down, across = _signed(one.down), _signed(one.across)
        if place >= images or one.turning >= 1 << 7 or max(abs(down), abs(across)) > MAX_PLACE:
            raise FormatError("an image is predicted in a way that cannot be")
        turning = one.turning & 7, one.turning >> 3 & 3, one.turning >> 5
        placings[place] = Placing(one.reference, *turning, one.component, down, across)
        end = place + 1
    if not placings or fields.way not in (DEPARTURES, GUIDE) or fields.mode & 1 or fields.mode >> 1 > 3:
        raise FormatError("a plan of predicted images predicts none, or in a way or mode that is not known")
    if fields.way == GUIDE and list(placings) != [0]:
        raise FormatError("a guide is for one image, the first")
    return Plan(fields.way, fields.mode >> 1, fields.model, placings)
