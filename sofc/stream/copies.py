"""Spec container/copies: bands and groups whose samples stood in the file before take a few bytes.

A decoder keeps the last NEAREST coded bands, of at most WINDOW bytes, and no samples. Who picks from a file reads one
chunk more.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.container import schema
from sofc.container.layouts import parse
from sofc.container.records import COPY_MODEL, LIKENESS_MODEL, CodedBand, CodedGroup, CodedSamples
from sofc.errors import FormatError
from sofc.image import MAX_DIMENSION, ImageHeader
from sofc.limits import Limits
from sofc.stream.placed import Placed

WINDOW = 1 << 25
"""A chunk is copied from no further away than so many bytes."""
NEAREST = 1 << 16
"""Nor with more bands and groups in between, which bounds what a decoder keeps besides their bytes."""
LEAST = 16
"""What takes no more bytes is coded again: a copy would take as many."""

LEAST_CHANGES = 256
"""A copy of an image of fewer differences between neighbours ends no group: in its group it takes less than a chunk."""

Coded = CodedBand | CodedGroup


def is_near(distance: int, steps: int) -> bool:
    """Whether a decoder still has what stands so many bytes before, and so many steps from a band or group to the
    next."""
    return distance <= WINDOW and steps <= NEAREST


def distance_of(coded: Coded) -> int:
    """How many bytes before a copy the chunk begins that it copies. Raises FormatError."""
    kind = schema.BAND if isinstance(coded, CodedBand) else schema.GROUP
    if len(coded.streams) != 1 or coded.mapping != 0:
        raise FormatError("a copy has one stream and no mapping", chunk=kind.decode())
    distance: int = parse(schema.VarInt, coded.streams[0], kind)
    if not 1 <= distance <= WINDOW:
        raise FormatError(f"a copy of what begins {distance} bytes before it", chunk=kind.decode())
    return distance


def copied(coded: Coded, earlier: Coded | None) -> Coded:
    """A copy, coded as what it copies; ``earlier``: what begins where it says. Raises FormatError."""
    if type(earlier) is not type(coded) or earlier.model in (COPY_MODEL, LIKENESS_MODEL):
        kind = "band" if isinstance(coded, CodedBand) else "group"
        raise FormatError(f"a copy of what is no {kind}, or is itself a copy or predicted")
    return replace(coded, model=earlier.model, streams=earlier.streams, mapping=earlier.mapping)


class Earlier:
    """The bands and groups that those to come may be copies of, or follow from."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: OrderedDict[int, Placed] = OrderedDict()  # by where their chunks begin
        self._places: list[tuple[int, int, int]] = []  # of the same: the (first) image, the first row, and that offset

    def resolved(self, placed: Placed) -> Coded:
        """A band or group; a copy as what it copies. Raises FormatError."""
        coded, offset = placed.coded, placed.offset
        gone = 0
        while self._known and (len(self._known) > NEAREST or next(iter(self._known)) < offset - WINDOW):
            self._known.popitem(last=False)
            gone += 1
        del self._places[:gone]
        earlier = self._known.get(offset - distance_of(coded)) if coded.model == COPY_MODEL else None
        self._known[offset] = placed
        self._places.append((coded.image, coded.first_row if isinstance(coded, CodedBand) else 0, offset))
        return coded if coded.model != COPY_MODEL else copied(coded, None if earlier is None else earlier.coded)

    def chunks_of(self, image: int) -> list[Placed]:
        """All bands of an image, or the group that holds it. Raises as ``whole`` does."""
        end = bisect_right(self._places, (image, MAX_DIMENSION, 0))
        first = min(bisect_right(self._places, (image, -1, 0)), max(0, end - 1))
        return whole(image, [self._known[offset] for _, _, offset in self._places[first:end]], self._limits)

    def are_near(self, begins: int, offset: int) -> bool:
        """Whether the band or group that begins there is among them, of which the last is that at ``offset``."""
        return begins in self._known


def whole(image: int, chunks: Sequence[Placed], limits: Limits) -> list[Placed]:
    """The bands of an image, or its group, if they hold all of it. Raises FormatError where they do not, and LimitError
    where it has more samples than a band may have."""
    reached = 0
    for head, coded, _ in chunks:
        if isinstance(coded, CodedGroup):
            if len(chunks) == 1 and coded.image <= image < coded.end:
                return list(chunks)
            break
        if coded.image != image or coded.first_row != reached:
            break
        reached = coded.end
        limits.check_band(head.header.row_words * reached)
        if coded is chunks[-1].coded and reached == (head.header.height or reached):
            return list(chunks)
    raise FormatError(f"image {image}, which another is predicted from, is not among those kept")


class Key:
    """What tells the samples of a band or group, given as their bytes, from others: groups copy groups, and bands copy
    bands. Their digest is taken once they are compared with any; until then they are kept."""

    def __init__(self, is_group: bool, header: ImageHeader, image_rows: int, samples: memoryview) -> None:
        self._kind = is_group, header, image_rows
        self._samples: memoryview | None = samples
        self._digest = b""

    @property
    def _value(self) -> tuple[object, ...]:
        if self._samples is not None:
            self._digest, self._samples = hashlib.sha256(self._samples).digest(), None
        return (*self._kind, self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


def pays_to_copy(image: npt.NDArray[Any]) -> bool:
    """Whether an image, shape (height, width[, components]), takes more in its group than a copy outside."""
    return int(np.count_nonzero(image[:, 1:] != image[:, :-1])) >= LEAST_CHANGES


@dataclass
class _Place:
    """Where samples stand in the file, once that is known. ``codebooks``: those that their image may use; ``tiny``: how
    they are coded, if that takes little."""

    codebooks: tuple[Codebook, ...]
    offset: int = -1
    number: int = 0
    check: int = 0
    tiny: CodedSamples | None = None


class CopyFinder:
    """Finds what an encoder need not code again. What it finds follows from the samples alone, and from where they
    stand in the file: it keeps some bytes for each band, as an index does, and the samples of the first until a second
    comes."""

    def __init__(self) -> None:
        self._first: tuple[Key, _Place] | None = None  # alone so far, so that nobody asked for its digest
        self._places: dict[Key, _Place] = {}
        self._count = 0  # bands and groups so far

    def codebooks_of(self, key: Key) -> tuple[Codebook, ...] | None:
        """The codebooks under which such samples were coded, or are about to be; None where there were none."""
        place = self._place_of(key)
        return None if place is None else place.codebooks

    def _place_of(self, key: Key) -> _Place | None:
        if self._first is not None:
            if self._first[0] is key:
                return self._first[1]
            self._places = dict([self._first])
            self._first = None
        return self._places.get(key) if self._places else None

    def coded(
        self, key: Key, codebooks: tuple[Codebook, ...], code: Callable[[], CodedSamples]
    ) -> Callable[[int], CodedSamples]:
        """What gives a band or group; to be called in the order of the file with the offset where its chunk begins.

        ``code`` codes the samples under these codebooks, and is called where that is needed.
        """
        place = self._place_of(key)
        if place is None or place.codebooks != codebooks:
            place = _Place(codebooks)
            if self._places:
                self._places[key] = place
            else:
                self._first = key, place

        def at(offset: int) -> CodedSamples:
            self._count += 1
            if place.tiny is not None:
                return place.tiny
            if place.offset >= 0 and is_near(offset - place.offset, self._count - place.number):
                return CodedSamples(COPY_MODEL, place.check, (schema.VarInt.build(offset - place.offset),))
            coded = code()
            place.offset, place.number, place.check = offset, self._count, coded.check
            place.tiny = coded if sum(map(len, coded.streams)) <= LEAST else None
            return coded

        return at

    def forget(self, key: Key) -> None:
        """Take in that samples were put otherwise than they were coded last, so that they are coded again."""
        place = self._place_of(key)
        assert place is not None, "it was put"
        place.offset = -1

    def not_to_copy(self, code: Callable[[int], CodedSamples]) -> Callable[[int], CodedSamples]:
        """What gives a band or group that no other is to be a copy of; to be called as what ``coded`` gives."""

        def at(offset: int) -> CodedSamples:
            self._count += 1
            return code(offset)

        return at
