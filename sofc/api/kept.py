"""The images in the file that a sofc file without images of its own keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sofc.container.original import from_metadata
from sofc.container.records import Metadata
from sofc.errors import UsageError

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.imagefiles import Samples


def kept_images(metadata: Iterable[Metadata], codebooks: Callable[[int], Codebook | None]) -> list[Samples]:
    """All of them, from the ``metadata`` of the sofc file and its ``codebooks`` by number.

    Raises UsageError where the file keeps none, FormatError, UsageError or UnsupportedError where that is no file of
    images, and what ``sofc.keepfile.restore`` raises.
    """
    from sofc.imagefiles import images_in
    from sofc.keepfile import restore

    original = from_metadata(metadata)
    if original is None:
        raise UsageError("the file has no images")
    return images_in(original.name, restore(original, (), codebooks))
