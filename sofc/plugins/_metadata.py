"""Metadata under the names that image libraries use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sofc


def describe(items: Iterable[sofc.Metadata]) -> dict[str, Any]:
    """Each item by name: text by its key, resolution, photometric, as str; others by kind and any key, as bytes.

    Of an original file that is kept only the name is given.
    """
    found: dict[str, Any] = {}
    for item in items:
        if item.kind == sofc.MetadataKind.TEXT:
            found[item.key or "text"] = item.value.decode("utf-8", "replace")
            continue
        if item.kind in (sofc.MetadataKind.RESOLUTION, sofc.MetadataKind.PHOTOMETRIC):
            found[sofc.MetadataKind(item.kind).name.lower()] = item.value.decode("ascii", "replace")
            continue
        if item.kind == sofc.MetadataKind.ORIGINAL:
            found["original"] = item.key
            continue
        try:
            kind = sofc.MetadataKind(item.kind)
            name = "icc_profile" if kind == sofc.MetadataKind.ICC else kind.name.lower()
        except ValueError:  # of a later version
            name = f"metadata_{item.kind}"
        found[f"{name}:{item.key}" if item.key else name] = item.value
    return found
