"""Plain-Python twins of inverse transforms other than libjpeg's, of upsampling in 1/16, and of conversions of colours.

Constants are cosines and the decimals of the decoders' sources, rounded here; blocks are lists of 64 numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

Line = list[int]


def cosine(k: float) -> float:
    return math.cos(k * math.pi / 16)


def fixed(value: float, bits: int) -> int:
    return math.floor(value * 2**bits + 0.5)


def rounded(value: int, bits: int) -> int:
    """A number less so many bits, halves up."""
    return (value + 2**bits // 2) // 2**bits


def both_ways(even: Sequence[int], odd: Sequence[int]) -> Line:
    return [e + o for e, o in zip(even, odd, strict=True)] + [e - o for e, o in zip(even, odd, strict=True)][::-1]


def rows(block: Line, line: Callable[[Line], Line]) -> Line:
    return [value for row in range(8) for value in line(block[8 * row : 8 * row + 8])]


def turned(block: Line) -> Line:
    return [block[8 * row + column] for column in range(8) for row in range(8)]


def columns(block: Line, line: Callable[[Line], Line]) -> Line:
    return turned(rows(turned(block), line))


def simple(block: Line) -> Line:
    """FFmpeg's: each factor is a cosine times sqrt(2) in 14 bits, that of the mean one less."""
    factor = [fixed(math.sqrt(2) * cosine(k or 4), 14) - (k in (0, 4)) for k in range(8)]

    def weight(sample: int, k: int) -> int:
        """cos((2 * sample + 1) * k * pi / 16): one of eight cosines, or its negative."""
        angle = (2 * sample + 1) * k % 32
        angle = min(angle, 32 - angle)
        return factor[angle] if angle <= 8 else -factor[16 - angle]

    def line(x: Line) -> Line:
        return [sum(weight(sample, k) * x[k] for k in range(8)) for sample in range(8)]

    shifted = [block[0] + 128 * 8, *block[1:]]
    first = rows(shifted, lambda x: [8 * x[0]] * 8 if x[1:] == [0] * 7 else [(v + 2**10) // 2**11 for v in line(x)])
    second = columns(first, lambda x: line([x[0] + 32, *x[1:]]))
    return [value // 4 - 128 * 2**18 for value in second]


def mpeg(block: Line) -> Line:
    """Go's up to 1.25, that of the MPEG-2 reference decoder: cosines times sqrt(2) in 11 bits."""
    w = [0, *(fixed(math.sqrt(2) * cosine(k), 11) for k in range(1, 8))]

    def rotate(x: int, y: int, big: int, small: int, cut: int) -> tuple[int, int]:
        """x big + y small, x small - y big."""
        half = 2**cut // 2
        shared = w[small] * (x + y) + half
        return (shared + (w[big] - w[small]) * x) // 2**cut, (shared - (w[big] + w[small]) * y) // 2**cut

    def line(x: Line, half: int, scale: int, cut: int) -> Line:
        low, middle = x[0] * scale + half, x[4] * scale
        a, b = rotate(x[1], x[7], 1, 7, cut)
        half_w3 = 2**cut // 2
        shared = w[3] * (x[5] + x[3]) + half_w3
        c, d = (shared - (w[3] - w[5]) * x[5]) // 2**cut, (shared - (w[3] + w[5]) * x[3]) // 2**cut
        e, f = rotate(x[2], x[6], 2, 6, cut)
        even = [low + middle + e, low - middle + f, low - middle - f, low + middle - e]
        g, h = a - c, b - d
        return both_ways(even, [a + c, (181 * (g + h) + 128) // 256, (181 * (g - h) + 128) // 256, b + d])

    first = rows(block, lambda x: [8 * x[0]] * 8 if not any(x[1:]) else [v // 2**8 for v in line(x, 128, 2**11, 0)])
    return [16 * value for value in columns(first, lambda x: line(x, 8192, 2**8, 3))]


def lifted(block: Line) -> Line:
    """Go's from 1.26 on."""

    def box(x: int, y: int, angle: int, scale: float, bits: int) -> tuple[int, int]:
        c, s = fixed(scale * cosine(angle), bits), -fixed(scale * math.sin(angle * math.pi / 16), bits)
        return c * (x + y) + (s - c) * y, c * (x + y) - (c + s) * x

    def line(x: Line, is_row: bool) -> Line:
        half = math.sqrt(0.5)
        if is_row:
            low, high = 2**17 * (x[0] + x[4]), 2**17 * (x[0] - x[4])
            a, b = box(x[2], x[6], 6, half, 18)
            c, d = 2**7 * (x[1] + x[7]), 2**7 * (x[1] - x[7])
            e, f, cut = fixed(half, 8) * x[3], fixed(half, 8) * x[5], 2**2
        else:
            low, high = (x[0] + 2**19 + x[4]) // 4, (x[0] + 2**19 - x[4]) // 4
            a, b = box(x[2] // 2**13, x[6] // 2**13, 6, half, 12)
            c, d = x[1] + x[7], x[1] - x[7]
            e, f, cut = fixed(half, 14) * (x[3] // 2**13), fixed(half, 14) * (x[5] // 2**13), 2**14
        g, h = box((d + f) // cut, (c + e) // cut, 3, 1, 12)
        i, j = box((c - e) // cut, (d - f) // cut, 1, 1, 12)
        return both_ways([low + b, high + a, high - a, low - b], [h, j, i, g])

    return columns(rows(block, lambda x: line(x, True)), lambda x: line(x, False))


def butterflies(block: Line) -> Line:
    """That of jpeg-js and pdf.js: 12-bit cosines, means rounded up."""
    c1, s1, c3, s3 = (fixed(f(k * math.pi / 16), 12) for k in (1, 3) for f in (math.cos, math.sin))
    c6, s6 = (fixed(f(6 * math.pi / 16), 12) for f in (math.cos, math.sin))
    root, half_root = fixed(math.sqrt(2), 12), fixed(math.sqrt(0.5), 12)

    def crossed(x: int, y: int) -> tuple[int, int]:
        return rounded(x + y, 1), rounded(x - y, 1)

    def line(x: Line, cut: int) -> Line:
        more = 16 if cut == 8 else 1
        a, b = crossed(rounded(root * x[0], cut), rounded(root * x[4], cut))
        c, d = rounded(x[2] * c6 - x[6] * s6, cut), rounded(x[2] * s6 + x[6] * c6, cut)
        e, f = crossed(rounded(half_root * (x[1] - x[7]), cut), more * x[5])
        g, h = crossed(rounded(half_root * (x[1] + x[7]), cut), more * x[3])
        (a, d), (b, c) = crossed(a, d), crossed(b, c)
        e, g = rounded(e * c3 - g * s3, 12), rounded(e * s3 + g * c3, 12)
        h, f = rounded(h * c1 - f * s1, 12), rounded(h * s1 + f * c1, 12)
        return both_ways([a, b, c, d], [g, f, h, e])

    def or_flat(x: Line, cut: int) -> Line:
        return line(x, cut) if any(x[1:]) else [rounded(root * x[0], cut + 2)] * 8

    return [2**14 * (v + 8) for v in columns(rows(block, lambda x: or_flat(x, 8)), lambda x: or_flat(x, 12))]


def islow(x: Line, bits: int, is_paired: bool) -> Line:
    """Loeffler's along a line; ``is_paired``: z5 is taken with z1 and z2, as stb_image factors it."""

    def f(value: float) -> int:
        return int(value * 2**bits + 0.5)

    def less(value: float) -> int:
        """Its negative; stb_image rounds these up, too."""
        return f(-value) if is_paired else -f(value)

    z = f(0.5411961) * (x[2] + x[6])
    low, high = z + x[6] * less(1.847759065), z + x[2] * f(0.765366865)
    a, b = 2**bits * (x[0] + x[4]), 2**bits * (x[0] - x[4])
    z5 = f(1.175875602) * sum(x[1::2])
    if is_paired:
        z1, z2 = z5 + less(0.899976223) * (x[7] + x[1]), z5 + less(2.562915447) * (x[5] + x[3])
        z3, z4 = less(1.961570560) * (x[7] + x[3]), less(0.390180644) * (x[5] + x[1])
    else:
        z1, z2 = less(0.899976223) * (x[7] + x[1]), less(2.562915447) * (x[5] + x[3])
        z3, z4 = z5 + less(1.961570560) * (x[7] + x[3]), z5 + less(0.390180644) * (x[5] + x[1])
    odd = [x[1] * f(1.501321110) + z1 + z4, x[3] * f(3.072711026) + z2 + z3]
    odd += [x[5] * f(2.053119869) + z2 + z4, x[7] * f(0.298631336) + z1 + z3]
    return both_ways([a + high, b + low, b - low, a - high], odd)


def stb(block: Line, more: int = 0) -> Line:
    first = columns(block, lambda x: [rounded(v, 10) for v in islow(x, 12, True)])
    return rows(first, lambda x: [2 * (v + 2**16 + more) for v in islow(x, 12, True)])


def zune(block: Line) -> Line:
    return stb(block, 512) if any(block[1:]) else [(block[0] + 4) * 2**15] * 64


def sixteenths(block: Line) -> Line:
    """Samples in 1/16."""
    raised = [16 * value for value in block]
    raised[0] += 128 * 2**7
    first = rows(raised, lambda x: [rounded(v, 9) for v in islow(x, 9, False)])
    return columns(first, lambda x: [rounded(v, 12) for v in islow(x, 9, False)])


def narrow(block: Line) -> Line:
    return [2**14 * (value + 8) - 128 * 2**18 for value in sixteenths(block)]


INVERSES = {2: simple, 3: mpeg, 4: lifted, 5: butterflies, 6: stb, 7: zune, 8: narrow}


def enlarge_finely(
    component: list[Line], grid: Sequence[int], rows: int, width: int, further: tuple[int, int] = (0, 0)
) -> list[Line]:
    """First all columns of the component, then along rows from the right to the left, in place."""
    down, across, top, left = grid[:4]
    last, end = (top + rows + further[0] - 1) // down, (left + width + further[1] - 1) // across
    plane = []
    for y in range(top, top + rows):
        here = y // down
        there = min(last, max(0, here + (1 if y % 2 else -1))) if down == 2 else here
        line = []
        for j in range(end + 1):
            swapped = (j + (across == 2)) % 2
            half = [2 - swapped, 1 + swapped][y % down]
            line.append((3 * component[here][j] + component[there][j] + half) // 4)
        if across == 2:
            wide = []
            for k, value in enumerate(line):
                wide.append((3 * value + line[max(0, k - 1)] + 2) // 4)
                wide.append((3 * value + line[min(len(line) - 1, k + 1)] + 1) // 4)
            for k in range(len(line) - 1):
                if (2 * k + 1) % 8 == 1:
                    wide[2 * k + 1] = (3 * line[k] + wide[2 * k + 2] + 1) // 4
            line = wide
        plane.append([max(0, min(255, (value + 8) // 16)) for value in line[left : left + width]])
    return plane


def convert(number: int, y: int, cb: int, cr: int) -> tuple[int, int, int]:
    """The colour by a conversion that decoders have in whole numbers."""
    u, v = cb - 128, cr - 128
    if number in (0, 1):
        green = 22554 - number
        red, blue = y + rounded(91881 * v, 16), y + rounded(116130 * u, 16)
        colour = red, y + rounded(-green * u - 46802 * v, 16), blue
    elif number == 3:
        colour = y + 91880 * v // 2**16, y + -22552 * u // 2**16 + -46800 * v // 2**16, y + 116128 * u // 2**16
    elif number == 4:
        colour = tuple(rounded(8192 * y + more, 13) for more in (11485 * v, -2819 * u - 5850 * v, 14516 * u))
    elif number == 5:
        colour = tuple((0x10101 * y + more) // 2**16 for more in (91881 * v, -22554 * u - 46802 * v, 116130 * u))
    elif number == 6:
        exact = Fraction(1402, 1000) * v, -Fraction("0.3441363") * u - Fraction("0.71413636") * v, Fraction("1.772") * u
        colour = tuple(math.floor(y + more) for more in exact)
    else:
        factors = [int(value * 4096 + 0.5) * 2**8 for value in (1.402, 0.34414, 0.71414, 1.772)]
        cut = -factors[1] * u // 2**16 * 2**16
        colour = tuple(rounded(2**20 * y + more, 20) for more in (factors[0] * v, cut - factors[2] * v, factors[3] * u))
    red, green, blue = (max(0, min(255, value)) for value in colour)
    return red, green, blue
