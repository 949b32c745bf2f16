"""Spec coding-tools/component-transforms: luminance and chrominances of colours, and the colours that a JPEG decoder
makes of them (ITU-T T.871).

Decoders round by rules of their own: ``CONVERSIONS`` has those of the usual ones, the JPEG reference software's first.
Not every colour is made of whole Y, Cb and Cr; which are is what shows that an image went through JPEG, and which
decoder converted it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import LARGEST, MIDDLE
from sofc.planes import Plane

BITS = 16
HALF = 1 << (BITS - 1)
# round(65536 x 1.402, 1.772, 0.34414, 0.71414)
RED_FROM_CR = 91881
BLUE_FROM_CB = 116130
GREEN_FROM_CB = 22554
GREEN_FROM_CR = 46802
WEIGHTS = np.array([[19595, 38470, 7471], [-11059, -21709, 32768], [32768, -27439, -5329]], np.int32)
"""Luminance and the two chrominances of red, green and blue, in 1 / 2**BITS."""
NEAR, FAR = 2, 48
"""How far from the rounded conversion a triple is looked for: everywhere, and where a channel is 0 or 255."""
TELLING = 512
"""About so many colours tell which conversion they came of."""
CORRECTIONS = 511**3 + 1
"""Values that a sample of the correction plane has for each conversion: none, or three differences of -255 .. 255."""


class Channels(NamedTuple):
    """Three planes of one shape: red, green and blue, or Y, Cb and Cr."""

    first: Table[np.int32]
    second: Table[np.int32]
    third: Table[np.int32]


class Conversion(NamedTuple):
    """Spec coding-tools/conversions. What a channel adds up to, in 1 / 2**bits, of ``scale`` times Y, a half by its own
    rule, and factors times Cb and Cr less MIDDLE. Of what green takes of Cb the lowest ``cut`` bits are dropped.
    """

    bits: int
    scale: int
    red_half: int
    green_half: int
    blue_half: int
    red_from_cr: int
    green_from_cb: int
    green_from_cr: int
    blue_from_cb: int
    cut: int


CONVERSIONS = (
    # libjpeg up to 8 and libjpeg-turbo
    Conversion(16, 65536, HALF, HALF, HALF, RED_FROM_CR, -GREEN_FROM_CB, -GREEN_FROM_CR, BLUE_FROM_CB, 0),
    # libjpeg 9a and later
    Conversion(16, 65536, HALF, HALF, HALF, RED_FROM_CR, -22553, -GREEN_FROM_CR, BLUE_FROM_CB, 0),
    # pydicom: floating point
    Conversion(22, 1 << 22, 2097152, 2097152, 2097552, 5880414, -1443412, -2995305, 7432307, 0),
    # FFmpeg's scaler where chrominances have fewer samples: each product is cut
    Conversion(16, 65536, 0, 0, 0, 91880, -22552, -46800, 116128, 16),
    # FFmpeg's scaler where they have as many
    Conversion(13, 8192, 4096, 4096, 4096, 11485, -2819, -5850, 14516, 0),
    # Go's image/color
    Conversion(16, 65793, 0, 0, 0, RED_FROM_CR, -GREEN_FROM_CB, -GREEN_FROM_CR, BLUE_FROM_CB, 0),
    # jpeg-js: floating point, cut
    Conversion(22, 1 << 22, 0, 0, 0, 5880414, -1443412, -2995305, 7432307, 0),
    # pdf.js: floating point
    Conversion(22, 1 << 22, 2097152, 2243953, 2097152, 5880414, -1442841, -2994733, 7432307, 0),
    # stb_image
    Conversion(20, 1 << 20, 524288, 524288, 524288, 1470208, -360960, -748800, 1858048, 16),
)
"""Spec coding-tools/conversions. Those that are known; their places are their numbers in files."""
USUAL_CONVERSION = CONVERSIONS[0]


class Triple(NamedTuple):
    """Y, and Cb and Cr less MIDDLE; ``fits``: whether it converts to the colour in question."""

    y: int
    cb: int
    cr: int
    fits: bool


class Colour(NamedTuple):
    """Red, green and blue."""

    red: int
    green: int
    blue: int


@inlined
def _channel(y: int, change: int) -> int:
    """A channel of Y and what the chrominances change of it, in 1 / 2**BITS, as the reference software has it."""
    return max(0, min(LARGEST, y + ((change + HALF) >> BITS)))


@inlined
def _green(cb: int, cr: int) -> int:
    return -GREEN_FROM_CB * cb - GREEN_FROM_CR * cr


@inlined
def _clipped(value: int) -> int:
    return max(0, min(LARGEST, value))


@inlined
def _blue(conversion: Conversion, y: int, cb: int) -> int:
    blue = (conversion.scale * y + conversion.blue_half + conversion.blue_from_cb * cb) >> conversion.bits
    return max(0, min(LARGEST, blue))


@inlined
def _add_up(conversion: Conversion, y: int, cb: int, cr: int) -> Colour:
    """Spec coding-tools/conversions. What Y, 0 to 255, and Cb and Cr less MIDDLE, -MIDDLE to MIDDLE, make, before it is
    cut to 0 .. 255. All fits in 32 bits, which vectors have twice as many of as of 64."""
    total, cut, bits = np.int32(conversion.scale * y), conversion.cut & 31, conversion.bits & 31
    from_cb = np.int32(np.int32(np.int32(conversion.green_from_cb * cb) >> cut) << cut)
    return Colour(
        int(np.int32(total + conversion.red_half + conversion.red_from_cr * cr) >> bits),
        int(np.int32(total + conversion.green_half + from_cb + conversion.green_from_cr * cr) >> bits),
        int(np.int32(total + conversion.blue_half + conversion.blue_from_cb * cb) >> bits),
    )


@inlined
def convert(conversion: Conversion, y: int, cb: int, cr: int) -> Colour:
    """Spec coding-tools/conversions. The colour of Y, 0 to 255, and Cb and Cr less MIDDLE, -MIDDLE to MIDDLE."""
    sums = _add_up(conversion, y, cb, cr)
    return Colour(_clipped(sums.red), _clipped(sums.green), _clipped(sums.blue))


@inlined
def _fits(conversion: Conversion, y: int, cb: int, cr: int, colour: Colour) -> bool:
    if not (0 <= y <= LARGEST and -MIDDLE <= cb < MIDDLE and -MIDDLE <= cr < MIDDLE):
        return False
    made = convert(conversion, y, cb, cr)
    return made.red == colour.red and made.green == colour.green and made.blue == colour.blue


@kernel
def fits(conversion: Conversion, y: int, cb: int, cr: int, colour: Colour) -> bool:
    """Whether Y, and Cb and Cr less MIDDLE, convert to a colour."""
    return _fits(conversion, y, cb, cr, colour)


@kernel
def to_rgb(conversion: Conversion, converted: Channels, samples: Channels) -> int:
    """Spec coding-tools/conversions. Convert Y, Cb and Cr, all 0-255, into red, green and blue. Returns 0."""
    rows, width = converted.first.shape
    for i in range(rows):
        for j in range(width):
            y = int(converted.first[i, j])
            made = convert(conversion, y, int(converted.second[i, j]) - MIDDLE, int(converted.third[i, j]) - MIDDLE)
            samples.first[i, j], samples.second[i, j], samples.third[i, j] = made.red, made.green, made.blue
    return 0


class NarrowChannels(NamedTuple):
    """Y, Cb and Cr, all 0-255, laid flat."""

    first: Vector[np.int16]
    second: Vector[np.int16]
    third: Vector[np.int16]


class Strip(NamedTuple):
    """Room for STRIP samples of each of red, green and blue."""

    red: Vector[np.uint8]
    green: Vector[np.uint8]
    blue: Vector[np.uint8]


STRIP = 512
"""Samples that are converted before they are put side by side: compilers make vectors of one or the other."""


@kernel
def to_samples(converted: NarrowChannels, strip: Strip, samples: Vector[np.uint8]) -> int:
    """Spec coding-tools/conversions. The same as ``to_rgb`` by the first conversion, into one array of red, green,
    blue, red and so on. Returns 0."""
    red, green, blue, size = strip.red, strip.green, strip.blue, converted.first.shape[0]
    for start in range(0, size, STRIP):
        y, cb, cr = converted.first[start:], converted.second[start:], converted.third[start:]
        out, count = samples[3 * start :], min(STRIP, size - start)
        for i in range(count):
            red[i] = _channel(int(y[i]), RED_FROM_CR * (int(cr[i]) - MIDDLE))
        for i in range(count):
            green[i] = _channel(int(y[i]), _green(int(cb[i]) - MIDDLE, int(cr[i]) - MIDDLE))
        for i in range(count):
            blue[i] = _channel(int(y[i]), BLUE_FROM_CB * (int(cb[i]) - MIDDLE))
        for i in range(count):
            out[3 * i], out[3 * i + 1], out[3 * i + 2] = red[i], green[i], blue[i]
    return 0


@inlined
def _weighted(row: int, red: int, green: int, blue: int) -> int:
    """Y, or a chrominance less MIDDLE, of colours 0 to 255."""
    total = np.int32(WEIGHTS[row, 0] * red) + np.int32(WEIGHTS[row, 1] * green) + np.int32(WEIGHTS[row, 2] * blue)
    return int(np.int32(total + HALF) >> BITS)


@kernel
def _search_near(conversion: Conversion, start: Triple, colour: Colour) -> Triple:
    """What fits at the smallest distance from ``start``, at most NEAR."""
    for distance in range(1, NEAR + 1):
        for dy in range(-distance, distance + 1):
            for du in range(-distance, distance + 1):
                if _blue(conversion, start.y + dy, start.cb + du) != colour.blue:
                    continue  # whatever Cr is
                for dv in range(-distance, distance + 1):
                    if max(abs(dy), abs(du), abs(dv)) == distance:
                        y, cb, cr = start.y + dy, start.cb + du, start.cr + dv
                        if _fits(conversion, y, cb, cr, colour):
                            return Triple(y, cb, cr, True)
    return start


@kernel
def _search_clipped(conversion: Conversion, start: Triple, colour: Colour) -> Triple:
    """What fits, where a channel is 0 or 255 and so says only "beyond": the two others are followed along Y."""
    red, green, blue = colour
    for step in range(2 * FAR + 1):
        y = start.y + ((step + 1) >> 1) * (1 if step & 1 else -1)
        cb = ((blue - y) * (1 << BITS) + BLUE_FROM_CB // 2) // BLUE_FROM_CB
        cr = ((red - y) * (1 << BITS) + RED_FROM_CR // 2) // RED_FROM_CR
        if red == 0 or red == LARGEST:
            cr = ((y - green) * (1 << BITS) - GREEN_FROM_CB * cb + GREEN_FROM_CR // 2) // GREEN_FROM_CR
        elif blue == 0 or blue == LARGEST:
            cb = ((y - green) * (1 << BITS) - GREEN_FROM_CR * cr + GREEN_FROM_CB // 2) // GREEN_FROM_CB
        for u in range(cb - 1, cb + 2):
            if _blue(conversion, y, u) != blue:
                continue
            for v in range(cr - 1, cr + 2):
                if _fits(conversion, y, u, v, colour):
                    return Triple(y, u, v, True)
    return start


@kernel
def _search(conversion: Conversion, start: Triple, colour: Colour) -> Triple:
    """A Y, Cb, Cr that converts to a colour whose rounded conversion ``start`` does not, else that one."""
    found = _search_near(conversion, start, colour)
    if not found.fits and (
        min(colour.red, colour.green, colour.blue) == 0 or max(colour.red, colour.green, colour.blue) == LARGEST
    ):
        found = _search_clipped(conversion, found, colour)
    return found


class _Row(NamedTuple):
    """Samples of Channels that stand side by side."""

    first: Vector[np.int32]
    second: Vector[np.int32]
    third: Vector[np.int32]


class _Run(NamedTuple):
    """RUN colours or fewer, and where what they convert to goes."""

    colours: _Row
    converted: _Row


RUN = 256
"""Colours that are rounded in vectors, and looked at one by one only where that does not fit all of them."""


@inlined
def _round_run(conversion: Conversion, run: _Run, count: int, made: Vector[np.int32]) -> int:
    """The rounded conversions of a run of colours. Returns how many do not convert back, which have ~Y for Y.
    ``made`` (3 * RUN,): room for what they convert to; each channel is put there by itself, as compilers make vectors
    of 32 bits only of what is stored at once."""
    reds, greens, blues = run.colours
    ys, cbs, crs = run.converted
    made_green, made_blue = made[RUN:], made[2 * RUN :]
    for i in range(count):
        red, green, blue = int(reds[i]), int(greens[i]), int(blues[i])
        ys[i] = _weighted(0, red, green, blue)
        cbs[i], crs[i] = _weighted(1, red, green, blue), _weighted(2, red, green, blue)
    for i in range(count):
        sums = _add_up(conversion, int(ys[i]), int(cbs[i]), int(crs[i]))
        made[i], made_green[i], made_blue[i] = sums
    for i in range(count):
        cbs[i], crs[i] = cbs[i] + MIDDLE, crs[i] + MIDDLE
    missed = np.int32(0)
    for i in range(count):
        differs = _clipped(int(made[i])) ^ reds[i] | _clipped(int(made_green[i])) ^ greens[i]
        differs |= _clipped(int(made_blue[i])) ^ blues[i]
        is_missed = np.int32(1 if np.int32(differs | (cbs[i] | crs[i]) & ~LARGEST) != 0 else 0)
        ys[i] = ys[i] ^ -is_missed
        missed = np.int32(missed + is_missed)
    return int(missed)


MEMO_BITS = 14


class Memo(NamedTuple):
    """What was found for colours that are not their rounded conversion's, 2**MEMO_BITS of them at most: where a channel
    is 0 or 255, few colours recur. ``known``: red, green and blue, a byte each, plus 1, then in the lower half Y, Cb
    and Cr, a byte each, plus 2^24 where nothing fits; 0 is empty. ``places``: room for RUN numbers; ``made``: for three
    times as many."""

    known: Vector[np.int64]
    places: Vector[np.int32]
    made: Vector[np.int32]


FOUND_BITS = 32


def blank_memo() -> Memo:
    """One for a call of ``from_rgb``."""
    return Memo(np.zeros(1 << MEMO_BITS, np.int64), np.empty(RUN, np.int32), np.empty(3 * RUN, np.int32))


@kernel
def _search_run(conversion: Conversion, run: _Run, count: int, memo: Memo) -> int:
    """Find for each colour of a run that was missed what converts to it, else leave it rounded. Returns how many have
    none."""
    reds, greens, blues = run.colours
    ys, cbs, crs = run.converted
    # Listed without a branch, as no processor can tell which they are.
    listed = 0
    for i in range(count):
        memo.places[listed] = i
        listed += 1 if ys[i] < 0 else 0
    missed = 0
    for i in memo.places[:listed]:
        colour = Colour(int(reds[i]), int(greens[i]), int(blues[i]))
        key = ((colour.red & LARGEST) << 16 | (colour.green & LARGEST) << 8 | (colour.blue & LARGEST)) + 1
        place = (key * 40503 >> 4) & ((1 << MEMO_BITS) - 1)
        if memo.known[place] >> FOUND_BITS != key:
            start = Triple(~int(ys[i]), int(cbs[i]) - MIDDLE, int(crs[i]) - MIDDLE, False)
            found = _search(conversion, start, colour)
            cb, cr = min(MIDDLE - 1, found.cb) + MIDDLE, min(MIDDLE - 1, found.cr) + MIDDLE
            memo.known[place] = key << FOUND_BITS | (0 if found.fits else 1 << 24) | found.y << 16 | cb << 8 | cr
        known = int(memo.known[place])
        missed += (known >> 24) & 1
        ys[i], cbs[i], crs[i] = (known >> 16) & LARGEST, (known >> 8) & LARGEST, known & LARGEST
    return missed


@kernel
def from_rgb(conversion: Conversion, samples: Channels, converted: Channels, memo: Memo) -> int:
    """Find for each colour, 0-255, a Y, Cb, Cr that converts to it, else the rounded conversion. Returns how many have
    none. ``memo``: a blank one, or that of a call with the same conversion."""
    rows, width = samples.first.shape
    is_usual = conversion == USUAL_CONVERSION
    missed = 0
    for i in range(rows):
        for j in range(0, width, RUN):
            run = _Run(
                _Row(samples.first[i, j:], samples.second[i, j:], samples.third[i, j:]),
                _Row(converted.first[i, j:], converted.second[i, j:], converted.third[i, j:]),
            )
            count = min(RUN, width - j)
            if is_usual:
                unlike = _round_run(USUAL_CONVERSION, run, count, memo.made)
            else:
                unlike = _round_run(conversion, run, count, memo.made)
            if unlike > 0:
                missed += _search_run(conversion, run, count, memo)
    return missed


def likely_conversion(samples: Sequence[Plane]) -> int:
    """The number of the conversion that most colours come of, as far as some of them tell; the first of several."""
    step = max(1, samples[0].size // (2 * TELLING))
    some = Channels(*(np.ascontiguousarray(plane.reshape(1, -1)[:, ::step]) for plane in samples))
    room = Channels(*(np.empty_like(some.first) for _ in range(3)))
    best, fewest = 0, some.first.size + 1
    for number, conversion in enumerate(CONVERSIONS):
        missed = from_rgb(conversion, some, room, blank_memo())
        if missed < fewest:
            best, fewest = number, missed
        if missed == 0:
            break
    return best


def conversion_of(planes: Sequence[Plane]) -> Conversion:
    """That of Y, Cb, Cr and, if it is there, the correction plane, which tells it."""
    return CONVERSIONS[int(planes[3].flat[0]) // CORRECTIONS] if len(planes) > 3 else USUAL_CONVERSION


def reached(converted: Sequence[Plane], conversion: Conversion = USUAL_CONVERSION) -> list[Plane]:
    """The red, green and blue that Y, Cb and Cr, 0-255, convert to."""
    samples = Channels(*(np.empty_like(converted[0]) for _ in range(3)))
    to_rgb(conversion, Channels(*converted), samples)
    return list(samples)


def colours(converted: Sequence[npt.NDArray[np.int16]]) -> npt.NDArray[np.uint8]:
    """The same as samples (rows, width, 3), by the first conversion."""
    samples = np.empty((*converted[0].shape, 3), np.uint8)
    strip = Strip(*(np.empty(STRIP, np.uint8) for _ in range(3)))
    to_samples(NarrowChannels(*(plane.reshape(-1) for plane in converted)), strip, samples.reshape(-1))
    return samples


def component_of(samples: npt.NDArray[Any], number: int) -> Plane:
    """Y or a chrominance of samples (rows, width, 3), rounded, less MIDDLE: what a JPEG encoder starts from."""
    total = np.full(samples.shape[:2], HALF, np.int32)
    for weight, channel in zip(WEIGHTS[number], np.moveaxis(samples, 2, 0), strict=True):
        total += weight * channel
    total >>= BITS
    return total if number else total - MIDDLE
