"""The images in the file that a sofc file without images of its own keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sofc.container.original import from_metadata
from sofc.container.records import Metadata
from sofc.errors import UsageError
from sofc.limits import Limits

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.imagefiles import Samples


def kept_images(
    metadata: Iterable[Metadata], codebooks: Callable[[int], Codebook | None], limits: Limits | None = None
) -> list[Samples]:
    """All of them, from the ``metadata`` of the sofc file and its ``codebooks`` by number.

    Raises UsageError where the file keeps none, FormatError, UsageError or UnsupportedError where that is no file of
    images, LimitError where one is over the limits, and what ``sofc.keepfile.restore`` raises.
    """
    from sofc.api.headers import header_for
    from sofc.imagefiles import images_in
    from sofc.keepfile import restore

    original = from_metadata(metadata)
    if original is None:
        raise UsageError("the file has no images")
    images = images_in(original.name, restore(original, (), codebooks))
    for one in images:
        header = header_for(one.array, declared_bits=one.declared_bits, meaning=one.meaning)
        (limits or Limits()).check_header(header)
    return images
