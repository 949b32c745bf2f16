"""Contexts: which terms of a sample's surroundings select the adaptive bit models that have a say.

A coder declares its terms as an ``IntEnum``, each named after what it is, and its contexts as tuples of terms. Numbers
of terms, offsets of weight sets and what the specification prints of them follow from the declarations.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import WORD
from sofc.jit.decorators import inlined
from sofc.jit.types import Table, Vector

Integers = npt.NDArray[np.int64]

MOST_TERMS = 4
"""Terms of a context."""
BLOCK = 8
"""Bit models of a block: a context has one block for bins 0-7 of a sample, another for bins 8-15."""

GOLDEN = 0x9E3779B1
MIX_A = 0x2C1B3C6D
MIX_B = 0x85EBCA77
"""Odd multipliers of 32 bits whose high bits depend on all low ones; MIX_A and MIX_B as in hash functions by
Muller and by Appleby (MurmurHash3)."""


class NamedTerm(IntEnum):
    """A term: its number, as sections and the specification have it, and what it is, as the latter prints it."""

    formula: str

    def __new__(cls, number: int, formula: str) -> Self:
        """A member with a formula."""
        term = int.__new__(cls, number)
        term._value_ = number
        term.formula = formula
        return term


class Contexts(NamedTuple):
    """Contexts as kernels take them: ``terms`` (n, MOST_TERMS), a number of a term that is always 0 past the last;
    ``starts`` (n + 1,): where the blocks of each context start. The number of each context's blocks is a power of two.
    """

    terms: Table[np.int64]
    starts: Vector[np.int64]


def named_contexts(terms: type[IntEnum], text: str) -> tuple[tuple[int, ...], ...]:
    """Contexts declared as names of terms, a semicolon between any two. Raises KeyError for what is no term."""
    return tuple(tuple(terms[name] for name in context.split()) for context in text.split(";"))


def context_table(contexts: Sequence[Sequence[int]], no_term: int) -> Integers:
    """Terms of each context, ``no_term`` past the last."""
    return np.array([[*terms, *[no_term] * (MOST_TERMS - len(terms))] for terms in contexts], np.int64)


def block_starts(block_bits: Integers) -> Integers:
    """Where the blocks of contexts of 2**block_bits[i] blocks start, and where the last one's end."""
    return np.concatenate([[0], np.cumsum(1 << block_bits)]).astype(np.int64)


@inlined
def _hash(term: Vector[np.int64], context: Vector[np.int64]) -> int:
    """32 bits that stand for four terms of 16 bits."""
    first = int(term[context[0]]) | int(term[context[1]]) << 16
    second = int(term[context[2]]) | int(term[context[3]]) << 16
    h = (first * MIX_A + second * MIX_B) & WORD
    h = ((h ^ h >> 15) * GOLDEN) & WORD
    return h ^ h >> 13


@inlined
def _block(starts: Vector[np.int64], context: int, h: int) -> int:
    """The first bit model of the block that a hash selects: collisions are left to the mixing."""
    return int((starts[context] + (h & (starts[context + 1] - starts[context] - 1))) * BLOCK)


@inlined
def select_models(
    contexts: Contexts, term: Vector[np.int64], hashes: Vector[np.int64], models: Vector[np.uint32]
) -> None:
    """Spec context/contexts. The block of each context for bins 0-7 goes to ``models``; ``term``: values of 0 ..
    65535."""
    for i in range(models.shape[0]):
        hashes[i] = _hash(term, contexts.terms[i])
        models[i] = _block(contexts.starts, i, hashes[i])


@inlined
def select_further_models(contexts: Contexts, hashes: Vector[np.int64], models: Vector[np.uint32]) -> None:
    """Spec context/contexts. The same for bins 8-15, by other bits of the hashes."""
    for i in range(models.shape[0]):
        models[i] = _block(contexts.starts, i, hashes[i] >> 15)


def set_starts(sizes: Sequence[int]) -> tuple[int, ...]:
    """Where the rows of each of several tables begin when they stand one behind the other; last, where they end."""
    return (0, *np.cumsum(sizes).tolist())
