"""Makes units: reads the files, codes them in the way that their kind says, and proves that they come back."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from sofc.archive import unit
from sofc.archive.crops import Crop
from sofc.archive.kinds import COLLECTION, PACK, digest_of
from sofc.archive.manifest import FORMAT, digest_bytes
from sofc.archive.reading import FindCodebook, UnitReader
from sofc.container.original import MAX_FILE_BYTES
from sofc.errors import ChecksumError, FormatError, LimitError, SofcError
from sofc.files import discard, drafted
from sofc.places import Place, StorePath, deliver, here, here_all, workshop

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.container.records import CodebookReference
    from sofc.image import PixelFormat
    from sofc.imagefiles import Samples
    from sofc.keepfile.deflate import Known

VERSION = 7
"""Of the way in which units are made: other units come of other versions."""
GROUP_IMAGES = 16
"""Images of a collection that are coded together: all of them are decoded for one."""
MOSTLY = 0.5
"""Where so much of a file is JPEG data whose coefficients are known, its samples are not tried."""
HELD_CODEBOOKS = 8
"""Of stores: their files are named after what is in them."""
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file to store: where it is, its size and the SHA-256 that it had when it was looked at, in hexadecimal, and
    what its image seems to be a crop of: of that of an earlier member of the unit."""

    path: Place
    size: int
    digest: str
    crop: Crop | None = None

    @property
    def here(self) -> Path:
        """The file on this machine, where units are made."""
        assert isinstance(self.path, Path)
        return self.path


@dataclass(frozen=True)
class UnitPlan:
    """A unit to make. ``codebook``: the id, in hexadecimal, of the one trained for its kind."""

    kind: str
    store: str
    effort: int
    members: tuple[Member, ...]
    codebook: str = ""

    @property
    def key(self) -> str:
        """The name of the unit: what goes into it and how decides it."""
        crops = [member.crop.numbers for member in self.members if member.crop is not None]
        digests = [member.digest for member in self.members]
        how = [FORMAT, VERSION, self.store, self.effort, self.codebook, digests, crops]
        return hashlib.sha256(json.dumps(how).encode()).hexdigest()[:32]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(member.size for member in self.members)

    def is_crop(self, number: int) -> bool:
        """Whether a member seems to be a crop of another one."""
        return self.members[number].crop is not None


@dataclass(frozen=True)
class MadeUnit:
    """A unit on disk. ``stored``: bytes that each content takes, which add up to ``size``. ``ways``: of each content.
    ``digest``: the SHA-256 of the file, in hexadecimal. ``fresh``: whether it was not there before."""

    key: str
    size: int
    digest: str
    stored: tuple[int, ...]
    ways: str
    fresh: bool = False


def make_unit(plan: UnitPlan, folder: Place, codebooks: Place, damaged: Collection[str] = ()) -> MadeUnit:
    """Make a unit in ``folder``, unless a sound one is there: one whose name is not among those that are ``damaged``.

    Raises OSError for files that cannot be read or were changed since they were looked at, SofcError where what was
    written does not give the files back, which is a bug.
    """
    path = folder / (plan.key + unit.SUFFIX)
    if plan.key not in damaged and path.exists() and (made := _described(plan, path)) is not None:
        return made
    with workshop(folder) as shop, _at_hand(plan) as at_hand:
        codebook = stored_codebook(codebooks, plan.codebook) if plan.codebook else None
        deliver(_drafted(at_hand, shop / path.name, codebook, finder(codebooks)), path)
    found = _described(plan, path)
    if found is None:
        raise ChecksumError(f"{path} is not what was written: is the disk sound?")
    return replace(found, fresh=True)


@contextlib.contextmanager
def _at_hand(plan: UnitPlan) -> Iterator[UnitPlan]:
    """The plan with all that it needs on this machine. Raises OSError for files that are others by now."""
    with here_all([member.path for member in plan.members]) as found:
        members = []
        for member, path in zip(plan.members, found, strict=True):
            if isinstance(path, OSError):
                raise path
            fetched = isinstance(member.path, StorePath)
            if fetched and (path.stat().st_size, digest_of(path)) != (member.size, member.digest):
                raise _changed(member)
            members.append(replace(member, path=path))
        yield replace(plan, members=tuple(members))


def _drafted(plan: UnitPlan, path: Path, codebook: Codebook | None, find: FindCodebook) -> Path:
    """A draft of a unit that is to be ``path``, which gives all its members back."""
    refused: Counter[int] = Counter()
    while True:
        with drafted(path) as (file, draft):
            _write(file, _Coded.of(plan, refused, codebook))
        assert draft is not None
        try:
            wrong = not_given_back(draft, plan, find)
            if not wrong:
                return draft
            if stuck := [number for number in wrong if refused[number] > plan.is_crop(number)]:
                where = plan.members[stuck[0]].path
                raise ChecksumError(f"{where}: what was stored does not give it back: please report this")
        except BaseException:
            discard(draft)
            raise
        discard(draft)
        refused.update(wrong)  # recipes that look right but are not: the files are stored in another way


def _write(file: BinaryIO, coded: _Coded) -> None:
    writer = unit.UnitWriter(file)
    writer.section(unit.IMAGES, coded.images)
    packing, pieces = unit.packed(lambda: coded.recipes, sum(map(len, coded.recipes)))
    writer.section(unit.RECIPES, pieces, packing)
    writer.section(unit.FILES, coded.files)
    packing, pieces = unit.packed(lambda: _contents(coded.packed), sum(member.size for member in coded.packed))
    writer.section(unit.PACK, pieces, packing)
    writer.finish(coded.contents)


def finder(codebooks: Place) -> FindCodebook:
    """Finds the codebooks of an archive, whose folder is ``codebooks``, or their copies."""
    from sofc.codebook.builtin import find_builtin

    known: dict[bytes, Codebook] = {}

    def find(reference: CodebookReference) -> Codebook | None:
        if reference.id not in known and find_builtin(reference.id) is None:
            with contextlib.suppress(SofcError):
                known[reference.id] = stored_codebook(codebooks, reference.id.hex())
        return known.get(reference.id)

    return find


def stored_codebook(codebooks: Place, id: str) -> Codebook:
    """The codebook with this id, in hexadecimal, or its copy. Raises FormatError where neither is sound."""
    for path in codebook_paths(codebooks, id):
        with contextlib.suppress(SofcError, OSError):
            if (found := _codebook_of(path)).reference.id.hex() == id:
                return found
    raise FormatError(f"{codebooks}: codebook {id} and its copy are missing or damaged")


def _codebook_of(path: Place) -> Codebook:
    """The codebook of a file: of a store, which is asked once."""
    from sofc.codebook.store import read_codebook

    return read_codebook(path) if isinstance(path, Path) else _fetched_codebook(path)


@lru_cache(HELD_CODEBOOKS)
def _fetched_codebook(path: StorePath) -> Codebook:
    from sofc.codebook.store import read_codebook

    return read_codebook(path)


def codebook_paths(codebooks: Place, id: str) -> tuple[Place, Place]:
    """Where a codebook with this id, in hexadecimal, is, and its copy: many units need it."""
    return codebooks / f"{id}.sofcb", codebooks / f"{id}.copy.sofcb"


def not_given_back(path: Path, plan: UnitPlan, find: FindCodebook) -> list[int]:
    """The numbers of the members that a unit on disk does not give back."""
    reader = UnitReader(path, find)
    wrong: list[int] = []
    for number, member in enumerate(plan.members):
        try:
            for _ in reader.checked_pieces(number, member.size, digest_bytes(member.digest)):
                pass
        except (FormatError, LimitError):
            wrong.append(number)
    return wrong


def _described(plan: UnitPlan, place: Place) -> MadeUnit | None:
    """What is there of a unit; None where it is damaged or another."""
    with here(place) as path:
        try:
            with path.open("rb") as file:
                unit.check(file)
                table = unit.read_table(file)
                size = file.seek(0, 2)
        except SofcError:
            return None
        digest = digest_of(path)
    if [content.size for content in table.contents] != [member.size for member in plan.members]:
        return None
    ways = "".join(content.way for content in table.contents)
    return MadeUnit(plan.key, size, digest, _shares(table, size), ways)


def _shares(table: unit.Table, size: int) -> tuple[int, ...]:
    """What each content takes of a unit's bytes: of a section in proportion to sizes, of all else alike."""
    rates: dict[str, float] = {}
    for ways, section in (
        (unit.FROM_IMAGES, unit.IMAGES),
        (unit.RECIPE_WAYS, unit.RECIPES),
        (unit.FROM_PACK, unit.PACK),
    ):
        total = sum(content.size for content in table.contents if content.way in ways)
        for way in ways:
            rates[way] = rates.get(way, 0.0) + (table.sections[section].length / total if total else 0.0)
    exact = [
        content.length if content.way == unit.FROM_FILE else content.size * rates[content.way]
        for content in table.contents
    ]
    rest = (size - sum(exact)) / len(exact)
    ends, end = [0], 0.0
    for share in exact:
        end += share + rest
        ends.append(round(end))
    ends[-1] = size
    return tuple(end - start for start, end in pairwise(ends))


@dataclass
class _Coded:
    """The sections of a unit."""

    contents: list[unit.Content] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    recipes: list[bytes] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    packed: list[Member] = field(default_factory=list)

    @classmethod
    def of(cls, plan: UnitPlan, refused: Mapping[int, int], codebook: Codebook | None) -> _Coded:
        """Code the members of a unit; those that were ``refused``, and how often, in another way: last, packed."""
        from sofc.keepfile.deflate import Known

        coded = cls()
        collected: list[Samples] = []
        known = Known()
        sources = _Sources(plan.members)
        for number, member in enumerate(plan.members):
            store = COLLECTION if member.crop is not None else plan.store
            if refused.get(number, 0) > plan.is_crop(number):
                store = PACK
            if store == COLLECTION and (found := _recipe(member, known)) is not None:
                samples, recipe = found
                coded.recipes.append(recipe)
                if member.crop is not None and number not in refused and sources.has(member.crop, samples.array):
                    coded.contents.append(unit.Content(unit.FROM_CROP, member.size, len(recipe), member.crop))
                    continue
                collected.append(samples)
                coded.contents.append(unit.Content(unit.FROM_IMAGES, member.size, len(recipe)))
                sources.add(number)
                continue
            alone = _Alone()
            if store != PACK and member.size <= MAX_FILE_BYTES:
                alone = _alone(_read(member), member.here, codebook, plan.effort, known)
            if alone.file:
                coded.files.append(alone.file)
                coded.contents.append(unit.Content(unit.FROM_FILE, member.size, len(alone.file)))
                if alone.of_images:
                    sources.add(number)
            else:
                coded.packed.append(member)
                coded.contents.append(unit.Content(unit.FROM_PACK, member.size))
        if collected:
            from sofc.collection import encode_collection

            coded.images = list(
                encode_collection(
                    collected,
                    codebook=picker(codebook),
                    effort=plan.effort,
                    key_interval=GROUP_IMAGES,
                    verify=False,  # the whole unit is decoded
                    digest=False,
                )
            )
        return coded


def picker(codebook: Codebook | None) -> Any:
    """Picks the codebook where it serves images of a format, or that which is built in."""
    from sofc.band.candidates import serves
    from sofc.codebook.builtin import builtin_codebook

    def pick(pixel_format: PixelFormat) -> Codebook:
        if codebook is not None and serves(codebook, pixel_format):
            return codebook
        return builtin_codebook(pixel_format)

    return pick


def _read(member: Member) -> bytes:
    """The bytes of a file. Raises OSError where it is another by now."""
    return b"".join(_contents([member]))


def _contents(members: Sequence[Member]) -> Iterator[bytes]:
    """The bytes of files, in pieces. Raises OSError where one is another by now."""
    for member in members:
        digest, size = hashlib.sha256(), 0
        with member.path.open("rb") as file:
            while data := file.read(_PIECE_BYTES):
                digest.update(data)
                size += len(data)
                yield data
        # The size is that of the walk, the digest that of the look that came later.
        if (size, digest.hexdigest()) != (member.size, member.digest):
            raise _changed(member)


def _changed(member: Member) -> OSError:
    return OSError(errno.EBUSY, "changed while it was archived: run it again", str(member.path))


def _recipe(member: Member, known: Known) -> tuple[Samples, bytes] | None:
    """The one image of a file and what should make the file of it; None where nothing does. ``known``: how the files
    before it were compressed."""
    from sofc.imagefiles import ImageSource, load
    from sofc.keepfile import read_plain, recipe, recipe_of

    data = _read(member)
    try:
        plain = read_plain(data, str(member.path))
        samples = load(ImageSource(member.here)) if plain is None else plain.samples
        made = recipe(data, [samples.array], known) if plain is None else recipe_of(plain, known)
    except (SofcError, MemoryError):
        return None
    # The samples alone are coded: of JPEG data in them nothing more is known than they tell.
    return (samples._replace(jpeg=None), made) if made is not None and len(made) < len(data) else None


class _Sources:
    """The members of a unit whose images others may be crops of."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._numbers: set[int] = set()
        self._held: tuple[int, Any] | None = None

    def add(self, number: int) -> None:
        """A member is stored by its image."""
        self._numbers.add(number)

    def has(self, crop: Crop, image: Any) -> bool:
        """Whether the image is what the crop is of that of its source."""
        from sofc.imagefiles import ImageSource, load

        if crop.source not in self._numbers:
            return False
        try:
            if self._held is None or self._held[0] != crop.source:
                self._held = crop.source, load(ImageSource(self._members[crop.source].here)).array
            part = crop.cut(self._held[1])
        except (SofcError, OSError, MemoryError):
            return False
        return bool(part.dtype == image.dtype and part.shape == image.shape and (part == image).all())


class _Alone(NamedTuple):
    """A sofc file that keeps a file, by its images or by their coefficients alone; nothing where none is worth it."""

    file: bytes = b""
    of_images: bool = False


def _alone(data: bytes, path: Path, codebook: Codebook | None, effort: int, known: Known) -> _Alone:
    """The smallest sofc file that keeps a file. ``known``: how the files before it were compressed."""
    from sofc.codebook.builtin import is_builtin
    from sofc.collection import encode_collection
    from sofc.imagefiles import each, sources
    from sofc.keepfile import keep, keep_coefficients
    from sofc.stream.encoder import Encoder

    found: list[_Alone] = []
    for book in (codebook, None) if codebook is not None else (None,):
        coefficients = keep_coefficients("", data, book, effort)
        if coefficients is None:
            break
        found.append(_Alone(Encoder(codebook=coefficients.codebook, metadata=coefficients.items).finish()))
        if is_builtin(coefficients.codebook):
            break
    if not (found and coefficients is not None and coefficients.share >= MOSTLY):
        try:
            images = list(each(sources([path])))
            kept = keep("", data, [samples.array for samples in images], known)
            if not kept.why_whole:
                coded = encode_collection(
                    images,
                    codebook=picker(codebook),
                    effort=effort,
                    metadata=kept.items,
                    verify=False,
                )
                found.append(_Alone(b"".join(coded), of_images=True))
            elif kept.is_taken_apart:
                found.append(_Alone(Encoder(codebook=None, metadata=kept.items).finish()))
        except (SofcError, OSError, MemoryError):
            pass  # no image that can be read: it is packed
    smallest = min(found, key=lambda one: len(one.file), default=_Alone())
    return smallest if len(smallest.file) < len(data) else _Alone()
