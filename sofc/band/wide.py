"""Spec wide-samples: a band or group of wide samples as one image of at most 16 bits, which is coded as any is, and
what is left over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band import segments, tables
from sofc.band.core import Area, CodedPlanes, decode_planes, encode_planes
from sofc.band.scaling import found_tables
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.codebook.builtin import find_builtin
from sofc.container import wide as plans
from sofc.container.records import RAW_MODEL
from sofc.container.registered import REGISTERED
from sofc.entropy import remainders
from sofc.errors import FormatError, UnsupportedError
from sofc.image import PixelFormat, SampleType
from sofc.planes import Plane
from sofc.transforms.numbers import LAYOUTS, Keys, from_keys, narrowed, number_type, to_keys, widened

Samples = npt.NDArray[Any]
STEPS_STREAMS, TABLES_STREAMS = 3, 2
"""Streams before those of the core image: the plan, and the modelled and plain bits, or the entries of tables."""


class _Choice(NamedTuple):
    """A core image: its planes, its format, about how many bytes the rest takes, and what makes plan and streams."""

    planes: list[Plane]
    format: PixelFormat
    rest: float
    finish: Callable[[], tuple[int, bytes, tuple[bytes, ...]]]


def encode_wide(samples: Samples, wide: SampleType, selection: Selection, image_rows: int) -> CodedPlanes:
    """Code samples of shape (rows, width) or (rows, width, components) in the way that promises the least bytes."""
    keys, number = narrowed(to_keys(samples, wide), number_type(wide))
    choices = _choices(keys, number, image_rows)
    sizes = [choices[0].rest]
    if len(choices) > 1:
        sizes = [
            one.rest + selection.for_core(one.format)[1].size(one.planes, one.format, image_rows) for one in choices
        ]
    chosen = choices[min(range(len(choices)), key=sizes.__getitem__)]
    codebook, core = selection.for_core(chosen.format)
    coded = encode_planes(chosen.planes, chosen.format, core, image_rows)
    way, body, streams = chosen.finish()
    plan = plans.pack_plan(plans.Plan(number, codebook, way, body))
    return coded._replace(streams=(plan, *streams, *coded.streams))


def _choices(keys: Keys, number: SampleType, image_rows: int) -> list[_Choice]:
    found = found_tables(keys, number, image_rows)
    if found is not None:
        body, stream = plans.pack_tables(found.tables)
        choice = _Choice(
            found.planes,
            _core_format(len(keys), max(one.size for one in found.tables.tables)),
            len(body) + len(stream),
            lambda: (plans.TABLES, body, (stream,)),
        )
        if found.is_sure:
            return [choice]
        return [choice, *_split_choices(keys, number)]
    return _split_choices(keys, number)


def _split_choices(keys: Keys, number: SampleType) -> list[_Choice]:
    choices = []
    for chosen in segments.choices(keys, number):
        split = segments.split(keys, chosen)

        def finish(chosen: list[plans.Segment] = chosen, split: segments.Split = split) -> tuple[int, bytes, Any]:
            mask, modelled, plain = remainders.encode_remainders(split.values, split.bits)
            return plans.STEPS, plans.pack_steps(plans.Steps(chosen, mask)), (modelled, plain)

        core = _core_format(len(keys), sum(one.steps for one in chosen))
        choices.append(_Choice(split.steps, core, remainders.estimate(split.values, split.bits), finish))
    return choices


def decode_wide(coded: CodedPlanes, pixel_format: PixelFormat, codebook: Codebook | None, area: Area) -> Samples:
    """The samples again. Raises FormatError where the plan or a stream breaks the rules."""
    wide = pixel_format.wide
    assert wide is not None
    number, planes = number_type(wide), pixel_format.components * wide.parts
    plan = plans.unpack_plan(coded.streams[0] if coded.streams else b"")
    keys_type = _keys_type(plan.type, number)
    if plan.way not in (plans.STEPS, plans.TABLES):
        raise UnsupportedError(f"way {plan.way} of wide samples is not known to this version of sofc")
    count = STEPS_STREAMS if plan.way == plans.STEPS else TABLES_STREAMS
    if len(coded.streams) < count:
        raise FormatError(f"a band of wide samples has {len(coded.streams)} streams")
    rest = coded._replace(streams=coded.streams[count:])
    codebook = _codebook(plan.codebook, codebook)
    if plan.way == plans.STEPS:
        steps = plans.unpack_steps(plan.body, keys_type.bits)
        core = decode_planes(rest, _core_format(planes, sum(one.steps for one in steps.segments)), codebook, area)
        bits = segments.step_bits(core, steps.segments)
        values = remainders.decode_remainders(steps.mask, coded.streams[1], coded.streams[2], bits)
        keys = segments.join(core, values, steps.segments)
    else:
        samples = planes * area.rows * area.width
        known = plans.unpack_tables(plan.body, coded.streams[1], keys_type.bits, samples)
        most = max((one.size for one in known.tables), default=0)
        core = decode_planes(rest, _core_format(planes, most), codebook, area)
        keys = tables.restore(core, known, keys_type, area.image_rows)
    return from_keys(widened(keys, keys_type, number), wide, pixel_format.components)


def _keys_type(type: int, number: SampleType) -> SampleType:
    """Spec wide-samples/narrowing."""
    if type in SampleType._value2member_map_:
        found = SampleType(type)
        if found is number or (number in LAYOUTS and found in LAYOUTS and SampleType.BFLOAT16 not in (found, number)):
            if found.bits <= number.bits:
                return found
    raise FormatError(f"keys of sample type {type} cannot stand for {number.name.lower()}")


def _codebook(number: int, own: Codebook | None) -> Codebook | None:
    if number == 0:
        return own
    if number not in REGISTERED:
        raise UnsupportedError(f"built-in codebook {number} is not known to this version of sofc")
    return find_builtin(REGISTERED[number].id)


def _core_format(planes: int, count: int) -> PixelFormat:
    """Spec wide-samples/core-image. The format of numbers below ``count``."""
    bits = max(1, (count - 1).bit_length())
    if bits > 16:
        raise FormatError(f"a core image of {count} numbers has more than 16 bits")
    return PixelFormat(planes, bits, bits)
