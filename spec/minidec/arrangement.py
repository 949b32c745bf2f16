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

    def decode(self, form: Form) -> Planes:
        """The planes of the whole band."""
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
