"""``train``: mines a collection of images for a codebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain

from sofc.codebook import Codebook
from sofc.coders.registry import CODERS
from sofc.errors import SofcError, UsageError
from sofc.imagefiles import ImageSource
from sofc.training.adapted import Usage, builtin_usage
from sofc.training.assembly import assemble, provenance
from sofc.training.collection import Collection, TrainingImages, helped_out, image_sources
from sofc.training.held_out import HELD_OUT_FROM, Sizes, coded_size, coded_sizes, files_of
from sofc.training.mining import Mined, Outlook, mine, mine_anew
from sofc.training.recipes import coder_to_train
from sofc.training.report import MARGIN, ModelReport, TrainingReport
from sofc.training.settings import COUNTER_BYTES, WORTH, Settings
from sofc.training.shards import cut
from sofc.training.survey import Facts, survey
from sofc.training.work import Crew, Progress

PassedOver = Callable[[ImageSource, SofcError | OSError], object]
"""Called with an image that cannot be trained on, and why."""

EXPECTED_FROM, EXPECTED_SAMPLES = 4, 1 << 16
"""So many images of a kind are coded to see how much they take, each with those that follow it in its file, of so many
samples at most: small ones are coded in groups, by other models than alone."""
JUDGED_BYTES = 1 << 21
"""Bytes of samples of images held out, at most, by which it is seen whether a network pays."""
FEW_PIXELS = 1 << 20
"""Where no more than so many are mined, models are trained once more with the images that were held out."""


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
    where it is None those that serve the kind best at every effort. The share ``held_out`` of the images (0 to 0.5)
    is not mined; it shows what the codebook gains at the effort nearest to 5 of those that models are for. Small
    collections are mined once more with those images, unless that would keep patches of them. Only patches found in
    at least ``min_images`` images are kept. ``iterations`` bounds the coder's rounds of improvement (0: one pass,
    as published); None: while they gain. ``counter_bytes`` is about how much of the codebook the trained counters
    of one kind of image may take; None: what pays, which several kinds share. ``for_images``: how many images are
    to be stored with the codebook, by default as many as are given; the report says whether it pays for itself by
    then. ``efforts`` (1 to 9) that models are trained for; at others the models nearest to them are used. None:
    all, or where few images are to come 1 alone, if they are more than very few: for the others the built-in models
    that code such images are changed as far as that pays.

    The same images, in any order of paths, give the same bytes with and without an ``executor`` (any
    ``concurrent.futures.Executor``), whatever its number of workers.

    Raises UsageError for arguments out of range and for too few images, and of an image that cannot be read, or whose
    samples have more than 16 bits, what ``imagefiles.load`` raises and UsageError. With ``passed_over`` such images are
    left out, and it is told of them.
    """
    settings = Settings(
        None if coder is None else coder_to_train(coder),
        held_out,
        min_images,
        iterations,
        counter_bytes,
        None if efforts is None else tuple(sorted(set(efforts))),
    )
    crew = Crew(executor, progress)
    images = image_sources(sources)
    if not images:
        raise UsageError("there are no images to train on")
    images, facts = _surveyed(images, crew, passed_over)
    if not images:
        raise UsageError("there are no images to train on: none can be read")
    if settings.coder is not None and not settings.coder.knows_lattice:
        facts = [replace(fact, kind=replace(fact.kind, lattice=False)) for fact in facts]
    pairs = list(zip(images, facts, strict=True))
    members = {kind: [pair for pair in pairs if pair[1].kind == kind] for kind in sorted({fact.kind for fact in facts})}
    collections = [Collection.of(kind, found, settings) for kind, found in members.items()]
    images_to_come = for_images or len(images)
    times = Fraction(images_to_come, len(images))
    to_come = [float(len(members[collection.kind]) * times) for collection in collections]
    outlooks: list[Outlook | None] = [None] * len(collections)
    if settings.coder is None:
        usages = _usages(collections, crew)
        expected = sum(usage.size for usage in usages) * images_to_come // len(images)
        if settings.efforts is None and expected // WORTH < COUNTER_BYTES:
            outlooks = [
                Outlook.of(usage, len(members[collection.kind]), times)
                for usage, collection in zip(usages, collections, strict=True)
            ]
        settings = settings.for_few(expected)
    if not any(outlooks):
        settings = replace(settings, held_out_from=HELD_OUT_FROM)
        members = {kind: helped_out(kind, found, pairs) for kind, found in members.items()}
    collections = [Collection.of(kind, found, settings) for kind, found in members.items()]
    if settings.counter_bytes is None and len(collections) > 1:
        settings = replace(settings, counter_bytes=COUNTER_BYTES // len(collections))
    trained = [
        _mined(each, settings, outlook, count, crew)
        for each, outlook, count in zip(collections, outlooks, to_come, strict=True)
    ]
    draft = assemble(name, collections, trained, "", coder is None, settings.efforts)
    reports = [
        _report(collection, results, draft, settings, crew)
        for collection, results in zip(collections, trained, strict=True)
    ]
    for number, (collection, outlook, mined) in enumerate(zip(collections, outlooks, trained, strict=True)):
        found = members[collection.kind]
        collections[number], trained[number] = _with_held_out(collection, found, mined, settings, outlook, crew)
    codebook = assemble(
        name, collections, trained, provenance(facts, settings, reports), coder is None, settings.efforts
    )
    size = len(codebook.to_bytes())
    shares = [mined.size for mined in trained]
    reports = [
        replace(report, codebook=round(size * share / max(1, sum(shares))))
        for report, share in zip(reports, shares, strict=True)
    ]
    holds_patches = any(CODERS[model.coder].keeps_patches for model in codebook.models)
    return TrainingResult(codebook, TrainingReport(tuple(reports), size, holds_patches, images_to_come))


def _surveyed(
    images: Sequence[ImageSource], crew: Crew, passed_over: PassedOver | None
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


def _usages(collections: Sequence[Collection], crew: Crew) -> list[Usage]:
    """About what the images of each collection take with the built-in codebook, and a sample of them by its models."""
    found = []
    for collection in collections:
        runs = list(collection.runs(EXPECTED_FROM, EXPECTED_SAMPLES))
        stage = f"{collection.kind}: what the built-in codebook does"
        usages = list(crew.map(stage, builtin_usage, [collection.mined[run] for run in runs]))
        times = sum(collection.pixels) / sum(sum(collection.pixels[run]) for run in runs)
        found.append(Usage.of(usages, times))
    return found


def _mined(
    collection: Collection, settings: Settings, outlook: Outlook | None, images_to_come: float, crew: Crew
) -> Mined:
    """What was mined of one kind of images: changes of the base's models, or new ones with a network where by images
    held out these clearly save more than they take. Of models for one effort those without a network where they take
    less: what counters learn of small images may be more than a network tells, and shows once both are trained."""
    found = mine(collection, settings, outlook, crew)
    if not collection.held_out:
        return found
    step = -(-collection.held_out_bytes // JUDGED_BYTES)
    held = collection.held_out[::step]

    def coded(mined: Mined) -> int:
        codebook = assemble("", [collection], [mined], "", settings.coder is None, settings.efforts)
        function = partial(coded_size, codebook=codebook, coder=settings.coder_name, effort=settings.judged_at)
        return sum(crew.map(f"{collection.kind}: with or without a network", function, files_of(held)))

    if outlook is None:
        may_do_without = any(one.training.has_networks and one.coder.mines_networks for one in found.trained)
        if not may_do_without or len(settings.efforts or ()) != 1:
            return found
        plain = mine(collection, replace(settings, networks=False), None, crew)
        return min(plain, found, key=lambda mined: coded(mined) * images_to_come / len(held) + mined.size)
    anew = mine_anew(collection, settings, outlook, found, crew)
    if anew is None:
        return found
    changed = coded(found)
    saved = changed - coded(anew)
    if saved * images_to_come <= MARGIN * max(0, anew.size - found.size) * len(held):
        return found
    return anew._replace(network_saves=saved / changed)


def _with_held_out(
    collection: Collection,
    members: list[tuple[ImageSource, Facts]],
    mined: Mined,
    settings: Settings,
    outlook: Outlook | None,
    crew: Crew,
) -> tuple[Collection, Mined]:
    """A small collection mined once more with what was held out, which is too much of it to be left out; others as they
    are, and those whose patches would be kept."""
    keeps_patches = settings.coder is not None and settings.coder.keeps_patches
    is_small = sum(collection.pixels) <= FEW_PIXELS or len(members) < HELD_OUT_FROM
    if not collection.held_out or not is_small or keeps_patches:
        return collection, mined
    settings = replace(settings, held_out=0, networks=mined.has_networks)
    collection = Collection.of(collection.kind, members, settings)
    found = mine(collection, settings, outlook, crew)
    if mined.network_saves is not None:
        found = mine_anew(collection, settings, outlook, found, crew) or mined
    return collection, found


def _report(collection: Collection, mined: Mined, codebook: Codebook, settings: Settings, crew: Crew) -> ModelReport:
    """What the codebook gains on the held-out images."""
    held = collection.held_out
    sizes = [Sizes(0, 0)]
    if held:
        function = partial(coded_sizes, codebook=codebook, coder=settings.coder_name, effort=settings.judged_at)
        sizes = list(crew.map(f"{collection.kind}: held-out images", function, files_of(held)))
    return ModelReport(
        str(collection.kind),
        len(collection.mined),
        len(held),
        mined.findings,
        codebook=0,
        raw=collection.held_out_bytes,
        builtin=sum(size.builtin for size in sizes),
        coded=sum(size.coded for size in sizes),
        has_network=mined.has_networks,
        network_saves=mined.network_saves,
    )
