"""Samples that stand in a file as they are, found by looking for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from sofc.container.original import (
    BIG_ENDIAN,
    BOTTOM_UP,
    LOW_BITS_FIRST,
    REVERSED_COLOURS,
    REVERSED_COMPONENTS,
    Literal,
    Part,
    Window,
)
from sofc.keepfile.data import Data
from sofc.keepfile.windows import window_pieces, window_size
from sofc.rows import FileRows

Image = npt.NDArray[Any] | FileRows
_TRIES = 64


def find_samples(data: Data, images: Sequence[Image]) -> tuple[Part, ...] | None:
    """Parts that make ``data``: the samples of all images, which stand there one after the other, and the rest.

    None where an image is not found in any of the usual layouts.
    """
    if not images:
        return (Literal(data[:]),)
    # An image may seem to stand one byte further, where its high bytes are zero, and take one of the next: what shows
    # at the last one is mended at the first.
    tries = (_from_layout(layout, data, images) for layout, _ in enumerate(_layouts(0, images[0])))
    return next((parts for parts in tries if parts is not None), None)


def _from_layout(layout: int, data: Data, images: Sequence[Image]) -> tuple[Part, ...] | None:
    """The same where the first image has the layout of this number."""
    parts: list[Part] = []
    position = 0
    for number, image in enumerate(images):
        layouts = list(_layouts(number, image))
        # Images of one file are alike: what the one before had is tried first.
        others = [other for other in range(len(layouts)) if other != layout] if number else []
        order = [layout, *others] if layout < len(layouts) else others
        for layout in order:
            windows = layouts[layout]
            found = _place_of(image, windows, data, position)
            if found is not None:
                break
        else:
            return None
        start, end = found
        if start > position:
            parts.append(Literal(data[position:start]))
        parts += windows
        position = end
    return (*parts, Literal(data[position:])) if position < len(data) else tuple(parts)


def _place_of(image: Image, windows: Sequence[Window], data: Data, position: int) -> tuple[int, int] | None:
    """Where the bytes of the windows begin and end in ``data``, from ``position`` on; None where they are not found.

    They are made piece by piece, unless much else begins as they do.
    """
    if position + sum(map(window_size, windows)) > len(data):
        return None  # compressed, mostly

    def pieces() -> Iterator[bytes]:
        for window in windows:
            yield from window_pieces(image, window)

    first = next(pieces())
    start = data.find(first, position)
    for _ in range(_TRIES):
        if start < 0:
            return None
        end = start
        for piece in pieces():
            if data[end : end + len(piece)] != piece:
                break
            end += len(piece)
        else:
            return start, end
        start = data.find(first, start + 1)
    wanted = b"".join(pieces())
    start = data.find(wanted, position)
    return (start, start + len(wanted)) if start >= 0 else None


def _layouts(number: int, image: Image) -> Iterator[list[Window]]:
    rows, columns = image.shape[:2]
    components = image.shape[2] if image.ndim == 3 else 1
    if image.dtype.kind == "b":
        for alignment in (1, 0, 4):
            for flags in (0, LOW_BITS_FIRST, *((BOTTOM_UP,) if alignment == 4 else ())):
                plain = Window(number, rows, columns, components, 1, flags=flags, alignment=alignment)
                yield [plain]
                if components == 1:
                    yield [replace(plain, table=(1, 0))]
        yield [Window(number, rows, columns, components, 8)]
        return
    bits = 8 * image.dtype.itemsize
    orders = (0, *((REVERSED_COMPONENTS,) if components > 1 else ()), *((REVERSED_COLOURS,) if components == 4 else ()))
    for endian in (0,) if bits == 8 else (0, BIG_ENDIAN):
        for order in orders:
            for upside in (0, BOTTOM_UP):
                for alignment in (1, 4):
                    flags = endian | order | upside
                    yield [Window(number, rows, columns, components, bits, flags=flags, alignment=alignment)]
        for flags in (endian, endian | BOTTOM_UP) if components > 1 else ():
            yield [Window(number, rows, columns, 1, bits, first_component=c, flags=flags) for c in range(components)]
