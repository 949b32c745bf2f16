"""Spec coding-tools/logistic-mixing: logistic mixing of adaptive bit models, with an adaptive probability map behind
it.

As in Mahoney's PAQ and lpaq: the models' probabilities are stretched (ln(p / (1 - p))), weighted by sets of weights
that contexts select, summed and squashed; the weights follow the gradient of the code length. What several sets say is
averaged in the stretched domain. The adaptive probability map (APM, or SSE) refines the result by a small context.
All arithmetic is in integers. Probabilities are of a 1 bit, in 1/65536.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import Stream, code_bit
from sofc.entropy.bit_models import MOST_SEEN, ONE, RATE, SEEN_BITS, SEEN_MASK
from sofc.jit.decorators import inlined
from sofc.jit.types import Table, Vector

BINS = 16
"""Decisions of a sample that have bit models of their own."""
LEVELS = 16
"""Levels of the expected error."""
PLACES, COLUMNS = 64, 64
"""Rows of the second and of the third weight set for each bin."""
WEIGHT_ROWS = (BINS * LEVELS, BINS * PLACES, BINS * COLUMNS)
"""Rows of the three weight sets."""
PLACE_ROWS, COLUMN_ROWS = WEIGHT_ROWS[0], WEIGHT_ROWS[0] + WEIGHT_ROWS[1]
"""Where the rows of the second and the third begin."""
LANES = 8
"""Rows of weights are filled up with zeros to a multiple of this, so that they are summed in whole vectors."""
QUARTERS = 4
APM_ROWS, APM_COLUMNS = BINS * LEVELS * QUARTERS, 33
"""Rows of the map: bin, level and quarter of the prediction. Columns: the stretched value in steps of 128."""
STRETCH_LIMIT = 2815
"""ln(p / (1 - p)) x 256 of the surest probability, 65532 / 65536, and a little more."""


def _stretch_table() -> npt.NDArray[np.int16]:
    """ln(p / (1 - p)) x 256 for p = (i + 1/2) / 4096. The table itself is normative, not the formula."""
    p = (np.arange(4096) + 0.5) / 4096
    return np.clip(np.round(np.log(p / (1 - p)) * 256), -STRETCH_LIMIT, STRETCH_LIMIT).astype(np.int16)


def _squash_table() -> npt.NDArray[np.uint16]:
    """65536 / (1 + exp(-x / 256)) for x = -STRETCH_LIMIT .. STRETCH_LIMIT, within 4 .. 65532."""
    x = np.arange(-STRETCH_LIMIT, STRETCH_LIMIT + 1) / 256
    return np.clip(np.round(65536 / (1 + np.exp(-x))), 4, 65532).astype(np.uint16)


STRETCH = _stretch_table()
SQUASH = _squash_table()


class Mixture(NamedTuple):
    """What mixing learns: bit ``models``, ``weights`` (sum of WEIGHT_ROWS, inputs filled up to LANES) in 1/65536, and
    the adaptive probability map ``apm`` (APM_ROWS, or 0 where nothing is refined; APM_COLUMNS).
    """

    models: Vector[np.uint32]
    weights: Table[np.int32]
    apm: Table[np.int32]


class Votes(NamedTuple):
    """Scratch of one decision, for n contexts and k weight sets.

    ``hashes`` and ``first`` (n,): of each context its hash, and the first bit model of the block it selects; ``words``
    (n,): those models; ``stretched`` (lanes,): the mixer's inputs, behind those of contexts a constant; ``rows`` and
    ``expert`` (3,) and (k,): the row of each weight set, and what it says.
    """

    hashes: Vector[np.int64]
    first: Vector[np.uint32]
    words: Vector[np.int64]
    stretched: Vector[np.int32]
    rows: Vector[np.uint32]
    expert: Vector[np.int64]


CONSTANT = 256
"""The input of the mixer that stands for a constant: a stretched probability of 1."""


def votes_for(contexts: int, lanes: int, sets: int) -> Votes:
    """Scratch for so many contexts and weight sets."""
    stretched = np.zeros(lanes, np.int32)
    stretched[contexts] = CONSTANT
    hashes, words = (np.zeros(contexts, np.int64) for _ in range(2))
    first, rows = (np.zeros(count, np.uint32) for count in (contexts, len(WEIGHT_ROWS)))
    return Votes(hashes, first, words, stretched, rows, np.zeros(sets, np.int64))


@inlined
def _say(weighted: int, k: int, votes: Votes) -> int:
    """What weight set ``k`` says, stretched; squashed it goes to ``votes``."""
    dot = max(-STRETCH_LIMIT, min(STRETCH_LIMIT, weighted >> 16))
    votes.expert[k] = SQUASH[dot + STRETCH_LIMIT]
    return int(dot)


@inlined
def _mix(decision: int, mixture: Mixture, votes: Votes) -> int:
    """The stretched probability that the weight sets give on average; what each says goes to ``votes``."""
    # The sums of two sets are added up while inputs are looked up: vectors of what was just stored have to wait for it.
    sets, count = votes.expert.shape[0], votes.first.shape[0]
    one, two = mixture.weights[votes.rows[0]], mixture.weights[votes.rows[1 if sets > 1 else 0]]
    given = np.int64(votes.stretched[count])
    first, second = given * np.int64(one[count]), given * np.int64(two[count])
    for i in range(count):
        word = np.int64(mixture.models[votes.first[i] + (decision & 7)])
        stretched = np.int64(STRETCH[word >> 20])
        votes.words[i], votes.stretched[i] = word, stretched
        first += stretched * np.int64(one[i])
        second += stretched * np.int64(two[i])
    total = _say(int(first), 0, votes)
    if sets > 1:
        total += _say(int(second), 1, votes)
    if sets > 2:
        weights = mixture.weights[votes.rows[2]]
        third = np.int64(0)
        for i in range(weights.shape[0]):
            third += np.int64(weights[i]) * np.int64(votes.stretched[i])
        total += _say(int(third), 2, votes)
    # A division by a number that is not known takes longer than all the rest.
    return int(total if sets == 1 else total >> 1 if sets == 2 else total // 3)


@inlined
def _learn(bit: int, decision: int, mixture: Mixture, votes: Votes) -> None:
    """Move weights along the gradient of each set's own code length, and the bit models towards the bit."""
    for k in range(votes.expert.shape[0]):
        error = ((bit << 16) - votes.expert[k]) * 3
        weights = mixture.weights[votes.rows[k]]
        for i in range(weights.shape[0]):
            # Of 32 bits, as the weights: as many are done at a time as fit.
            product = np.int32(votes.stretched[i] * error)
            weights[i] += np.int32((product >> 15) + 1) >> 1
    goal = ONE if bit else 0
    for i in range(votes.first.shape[0]):
        seen, p = votes.words[i] & SEEN_MASK, votes.words[i] >> SEEN_BITS
        p += ((goal - p) * RATE[seen]) >> 16
        mixture.models[votes.first[i] + (decision & 7)] = (p << SEEN_BITS) | min(MOST_SEEN, seen + 1)


class Refined(NamedTuple):
    """What a row of an adaptive probability map makes of a probability: ``p``, between cells ``cell`` and ``cell`` + 1,
    ``between`` / 4096 of the way."""

    cell: int
    between: int
    p: int


@inlined
def refine(row: Vector[np.int32], mean: int) -> Refined:
    """Spec coding-tools/logistic-mixing. The mean of a stretched probability, squashed, and of what the map says
    instead."""
    at = (max(-2047, min(2047, mean)) + 2048) << 5
    cell, between = at >> 12, at & 4095
    refined = (row[cell] * (4096 - between) + row[cell + 1] * between) >> 12
    return Refined(cell, between, int((SQUASH[mean + STRETCH_LIMIT] + refined) >> 1))


@inlined
def learn_refined(bit: int, row: Vector[np.int32], refined: Refined) -> None:
    """Spec coding-tools/logistic-mixing. Move the two cells towards the bit, the nearer one more."""
    cell, between, target = refined.cell, refined.between, 65535 if bit else 0
    row[cell] += ((target - row[cell]) * (4096 - between)) >> 18
    row[cell + 1] += ((target - row[cell + 1]) * between) >> 18


@inlined
def select_weights(votes: Votes, decision: int, level: int, place: int, column: int) -> None:
    """Spec coding-tools/logistic-mixing. The rows of the three weight sets that have a say in a decision."""
    votes.rows[0] = decision * LEVELS + level
    votes.rows[1] = PLACE_ROWS + decision * PLACES + place
    votes.rows[2] = COLUMN_ROWS + decision * COLUMNS + column


@inlined
def decide(encode: bool, bit: int, decision: int, apm_row: int, mixture: Mixture, votes: Votes, stream: Stream) -> int:
    """Spec coding-tools/logistic-mixing. Code one decision; ``votes.first`` and ``votes.rows`` say which models and
    weights have a say.

    ``apm_row``: (bin * LEVELS + level) * QUARTERS + quarter. Returns the bit.
    """
    mean = _mix(decision, mixture, votes)
    row = mixture.apm[apm_row]
    refined = refine(row, mean)
    bit = code_bit(encode, bit, max(4, min(65532, refined.p)), stream)
    learn_refined(bit, row, refined)
    _learn(bit, decision, mixture, votes)
    return bit


@inlined
def decide_unrefined(encode: bool, bit: int, decision: int, mixture: Mixture, votes: Votes, stream: Stream) -> int:
    """Spec coding-tools/logistic-mixing. The same without an adaptive probability map."""
    mean = _mix(decision, mixture, votes)
    bit = code_bit(encode, bit, int(SQUASH[mean + STRETCH_LIMIT]), stream)
    _learn(bit, decision, mixture, votes)
    return bit
