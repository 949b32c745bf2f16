"""Where outputs go: a name of its own for each input, and for each file that a run writes."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sofc.cli.names import is_kept, is_name
from sofc.container.records import is_plain_text

if TYPE_CHECKING:
    from sofc.keepfile.data import Data

SOFC = ".sofc"
MAX_NAME_BYTES = 255
"""Of a file's name on usual file systems."""
_DIGEST_LETTERS = 8
_END_MARK = "\u2026"
"""Stands before the end of a name whose beginning is in the name of the sofc file."""


def encoded(inputs: Sequence[tuple[Path, Path]], out_dir: Path | None, *, whole: Iterable[Path] = ()) -> list[Path]:
    """The sofc file of each input, given as (path, path relative to what was named on the command line).

    Beside the input, or in ``out_dir`` with the subfolders kept. A known image suffix, also one with .gz or .bz2, is
    replaced by .sofc, and so is .sofc; any other name gets .sofc behind it, as do those of ``whole``. Where two outputs
    would agree (case folded, for file systems that fold it), or one and another input, each input keeps its whole name
    before .sofc. Files of one name from several folders go below the folder that they have in common. Names that agree
    still get numbers, but not those that differ in case: the file system that the files are from tells them apart, and
    for another there is ``Written``. Those too long for a file system are cut, with a digest in place of the rest.
    """
    from sofc.imagefiles import without_suffix

    relatives = _apart(inputs)
    whole_names = set(whole)

    def output(number: int, name: str) -> Path:
        folder = inputs[number][0].parent if out_dir is None else out_dir / relatives[number].parent
        return folder / _fitting(name, SOFC)

    wholes = [output(number, relative.name) for number, relative in enumerate(relatives)]
    outputs = [
        wholes[number] if path in whole_names else output(number, _stem(without_suffix(relatives[number].name)))
        for number, (path, _) in enumerate(inputs)
    ]
    # What each place is taken by: an input, which its own output may replace, or a folder.
    taken = {_folded(path): number for number, (path, _) in enumerate(inputs)}
    taken |= {_folded(folder): -1 for path in outputs for folder in path.parents}
    while True:
        counts = Counter(map(_folded, outputs))
        clashing = [
            number
            for number, path in enumerate(outputs)
            if path != wholes[number] and (counts[_folded(path)] > 1 or taken.get(_folded(path), number) != number)
        ]
        if not clashing:
            return _numbered(outputs, [folder for path in outputs for folder in path.parents])
        for number in clashing:
            outputs[number] = wholes[number]


def decoded(inputs: Sequence[tuple[Path, Path]], out_dir: Path | None) -> list[Path]:
    """The output of each sofc file without its suffix: the file's name without .sofc; inputs as for ``encoded``."""
    outputs = []
    for (path, _), relative in zip(inputs, _apart(inputs), strict=True):
        outputs.append((path.parent if out_dir is None else out_dir / relative.parent) / _stem(relative.name))
    return _numbered(outputs, ())


def _stem(name: str) -> str:
    """The name without .sofc."""
    return name[: -len(SOFC)] if name.lower().endswith(SOFC) and len(name) > len(SOFC) else name


def key_for(name: str, output: Path | None, *, is_costly: bool) -> str:
    """What a sofc file that is written to ``output`` keeps of the name of the file in it: all, unless that is costly or
    cannot be kept, and ``output`` has the whole name or what was cut of it. Then "", or the end that was cut off.
    """
    if _is_storable(name) and not is_costly:
        return name
    whole = output is not None and output.name == name + SOFC
    if output is None or whole or output.name != _fitting(name, SOFC):
        readable = name.encode("utf-8", "replace").decode()
        return readable if _is_storable(readable) and not whole else ""
    end = name[len(output.name) - len(SOFC) - _DIGEST_LETTERS - 1 :]
    return _END_MARK + end if _is_storable(end) else ""


def _is_storable(name: str) -> bool:
    return is_plain_text(name) and name.encode("utf-8", "replace").decode() == name


def key_for_nameless(output: Path | None, data: Data) -> str:
    """What is kept as the name of a file from standard input: that of the sofc file, with the suffix of its format."""
    from sofc.imagefiles.signatures import LONGEST, name_in
    from sofc.imagefiles.suffixes import BY_FORMAT

    suffix, *_ = BY_FORMAT.get(name_in(data[:LONGEST]) or "", ("",))
    if not suffix or output is None or output.suffix.lower() != SOFC or Path(output.stem).suffix:
        return ""
    return output.stem + suffix if is_kept(output.stem + suffix) else ""


def original_name(output: str, key: str) -> str | None:
    """The name of the file that was kept, from that of the sofc file, without .sofc, and from what it keeps of it.

    None where that is not to be trusted: names in files may be made to harm, those of the sofc files someone has seen.
    """
    if key.startswith(_END_MARK):
        whole = output[: -_DIGEST_LETTERS - 1] + key[len(_END_MARK) :]
        if is_name(whole) and _fitting(whole, SOFC) == output + SOFC:
            return whole
    is_seen = is_name(key) and _fitting(key, SOFC) == output + SOFC
    return key if is_seen or is_kept(key) else None


class Written:
    """The files that a run has written, none of which a later one may replace."""

    def __init__(self) -> None:
        self._files: set[tuple[int, int]] = set()
        self._names: set[str] = set()

    def __contains__(self, path: Path) -> bool:
        """Whether it is a file that the run has written."""
        return (path.is_file() and _identity(path) in self._files) or _absolute(path) in self._names

    def free(self, path: Path) -> Path:
        """``path``, or with a number behind its stem where the run has written that file, or it is a folder."""
        # The file system is asked, not the name: whether case or the form of letters counts is up to it.
        number = 1
        candidate = path
        while candidate.is_dir() or candidate in self:
            number += 1
            candidate = path.with_name(_fitting(path.stem, f"-{number}{path.suffix}"))
        return candidate

    def add(self, path: Path, *, dry: bool = False) -> None:
        """A file is written; ``dry``: it would be."""
        if dry:
            self._names.add(_absolute(path))
        elif path.is_file():
            self._files.add(_identity(path))


def _identity(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def _folded(path: Path) -> str:
    """Equal for paths that some file system takes for one."""
    return unicodedata.normalize("NFC", _absolute(path)).casefold()


def _absolute(path: Path) -> str:
    return os.path.normpath(path.absolute())


def _apart(inputs: Sequence[tuple[Path, Path]]) -> list[Path]:
    """The relative path of each input; those that are equal, of different folders, from their common folder on."""
    relatives = [relative for _, relative in inputs]
    alike: dict[str, list[int]] = {}
    for number, relative in enumerate(relatives):
        alike.setdefault(_folded(relative), []).append(number)
    for numbers in alike.values():
        folders = {_absolute(inputs[number][0].parent) for number in numbers}
        if len(folders) == 1:
            continue
        try:
            common = os.path.commonpath(folders)
        except ValueError:  # on different drives
            continue
        for number in numbers:
            relatives[number] = Path(os.path.relpath(_absolute(inputs[number][0]), common))
    return relatives


def _numbered(outputs: Sequence[Path], folders: Iterable[Path]) -> list[Path]:
    """The same paths, with numbers behind the stems of those that are one with a path before, or with a folder."""
    used = set(folders)
    result = []
    for path in outputs:
        suffix = SOFC if path.suffix == SOFC else ""
        number = 1
        candidate = path
        while candidate in used:
            number += 1
            candidate = path.with_name(_fitting(path.name.removesuffix(suffix), f"-{number}{suffix}"))
        used.add(candidate)
        result.append(candidate)
    return result


def _fitting(stem: str, suffix: str) -> str:
    """The name of both; where that is too long, the stem is cut and ends with a digest of the whole."""
    if _size(stem + suffix) <= MAX_NAME_BYTES:
        return stem + suffix
    end = f"-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:_DIGEST_LETTERS]}{suffix}"
    while _size(stem + end) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return stem + end


def _size(name: str) -> int:
    return len(os.fsencode(name))
