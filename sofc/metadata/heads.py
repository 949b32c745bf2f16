"""Metadata in the heads of simple formats: texts, resolutions, names of arrays."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from sofc.container.records import Metadata
from sofc.imagefiles import npz, pfm, pnm
from sofc.metadata import tiff
from sofc.metadata.texts import dots_item, text_item

_SGI_NAME = slice(24, 104)
_PCX_DOTS = struct.Struct("<12xHH")
_PCX_USUAL = ((0, 0), (72, 72))
_COMMENT = re.compile(rb"#[ \t]*([^\n]*)")
_BOTTOM_UP = 4
"""The orientation of FITS files, whose first row is shown at the bottom."""
_DEFAULT_NAME = re.compile(r"arr_\d+")


def read(path: Path, kind: str) -> list[Metadata]:
    """The items of a file of this kind, as ``kind_of`` has it; of kinds without such heads none."""
    reader = _READERS.get(kind)
    return [] if reader is None else reader(path)


def read_names(path: Path) -> list[list[Metadata]]:
    """Of each array of an NPZ file its name, but for those that numpy gives."""
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(npz.ARRAY_SUFFIX) for name in archive.namelist()]
    return [[] if _DEFAULT_NAME.fullmatch(name) else [text_item("Title", name)] for name in names]


def unkept(path: Path, kind: str) -> list[str]:
    """What such a head says of which no items are made, in words."""
    if kind == "npz":
        with zipfile.ZipFile(path) as archive:
            return ["comment of the archive"] if archive.comment else []
    if kind == "pfm" and abs(scale := pfm.scale(path)) != 1:
        return [f"scale {scale:g}"]
    if kind == "pnm" and (name := pnm.unknown_tuple(path)):
        return [f"kind of pixels {name}"]
    return []


def _sgi(path: Path) -> list[Metadata]:
    with path.open("rb") as file:
        name = file.read(_SGI_NAME.stop)[_SGI_NAME].partition(b"\0")[0].strip()
    return [text_item("Title", name.decode("latin-1"))] if name and name != b"no name" else []


def _pcx(path: Path) -> list[Metadata]:
    with path.open("rb") as file:
        dots = _PCX_DOTS.unpack(file.read(_PCX_DOTS.size))
    # Older programs have the size of the screen there.
    return [] if dots in _PCX_USUAL or dots[0] != dots[1] else dots_item(tuple(map(Fraction, dots)))


def _pnm(path: Path) -> list[Metadata]:
    lines = [line.decode("utf-8", "replace").rstrip() for line in _COMMENT.findall(pnm.head(path))]
    return [text_item("Comment", "\n".join(lines).strip())] if any(lines) else []


def _fits(path: Path) -> list[Metadata]:
    return [tiff.oriented(_BOTTOM_UP)]


_READERS: dict[str, Callable[[Path], list[Metadata]]] = {"sgi": _sgi, "pcx": _pcx, "pnm": _pnm, "fits": _fits}
