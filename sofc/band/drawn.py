"""What follows from the origin that planes show, and where that is not what they have: an encoder's affair."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import numpy.typing as npt

from sofc.band.placing_steps import Orient
from sofc.band.shown import Shown
from sofc.band.steps import Form
from sofc.band.ways import Way
from sofc.planes import Plane

Mask = npt.NDArray[np.bool_]


def drawn_in(form: Form, shown: Shown) -> list[Plane]:
    """What follows in the place of planes of a form from what they show after some steps: an origin must be known."""
    forms = list(accumulate(shown.steps, lambda form, step: step.core(form), initial=form))
    planes = _drawn_samples(shown.traced[0])
    for step, form in zip(reversed(shown.steps), reversed(forms[:-1]), strict=True):
        planes = step.undo(planes, form)
    return planes


def missed_of(shown: Shown) -> Mask | None:
    """Which samples of an image do not come out of its origin; None where it has none, or after turning it."""
    if not shown.traced or any(isinstance(step, Orient) for step in shown.steps):
        return None
    way = shown.traced[0]
    missed: Mask = np.logical_or.reduce(
        [drawn != plane for drawn, plane in zip(_drawn(way), _found_planes(way), strict=True)]
    )
    return missed


def _drawn(way: Way) -> list[Plane]:
    """What decoders make of the origins of planes."""
    assert way.found is not None, "it was traced"
    shape = way.view.planes[0].shape
    return [origin.draw_and_keep(shape) for each in way.found.origins for origin in each.origins]


def _found_planes(way: Way) -> list[Plane]:
    """The planes as they are coded by their origins."""
    assert way.found is not None, "it was traced"
    return [plane for each in way.found.origins for plane in each.planes]


def _drawn_samples(way: Way) -> list[Plane]:
    """The samples that follow from the origins of planes."""
    assert way.transformed is not None, "it was traced"
    drawn = _drawn(way)
    if not way.transform.corrections:
        return drawn
    return way.transform.inverse([*drawn, *way.transform.uncorrected(way.transformed[len(drawn) :])])
