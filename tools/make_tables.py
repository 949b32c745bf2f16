#!/usr/bin/env python3
"""Make the tables of numbers in spec/tables: one integer a line.

They are worked out in decimal arithmetic of 30 digits, independently of the library, so that they do not hang on how
a machine rounds logarithms. ``--check`` compares (the default; exit code 1 where a table differs), ``--write`` writes.
"""

from __future__ import annotations

import argparse
import sys
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "spec" / "tables"
STRETCH_LIMIT = 2815
LEAST_PROBABILITY = 4
WEIGHT_BITS, WEIGHT_START = 13, 24

_EXACT = Context(prec=30, rounding=ROUND_HALF_EVEN)


def _rounded(value: Decimal) -> int:
    return int(value.to_integral_value(context=_EXACT))


@cache
def stretch() -> tuple[int, ...]:
    """256 ln(p / (1 - p)) for p = (i + 1/2) / 4096, i = 0 .. 4095, within +-STRETCH_LIMIT."""
    numbers = []
    for i in range(4096):
        odds = _EXACT.divide(Decimal(2 * i + 1), Decimal(8191 - 2 * i))
        value = _rounded(_EXACT.multiply(_EXACT.ln(odds), Decimal(256)))
        numbers.append(max(-STRETCH_LIMIT, min(STRETCH_LIMIT, value)))
    return tuple(numbers)


@cache
def squash() -> tuple[int, ...]:
    """65536 / (1 + exp(-x / 256)) for x = -STRETCH_LIMIT .. STRETCH_LIMIT, within LEAST_PROBABILITY of 0 and 65536."""
    numbers = []
    for x in range(-STRETCH_LIMIT, STRETCH_LIMIT + 1):
        power = _EXACT.exp(_EXACT.divide(Decimal(-x), Decimal(256)))
        value = _rounded(_EXACT.divide(Decimal(65536), _EXACT.add(Decimal(1), power)))
        numbers.append(max(LEAST_PROBABILITY, min(65536 - LEAST_PROBABILITY, value)))
    return tuple(numbers)


@cache
def sample_weights() -> tuple[int, ...]:
    """2 ** (WEIGHT_BITS - max(0, i - WEIGHT_START) / 8) for i = 0 .. 511, at least 1."""
    numbers = []
    for i in range(512):
        power = _EXACT.subtract(Decimal(WEIGHT_BITS), _EXACT.divide(Decimal(max(0, i - WEIGHT_START)), Decimal(8)))
        numbers.append(max(1, _rounded(_EXACT.power(Decimal(2), power))))
    return tuple(numbers)


@cache
def powers() -> tuple[int, ...]:
    """2 ** (15 + i / 256) for i = 0 .. 255."""
    exponents = (_EXACT.add(Decimal(15), _EXACT.divide(Decimal(i), Decimal(256))) for i in range(256))
    return tuple(_rounded(_EXACT.power(Decimal(2), exponent)) for exponent in exponents)


@cache
def sigmoid() -> tuple[int, ...]:
    """2 ** 24 / (1 + exp(16 - i / 32)) for i = 0 .. 1024."""
    falls = (_EXACT.exp(_EXACT.subtract(Decimal(16), _EXACT.divide(Decimal(i), Decimal(32)))) for i in range(1025))
    return tuple(_rounded(_EXACT.divide(Decimal(1 << 24), _EXACT.add(Decimal(1), fall))) for fall in falls)


TABLES = {
    "stretch.txt": stretch,
    "squash.txt": squash,
    "sample-weights.txt": sample_weights,
    "powers.txt": powers,
    "sigmoid.txt": sigmoid,
}


def main(arguments: list[str] | None = None) -> int:
    """Check or write the tables; the exit code is 0 when they are (or are made) right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="only compare; exit with 1 where a table differs")
    choice.add_argument("--write", action="store_true", help="write the tables")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where they are (default: spec/tables)")
    options = parser.parse_args(arguments)
    different = []
    for name, numbers in TABLES.items():
        text = "".join(f"{number}\n" for number in numbers())
        path = options.folder / name
        if options.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")
        elif not path.is_file() or path.read_text(encoding="ascii") != text:
            different.append(name)
    if different:
        print(f"make_tables: {', '.join(different)} differ; run tools/make_tables.py --write", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
