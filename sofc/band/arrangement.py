"""Spec arrangement/coding-of-an-arrangement: steps between the samples of a band and those that coders see.

A band may hold the image that its own was made from: without the components that say nothing, in another order,
turned, scaled. Every step has an inverse, and none makes an image larger; what insets add is bounded, so that what
bounds a band bounds all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from sofc.band.demosaic import Demosaic
from sofc.band.division import Division
from sofc.band.follow import Follow
from sofc.band.inset import Inset
from sofc.band.overlay import Overlay
from sofc.band.patches import Patches
from sofc.band.placing_steps import Choose, MoveAxis, Orient, Repeat, Tile
from sofc.band.ramp import Ramp
from sofc.band.steps import Form, Step, require
from sofc.band.value_steps import ReverseBits, Scale, Stretch, SwapBytes, Turn
from sofc.container.chunks import pack_numbers, unpack_numbers
from sofc.errors import FormatError

MAX_ENTRIES = 64
"""Parts, splits, divisions and steps of one arrangement."""
MAX_COMPONENTS = 4096

STEPS: dict[int, type[Step]] = {
    step.id: step
    for step in (
        Choose,
        Scale,
        Turn,
        SwapBytes,
        ReverseBits,
        Tile,
        Orient,
        MoveAxis,
        Repeat,
        Stretch,
        Demosaic,
        Follow,
        Ramp,
    )
}
CODED, SPLIT = 0, 1
DIVISIONS: dict[int, type[Division | Inset | Overlay | Patches]] = {13: Division, 14: Inset, 15: Overlay, 17: Patches}


class Part(NamedTuple):
    """Planes that a model codes: ``codebook`` is its number in the file, ``streams`` how many belong to it."""

    codebook: int
    model: int
    mapping: int
    streams: int


class Split(NamedTuple):
    """Spec arrangement/split. The first components, and the others, each an image of its own."""

    components: int
    first: Arrangement
    rest: Arrangement


class Divided(NamedTuple):
    """An image that is divided, and how both are arranged."""

    division: Division | Inset | Overlay | Patches
    first: Arrangement
    rest: Arrangement


class Stepped(NamedTuple):
    """A step, and how what it leads to is arranged."""

    step: Step
    core: Arrangement


Arrangement = Part | Split | Divided | Stepped


def pack_arrangement(arrangement: Arrangement) -> bytes:
    """The stream that says it."""
    return pack_numbers(_numbers(arrangement))


def _numbers(arrangement: Arrangement) -> Iterator[int]:
    if isinstance(arrangement, Part):
        yield CODED
        yield from arrangement
    elif isinstance(arrangement, Split):
        yield SPLIT
        yield arrangement.components
        yield from _numbers(arrangement.first)
        yield from _numbers(arrangement.rest)
    elif isinstance(arrangement, Divided):
        division = arrangement.division
        yield from (number for number, kind in DIVISIONS.items() if type(division) is kind)
        yield from division.arguments()
        yield from _numbers(arrangement.first)
        yield from _numbers(arrangement.rest)
    else:
        yield arrangement.step.id
        yield from arrangement.step.arguments()
        yield from _numbers(arrangement.core)


def unpack_arrangement(stream: bytes, form: Form) -> Arrangement:
    """How a band of this form is arranged. Raises FormatError."""
    numbers = unpack_numbers(stream)
    result, _ = _unpack(numbers, form, _Left(MAX_ENTRIES, form.samples))
    require(next(numbers, None) is None, "an arrangement has bytes behind it")
    return result


class _Left(NamedTuple):
    """How many entries of an arrangement may still come, and samples of insets, opacities and lists of patches."""

    entries: int
    samples: int


def _unpack(numbers: Iterator[int], form: Form, left: _Left) -> tuple[Arrangement, _Left]:
    """An arrangement, and what may still come."""
    require(left.entries > 0, f"an arrangement has more than {MAX_ENTRIES} entries")
    left = left._replace(entries=left.entries - 1)
    require(form.components <= MAX_COMPONENTS, f"an arrangement has more than {MAX_COMPONENTS} components")
    try:
        number = next(numbers)
        if number == CODED:
            return Part(next(numbers), next(numbers), next(numbers), next(numbers)), left
        if number == SPLIT:
            count = next(numbers)
            require(1 <= count < form.components, "an arrangement splits off no components, or all")
            first, left = _unpack(numbers, replace(form, components=count), left)
            rest, left = _unpack(numbers, replace(form, components=form.components - count), left)
            return Split(count, first, rest), left
        if number in DIVISIONS:
            division = DIVISIONS[number].read(numbers, form)
            forms = division.forms(form)
            more = sum(each.samples for each in forms) - form.samples
            require(
                more <= left.samples, "the insets, overlays and patches of an arrangement are larger than its image"
            )
            first, left = _unpack(numbers, forms[0], left._replace(samples=left.samples - more))
            rest, left = _unpack(numbers, forms[1], left)
            return Divided(division, first, rest), left
        require(number in STEPS, f"step {number} of an arrangement is not known to this version of sofc")
        step = STEPS[number].read(numbers, form)
    except (StopIteration, RuntimeError):
        raise FormatError("an arrangement is cut off") from None
    core, left = _unpack(numbers, step.core(form), left)
    return Stepped(step, core), left


def parts_of(arrangement: Arrangement) -> list[Part]:
    """Its parts, in the order of their streams."""
    if isinstance(arrangement, Part):
        return [arrangement]
    if isinstance(arrangement, (Split, Divided)):
        return parts_of(arrangement.first) + parts_of(arrangement.rest)
    return parts_of(arrangement.core)


def forms_of_parts(arrangement: Arrangement, form: Form) -> list[Form]:
    """The forms of its parts in that order, where ``form`` is that of all."""
    if isinstance(arrangement, Part):
        return [form]
    if isinstance(arrangement, Stepped):
        return forms_of_parts(arrangement.core, arrangement.step.core(form))
    if isinstance(arrangement, Split):
        count = arrangement.components
        two = [replace(form, components=count), replace(form, components=form.components - count)]
    else:
        two = list(arrangement.division.forms(form))
    return forms_of_parts(arrangement.first, two[0]) + forms_of_parts(arrangement.rest, two[1])


def describe(arrangement: Arrangement) -> str:
    """It in plain words."""
    if isinstance(arrangement, Part):
        return ""
    if isinstance(arrangement, Split):
        first, rest = describe(arrangement.first), describe(arrangement.rest)
        return f"{arrangement.components} components ({first or 'as they are'}), others apart ({rest or 'as they are'})"
    if isinstance(arrangement, Divided):
        first, rest = describe(arrangement.first), describe(arrangement.rest)
        return f"{arrangement.division} ({first or 'as they are'}), others apart ({rest or 'as they are'})"
    return ", ".join(filter(None, (str(arrangement.step), describe(arrangement.core))))
