"""Codebooks for the kinds of an archive: trained on a sample of each kind that is large enough, kept where they pay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from sofc.archive.coding import Member, codebook_paths
from sofc.archive.kinds import Kind
from sofc.errors import SofcError
from sofc.files import replacing

FOLDER = "codebooks"
LEAST_BYTES = 1 << 20
"""Kinds whose files take less are coded with the built-in codebook: what one of their own could save is little."""
LEAST_FILES = 8
SAMPLE_FILES = 1 << 11
SAMPLE_PIXELS = 1 << 23
"""What is trained on of a kind, at most: files spread evenly over it."""
VERSION = 2


def train_codebook(
    kind: Kind,
    effort: int,
    members: Sequence[Member],
    pixels: int,
    folder: Path,
    draft: Path,
    executor: Executor | None,
) -> str | None:
    """The id, in hexadecimal, of the codebook of a kind, which is in ``folder`` then; None where none pays.

    ``pixels``: of all members. What came of training is noted in ``draft``, so that a run that goes on need not repeat
    it.
    """
    if sum(member.size for member in members) < LEAST_BYTES or len(members) < LEAST_FILES:
        return None
    sample = members[:: max(1, -(-len(members) // SAMPLE_FILES), -(-pixels // SAMPLE_PIXELS))]
    how = [VERSION, effort, len(members), [member.digest for member in sample]]
    note = draft / f"{hashlib.sha256(json.dumps(how).encode()).hexdigest()[:32]}.codebook"
    if note.exists():
        found = note.read_text(encoding="ascii") or None
        if found is None or all(path.exists() for path in codebook_paths(folder, found)):
            return found
    found = _trained(kind, effort, members, sample, folder, executor)
    with replacing(note) as file:
        file.write((found or "").encode())
    return found


def _trained(
    kind: Kind,
    effort: int,
    members: Sequence[Member],
    sample: Sequence[Member],
    folder: Path,
    executor: Executor | None,
) -> str | None:
    from sofc.imagefiles import sources
    from sofc.training import train

    try:
        images = sources([member.path for member in sample])
        to_come = len(images) * len(members) // len(sample)
        result = train(images, name=kind.name, efforts=[effort], for_images=to_come, executor=executor)
    except SofcError:
        return None  # samples that no codebook is for, or too few of them
    if not result.report.is_worthwhile:
        return None
    id = result.codebook.reference.id.hex()
    for path in codebook_paths(folder, id):
        with replacing(path) as file:
            file.write(result.codebook.to_bytes())
    return id
