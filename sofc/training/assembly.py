"""One codebook of all that was mined, and where it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import metadata

from sofc.codebook import Codebook
from sofc.codebook.model import borrowed
from sofc.container.records import Model, Section
from sofc.training.adapted import Adapted
from sofc.training.collection import Collection
from sofc.training.general import FEW, base_of, companions
from sofc.training.mining import Mined
from sofc.training.report import ModelReport
from sofc.training.settings import Settings
from sofc.training.survey import Facts


def assemble(
    name: str,
    collections: Sequence[Collection],
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
    for collection, mined in zip(collections, trained, strict=True):
        for result in mined.trained:
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
        if general and mined.adapted is None:
            base = base_of(collection.kind)
            traced = any(result.training.serves_most for result in mined.trained)
            few = efforts is not None or len(collection.mined) < FEW
            found = companions(base, collection.kind, few=few, traced=traced)
            models += [_moved(model, starts[base]) for model in found]
    # Behind models of the images' own, which are tried first.
    for base in bases:
        changing = [mined.adapted for mined in trained if mined.adapted is not None and mined.adapted.base == base]
        if changing:
            together = Adapted(base, tuple(one for adapted in changing for one in adapted.models))
            changed, those = together.assembled(starts[base], known + len(sections))
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


def provenance(facts: Sequence[Facts], settings: Settings, reports: Sequence[ModelReport]) -> str:
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
