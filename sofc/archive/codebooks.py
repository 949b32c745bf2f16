"""Codebooks for the kinds of an archive: trained on a sample of each kind that is large enough, kept where they pay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING

from sofc.archive.coding import Member, codebook_paths
from sofc.archive.kinds import Kind
from sofc.archive.manifest import FORMAT
from sofc.errors import SofcError
from sofc.places import Place, StorePath, here_all, replacing_at

if TYPE_CHECKING:
    from sofc.imagefiles import ImageSource

FOLDER = "codebooks"
LEAST_BYTES = 1 << 20
"""Kinds whose files take less are coded with the built-in codebook: what one of their own could save is little."""
LEAST_FILES = 8
SAMPLE_FILES = 1 << 11
SAMPLE_PIXELS = 1 << 23
"""What is trained on of a kind, at most: files spread evenly over it."""
HELD_BYTES = 1 << 14
"""Of a file whose image is held in memory while it is trained on."""
VERSION = 4


def train_codebook(
    kind: Kind,
    effort: int,
    members: Sequence[Member],
    pixels: int,
    folder: Place,
    draft: Place,
    executor: Executor | None,
) -> str | None:
    """The id, in hexadecimal, of the codebook of a kind, which is in ``folder`` then; None where none pays.

    ``pixels``: of all members. What came of training is noted in ``draft``, so that a run that goes on need not repeat
    it.
    """
    if sum(member.size for member in members) < LEAST_BYTES or len(members) < LEAST_FILES:
        return None
    sample = members[:: max(1, -(-len(members) // SAMPLE_FILES), -(-pixels // SAMPLE_PIXELS))]
    how = [FORMAT, VERSION, effort, len(members), [member.digest for member in sample]]
    note = draft / f"{hashlib.sha256(json.dumps(how).encode()).hexdigest()[:32]}.codebook"
    if note.exists():
        found = note.read_bytes().decode("ascii") or None
        if found is None or all(path.exists() for path in codebook_paths(folder, found)):
            return found
    found = _trained(kind, effort, members, sample, folder, executor)
    with replacing_at(note) as file:
        file.write((found or "").encode())
    return found


def _trained(
    kind: Kind,
    effort: int,
    members: Sequence[Member],
    sample: Sequence[Member],
    folder: Place,
    executor: Executor | None,
) -> str | None:
    from sofc.training import train

    try:
        images = _images_of(sample)
        to_come = len(images) * len(members) // len(sample)
        result = train(images, name=kind.name, efforts=[effort], for_images=to_come, executor=executor)
    except SofcError:
        return None  # samples that no codebook is for, or too few of them
    if not result.report.is_worthwhile:
        return None
    id = result.codebook.reference.id.hex()
    for path in codebook_paths(folder, id):
        with replacing_at(path) as file:
            file.write(result.codebook.to_bytes())
    return id


def _images_of(members: Sequence[Member]) -> list[ImageSource]:
    """The images of files, in the order that ``train`` gives paths: in memory where they are small and plain, as
    training reads each of them many times; others of a store are fetched by who reads them."""
    from sofc.imagefiles import ImageSource, sources
    from sofc.keepfile import read_plain

    found: list[ImageSource] = []
    with here_all([member.path for member in members]) as paths:
        for member, path in sorted(zip(members, paths, strict=True), key=lambda pair: str(pair[0].path).split("/")):
            if isinstance(path, OSError):
                raise path
            if member.size <= HELD_BYTES and (plain := read_plain(path.read_bytes(), str(path))) is not None:
                found.append(ImageSource(array=plain.samples.array))
                continue
            inside = sources([path])
            if isinstance(member.path, StorePath):
                inside = [replace(one, path=None, place=member.path) for one in inside]
            found += inside
    return found
