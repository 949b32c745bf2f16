"""``train``: mines a collection of images for a codebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import NamedTuple

from sofc.codebook import Codebook
from sofc.coders.kinds import Kind
from sofc.coders.registry import CODERS
from sofc.errors import SofcError, UsageError
from sofc.imagefiles import ImageSource
from sofc.training.adapted import Usage, builtin_usage
from sofc.training.assembly import assemble, provenance
from sofc.training.collection import Collection, Member, TrainingImages, helpers_of, image_sources, runs
from sofc.training.held_out import FEW_HELD_OUT_FROM, HELD_OUT_FROM
from sofc.training.judging import Judge
from sofc.training.mining import Mined, Outlook, mine, mine_anew, mine_fastest, mines_fastest
from sofc.training.recipes import coder_to_train
from sofc.training.report import ModelReport, TrainingReport, pays
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
    adapt: bool = False,
    for_images: int | None = None,
    progress: Progress | None = None,
    passed_over: PassedOver | None = None,
) -> TrainingResult:
    """Mine images for a codebook.

    ``sources`` are paths of files and folders, ``ImageSource`` objects, or arrays of shape (height, width[,
    components]). Models are trained for each kind of image among them: those of ``coder``, or where it is None
    those that serve the kind best at every effort. The share ``held_out`` of the images (0 to 0.5) is not mined; it
    shows what the codebook gains at the effort nearest to 5 of those that models are for. Of small images of one
    file, and arrays, neighbours are held out, as such are stored in groups: eight or a third of all at least. Small
    collections are mined once more with those images, unless that would keep patches of them. Only patches found in
    at least ``min_images`` images are kept. ``iterations`` bounds the coder's rounds of improvement (0: one pass,
    as published); None: while they gain. ``counter_bytes`` is about how much of the codebook the trained counters
    of one kind of image may take; None: what pays, which several kinds share. ``for_images``: how many images are
    to be stored with the codebook, by default as many as are given; the report says whether it pays for itself by
    then. ``efforts`` (1 to 9) that models are trained for; at others the models nearest to them are used. None:
    all, or where few images are to come 1 alone, if that pays: for the others the built-in models that code such
    images are changed, and with ``adapt`` also those for ``efforts``. Of all that is mined the codebook holds what
    pays by itself on images held out; everything where nothing does or that is not known.

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
    if settings.coder is None:
        facts = [fact.as_stored for fact in facts]
    pairs = list(zip(images, facts, strict=True))
    kinds = sorted({fact.kind for fact in facts})
    members = {kind: [member for member in pairs if member[1].kind == kind] for kind in kinds}
    images_to_come = for_images or len(images)
    times = Fraction(images_to_come, len(images))
    settings = replace(settings, times=float(times))
    outlooks: dict[Kind, Outlook] = {}
    if settings.coder is None:
        usages = {kind: _usage(kind, found, settings.judged_at, crew) for kind, found in members.items()}
        expected = sum(usage.size for usage in usages.values()) * images_to_come // len(images)
        if (settings.efforts is None or adapt) and expected // WORTH < COUNTER_BYTES:
            outlooks = {kind: Outlook.of(usage, len(members[kind]), times) for kind, usage in usages.items()}
        settings = settings.for_few(expected)
    if settings.counter_bytes is None and len(kinds) > 1:
        settings = replace(settings, counter_bytes=COUNTER_BYTES // len(kinds))
    fewest = FEW_HELD_OUT_FROM if outlooks else HELD_OUT_FROM
    helpers = {kind: [] if outlooks else helpers_of(kind, found, pairs) for kind, found in members.items()}
    collections = [Collection.of(kind, members[kind], settings, helpers[kind], fewest) for kind in kinds]
    found = []
    for kind, collection in zip(kinds, collections, strict=True):
        judge, outlook = Judge(collection, settings, float(len(members[kind]) * times), crew), outlooks.get(kind)
        with crew.beside(partial(mine_fastest, collection, settings, outlook)) as fastest:
            changed = judge.paying(_mined(collection, settings, outlook, judge, crew))
            if changed.leaves_room and mines_fastest(collection, settings, outlook):
                judge.prepare_fastest()
                mined = judge.with_fastest(changed, fastest())
            else:
                mined = changed.mined
        found.append(_OfKind(collection, outlook, judge, mined))
    kept, reports = _paying(found, name, settings)
    for number, one in enumerate(kept):
        kind = one.collection.kind
        everything = Collection.of(kind, members[kind], replace(settings, held_out=0), helpers[kind])
        kept[number] = _with_held_out(one, everything, settings, crew)
    codebook = _assembled(kept, name, settings, provenance(facts, settings, reports))
    size = len(codebook.to_bytes())
    holds_patches = any(CODERS[model.coder].keeps_patches for model in codebook.models)
    return TrainingResult(
        codebook, TrainingReport(tuple(_shared(reports, kept, size)), size, holds_patches, images_to_come)
    )


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


def _usage(kind: Kind, members: Sequence[Member], effort: int, crew: Crew) -> Usage:
    """About what the images of a kind take with the built-in codebook, and a sample of them by its models for an
    effort."""
    sample = list(runs(members, EXPECTED_FROM, EXPECTED_SAMPLES))
    stage = f"{kind}: what the built-in codebook does"
    usages = list(
        crew.map(stage, partial(builtin_usage, effort=effort), [[image for image, _ in run] for run in sample])
    )
    pixels = sum(facts.pixels for run in sample for _, facts in run)
    return Usage.of(usages, sum(facts.pixels for _, facts in members) / pixels)


class _OfKind(NamedTuple):
    """What was mined of the images of one kind, and what was known before."""

    collection: Collection
    outlook: Outlook | None
    judge: Judge
    mined: Mined


def _mined(collection: Collection, settings: Settings, outlook: Outlook | None, judge: Judge, crew: Crew) -> Mined:
    """What was mined of one kind of images: changes of the base's models, or new ones with a network where by images
    held out these clearly save more than they take. Of models for one effort those without a network where they take
    less: what counters learn of small images may be more than a network tells, and shows once both are trained."""
    found = mine(collection, settings, outlook, crew)
    if not collection.held_out:
        return found
    few = judge.thinned(JUDGED_BYTES)

    def coded(mined: Mined) -> float:
        """Bytes of all images that are to come."""
        return few.times * few.coded(few.codebook(mined), settings.judged_at, "with or without a network")

    if outlook is None:
        may_do_without = any(one.training.has_networks and one.coder.mines_networks for one in found.trained)
        if not may_do_without or len(settings.efforts or ()) != 1:
            return found
        plain = mine(collection, replace(settings, networks=False), None, crew)
        return min(plain, found, key=lambda mined: coded(mined) + mined.size)
    anew = mine_anew(collection, settings, outlook, found, crew)
    if anew is None:
        return found
    changed = coded(found)
    saved = changed - coded(anew)
    return anew._replace(network_saves=saved / changed) if pays(saved, max(0, anew.size - found.size)) else found


def _paying(trained: Sequence[_OfKind], name: str, settings: Settings) -> tuple[list[_OfKind], list[ModelReport]]:
    """Those kinds for which the codebook pays, all where it does for none, and the reports of all kinds, in order."""
    kept = list(trained)
    while True:
        draft = _assembled(kept, name, settings)
        found = [one.judge.report(one.mined, draft) for one in kept]
        found = _shared(found, kept, len(draft.to_bytes()))
        paying = [one for one, report in zip(kept, found, strict=True) if report.pays_for(one.judge.images_to_come)]
        if settings.coder is not None or len(paying) in (0, len(kept)):
            break
        kept = paying
    reports = dict(zip((one.collection.kind for one in kept), found, strict=True))
    return kept, [reports.get(one.collection.kind) or one.judge.report(None, draft) for one in trained]


def _assembled(trained: Sequence[_OfKind], name: str, settings: Settings, provenance: str = "") -> Codebook:
    collections, mined = [one.collection for one in trained], [one.mined for one in trained]
    return assemble(name, collections, mined, provenance, settings.coder is None, settings.efforts)


def _shared(reports: Sequence[ModelReport], trained: Sequence[_OfKind], size: int) -> list[ModelReport]:
    """The reports with the share of a codebook of so many bytes that the models of each kind take."""
    shares = {str(one.collection.kind): one.mined.size for one in trained}
    total = max(1, sum(shares.values()))
    return [replace(report, codebook=round(size * shares.get(report.kind, 0) / total)) for report in reports]


def _with_held_out(one: _OfKind, everything: Collection, settings: Settings, crew: Crew) -> _OfKind:
    """A small collection mined once more with ``everything``, as what was held out is too much of it to be left out;
    others as they are, and those whose patches would be kept."""
    keeps_patches = settings.coder is not None and settings.coder.keeps_patches
    is_small = sum(one.collection.pixels) <= FEW_PIXELS or everything.given < HELD_OUT_FROM
    if not one.collection.held_out or not is_small or keeps_patches:
        return one
    settings = replace(settings, held_out=0, networks=one.mined.has_networks)
    found = mine(everything, settings, one.outlook, crew)
    if one.mined.network_saves is not None:
        found = mine_anew(everything, settings, one.outlook, found, crew) or one.mined
    fastest = (
        mine_fastest(everything, settings, one.outlook, crew)
        if any(part.is_fastest for part in one.mined.parts)
        else []
    )
    return one._replace(collection=everything, mined=Mined.joined([found, Mined(fastest)]).like(one.mined))
