"""Spec appendix-kept-files/jpeg-heads: JPEG data as heads, coefficients, and what its encoder was free to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, LimitError
from sofc.jpeg import arithmetic, scan
from sofc.jpeg.dct import SIZE
from sofc.jpeg.freedom import ENDS_FOLLOW, USUAL, Said, hear, pack_numbers, say, unpack_numbers
from sofc.jpeg.headers import DamagedError, Frame, Heads, Integers, Scan

Blocks = npt.NDArray[np.int32]
"""Shape (rows of blocks, blocks in a row, 64), coefficients by number."""
MOST_SCANS = 256
MOST_BLOCKS = 1 << 21
"""Blocks of the components of one picture."""
LARGEST_STEP = 255
_LINES = b"\xff\xdc\0\x04"
MOST_LEFT_OUT = 16
"""Bytes at the end of arithmetic codes that may be missing."""


@dataclass(frozen=True)
class Coded:
    """One scan: bytes that come before its data, its units from the first on that are coded, and its freedom."""

    head: bytes
    scan: Scan
    units: int
    said: Said


@dataclass(frozen=True)
class Picture:
    """The scans of one frame, and the blocks of its components as (rows, columns, 64); ``stacked``: (all, 64), the same
    blocks one behind the other, of which those of components are views, if they stand so."""

    frame: Frame
    scans: Sequence[Coded]
    components: list[Blocks]
    stacked: npt.NDArray[np.int32] | None = None

    @property
    def blocks(self) -> int:
        """Blocks of all components."""
        return sum(len(part) * part.shape[1] for part in self.components)

    @property
    def units(self) -> int:
        """Units of all scans that are coded."""
        return sum(one.units for one in self.scans)

    @property
    def is_whole(self) -> bool:
        """Whether all units of all scans are."""
        return all(one.units == one.scan.units for one in self.scans)

    def steps(self, component: int) -> Integers:
        """The steps of a component for coder dct: 1 to LARGEST_STEP, larger ones all halved until they fit."""
        steps = self.frame.steps[component]
        if steps is None:
            return np.ones(SIZE, np.int64)
        shift = max(0, int(steps.max()).bit_length() - LARGEST_STEP.bit_length())
        small: Integers = np.maximum(1, steps >> shift)
        return small


@dataclass(frozen=True)
class Shape:
    """Where the blocks of the components of a frame stand in one array."""

    frame: Frame
    unit_rows: int

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Rows and columns of blocks of each component."""
        columns = self.frame.unit_columns
        return [(one.down * self.unit_rows, one.across * columns) for one in self.frame.components]

    @property
    def starts(self) -> list[int]:
        """The number of the first block of each component, and that behind the last."""
        return [0, *np.cumsum([rows * columns for rows, columns in self.sizes]).tolist()]

    def split(self, blocks: npt.NDArray[np.int32], unit_rows: int) -> list[Blocks]:
        """The blocks of each component, of so many rows of units only."""
        parts = []
        for one, (rows, columns), start in zip(self.frame.components, self.sizes, self.starts, strict=False):
            whole = blocks[start : start + rows * columns].reshape(rows, columns, SIZE)
            parts.append(whole[: one.down * unit_rows])
        return parts


def read_picture(
    data: bytes, content: npt.NDArray[np.uint8], start: int, heads: Heads | None = None
) -> tuple[Picture, int] | None:
    """The picture whose stream begins at ``start``, and where its last coded data ends; None where there is none.

    ``content`` is ``data`` as an array; ``heads`` know tables that came before.
    """
    heads = heads or Heads()
    scans: list[Coded] = []
    end = start
    blocks: npt.NDArray[np.int32] | None = None
    while len(scans) < MOST_SCANS and (found := heads.next_scan(data, end)) is not None:
        one, place = found
        whole = one if one.frame.rows else _with_rows(one, data, start)
        shape = Shape(one.frame, whole.frame.unit_rows)
        if blocks is None:
            if not 0 < shape.starts[-1] <= min(MOST_BLOCKS, blocks_of(len(data))):
                return None
            blocks = np.zeros((shape.starts[-1], SIZE), np.int32)
        read = _read_arithmetic if one.frame.is_arithmetic else _read_scan
        units, said, after = read(content, place, one, blocks, shape, whole.units)
        scans.append(Coded(data[end:place], one, units, said))
        end = after
    while scans and not scans[-1].units:
        end -= len(scans.pop().head)
    if blocks is None or not scans:
        return None
    rows = max(one.scan.unit_rows(one.units) for one in scans)
    components = shape.split(blocks, rows)
    _fill_up(scans, components)
    return Picture(scans[0].scan.frame, scans, components), end


def _with_rows(one: Scan, data: bytes, start: int) -> Scan:
    """A scan of a stream from ``start`` on, whose rows are told behind its first scan, by DNL (T.81, B.2.5)."""
    found = data.find(_LINES, start)
    rows = int.from_bytes(data[found + 4 : found + 6], "big") if found >= 0 else 0
    return replace(one, frame=replace(one.frame, rows=rows))


def blocks_of(size: int) -> int:
    """Blocks that pictures in a file of so many bytes may have: hardly any has more than one for a bit."""
    return 8 * size + (1 << 12)


def _fill_up(scans: Sequence[Coded], components: Sequence[Blocks]) -> None:
    """Give blocks that no scan has a first coefficient that takes few bits: that of the block before."""
    for one in scans:
        if one.scan.kind not in (scan.SEQUENTIAL, scan.DC_FIRST):
            continue
        frame = one.scan.frame
        for number, *_ in one.scan.members:
            part = frame.components[number]
            down, across, columns = part.down, part.across, frame.unit_columns
            if len(one.scan.members) == 1:
                (_, columns), down, across = frame.alone(number), 1, 1
            rows, rest = divmod(one.units, columns)
            first, before = components[number][:, :, 0], components[number][:, :, 0].copy()
            first[: rows * down, columns * across :] = first[: rows * down, columns * across - 1 : columns * across]
            if rest:
                last = first[rows * down : (rows + 1) * down]
                last[:, rest * across :] = last[:, rest * across - 1 : rest * across]
                rows += 1
            if 0 < rows * down < len(first):
                first[rows * down :] = first[rows * down - 1]
            # Bits that a scan which refines has of such blocks stay.
            low = one.scan.low
            first[:] = first >> low << low | before & ((1 << low) - 1)


class _Reading:
    """One scan in a file that is read."""

    def __init__(
        self, content: npt.NDArray[np.uint8], start: int, one: Scan, blocks: npt.NDArray[np.int32], shape: Shape
    ) -> None:
        self.content, self.start, self.one, self.blocks, self.shape = content, start, one, blocks, shape
        self.place = start

    def read(self, most: int) -> tuple[int, scan.Freedom]:
        """At most so many units, and the freedom that was found."""
        freedom = scan.Freedom(
            np.zeros(most * self.one.blocks, np.int32), np.zeros(intervals(self.one, most), np.int32)
        )
        layout = self.one.layout(self.shape.starts, USUAL[0])
        bits = scan.bits_in(self.content, len(self.one.members), self.start)
        units = scan.code_scan(False, self.blocks, most, layout, self.one.codes, freedom, bits)
        self.place = int(bits.state[scan.PLACE])
        if units < most:
            scan.take_back(self.blocks, units, min(units + 1, most), layout)
        return units, _cut(freedom, self.one, units)

    def undo(self, units: int) -> None:
        """Take back so many units."""
        scan.take_back(self.blocks, 0, units, self.one.layout(self.shape.starts, USUAL[0]))

    def written(self, units: int, policy: int, freedom: scan.Freedom) -> bytes | None:
        """What is made of so many units; notes of usual runs are cleared."""
        layout = self.one.layout(self.shape.starts, USUAL[policy])
        room = self.place - self.start + scan.LONGEST_BLOCK * 12
        return _written(self.blocks, units, layout, self.one, freedom, room)

    def agrees(self, written: bytes | None) -> bool:
        """Whether it stands in the file."""
        if written is None:
            return False
        there = self.content[self.start : self.start + len(written)]
        return len(there) == len(written) and there.tobytes() == written


def intervals(one: Scan, units: int) -> int:
    """Intervals that so many units of a scan have."""
    return max(1, -(-units // one.restart)) if one.restart else 1


def _cut(freedom: scan.Freedom, one: Scan, units: int) -> scan.Freedom:
    return scan.Freedom(
        np.ascontiguousarray(freedom.notes[: units * one.blocks]),
        np.ascontiguousarray(freedom.ends[: intervals(one, units)]),
    )


def _written(
    blocks: npt.NDArray[np.int32], units: int, layout: scan.Layout, one: Scan, freedom: scan.Freedom, room: int
) -> bytes | None:
    buffer = np.zeros(room, np.uint8)
    bits = scan.bits_in(buffer, len(one.members))
    size = scan.code_scan(True, blocks, units, layout, one.codes, freedom, bits)
    return buffer[:size].tobytes() if size >= 0 else None


def _read_scan(
    content: npt.NDArray[np.uint8], place: int, one: Scan, blocks: npt.NDArray[np.int32], shape: Shape, most: int
) -> tuple[int, Said, int]:
    """The units of a scan, at most so many, that come out again, what is said of its freedom, where its data ends."""
    reading = _Reading(content, place, one, blocks, shape)
    for _ in range(2):
        units, freedom = reading.read(most)
        if units == 0:
            break
        policies = USUAL if one.kind in (scan.AC_FIRST, scan.AC_REFINED) else (0,)
        best: tuple[int, Said, bytes] | None = None
        for policy in policies:
            notes = freedom.notes.copy()
            written = reading.written(units, policy, scan.Freedom(notes, freedom.ends))
            if written is not None and reading.agrees(written):
                said = say(policy, scan.Freedom(notes, freedom.ends))
                if best is None or len(said.notes) < len(best[1].notes):
                    best = units, said, written
                if not said.notes:
                    break
        if best is not None:
            return units, best[1], place + len(best[2])
        # What was read is not what an encoder writes: as many units as are.
        most = _agreeing(reading, units, freedom)
        reading.undo(units)
        if most == 0:
            break
    return 0, Said(0, b"", b""), place


def _agreeing(reading: _Reading, units: int, freedom: scan.Freedom) -> int:
    """How many units are written as they stand in the file."""
    least, most = 0, units - 1
    while least < most:
        middle = (least + most + 1) // 2
        cut = _cut(scan.Freedom(freedom.notes.copy(), freedom.ends), reading.one, middle)
        written = reading.written(middle, 0, cut)
        # The last byte may hold bits of the next unit, and so may what stuffs it.
        if written is not None and reading.agrees(written[:-2]):
            least = middle
        else:
            most = middle - 1
    return least


def _coded_arithmetically(
    encode: bool, data: npt.NDArray[np.uint8], start: int, blocks: npt.NDArray[np.int32], units: int, one: Scan,
    layout: scan.Layout,
) -> int:  # fmt: skip
    coder = arithmetic.coder_in(data, len(one.members), np.array(one.conditions, np.int64), start)
    return arithmetic.code_arithmetic_scan(encode, blocks, units, layout, coder)


def _written_arithmetically(
    blocks: npt.NDArray[np.int32], units: int, layout: scan.Layout, one: Scan, room: int
) -> bytes | None:
    buffer = np.zeros(room + arithmetic.LONGEST_BLOCK * 12, np.uint8)
    size = _coded_arithmetically(True, buffer, 0, blocks, units, one, layout)
    return buffer[:size].tobytes() if size >= 0 else None


def _read_arithmetic(
    content: npt.NDArray[np.uint8], place: int, one: Scan, blocks: npt.NDArray[np.int32], shape: Shape, most: int
) -> tuple[int, Said, int]:
    """As ``_read_scan``, of arithmetic codes: the last bytes of data that ends too early are left out."""
    layout = one.layout(shape.starts, USUAL[0])
    units = _coded_arithmetically(False, content, place, blocks, most, one, layout)
    scan.take_back(blocks, units, min(units + 1, most), layout)

    def agreement(count: int) -> tuple[int, int]:
        """How much of what is made of so many units stands in the file, and how much does not."""
        made = _written_arithmetically(blocks, count, layout, one, 2 * (len(content) - place))
        if made is None:
            return 0, len(content)
        there = content[place : place + len(made)]
        differs = np.flatnonzero(np.frombuffer(made, np.uint8)[: len(there)] != there)
        same = int(differs[0]) if len(differs) else len(there)
        return same, len(made) - same

    least, most = 0, units
    middle = units
    while least < most:
        if agreement(middle)[1] <= MOST_LEFT_OUT:
            least = middle
        else:
            most = middle - 1
        middle = (least + most + 1) // 2
    scan.take_back(blocks, least, units, layout)
    if least == 0:
        return 0, Said(0, b"", b""), place
    same, left_out = agreement(least)
    said = Said(ENDS_FOLLOW, pack_numbers(np.array([left_out])), b"") if left_out else Said(0, b"", b"")
    return least, said, place + same


def heads_of(pieces: Sequence[bytes], tables: bytes = b"") -> list[Scan]:
    """The scan that each piece of heads ends with. Raises DamagedError where one does not."""
    heads = Heads(tables)
    scans: list[Scan] = []
    for piece in pieces:
        found = heads.next_scan(piece, 0)
        if found is None or found[1] != len(piece) or len(scans) >= MOST_SCANS:
            raise DamagedError
        scans.append(found[0])
    return scans


def empty_picture(scans: Sequence[Coded], most: int) -> Picture:
    """A picture whose coefficients are to be decoded.

    Raises FormatError, or LimitError for more than ``most`` blocks.
    """
    frame = scans[0].scan.frame
    rows = 0
    for one in scans:
        if one.scan.units and one.units > one.scan.units:
            raise FormatError("a scan of JPEG data in the original file has more units than its frame")
        rows = max(rows, one.scan.unit_rows(one.units))
    shape = Shape(frame, rows)
    if shape.starts[-1] > min(most, MOST_BLOCKS):
        raise LimitError("JPEG data of the original file has more blocks than the file can have")
    blocks = np.zeros((shape.starts[-1], SIZE), np.int32)
    return Picture(frame, scans, shape.split(blocks, rows), blocks)


def write_picture(picture: Picture, most: int) -> Iterator[bytes]:
    """The stream: heads and data by turns. Raises FormatError where a coefficient has no code, or it is too long."""
    shape = Shape(picture.frame, len(picture.components[0]) // picture.frame.components[0].down)
    blocks = picture.stacked
    if blocks is None:
        blocks = np.concatenate([part.reshape(-1, SIZE) for part in picture.components])
    for one in picture.scans:
        yield one.head
        if picture.frame.is_arithmetic:
            yield _write_arithmetic(one, blocks, shape, most)
            continue
        policy = one.said.flags & ~3
        if policy not in USUAL:
            raise FormatError("a flag of JPEG data in the original file is not known")
        freedom = hear(one.said, one.units * one.scan.blocks, intervals(one.scan, one.units))
        layout = one.scan.layout(shape.starts, USUAL[policy])
        room = min(most, 8 * SIZE * one.units * one.scan.blocks) + scan.LONGEST_BLOCK * 12
        data = _written(blocks, one.units, layout, one.scan, freedom, room)
        if data is None:
            raise FormatError(
                "JPEG data of the original file is longer than the file, or has no code for a coefficient"
            )
        yield data


def _write_arithmetic(one: Coded, blocks: npt.NDArray[np.int32], shape: Shape, most: int) -> bytes:
    """The data of a scan. Raises FormatError."""
    numbers = unpack_numbers(one.said.ends)
    if one.said.flags not in (0, ENDS_FOLLOW) or one.said.notes or len(numbers) != (one.said.flags == ENDS_FOLLOW):
        raise FormatError("a flag of JPEG data in the original file is not known")
    layout = one.scan.layout(shape.starts, USUAL[0])
    data = _written_arithmetically(blocks, one.units, layout, one.scan, most)
    left_out = int(numbers.sum())
    if data is None or left_out > len(data):
        raise FormatError(
            "JPEG data of the original file is longer than the file, or has a coefficient that is too large"
        )
    return data[: len(data) - left_out]
