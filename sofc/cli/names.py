"""Output names that come out of a file, and so must not be trusted."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePosixPath

RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
FORBIDDEN = set('<>:"|?*\\')
MAX_BYTES = 255


def safe_name(name: str) -> PurePosixPath | None:
    """The relative path that a name means, or None where it could lead out of a folder or trouble a file system."""
    parts = name.split("/")
    if not parts or len(parts) > 32 or not all(map(_is_safe, parts)):
        return None
    return PurePosixPath(*parts)


def is_kept(name: str) -> bool:
    """Whether a file of this name that is kept gets it back, wherever it is decoded."""
    return safe_name(name) == PurePosixPath(name) and "/" not in name


def is_name(name: str) -> bool:
    """Whether a file may have the name at all."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\0", os.sep}


def _is_safe(part: str) -> bool:
    return (
        part not in ("", ".", "..")
        and len(part.encode("utf-8", "replace")) <= MAX_BYTES
        and part == part.strip()
        and not part.endswith(".")
        and part.split(".")[0].lower() not in RESERVED
        and not any(
            character in FORBIDDEN or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
            for character in part
        )
    )


class OutputNames:
    """Gives each image of a file a path of its own below the output folder."""

    def __init__(self, names: list[str], suffix: str) -> None:
        self._names = names
        self._suffix = suffix
        self._used: set[str] = set()

    def __call__(self, image: int) -> PurePosixPath:
        """The path of image number ``image``: its kept name, without the suffix of images that it may have or else with
        it, where that is safe and still free; otherwise its number."""
        from sofc.imagefiles.suffixes import without_suffix  # with all of that package, which few runs need

        kept = safe_name(self._names[image]) if image < len(self._names) else None
        stems = [] if kept is None else [without_suffix(kept.name), kept.name]
        named = [str(PurePosixPath(self._names[image]).with_name(stem + self._suffix)) for stem in stems]
        paths = [path for path in map(safe_name, named) if path is not None]  # the suffix may be a longer one
        free = (path for path in paths if str(path).casefold() not in self._used)
        path = next(free, PurePosixPath(f"{image:05d}{self._suffix}"))
        while str(path).casefold() in self._used:
            path = path.with_name(f"{path.stem}-{self._suffix}")
        self._used.add(str(path).casefold())
        return path
