#!/usr/bin/env python3
"""Take two of the vectors apart, byte by byte, for the specification's appendix of examples.

What stands between two marker lines of spec/appendix-examples.md is made from a file of spec/vectors:

    <!-- dump: raw-gray -->        the file as hexadecimal digits
    <!-- fields: raw-gray -->      each field of each chunk: offset, bytes, name, value
    <!-- stream: neutral-binary -->     the fields of its one stream, of a neutral model
    <!-- symbols: neutral-binary -->    the first symbols of that stream, as its range coder reads them
    <!-- end -->

Run without options to rewrite them; ``--check`` only compares, and exits with 1 where they differ. The last two
are read with the specification's own small decoder.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from construct import Container, Struct, Tell

from sofc.container import schema

SPEC = Path(__file__).parent.parent / "spec"
EXAMPLES = SPEC / "appendix-examples.md"
BLOCK = re.compile(r"(<!-- (\w+): ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
MOST_BYTES = 10
DECISIONS = 9
NAMES = {
    value: name
    for name, value in vars(schema).items()
    if name.isupper() and isinstance(value, bytes) and len(value) == 1
}

sys.path.insert(0, str(SPEC))
from minidec.coders import shape  # noqa: E402
from minidec.coding_tools import Area, Decisions  # noqa: E402


class ExampleError(Exception):
    """The examples cannot be made: the message says why."""


def hexadecimal(data: bytes) -> str:
    """Bytes as pairs of digits; of many the first and the last ones."""
    if len(data) <= MOST_BYTES:
        return data.hex(" ").upper()
    return f"{data[: MOST_BYTES - 3].hex(' ').upper()} ... {data[-2:].hex(' ').upper()} ({len(data)} bytes)"


def shown(value: Any) -> str:
    """A parsed value as the table shows it."""
    if isinstance(value, Container):
        parts = ((name, part) for name, part in value.items() if not name.startswith("_"))
        return ", ".join(f"{name} {int(part)}" for name, part in parts)
    if value == schema.SIGNATURE:
        return "of an image file"
    if isinstance(value, bytes):
        return f"`{value.decode()}` {NAMES[value]}" if value in NAMES else ""
    if isinstance(value, list):
        return f"{len(value)} stream{'' if len(value) == 1 else 's'} of {', '.join(map(str, value))} bytes"
    if isinstance(value, int):
        return str(value) if value < 1 << 16 else f"0x{value:08X}"
    return str(value)


def fields_of(layout: Struct, data: bytes, offset: int = 0) -> Iterator[tuple[str, bytes, Any]]:
    """Name, bytes and value of each field of a layout at an offset of ``data``."""
    parts: list[Any] = []
    for number, field in enumerate(layout.subcons):
        parts += [f"at_{number}" / Tell, field]
    parsed = Struct(*parts, f"at_{len(layout.subcons)}" / Tell).parse(data[offset:])
    for number, field in enumerate(layout.subcons):
        begin, end = offset + parsed[f"at_{number}"], offset + parsed[f"at_{number + 1}"]
        yield field.name, data[begin:end], parsed[field.name]


def dissect(data: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Name, bytes and value of each field of an image file, in order and without gaps."""
    at = 0
    for name, part, value in fields_of(schema.FILE_HEAD_BODY, data):
        yield f"head: {name}", part, shown(value)
        at += len(part)
    while at < len(data):
        title = "chunk"
        for name, part, value in fields_of(schema.CHUNK, data, at):
            at += len(part)
            if name == "type":
                title = title_of(part)
            if name != "body":
                yield f"{title}: {name}", part, shown(value)
                continue
            if title == title_of(schema.EMBEDDED_CODEBOOK):
                yield f"{title}: {name}", part, "a codebook file"
                continue
            for inner, inner_part, inner_value in fields_of(getattr(schema, f"{layout_of(title)}_BODY"), part):
                yield f"{title}: {inner}", inner_part, shown(inner_value)


def title_of(kind: bytes) -> str:
    """What the examples call a chunk of a type."""
    return NAMES[kind].replace("_", " ").lower()


def layout_of(title: str) -> str:
    """The schema's name of the chunk with a title."""
    return title.replace(" ", "_").upper()


def table(titles: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def dump(data: bytes) -> str:
    """The file in lines of sixteen bytes."""
    lines = (f"    {at:04X}  {data[at : at + 16].hex(' ').upper()}\n" for at in range(0, len(data), 16))
    return f"\n{''.join(lines)}\n"


def fields(data: bytes) -> str:
    """The table of all fields."""

    def rows() -> Iterator[tuple[str, ...]]:
        at = 0
        for name, part, value in dissect(data):
            yield f"{at:04X}", hexadecimal(part), name, value
            at += len(part)
        if at != len(data):
            raise ExampleError(f"the fields have {at} bytes, the file {len(data)}")

    return table(("Offset", "Bytes", "Field", "Value"), rows())


def only_stream(data: bytes) -> tuple[bytes, int, int]:
    """The one stream of a file of one group of one gray image, with rows and width of the image."""
    found = {name: (part, value) for name, part, value in dissect(data)}
    width, height = (int(found[f"image head: {side}"][1]) for side in ("width", "height"))
    return found["group: streams"][0], height, width


class RecordingDecisions(Decisions):
    """Reads decisions and notes each."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.notes: list[tuple[str, ...]] = []

    def decide(self, probability: int) -> int:
        """A bit, and a note of what it was read from."""
        note = f"0x{self.low:08X}", f"0x{self.high:08X}", f"0x{self.code:08X}", str(probability)
        bit = super().decide(probability)
        self.notes.append((*note, str(bit)))
        return bit


def stream(data: bytes) -> str:
    """The fields of a stream of a neutral model."""
    content, _, _ = only_stream(data)
    _, plane = shape.neutral_parameters(content[0])
    rows = [
        ("0", hexadecimal(content[:1]), "v", f"{content[0]}: fixed prediction, split {plane.split}"),
        ("1", hexadecimal(content[1:5]), "range coder: start", "`code`"),
        ("5", hexadecimal(content[5:]), "range coder", "next bytes"),
    ]
    return table(("Offset", "Bytes", "Field", "Value"), iter(rows))


def decisions(data: bytes) -> str:
    """The first decisions of a stream of a neutral model of split 1 without pairs."""
    content, rows, width = only_stream(data)
    _, plane = shape.neutral_parameters(content[0])
    recorded = RecordingDecisions(content[1:])
    if shape.read_numbers(recorded, 1) != [0] or plane.split != 1:
        raise ExampleError("an example of split 1 without pairs is wanted: others would need parts of their own")
    blank = [0] * (rows * width)
    shape.read_detail_layer(plane, recorded, blank, blank[:], Area(rows, width, rows), [])
    of = ("pairs", *(f"{k // width}, {k % width}" for k in range(DECISIONS - 1)))
    notes = ((name, *note) for name, note in zip(of, recorded.notes, strict=False))
    return table(("of", "`low`", "`high`", "`code`", "p", "bit"), notes)


MADE: dict[str, Callable[[bytes], str]] = {"dump": dump, "fields": fields, "stream": stream, "decisions": decisions}


def update(text: str) -> str:
    """The appendix with everything between markers made anew. Raises ExampleError for a marker that is not known."""

    def made(block: re.Match[str]) -> str:
        opening, what, name, _, closing = block.groups()
        if what not in MADE:
            raise ExampleError(f"there is nothing called {what!r} to make of a vector")
        return opening + MADE[what]((SPEC / "vectors" / f"{name}.sofc").read_bytes()) + closing

    return BLOCK.sub(made, text)


def main(arguments: list[str] | None = None) -> int:
    """Rewrite or check the examples; the exit code is 0 when they are (or were already) right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare; exit with 1 where an example differs")
    parser.add_argument("file", nargs="?", type=Path, default=EXAMPLES, help="default: spec/appendix-examples.md")
    options = parser.parse_args(arguments)
    try:
        before = options.file.read_text(encoding="utf-8")
        after = update(before)
    except (OSError, ExampleError) as error:
        print(f"spec_examples: {error}", file=sys.stderr)
        return 1
    if before != after and options.check:
        print("spec_examples: examples differ from the vectors; run tools/spec_examples.py", file=sys.stderr)
        return 1
    options.file.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
