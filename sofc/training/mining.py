"""Models mined of one kind of images: new ones, and changes of those that the base has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from sofc.band.candidates import FASTEST
from sofc.coders.base import Descriptor
from sofc.coders.registry import CODERS, apart
from sofc.coders.training import Adaptation, CoderTraining, TrainingSettings
from sofc.container.records import Model
from sofc.planes import PlaneRange
from sofc.training.adapted import Adaptable, Adapted, AdaptedModel, Changes, Usage, adaptable, moved
from sofc.training.collection import Collection
from sofc.training.general import base_of
from sofc.training.recipes import Recipe, recipes
from sofc.training.settings import DEFAULT_EFFORT, FASTEST_FROM, NEW_FROM, Settings
from sofc.training.work import Crew, Treatment, run
from sofc.transforms.components import TRANSFORMS

OTHERS_WORTH = 0.5
"""What a change saves on the images that it was found on it saves on others by half, to be safe."""


@dataclass(frozen=True)
class Trained:
    """One recipe's result."""

    coder: Descriptor
    transform: int
    training: CoderTraining

    @property
    def is_fastest(self) -> bool:
        """Whether its models are for effort 1 alone."""
        return {effort for effort, _ in self.training.models()} == {*FASTEST}


class Outlook(NamedTuple):
    """What is to come of one kind of images, where so few come that the base's models are changed for them.

    ``usage``: what they take with the base. ``size``: about the bytes of all that come with it. ``images``: about
    how many come.
    """

    usage: Usage
    size: int
    images: float

    @classmethod
    def of(cls, usage: Usage, images: int, times: Fraction) -> Outlook:
        """Where so many images are known, and so many times as many come."""
        return cls(usage, int(usage.size * times), float(images * times))


class Mined(NamedTuple):
    """What was mined of one kind of images: new models, and changes of the base's."""

    trained: list[Trained]
    adapted: Adapted | None = None
    network_saves: float | None = None
    """The share that new models with a network take off images held out beyond what changes of the base's would, where
    they have been chosen for it."""

    @property
    def size(self) -> int:
        """Bytes of the sections."""
        changes = self.adapted.size if self.adapted is not None else 0
        return changes + sum(len(section.data) for result in self.trained for section in result.training.sections())

    @property
    def is_fastest(self) -> bool:
        """Whether there is something for effort 1 alone."""
        return bool(self.trained) and all(one.is_fastest for one in self.trained)

    @property
    def parts(self) -> list[Mined]:
        """The change of each model, new models for effort 1, and other new ones, by themselves."""
        changes = () if self.adapted is None else self.adapted.models
        adapted = [replace(self.adapted, models=(one,)) for one in changes if self.adapted is not None]
        plain = None if self.adapted is None else replace(self.adapted, models=())
        fastest, others = ([one for one in self.trained if one.is_fastest is wanted] for wanted in (True, False))
        found = [Mined([], one) for one in adapted]
        found += [Mined(others, plain, self.network_saves)] if others else []
        return found + ([Mined(fastest, plain)] if fastest else [])

    @classmethod
    def joined(cls, parts: Sequence[Mined]) -> Mined:
        """Inverse of ``parts``, for some of them."""
        adapted = [part.adapted for part in parts if part.adapted is not None]
        models = tuple(one for some in adapted for one in some.models)
        return cls(
            [one for part in parts for one in part.trained],
            replace(adapted[0], models=models) if adapted else None,
            next((part.network_saves for part in parts if part.network_saves is not None), None),
        )

    def like(self, other: Mined) -> Mined:
        """Those parts of it that the other has, too."""

        def key(part: Mined) -> tuple[list[Model], bool]:
            return [one.model for one in part.adapted.models] if part.adapted is not None else [], part.is_fastest

        wanted = [key(part) for part in other.parts]
        return Mined.joined([part for part in self.parts if key(part) in wanted])

    @property
    def has_networks(self) -> bool:
        """Whether new models have a neural network."""
        return any(result.training.has_networks for result in self.trained)

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found, for people."""
        adapted = self.adapted.report() if self.adapted is not None else []
        return (
            *adapted,
            *(f"{result.coder.name}: {line}" for result in self.trained for line in result.training.report()),
        )


NETWORK_FROM = 1_000_000
"""Bytes of images of one component to come from which on it is seen whether a network pays: it takes 7 kB, what goes
with it as much and more, and training it a minute of the processor."""
NETWORK_SAMPLES, NETWORK_IMAGES = 1 << 21, 16
"""Samples that new models with a network are mined of at most, and images of which these are, at least."""
FASTEST_SAMPLES, FASTEST_IMAGES = 1 << 20, 6
"""Pixels that models for effort 1 are mined of at most beside changes of the base's, and images of which these are, at
least: of half of DRIVE and BCCD a quarter of the pixels gives models that take 0.0 and 0.3 % more."""
FALLBACK_BYTES = 200_000
"""Bytes of a codebook that trained counters take at most which few images need."""
TRIAL_SAMPLES = 1 << 21
"""Samples of one plane on which transforms are compared."""


def train_kind(collection: Collection, settings: Settings, crew: Crew) -> list[Trained]:
    """All models for one kind of image."""
    trained: list[Trained] = []
    for recipe in recipes(settings.coder, collection.kind):
        wanted = settings.efforts is None or not {*settings.efforts}.isdisjoint(recipe.coder.efforts)
        served = settings.efforts is not None and any(before.training.serves_most for before in trained)
        if settings.coder is None and (not wanted or (served and DEFAULT_EFFORT in recipe.coder.efforts)):
            continue
        if any(before.training.serves_most for before in trained):
            settings = replace(settings, counter_bytes=min(settings.counter_bytes or FALLBACK_BYTES, FALLBACK_BYTES))
        treatment = _choose_treatment(collection, recipe, settings, crew)
        trained.append(_trained(collection, recipe.coder, treatment, settings, crew))
    return trained


def _trained(
    collection: Collection, coder: Descriptor, treatment: Treatment, settings: Settings, crew: Crew
) -> Trained:
    """A coder's models for one kind of image."""
    training = _start(collection, coder, treatment, settings)
    number = 1
    while (step := training.next_pass()) is not None:
        stage = f"{collection.kind}: {coder.name}, pass {number}"
        training.merge(run(step, collection, treatment, stage, crew))
        number += 1
    return Trained(coder, treatment.transform, training)


def _start(collection: Collection, coder: Descriptor, treatment: Treatment, settings: Settings) -> CoderTraining:
    assert coder.start_training is not None, "recipes are for coders that can be trained"
    wanted = TrainingSettings(
        settings.min_images,
        settings.iterations,
        settings.counter_bytes,
        settings.efforts,
        settings.networks,
        settings.times,
    )
    return coder.start_training(_ranges(collection, treatment), wanted)


def _ranges(collection: Collection, treatment: Treatment) -> Sequence[PlaneRange]:
    """What samples of the planes that coders see may be: as in files, where numbers of values have their own bits."""
    transform = TRANSFORMS[treatment.transform]
    bits = (collection.number_bits if treatment.by_value else 0) or collection.max_bits
    ranges = transform.ranges(collection.kind.components, bits)
    return ranges[: len(ranges) - transform.corrections]


def _named(treatment: Treatment, components: int) -> str:
    """What is tried of images of so many components, for people."""
    if treatment.by_value:
        return "numbers of values"
    return "values as they are" if components == 1 else f"colour transform {TRANSFORMS[treatment.transform].name}"


def _choose_treatment(collection: Collection, recipe: Recipe, settings: Settings, crew: Crew) -> Treatment:
    """The treatment under which a sample of the images costs least."""
    # Samples of one bit may be stored in more, with any two values.
    treatments = [Treatment(transform.id, collection.kind.bits == 1) for transform in recipe.transforms]
    if collection.number_bits and recipe.coder.numbers_values:
        treatments += [treatment._replace(by_value=True) for treatment in treatments]
    if len(treatments) == 1:
        return treatments[0]
    costs = []
    for treatment in treatments:
        training = _start(collection, recipe.coder, treatment, settings)
        while training.cost() is None and (step := training.next_pass()) is not None:
            stage = f"{collection.kind}: trying {_named(treatment, collection.kind.components)}"
            training.merge(run(step._replace(samples=TRIAL_SAMPLES), collection, treatment, stage, crew))
        costs.append(training.cost() or float("inf"))
    return treatments[int(np.argmin(costs))]


def adapt(collection: Collection, images_to_come: float, models: Sequence[Adaptable], crew: Crew) -> Adapted:
    """The changes of these models of the base that pay where so many images of the kind are to come: first those for
    planes of a certain origin, and the others to images that those are not for."""
    base = base_of(collection.kind)
    found: list[AdaptedModel] = []
    for adapted in sorted(models, key=lambda one: CODERS[one.model.coder].trace is None):
        candidates = [adapted.model, *moved(base, collection.kind, adapted.model)]
        runs = [_Adapting(collection, images_to_come, adapted._replace(model=one), crew) for one in candidates]
        for each in runs if len(runs) > 1 else ():
            each.go_on(lambda adaptation: adaptation.cost is not None)
        chosen = min(runs, key=lambda each: each.adaptation.cost or 0)
        chosen.go_on(lambda _: False)
        changed = AdaptedModel(candidates[runs.index(chosen)], chosen.changes())
        if changed.changes or chosen is not runs[0]:
            found.append(changed)
        collection, share = chosen.others()
        images_to_come *= share
        if not collection.mined:
            break
    return Adapted(base, tuple(found))


class _Adapting:
    """How a model of the base is adapted, pass by pass."""

    def __init__(self, collection: Collection, images_to_come: float, adapted: Adaptable, crew: Crew) -> None:
        self._model, self._crew, self._collection = adapted.model, crew, collection
        self._treatment = Treatment(adapted.model.transform, adapted.by_value, adapted.follows)
        self._coder = CODERS[adapted.model.coder]
        assert self._coder.start_adapting is not None, "chosen by that"
        base = base_of(collection.kind)
        plain, _ = apart([base.sections[number] for number in adapted.model.sections])
        count = max(1, round(images_to_come))
        self.adaptation = self._coder.start_adapting(plain, _ranges(collection, self._treatment), count)
        self._passes = self._samples = 0

    def go_on(self, until: Callable[[Adaptation], bool]) -> None:
        """Run passes until something is known, or all."""
        while not until(self.adaptation) and (step := self.adaptation.next_pass()) is not None:
            self._passes += 1
            self._samples = step.samples or sum(self._collection.pixels)
            stage = f"{self._collection.kind}: {self._coder.name}, adapted, pass {self._passes}"
            self.adaptation.merge(run(step, self._collection, self._treatment, stage, self._crew))

    def others(self) -> tuple[Collection, float]:
        """The images that other models are adapted to, and the share of all that they stand for: those of the sample
        that this one is not for, or all where that is not known."""
        if self.adaptation.passed_over is None:
            return self._collection, 1.0
        sample = self._collection.thinned(self._samples)
        return sample.only(self.adaptation.passed_over), len(self.adaptation.passed_over) / len(sample.mined)

    def changes(self) -> Changes:
        """By number of a section of the base its change, where it has any."""
        found = zip(self._model.sections, self.adaptation.changes(), strict=True)
        return {section: change for section, change in found if change}


def mine(collection: Collection, settings: Settings, outlook: Outlook | None, crew: Crew) -> Mined:
    """Models for a kind of images: where few come, the base's, changed, if those that serve them can be."""
    if outlook is None:
        return Mined(train_kind(collection, settings, crew))
    models = adaptable(base_of(collection.kind), collection.kind, outlook.usage)
    if models:
        return Mined([], adapt(collection, outlook.images * OTHERS_WORTH, models, crew))
    if outlook.size < FASTEST_FROM:
        efforts = tuple(effort for effort in settings.efforts or () if effort not in FASTEST)
        settings = replace(settings, efforts=efforts or settings.efforts)
    serves = outlook.size >= NEW_FROM and not outlook.usage.is_arranged
    return Mined(train_kind(collection, settings, crew) if serves else [])


def mines_fastest(collection: Collection, settings: Settings, outlook: Outlook | None) -> bool:
    """Whether there are to be models for effort 1, which are small, beside changes of the base's: not where few images
    come, these cannot be changed, or models are for other efforts."""
    if outlook is None or outlook.size < FASTEST_FROM or not {*FASTEST}.issubset(settings.efforts or FASTEST):
        return False
    return bool(adaptable(base_of(collection.kind), collection.kind, outlook.usage))


def mine_fastest(collection: Collection, settings: Settings, outlook: Outlook | None, crew: Crew) -> list[Trained]:
    """Those models; none where there are not to be any."""
    if not mines_fastest(collection, settings, outlook):
        return []
    few = collection.thinned(FASTEST_SAMPLES, FASTEST_IMAGES)
    return train_kind(few, replace(settings, efforts=FASTEST), crew)


def mine_anew(
    collection: Collection, settings: Settings, outlook: Outlook | None, found: Mined, crew: Crew
) -> Mined | None:
    """In place of what was ``found``, changes of the base's models, new ones with a network for the default effort;
    None where no network can be hoped for, or none pays."""
    if outlook is None or outlook.size < NETWORK_FROM or collection.kind.components > 1 or found.adapted is None:
        return None
    few = collection.thinned(NETWORK_SAMPLES)
    (first, _, follows), *_ = adaptable(base_of(collection.kind), collection.kind, outlook.usage)
    coder = CODERS[first.coder]
    if follows or not coder.mines_networks or len(few.mined) < NETWORK_IMAGES:
        return None
    settings = replace(settings, efforts=(DEFAULT_EFFORT,))
    # Small images that lack values each may be coded in groups, which do not.
    anew = Mined([_trained(few, coder, Treatment(first.transform), settings, crew)])
    return anew if anew.has_networks else None
