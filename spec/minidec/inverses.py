"""Spec dct/other-transforms and Spec dct/fine-upsampling: what decoders other than libjpeg make of coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .notation import clamp

Line = Callable[[list[int]], list[int]]

# Spec dct/other-transforms


def put(even: Sequence[int], odd: Sequence[int]) -> list[int]:
    """Eight numbers of two times four sums."""
    first = [a + b for a, b in zip(even, odd, strict=True)]
    return first + [a - b for a, b in zip(even[::-1], odd[::-1], strict=True)]


def by_rows(w: list[int], line: Line) -> list[int]:
    return [number for u in range(8) for number in line(w[8 * u : 8 * u + 8])]


def by_columns(w: list[int], line: Line) -> list[int]:
    columns = [line(w[v::8]) for v in range(8)]
    return [number for row in zip(*columns, strict=True) for number in row]


def is_flat(a: list[int]) -> bool:
    return not any(a[1:])


def sums_of_products(a: list[int], half: int) -> list[int]:
    p, q = 16383 * (a[0] + a[4]) + half, 16383 * (a[0] - a[4]) + half
    large, small = 21407 * a[2] + 8867 * a[6], 8867 * a[2] - 21407 * a[6]
    factors = ((22725, 19266, 12873, 4520), (19266, -4520, -22725, -12873),
               (12873, -22725, 4520, 19266), (4520, -12873, 19266, -22725))  # fmt: skip
    odd = [sum(f * number for f, number in zip(row, a[1::2], strict=True)) for row in factors]
    return put((p + large, q + small, q - small, p - large), odd)


def transform_simply(w: list[int]) -> list[int]:
    """Kind 2."""
    w = [w[0] + 1024, *w[1:]]
    w = by_rows(w, lambda a: [8 * a[0]] * 8 if is_flat(a) else [n >> 11 for n in sums_of_products(a, 1024)])
    w = by_columns(w, lambda a: [n >> 2 for n in sums_of_products([a[0] + 32, *a[1:]], 0)])
    return [number - (1 << 25) for number in w]


def rotations(a: list[int], half: int, cut: int) -> list[int]:
    c, x0 = 4 if cut else 0, a[0] + half
    z = 565 * (a[1] + a[7]) + c
    x4, x5 = (z + 2276 * a[1]) >> cut, (z - 3406 * a[7]) >> cut
    z = 2408 * (a[5] + a[3]) + c
    x6, x7 = (z - 799 * a[5]) >> cut, (z - 4017 * a[3]) >> cut
    z = 1108 * (a[2] + a[6]) + c
    x2, x3 = (z - 3784 * a[6]) >> cut, (z + 1568 * a[2]) >> cut
    d, e = x4 - x6, x5 - x7
    odd = (x4 + x6, (181 * (d + e) + 128) >> 8, (181 * (d - e) + 128) >> 8, x5 + x7)
    return put((x0 + a[4] + x3, x0 - a[4] + x2, x0 - a[4] - x2, x0 + a[4] - x3), odd)


def transform_by_rotations(w: list[int]) -> list[int]:
    """Kind 3."""

    def raised(a: list[int], bits: int) -> list[int]:
        return [a[0] << bits, *a[1:4], a[4] << bits, *a[5:]]

    w = by_rows(w, lambda a: [8 * a[0]] * 8 if is_flat(a) else [n >> 8 for n in rotations(raised(a, 11), 128, 0)])
    w = by_columns(w, lambda a: rotations(raised(a, 8), 8192, 3))
    return [number << 4 for number in w]


def turn(x: int, y: int, c: int, s: int) -> tuple[int, int]:
    return c * (x + y) + (s - c) * y, c * (x + y) - (c + s) * x


def lifting(a: list[int], in_row: bool) -> list[int]:
    if in_row:
        p, q = (a[0] + a[4]) << 17, (a[0] - a[4]) << 17
        x2, x3 = turn(a[2], a[6], 70936, -171254)
        f, g = (a[1] + a[7]) << 7, (a[1] - a[7]) << 7
        h, m, cut = 181 * a[3], 181 * a[5], 2
    else:
        b = a[0] + (1 << 19)
        p, q = (b + a[4]) >> 2, (b - a[4]) >> 2
        x2, x3 = turn(a[2] >> 13, a[6] >> 13, 1108, -2676)
        f, g = a[1] + a[7], a[1] - a[7]
        h, m, cut = 11585 * (a[3] >> 13), 11585 * (a[5] >> 13), 14
    x4, x7 = turn((g + m) >> cut, (f + h) >> cut, 3406, -2276)
    x5, x6 = turn((f - h) >> cut, (g - m) >> cut, 4017, -799)
    return put((p + x3, q + x2, q - x2, p - x3), (x7, x6, x5, x4))


def transform_by_lifting(w: list[int]) -> list[int]:
    """Kind 4."""
    return by_columns(by_rows(w, lambda a: lifting(a, True)), lambda a: lifting(a, False))


def average(number: int) -> int:
    return (number + 1) >> 1


def butterflies(a: list[int], cut: int) -> list[int]:
    def r(number: int) -> int:
        return (number + (1 << (cut - 1))) >> cut

    def s(number: int) -> int:
        return (number + 2048) >> 12

    v0, v1 = r(5793 * a[0]), r(5793 * a[4])
    v4, v7 = r(2896 * (a[1] - a[7])), r(2896 * (a[1] + a[7]))
    v5, v6 = (a[3], a[5]) if cut == 12 else (16 * a[3], 16 * a[5])
    v0, v1 = average(v0 + v1), average(v0 - v1)
    v2, v3 = r(1567 * a[2] - 3784 * a[6]), r(3784 * a[2] + 1567 * a[6])
    v4, v6 = average(v4 + v6), average(v4 - v6)
    v7, v5 = average(v7 + v5), average(v7 - v5)
    v0, v3 = average(v0 + v3), average(v0 - v3)
    v1, v2 = average(v1 + v2), average(v1 - v2)
    v4, v7 = s(3406 * v4 - 2276 * v7), s(2276 * v4 + 3406 * v7)
    v5, v6 = s(4017 * v5 - 799 * v6), s(799 * v5 + 4017 * v6)
    return put((v0, v1, v2, v3), (v7, v6, v5, v4))


def transform_by_butterflies(w: list[int]) -> list[int]:
    """Kind 5."""
    w = by_rows(w, lambda a: [(5793 * a[0] + 512) >> 10] * 8 if is_flat(a) else butterflies(a, 8))
    w = by_columns(w, lambda a: [(5793 * a[0] + 8192) >> 14] * 8 if is_flat(a) else butterflies(a, 12))
    return [(number + 8) << 14 for number in w]


FACTORS = {
    12: (2217, 7567, 3135, 4816, 3685, 10497, 8034, 1597, 6149, 12586, 8410, 1223),
    9: (277, 946, 392, 602, 461, 1312, 1004, 200, 769, 1573, 1051, 153),
}


def coarse_line(a: list[int], half: int, shift: int, bits: int) -> list[int]:
    f = FACTORS[bits]
    z = f[0] * (a[2] + a[6])
    p, q = z - f[1] * a[6], z + f[2] * a[2]
    e, g = (a[0] + a[4]) << bits, (a[0] - a[4]) << bits
    z5 = f[3] * (a[1] + a[3] + a[5] + a[7])
    z1, z2, z3, z4 = -f[4] * (a[1] + a[7]), -f[5] * (a[3] + a[5]), -f[6] * (a[3] + a[7]), -f[7] * (a[1] + a[5])
    if bits == 12:
        z1, z2 = z1 + z5, z2 + z5
    else:
        z3, z4 = z3 + z5, z4 + z5
    odd = (f[8] * a[1] + z1 + z4, f[9] * a[3] + z2 + z3, f[10] * a[5] + z2 + z4, f[11] * a[7] + z1 + z3)
    return [(number + half) >> shift for number in put((e + q, g + p, g - p, e - q), odd)]


def transform_in_12_bits(w: list[int], more: int = 0) -> list[int]:
    """Kind 6, and 7 but for what follows."""
    w = by_columns(w, lambda a: coarse_line(a, 512, 10, 12))
    return [number << 1 for number in by_rows(w, lambda a: coarse_line(a, 65536 + more, 0, 12))]


def transform_single_numbers_apart(w: list[int]) -> list[int]:
    """Kind 7."""
    return transform_in_12_bits(w, 512) if any(w[1:]) else [(w[0] + 4) << 15] * 64


def transform_in_9_bits(w: list[int]) -> list[int]:
    """Kind 8."""
    w = [number << 4 for number in w]
    w = by_rows([w[0] + 16384, *w[1:]], lambda a: coarse_line(a, 256, 9, 9))
    return [((number + 8) << 14) - (1 << 25) for number in by_columns(w, lambda a: coarse_line(a, 2048, 12, 9))]


OTHERS: dict[int, Line] = {
    2: transform_simply,
    3: transform_by_rotations,
    4: transform_by_lifting,
    5: transform_by_butterflies,
    6: transform_in_12_bits,
    7: transform_single_numbers_apart,
    8: transform_in_9_bits,
}
"""What w[k] are, in 1/2^18, of the values of a block."""

# Spec dct/fine-upsampling


def fine_component(blocks: list[list[list[int]]]) -> list[list[int]]:
    """m(i, j), of the values of blocks by row and column."""
    component: list[list[int]] = []
    for row in blocks:
        drawn = [[clamp((n >> 14) + 2040, -(1 << 24), 1 << 24) for n in OTHERS[8](values)] for values in row]
        component += [[n for w in drawn for n in w[8 * u : 8 * u + 8]] for u in range(8)]
    return component


def upsample_finely(
    m: list[list[int]], layout: tuple[int, int, int, int], shape: tuple[int, int], further: tuple[int, int]
) -> list[int]:
    """The plane of this shape that such a component gives, row by row; it goes on for `further` rows and columns."""
    (down, across, top, left), (rows, width) = layout, shape
    last_row, last_column = (top + rows + further[0] - 1) // down, (left + width + further[1] - 1) // across
    out = []
    for y in range(top, top + rows):
        i, odd_y = y // down, y % down
        beside = i if down == 1 else clamp(i + 2 * odd_y - 1, 0, last_row)

        def between(n: int, near: list[int] = m[i], far: list[int] = m[beside], odd: int = odd_y) -> int:
            one = (n + across - 1) % 2
            return (3 * near[n] + far[n] + 2 - one + odd * (2 * one - 1)) >> 2

        for x in range(left, left + width):
            j, odd_x = x // across, x % across
            z = between(j)
            if across == 2:
                other = between(clamp(j + 2 * odd_x - 1, 0, last_column))
                if x % 8 == 1 and j < last_column:
                    other = (3 * other + z + 2) >> 2
                z = (3 * z + other + 2 - odd_x) >> 2
            out.append(clamp((z + 8) >> 4, 0, 255))
    return out
