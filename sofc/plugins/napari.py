"""The reader of napari, which finds it through ``napari.yaml``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import sofc

Layer = tuple[Any, dict[str, Any], str]
Paths = str | Sequence[str]


def get_reader(path: Paths) -> Callable[[Paths], list[Layer]] | None:
    """What reads these files, or None where one of them is no sofc file."""
    for one in _listed(path):
        with Path(one).open("rb") as file:
            if not sofc.is_sofc(file.read(8)):
                return None
    return read


def read(path: Paths) -> list[Layer]:
    """One layer for each file, or for each image of a file whose images cannot be stacked."""
    return [layer for one in _listed(path) for layer in _layers(Path(one))]


def _layers(path: Path) -> list[Layer]:
    with sofc.open_reader(path) as reader:
        headers = reader.headers
    images = sofc.decode_images(path)
    if len({(image.shape, image.dtype) for image in images}) == 1:
        image = images[0] if len(images) == 1 else np.stack(images)
        return [(image, _attributes(path.stem, headers[0]), "image")]
    names = (f"{path.stem} {number}" for number in range(len(images)))
    return [
        (image, _attributes(name, header), "image") for image, name, header in zip(images, names, headers, strict=True)
    ]


def _attributes(name: str, header: sofc.ImageHeader) -> dict[str, Any]:
    samples = header.format
    if samples.meaning in (sofc.Meaning.RGB, sofc.Meaning.RGBA):
        return {"name": name, "rgb": True}
    if samples.components in (1, 3, 4):  # left to napari to guess, as with any array
        return {"name": name}
    return {"name": name, "channel_axis": -1}


def _listed(paths: Paths) -> Sequence[str]:
    return [paths] if isinstance(paths, str) else paths
