"""Contents of an archive as sofc files that need nothing of it: each keeps its file, and holds its codebook."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sofc.archive import unit
from sofc.archive.coding import GROUP_IMAGES
from sofc.archive.reading import UnitReader
from sofc.container.original import from_metadata
from sofc.errors import ChecksumError, CodebookError, SofcError

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.container.records import CodebookReference
SUFFIX = b".sofc"


def sofc_file(reader: UnitReader, number: int, data: bytes) -> bytes:
    """The sofc file that keeps ``data``, which are the bytes of a content of the unit.

    What stands in the unit as a file of its own gets its codebooks. Of others the images are coded, with the codebook
    of the unit inside or with the one that is built in, whatever is smaller. What holds none that make it up again is
    kept whole. Each is decoded and compared before it is given.
    """
    from sofc.keepfile import keep_whole
    from sofc.stream.embedding import with_codebooks
    from sofc.stream.encoder import Encoder

    found: bytes | None = None
    way = reader.table.contents[number].way
    if way == unit.FROM_FILE:
        found = with_codebooks(reader.own_file(number), reader.find)
    if found is None and way != unit.FROM_PACK:
        found = _of_images(data, reader.codebook if way in unit.RECIPE_WAYS else None)
    if found is None:
        found = Encoder(codebook=None, metadata=keep_whole("", data)).finish()
    if _kept_by(found) != hashlib.sha256(data).digest():
        raise ChecksumError("the sofc file that was made does not give it back: please report this")
    return found


def _of_images(data: bytes, codebook: Codebook | None) -> bytes | None:
    """The smallest sofc file of the images and how to make the file of them; None where nothing does."""
    from sofc.archive.coding import picker
    from sofc.collection import encode_collection
    from sofc.imagefiles import images_in
    from sofc.keepfile import keep

    try:
        images = images_in("", data)
    except SofcError:
        return None
    kept = keep("", data, [samples.array for samples in images])
    if kept.why_whole:
        return None
    made = [
        b"".join(
            encode_collection(
                images,
                codebook=picker(book),
                embed_codebook=book is not None,
                key_interval=GROUP_IMAGES,
                metadata=kept.items,
                verify=False,
                digest=False,
            )
        )
        for book in ((None,) if codebook is None else (codebook, None))
    ]
    return min(made, key=len)


def _kept_by(data: bytes) -> bytes:
    """The SHA-256 of the file that a sofc file gives back, by itself."""
    from sofc.api.reader import open_reader
    from sofc.keepfile.restore import restore_pieces

    digest = hashlib.sha256()
    with open_reader(data, codebooks=_built_in) as reader:
        original = from_metadata(reader.metadata)
        if original is not None:
            for piece in restore_pieces(original, list(reader) if original.from_samples else (), reader.codebook):
                digest.update(piece)
    return digest.digest()


def _built_in(reference: CodebookReference) -> Codebook:
    """What every decoder has. Raises CodebookError: of a file that is to open by itself nothing else is looked for."""
    from sofc.codebook.builtin import find_builtin

    if (codebook := find_builtin(reference.id)) is None:
        raise CodebookError(f"codebook {reference.id.hex()} is not in the sofc file", codebook_id=reference.id)
    return codebook
