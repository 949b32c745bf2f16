"""Kinds of files: what is to be found out of one at a look, and how those of a kind are stored."""

from __future__ import annotations

import fnmatch
import hashlib
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from sofc.archive.tree import shown
from sofc.errors import SofcError, UsageError
from sofc.places import Place

if TYPE_CHECKING:
    from sofc.imagefiles import Samples

COLLECTION, ALONE, CROP, PACK = "collection", "alone", "crop", "pack"
"""How files are stored: images of one size together, files of images one by one, parts of other images as that, all
else packed."""
COLLECTION_SAMPLES = 1 << 18
"""Images of at most so many samples are stored together: larger ones are coded in bands, each by itself."""
MOST_LOOKED_AT = 1 << 28
"""Bytes of the largest file that is looked into for images."""
_READ_BYTES = 1 << 20
PACKED = "other files"
CROPS = "crops of other images"
MANY = 16
"""Images of one size make a kind of their own where there are so many."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a look at a file tells: the SHA-256 of its bytes and, where it is one that sofc reads, ``images`` in it, and
    of the first width, height, components, bits of a sample, and whether it came of JPEG data. ``format``: by its first
    bytes, or the suffix of its name. ``unread``: why no images could be read where the file says that it has some."""

    digest: str
    format: str = ""
    images: int = 0
    width: int = 0
    height: int = 0
    components: int = 0
    bits: int = 0
    jpeg: bool = False
    error: str = ""
    unread: str = ""

    @property
    def once_jpeg(self) -> bool:
        """Whether what is coded are coefficients of JPEG data."""
        return self.jpeg or self.format == "JPEG"


@dataclass(frozen=True)
class Kind:
    """Files that are stored alike. ``effort``: None for what serves best. ``train``: whether a codebook may be made."""

    name: str
    store: str
    effort: int | None = None
    train: bool = True


class Rule(NamedTuple):
    """Paths that a person wants stored in a way of their own."""

    pattern: str
    name: str
    store: str | None = None
    effort: int | None = None
    train: bool = True


def read_rules(path: Path) -> list[Rule]:
    """The rules of a TOML file: tables ``[[kind]]`` with ``pattern``, ``name`` and, if wanted, ``store``, ``effort``
    and ``train``. Raises UsageError, OSError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("kind", [])
        rules = [Rule(**table) for table in tables]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: no rules for kinds can be read from it: {error}") from None
    for rule in rules:
        if not (isinstance(rule.pattern, str) and isinstance(rule.name, str) and isinstance(rule.train, bool)):
            raise UsageError(f"{path}: kind {rule.name!r}: pattern and name are texts, train is true or false")
        if rule.store not in (None, COLLECTION, ALONE, PACK) or rule.effort not in (None, *range(1, 10)):
            raise UsageError(
                f"{path}: kind {rule.name!r}: store is one of {COLLECTION}, {ALONE} and {PACK}, effort 1 to 9"
            )
    return rules


def look(path: Path) -> Facts:
    """Facts of a file. What cannot be read at all has an ``error``; what sofc reads no image from has no ``images``."""
    try:
        digest, size, data = _read_through(path)
    except OSError as error:
        return unreadable(error)
    facts = Facts(digest, path.suffix.lower().lstrip("."))
    if not size or size > MOST_LOOKED_AT:
        return facts
    try:
        return _with_images(path, facts, data if size == len(data) else b"")
    except SofcError as error:
        return replace(facts, unread=str(error))
    except Exception as error:
        # To be packed, whatever ails it: of damaged files libraries raise errors of all kinds.
        return replace(facts, unread=f"{type(error).__name__}: {error}")


def unreadable(error: OSError) -> Facts:
    """Of a file that cannot be read."""
    return Facts("", error=error.strerror or str(error))


def digest_of(path: Place) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return _read_through(path)[0]


def _read_through(path: Place) -> tuple[str, int, bytes]:
    """The SHA-256 of a file, in hexadecimal, its size, and its first bytes: all of a small one."""
    with path.open("rb") as file:
        data = file.read(_READ_BYTES)
        digest, size = hashlib.sha256(data), len(data)
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size, data


def _with_images(path: Path, facts: Facts, data: bytes) -> Facts:
    """The same facts, and those of the images of a file, of which ``data`` are all bytes, or none of them."""
    from sofc.imagefiles import ImageSource, load, why_no_image
    from sofc.imagefiles.signatures import name_of
    from sofc.imagefiles.source import count
    from sofc.keepfile import read_plain

    if (plain := read_plain(data, str(path))) is not None:
        return _described(replace(facts, format="PNG", images=1), plain.samples)
    if why_no_image(path):
        return facts
    facts = replace(facts, format=name_of(path) or facts.format)
    return _described(replace(facts, images=count(path)), load(ImageSource(path)))


def _described(facts: Facts, samples: Samples) -> Facts:
    """The same facts, and those of the first image."""
    from sofc.api.headers import header_for
    from sofc.band.coding import to_planes
    from sofc.transforms.components import LATTICE

    header = header_for(samples.array, declared_bits=samples.declared_bits, meaning=samples.meaning)
    wanted = header.format
    jpeg = samples.jpeg is not None
    if not jpeg and wanted.wide is None and LATTICE.accepts(wanted.components, wanted.coded_bits):
        jpeg = bool(LATTICE.suits(LATTICE.forward(to_planes(samples.array, wanted))))
    bits = 8 * samples.array.dtype.itemsize if wanted.wide is not None else wanted.declared_bits
    return replace(
        facts,
        width=header.width,
        height=header.height or 0,
        components=wanted.components,
        bits=bits,
        jpeg=jpeg,
    )


def kinds_of(files: Sequence[tuple[bytes, Facts]], rules: Sequence[Rule]) -> list[Kind]:
    """The kind of each file, of which the path and the facts are given: that of the first rule that the path matches,
    or what the facts say."""
    sizes: Counter[tuple[object, ...]] = Counter()
    for _, facts in files:
        sizes[_size(facts)] += facts.images
    alike: dict[Kind, Kind] = {}  # the files of a kind have one object: there may be millions
    kinds = (_ruled(path, facts, rules, _found(facts, sizes[_size(facts)])) for path, facts in files)
    return [alike.setdefault(kind, kind) for kind in kinds]


def _size(facts: Facts) -> tuple[object, ...]:
    return facts.format, facts.images > 1, facts.width, facts.height, facts.components, facts.bits, facts.jpeg


def _ruled(path: bytes, facts: Facts, rules: Sequence[Rule], found: Kind) -> Kind:
    rule = rule_for(path, rules)
    if rule is None:
        return found
    store = found.store if rule.store is None or not facts.images else rule.store
    if store == COLLECTION and facts.images != 1:
        store = ALONE
    return Kind(rule.name, store, rule.effort, rule.train)


def rule_for(path: bytes, rules: Sequence[Rule]) -> Rule | None:
    """The first rule that a path matches."""
    name = shown(path)
    return next((rule for rule in rules if fnmatch.fnmatchcase(name, rule.pattern)), None)


def _found(facts: Facts, of_size: int) -> Kind:
    if not facts.images:
        return Kind(PACKED, PACK, train=False)
    size = f"{facts.width} x {facts.height}" if of_size >= MANY else "of various sizes"
    samples = f"{facts.components} component{'' if facts.components == 1 else 's'} of {facts.bits} bits"
    name = f"{facts.format} {size}, {samples}"
    if facts.format == "JPEG":
        return Kind(name, ALONE)
    name += ", once JPEG" if facts.jpeg else ""
    if facts.images == 1 and facts.width * facts.height * facts.components <= COLLECTION_SAMPLES:
        return Kind(name, COLLECTION)
    return Kind(f"{name}, {'several images' if facts.images > 1 else 'large'}", ALONE)


def suffix_of(path: bytes) -> str:
    """What packs are sorted by, so that like stands beside like."""
    return PurePosixPath(shown(path)).suffix.lower()
