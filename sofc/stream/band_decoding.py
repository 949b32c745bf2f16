"""Decoding of bands and groups: the same for those who read a file as it comes and those who pick from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from sofc.band.coding import Samples, codebooks_of, decode_band
from sofc.band.core import Before
from sofc.band.likeness import Reference
from sofc.band.predicted import (
    Extent,
    Predicted,
    decode_going_on,
    decode_others,
    decode_predicted,
    reference_of,
    unpack_predicted,
)
from sofc.codebook import Codebook
from sofc.coders.base import Coder
from sofc.container.likeness import DEPARTURES, GOING_ON, GUIDE
from sofc.container.records import COPY_MODEL, FIRST_CODEBOOK_MODEL, LIKENESS_MODEL, CodedBand, CodedGroup, ImageHead
from sofc.errors import FormatError, LimitError, SofcError, locate
from sofc.image import PixelFormat
from sofc.planes import PlaneRange
from sofc.stream.placed import Placed
from sofc.stream.references import Decoded
from sofc.stream.workers import Workers

Chunks = Callable[[int], Sequence[Placed]]
"""Gives what all samples of an earlier image are coded in: its bands, or its group. Raises FormatError."""


def _no_chunks(image: int) -> Sequence[Placed]:
    raise FormatError(f"image {image}, which another is predicted from, is not at hand")


class BandDecoder:
    """Decodes bands and groups that ``structure.check_extent`` let pass, on ``threads`` threads.

    ``codebook_of`` gives the codebook of the file that an image head names by its number, or raises where there is
    none; it is asked only for models that are in a codebook. ``chunks_of`` gives earlier images that others are
    predicted from; ``decoded`` keeps some of these.
    """

    def __init__(
        self,
        codebook_of: Callable[[int], Codebook | None],
        threads: int,
        chunks_of: Chunks = _no_chunks,
        decoded: Decoded | None = None,
    ) -> None:
        self._codebook_of = codebook_of
        self._chunks_of = chunks_of
        self._references = decoded or Decoded()
        self._last_reference: tuple[tuple[int, bool], Callable[[], Reference]] | None = None
        self._workers = Workers(threads)
        self.threads = threads
        self.close = self._workers.close

    def submit(self, placed: Placed) -> Callable[[], Samples]:
        """Begin to decode. What comes back gives the samples, or raises what ``decode_band`` does; call it once.

        Shape (rows, width) or (rows, width, components > 1); of a group with the number of images before that.
        Raises FormatError where what it is predicted from is not there.
        """
        head, coded, offset = placed
        try:
            result = self._workers.submit(self._task(placed))
        except (FormatError, LimitError) as error:
            raise locate(error, offset) from None

        def decoded() -> Samples:
            try:
                samples = result()
            except SofcError as error:
                raise locate(error, offset) from None
            height = head.header.height or 1
            return samples.reshape(-1, height, *samples.shape[1:]) if isinstance(coded, CodedGroup) else samples

        return decoded

    def _task(self, placed: Placed) -> Callable[[], Samples]:
        """What decodes a band or group, images of a group one below the other."""
        head, coded, _ = placed
        header = head.header
        if coded.model == LIKENESS_MODEL:
            predicted = unpack_predicted(coded, header)
            if predicted.plan.way == GOING_ON:
                codebook, _ = self._codebooks_for(head, predicted)
                return partial(decode_going_on, predicted, codebook, self._before(placed, predicted))
            return partial(
                decode_predicted,
                predicted,
                {
                    number: self._reference(number, may_have_guide=predicted.plan.way == DEPARTURES)
                    for number in predicted.references
                },
                *self._codebooks_for(head, predicted),
            )
        rows = image_rows = coded.rows if isinstance(coded, CodedBand) else header.height or 1
        if isinstance(coded, CodedGroup):
            rows *= coded.images
        size = {"rows": rows, "width": header.width, "image_rows": image_rows}
        return partial(
            decode_band,
            coded,
            header.format,
            self._codebook_of(head.codebook) if coded.model >= FIRST_CODEBOOK_MODEL or header.format.wide else None,
            codebooks=self._codebooks_of_parts(coded, header.format, size),
            **size,
        )

    def _before(self, placed: Placed, predicted: Predicted) -> Before:
        """Spec likeness/going-on. What gives the coder as an earlier group left it. Raises FormatError."""
        (number,) = predicted.references
        earlier = self._chunks_of(number)[0]
        coded = earlier.coded
        is_same = (coded.model, coded.mapping, earlier.head) == (predicted.plan.model, 0, placed.head)
        if not isinstance(coded, CodedGroup) or not is_same:
            raise FormatError(f"the group of image {number} is none that another of these images can go on from")
        self._references.gone_on_from.note(placed.offset, earlier.offset)
        area = Extent.of(placed.head.header, coded).area(coded.images)

        def before(coder: Coder, ranges: Sequence[PlaneRange]) -> Coder:
            return self._references.left.at(earlier.offset, lambda: coder.after(coded.streams, ranges, *area))

        return before

    def _reference(self, image: int, *, may_have_guide: bool) -> Callable[[], Reference]:
        """What gives an earlier image, which is decoded when it is first asked for. Raises FormatError.

        All bands of an image come from one: what was found last is kept, as to find it takes a step for each of its.
        """
        if self._last_reference is None or self._last_reference[0] != (image, may_have_guide):
            found = self._found_reference(image, may_have_guide=may_have_guide)
            self._last_reference = (image, may_have_guide), found
        return self._last_reference[1]

    def _found_reference(self, image: int, *, may_have_guide: bool) -> Callable[[], Reference]:
        chunks = self._chunks_of(image)
        head, first, offset = chunks[0]
        place = image - first.image
        tasks = []
        for placed in chunks:
            if placed.coded.model == COPY_MODEL:
                raise FormatError(f"image {image}, which another is predicted from, is a copy")
            if placed.coded.model != LIKENESS_MODEL:
                tasks.append(self._task(placed))
                continue
            predicted = unpack_predicted(placed.coded, head.header)
            if predicted.plan.way == GOING_ON:
                tasks.append(self._task(placed))
                continue
            if predicted.plan.way == GUIDE:
                if not may_have_guide:
                    raise FormatError(f"image {image}, which guides another, has itself a guide")
                tasks.append(self._task(placed))
                continue
            if len(chunks) > 1 or place in predicted.plan.placings:
                raise FormatError(f"image {image}, which another is predicted from, is itself predicted")
            place -= sum(one < place for one in predicted.plan.placings)
            tasks.append(partial(decode_others, predicted, *self._codebooks_for(head, predicted)))
        height = head.header.height if isinstance(first, CodedGroup) else None
        rows = slice(None) if height is None else slice(place * height, (place + 1) * height)

        def reference() -> Reference:
            samples = self._references.at(offset, lambda: np.concatenate([task() for task in tasks]))
            return reference_of(samples[rows], head.header.format)

        return reference

    def _codebooks_for(self, head: ImageHead, predicted: Predicted) -> tuple[Codebook | None, dict[int, Codebook]]:
        """The codebook of the images that are not predicted, and those of their parts. Raises FormatError."""
        own = self._codebook_of(head.codebook) if predicted.others.model >= FIRST_CODEBOOK_MODEL else None
        return own, self._found(predicted.codebooks)

    def _codebooks_of_parts(
        self, coded: CodedBand | CodedGroup, pixel_format: PixelFormat, size: dict[str, int]
    ) -> dict[int, Codebook]:
        try:
            numbers = codebooks_of(coded, pixel_format, **size)
        except FormatError:
            return {}  # decoding will say what is wrong
        return self._found(numbers)

    def _found(self, numbers: Iterable[int]) -> dict[int, Codebook]:
        found = {number: self._codebook_of(number) for number in sorted(numbers)}
        return {number: codebook for number, codebook in found.items() if codebook is not None}

    def in_order(self, items: Iterable[Placed]) -> Iterator[Samples]:
        """The samples of all items, one after the other; the next ones are being decoded meanwhile."""
        ahead: deque[Callable[[], Samples]] = deque()
        try:
            for item in items:
                ahead.append(self.submit(item))
                if len(ahead) == self.threads:
                    yield ahead.popleft()()
            while ahead:
                yield ahead.popleft()()
        finally:
            self.close()
