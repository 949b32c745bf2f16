#!/usr/bin/env python3
"""Render the chunk tables of the specification from the construct declarations of sofc/container/schema.py.

A table stands between two marker lines, and whatever stands there now is replaced:

    <!-- table: BAND_BODY -->
    <!-- end -->

A name is that of a layout in the schema, or CHUNK_TYPES. Every layout must have its table, in one file of the folder.
Run without options to rewrite the tables; ``--check`` only compares, and exits with 1 where they differ.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from construct import (
    BitsInteger,
    Bytes,
    Const,
    Construct,
    Flag,
    FocusedSeq,
    GreedyBytes,
    Int8ul,
    Int16ul,
    Int32ul,
    Int64ul,
    Prefixed,
    Renamed,
    StringEncoded,
    Struct,
    Transformed,
)

from sofc.container import schema

SPEC = Path(__file__).parent.parent / "spec"
BLOCK = re.compile(r"(?P<open><!-- table: (?P<name>\w+) -->\n)(?P<table>.*?)(?P<close><!-- end -->)", re.DOTALL)
SIMPLE_TYPES = {
    id(Int8ul): "u8",
    id(Int16ul): "u16",
    id(Int32ul): "u32",
    id(Int64ul): "u64",
    id(Flag): "1 bit",
    id(GreedyBytes): "bytes to the end",
}


class SpecError(Exception):
    """The tables cannot be made: the message says why."""


def layouts() -> dict[str, Struct]:
    """Every layout that the schema declares, in its order."""
    return {name: value for name, value in vars(schema).items() if name.isupper() and isinstance(value, Struct)}


def _unwrap(construct: Construct) -> Construct:
    while isinstance(construct, Renamed):
        construct = construct.subcon
    return construct


def type_name(construct: Construct) -> str:
    """How the specification calls a construct. Raises SpecError for one it has no word for."""
    construct = _unwrap(construct)
    if id(construct) in SIMPLE_TYPES:
        return SIMPLE_TYPES[id(construct)]
    if isinstance(construct, schema.VarInteger):
        return "VarInt"
    if isinstance(construct, Struct):
        return next(f"`{name}`" for name, layout in layouts().items() if layout is construct)
    if isinstance(construct, Transformed) and isinstance(construct.subcon, Struct):
        bits = sum(_unwrap(field).sizeof() for field in construct.subcon.subcons)
        return f"{bits} bits, the first field highest"
    if isinstance(construct, BitsInteger):
        return f"{construct.length} bits"
    if isinstance(construct, Const):
        return type_name(construct.subcon)
    if isinstance(construct, Bytes):
        if callable(construct.length):
            return "bytes"
        return "1 byte" if construct.length == 1 else f"{construct.length} bytes"
    if isinstance(construct, StringEncoded) and isinstance(construct.subcon, Prefixed):
        return f"{type_name(construct.subcon.lengthfield)} length, then UTF-8"
    if isinstance(construct, FocusedSeq):
        count, items = (_unwrap(part) for part in construct.subcons)
        return f"{type_name(count.subcon)} count, then {type_name(items.subcon)} each"
    raise SpecError(f"no word for the construct {construct!r}: add it to {Path(__file__).name}")


def _fields(layout: Struct, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, type and documentation of each field; the parts of a bit field follow it, named with a dot."""
    for field in layout.subcons:
        name = f"`{prefix}{field.name}`" if field.name else ""
        if field.name and not field.docs:
            raise SpecError(f"field {prefix}{field.name} has no documentation in the schema")
        yield name, type_name(field), str(field.docs)
        inner = _unwrap(field)
        if isinstance(inner, Transformed) and isinstance(inner.subcon, Struct):
            yield from _fields(inner.subcon, f"{prefix}{field.name}.")


def _table(titles: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _chunk_types() -> Iterator[tuple[str, str, str, str, str]]:
    files = "image"
    for name, value in vars(schema).items():
        if not (name.isupper() and isinstance(value, bytes) and len(value) == 1):
            continue
        kind = "ancillary" if value[0] & schema.ANCILLARY else "critical"
        if name == "EMBEDDED_CODEBOOK":
            body = "a whole codebook file"
        elif f"{name}_BODY" in layouts():
            body = f"`{name}_BODY`"
        else:
            raise SpecError(f"chunk type {name} has no layout {name}_BODY in the schema")
        both = name in ("BUILTIN_CODEBOOK", "FILE_END")
        yield f"`{value.decode()}` ({value[0]:02X})", name, "both" if both else files, kind, body
        if name == "FILE_END":
            files = "codebook"


def render(name: str) -> str:
    """The Markdown table called ``name``. Raises SpecError where the schema has none."""
    if name == "CHUNK_TYPES":
        return _table(("Type", "Name", "File", "Class", "Body"), _chunk_types())
    if name not in layouts():
        raise SpecError(f"the schema has no layout {name}")
    return _table(("Field", "Type", "Meaning"), _fields(layouts()[name]))


def update(texts: Sequence[str]) -> list[str]:
    """The files of the specification with every table rendered anew.

    Raises SpecError where a layout has no table or more than one, or where a marker is not well formed.
    """
    names = [block["name"] for text in texts for block in BLOCK.finditer(text)]
    for name in ("CHUNK_TYPES", *layouts()):
        if names.count(name) != 1:
            raise SpecError(f"the specification has {names.count(name)} tables for {name}, and must have one")
    if sum(text.count("<!-- table:") for text in texts) != len(names):
        raise SpecError("a table marker is not well formed or has no <!-- end -->")
    return [BLOCK.sub(lambda block: block["open"] + render(block["name"]) + block["close"], text) for text in texts]


def main(arguments: list[str] | None = None) -> int:
    """Rewrite or check the tables; the exit code is 0 when they are (or were already) right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare; exit with 1 where a table differs")
    parser.add_argument("spec", nargs="?", type=Path, default=SPEC, help="folder of the specification (default: spec)")
    options = parser.parse_args(arguments)
    paths = sorted(options.spec.rglob("*.md"))
    try:
        texts = [path.read_text(encoding="utf-8") for path in paths]
        updated = update(texts)
    except (OSError, SpecError) as error:
        print(f"spec_tables: {error}", file=sys.stderr)
        return 1
    changed = [(path, old, new) for path, old, new in zip(paths, texts, updated, strict=True) if old != new]
    for path, old, new in changed:
        if options.check:
            before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
            sys.stdout.writelines(difflib.unified_diff(before, after, str(path), "schema"))
        else:
            path.write_text(new, encoding="utf-8")
    if options.check and changed:
        print("spec_tables: tables differ from the schema; run tools/spec_tables.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
