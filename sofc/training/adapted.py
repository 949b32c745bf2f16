"""Models of a base, adapted to a collection: a codebook that holds changes of its sections and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sofc.band.arrangement import Arrangement, Part, Stepped, forms_of_parts, unpack_arrangement
from sofc.band.follow import Follow
from sofc.band.mapping import Mapping as ValueMapping
from sofc.band.predicted import Extent
from sofc.band.steps import Form
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.kinds import Kind
from sofc.coders.registry import CODERS
from sofc.collection import encode_collection
from sofc.container import schema
from sofc.container.chunks import FILE_HEAD_SIZE, unpack_band, unpack_group, unpack_image_head
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
    """How bands are coded: by the model of this number of the codebook, samples themselves or the numbers of values, of
    images or of what each departs by from the one before."""

    model: int
    by_value: bool
    follows: bool = False


class Adaptable(NamedTuple):
    """A model of a base that can be adapted, and whether what it codes are the numbers of values, and of departures."""

    model: Model
    by_value: bool
    follows: bool = False


@dataclass(frozen=True)
class Usage:
    """What the built-in codebook makes of images: bytes of the file, and by what codes them bytes of those bands and
    groups that have no palette and are not arranged, but as images that follow from each other. ``arranged``: bytes of
    the others that are, of which nothing is coded by a model for such images."""

    size: int
    uses: Counter[Use]
    arranged: int = 0

    @property
    def is_arranged(self) -> bool:
        """Whether models that are trained on such images would hardly serve."""
        return self.arranged > (1 - LEAST_SHARE) * self.size

    @classmethod
    def of(cls, usages: Sequence[Usage], times: float) -> Usage:
        """That of several files together, so many times."""
        uses = sum((usage.uses for usage in usages), Counter[Use]())
        size, arranged = sum(one.size for one in usages), sum(one.arranged for one in usages)
        return cls(
            round(times * size),
            Counter({use: round(times * size) for use, size in uses.items()}),
            round(times * arranged),
        )


def builtin_usage(sources: Iterable[ImageSource], effort: int) -> Usage:
    """That of one file of all the images, coded at an effort."""
    settings = EncoderSettings(codebook=builtin_codebook, effort=effort, verify=False, digest=False)
    data = b"".join(encode_collection(each(sources), **settings))
    uses: Counter[Use] = Counter()
    head, arranged = None, 0
    for kind, body, _, size in walk(bytes_of(data), FILE_HEAD_SIZE, len(data)):
        if kind == schema.IMAGE_HEAD:
            head = unpack_image_head(body).header
        elif kind in (schema.BAND, schema.GROUP):
            assert head is not None, "it stands before its bands"
            coded = unpack_band(body) if kind == schema.BAND else unpack_group(body)
            part: Arrangement = Part(0, coded.model, coded.mapping, len(coded.streams))
            if is_arranged := coded.mapping == ValueMapping.ARRANGED:
                extent = Extent.of(head, coded)
                form = Form(head.format.components, head.format.coded_bits, *extent.area(extent.images))
                part = unpack_arrangement(coded.streams[0], form)
                formats = [one.format for one in forms_of_parts(part, form)]
                arranged += size if form.format not in formats else 0
                part = part.core if isinstance(part, Stepped) and isinstance(part.step, Follow) else part
            if isinstance(part, Part) and part.mapping <= ValueMapping.VALUES and part.model >= FIRST_CODEBOOK_MODEL:
                use = Use(part.model - FIRST_CODEBOOK_MODEL, part.mapping == ValueMapping.VALUES, is_arranged)
                uses[use] += size
    return Usage(len(data), uses, arranged)


def adaptable(base: Codebook, kind: Kind, usage: Usage) -> list[Adaptable]:
    """The models of the base that code most of the images of a kind and can be adapted, most bytes first."""
    found = [use for use, size in usage.uses.most_common() if size >= LEAST_SHARE * usage.size]
    models: dict[Model, Use] = {}
    for use in found:
        models.setdefault(base.models[use.model], use)
    return [
        Adaptable(model, use.by_value, use.follows)
        for model, use in models.items()
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
