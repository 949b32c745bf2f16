"""Many images in one file: small ones of one size in groups, others in bands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from sofc.api.each import Given, encode_each
from sofc.api.headers import header_for
from sofc.container.records import Metadata, MetadataKind
from sofc.errors import UsageError
from sofc.imagefiles import InFile, Samples
from sofc.rows import FileRows
from sofc.stream.settings import EncoderSettings

Array = npt.NDArray[Any]


def sample_size(array: Array | FileRows) -> int:
    """Bytes of the samples, which ratios are taken of: 1 bit each for binary images, else 1 or 2 bytes."""
    return (array.size + 7) // 8 if array.dtype == np.bool_ else array.nbytes


RUN = "\r"
"""Separates, in a line that stands for several names, what all begin with, the first number, how many names there are,
and what all end with."""
SHORTEST_RUN = 3
RUN_ROOM = 1 << 26
"""What all runs may take together, as _cost has it: what a few bytes may make a decoder allocate."""


def names_metadata(names: Sequence[str]) -> Metadata:
    """The metadata item that keeps the images' names; what is not UTF-8 in them becomes question marks.

    Raises UsageError for a name with a line break.
    """
    for name in names:
        if "\n" in name or RUN in name:
            raise UsageError(f"a name with a line break cannot be kept: {name!r}")
    return Metadata(MetadataKind.NAMES, "", "\n".join(_lines(names)).encode("utf-8", "replace"))


def _lines(names: Sequence[str]) -> Iterator[str]:
    """The names, runs of those that count up in their last number as one line."""
    room = RUN_ROOM
    first = 0
    while first < len(names):
        found = re.fullmatch(r"(.*?)([0-9]{1,9})([^0-9]*)", names[first], re.DOTALL)
        count = 1
        if found is not None:
            before, number, after = found.groups()
            while first + count < len(names) and names[first + count] == before + _counted(number, count) + after:
                count += 1
        line = RUN.join((before, number, str(count), after)) if found is not None else ""
        if count >= SHORTEST_RUN and _cost(line, count) <= room:
            room -= _cost(line, count)
            yield line
        else:
            yield from names[first : first + count]
        first += count


def _cost(line: str, count: int) -> int:
    """At least the characters of the names that a line stands for, and something for each."""
    return count * (len(line) + 64)


def _counted(first: str, step: int) -> str:
    """The number so many steps after the first, with as many digits at least."""
    return str(int(first) + step).zfill(len(first))


def names_in(metadata: Iterable[Metadata]) -> list[str]:
    """The images' names that a file keeps; empty where it keeps none. They come from the file: trust none of them."""
    for item in metadata:
        if item.kind == MetadataKind.NAMES:
            names: list[str] = []
            room = RUN_ROOM
            for line in item.value.decode("utf-8", "replace").split("\n"):
                found = re.fullmatch(r"([^\r]*)\r([0-9]{1,9})\r([0-9]{1,7})\r([^\r]*)", line)
                if found is None or _cost(line, int(found[3])) > room:
                    names.append(line)
                else:
                    room -= _cost(line, int(found[3]))
                    names += [found[1] + _counted(found[2], step) + found[4] for step in range(int(found[3]))]
            return names
    return []


def encode_collection(
    images: Iterable[Samples | InFile],
    *,
    metadata_of_images: Iterable[Sequence[Metadata]] = (),
    **settings: Unpack[EncoderSettings],
) -> Iterator[bytes]:
    """The bytes of one file of all the images, in pieces; the rest as for ``encode_each``."""
    return encode_each(
        (
            Given(
                samples.array,
                header_for(samples.array, declared_bits=samples.declared_bits, meaning=samples.meaning),
                samples.jpeg,
            )
            for samples in images
        ),
        metadata_of_images=metadata_of_images,
        **settings,
    )
