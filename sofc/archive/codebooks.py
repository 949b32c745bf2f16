"""Codebooks for the kinds of an archive: trained on a sample of each kind that is large enough, kept where they pay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sofc.archive.coding import codebook_paths
from sofc.archive.kinds import Kind
from sofc.archive.manifest import FORMAT
from sofc.archive.plan import Stored, came_of_jpeg, members
from sofc.errors import SofcError
from sofc.places import Place, StorePath, here_all, replacing_at

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.imagefiles import ImageSource

FOLDER = "codebooks"
LEAST_BYTES = 1 << 20
"""Kinds whose files take less are coded with the built-in codebook: what one of their own could save is little."""
LEAST_IMAGES = 8
SAMPLE_IMAGES = 1 << 11
SAMPLE_PIXELS = 1 << 23
"""What is trained on of a kind, at most: images spread evenly over it."""
HELD_BYTES = 1 << 14
"""Of a file whose image is held in memory while it is trained on."""
HELD_SAMPLE_BYTES = 1 << 17
"""Of the samples of an image, of a file of several, that is held."""
VERSION = 6


class Sampled(NamedTuple):
    """A file that is trained on, and the numbers of those of its images that are: all of them where it is one."""

    path: Place
    size: int
    digest: str
    images: range


def train_codebook(
    kind: Kind,
    effort: int,
    root: Place,
    contents: Sequence[Stored],
    folder: Place,
    draft: Place,
    executor: Executor | None,
) -> str | None:
    """The id, in hexadecimal, of the codebook of a kind, which is in ``folder`` then; None where none pays.

    ``contents``: of the kind, below ``root``. What came of training is noted in ``draft``, so that a run that goes on
    need not repeat it.
    """
    images = sum(one.facts.images for one in contents)
    if sum(one.size for one in contents) < LEAST_BYTES or images < LEAST_IMAGES:
        return None
    chosen = sample(root, contents)
    how = [FORMAT, VERSION, effort, images, [(one.digest, str(one.images)) for one in chosen]]
    note = draft / f"{hashlib.sha256(json.dumps(how).encode()).hexdigest()[:32]}.codebook"
    if note.exists():
        found = note.read_bytes().decode("ascii") or None
        if found is None or all(path.exists() for path in codebook_paths(folder, found)):
            return found
    result = _trained(kind, effort, images, chosen, executor, adapt=came_of_jpeg(contents))
    found = None if result is None else _written(result, folder)
    with replacing_at(note) as file:
        file.write((found or "").encode())
    return found


def sample(root: Place, contents: Sequence[Stored]) -> list[Sampled]:
    """Every so many-th of all images of a kind: so many that no more than SAMPLE_IMAGES and SAMPLE_PIXELS are taken."""
    images = sum(one.facts.images for one in contents)
    pixels = sum(one.facts.width * one.facts.height * one.facts.images for one in contents)
    step = max(1, -(-images // SAMPLE_IMAGES), -(-pixels // SAMPLE_PIXELS))
    found, first = [], 0
    for one, member in zip(contents, members(root, contents), strict=True):
        if first < one.facts.images:
            numbers = range(first, one.facts.images, step)
            found.append(Sampled(member.path, member.size, member.digest, numbers))
            first += step * len(numbers)
        first -= one.facts.images
    return found


def _trained(
    kind: Kind, effort: int, images: int, chosen: Sequence[Sampled], executor: Executor | None, *, adapt: bool
) -> Codebook | None:
    """A codebook that pays. ``adapt``: where few images are to come, by changes of the built-in one."""
    from sofc.training import train

    try:
        result = train(
            _images_of(chosen), efforts=[effort], adapt=adapt, executor=executor, name=kind.name, for_images=images
        )
    except SofcError:
        return None  # samples that no codebook is for, or too few of them
    return result.codebook if result.report.is_worthwhile else None


def _written(codebook: Codebook, folder: Place) -> str:
    """Write a codebook to ``folder``, twice, and give its id, in hexadecimal."""
    id = codebook.reference.id.hex()
    for path in codebook_paths(folder, id):
        with replacing_at(path) as file:
            file.write(codebook.to_bytes())
    return id


def _images_of(chosen: Sequence[Sampled]) -> list[ImageSource]:
    """The images of files, in the order that ``train`` gives paths: in memory where they are small and plain, as
    training reads each of them many times; others of a store are fetched by who reads them."""
    from sofc.imagefiles import ImageSource, sources
    from sofc.keepfile import read_plain

    found: list[ImageSource] = []
    with here_all([one.path for one in chosen]) as paths:
        for one, path in sorted(zip(chosen, paths, strict=True), key=lambda pair: str(pair[0].path).split("/")):
            if isinstance(path, OSError):
                raise path
            if one.size <= HELD_BYTES and (plain := read_plain(path.read_bytes(), str(path))) is not None:
                found.append(ImageSource(array=plain.samples.array))
                continue
            inside = sources([path])
            if len(inside) > 1:
                inside = [_held(inside[number]) for number in one.images if number < len(inside)]
            if isinstance(one.path, StorePath):
                inside = [replace(source, path=None, place=one.path) if source.path else source for source in inside]
            found += inside
    return found


def _held(source: ImageSource) -> ImageSource:
    """One of several images of a file, which may have to be unpacked from its start for each: in memory if it is small
    and if nothing but its samples is known of it."""
    from sofc.api.headers import header_for
    from sofc.imagefiles import ImageSource, load

    samples = load(source)
    held = ImageSource(array=samples.array)
    told, untold = (
        header_for(one.array, declared_bits=one.declared_bits, meaning=one.meaning) for one in (samples, load(held))
    )
    is_plain = samples.jpeg is None and told == untold
    return held if is_plain and samples.array.nbytes <= HELD_SAMPLE_BYTES else source
