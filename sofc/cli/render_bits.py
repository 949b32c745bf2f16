"""Pictures of how images were coded: each beside a map of where its bits went, with the shapes that were placed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.cli import drawing
from sofc.cli.bit_maps import Spent
from sofc.cli.console import size
from sofc.cli.drawing import FAINT, Image
from sofc.coders.shape.parameters import ShapeSet
from sofc.coders.shape.placement import Pairs
from sofc.planes import Plane

_SIDE, _SMALL = 560, 270
"""Pixels that the images and the maps of all bits are wide and high at most, and those of each plane."""
_SHOWN = 99.5
"""Of the samples, so many percent take at most what is drawn brightest."""
_SINGLE = (70, 70, 84)
_COLOURS = 24


class Covered(NamedTuple):
    """A plane with the number of the shape that covers each sample, from 1, -1 for a single sample, 0 for none; and
    which samples are not zero."""

    numbers: npt.NDArray[np.int32]
    is_set: npt.NDArray[np.bool_]


def page(name: str, samples: npt.NDArray[Any], spent: Sequence[Spent], shapes: Sequence[Covered]) -> Image:
    """One image, the map of all its bits, that of each plane, and where shapes were placed, if any were.

    ``samples``: shape (rows, columns) or (rows, columns, components), drawn from their least to their largest.
    """
    total, pixels = sum(one.size for one in spent), spent[0].bits.size
    bits: npt.NDArray[np.float64] = np.sum([one.bits for one in spent], axis=0)
    most = max(0.01, float(np.percentile(_fitted(bits, _SIDE), _SHOWN)))
    title = f"{name}: {bits.shape[1]} x {bits.shape[0]}, {size(total)}, {8 * total / pixels:.3g} bits a pixel"
    heads = "".join(f", {size(one.size)} of them for {one.name}" for one in spent if one.size and not one.bits.any())
    parts = [
        drawing.text(title + heads, 18),
        drawing.beside([_picture(_visible(samples)), _heat(bits, most, _SIDE)]),
        drawing.scale_bar(most, "bits a pixel"),
    ]
    maps = [_plane(one, total) for one in spent if one.bits.any()]  # none where the head says all
    planes = []
    for number, covered in enumerate(shapes):
        if not covered.numbers.any():
            continue  # no picture of nothing
        count = len(np.unique(covered.numbers[covered.numbers > 0]))
        words = f"plane {number}: {count} shapes, each in its colour; single samples gray"
        planes.append(drawing.below([drawing.text(words, 12), _picture(_in_colours(covered))], 4))
    shelves = [drawing.on_shelves(images, 2 * _SIDE + drawing.GAP) for images in (maps, planes) if images]
    return drawing.below([*parts, *shelves])


def _plane(spent: Spent, total: int) -> Image:
    """The map of what one plane took, on a scale of its own."""
    most = max(0.01, float(np.percentile(_fitted(spent.bits, _SMALL), _SHOWN)))
    words = f"{size(spent.size)}, {100 * spent.size / total:.1f} %, brightest: {most:.2g} bits"
    return drawing.below(
        [drawing.text(spent.name, 13), drawing.text(words, 12, FAINT), _heat(spent.bits, most, _SMALL)], 2
    )


def _heat(bits: npt.NDArray[np.float64], most: float, side: int) -> Image:
    return drawing.of_colours(drawing.heat(_fitted(bits, side), most), _enlarged(bits.shape, side))


def _picture(colours: drawing.Colours) -> Image:
    """An image that is at most _SIDE pixels wide and high."""
    fitted = np.stack([_fitted(colours[..., k].astype(np.float64), _SIDE) for k in range(3)], axis=-1)
    return drawing.of_colours(fitted.round().astype(np.uint8), _enlarged(colours.shape, _SIDE))


def _enlarged(shape: tuple[int, ...], side: int) -> int:
    return max(1, side // max(shape[:2]))


def _fitted(values: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    """Means of squares of samples, as few as make at most ``side`` a row and column."""
    step = -(-max(values.shape) // side)
    if step == 1:
        return values
    rows, columns = (-(-length // step) for length in values.shape)
    padded = np.pad(values, ((0, rows * step - len(values)), (0, columns * step - values.shape[1])), mode="edge")
    means: npt.NDArray[np.float64] = padded.reshape(rows, step, columns, step).mean(axis=(1, 3))
    return means


def _visible(samples: npt.NDArray[Any]) -> drawing.Colours:
    """Samples in gray or colours, from the least dark to the largest bright."""
    chosen = (
        samples[..., :3] if samples.ndim == 3 and samples.shape[2] >= 3 else samples.reshape(*samples.shape[:2], -1)
    )
    values = chosen[..., [0, 0, 0]] if chosen.shape[2] < 3 else chosen
    values = values.astype(np.float64)
    low, high = (0.0, 255.0) if samples.dtype == np.uint8 else (float(values.min()), float(values.max()))
    visible: drawing.Colours = np.clip((values - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    return visible


def _in_colours(covered: Covered) -> drawing.Colours:
    """A colour for each shape, as different as there are; gray for single samples."""
    from colorsys import hsv_to_rgb

    # Steps of the golden ratio: numbers that follow each other lie far apart.
    table = [hsv_to_rgb(0.618 * k % 1, 0.55 + 0.4 * (k % 2), 1 - 0.25 * (k % 3 == 2)) for k in range(_COLOURS)]
    colours: drawing.Colours = np.multiply(table, 255).astype(np.uint8)[covered.numbers % _COLOURS]
    colours[covered.numbers == 0], colours[covered.numbers < 0] = drawing.PAPER, _SINGLE
    colours[~covered.is_set] //= 2
    return colours


def placed(pairs: Pairs, shapes: ShapeSet, high: Plane) -> Covered:
    """Where the pairs of a plane, whose shape layer is ``high``, stand."""
    plane = np.zeros(high.shape, np.int32)
    flat = plane.ravel()
    place = 0
    for distance, number in zip(pairs.distances.tolist(), pairs.shapes.tolist(), strict=True):
        while distance > 0 or flat[place]:
            distance -= not flat[place]
            place += 1
        y, x = divmod(place, high.shape[1])
        if number > 0:
            plane[y : y + shapes.heights[number - 1], x : x + shapes.widths[number - 1]] = number
        else:
            flat[place] = -1
    return Covered(plane, high != 0)
