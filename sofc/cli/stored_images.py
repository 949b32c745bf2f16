"""The images of files and folders of a store, each to be fetched by whoever loads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sofc.errors import SofcError
from sofc.places import StorePath, as_of, here_all

if TYPE_CHECKING:
    from sofc.imagefiles import ImageSource

AT_ONCE = 64
"""Files that are on this machine at a time, to be looked at."""


def images_of(
    place: StorePath,
    *,
    recursive: bool,
    threshold: int | None = None,
    axes: str | None = None,
    passed_over: Callable[[str, str], object],
    refused: Callable[[str, SofcError | OSError], object],
) -> Iterator[ImageSource]:
    """Every image of a file, or of the files in a folder, sorted, as ``imagefiles.sources`` finds those that are here.

    ``passed_over`` hears of files in the folder that are no images, and why; ``refused`` of those that cannot be read.
    Raises OSError where the store does not answer.
    """
    from sofc.imagefiles import sources, why_no_image

    is_folder = place.is_dir()
    files = _files_in(place, recursive) if is_folder else [place]
    for first in range(0, len(files), AT_ONCE):
        some = files[first : first + AT_ONCE]
        with here_all(some) as found:
            for file, path in zip(some, found, strict=True):
                try:
                    if isinstance(path, OSError):
                        raise path
                    with as_of(file, path):
                        if is_folder and (reason := why_no_image(path)):
                            passed_over(str(file), reason)
                            continue
                        inside = sources([path], threshold=threshold, axes=axes)
                except (SofcError, OSError) as error:
                    refused(str(file), error)
                    continue
                yield from (replace(one, path=None, place=file) for one in inside)


def _files_in(folder: StorePath, recursive: bool) -> list[StorePath]:
    names = (name for name, info in folder.inside().items() if info["type"] != "directory")
    wanted = (name for name in names if recursive or "/" not in name)
    return [folder / name for name in sorted(wanted, key=lambda name: name.split("/"))]
