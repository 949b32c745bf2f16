#!/usr/bin/env python3
"""Lists the longest and the widest functions of the package: lines of their bodies, and parameters.

    python tools/function_sizes.py            the ten longest and the ten widest
    python tools/function_sizes.py --check    status 1 where one is over LINES, or a kernel over PARAMETERS

A function's lines are those from its ``def`` to its end, without its docstring.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1] / "sofc"
LINES, PARAMETERS = 80, 8
SHOWN = 10


class Size(NamedTuple):
    """One function: ``place`` is file, line and name."""

    lines: int
    parameters: int
    place: str
    is_kernel: bool

    @property
    def is_over(self) -> bool:
        """Whether it is over the bounds; keywords of public functions may be many, arguments of kernels not."""
        return self.lines > LINES or (self.is_kernel and self.parameters > PARAMETERS)


def sizes(folder: Path = PACKAGE) -> Iterator[Size]:
    """Every function and method below a folder, nested ones too."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield _size(node, path.relative_to(folder.parent).as_posix())


def _size(node: ast.FunctionDef | ast.AsyncFunctionDef, path: str) -> Size:
    end = node.end_lineno or node.lineno
    lines = end - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    taken = node.args
    names = [one.arg for one in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]
    count = sum(name not in ("self", "cls") for name in names) + sum(
        one is not None for one in (taken.vararg, taken.kwarg)
    )
    is_kernel = any(ast.unparse(one) in ("kernel", "inlined") for one in node.decorator_list)
    return Size(lines, count, f"{path}:{node.lineno} {node.name}", is_kernel)


def main() -> int:
    """Print, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="status 1 where a function is over the bounds")
    options = parser.parse_args()
    found = list(sizes())
    if options.check:
        over = [one for one in found if one.is_over]
        for one in over:
            print(f"{one.place}: {one.lines} lines, {one.parameters} parameters; at most {LINES} and {PARAMETERS}")
        return 1 if over else 0
    for title, key in (("longest", "lines"), ("widest", "parameters")):
        print(f"{title}:")
        for one in sorted(found, key=lambda size: (-getattr(size, key), size.place))[:SHOWN]:
            print(f"  {one.lines:4} lines {one.parameters:3} parameters  {one.place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
