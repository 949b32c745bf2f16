"""Decoding of bands and groups: the same for those who read a file as it comes and those who pick from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

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
from sofc.stream.costs import Account, Asked, decoding_cost
from sofc.stream.placed import Placed
from sofc.stream.references import Decoded
from sofc.stream.workers import Workers


class EarlierChunks(Protocol):
    """What stood in the file before."""

    def chunks_of(self, image: int) -> Sequence[Placed]:
        """What all samples of an image are coded in: its bands, or its group. Raises FormatError or LimitError."""

    def are_near(self, begins: int, offset: int) -> bool:
        """Spec likeness/plan. Whether a band or group at ``offset`` may need the one that begins at ``begins``."""


class NothingEarlier:
    """Where there is nothing before."""

    def chunks_of(self, image: int) -> Sequence[Placed]:
        """Raises FormatError."""
        raise FormatError(f"image {image}, which another is predicted from, is not at hand")

    def are_near(self, begins: int, offset: int) -> bool:
        """Never."""
        return False


class Task(NamedTuple):
    """How a band or group is decoded. ``cost``: Spec likeness/cost; ``earliest``: where the first band or group begins
    that this takes."""

    run: Callable[[], Samples]
    earliest: int
    cost: int = 0


class FoundReference(NamedTuple):
    """An earlier image that another follows from. ``earliest``: where the first begins of all that it takes. ``get``
    decodes it, and holds what was decoded last for who asks, by where it begins: that costs nothing once more, whatever
    others ask for meanwhile."""

    asked: Asked
    earliest: int
    get: Callable[[dict[int, Samples]], Reference]


def _extent_of(placed: Placed) -> Extent:
    return Extent.of(placed.head.header, placed.coded)


def _cost(predicted: Predicted, asked: Iterable[Asked]) -> int:
    """Spec likeness/cost. That of a band or group. Raises FormatError where it is more than it may be."""
    extent, account = predicted.extent, Account()
    tables = extent.header.format.components if predicted.plan.way == DEPARTURES else 0
    for one in asked:
        account = account.after(one, tables)
        if not account.fits(extent.samples):
            raise FormatError(f"{extent.samples} samples ask for more of earlier images than so few may")
    return account.cost


class BandDecoder:
    """Decodes bands and groups that ``structure.check_extent`` let pass, on ``threads`` threads.

    ``codebook_of`` gives the codebook of the file that an image head names by its number, or raises where there is
    none; it is asked only for models that are in a codebook. ``earlier`` has the images that others are predicted from;
    ``decoded`` keeps some of these.
    """

    def __init__(
        self,
        codebook_of: Callable[[int], Codebook | None],
        threads: int,
        earlier: EarlierChunks | None = None,
        decoded: Decoded | None = None,
    ) -> None:
        self._codebook_of = codebook_of
        self._earlier = earlier or NothingEarlier()
        self._references = decoded or Decoded()
        self._last_reference: tuple[tuple[int, bool], FoundReference] | None = None
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
            task = self._task(placed)
            self._check_near(task.earliest, offset)
            result = self._workers.submit(task.run)
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

    def _task(self, placed: Placed) -> Task:
        """What decodes a band or group, images of a group one below the other. Raises FormatError or LimitError."""
        head, coded, offset = placed
        header = head.header
        if coded.model == LIKENESS_MODEL:
            return self._predicted_task(placed, unpack_predicted(coded, header))
        rows = image_rows = coded.rows if isinstance(coded, CodedBand) else header.height or 1
        if isinstance(coded, CodedGroup):
            rows *= coded.images
        size = {"rows": rows, "width": header.width, "image_rows": image_rows}
        decode = partial(
            decode_band,
            coded,
            header.format,
            self._codebook_of(head.codebook) if coded.model >= FIRST_CODEBOOK_MODEL or header.format.wide else None,
            codebooks=self._codebooks_of_parts(coded, header.format, size),
            **size,
        )
        if isinstance(coded, CodedGroup) and coded.images > 1 and self._references.gone_on_from.has(offset):
            # It is a long one, out of which others may be wanted: whoever gives an image of it away copies that.
            return Task(partial(self._references.at, offset, decode), offset)
        return Task(decode, offset)

    def _predicted_task(self, placed: Placed, predicted: Predicted) -> Task:
        """What decodes one that follows from what is earlier."""
        numbers = predicted.references
        own, others = self._codebooks_for(placed.head, predicted)
        if predicted.plan.way == GOING_ON:
            earlier = self._group_before(placed, predicted)
            cost = _cost(predicted, [Asked(0, 0, earlier.offset, decoding_cost(_extent_of(earlier).samples))])
            return Task(partial(decode_going_on, predicted, own, self._before(placed, earlier)), earlier.offset, cost)
        found: dict[int, FoundReference] = {}

        def asked() -> Iterator[Asked]:
            for one in predicted.plan.placings.values():
                if one.reference not in numbers:
                    yield Asked(predicted.extent.image_samples, placed.head.header.format.coded_bits)
                    continue
                if one.reference not in found:
                    may_have_guide = predicted.plan.way == DEPARTURES
                    found[one.reference] = self._reference(one.reference, may_have_guide=may_have_guide)
                yield found[one.reference].asked

        cost = _cost(predicted, asked())
        held: dict[int, Samples] = {}
        references = {number: partial(one.get, held) for number, one in found.items()}
        earliest = min([placed.offset, *(one.earliest for one in found.values())])
        return Task(partial(decode_predicted, predicted, references, own, others), earliest, cost)

    def _group_before(self, placed: Placed, predicted: Predicted) -> Placed:
        """Spec likeness/going-on. The group that one goes on from. Raises FormatError."""
        (number,) = predicted.references
        earlier = self._earlier.chunks_of(number)[0]
        coded = earlier.coded
        is_same = (coded.model, coded.mapping, earlier.head) == (predicted.plan.model, 0, placed.head)
        if not isinstance(coded, CodedGroup) or not is_same:
            raise FormatError(f"the group of image {number} is none that another of these images can go on from")
        return earlier

    def _before(self, placed: Placed, earlier: Placed) -> Before:
        """What gives the coder as an earlier group left it. Raises FormatError."""
        self._references.gone_on_from.note(placed.offset, earlier.offset)
        extent = _extent_of(earlier)
        area = extent.area(extent.images)

        def before(coder: Coder, ranges: Sequence[PlaneRange]) -> Coder:
            return self._references.left.at(earlier.offset, lambda: coder.after(earlier.coded.streams, ranges, *area))

        return before

    def _check_near(self, begins: int, offset: int) -> None:
        """Raises FormatError where a decoder need not have what begins there any more."""
        if begins != offset and not self._earlier.are_near(begins, offset):
            raise FormatError("samples follow from what stands too far before them")

    def _reference(self, image: int, *, may_have_guide: bool) -> FoundReference:
        """An earlier image, which is decoded when it is first asked for. Raises FormatError.

        All bands of an image come from one: what was found last is kept, as to find it takes a step for each of its.
        """
        if self._last_reference is None or self._last_reference[0] != (image, may_have_guide):
            found = self._found_reference(image, may_have_guide=may_have_guide)
            self._last_reference = (image, may_have_guide), found
        return self._last_reference[1]

    def _found_reference(self, image: int, *, may_have_guide: bool) -> FoundReference:
        chunks = self._earlier.chunks_of(image)
        head, first, offset = chunks[0]
        header = head.header
        place = image - first.image
        tasks: list[Task] = []
        decoding = 0
        for placed in chunks:
            if placed.coded.model == COPY_MODEL:
                raise FormatError(f"image {image}, which another is predicted from, is a copy")
            samples = _extent_of(placed).samples
            task = None
            if placed.coded.model == LIKENESS_MODEL:
                predicted = unpack_predicted(placed.coded, header)
                if predicted.plan.way == GUIDE and not may_have_guide:
                    raise FormatError(f"image {image}, which guides another, has itself a guide")
                if predicted.plan.way == DEPARTURES:
                    if len(chunks) > 1 or place in predicted.plan.placings:
                        raise FormatError(f"image {image}, which another is predicted from, is itself predicted")
                    place -= sum(one < place for one in predicted.plan.placings)
                    samples = predicted.others_count * predicted.extent.image_samples
                    task = Task(partial(decode_others, predicted, *self._codebooks_for(head, predicted)), offset)
            tasks.append(task or self._task(placed))
            decoding += decoding_cost(samples, tasks[-1].cost)
        height = header.height if isinstance(first, CodedGroup) else None
        rows = slice(None) if height is None else slice(place * height, (place + 1) * height)

        def decode() -> Samples:
            bands = [task.run() for task in tasks]
            return np.concatenate(bands) if len(bands) > 1 else bands[0]

        def reference(held: dict[int, Samples]) -> Reference:
            if offset not in held:
                held.clear()
                held[offset] = self._references.at(offset, decode)
            return reference_of(held[offset][rows], header.format)

        image_samples = sum(_extent_of(placed).image_samples for placed in chunks)
        asked = Asked(image_samples, header.format.coded_bits, offset, decoding)
        return FoundReference(asked, min(task.earliest for task in tasks), reference)

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
