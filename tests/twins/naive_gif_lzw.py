"""A plain-Python twin of the LZW data of GIF files, with a dictionary of strings."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sofc.container.original import GifLzw, Part
from sofc.container.schema import VarInt
from sofc.errors import FormatError

LEAST_BITS, MOST_BITS = 2, 8
_CODES, _MOST_WIDTH = 1 << 12, 12


class _Strings:
    """The strings that an encoder knows, as a tree, and how far a decoder is."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.reset()

    def reset(self) -> None:
        """Know single bytes only."""
        self.codes = 0
        self._longer: dict[int, int] = {}

    @property
    def first(self) -> int:
        """The first number of a string of two bytes; before it stand those of clear and end."""
        return (1 << self.bits) + 2

    @property
    def width(self) -> int:
        """Bits of the next code: those of the number of the next string of a decoder, which is one behind."""
        return min(_MOST_WIDTH, (self.first + max(0, self.codes - 1)).bit_length())

    def longest(self, data: bytes, place: int, end: int) -> tuple[int, int]:
        """The number of the longest string that ``data`` has from ``place`` on, at most up to ``end``, and its end."""
        code, place, longer = data[place], place + 1, self._longer
        while place < end and (found := longer.get(code << 8 | data[place])) is not None:
            code, place = found, place + 1
        return code, place

    def path(self, data: bytes, place: int, end: int) -> list[int]:
        """The numbers of the known strings that ``data`` has from ``place`` on, up to the one that ends at ``end``."""
        path = [data[place]]
        for byte in data[place + 1 : end]:
            path.append(self._longer[path[-1] << 8 | byte])
        return path

    def learn(self, code: int, following: bytes) -> None:
        """A code was written; the string and the byte behind it, if any, become a new one where there is room."""
        number = self.first + self.codes
        self.codes += 1
        if following and number < _CODES:
            self._longer[code << 8 | following[0]] = number


def compress(data: bytes, bits: int, run: int, changes: bytes) -> bytes:
    """The whole bytes that the codes of ``data`` fill: as ORIGINAL_GIF_LZW has them. Raises FormatError."""
    if not LEAST_BITS <= bits <= MOST_BITS or (data and max(data) >> bits):
        raise FormatError(f"LZW data of the original file has samples of {bits} bits, or larger ones")
    pairs = _pairs(changes)
    until, change = next(pairs, (-1, 0))
    strings, packed = _Strings(bits), bytearray()
    held = count = place = 0
    left, clears = len(data), True

    def put(code: int) -> None:
        nonlocal held, count
        held |= code << count
        count += strings.width
        while count >= 8:
            packed.append(held & 255)
            held >>= 8
            count -= 8

    while place < len(data):
        shorter = 0
        while until == 0:
            if change == 0:
                clears = not clears
            shorter += change
            until, change = next(pairs, (-1, 0))
        until -= 1
        if clears:
            put(1 << bits)
            strings.reset()
        code, end = strings.longest(data, place, len(data))
        if shorter:
            left -= shorter
            if left < 0 or end - shorter <= place:
                raise FormatError("LZW data of the original file has strings that are too short")
            code, end = strings.longest(data, place, end - shorter)
        put(code)
        strings.learn(code, data[end : end + 1])
        place, clears = end, strings.codes == run
    if until >= 0:
        raise FormatError("LZW data of the original file is changed behind its end")
    return bytes(packed)


def _pairs(changes: bytes) -> Iterator[tuple[int, int]]:
    """The changes: codes from the one before on, and what is changed. Raises FormatError."""
    place = 0

    def number() -> int:
        nonlocal place
        value = 0
        for shift in range(0, 35, 7):
            byte = changes[place] if place < len(changes) else 128
            place += 1
            value |= (byte & 127) << shift
            if byte < 128 and (byte or not shift):
                return value
        raise FormatError("the changes of LZW data of the original file cannot be read")

    while place < len(changes):
        yield number(), number()


def expand(packed: bytes, bits: int, most: int) -> tuple[bytes, array[int]]:
    """The first ``most`` bytes that LZW data stands for, and the codes of these; fewer where it is not sound."""
    clear, strings = 1 << bits, _Strings(bits)
    singles = [bytes([value]) for value in range(clear)] + [b"", b""]
    known = singles[:]
    data, codes, before = bytearray(), array("H"), b""
    held = count = place = 0
    while len(data) < most:
        width = strings.width
        while count < width and place < len(packed):
            held |= packed[place] << count
            count += 8
            place += 1
        code = held & (1 << width) - 1
        if count < width or code == clear + 1 or code > len(known):
            break
        held >>= width
        count -= width
        if code == clear:
            strings.reset()
            known, before = singles[:], b""
        else:
            if code == len(known) and (not before or code == _CODES):
                break
            string = known[code] if code < len(known) else before + before[:1]
            if len(data) + len(string) > most:
                break
            if before and len(known) < _CODES:
                known.append(before + string[:1])
            data += string
            before = string
            strings.codes += 1
        codes.append(code)
    return bytes(data), codes


def explain(codes: Sequence[int], data: bytes, bits: int, parts: tuple[Part, ...]) -> GifLzw | None:
    """What makes these codes of ``data``, which ``parts`` are; None where they are not chosen as here."""
    clear = 1 << bits
    run = _usual_run(codes, clear)
    strings, changes = _Strings(bits), bytearray()
    place = since = 0
    left, due, clears = len(data), True, False
    for code in codes:
        if code == clear:
            if clears:
                return None
            clears = True
            continue
        if place >= len(data):
            return None
        if clears != due:
            changes += VarInt.build(since) + VarInt.build(0)
            since = 0
        if clears:
            strings.reset()
        longest, end = strings.longest(data, place, len(data))
        if longest != code:
            shorter = _shorter(strings, data, place, end, code)
            left -= shorter
            if not shorter or left < 0:
                return None
            changes += VarInt.build(since) + VarInt.build(shorter)
            since, end = 0, end - shorter
        strings.learn(code, data[end : end + 1])
        place, clears, due, since = end, False, strings.codes == run, since + 1
    return GifLzw(bits, run, bytes(changes), parts) if place == len(data) else None


def _usual_run(codes: Sequence[int], clear: int) -> int:
    """How many codes mostly stand between two that clear the table, the fewest such number; 0 where no two do."""
    places = (place for place, code in enumerate(codes) if code == clear)
    runs = Counter(after - before - 1 for before, after in pairwise(places))
    return max(sorted(runs), key=runs.__getitem__, default=0)


def _shorter(strings: _Strings, data: bytes, place: int, end: int, code: int) -> int:
    """By how many bytes the string of this code is shorter than the longest, which ends at ``end``; 0 for no such."""
    path = strings.path(data, place, end)
    return len(path) - 1 - path.index(code) if code in path else 0
