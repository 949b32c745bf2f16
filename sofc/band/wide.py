"""Spec wide-samples: a band or group of wide samples as one image of at most 16 bits, which is coded as any is, and
what is left over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band import lines, products, segments, tables
from sofc.band.core import Area, CodedPlanes, decode_planes, encode_planes
from sofc.band.filtered import Filter
from sofc.band.filtering import Filtered, found_filter
from sofc.band.lines import Lines, found_lines
from sofc.band.mapping import Mapping
from sofc.band.means import found_means
from sofc.band.mirror import DIFFERENCES, Mirror, fold, found_mirror, unfold
from sofc.band.products import Tiles, found_tiles
from sofc.band.resampled import Resampling
from sofc.band.resampling import found_resampling
from sofc.band.roots import found_roots
from sofc.band.scaling import found_tables
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.codebook.builtin import find_builtin
from sofc.coders.labels import LabelsCoder
from sofc.coders.registry import LABELS_MODEL
from sofc.container import wide as plans
from sofc.container.registered import REGISTERED
from sofc.entropy import remainders, repeats
from sofc.errors import FormatError, UnsupportedError
from sofc.image import PixelFormat, SampleType
from sofc.planes import Plane, PlaneRange
from sofc.transforms.numbers import (
    LAYOUTS,
    Keys,
    from_keys,
    from_order,
    narrowed,
    number_type,
    to_keys,
    to_order,
    widened,
)

Samples = npt.NDArray[Any]
MAX_NUMBERS = 1 << 16
"""Numbers of a core image; those of more are labels."""
STEPS_STREAMS, TABLES_STREAMS = 4, 2
"""Streams before those of the core image: the plan, and the repeats, the modelled and the plain bits, or the entries of
tables."""


class _Choice(NamedTuple):
    """A core image: its planes of numbers below ``numbers``, about how many bytes the rest takes, and what makes that:
    the way, its part of the plan, and its streams. ``is_sure``: whether nothing else can be as small."""

    planes: list[Plane]
    numbers: int
    rest: float
    finish: Callable[[], tuple[int, bytes, tuple[bytes, ...]]]
    is_sure: bool = False


def encode_wide(samples: Samples, wide: SampleType, selection: Selection, image_rows: int) -> CodedPlanes:
    """Code samples of shape (rows, width) or (rows, width, components) in the way that promises the least bytes."""
    return _encode_keys(to_keys(samples, wide), number_type(wide), selection, image_rows, whole=True)


def _encode_keys(keys: Keys, number: SampleType, selection: Selection, image_rows: int, *, whole: bool) -> CodedPlanes:
    """Code keys of numbers, shape (planes, rows, width)."""
    keys, number = narrowed(keys, number)
    if whole and number in products.TYPES and (means := found_means(keys, number, image_rows)):
        return _encode_filtered(number, means, selection, image_rows)
    choices: list[_Choice] = []
    faded: CodedPlanes | None = None
    for choice in _choices(keys, number, image_rows):
        choices.append(choice)
        if choice.is_sure:
            break
        if whole and number in products.TYPES:
            searches = found_roots, found_filter, found_resampling
            made = next(filter(None, (search(keys, number, image_rows) for search in searches)), None)
            if made is not None:
                return _encode_filtered(number, made, selection, image_rows)
        if whole and number.bits in DIFFERENCES and (mirror := found_mirror(keys, number, image_rows)) is not None:
            return _encode_folded(keys, number, mirror, selection, image_rows)
        if whole and number in products.TYPES:
            tiles, along = found_tiles(keys, number, image_rows), found_lines(keys, number, image_rows)
            if along and (tiles is None or along[0] > tiles[0]):
                by_lines = _encode_lines(keys, number, along[1], selection, image_rows)
                if not along[1].depth:
                    return by_lines
                # What fades out is no easier to predict than for coders, at times: both are coded.
                faded = by_lines
            if tiles:
                return _smaller(faded, _encode_predicted(keys, number, tiles[1], selection, image_rows))
        whole = False
    chosen = choices[0]
    if len(choices) > 1:
        chosen = min(choices, key=lambda one: one.rest + _core_size(one, selection, image_rows))
    codebook, coded = _encode_core(chosen, selection, image_rows)
    way, body, streams = chosen.finish()
    plan = plans.pack_plan(plans.Plan(number, codebook, way, body))
    return _smaller(faded, coded._replace(streams=(plan, *streams, *coded.streams)))


def _smaller(one: CodedPlanes | None, other: CodedPlanes) -> CodedPlanes:
    return other if one is None or sum(map(len, other.streams)) <= sum(map(len, one.streams)) else one


def _encode_folded(
    keys: Keys, number: SampleType, mirror: Mirror, selection: Selection, image_rows: int
) -> CodedPlanes:
    first, others = fold(keys, mirror, number, image_rows)
    kept = mirror.kept(image_rows)
    upper = _encode_keys(first, number, selection, kept, whole=False)
    body = plans.pack_mirrored(plans.Mirrored(*mirror, 2 * upper.mapping, upper.model, len(upper.streams)))
    plan = plans.Plan(number, 0, plans.MIRRORED, body)
    return _with_differences(plan, upper, others, number, selection, image_rows - kept)


def _encode_filtered(number: SampleType, found: Filtered, selection: Selection, image_rows: int) -> CodedPlanes:
    filter, origin, left = found
    origin_rows = filter.origin_area(Area(left.shape[1], left.shape[2], image_rows)).image_rows
    made_of = _encode_keys(origin, filter.between, selection, origin_rows, whole=False)
    body = filter.packed(2 * made_of.mapping, made_of.model, len(made_of.streams))
    plan = plans.Plan(number, 0, plans.FILTERED if isinstance(filter, Filter) else plans.RESAMPLED, body)
    return _with_differences(plan, made_of, left, number, selection, image_rows)


def _with_differences(
    plan: plans.Plan, first: CodedPlanes, left: Keys, number: SampleType, selection: Selection, image_rows: int
) -> CodedPlanes:
    """A band whose numbers are ``left``, modulo 2**64, and what follows from those that are coded first."""
    differences = DIFFERENCES[number.bits]
    left = to_order(left & np.uint64((1 << number.bits) - 1), differences)
    coded = _encode_keys(left, differences, selection, image_rows, whole=False)
    return coded._replace(streams=(plans.pack_plan(plan), *first.streams, *coded.streams))


def _encode_predicted(
    keys: Keys, number: SampleType, tiles: Tiles, selection: Selection, image_rows: int
) -> CodedPlanes:
    left = _encode_keys(products.left_of(keys, tiles, number, image_rows), number, selection, image_rows, whole=False)
    plan = plans.pack_plan(plans.Plan(number, 0, plans.PREDICTED, tiles.packed()))
    return left._replace(streams=(plan, *left.streams))


def _encode_lines(keys: Keys, number: SampleType, found: Lines, selection: Selection, image_rows: int) -> CodedPlanes:
    left = _encode_keys(lines.left_of(keys, found, number, image_rows), number, selection, image_rows, whole=False)
    body, weights = found.packed()
    plan = plans.pack_plan(plans.Plan(number, 0, plans.LINES, body))
    return left._replace(streams=(plan, weights, *left.streams))


def _choices(keys: Keys, number: SampleType, image_rows: int) -> Iterator[_Choice]:
    found = found_tables(keys, number, image_rows)
    if found is not None:
        body, stream = plans.pack_tables(found.tables)
        count = max(one.size for one in found.tables.tables)
        yield _Choice(
            found.planes, count, len(body) + len(stream), lambda: (plans.TABLES, body, (stream,)), found.is_sure
        )
    for chosen in segments.choices(keys, number):
        split = segments.split(keys, chosen)
        count = sum(one.steps for one in chosen)
        plan = len(plans.pack_steps(plans.Steps(chosen, [])))
        rest = plan + remainders.estimate(split.values, split.bits)
        yield _Choice(split.steps, count, rest, partial(_finish_steps, chosen, split))


def _finish_steps(chosen: list[plans.Segment], split: segments.Split) -> tuple[int, bytes, tuple[bytes, ...]]:
    steps = np.stack(split.steps)
    origins, repeated = repeats.encode_repeats(steps.ravel(), steps.shape[2], split.values, split.bits)
    bits = _without_repeats(split.bits, origins)
    masks, modelled, plain = remainders.encode_remainders(split.values, bits)
    return plans.STEPS, plans.pack_steps(plans.Steps(chosen, masks)), (repeated, modelled, plain)


def _without_repeats(bits: npt.NDArray[np.uint8], origins: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """How many bits of a remainder each number has of its own."""
    own = bits.copy()
    own[origins != np.arange(bits.size)] = 0
    return own


def _core_size(choice: _Choice, selection: Selection, image_rows: int) -> float:
    """About the bytes of a core image."""
    if choice.numbers > MAX_NUMBERS:
        return sum(map(len, _encode_core(choice, selection, image_rows)[1].streams))
    core = _core_format(len(choice.planes), choice.numbers)
    return selection.for_core(core)[1].size(choice.planes, core, image_rows)


def _encode_core(choice: _Choice, selection: Selection, image_rows: int) -> tuple[int, CodedPlanes]:
    """The number in the register of the codebook that codes a core image, or 0, and the image."""
    if choice.numbers > MAX_NUMBERS:
        ranges = [PlaneRange(0, choice.numbers - 1)] * len(choice.planes)
        streams = LabelsCoder().encode(choice.planes, ranges, image_rows)
        return 0, CodedPlanes(LABELS_MODEL, Mapping.NONE, tuple(streams))
    core = _core_format(len(choice.planes), choice.numbers)
    codebook, chosen = selection.for_core(core)
    return codebook, encode_planes(choice.planes, core, chosen, image_rows)


def _decode_core(coded: CodedPlanes, planes: int, count: int, codebook: Codebook | None, area: Area) -> list[Plane]:
    """Spec wide-samples/core-image. Planes of numbers, which may be ``count`` and above. Raises FormatError."""
    if count <= MAX_NUMBERS:
        return decode_planes(coded, _core_format(planes, count), codebook, area)
    if (coded.model, coded.mapping) != (LABELS_MODEL, Mapping.NONE):
        raise FormatError(f"a core image of {count} numbers is coded by model {coded.model}, not as labels")
    if len(coded.streams) != planes:
        raise FormatError(f"a band of {planes} planes has {len(coded.streams)} streams")
    return LabelsCoder().decode(coded.streams, [PlaneRange(0, count - 1)] * planes, *area)


def decode_wide(coded: CodedPlanes, pixel_format: PixelFormat, codebook: Codebook | None, area: Area) -> Samples:
    """The samples again. Raises FormatError where the plan or a stream breaks the rules."""
    wide = pixel_format.wide
    assert wide is not None
    number, planes = number_type(wide), pixel_format.components * wide.parts
    keys = _decode_keys(coded, number, planes, codebook, area, whole=True)
    return from_keys(keys, wide, pixel_format.components)


def _decode_keys(
    coded: CodedPlanes, number: SampleType, planes: int, codebook: Codebook | None, area: Area, *, whole: bool
) -> Keys:
    """The keys of numbers again, shape (planes, rows, width)."""
    plan = plans.unpack_plan(coded.streams[0] if coded.streams else b"")
    keys_type = _keys_type(plan.type, number)
    if plan.way == plans.MIRRORED and whole and keys_type.bits in DIFFERENCES:
        return widened(_decode_folded(coded, plan.body, keys_type, planes, codebook, area), keys_type, number)
    if plan.way == plans.PREDICTED and whole and keys_type in products.TYPES:
        return widened(_decode_predicted(coded, plan.body, keys_type, planes, codebook, area), keys_type, number)
    if plan.way == plans.LINES and whole and keys_type in products.TYPES:
        return widened(_decode_lines(coded, plan.body, keys_type, planes, codebook, area), keys_type, number)
    if plan.way in (plans.FILTERED, plans.RESAMPLED) and whole and keys_type in products.TYPES:
        return widened(_decode_filtered(coded, plan, keys_type, planes, codebook, area), keys_type, number)
    if plan.way not in (plans.STEPS, plans.TABLES):
        raise UnsupportedError(f"way {plan.way} of wide samples is not known to this version of sofc, or not there")
    count = STEPS_STREAMS if plan.way == plans.STEPS else TABLES_STREAMS
    if len(coded.streams) < count:
        raise FormatError(f"a band of wide samples has {len(coded.streams)} streams")
    rest = coded._replace(streams=coded.streams[count:])
    codebook = _codebook(plan.codebook, codebook)
    if plan.way == plans.STEPS:
        steps = plans.unpack_steps(plan.body, keys_type.bits)
        core = _decode_core(rest, planes, sum(one.steps for one in steps.segments), codebook, area)
        bits = segments.step_bits(core, steps.segments)
        origins = repeats.decode_repeats(np.stack(core).ravel(), area.width, bits, coded.streams[1])
        own = _without_repeats(bits, origins)
        values = remainders.decode_remainders(steps.masks, coded.streams[2], coded.streams[3], own)
        keys = segments.join(core, values[origins], steps.segments)
    else:
        samples = planes * area.rows * area.width
        known = plans.unpack_tables(plan.body, coded.streams[1], keys_type.bits, samples)
        most = max((one.size for one in known.tables), default=0)
        core = _decode_core(rest, planes, most, codebook, area)
        keys = tables.restore(core, known, keys_type, area.image_rows)
    return widened(keys, keys_type, number)


def _decode_folded(
    coded: CodedPlanes, body: bytes, number: SampleType, planes: int, codebook: Codebook | None, area: Area
) -> Keys:
    """Spec wide-samples/mirrored."""
    head = plans.unpack_mirrored(body, area.image_rows, area.width)
    mirror = Mirror(head.down, head.across, head.negated)
    images, kept = area.rows // area.image_rows, mirror.kept(area.image_rows)
    left = area.image_rows - kept
    upper, lower = _parts(coded, head)
    first = _decode_keys(upper, number, planes, codebook, Area(images * kept, area.width, kept), whole=False)
    others = _decode_differences(lower, number, planes, codebook, Area(images * left, area.width, left))
    keys = unfold(first, others, mirror, number, area.image_rows)
    return np.bitwise_and(keys, np.uint64((1 << number.bits) - 1))


def _decode_filtered(
    coded: CodedPlanes, plan: plans.Plan, number: SampleType, planes: int, codebook: Codebook | None, area: Area
) -> Keys:
    """Spec wide-samples/filtered and wide-samples/resampled."""
    head: plans.FilterHead | plans.ResampledHead
    filter: Filter | Resampling
    if plan.way == plans.FILTERED:
        head = plans.unpack_filtered(plan.body)
        filter = Filter.of(head)
    else:
        head = plans.unpack_resampled(plan.body, (area.rows // area.image_rows, area.image_rows, area.width))
        filter = Resampling.of(head)
    made_of, rest = _parts(coded, head)
    origin = _decode_keys(made_of, filter.between, planes, codebook, filter.origin_area(area), whole=False)
    left = _decode_differences(rest, number, planes, codebook, area)
    made = filter.made_of(origin, number, area)
    return np.bitwise_and(np.add(made, left), np.uint64((1 << number.bits) - 1))


def _parts(
    coded: CodedPlanes, head: plans.Mirrored | plans.FilterHead | plans.ResampledHead
) -> tuple[CodedPlanes, CodedPlanes]:
    """The numbers that others follow from, and what these are more."""
    if head.streams >= len(coded.streams):
        raise FormatError(f"{head.streams} streams of wide samples stand in {len(coded.streams)}")
    end = 1 + head.streams
    first = CodedPlanes(head.model, head.mode >> 1, coded.streams[1:end])
    return first, coded._replace(streams=coded.streams[end:])


def _decode_differences(
    coded: CodedPlanes, number: SampleType, planes: int, codebook: Codebook | None, area: Area
) -> Keys:
    """What keys are more than follows from others, modulo 2**bits."""
    differences = DIFFERENCES[number.bits]
    return from_order(_decode_keys(coded, differences, planes, codebook, area, whole=False), differences)


def _decode_predicted(
    coded: CodedPlanes, body: bytes, number: SampleType, planes: int, codebook: Codebook | None, area: Area
) -> Keys:
    """Spec wide-samples/predicted."""
    tiles = Tiles.unpacked(body, planes, area)
    rest = coded._replace(streams=coded.streams[1:])
    left = _decode_keys(rest, number, planes, codebook, area, whole=False)
    return products.restored(left, tiles, number, area.image_rows)


def _decode_lines(
    coded: CodedPlanes, body: bytes, number: SampleType, planes: int, codebook: Codebook | None, area: Area
) -> Keys:
    """Spec wide-samples/lines."""
    if len(coded.streams) < 2:
        raise FormatError("a band predicted along lines has no weights")
    found = Lines.unpacked(body, coded.streams[1], number, planes, area)
    rest = coded._replace(streams=coded.streams[2:])
    return lines.restored(
        _decode_keys(rest, number, planes, codebook, area, whole=False), found, number, area.image_rows
    )


def _keys_type(type: int, number: SampleType) -> SampleType:
    """Spec wide-samples/narrowing."""
    if type in SampleType._value2member_map_:
        found = SampleType(type)
        floats = number in LAYOUTS and found in LAYOUTS and SampleType.BFLOAT16 not in (found, number)
        if found is number or (floats and found.bits < number.bits):
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
    return PixelFormat(planes, bits, bits)
