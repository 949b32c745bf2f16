"""``train``: mines a collection of images for a codebook."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.api.headers import header_for
from sofc.band.coding import to_planes
from sofc.band.mapping import by_value
from sofc.codebook import Codebook
from sofc.codebook.model import borrowed
from sofc.coders.base import Descriptor
from sofc.coders.kinds import Kind
from sofc.coders.registry import CODERS, apart
from sofc.coders.training import CoderTraining, Pass, Task, TrainingSettings
from sofc.container.records import Model, Section
from sofc.errors import SofcError, UsageError
from sofc.imagefiles import ImageSource, load
from sofc.imagefiles import sources as find_sources
from sofc.planes import Plane
from sofc.training.adapted import Adapted, Usage, adaptable, builtin_usage
from sofc.training.general import FEW, base_of, companions
from sofc.training.held_out import Sizes, coded_sizes, split
from sofc.training.recipes import Recipe, coder_to_train, recipes
from sofc.training.report import ModelReport, TrainingReport
from sofc.training.shards import cut, in_order
from sofc.training.survey import Facts, survey
from sofc.transforms.components import TRANSFORMS

Progress = Callable[[str, int, int], None]
"""Called with the stage, how many of its shards are done, and how many there are."""

PassedOver = Callable[[ImageSource, SofcError | OSError], object]
"""Called with an image that cannot be trained on, and why."""

TrainingImages = Iterable[str | os.PathLike[str] | ImageSource | npt.NDArray[Any]]


@dataclass(frozen=True)
class TrainingResult:
    """The codebook and what is to be said about it."""

    codebook: Codebook
    report: TrainingReport


def train(
    sources: TrainingImages,
    *,
    name: str,
    coder: str | None = None,
    executor: Executor | None = None,
    held_out: float = 0.1,
    min_images: int = 1,
    iterations: int | None = None,
    counter_bytes: int | None = None,
    efforts: Sequence[int] | None = None,
    for_images: int | None = None,
    progress: Progress | None = None,
    passed_over: PassedOver | None = None,
) -> TrainingResult:
    """Mine images for a codebook.

    ``sources`` are paths of files and folders, ``ImageSource`` objects, or arrays of shape
    (height, width[, components]). Models are trained for each kind of image among them: those of ``coder``, or
    where it is None those that serve the kind best at every effort. The share ``held_out`` of the images (0 to 0.5) is
    not mined; it shows what the codebook gains. Small collections are mined once more with those images, unless that
    would keep patches of them. Only patches
    found in at least ``min_images`` images are kept. ``iterations`` bounds the coder's rounds of
    improvement (0: one pass, as published); None: while they gain. ``counter_bytes`` is about how much of the codebook
    the trained counters of one kind of image may take; None: what pays, which several kinds share. ``for_images``: how
    many images are to be stored with the codebook, by default as many as are given; the report says whether it pays for
    itself by then. ``efforts`` (1 to 9) that models are trained for; at others the models nearest to them
    are used. None: all, or where few images are to come 1 alone: for the others the built-in models that code such
    images are changed as far as that pays.

    The same images, in any order of paths, give the same bytes with and without an ``executor`` (any
    ``concurrent.futures.Executor``), whatever its number of workers.

    Raises UsageError for arguments out of range and for too few images, and of an image that cannot be read, or whose
    samples have more than 16 bits, what ``imagefiles.load`` raises and UsageError. With ``passed_over`` such images are
    left out, and it is told of them.
    """
    settings = _Settings(
        None if coder is None else coder_to_train(coder),
        held_out,
        min_images,
        iterations,
        counter_bytes,
        None if efforts is None else tuple(sorted(set(efforts))),
    )
    crew = _Crew(executor, progress)
    images = _image_sources(sources)
    if not images:
        raise UsageError("there are no images to train on")
    images, facts = _surveyed(images, crew, passed_over)
    if not images:
        raise UsageError("there are no images to train on: none can be read")
    if settings.coder is not None and not settings.coder.knows_lattice:
        facts = [replace(fact, kind=replace(fact.kind, lattice=False)) for fact in facts]
    pairs = list(zip(images, facts, strict=True))
    members = {kind: _members(kind, pairs) for kind in sorted({fact.kind for fact in facts})}
    collections = [_Collection.of(kind, found, settings) for kind, found in members.items()]
    images_to_come = for_images or len(images)
    usages: list[Usage] = []
    adapts = False
    if settings.coder is None:
        usages = _usages(collections, crew)
        expected = sum(usage.size for usage in usages) * images_to_come // len(images)
        adapts = settings.efforts is None and expected // WORTH < COUNTER_BYTES
        settings = settings.for_few(expected)
    if settings.counter_bytes is None and len(collections) > 1:
        settings = replace(settings, counter_bytes=COUNTER_BYTES // len(collections))

    def mine(collection: _Collection, number: int, settings: _Settings) -> Mined:
        """Models for a kind of images: where these are few, the base's, adapted, if those that serve them can be, and
        some of their own for effort 1, which are small."""
        models = adaptable(base_of(collection.kind), collection.kind, usages[number]) if adapts else []
        if not models:
            return Mined(_train_kind(collection, settings, crew))
        share = len(members[collection.kind]) / len(images)
        adapted = _adapt(collection, max(1, round(images_to_come * share * OTHERS_WORTH)), models, crew)
        return Mined(_train_kind(collection, replace(settings, efforts=FASTEST), crew), adapted)

    trained = [mine(collection, number, settings) for number, collection in enumerate(collections)]
    draft = _assemble(name, collections, trained, "", coder is None, settings.efforts)
    reports = [
        _report(collection, results, draft, settings, crew)
        for collection, results in zip(collections, trained, strict=True)
    ]
    # What was held out is too much to be left out of small collections.
    everything = replace(settings, held_out=0)
    for number, collection in enumerate(collections):
        keeps_patches = settings.coder is not None and settings.coder.keeps_patches
        if collection.held_out and sum(collection.pixels) <= FEW_PIXELS and not keeps_patches:
            collections[number] = _Collection.of(collection.kind, members[collection.kind], everything)
            trained[number] = mine(collections[number], number, everything)
    codebook = _assemble(
        name, collections, trained, _provenance(facts, settings, reports), coder is None, settings.efforts
    )
    size = len(codebook.to_bytes())
    shares = [_size(results) for results in trained]
    reports = [
        replace(report, codebook=round(size * share / max(1, sum(shares))))
        for report, share in zip(reports, shares, strict=True)
    ]
    holds_patches = any(CODERS[model.coder].keeps_patches for model in codebook.models)
    return TrainingResult(codebook, TrainingReport(tuple(reports), size, holds_patches, images_to_come))


COUNTER_BYTES = 800_000
"""Bytes of a codebook that the trained counters of several kinds of images take together at most."""

LEAST_COUNTER_BYTES = 4_000
COUNTERS_WORTH, WORTH = 100, 30
"""What was learned of a collection takes a few per cent off its files beyond what the built-in codebook does. Where a
``WORTH``-th of them is less than COUNTER_BYTES, counters may take a ``COUNTERS_WORTH``-th."""
OTHERS_WORTH = 0.5
"""What a change saves on the images that it was found on it saves on others by half, to be safe."""
DEFAULT_EFFORT = 5
FEW_EFFORTS = (1, DEFAULT_EFFORT)
"""Those that models are for where there are few images. Models for effort 1 take 2 to 4 kB."""
FASTEST = (1,)
"""That of the models beside adapted ones."""
EXPECTED_FROM = 4
"""Images of a kind that are coded to see how much they take."""

FEW_PIXELS = 1 << 22
"""Where no more than so many are mined, models are trained once more with the images that were held out."""
FEW_OFF_LATTICE = 8
"""Fewer images than this off the colour lattice are helped out with images on it: they are of one collection."""


def _surveyed(
    images: Sequence[ImageSource], crew: _Crew, passed_over: PassedOver | None
) -> tuple[list[ImageSource], list[Facts]]:
    """The images that can be trained on, and their facts."""
    found = chain.from_iterable(crew.map("looking at the images", survey, cut(images)))
    usable, facts = [], []
    for image, fact in zip(images, found, strict=True):
        if isinstance(fact, Facts):
            usable.append(image)
            facts.append(fact)
        elif passed_over is None:
            raise fact
        else:
            passed_over(image, fact)
    return usable, facts


def _usages(collections: Sequence[_Collection], crew: _Crew) -> list[Usage]:
    """About what the images of each collection take with the built-in codebook, and a sample of them by its models."""
    found = []
    for collection in collections:
        sample = slice(None, None, -(-len(collection.mined) // EXPECTED_FROM))
        stage = f"{collection.kind}: what the built-in codebook does"
        usages = list(crew.map(stage, builtin_usage, [[one] for one in collection.mined[sample]]))
        times = sum(collection.pixels) / sum(collection.pixels[sample])
        found.append(Usage.of(usages, times))
    return found


def _members(kind: Kind, pairs: list[tuple[ImageSource, Facts]]) -> list[tuple[ImageSource, Facts]]:
    """The images that a kind's models are trained on."""
    members = [pair for pair in pairs if pair[1].kind == kind]
    related = [pair for pair in pairs if pair[1].kind == replace(kind, lattice=True)]
    if not kind.lattice and related and len(members) < FEW_OFF_LATTICE:
        wanted = FEW_OFF_LATTICE - len(members)
        members += related[:: -(-len(related) // wanted)]
    return members


class Treatment(NamedTuple):
    """What is done to an image's planes before a coder sees them.

    ``transform``: the number of the component transform. ``by_value``: whether values are numbered before that.
    """

    transform: int
    by_value: bool = False


@dataclass(frozen=True)
class ShardWork:
    """A pass's task over a shard of image sources. Picklable; loads one image at a time."""

    task: Task
    treatment: Treatment

    def __call__(self, sources: Sequence[ImageSource]) -> Any:
        """The task's statistics of the shard."""
        # Executors of clusters hand arrays over read-only, and kernels take none such.
        return deepcopy(self.task).collect(self._planes(sources))

    def _planes(self, sources: Sequence[ImageSource]) -> Iterator[list[Plane]]:
        for source in sources:
            array, declared_bits, meaning, _ = load(source)
            pixel_format = header_for(array, declared_bits=declared_bits, meaning=meaning).format
            planes = to_planes(array, pixel_format)
            if self.treatment.by_value:
                planes = by_value(planes, pixel_format)
            yield TRANSFORMS[self.treatment.transform].forward(planes)


@dataclass(frozen=True)
class SampleWork:
    """A pass's task over a fixed sample of images. Picklable."""

    images: tuple[ImageSource, ...]
    treatment: Treatment

    def __call__(self, task: Task) -> Any:
        """The task's statistics of the sample."""
        return ShardWork(task, self.treatment)(self.images)


@dataclass(frozen=True)
class _Settings:
    coder: Descriptor[Any] | None
    held_out: float
    min_images: int
    iterations: int | None
    counter_bytes: int | None
    efforts: tuple[int, ...] | None

    @property
    def coder_name(self) -> str | None:
        return None if self.coder is None else self.coder.name

    def for_few(self, expected: int) -> _Settings:
        """Those where images of ``expected`` bytes are worth less than a large codebook: its counters take little, and
        models are for FEW_EFFORTS."""
        if expected // WORTH >= COUNTER_BYTES:
            return self
        counter_bytes = max(LEAST_COUNTER_BYTES, expected // COUNTERS_WORTH)
        return replace(self, counter_bytes=self.counter_bytes or counter_bytes, efforts=self.efforts or FEW_EFFORTS)

    def __post_init__(self) -> None:
        if not 0 <= self.held_out <= 0.5:
            raise UsageError(f"the held-out share must be 0 to 0.5, not {self.held_out}")
        if self.min_images < 1:
            raise UsageError(f"min_images must be at least 1, not {self.min_images}")
        if self.efforts is not None and not (self.efforts and self.efforts[0] >= 1 and self.efforts[-1] <= 9):
            raise UsageError(f"efforts are numbers from 1 to 9, not {self.efforts}")
        if self.iterations is not None and self.iterations < 0:
            raise UsageError(f"iterations cannot be fewer than 0, not {self.iterations}")


@dataclass(frozen=True)
class _Crew:
    """Who does the work and who hears about it."""

    executor: Executor | None
    progress: Progress | None

    def map(self, stage: str, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        for done, result in enumerate(in_order(self.executor, function, items)):
            if self.progress is not None:
                self.progress(stage, done + 1, len(items))
            yield result


@dataclass(frozen=True)
class _Collection:
    """The images of one kind, mined and held out; ``sparse``: whether any of them lacks values worth closing up."""

    kind: Kind
    max_bits: int
    sparse: bool
    mined: list[ImageSource]
    pixels: list[int]
    held_out: list[ImageSource]
    held_out_bytes: int

    @classmethod
    def of(cls, kind: Kind, members: list[tuple[ImageSource, Facts]], settings: _Settings) -> _Collection:
        aside = set(split(len(members), settings.held_out))
        used = [pair for position, pair in enumerate(members) if position not in aside]
        mined = [image for image, _ in used]
        if settings.min_images > len(mined):
            raise UsageError(
                f"patches found in at least {settings.min_images} images are wanted, "
                f"but there are only {len(mined)} {kind} to mine"
            )
        return cls(
            kind,
            kind.bits if kind.bits < 16 else max(fact.coded_bits for _, fact in members),
            any(fact.sparse for _, fact in used),
            mined,
            [fact.pixels for _, fact in used],
            [members[position][0] for position in sorted(aside)],
            sum(members[position][1].sample_bytes for position in aside),
        )

    def sample(self, samples: int) -> tuple[ImageSource, ...]:
        """Evenly spread images of at most so many pixels, one at least."""
        step = max(1, -(-sum(self.pixels) // samples))
        return tuple(self.mined[::step])


def _image_sources(sources: TrainingImages) -> list[ImageSource]:
    """Every image once; those from files sorted by path, arrays behind them in the order given."""
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    given = list(sources)
    paths = [item for item in given if isinstance(item, str | os.PathLike)]
    images = find_sources(paths) + [item for item in given if isinstance(item, ImageSource)]
    arrays = [
        ImageSource(index=number, array=item) for number, item in enumerate(given) if isinstance(item, np.ndarray)
    ]
    if strangers := [
        type(item).__name__ for item in given if not isinstance(item, (str, os.PathLike, ImageSource, np.ndarray))
    ]:
        raise UsageError(f"cannot train on a {strangers[0]}; give paths, ImageSource objects or arrays")
    filed = {(image.path, image.index): image for image in images if image.path is not None}
    arrays = [image for image in images if image.path is None] + arrays
    return sorted(filed.values(), key=lambda image: (image.path or Path(), image.index)) + arrays


@dataclass(frozen=True)
class _Trained:
    """One recipe's result."""

    coder: Descriptor[Any]
    transform: int
    training: CoderTraining


class Mined(NamedTuple):
    """What was mined of one kind of images: new models, and changes of the base's."""

    trained: list[_Trained]
    adapted: Adapted | None = None


def _size(mined: Mined) -> int:
    """Bytes of the sections."""
    changes = mined.adapted.changes.values() if mined.adapted is not None else ()
    sections = (section.data for result in mined.trained for section in result.training.sections())
    return sum(map(len, changes)) + sum(map(len, sections))


def _findings(mined: Mined) -> tuple[str, ...]:
    """What was found, for people."""
    adapted = mined.adapted.report() if mined.adapted is not None else []
    return (
        *adapted,
        *(f"{result.coder.name}: {line}" for result in mined.trained for line in result.training.report()),
    )


FALLBACK_BYTES = 200_000
"""Bytes of a codebook that trained counters take at most which few images need."""
TRIAL_SAMPLES = 1 << 21
"""Samples of one plane on which transforms are compared."""


def _train_kind(collection: _Collection, settings: _Settings, crew: _Crew) -> list[_Trained]:
    """All models for one kind of image."""
    trained: list[_Trained] = []
    for recipe in recipes(settings.coder, collection.kind):
        wanted = settings.efforts is None or not {*settings.efforts}.isdisjoint(recipe.coder.efforts)
        served = settings.efforts is not None and any(before.training.serves_most for before in trained)
        if settings.coder is None and (not wanted or (served and DEFAULT_EFFORT in recipe.coder.efforts)):
            continue
        if any(before.training.serves_most for before in trained):
            settings = replace(settings, counter_bytes=min(settings.counter_bytes or FALLBACK_BYTES, FALLBACK_BYTES))
        treatment = _choose_treatment(collection, recipe, settings, crew)
        training = _start(collection, recipe, treatment, settings)
        number = 1
        while (step := training.next_pass()) is not None:
            stage = f"{collection.kind}: {recipe.coder.name}, pass {number}"
            training.merge(_run(step, collection, treatment, stage, crew))
            number += 1
        trained.append(_Trained(recipe.coder, treatment.transform, training))
    return trained


def _start(collection: _Collection, recipe: Recipe, treatment: Treatment, settings: _Settings) -> CoderTraining:
    transform = TRANSFORMS[treatment.transform]
    ranges = transform.ranges(collection.kind.components, collection.max_bits)
    ranges = ranges[: len(ranges) - transform.corrections]
    assert recipe.coder.start_training is not None, "recipes are for coders that can be trained"
    return recipe.coder.start_training(
        ranges, TrainingSettings(settings.min_images, settings.iterations, settings.counter_bytes, settings.efforts)
    )


def _choose_treatment(collection: _Collection, recipe: Recipe, settings: _Settings, crew: _Crew) -> Treatment:
    """The treatment under which a sample of the images costs least."""
    treatments = [Treatment(transform.id) for transform in recipe.transforms]
    if collection.sparse and recipe.coder.numbers_values:
        treatments += [treatment._replace(by_value=True) for treatment in treatments]
    if len(treatments) == 1:
        return treatments[0]
    costs = []
    for treatment in treatments:
        training = _start(collection, recipe, treatment, settings)
        while training.cost() is None and (step := training.next_pass()) is not None:
            stage = f"{collection.kind}: trying colour transform {TRANSFORMS[treatment.transform].name}"
            training.merge(_run(step._replace(samples=TRIAL_SAMPLES), collection, treatment, stage, crew))
        costs.append(training.cost() or float("inf"))
    return treatments[int(np.argmin(costs))]


def _run(step: Pass, collection: _Collection, treatment: Treatment, stage: str, crew: _Crew) -> Iterator[Any]:
    if step.samples is None:
        return crew.map(stage, ShardWork(step.tasks[0], treatment), cut(collection.mined))
    sample = collection.sample(step.samples)
    if step.apart:
        return crew.map(stage, ShardWork(step.tasks[0], treatment), cut(sample))
    return crew.map(stage, SampleWork(sample, treatment), step.tasks)


def _adapt(collection: _Collection, images_to_come: int, models: Sequence[Model], crew: _Crew) -> Adapted:
    """The changes of these models of the base that pay where so many images of the kind are to come."""
    base, kind = base_of(collection.kind), collection.kind
    changes: dict[int, bytes] = {}
    for model in models:
        transform, descriptor = TRANSFORMS[model.transform], CODERS[model.coder]
        assert descriptor.start_adapting is not None, "chosen by that"
        plain, _ = apart([base.sections[number] for number in model.sections])
        ranges = transform.ranges(kind.components, collection.max_bits)
        ranges = ranges[: len(ranges) - transform.corrections]
        adaptation = descriptor.start_adapting(plain, ranges, images_to_come)
        number = 1
        while (step := adaptation.next_pass()) is not None:
            stage = f"{kind}: {descriptor.name}, adapted, pass {number}"
            adaptation.merge(_run(step, collection, Treatment(transform.id), stage, crew))
            number += 1
        found = zip(model.sections, adaptation.changes(), strict=True)
        changes |= {section: change for section, change in found if change and section not in changes}
    return Adapted(base, changes)


def _assemble(
    name: str,
    collections: Sequence[_Collection],
    trained: Sequence[Mined],
    provenance: str,
    general: bool,
    efforts: tuple[int, ...] | None,
) -> Codebook:
    """All models in one codebook; ``general``: also the built-in ones that go with them."""
    bases = list(dict.fromkeys(base_of(collection.kind) for collection in collections)) if general else []
    starts = {base: sum(len(other.sections) for other in bases[:number]) for number, base in enumerate(bases)}
    known = len(borrowed(bases))
    sections: list[Section] = []
    models = []
    for collection, (results, adapted) in zip(collections, trained, strict=True):
        for result in results:
            first = known + len(sections)
            sections += result.training.sections()
            models += [
                Model(
                    collection.kind.components,
                    collection.max_bits,
                    result.transform,
                    result.coder.id,
                    effort,
                    tuple(first + number for number in numbers),
                )
                for effort, numbers in _wanted(result.training.models(), efforts, max(result.coder.efforts))
            ]
        if general and adapted is None:
            base = base_of(collection.kind)
            traced = any(result.training.serves_most for result in results)
            few = efforts is not None or len(collection.mined) < FEW
            found = companions(base, collection.kind, few=few, traced=traced)
            models += [_moved(model, starts[base]) for model in found]
    # Behind models of the images' own, which are tried first.
    for base in bases:
        changing = [mined.adapted for mined in trained if mined.adapted is not None and mined.adapted.base == base]
        if changing:
            changes = {number: change for adapted in changing for number, change in adapted.changes.items()}
            changed, those = Adapted(base, changes).assembled(starts[base], known + len(sections))
            sections += changed
            models += those
    sections, models = _without_unused(sections, models, known)
    if not any(number < known for model in models for number in model.sections):
        models, bases = [_moved(model, -known) for model in models], []
    return Codebook(name, tuple(models), (*borrowed(bases), *sections), provenance, tuple(bases))


def _wanted(
    models: Sequence[tuple[int, tuple[int, ...]]], efforts: tuple[int, ...] | None, most: int
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The models, and each again for the higher efforts up to where the next one begins, where few are trained.

    ``most``: the highest effort that the coder is for.
    """
    for place, (effort, numbers) in enumerate(models):
        end = models[place + 1][0] if place + 1 < len(models) else most + 1
        yield from ((other, numbers) for other in range(effort, end if effort and efforts is not None else effort + 1))


def _without_unused(
    sections: Sequence[Section], models: Sequence[Model], known: int
) -> tuple[list[Section], list[Model]]:
    """The sections that models use, numbered from ``known`` on, and those models."""
    used = sorted({number for model in models for number in model.sections if number >= known})
    places = {number: known + place for place, number in enumerate(used)}
    kept = [replace(model, sections=tuple(places.get(number, number) for number in model.sections)) for model in models]
    return [sections[number - known] for number in used], kept


def _moved(model: Model, places: int) -> Model:
    """The model where its sections stand so many places further on."""
    return replace(model, sections=tuple(number + places for number in model.sections))


def _report(collection: _Collection, mined: Mined, codebook: Codebook, settings: _Settings, crew: _Crew) -> ModelReport:
    """What the codebook gains on the held-out images."""
    held = collection.held_out
    sizes = [Sizes(0, 0)]
    if held:
        function = partial(coded_sizes, codebook=codebook, coder=settings.coder_name)
        sizes = list(crew.map(f"{collection.kind}: held-out images", function, cut(held)))
    return ModelReport(
        str(collection.kind),
        len(collection.mined),
        len(held),
        _findings(mined),
        codebook=0,
        raw=collection.held_out_bytes,
        builtin=sum(size.builtin for size in sizes),
        coded=sum(size.coded for size in sizes),
    )


def _provenance(facts: Sequence[Facts], settings: _Settings, reports: Sequence[ModelReport]) -> str:
    """Where the codebook comes from. Neither times nor paths: they would make equal codebooks differ."""
    digest = hashlib.sha256(b"".join(fact.digest for fact in facts)).hexdigest()
    lines = [
        f"sofc {metadata.version('sofc')}",
        f"coder={settings.coder_name or 'any'} held_out={settings.held_out} min_images={settings.min_images} "
        f"iterations={'default' if settings.iterations is None else settings.iterations}",
        f"images={len(facts)} sha256={digest}",
    ]
    for report in reports:
        line = f"{report.kind}: mined {report.images}, held out {report.held_out}"
        if report.held_out:
            line += f": {report.raw} bytes of samples, {report.coded} coded, {report.builtin} with the built-in one"
        lines.append(line)
    return "\n".join(lines) + "\n"
