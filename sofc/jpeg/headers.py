"""Spec appendix-kept-files/jpeg-heads: what the marker segments of JPEG data (ITU-T T.81, annex B) say of its scans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.jpeg import scan
from sofc.jpeg.dct import SIDE, SIZE, ZIGZAG

Integers = npt.NDArray[np.int64]

_START, _END, _RESTART_MARKERS, _TEMPORARY = 0xD8, 0xD9, range(0xD0, 0xD8), 0x01
_STEPS, _HUFFMAN, _CONDITIONS, _RESTART, _SCAN = 0xDB, 0xC4, 0xCC, 0xDD, 0xDA
_FRAMES, _PROGRESSIVE, _ARITHMETIC = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA), (0xC2, 0xCA), (0xC9, 0xCA)
_OTHER_FRAMES = {0xC3, *range(0xC5, 0xC9), 0xCB, *range(0xCD, 0xD0), 0xF7}
USUAL_CONDITIONS = ((0, 1),) * scan.OTHERS + ((5, 0),) * scan.OTHERS
"""What arithmetic coding goes by where nothing else is said (T.81, F.1.4.4.1.4 and F.1.4.4.2.1)."""
MOST_COMPONENTS, MOST_FACTOR, MOST_BLOCKS = 4, 4, 10
"""Components of a frame, their largest sampling factor, and blocks of a unit (T.81, B.2.2 and B.2.3)."""
MOST_BITS = {8, 12}
MOST_LOW = 13


class DamagedError(FormatError):
    """Heads that are not those of a JPEG stream whose scans can be read."""

    def __init__(self) -> None:
        super().__init__("the heads of JPEG data in the original file are not those of scans that are known")


@dataclass(frozen=True)
class Component:
    """A component of a frame: its sampling factors; ``table``: the number of its steps."""

    identifier: int
    across: int
    down: int
    table: int


@dataclass
class Frame:
    """What the frame header says; ``rows`` 0 = not known. ``is_arithmetic``: not coded by Huffman codes. ``steps``: of
    each component those in force at its first scan, (64,) by coefficient; ``told``: of each coefficient the lowest bit
    that scans told so far, -1 = none."""

    is_progressive: bool
    is_arithmetic: bool
    rows: int
    columns: int
    components: list[Component]
    steps: list[Integers | None] = field(default_factory=list)
    told: npt.NDArray[np.int8] = field(default_factory=lambda: np.full((MOST_COMPONENTS, SIZE), -1, np.int8))

    @property
    def most(self) -> tuple[int, int]:
        """The largest sampling factors, down and across."""
        return max(one.down for one in self.components), max(one.across for one in self.components)

    @property
    def unit_columns(self) -> int:
        """Units in a row of a scan of all components."""
        return -(-self.columns // (SIDE * self.most[1]))

    @property
    def unit_rows(self) -> int:
        """Rows of units of a scan of all components."""
        return -(-self.rows // (SIDE * self.most[0]))

    def alone(self, component: int) -> tuple[int, int]:
        """Rows and columns of blocks of a component in a scan of its own (T.81, A.2.2)."""
        down, across = self.most
        one = self.components[component]
        rows, columns = -(-self.rows * one.down // down), -(-self.columns * one.across // across)
        return -(-rows // SIDE), -(-columns // SIDE)


@dataclass(frozen=True)
class Scan:
    """What a scan header says, with what is in force there. ``members``: component and two tables of each."""

    frame: Frame
    members: tuple[tuple[int, int, int], ...]
    kind: int
    first: int
    last: int
    low: int
    restart: int
    codes: scan.Codes
    conditions: tuple[tuple[int, int], ...]

    @property
    def units(self) -> int:
        """Units of the whole scan, 0 where the frame's rows are not known."""
        if len(self.members) > 1:
            return self.frame.unit_rows * self.frame.unit_columns
        rows, columns = self.frame.alone(self.members[0][0])
        return rows * columns

    @property
    def blocks(self) -> int:
        """Blocks of a unit."""
        parts = [self.frame.components[number] for number, *_ in self.members]
        return sum(one.across * one.down for one in parts) if len(parts) > 1 else 1

    def unit_rows(self, units: int) -> int:
        """Rows of units of the frame that so many units of the scan reach into."""
        if len(self.members) > 1:
            return -(-units // self.frame.unit_columns)
        component = self.members[0][0]
        rows = -(-units // self.frame.alone(component)[1])
        return -(-rows // self.frame.components[component].down)

    def layout(self, starts: list[int], usual: tuple[int, int]) -> scan.Layout:
        """For kernels. ``starts``: the number of the first block of each component of the frame; ``usual``: when
        end-of-band runs end."""
        places: list[tuple[int, int, int, int]] = []
        for place, (number, *_) in enumerate(self.members):
            one = self.frame.components[number]
            stride = one.across * self.frame.unit_columns
            if len(self.members) == 1:
                places.append((place, starts[number], 1, stride))
                columns = self.frame.alone(number)[1]
                continue
            columns = self.frame.unit_columns
            places += [
                (place, starts[number] + stride * y + x, one.across, one.down * stride)
                for y in range(one.down)
                for x in range(one.across)
            ]
        tables = np.array([tables for _, *tables in self.members], np.int64)
        band = self.kind, self.first, self.last, self.low
        return scan.Layout(np.array(places, np.int64), tables, columns, self.restart, *band, *usual)


class Heads:
    """Reads marker segments, and knows what they put in force. ``tables``: an abbreviated stream of tables that came
    before, or nothing. ``passed``: how many marks were gone over."""

    def __init__(self, tables: bytes = b"") -> None:
        self.frame: Frame | None = None
        self._steps: dict[int, Integers] = {}
        self._codes: dict[int, bytes] = {}
        self._conditions = list(USUAL_CONDITIONS)
        self._restart = self.passed = 0
        if tables:
            self.next_scan(tables, 0)

    def next_scan(self, data: bytes, start: int) -> tuple[Scan, int] | None:
        """The next scan from ``start`` on, and where its data begins; None where there is none before the end, or
        before a segment that is damaged or of another process.

        Behind a frame header what is no marker segment is passed over, and so are scans that cannot be read.
        """
        readers: dict[int, Callable[[bytes], None]] = {
            _STEPS: self._read_steps,
            _HUFFMAN: self._read_codes,
            _RESTART: self._read_restart,
            _CONDITIONS: self._read_conditions,
            **dict.fromkeys(_FRAMES, self._read_frame),
        }
        place = start
        while (found := data.find(b"\xff", place)) >= 0 and found + 1 < len(data):
            skipped, place, marker = found > place, found, data[found + 1]
            self.passed += 1
            is_none = marker < 0xC0 or marker in _RESTART_MARKERS
            if self.frame is None and (skipped or is_none):
                return None
            if is_none or marker in (0xFF, _START):
                place += 1 + (marker == _START)
                continue
            length = int.from_bytes(data[place + 2 : place + 4], "big")
            body, end = data[place + 4 : place + 2 + length], place + 2 + length
            if marker == _END or length < 2 or end > len(data) or marker in _OTHER_FRAMES:
                return None
            try:
                if marker == _SCAN:
                    return self._read_scan(body), end
                if marker in readers:
                    readers[marker](data[place + 1 : place + 2] + body if readers[marker] == self._read_frame else body)
            except (IndexError, KeyError, ValueError, DamagedError):
                if marker != _SCAN:
                    return None
            place = end
        return None

    def _read_steps(self, body: bytes) -> None:
        while body:
            kind, number = body[0] >> 4, body[0] & 15
            item = np.dtype(">u2") if kind else np.dtype("u1")
            steps = np.zeros(SIZE, np.int64)
            steps[ZIGZAG] = np.frombuffer(body, item, SIZE, 1)
            self._steps[number] = steps
            body = body[1 + SIZE * item.itemsize :]

    def _read_codes(self, body: bytes) -> None:
        while body:
            kind, number = body[0] >> 4, body[0] & 15
            if kind > 1 or number >= scan.OTHERS or len(body) <= scan.LONGEST:
                raise DamagedError
            size = 1 + scan.LONGEST + sum(body[1 : 1 + scan.LONGEST])
            self._codes[scan.OTHERS * kind + number] = body[1:size]
            body = body[size:]

    def _read_conditions(self, body: bytes) -> None:
        for place in range(0, len(body), 2):
            kind, number, value = body[place] >> 4, body[place] & 15, body[place + 1]
            if kind > 1 or number >= scan.OTHERS or (kind == 0 and value >> 4 < value & 15):
                raise DamagedError
            self._conditions[scan.OTHERS * kind + number] = (value, 0) if kind else (value & 15, value >> 4)

    def _read_restart(self, body: bytes) -> None:
        self._restart = int.from_bytes(body[:2], "big")

    def _read_frame(self, segment: bytes) -> None:
        """Of the marker's second byte and what follows the length."""
        is_progressive, is_arithmetic, body = segment[0] in _PROGRESSIVE, segment[0] in _ARITHMETIC, segment[1:]
        if body[0] not in MOST_BITS or self.frame is not None or not 1 <= body[5] <= MOST_COMPONENTS:
            raise DamagedError
        parts = [
            Component(body[place], body[place + 1] >> 4, body[place + 1] & 15, body[place + 2])
            for place in range(6, 6 + 3 * body[5], 3)
        ]
        if any(not 1 <= factor <= MOST_FACTOR for one in parts for factor in (one.across, one.down)):
            raise DamagedError
        if len(parts) == 1:
            parts = [Component(parts[0].identifier, 1, 1, parts[0].table)]
        rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        if not columns:
            raise DamagedError
        self.frame = Frame(is_progressive, is_arithmetic, rows, columns, parts, [None] * len(parts))

    def _read_scan(self, body: bytes) -> Scan:
        """A scan that tells what no scan before told (T.81, G.1.1.1). Raises DamagedError, KeyError, IndexError."""
        frame, count = self.frame, body[0]
        if frame is None or not 1 <= count <= len(frame.components) or len(body) != 4 + 2 * count:
            raise DamagedError
        names = [one.identifier for one in frame.components]
        members = tuple(
            (names.index(body[place]), body[place + 1] >> 4, scan.OTHERS + (body[place + 1] & 15))
            for place in range(1, 1 + 2 * count, 2)
        )
        first, last, high, low = *body[-3:-1], body[-1] >> 4, body[-1] & 15
        kind = _kind_of(frame.is_progressive, first, last, high)
        told = frame.told[[number for number, *_ in members], first : last + 1]
        if (
            len({number for number, *_ in members}) < count
            or not first <= last < SIZE
            or low > MOST_LOW
            or (high and high != low + 1)
            or (told != (high or -1)).any()
            or (kind >= scan.AC_FIRST and (count > 1 or (frame.told[members[0][0], 0] < 0)))
            or (kind in (scan.DC_FIRST, scan.DC_REFINED) and last > 0)
            or (kind == scan.SEQUENTIAL and (last < SIZE - 1 or low))
        ):
            raise DamagedError
        codes = codes_of(()) if frame.is_arithmetic else self._codes_of(members, kind)
        if frame.is_arithmetic and any(dc >= scan.OTHERS or ac >= scan.TABLES for _, dc, ac in members):
            raise DamagedError
        found = Scan(frame, members, kind, first, last, low, self._restart, codes, tuple(self._conditions))
        if found.blocks > MOST_BLOCKS:
            raise DamagedError
        for number, *_ in members:
            frame.told[number, first : last + 1] = low
            if frame.steps[number] is None:
                frame.steps[number] = self._steps[frame.components[number].table]
        return found

    def _codes_of(self, members: tuple[tuple[int, int, int], ...], kind: int) -> scan.Codes:
        """The Huffman codes that a scan needs. Raises KeyError where one is not defined."""
        needed = {table for _, table, _ in members} if kind in (scan.SEQUENTIAL, scan.DC_FIRST) else set()
        needed |= (
            {table for *_, table in members} if kind in (scan.SEQUENTIAL, scan.AC_FIRST, scan.AC_REFINED) else set()
        )
        if needed and max(needed) >= scan.TABLES:
            raise DamagedError
        return codes_of(tuple(sorted((table, self._codes[table]) for table in needed)))


def _kind_of(is_progressive: bool, first: int, last: int, high: int) -> int:
    if not is_progressive:
        return scan.SEQUENTIAL
    if first == 0:
        return scan.DC_REFINED if high else scan.DC_FIRST
    return scan.AC_REFINED if high else scan.AC_FIRST


@lru_cache(maxsize=16)
def codes_of(tables: tuple[tuple[int, bytes], ...]) -> scan.Codes:
    """The Huffman codes of tables, by number and as DHT segments have them: 16 counts, then symbols.

    Codes in rising order of length, each the one before plus one (T.81, annex C). Raises DamagedError.
    """
    shape = (scan.TABLES, scan.SYMBOLS)
    codes = scan.Codes(
        np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros((scan.TABLES, 1 << scan.LONGEST), np.uint16)
    )
    for table, segment in tables:
        counts, symbols = segment[: scan.LONGEST], segment[scan.LONGEST :]
        if sum(counts) != len(symbols) or len(set(symbols)) < len(symbols):
            raise DamagedError
        code, taken = 0, 0
        for length in range(1, scan.LONGEST + 1):
            for symbol in symbols[taken : taken + counts[length - 1]]:
                if code >> length:
                    raise DamagedError
                codes.code[table, symbol], codes.length[table, symbol] = code, length
                first = code << (scan.LONGEST - length)
                entry = length << scan.LENGTH_SHIFT | symbol
                codes.lookup[table, first : first + (1 << (scan.LONGEST - length))] = entry
                code += 1
            taken += counts[length - 1]
            code <<= 1
    return codes
