"""Finding the settings with which zlib makes given deflate data again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

_PIECE = 1 << 16
_LEVELS = (9, 6, 1, 2, 3, 4, 5, 7, 8, 0)


class Settings(NamedTuple):
    """What zlib's deflateInit2 takes."""

    level: int
    window: int
    memory: int
    strategy: int


def compress(pieces: bytes, settings: Settings) -> bytes:
    """Raw deflate data."""
    deflater = _deflater(settings)
    return deflater.compress(pieces) + deflater.flush()


def find_settings(compressed: bytes, inflated: bytes, window: int = 15) -> Settings | None:
    """The settings that turn ``inflated`` into exactly ``compressed``, raw deflate data; None where none do.

    ``window``: the logarithm that the data's head names, tried beside the usual 15.
    """
    return next((settings for settings in _usual(window) if _makes(settings, compressed, inflated)), None)


def _usual(window: int) -> Iterator[Settings]:
    windows = dict.fromkeys((15, max(9, window)))
    for memory in (8, 9):
        for level in _LEVELS:
            for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED):
                for size in windows:
                    yield Settings(level, size, memory, strategy)


def _makes(settings: Settings, compressed: bytes, inflated: bytes) -> bool:
    """Compares piece by piece: settings that differ do so soon."""
    deflater = _deflater(settings)
    position = 0
    for start in range(0, len(inflated), _PIECE):
        made = deflater.compress(inflated[start : start + _PIECE])
        if not compressed.startswith(made, position):
            return False
        position += len(made)
    return compressed[position:] == deflater.flush()


def _deflater(settings: Settings) -> zlib._Compress:
    return zlib.compressobj(settings.level, zlib.DEFLATED, -settings.window, settings.memory, settings.strategy)
