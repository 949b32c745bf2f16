"""Image files in folders, found by what is in them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sofc.errors import SofcError, UsageError
from sofc.imagefiles import dicom, idx, npz, pnm
from sofc.imagefiles.heads import head_of
from sofc.imagefiles.pillow import is_of_disk, opened
from sofc.imagefiles.signatures import DOCUMENTS, name_of
from sofc.imagefiles.source import ImageSource, count, is_volume_data, kind_of
from sofc.imagefiles.suffixes import IDX_NAME, names_image

Paths = Iterable[str | os.PathLike[str]]
_SOFC, _CODEBOOK = b"\xabSOFC\r\n\n", b"\xabSOFB\r\n\n"
_NO_IMAGE = "no image of a known kind"


@dataclass(frozen=True)
class Entry:
    """A path that was named, or that stands in a named folder. ``relative``: the path from that folder on, or the
    name. ``reason``: why it is no file to read, "" for a file. ``error``: of a folder that cannot be entered.
    """

    path: Path
    relative: Path
    named: bool = False
    reason: str = ""
    error: OSError | None = None


def entries(paths: Paths, recursive: bool = False) -> Iterator[Entry]:
    """All that is named or stands in named folders, sorted within each folder, each path once.

    Links to files are followed, links to folders in a folder are not; subfolders are entered when ``recursive``. Raises
    FileNotFoundError for a path that is not there, UsageError for a named pipe.
    """
    seen: set[Path] = set()
    for given in map(Path, paths):
        for entry in _inside(given, recursive) if given.is_dir() else [_named(given)]:
            if entry.path not in seen:
                seen.add(entry.path)
                yield entry


def walk(paths: Paths, recursive: bool = False) -> list[Path]:
    """Image files named or found in named folders, sorted within each folder, each once.

    A folder's files are known as images by their contents or by an image's suffix; see ``why_no_image`` for the others,
    which are left out. Subfolders are entered when ``recursive``. Raises OSError for what is not there or cannot be
    entered.
    """
    return list(_images(paths, recursive, lambda path, reason: None))


def sources(
    paths: Paths,
    *,
    recursive: bool = False,
    threshold: int | None = None,
    axes: str | None = None,
    passed_over: Callable[[Path, str], object] = lambda path, reason: None,
    refused: Callable[[Path, SofcError | OSError], object] | None = None,
) -> list[ImageSource]:
    """Every image of the files and folders, in order, as ``walk`` finds them.

    ``axes``: of arrays of numpy. ``passed_over`` hears of everything in the folders that is no image, and why;
    ``refused`` of files whose images cannot be counted, which without it is raised.
    """
    found = []
    for path in _images(paths, recursive, passed_over):
        try:
            found += [ImageSource(path, index, threshold, axes=axes) for index in range(count(path, axes))]
        except (SofcError, OSError) as error:
            if refused is None:
                raise
            refused(path, error)
    return found


def why_none_inside(path: Path) -> str:
    """Why there is nothing to encode in a file, whatever its name; "" where there may be. Raises OSError."""
    head = head_of(path)
    if not head:
        return "an empty file"
    if head.startswith(_SOFC):
        return "a sofc file already"
    return "a codebook of sofc" if head.startswith(_CODEBOOK) else ""


def why_no_image(path: Path) -> str:
    """Why a file of a folder is no image, in a few words; "" for one to read, though it may turn out to be damaged.

    Raises OSError where it cannot be read at all.
    """
    if reason := why_none_inside(path):
        return reason
    name = path.name.lower()
    if is_volume_data(path):
        return "its samples are read together with the .hdr file beside it"
    kind = kind_of(path)
    if kind == "idx":
        return _why_no_idx(path, claims=name.removesuffix(".gz").endswith((".idx", IDX_NAME)))
    # Names of hidden files are those of others, with what some system has to say of them.
    claims = names_image(name) and not name.startswith(".")
    signature = name_of(path)
    if claims or kind in ("nifti", "tiff") or (kind == "npz" and npz.is_archive(path)):
        return ""
    if signature in DOCUMENTS:
        return f"a {signature} file, in which sofc looks for no images"
    if kind == "dicom":
        return "" if _has_image(path) else "a DICOM file without an image"
    if kind == "pnm":
        return "" if pnm.is_anymap(path) else _NO_IMAGE
    return "" if signature is not None or _opens(path) else _NO_IMAGE


def _images(paths: Paths, recursive: bool, passed_over: Callable[[Path, str], object]) -> Iterator[Path]:
    for entry in entries(paths, recursive):
        if entry.error is not None:
            raise entry.error
        reason = entry.reason or ("" if entry.named else why_no_image(entry.path))
        if reason:
            passed_over(entry.path, reason)
        else:
            yield entry.path


def _named(path: Path) -> Entry:
    if path.is_fifo():
        raise UsageError(f"{path} is a pipe, which can be read only once: read standard input, with -")
    if not path.exists():
        raise FileNotFoundError(2, "no such file or folder", str(path))
    if reason := _why_no_file(path):
        raise UsageError(f"{path} is {reason}, and no file to read")
    return Entry(path, Path(path.name), named=True)


def _inside(folder: Path, recursive: bool) -> Iterator[Entry]:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        relative = path.relative_to(folder)
        if path == folder or (recursive and path.is_dir() and not path.is_symlink()):
            try:
                waiting += sorted(path.iterdir(), reverse=True)
            except OSError as error:
                yield Entry(path, relative, error=error)
        else:
            yield Entry(path, relative, reason=_why_no_file(path))


def _why_no_file(path: Path) -> str:
    is_link = path.is_symlink()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if is_link:
            return "a link that leads to itself" if error.errno == errno.ELOOP else "a link that leads nowhere"
        return str(error.strerror)
    if stat.S_ISDIR(mode):
        return "a link to a folder, which is not entered" if is_link else "a subfolder, entered only with -r"
    kinds = {stat.S_IFREG: "", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _why_no_idx(path: Path, *, claims: bool) -> str:
    try:
        if idx.first_bytes(path, len(idx.LABELS)) == idx.LABELS:
            return "an IDX file of labels, not of images"
        idx.count(path)
    except SofcError:
        return "" if claims else _NO_IMAGE
    return ""


def _has_image(path: Path) -> bool:
    try:
        return dicom.holds_image(path)
    except Exception:  # of whatever kind pydicom raises: there is something to be read, and it is damaged
        return True


def _opens(path: Path) -> bool:
    """Whether Pillow knows the file."""
    try:
        with opened(path):
            return True
    except Exception as error:
        if is_of_disk(error):
            raise
        return False
