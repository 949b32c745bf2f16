"""Metadata items of text: texts themselves, and resolutions."""

from __future__ import annotations

import re
from fractions import Fraction

from sofc.container.records import Metadata, MetadataKind, is_plain_text

_RESOLUTION = re.compile(r"(\d{1,10}(?:/\d{1,10})?) (\d{1,10}(?:/\d{1,10})?) (inch|cm|none)")


def text_item(key: str, value: str) -> Metadata:
    """A text under its key, or under none where the key has control characters."""
    return Metadata(MetadataKind.TEXT, key if is_plain_text(key) else "", value.encode("utf-8", "replace"))


def text_of(item: Metadata) -> str:
    """The text of an item, which is untrusted."""
    return item.value.decode("utf-8", "replace")


def resolution_item(x: tuple[int, int], y: tuple[int, int], unit: str) -> list[Metadata]:
    """Pixels per ``unit`` (inch, cm or none) as fractions. No item where that says nothing."""
    if 0 in (*x, *y) or (unit == "none" and x[0] * y[1] == y[0] * x[1]):
        return []
    parts = (str(top) if bottom == 1 else f"{top}/{bottom}" for top, bottom in (x, y))
    return [Metadata(MetadataKind.RESOLUTION, "", " ".join((*parts, unit)).encode())]


def resolution_of(item: Metadata) -> tuple[tuple[int, int], tuple[int, int], str] | None:
    """Pixels per unit, and the unit; None where the untrusted item does not say."""
    match = _RESOLUTION.fullmatch(item.value.decode("ascii", "replace"))
    if match is None:
        return None
    x, y = (tuple(map(int, (*part.split("/"), "1")))[:2] for part in match.groups()[:2])
    return None if 0 in (*x, *y) else ((x[0], x[1]), (y[0], y[1]), match[3])


def dots_per_inch(item: Metadata) -> tuple[float, float] | None:
    """A resolution as Pillow has it; None where its unit is not known."""
    found = resolution_of(item)
    if found is None or found[2] == "none":
        return None
    scale = Fraction(254, 100) if found[2] == "cm" else 1
    return float(Fraction(*found[0]) * scale), float(Fraction(*found[1]) * scale)


def dots_item(dpi: object) -> list[Metadata]:
    """The item of what Pillow has as ``dpi``; none where that is no pair of numbers."""
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return []
    x, y = (Fraction(f"{float(value):.4f}").as_integer_ratio() for value in dpi)
    return resolution_item(x, y, "inch")


def per_metre(value: tuple[int, int], unit: str) -> int:
    """Pixels per metre, rounded."""
    return round(Fraction(*value) * (100 if unit == "cm" else Fraction(10000, 254)))
