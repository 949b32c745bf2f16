"""Decoding of bands and groups: the same for those who read a file as it comes and those who pick from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from sofc.band.coding import Samples, codebooks_of, decode_band
from sofc.codebook import Codebook
from sofc.container.records import FIRST_CODEBOOK_MODEL, CodedBand, CodedGroup, ImageHead
from sofc.errors import FormatError, SofcError, locate
from sofc.image import PixelFormat
from sofc.stream.workers import Workers


class Placed(NamedTuple):
    """A band or group under its image head, and where in the file its chunk stands."""

    head: ImageHead
    coded: CodedBand | CodedGroup
    offset: int


class BandDecoder:
    """Decodes bands and groups that ``structure.check_extent`` let pass, on ``threads`` threads.

    ``codebook_of`` gives the codebook of the file that an image head names by its number, or raises where there is
    none; it is asked only for models that are in a codebook.
    """

    def __init__(self, codebook_of: Callable[[int], Codebook | None], threads: int) -> None:
        self._codebook_of = codebook_of
        self._workers = Workers(threads)
        self.threads = threads
        self.close = self._workers.close

    def submit(self, placed: Placed) -> Callable[[], Samples]:
        """Begin to decode. What comes back gives the samples, or raises what ``decode_band`` does; call it once.

        Shape (rows, width) or (rows, width, components > 1); of a group with the number of images before that.
        """
        head, coded, offset = placed
        header = head.header
        rows = image_rows = coded.rows if isinstance(coded, CodedBand) else header.height or 1
        if isinstance(coded, CodedGroup):
            rows *= coded.images
        size = {"rows": rows, "width": header.width, "image_rows": image_rows}
        result = self._workers.submit(
            decode_band,
            coded,
            header.format,
            self._codebook_of(head.codebook) if coded.model >= FIRST_CODEBOOK_MODEL or header.format.wide else None,
            codebooks=self._codebooks_of_parts(coded, header.format, size),
            **size,
        )

        def decoded() -> Samples:
            try:
                samples = result()
            except SofcError as error:
                raise locate(error, offset) from None
            return samples.reshape(-1, image_rows, *samples.shape[1:]) if isinstance(coded, CodedGroup) else samples

        return decoded

    def _codebooks_of_parts(
        self, coded: CodedBand | CodedGroup, pixel_format: PixelFormat, size: dict[str, int]
    ) -> dict[int, Codebook]:
        try:
            numbers = codebooks_of(coded, pixel_format, **size)
        except FormatError:
            return {}  # decoding will say what is wrong
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
