"""Colours that were laid over a gray image, as lines, marks and contours of figures: the encoder's policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sofc.band import arranging
from sofc.band.around import from_around
from sofc.band.arranging import Arranged, Found, View, find_arrangement
from sofc.band.drawn import Mask
from sofc.band.overlay import Overlay
from sofc.band.steps import Form
from sofc.planes import Plane

COLOURS, MOST_COLOURS = 3, 2
"""Components of a colour; colours that are laid over gray, at most, as their opacities and patches of the image below
take no more samples than the image has."""
LEAST_TINTED, MOST_TINTED = 64, 0.2
"""Samples that have a colour, at least, and the share of those that have, at most."""
PROBE = 16
"""One row in so many is looked at first."""


class Laid(NamedTuple):
    """A colour and its ``opacity`` (one component, all or nothing in each place), which is ``found`` to be arranged."""

    overlay: Overlay
    opacity: View
    found: Found


class Tinted(NamedTuple):
    """A gray image below colours: what was laid over it, the first on top, what the image shows below, and ``whole``,
    what all of it shows."""

    laid: Sequence[Laid]
    below: View
    core: Arranged
    whole: Arranged


def find_tints(view: View) -> tuple[list[Laid], View] | None:
    """The colours that were laid over an image whose other samples are gray, and what may be below: gray everywhere,
    under a colour as around it."""
    planes, form = view
    if form.components != COLOURS or form.images > 1:
        return None
    probe = _tinted([plane[::PROBE] for plane in planes])
    if probe.mean() >= MOST_TINTED:
        return None
    tinted = _tinted(planes)
    if not LEAST_TINTED <= np.count_nonzero(tinted) < MOST_TINTED * tinted.size:
        return None
    seen = np.stack([plane[tinted] for plane in planes])
    colours, which = np.unique(seen, axis=1, return_inverse=True)
    if colours.shape[1] > MOST_COLOURS:
        return None
    laid = []
    for number, colour in enumerate(colours.T):
        opacity = np.zeros(tinted.shape, np.int32)
        opacity[tinted] = np.where(which.reshape(-1) == number, (1 << form.bits) - 1, 0)
        opaque = View([opacity], replace(form, components=1))
        laid.append(Laid(Overlay(tuple(map(int, colour))), opaque, find_arrangement(opaque)))
    gray = np.rint(from_around(planes[0], ~tinted)).astype(np.int32)
    return laid, View([gray] * COLOURS, form)


def forms_of(found: Arranged | Tinted) -> Iterator[Form]:
    """The forms of what may be coded in the end."""
    if isinstance(found, Tinted):
        yield from arranging.forms_of(found.core)
        yield from arranging.forms_of(found.whole)
        for laid in found.laid:  # last, as codebooks are named as far as they are used
            yield from arranging.forms_of(laid.found)
    else:
        yield from arranging.forms_of(found)


def _tinted(planes: Sequence[Plane]) -> Mask:
    """Where components differ."""
    mask: Mask = (planes[0] != planes[1]) | (planes[0] != planes[2])
    return mask
