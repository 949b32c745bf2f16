"""Sofc files for the verbs that decode them: bytes to events."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sofc.codebook.store import find_codebook
from sofc.container.schema import SIGNATURE
from sofc.errors import FormatError, NotSofcError, SofcError

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.stream.decoder import Decoder
    from sofc.stream.events import Event

READ_BYTES = 1 << 18
HEAD_BYTES = 512
"""Enough to know other files by."""
TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


@contextlib.contextmanager
def open_input(path: Path | None) -> Iterator[BinaryIO]:
    """A file, or standard input for None."""
    if path is None:
        yield sys.stdin.buffer
    else:
        with path.open("rb") as file:
            yield file


def not_sofc(head: bytes, name: str) -> NotSofcError:
    """The error for a file that is none of ours, with what is known about how that comes about."""
    if head.startswith(TIFF) and name.endswith(".sofc"):
        return NotSofcError(
            f"{name} is a TIFF file: imageio writes one under the name .sofc where it does not know sofc (install sofc "
            f"with pip there, or import sofc.plugins.imageio). To make it what its name says: sofc encode -f {name}"
        )
    from sofc.imagefiles.signatures import name_in  # with all of that package, which few runs need

    if (kind := name_in(head)) is not None:
        return NotSofcError(f"{name} is not a sofc file but a {kind} file: sofc encode makes one of it")
    return NotSofcError(f"{name} is not a sofc file: it begins with {head[:8].hex(' ') or 'nothing'}")


def not_codebook(path: Path) -> NotSofcError:
    """The error for a file that is no codebook, with what it is."""
    from sofc.imagefiles.heads import head_of
    from sofc.imagefiles.signatures import name_in

    head = head_of(path)
    name = "sofc" if head.startswith(SIGNATURE) else name_in(head)
    kind = f"a {name} file" if name else "some other file"
    return NotSofcError(f"{path} is no codebook but {kind}; sofc train makes codebooks")


def decoder_for(given: Codebook | None, beside: Path | None, threads: int, *, salvage: bool = False) -> Decoder:
    """A decoder that finds codebooks: the one that is given, else where the store looks for them."""
    from sofc.stream.decoder import Decoder

    return Decoder(
        codebooks=lambda reference: find_codebook(reference, given=() if given is None else (given,), beside=beside),
        threads=threads,
        salvage=salvage,
    )


def events(
    file: BinaryIO,
    name: str,
    decoder: Decoder,
    *,
    damage: list[SofcError] | None = None,
    advance: Callable[[int], object] = lambda steps: None,
) -> Iterator[Event]:
    """Decode a file: every event up to its end.

    ``advance`` hears of the bytes read. With a list for ``damage``, and a decoder that salvages, decoding goes on after
    damage and lists it there. Otherwise raises what Decoder raises; NotSofcError in any case, where the file is
    something else.
    """
    from sofc.container.schema import SIGNATURE

    data = file.read(READ_BYTES)
    if not data or data[:8] != SIGNATURE[: len(data)]:
        raise not_sofc(data[:HEAD_BYTES], name)
    try:
        while data:
            advance(len(data))
            decoder.feed(data)
            yield from decoder.events()
            data = file.read(READ_BYTES)
        decoder.finish()
        yield from decoder.events()
        if decoder.unused_data:
            raise FormatError(f"{len(decoder.unused_data)} bytes stand after the end of the file")
    except FormatError as error:
        if damage is None:
            raise
        damage += [*decoder.damage, error]
    else:
        if damage is not None:
            damage += decoder.damage
