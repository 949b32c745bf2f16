"""An archive as a file system of fsspec's: ``fsspec.open("sofc://gray/3.png", archive="scans.archive")``.

With it pandas, dask, imageio and whatever else reads through fsspec read the files of an archive as they were. In URLs
the archive may stand before ``!``: ``sofc:///data/scans.archive!gray/3.png``. It may itself be in a store, which
``storage_options`` are for: ``sofc://s3://bucket/scans.archive!gray/3.png``. It cannot be written to.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Mapping
from typing import Any

from fsspec.spec import AbstractFileSystem

import sofc
from sofc.archive.access import Status
from sofc.errors import UsageError

SEPARATOR = "!"
_TYPES = {"file": "file", "folder": "directory"}
_KINDS = {"file": stat.S_IFREG, "folder": stat.S_IFDIR, "link": stat.S_IFLNK}


class ArchiveFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Files of an archive, to read. Raises UsageError where none is named, FileNotFoundError for what is not there."""

    protocol = "sofc"
    root_marker = ""
    cachable = True

    def __init__(self, archive: str = "", storage_options: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not archive:
            raise UsageError('name the archive: fsspec.open("sofc://PATH", archive="DIR"), or sofc://DIR!PATH')
        self._archive = sofc.open_archive(archive, storage_options=storage_options)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return str(path).removeprefix("sofc://").rpartition(SEPARATOR)[2].strip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        archive, separator, _ = path.removeprefix("sofc://").rpartition(SEPARATOR)
        return {"archive": archive} if separator else {}

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """What stands in a folder; of a file, itself."""
        path = self._strip_protocol(path)
        info = self.info(path)
        found = [info]
        if info["type"] == "directory":
            found = [_described(status) for status in self._archive.listdir(path)]
        return found if detail else [one["name"] for one in found]

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """What is known of a path."""
        path = self._strip_protocol(path)
        if not path:
            return {"name": "", "size": 0, "type": "directory"}
        status = self._archive.status(path, missing_ok=True)
        if status is None:
            raise FileNotFoundError(path)
        return _described(status)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> io.BytesIO:
        if mode != "rb":
            raise UsageError(f"archives are only read: {path} cannot be opened as {mode!r}")
        info = self.info(path)
        if info["type"] == "directory":
            raise IsADirectoryError(path)
        return io.BytesIO(self._archive.read_bytes(self._strip_protocol(path)))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """The bytes of a file, or some of them."""
        return self._open(path).getvalue()[start:end]


def _described(status: Status) -> dict[str, Any]:
    return {
        "name": status.path,
        "size": status.size,
        "type": _TYPES.get(status.type, "other"),
        "mtime": status.time / 1e9,
        "mode": status.mode | _KINDS.get(status.type, 0),
        "islink": status.type == "link",
    }
