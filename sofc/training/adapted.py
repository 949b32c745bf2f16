"""Models of a base, adapted to a collection: a codebook that holds changes of its sections and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sofc.band.mapping import Mapping as ValueMapping
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.kinds import Kind
from sofc.coders.registry import CODERS
from sofc.collection import encode_collection
from sofc.container import schema
from sofc.container.chunks import FILE_HEAD_SIZE, unpack_band, unpack_group
from sofc.container.records import CHANGE, FIRST_CODEBOOK_MODEL, Model, Section
from sofc.container.walker import bytes_of, walk
from sofc.imagefiles import ImageSource, each
from sofc.stream.settings import EncoderSettings
from sofc.transforms.components import CHAIN, LATTICE, TRANSFORMS

LEAST_SHARE = 0.2
"""A model is adapted that codes so many of the bytes."""


Changes = Mapping[int, bytes]
"""By number of a section of a base what it differs by."""


class AdaptedModel(NamedTuple):
    """A model of a base, or one made of its sections for another transform, and the changes that adapt it."""

    model: Model
    changes: Changes

    @property
    def size(self) -> int:
        """Bytes of the changes."""
        return sum(map(len, self.changes.values()))


@dataclass(frozen=True)
class Adapted:
    """A base and what is changed of it, each model by itself: of a section that several change the first counts."""

    base: Codebook
    models: tuple[AdaptedModel, ...] = ()

    def assembled(self, borrowed: int, own: int) -> tuple[list[Section], list[Model]]:
        """The changes as sections, numbered from ``own`` on, and all models of the base, whose sections are numbered
        from ``borrowed`` on: with those changes where they are for images of as many components, and as they are."""
        in_place = [one for one in self.models if one not in self.moved]
        changed = {number: change for one in reversed(in_place) for number, change in one.changes.items()}
        formats = {one.model.components for one in in_place}
        changing = [
            model
            for model in self.base.models
            if model.components in formats and not changed.keys().isdisjoint(model.sections)
        ]
        sections: list[Section] = []
        models: list[Model] = []
        for given, changes in ((changing, changed), *(((one.model,), one.changes) for one in self.moved)):
            places: dict[int, int] = {}
            for number, change in sorted(changes.items()):
                places[number] = own + len(sections)
                sections.append(Section(self.base.sections[number].coder, CHANGE, change))
            models += [
                replace(model, sections=tuple(self._placed(model.sections, borrowed, places))) for model in given
            ]
        return sections, models + [
            replace(model, sections=tuple(self._placed(model.sections, borrowed, {}))) for model in self.base.models
        ]

    @staticmethod
    def _placed(numbers: Sequence[int], borrowed: int, places: Mapping[int, int]) -> Iterable[int]:
        for number in numbers:
            yield borrowed + number
            if number in places:
                yield places[number]

    @property
    def moved(self) -> list[AdaptedModel]:
        """Those for another transform."""
        return [one for one in self.models if one.model not in self.base.models]

    @property
    def size(self) -> int:
        """Bytes of all changes."""
        return sum(one.size for one in self.models)

    def report(self) -> list[str]:
        """What changes, for people."""
        moved = [
            f"a model of {CODERS[model.coder].name} serves with the transform {TRANSFORMS[model.transform].name}, too"
            for model, _ in self.moved
        ]
        count = sum(len(one.changes) for one in self.models)
        return [f"{count} sections of the codebook {self.base.name!r} change, by {self.size} bytes", *moved]


class Use(NamedTuple):
    """How bands are coded: by the model of this number of the codebook, samples themselves or the numbers of values."""

    model: int
    by_value: bool


class Adaptable(NamedTuple):
    """A model of a base that can be adapted, and whether what it codes are the numbers of values."""

    model: Model
    by_value: bool


@dataclass(frozen=True)
class Usage:
    """What the built-in codebook makes of images: bytes of the file, and by what codes them bytes of those bands and
    groups that are neither arranged nor have a palette."""

    size: int
    uses: Counter[Use]

    @classmethod
    def of(cls, usages: Sequence[Usage], times: float) -> Usage:
        """That of several files together, so many times."""
        uses = sum((usage.uses for usage in usages), Counter[Use]())
        total = sum(usage.size for usage in usages)
        return cls(round(times * total), Counter({use: round(times * size) for use, size in uses.items()}))


def builtin_usage(sources: Iterable[ImageSource], effort: int) -> Usage:
    """That of one file of all the images, coded at an effort."""
    settings = EncoderSettings(codebook=builtin_codebook, effort=effort, verify=False, digest=False)
    data = b"".join(encode_collection(each(sources), **settings))
    uses: Counter[Use] = Counter()
    for kind, body, _, size in walk(bytes_of(data), FILE_HEAD_SIZE, len(data)):
        if kind in (schema.BAND, schema.GROUP):
            coded = unpack_band(body) if kind == schema.BAND else unpack_group(body)
            if coded.mapping <= ValueMapping.VALUES and coded.model >= FIRST_CODEBOOK_MODEL:
                uses[Use(coded.model - FIRST_CODEBOOK_MODEL, coded.mapping == ValueMapping.VALUES)] += size
    return Usage(len(data), uses)


def adaptable(base: Codebook, kind: Kind, usage: Usage) -> list[Adaptable]:
    """The models of the base that code most of the images of a kind and can be adapted, most bytes first."""
    found = [use for use, size in usage.uses.most_common() if size >= LEAST_SHARE * usage.size]
    models: dict[Model, bool] = {}
    for use in found:
        models.setdefault(base.models[use.model], use.by_value)
    return [
        Adaptable(model, by_value)
        for model, by_value in models.items()
        if model.components == kind.components
        and model.transform != CHAIN.id
        and CODERS[model.coder].start_adapting is not None
    ]


def moved(base: Codebook, kind: Kind, model: Model) -> list[Model]:
    """Other models of the base that may code images of a kind in place of this one, once they are adapted: those for
    images on the colour lattice, with its transform, as what was JPEG data once and was made brighter has lost its
    lattice, and not its blocks."""
    if kind.lattice or model.transform == LATTICE.id:
        return []
    return [
        replace(other, transform=model.transform)
        for other in base.models
        if (other.coder, other.components, other.effort) == (model.coder, model.components, model.effort)
        and other.transform == LATTICE.id
    ]
