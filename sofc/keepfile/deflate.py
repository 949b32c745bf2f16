"""Making given deflate data again: by zlib's settings where some do, otherwise from the decisions of its encoder."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sofc.container.original import Deflated, Part, Stored, Tokens
from sofc.errors import FormatError, LimitError
from sofc.keepfile.data import PIECE_BYTES, Data, pieces_of
from sofc.keepfile.tokens.remainder import Fitting, Session

MOST_STORED = 0xFFFF
_BLOCK_HEAD = 5
_LEVELS = (9, 6, 1, 2, 3, 4, 5, 7, 8, 0)
_MOST_KNOWN = 4
"""Settings that are tried first: each that fails costs the packing of all data."""


class Settings(NamedTuple):
    """What zlib's deflateInit2 takes."""

    level: int
    window: int
    memory: int
    strategy: int


@dataclass(frozen=True)
class Known:
    """What fitted streams of like files, the last first: settings of zlib, and efforts of other encoders."""

    settings: list[Settings] = field(default_factory=list)
    efforts: list[Fitting] = field(default_factory=list)


class Deflater:
    """Makes parts of the deflate data of one file, stream after stream. What fitted one is tried first for the next.

    ``known``: of files before it, to be tried before all else and brought up to date.
    """

    def __init__(self, known: Known | None = None) -> None:
        self._known = known or Known()
        self._session: Session | None = None

    def part(self, compressed: Data, inflated: Data, parts: tuple[Part, ...], window: int = 15) -> Part | None:
        """The part that makes ``compressed``, raw deflate data, of ``parts``, which are ``inflated``.

        ``window``: the logarithm that the data's head names. None where it is not all of a stream.
        """
        known = next((one for one in self._known.settings if _makes_all(one, compressed, inflated)), None)
        if known is None and self._session is None:
            known = find_settings(compressed, inflated, window)
        if known is not None:
            others = (one for one in self._known.settings if one != known)
            self._known.settings[:] = [known, *others][:_MOST_KNOWN]
            return Deflated(*known, parts)
        if (lengths := stored_lengths(compressed)) is not None:
            return Stored(tuple(lengths), parts)
        self._session = self._session or Session(self._known.efforts)
        try:
            found = self._session.take_apart(compressed[:], inflated[:])
        except (FormatError, LimitError):
            return None
        return Tokens(*found.effort, found.size, found.remainder, parts)


def compress(data: bytes, settings: Settings) -> bytes:
    """Raw deflate data."""
    return b"".join(compress_pieces((data,), settings))


def compress_pieces(pieces: Iterable[bytes], settings: Settings) -> Iterator[bytes]:
    """The same of all pieces together, in pieces. Raises FormatError for settings that zlib does not know."""
    try:
        deflater = _deflater(settings)
    except (ValueError, zlib.error) as error:
        raise FormatError(f"the original file has settings that zlib does not know: {error}") from error
    # What is only stored zlib cuts by what it is given at once.
    for piece in pieces if settings.level else (b"".join(pieces),):
        yield deflater.compress(piece)
    yield deflater.flush()


class Inflating:
    """What deflate data unpack to, some at a time. ``bits``: as zlib's decompressobj takes them.

    ``left``: once all is unpacked, the bytes behind the end of the stream. Raises zlib.error where the data are damaged
    or end before it.
    """

    def __init__(self, compressed: Data, bits: int) -> None:
        self._compressed = compressed
        self._bits = bits
        self.left = 0

    def __iter__(self) -> Iterator[bytes]:
        inflater = zlib.decompressobj(self._bits)
        self.left = len(self._compressed)
        for piece in pieces_of(self._compressed):
            made = inflater.decompress(piece, PIECE_BYTES)
            while made:
                yield made
                made = inflater.decompress(inflater.unconsumed_tail, PIECE_BYTES)
            self.left -= len(piece) - len(inflater.unused_data)
            if inflater.eof:
                return
        raise zlib.error("the data end before their stream does")


def stored_lengths(compressed: Data) -> list[int] | None:
    """The lengths of the stored blocks that raw deflate data is made of; None where others are among them.

    zlib cuts what it does not compress by the room that its caller had.
    """
    lengths: list[int] = []
    place = 0
    while len(head := compressed[place : place + _BLOCK_HEAD]) == _BLOCK_HEAD and head[0] <= 1:
        lengths.append(int.from_bytes(head[1:3], "little"))
        if lengths[-1] ^ int.from_bytes(head[3:], "little") != MOST_STORED:
            return None
        place += _BLOCK_HEAD + lengths[-1]
        if head[0]:
            return lengths if place == len(compressed) else None
    return None


def stored(data: bytes, lengths: Sequence[int]) -> bytes:
    """Stored blocks of ``data``, whose lengths add up. Raises FormatError for a length that no block can have."""
    pieces: list[bytes] = []
    start = 0
    for number, length in enumerate(lengths, 1):
        if length > MOST_STORED:
            raise FormatError(f"a stored block of {length} bytes is longer than {MOST_STORED}")
        head = length.to_bytes(2, "little") + (length ^ MOST_STORED).to_bytes(2, "little")
        pieces += [bytes([number == len(lengths)]), head, data[start : start + length]]
        start += length
    return b"".join(pieces)


def find_settings(compressed: Data, inflated: Data, window: int = 15) -> Settings | None:
    """The settings that turn ``inflated`` into exactly ``compressed``, raw deflate data; None where none do.

    ``window``: the logarithm that the data's head names, tried beside the usual 15.
    """
    return next((settings for settings in _usual(window) if _makes(settings, compressed, inflated)), None)


def _usual(window: int) -> Iterator[Settings]:
    windows = dict.fromkeys((15, max(9, window)))
    for memory in (8, 9):
        for level in _LEVELS[:2]:
            for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
                for size in windows:
                    yield Settings(level, size, memory, strategy)
    for memory in (8, 9, 7, 6, 5, 4, 3, 2, 1):
        for level in _LEVELS:
            for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED):
                for size in windows:
                    yield Settings(level, size, memory, strategy)


def _makes_all(settings: Settings, compressed: Data, inflated: Data) -> bool:
    """As ``_makes``, of data in memory at once."""
    if isinstance(compressed, bytes) and isinstance(inflated, bytes):
        return compress(inflated, settings) == compressed
    return _makes(settings, compressed, inflated)


def _makes(settings: Settings, compressed: Data, inflated: Data) -> bool:
    """Compares piece by piece: settings that differ do so soon, with the first block, for which there is memory."""
    deflater = _deflater(settings)
    position = 0
    piece = 1 << settings.memory + 6
    for start in range(0, len(inflated), piece):
        made = deflater.compress(inflated[start : start + piece])
        if made and compressed[position : position + len(made)] != made:
            return False
        position += len(made)
    end = deflater.flush()
    return len(compressed) - position == len(end) and compressed[position:] == end


def _deflater(settings: Settings) -> zlib._Compress:
    return zlib.compressobj(settings.level, zlib.DEFLATED, -settings.window, settings.memory, settings.strategy)
