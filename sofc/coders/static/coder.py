"""The static coder: trained prediction and tables, two interleaved rANS states.

A plane's stream is one of ``entropy.rans``, over the images of a group one after the other. In front of plane 0's
stands one byte, the place of the first sample in the 8 x 8 grid (row * 8 + column), where any plane has the grid map.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.coders.gridded import GridCoder
from sofc.coders.static import kernel
from sofc.coders.static.model import PlaneModel, Prediction
from sofc.coders.static.section import unpack_plan
from sofc.entropy.rans import SymbolReader, pack_symbols
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank
from sofc.prediction.bank import Neighbourhood

Found = tuple[Neighbourhood, bank.Traced]
"""A plane that was predicted, with its log errors, and what was predicted."""
Coded = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]
"""A plane and its log errors, padded."""


class StaticCoder(GridCoder[PlaneModel]):
    """Codes planes by rANS."""

    id = 3
    name = "static"

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> StaticCoder:
        """One section for each plane. Raises FormatError."""
        if not sections:
            raise FormatError("a static model has at least one section")
        return cls([unpack_plan(section, plane) for plane, section in enumerate(sections)])

    @property
    def uses_grid(self) -> bool:
        """Whether any bank has the grid map."""
        return any(model.prediction.class_map == bank.GRID for model in self.models)

    def find_grid(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> int:
        """The place under which the first image's first plane is predicted best."""
        return find_grid(planes[0][:image_rows], self.models[0].prediction, ranges[0])

    def encode_planes(
        self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, grid: int
    ) -> list[bytes]:
        """One stream for each plane."""
        symbols: list[list[npt.NDArray[np.int32]]] = [[] for _ in self.models]
        for top in range(0, len(planes[0]), image_rows):
            references: list[Coded] = []
            for model, plane, span, done in zip(self.models, planes, ranges, symbols, strict=False):
                around = known(model.prediction, plane[top : top + image_rows], span, references)
                done.append(_symbols(around, model, span.size, largest_of(ranges), grid))
                references.append(as_reference(around))
        return [pack_symbols(np.concatenate(done)) for done in symbols]

    def decode_planes(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], shape: tuple[int, int], image_rows: int, grid: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream leads outside a plane's range."""
        rows, width = shape
        readers = [SymbolReader(stream) for stream in streams]
        planes = [np.empty(shape, np.int32) for _ in self.models]
        largest = largest_of(ranges)
        for top in range(0, rows, image_rows):
            references: list[Coded] = []
            image_shape = min(image_rows, rows - top), width
            for model, reader, span, plane in zip(self.models, readers, ranges, planes, strict=True):
                around = neighbourhood(model.prediction, image_shape, span.size, references)
                _decode_image(around, model, span.size, largest, grid, reader)
                plane[top : top + image_rows] = bank.inside(around.plane) + np.int32(span.low)
                references.append(as_reference(around))
        for reader in readers:
            reader.finish()
        return planes


def largest_of(ranges: Sequence[PlaneRange]) -> int:
    """The largest sample that any plane may have, planes starting at zero."""
    return max(span.size for span in ranges)


def neighbourhood(
    prediction: Prediction, shape: tuple[int, ...], maximum: int, references: Sequence[Coded]
) -> Neighbourhood:
    """That of a plane to fill, of samples 0 .. maximum, after those of the same image that came before it."""
    own = np.full((shape[0] + 2 * bank.PAD, shape[1] + 2 * bank.PAD), (maximum + 1) // 2, np.int32)
    errors = np.full(own.shape, bank.START_ERROR, np.uint8)
    # The plane stands itself in for a missing reference.
    first, second = [*(references[number] for number in prediction.references), (own, errors), (own, errors)][:2]
    return Neighbourhood(own, first[0], second[0], errors, first[1], second[1], len(prediction.references))


def known(prediction: Prediction, plane: Plane, span: PlaneRange, references: Sequence[Coded]) -> Neighbourhood:
    """The same of a plane that is known."""
    around = neighbourhood(prediction, plane.shape, span.size, references)
    np.subtract(plane, np.int32(span.low), out=bank.inside(around.plane))
    return around


def as_reference(around: Neighbourhood) -> Coded:
    """A coded plane as those after it see it: beyond its edges they repeat."""
    plane, errors = (bank.padded(bank.inside(own), 0, edges=True) for own in (around.plane, around.errors))
    return plane, errors


def trace_image(
    planes: Sequence[Plane], predictions: Sequence[Prediction], ranges: Sequence[PlaneRange], grid: int
) -> list[Found]:
    """Predict all samples of an image's planes, which start at zero; the neighbourhoods hold their log errors."""
    result: list[Found] = []
    references: list[Coded] = []
    for plane, prediction, span in zip(planes, predictions, ranges, strict=False):
        around = known(prediction, plane, PlaneRange(0, span.size), references)
        traced = bank.Traced.empty(plane.shape)
        kernel.trace(*_arguments(around, prediction, span.size, largest_of(ranges), grid), traced)
        result.append((around, traced))
        references.append(as_reference(around))
    return result


GRID_ROWS, GRID_COLUMNS = 128, 128
"""Size of the piece, cut from the middle of an image, that its grid is looked for in. Of fewer rows one cannot tell in
which of them blocks begin: at 32 x 256 files of PH2 took 1 % more."""


def find_grid(image: Plane, prediction: Prediction, span: PlaneRange) -> int:
    """Place of the first sample in the 8 x 8 grid (row * 8 + column) under which plane 0's bank predicts best."""
    if image.size < 4096 or prediction.class_map != bank.GRID:
        return 0
    top, left = (
        max(0, (side - most) // 2) // kernel.PERIOD * kernel.PERIOD
        for side, most in zip(image.shape, (GRID_ROWS, GRID_COLUMNS), strict=True)
    )
    piece = image[top : top + GRID_ROWS, left : left + GRID_COLUMNS]
    around = known(prediction, piece, span, ())
    return int(kernel.find_grid(*_arguments(around, prediction, span.size, span.size, 0)))


Arguments = tuple[Neighbourhood, bank.Bank, kernel.Weights, kernel.Scratch]


def _arguments(around: Neighbourhood, prediction: Prediction, maximum: int, largest: int, grid: int) -> Arguments:
    """What every kernel takes. ``largest``: the largest sample of any plane."""
    wide = prediction.is_wide(largest)
    return around, prediction.bank(grid, maximum), prediction.table(wide), kernel.scratch_for(around, wide)


def _symbols(around: Neighbourhood, model: PlaneModel, maximum: int, largest: int, grid: int) -> npt.NDArray[np.int32]:
    """Codes of the symbols of a plane."""
    arguments, samples = _arguments(around, model.prediction, maximum, largest, grid), around.plane.size
    size = samples + samples // 4 + (samples if model.levels.low_bits.any() else 0)
    while True:
        codes = np.empty(size, np.int32)
        count = kernel.list_symbols(*arguments, model.distributions, codes)
        if count >= 0:
            return codes[:count]
        size = (kernel.MOST_CODES + 1) * samples


def _decode_image(
    around: Neighbourhood, model: PlaneModel, maximum: int, largest: int, grid: int, reader: SymbolReader
) -> None:
    """Decode one plane of one image. Raises FormatError."""
    arguments = _arguments(around, model.prediction, maximum, largest, grid)
    if kernel.decode(*arguments, model.distributions, reader.words, reader.states) != kernel.OK:
        raise FormatError("a stream of the static coder leads outside the plane's range")
