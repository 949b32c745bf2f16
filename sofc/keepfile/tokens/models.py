"""The adaptive bit models that decisions of a deflate encoder are coded with, four to a decision, mixed.

Spec appendix-kept-files/decisions-of-an-encoder
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import Coding, Stream
from sofc.entropy.bit_models import INTEGER_MODELS, NEUTRAL, code_integer
from sofc.entropy.mixing import APM_COLUMNS, LANES, SQUASH, STRETCH_LIMIT, Mixture, Votes, decide, votes_for
from sofc.jit.decorators import kernel
from sofc.jit.types import Vector

INPUTS = 4
ENDS, TYPES, PADDINGS, COUNTS, LENGTHS, RULES, RUNS, RUN_CODE_LENGTHS = range(8)
MATCHES, STAIRS, FULL, BEST, DISTANCES = range(8, 13)
"""Kinds of decisions; each has rows of weights and of the probability map of its own."""
KINDS = 13
ROWS = 16
"""Rows of each kind."""
CONTEXTS = 1 << 14
"""Bit models of each kind and input."""
SIZES, SHORTFALLS, RANKS = range(3)
"""Kinds of integers."""
INTEGERS = 3


class Models(NamedTuple):
    """``mixture`` and ``votes`` of all decisions; ``integers`` (INTEGERS * INTEGER_MODELS,): bit models."""

    mixture: Mixture
    votes: Votes
    integers: Vector[np.uint32]
    stream: Stream


class Learned(NamedTuple):
    """What is learned of an encoder: the state of ``mixture`` and ``integers``."""

    mixture: Mixture
    integers: Vector[np.uint32]

    def copy(self) -> Learned:
        """A state of its own that goes on from this one."""
        models, weights, apm = self.mixture
        return Learned(Mixture(models.copy(), weights.copy(), apm.copy()), self.integers.copy())

    def models(self, coding: Coding) -> Models:
        """Models that learn on, for a stream."""
        return Models(self.mixture, votes_for(INPUTS, LANES, 1), self.integers, coding.stream)


def nothing_learned() -> Learned:
    """The state before anything was seen."""
    weights = np.zeros((KINDS * ROWS, LANES), np.int32)
    weights[:, :INPUTS] = 13 * 65536 // (10 * INPUTS)
    stretched = np.arange(APM_COLUMNS) * 128 - 2048
    apm = np.tile(SQUASH[stretched + STRETCH_LIMIT].astype(np.int32), (KINDS * ROWS, 1))
    models = np.full(KINDS * INPUTS * CONTEXTS, NEUTRAL, np.uint32)
    return Learned(Mixture(models, weights, apm), np.full(INTEGERS * INTEGER_MODELS, NEUTRAL, np.uint32))


@kernel
def code_decision(encode: bool, bit: int, kind: int, row: int, models: Models) -> int:
    """Code a decision in the contexts that ``votes.hashes`` name, each below CONTEXTS. Returns the bit."""
    votes = models.votes
    for k in range(INPUTS):
        votes.first[k] = (kind * INPUTS + k) * CONTEXTS + votes.hashes[k]
    votes.rows[0] = kind * ROWS + row
    return decide(encode, bit, 0, kind * ROWS + row, models.mixture, votes, models.stream)


@kernel
def code_number(encode: bool, value: int, bits: int, kind: int, row: int, models: Models) -> int:
    """Code a number of so many bits, the highest first. Each of the contexts in ``votes.hashes`` is followed by
    2**bits - 1 more for the bits so far. Returns the number."""
    hashes = models.votes.hashes
    number = 1
    for shift in range(bits - 1, -1, -1):
        for k in range(INPUTS):
            hashes[k] += number
        bit = code_decision(encode, (value >> shift) & 1, kind, row, models)
        for k in range(INPUTS):
            hashes[k] -= number
        number = 2 * number + bit
    return number - (1 << bits)


@kernel
def code_size(encode: bool, value: int, kind: int, models: Models) -> int:
    """Code a number from 0 up. Returns it, or BROKEN."""
    return code_integer(encode, value, kind * INTEGER_MODELS, models.integers, models.stream)


@kernel
def set_contexts(first: int, second: int, third: int, fourth: int, models: Models) -> None:
    """Say in which contexts the next decision or number is coded."""
    hashes = models.votes.hashes
    hashes[0], hashes[1], hashes[2], hashes[3] = first, second, third, fourth
