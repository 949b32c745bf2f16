"""The head of a video (Y4M) as a metadata item: frame rate, shape of pixels, place of chroma."""

from __future__ import annotations

from pathlib import Path

from sofc.container.records import Metadata, MetadataKind
from sofc.imagefiles import y4m

Y4M = "Y4M"
"""The key of the item."""
FORMAT, SUFFIX = "y4m", ".y4m"


def read(path: Path) -> list[Metadata]:
    """The item of a video's file."""
    return [Metadata(MetadataKind.VOLUME, Y4M, y4m.head_of(path).head)]
