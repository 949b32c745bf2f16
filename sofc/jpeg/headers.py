"""The heads of JPEG data (ITU-T T.81, annex B): what they say of one sequential scan of 8 bits with Huffman codes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.jpeg import scan
from sofc.jpeg.dct import SIDE, SIZE

Integers = npt.NDArray[np.int64]
Blocks = npt.NDArray[np.int32]
"""Shape (blocks, 64): in the order of the scan, coefficients in zigzag order, in steps."""

_STEPS, _HUFFMAN, _RESTART, _SCAN = 0xDB, 0xC4, 0xDD, 0xDA
_SEQUENTIAL = (0xC0, 0xC1)
_OTHER_FRAMES = {0xC2, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
LARGEST = 8
"""Bytes of a coefficient, at most."""
MOST_FACTOR, MOST_BLOCKS = 4, 10
"""Largest sampling factor, and blocks of a unit (T.81, B.2.2 and B.2.3)."""


@dataclass(frozen=True)
class Component:
    """Sampling factors, steps in zigzag order, and the numbers of its Huffman tables in ``scan``."""

    across: int
    down: int
    steps: Integers
    tables: tuple[int, int]


class DamagedError(FormatError):
    """Heads that are not those of a JPEG stream with one sequential scan of 8 bits."""

    def __init__(self) -> None:
        super().__init__("the heads of JPEG data in the original file are not those of one sequential scan of 8 bits")


@dataclass
class Frame:
    """What the heads of a JPEG stream say."""

    rows: int = 0
    columns: int = 0
    factors: list[tuple[int, int, int, int]] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    steps: dict[int, Integers] = field(default_factory=dict)
    restart: int = 0
    code: Integers = field(default_factory=lambda: np.zeros((scan.TABLES, scan.SYMBOLS), np.int64))
    length: Integers = field(default_factory=lambda: np.zeros((scan.TABLES, scan.SYMBOLS), np.int64))

    @property
    def most_across(self) -> int:
        """The largest horizontal sampling factor."""
        return max(component.across for component in self.components)

    @property
    def most_down(self) -> int:
        """The largest vertical sampling factor."""
        return max(component.down for component in self.components)

    @property
    def units(self) -> tuple[int, int]:
        """Rows and columns of units of the scan."""
        down, across = self.most_down, self.most_across
        return -(-self.rows // (SIDE * down)), -(-self.columns // (SIDE * across))

    @property
    def layout(self) -> scan.Layout:
        """How the scan is made up."""
        counts = [component.across * component.down for component in self.components]
        tables = np.array([component.tables for component in self.components], np.int64)
        return scan.Layout(np.repeat(np.arange(len(counts)), counts), tables, self.restart)

    def read_scan(self, data: npt.NDArray[np.uint8], start: int) -> tuple[Blocks, int]:
        """The blocks of the scan whose data begins at ``start``, and where it ends. Raises DamagedError."""
        layout = self.layout
        down, across = self.units
        blocks = np.zeros((down * across * len(layout.members), SIZE), np.int32)
        bits = scan.bits_in(data, len(self.components), start)
        end = scan.code_scan(False, blocks, layout, self.codes, 0, bits)
        if end < 0:
            raise DamagedError
        return blocks, end

    def write_scan(self, blocks: Blocks, padding: int, most: int) -> bytes | None:
        """Inverse of read_scan, bytes filled up with bits ``padding``; None where that takes more than ``most`` bytes,
        or there is no code for a coefficient."""
        buffer = np.zeros(min(most, LARGEST * blocks.size) + scan.LONGEST_BLOCK, np.uint8)
        bits = scan.bits_in(buffer, len(self.components))
        size = scan.code_scan(True, blocks, self.layout, self.codes, padding, bits)
        return buffer[:size].tobytes() if 0 <= size <= most else None

    @property
    def codes(self) -> scan.Codes:
        """The Huffman codes of the scan."""
        lookup = np.zeros((scan.TABLES, 1 << scan.LONGEST), np.uint16)
        for table, symbol in zip(*np.nonzero(self.length), strict=True):
            length = int(self.length[table, symbol])
            first = int(self.code[table, symbol]) << (scan.LONGEST - length)
            lookup[table, first : first + (1 << (scan.LONGEST - length))] = length << scan.LENGTH_SHIFT | symbol
        return scan.Codes(self.code, self.length, lookup)


def read_heads(data: bytes, start: int) -> tuple[Frame, int]:
    """What the heads from ``start`` on say, and where the entropy-coded data begins. Raises DamagedError."""
    frame = Frame()
    place = start + 2
    while True:
        if len(data) < place + 4 or data[place] != scan.MARKER:
            raise DamagedError
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        body = data[place + 4 : place + 2 + length]
        place += 2 + length
        if length < 2 or place > len(data) or marker in _OTHER_FRAMES or not 0xC0 <= marker <= 0xFE:
            raise DamagedError
        try:
            if marker == _STEPS:
                _read_steps(body, frame)
            elif marker == _HUFFMAN:
                _read_codes(body, frame)
            elif marker == _RESTART:
                frame.restart = int.from_bytes(body[:2], "big")
            elif marker in _SEQUENTIAL:
                _read_frame(body, frame)
            elif marker == _SCAN:
                _read_scan(body, frame)
                return frame, place
        except (IndexError, KeyError, ValueError):
            raise DamagedError from None


def _read_steps(body: bytes, frame: Frame) -> None:
    while body:
        kind, number = body[0] >> 4, body[0] & 15
        item = np.dtype(">u2") if kind else np.dtype("u1")
        frame.steps[number] = np.frombuffer(body, item, SIZE, 1).astype(np.int64)
        body = body[1 + SIZE * item.itemsize :]


def _read_codes(body: bytes, frame: Frame) -> None:
    """Codes in rising order of length, each the one before plus one (T.81, annex C)."""
    while body:
        kind, number = body[0] >> 4, body[0] & 15
        if kind > 1 or number >= scan.OTHERS:
            raise DamagedError
        table = scan.OTHERS * kind + number
        counts = body[1 : 1 + scan.LONGEST]
        symbols = body[1 + scan.LONGEST : 1 + scan.LONGEST + sum(counts)]
        frame.length[table] = 0
        code, taken = 0, 0
        for length in range(1, scan.LONGEST + 1):
            for symbol in symbols[taken : taken + counts[length - 1]]:
                frame.code[table, symbol], frame.length[table, symbol] = code, length
                code += 1
            taken += counts[length - 1]
            if code > 1 << length:
                raise DamagedError
            code <<= 1
        body = body[1 + scan.LONGEST + sum(counts) :]


def _read_frame(body: bytes, frame: Frame) -> None:
    if body[0] != 8 or frame.factors:
        raise DamagedError
    frame.rows, frame.columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    frame.factors = [
        (body[place], body[place + 1] >> 4, body[place + 1] & 15, body[place + 2])
        for place in range(6, 6 + 3 * body[5], 3)
    ]
    if any(not 1 <= factor <= MOST_FACTOR for _, *factors, _ in frame.factors for factor in factors):
        raise DamagedError


def _read_scan(body: bytes, frame: Frame) -> None:
    count = body[0]
    if count != len(frame.factors) or not frame.rows or not frame.columns or body[1 + 2 * count :] != b"\x00\x3f\x00":
        raise DamagedError
    for place, (name, across, down, steps) in enumerate(frame.factors):
        chosen, tables = body[1 + 2 * place], body[2 + 2 * place]
        if chosen != name or tables >> 4 >= scan.OTHERS or tables & 15 >= scan.OTHERS or not frame.steps[steps].all():
            raise DamagedError
        if count == 1:
            across = down = 1
        numbers = (tables >> 4, scan.OTHERS + (tables & 15))
        frame.components.append(Component(across, down, frame.steps[steps], numbers))
    if len(frame.layout.members) > MOST_BLOCKS:
        raise DamagedError
