"""What the components of an image stand for, as a metadata item: words, where the header's meaning does not tell.

Spec container/metadata
"""

from __future__ import annotations

from collections.abc import Iterable

from sofc.container.records import Metadata, MetadataKind
from sofc.imagefiles.photometric import Photometric


def photometric_item(photometric: Photometric) -> list[Metadata]:
    """The item; none where the header of the image says it all, or nothing is known."""
    if photometric.is_ordinary:
        return []
    return [Metadata(MetadataKind.PHOTOMETRIC, "", photometric.text.encode())]


def photometric_of(items: Iterable[Metadata]) -> Photometric | None:
    """What the first item of the kind, which is untrusted, says; None where there is none that is understood."""
    found = (item.value for item in items if item.kind == MetadataKind.PHOTOMETRIC)
    return Photometric.parse(next(found, b"").decode("ascii", "replace"))
