"""Spec arrangement: the steps from the samples of parts back to those of a band."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .coding_tools import Area
from .notation import FormatError, Reader, require

Planes = list[list[int]]
"""Of each component its samples, row by row."""


@dataclass
class Form:
    """Spec arrangement/coding-of-an-arrangement."""

    components: int
    bits: int
    area: Area

    @property
    def samples(self) -> int:
        return self.area.size

    @property
    def images(self) -> int:
        return self.area.rows // self.area.image_rows

    def core(self, image_rows: int, width: int, components: int) -> Form:
        """The form of as many images of another size."""
        return Form(components, self.bits, Area(self.images * image_rows, width, image_rows))

    def places(self) -> list[tuple[int, int, int]]:
        """Image, row and column of each sample."""
        height, width = self.area.image_rows, self.area.width
        return [(n, y, x) for n in range(self.images) for y in range(height) for x in range(width)]


DecodePart = Callable[[int, int, int, list[bytes], Form], Planes]
"""From codebook, model, mapping, streams and form to planes."""

MAX_ENTRIES = 64
MAX_COMPONENTS = 4096


class Arrangement:
    """Reads an arrangement and decodes its parts on the way."""

    def __init__(self, streams: list[bytes], decode_part: DecodePart) -> None:
        require(len(streams) > 0, "an arranged band has no streams")
        self.reader = Reader(streams[0])
        self.streams = streams[1:]
        self.decode_part = decode_part
        self.entries = 0
        self.more_samples = 0

    def decode(self, form: Form) -> Planes:
        """The planes of the whole band."""
        self.more_samples = form.components * form.area.rows * form.area.width
        planes = self.planes(form)
        self.reader.end()
        require(not self.streams, "streams are left over")
        return planes

    def planes(self, form: Form) -> Planes:
        """The planes of a form, as the next entries say."""
        self.entries += 1
        require(self.entries <= MAX_ENTRIES, "too many entries")
        require(form.components <= MAX_COMPONENTS, "too many components")
        number = self.reader.varint()
        if number == 0:
            codebook, model, mapping, count = (self.reader.varint() for _ in range(4))
            require(mapping <= 2, "reserved mapping")
            require(count <= len(self.streams), "streams are missing")
            own, self.streams = self.streams[:count], self.streams[count:]
            return self.decode_part(codebook, model, mapping, own, form)
        steps = {
            1: self.split,
            2: self.choose,
            3: self.scale,
            4: self.turn,
            5: self.swap_bytes,
            6: self.reverse_bits,
            7: self.tile,
            8: self.orient,
            9: self.move_axis,
            10: self.repeat,
            11: self.stretch,
            12: self.demosaic,
            13: self.divide,
            14: self.inset,
            15: self.overlay,
            16: self.follow,
            17: self.patches,
            18: self.ramp,
        }
        if number not in steps:
            raise FormatError("reserved step")
        return steps[number](form)

    # Spec arrangement/split

    def split(self, form: Form) -> Planes:
        count = self.reader.varint()
        require(1 <= count < form.components, "count out of range")
        first = self.planes(replace(form, components=count))
        return first + self.planes(replace(form, components=form.components - count))

    # Spec arrangement/divide

    def divide(self, form: Form) -> Planes:
        axis, place = self.reader.varint(), self.reader.varint()
        height, width = form.area.image_rows, form.area.width
        require(axis <= 1 and 1 <= place < (width if axis == 1 else height), "axis or place out of range")
        w1, h1 = (place, height) if axis == 1 else (width, place)
        w2, h2 = (width - place, height) if axis == 1 else (width, height - place)
        first = self.planes(form.core(h1, w1, form.components))
        rest = self.planes(form.core(h2, w2, form.components))
        planes: Planes = [[] for _ in range(form.components)]
        for image, y, x in form.places():
            is_first = (x if axis == 1 else y) < place
            if is_first:
                source, at = first, (image * h1 + y) * w1 + x
            else:
                source, at = rest, (image * h2 + y - height + h2) * w2 + x - width + w2
            for plane, samples in zip(planes, source, strict=True):
                plane.append(samples[at])
        return planes

    def take(self, core: Form) -> None:
        """Count the samples of an inset, an opacity or a list of patches."""
        self.more_samples -= core.components * core.area.rows * core.area.width
        require(self.more_samples >= 0, "insets, opacities and lists are too large")

    # Spec arrangement/overlay

    def overlay(self, form: Form) -> Planes:
        most = (1 << form.bits) - 1
        colour = [self.reader.varint() for _ in range(form.components)]
        require(max(colour) <= most, "colour out of range")
        core = replace(form, components=1)
        self.take(core)
        (opacity,) = self.planes(core)
        below = self.planes(form)
        return [
            [(2 * (t * (most - o) + value * o) + most) // (2 * most) for t, o in zip(plane, opacity, strict=True)]
            for value, plane in zip(colour, below, strict=True)
        ]

    # Spec arrangement/inset

    def inset(self, form: Form) -> Planes:
        top, left, height, breadth = (self.reader.varint() for _ in range(4))
        require(height >= 1 and top + height <= form.area.image_rows, "inset out of range")
        require(breadth >= 1 and left + breadth <= form.area.width, "inset out of range")
        core = form.core(height, breadth, form.components)
        self.take(core)
        first = self.planes(core)
        planes = self.planes(form)
        for at, (image, y, x) in enumerate(form.places()):
            if top <= y < top + height and left <= x < left + breadth:
                for plane, samples in zip(planes, first, strict=True):
                    plane[at] = samples[(image * height + y - top) * breadth + x - left]
        return planes

    # Spec arrangement/patches

    def patches(self, form: Form) -> Planes:
        count, fields = self.reader.varint(), 6
        require(count >= 1, "no patches")
        listing = Form(1, 16, Area(count, fields, count))
        self.take(listing)
        (listed,) = self.planes(listing)
        planes = self.planes(form)
        rows, width = form.area.rows, form.area.width
        sources: dict[int, int] = {}
        top = size = 0
        for at in range(0, len(listed), fields):
            down, left, height, breadth, above, column = listed[at : at + fields]
            top += down
            require(height >= 1 and top + height <= rows and above <= top, "patch out of range")
            require(breadth >= 1 and max(left, column) + breadth <= width, "patch out of range")
            require(above >= 1 or column < left, "a patch does not stand before")
            size += height * breadth
            require(size <= rows * width, "patches are too large")
            for y in range(top, top + height):
                for x in range(left, left + breadth):
                    sources[y * width + x] = (y - above) * width + x - left + column
        for place in sorted(sources):
            for plane in planes:
                plane[place] = plane[sources[place]]
        return planes

    def values(self, form: Form, core: Form, change: Callable[[int], int]) -> Planes:
        """Planes whose samples follow each from one of the core's."""
        table = [change(value) for value in range(1 << core.bits)]
        planes = [[table[value] for value in plane] for plane in self.planes(core)]
        for plane in planes:
            require(min(plane) >= 0 and max(plane) < 1 << form.bits, "sample out of range")
        return planes

    def moved(self, form: Form, core: Form, source: Callable[[int, int, int], tuple[int, int, int]]) -> Planes:
        """Planes whose samples stand elsewhere in the core: `source` says where those of c, y, x do."""
        planes = self.planes(core)
        height, width = core.area.image_rows, core.area.width
        moved = []
        for component in range(form.components):
            plane = []
            for image, row, column in form.places():
                c, y, x = source(component, row, column)
                plane.append(planes[c][(image * height + y) * width + x])
            moved.append(plane)
        return moved

    # Spec arrangement/choose

    def choose(self, form: Form) -> Planes:
        chosen = []
        for _ in range(form.components):
            source = self.reader.varint()
            value = self.reader.varint() if source == 0 else 0
            require(value < 1 << form.bits, "value out of range")
            chosen.append((source - 1, value))
        sources = {source for source, _ in chosen if source >= 0}
        count = len(sources)
        require(count > 0 and max(sources) == count - 1, "component of the core not named")
        planes = self.planes(replace(form, components=count))
        return [planes[source] if source >= 0 else [value] * form.samples for source, value in chosen]

    # Spec arrangement/scale

    def scale(self, form: Form) -> Planes:
        kind, factor, offset = (self.reader.varint() for _ in range(3))
        require(1 <= kind >> 1 <= form.bits, "bits out of range")
        require(1 <= factor < 1 << form.bits and offset < 1 << form.bits, "factor or offset out of range")
        sign = -1 if kind & 1 else 1
        return self.values(form, replace(form, bits=kind >> 1), lambda value: offset + sign * factor * value)

    # Spec arrangement/turn

    def turn(self, form: Form) -> Planes:
        offset = self.reader.varint()
        require(1 <= offset < 1 << form.bits, "offset out of range")
        return self.values(form, form, lambda value: (value + offset) % (1 << form.bits))

    # Spec arrangement/swap-bytes

    def swap_bytes(self, form: Form) -> Planes:
        require(form.bits == 16, "no two bytes")
        return self.values(form, form, lambda value: value // 256 + 256 * (value % 256))

    # Spec arrangement/reverse-bits

    def reverse_bits(self, form: Form) -> Planes:
        return self.values(form, form, lambda value: int(f"{value:0{form.bits}b}"[::-1], 2))

    # Spec arrangement/tile

    def tile(self, form: Form) -> Planes:
        kind, count = self.reader.varint(), self.reader.varint()
        height, width = form.area.image_rows, form.area.width
        require(form.components == 1 and kind <= 3 and count >= 2, "kind or count out of range")
        require((width if kind & 1 else height) % count == 0, "count does not divide the size")
        require(count <= MAX_COMPONENTS, "too many components")
        h, w = (height, width // count) if kind & 1 else (height // count, width)
        sources = (
            lambda c, y, x: (y // h, y % h, x),
            lambda c, y, x: (x // w, y, x % w),
            lambda c, y, x: (y % count, y // count, x),
            lambda c, y, x: (x % count, y, x // count),
        )
        return self.moved(form, form.core(h, w, count), sources[kind])

    # Spec arrangement/orient

    def orient(self, form: Form) -> Planes:
        how = self.reader.varint()
        require(1 <= how <= 7, "how out of range")
        height, width = form.area.image_rows, form.area.width

        def source(c: int, y: int, x: int) -> tuple[int, int, int]:
            y = height - 1 - y if how & 1 else y
            x = width - 1 - x if how & 2 else x
            return (c, x, y) if how & 4 else (c, y, x)

        core = form.core(width, height, form.components) if how & 4 else form
        return self.moved(form, core, source)

    # Spec arrangement/move-axis

    def move_axis(self, form: Form) -> Planes:
        kind = self.reader.varint()
        require(kind <= 1, "kind out of range")
        height, width = form.area.image_rows, form.area.width
        if kind == 1:
            return self.moved(form, form.core(height, form.components, width), lambda c, y, x: (x, y, c))
        return self.moved(form, form.core(width, form.components, height), lambda c, y, x: (y, x, c))

    # Spec arrangement/repeat

    def repeat(self, form: Form) -> Planes:
        down, across, top, left = (self.reader.varint() for _ in range(4))
        height, width = form.area.image_rows, form.area.width
        require(top < down <= height and left < across <= width, "run out of range")
        core = form.core((height + top + down - 1) // down, (width + left + across - 1) // across, form.components)
        return self.moved(form, core, lambda c, y, x: (c, (y + top) // down, (x + left) // across))

    # Spec arrangement/stretch

    def stretch(self, form: Form) -> Planes:
        bits, factor, addend, divisor = (self.reader.varint() for _ in range(4))
        require(1 <= bits <= form.bits, "bits out of range")
        require(factor < 1 << 32 and addend < 1 << 32 and 1 <= divisor < 1 << 32, "factor out of range")
        return self.values(form, replace(form, bits=bits), lambda value: (factor * value + addend) // divisor)

    # Spec arrangement/ramp

    def ramp(self, form: Form) -> Planes:
        require(max(form.area.image_rows, form.area.width) <= 1 << 20, "too many places")
        slopes = [[self.reader.varint() for _ in range(3)] for _ in range(form.components)]
        require(all(number < 1 << 24 + form.bits for slope in slopes for number in slope), "slope out of range")
        planes = self.planes(form)
        for plane, (first, down, across) in zip(planes, slopes, strict=True):
            for at, (_, y, x) in enumerate(form.places()):
                plane[at] = (plane[at] + (first + down * y + across * x >> 24)) % (1 << form.bits)
        return planes

    # Spec arrangement/follow

    def follow(self, form: Form) -> Planes:
        require(form.images >= 2, "an image that follows none")
        numbers = [(self.reader.varint(), self.reader.varint()) for _ in range(form.images - 1)]
        require(all(factor < 1 << 16 and offset < 1 << form.bits for factor, offset in numbers), "factor out of range")
        size = form.area.image_rows * form.area.width
        planes = self.planes(form)
        for plane in planes:
            for at in range(size, len(plane)):
                factor, offset = numbers[at // size - 1]
                plane[at] = (plane[at] + (factor * plane[at - size] >> 12) + offset) % (1 << form.bits)
        return planes

    # Spec arrangement/demosaic

    def demosaic(self, form: Form) -> Planes:
        method, phase, edges, count = (self.reader.varint() for _ in range(4))
        height, width = form.area.image_rows, form.area.width
        require(form.components == 3 and 1 <= method <= 6 and phase <= 3 and edges <= 15, "no mosaic")
        require(count <= 255 and 4 * count < height, "too many parts")
        parts = [self.reader.varint() for _ in range(count)]
        parts.append(height - sum(parts))
        repeats = method in (1, 2, 6)
        require(min(parts) >= 4 and width >= 4 and not (repeats and count), "part too small, or where there is none")
        mosaic, *corrections = self.planes(form)
        planes: Planes = [[], [], []]
        for image in range(form.images):
            first = image * height
            for number, rows in enumerate(parts):
                sides = edges | (1 if number > 0 else 0) | (2 if number < count else 0)
                moved = phase ^ 2 * ((first - image * height) % 2)
                own = slice(first * width, (first + rows) * width)
                part = MosaicPart(mosaic[own], rows, width, method, moved, sides)
                made = part.colours([plane[own] for plane in corrections], form.bits)
                if repeats:
                    made = part.repeated(made)
                for plane, samples in zip(planes, made, strict=True):
                    plane += samples
                first += rows
        return planes


def half_up(a: int, b: int) -> int:
    return (a + b + 1) >> 1


def half_down(a: int, b: int) -> int:
    return (a + b) >> 1


def half_even(a: int, b: int) -> int:
    return (a + b + ((a + b) >> 1 & 1)) >> 1


def quarter_even(a: int, b: int, c: int, d: int) -> int:
    return (a + b + c + d + 1 + ((a + b + c + d) >> 2 & 1)) >> 2


@dataclass
class MosaicPart:
    """Spec arrangement/demosaic: the colours of a part of a mosaic."""

    samples: list[int]
    h: int
    w: int
    method: int
    phase: int
    edges: int

    def own(self, y: int, x: int) -> int:
        return (y + self.phase // 2) % 2 + (x + self.phase) % 2

    def m(self, y: int, x: int, column: int = -1) -> int:
        """The mosaic; `column` is that of the place whose colours are made, if that matters."""
        if y == self.h and self.method == 4 and self.edges & 2:
            y = self.h - 4
        if self.method == 4 and self.edges & 8 and column == self.w - 2 and x == self.w - 1:
            x = self.w - 3
        y = 1 if y < 0 else self.h - 2 if y == self.h else y
        x = 1 if x < 0 else self.w - 2 if x == self.w else x
        return self.samples[y * self.w + x]

    def two(self, a: int, b: int) -> int:
        if self.method in (3, 5):
            return half_down(a, b)
        return half_even(a, b) if self.method == 6 else half_up(a, b)

    def four(self, a: int, b: int, c: int, d: int) -> int:
        """Of two pairs, each in a line."""
        if self.method == 4:
            return half_up(half_up(a, b), half_up(c, d))
        if self.method == 6:
            return quarter_even(a, b, c, d)
        return (a + b + c + d + (2 if self.method in (1, 2) else 0)) >> 2

    def colour(self, c: int, y: int, x: int) -> int:
        """d(c, y, x)"""
        if self.own(y, x) == c:
            return self.m(y, x)
        rows_end, columns_end = self.h // 2 * 2, self.w // 2 * 2
        at_edge = (self.edges & 1 and y < 2) or (self.edges & 2 and y >= rows_end - 2)
        at_side = (self.edges & 4 and x < 2) or (self.edges & 8 and x >= columns_end - 2)
        if self.method == 3 and (at_edge or at_side) and y < rows_end and x < columns_end:
            block = [(y // 2 * 2 + k // 2, x // 2 * 2 + k % 2) for k in range(4)]
            found = [self.m(*place) for place in block if self.own(*place) == c]
            return sum(found) // len(found)
        last_row, last_column = y == self.h - 1, x == self.w - 1
        at_edge = (self.edges & 1 and y == 0) or (self.edges & 2 and last_row)
        at_side = (self.edges & 4 and x == 0) or (self.edges & 8 and last_column)
        if self.method == 5 and (at_edge or at_side):
            around = [(y + k // 3 - 1, x + k % 3 - 1) for k in range(9)]
            inside = [(r, q) for r, q in around if 0 <= r < self.h and 0 <= q < self.w]
            found = [self.m(*place) for place in inside if self.own(*place) == c]
            return sum(found) // len(found)
        return self.by_rule(c, y, x)

    def by_rule(self, c: int, y: int, x: int) -> int:
        n, s, w, e = (self.m(y + j, x + i, x) for j, i in ((-1, 0), (1, 0), (0, -1), (0, 1)))
        if self.own(y, x) == 1:
            return self.two(w, e) if self.own(y, x + 1) == c else self.two(n, s)
        if c == 1 and self.method == 2:
            return self.two(n, s) if abs(w - e) > abs(n - s) else self.two(w, e)
        if c == 1:
            return self.four(n, s, w, e)
        return self.four(*(self.m(y + j, x + i, x) for j, i in ((-1, -1), (-1, 1), (1, -1), (1, 1))))

    def colours(self, corrections: Planes, bits: int) -> Planes:
        """s(c, y, x) before anything is repeated."""
        planes: Planes = [[], [], []]
        for y in range(self.h):
            for x in range(self.w):
                left = [plane[y * self.w + x] - (1 << (bits - 1)) for plane in corrections]
                for c, plane in enumerate(planes):
                    correction = 0 if c == self.own(y, x) else left.pop(0)
                    plane.append((self.colour(c, y, x) + correction) % (1 << bits))
        return planes

    def repeated(self, planes: Planes) -> Planes:
        """Those next to an edge replaced by those further in."""
        top, below, left, right = (self.edges >> k & 1 for k in range(4))
        rows = [min(max(y, top), self.h - 1 - below) for y in range(self.h)]
        columns = [min(max(x, left), self.w - 1 - right) for x in range(self.w)]
        return [[plane[y * self.w + x] for y in rows for x in columns] for plane in planes]
