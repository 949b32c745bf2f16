"""The labels coder's kernel: is a sample one of its neighbours, a new label, or another, sample by sample.

DESIGN.md draws how that goes. All arithmetic is in integers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.labels.terms import MATES, NEW, PAD, PAD_ROWS, QUESTIONS, Term
from sofc.entropy.binary import BROKEN, OK, Stream, code_bypass
from sofc.entropy.bit_models import code_by_model
from sofc.entropy.contexts import Contexts, select_models
from sofc.entropy.digits import bit_length
from sofc.entropy.mixing import LEVELS, QUARTERS, Mixture, Votes, decide, select_weights
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

FARTHEST = 15
"""Distances in a row are counted up to this."""
STILL_MODELS = 32


class Frame(NamedTuple):
    """One image with a border of zeros, shape (rows + PAD_ROWS, width + 2 PAD), and the image before it likewise.

    ``ahead`` and ``behind`` (2, width + 2 PAD): of each column, in the two rows above, how far it is to the next sample
    on the right, and on the left, that is another label.
    """

    image: Table[np.int32]
    before: Table[np.int32]
    ahead: Table[np.int32]
    behind: Table[np.int32]


class Learned(NamedTuple):
    """What goes on from image to image: the mixture, with the contexts that select its bit models, models of samples in
    the midst of a label, and ``most`` (1,): the greatest label so far, -1 before the first."""

    contexts: Contexts
    mixture: Mixture
    still: Vector[np.uint32]
    most: Vector[np.int64]


class Scratch(NamedTuple):
    """``term`` (terms,); ``mates`` (MATES,): the labels that a sample may be one of."""

    term: Vector[np.int64]
    mates: Vector[np.int64]
    votes: Votes


@inlined
def _class_of(label: int, mates: Vector[np.int64]) -> int:
    """0 for that in the west, 1 north, 2 northeast, 3 others."""
    if label == mates[0]:
        return 0
    if label == mates[1]:
        return 1
    return 2 if label == mates[2] else 3


@inlined
def _is_still(frame: Frame, y: int, x: int) -> bool:
    """Whether the sample is in the midst of a label, here and in the image before."""
    image, before, west = frame.image, frame.before, frame.image[y, x - 1]
    for dx in range(-2, 3):
        if image[y - 1, x + dx] != west:
            return False
    if image[y, x - 2] != west or image[y - 2, x] != west or image[y - 2, x + 1] != west:
        return False
    if image[y - 2, x - 1] != west:
        return False
    known = before[y, x]
    same = known == before[y, x + 1] and known == before[y, x - 1] and known == before[y - 1, x]
    return bool(same and (y + 1 >= before.shape[0] or known == before[y + 1, x]))


@inlined
def _find_mates(frame: Frame, y: int, x: int, mates: Vector[np.int64]) -> None:
    """The labels of the neighbours, that of the image before, and the next on the right above."""
    image, before = frame.image, frame.before
    mates[0], mates[1] = image[y, x - 1], image[y - 1, x]
    mates[2], mates[3] = image[y - 1, x + 1], image[y - 1, x - 1]
    mates[4] = before[y, x]
    mates[5] = image[y - 1, min(image.shape[1] - 1, x + frame.ahead[0, x])]


@inlined
def _fill_terms(frame: Frame, y: int, x: int, run: int, scratch: Scratch) -> None:
    """Spec labels/terms."""
    image, before, mates, term = frame.image, frame.before, scratch.mates, scratch.term
    near = 1 if mates[1] == mates[0] else 0
    near = (near * 4 + _class_of(mates[2], mates)) * 4 + _class_of(mates[3], mates)
    near = (near * 2 + (1 if mates[0] == 0 else 0)) * 2 + (1 if mates[1] == 0 else 0)
    term[Term.NEAR] = near
    second = _class_of(image[y, x - 2], mates) * 4 + _class_of(image[y - 2, x], mates)
    second = (second * 4 + _class_of(image[y - 2, x + 1], mates)) * 4 + _class_of(image[y - 2, x - 1], mates)
    term[Term.SECOND] = (second * 4 + _class_of(image[y - 1, x + 2], mates)) * 4 + _class_of(image[y - 1, x - 2], mates)
    third = _class_of(image[y, x - 3], mates) * 4 + _class_of(image[y - 3, x], mates)
    third = (third * 4 + _class_of(image[y - 2, x + 2], mates)) * 4 + _class_of(image[y - 2, x - 2], mates)
    term[Term.THIRD] = (third * 4 + _class_of(image[y - 1, x + 3], mates)) * 4 + _class_of(image[y - 1, x - 3], mates)
    term[Term.AHEAD] = (min(15, run) * 16 + frame.ahead[0, x]) * 16 + frame.ahead[1, x]
    term[Term.BEHIND] = frame.behind[0, x] * 16 + frame.behind[1, x]
    past = _class_of(before[y, x], mates) * 4 + _class_of(before[y, x + 1], mates)
    below = before[y + 1, x] if y + 1 < before.shape[0] else before[y, x]
    past = (past * 4 + _class_of(below, mates)) * 4 + _class_of(before[y, x - 1], mates)
    past = past * 8 + (4 if before[y, x] == before[y, x + 1] else 0) + (2 if before[y, x] == below else 0)
    term[Term.PAST] = past + (1 if before[y, x] == before[y, x - 1] else 0)


@inlined
def _ask(encode: bool, yes: bool, question: int, mixture: Mixture, scratch: Scratch, stream: Stream) -> int:
    """Code a decision in the sample's contexts."""
    term = scratch.term
    level = int(term[Term.NEAR]) >> 2 & 15
    select_weights(
        scratch.votes, question, level, int(term[Term.SECOND]) & 63, int(term[Term.AHEAD]) & 60 | int(level & 3)
    )
    row = (question * LEVELS + level) * QUARTERS
    return decide(encode, 1 if yes else 0, question, row, mixture, scratch.votes, stream)


@inlined
def _code_other(encode: bool, label: int, top: int, stream: Stream) -> int:
    """A label in bypass bits, as many as ``top`` has."""
    value = code_bypass(encode, label, bit_length(top), stream)
    return value if value <= top else BROKEN


@inlined
def _code_label(encode: bool, label: int, top: int, learned: Learned, scratch: Scratch, stream: Stream) -> int:
    """Spec labels/questions. A label, by questions whether it is one that is likely. It, or BROKEN."""
    mates, most = scratch.mates, int(learned.most[0])
    for question in range(QUESTIONS):
        likely = int(mates[question]) if question < MATES else most + 1 if question == NEW else 0
        is_out = question == NEW and most >= top
        for k in range(0 if question == NEW else min(question, MATES)):
            if mates[k] == likely:
                is_out = True
        if is_out:
            continue
        if _ask(encode, label == likely, question, learned.mixture, scratch, stream):
            return likely
    return _code_other(encode, label, top, stream)


@inlined
def _close_row(frame: Frame, y: int) -> None:
    """Distances in row y, for the rows below it."""
    image, ahead, behind = frame.image, frame.ahead, frame.behind
    end = image.shape[1]
    for x in range(end):
        ahead[1, x], behind[1, x] = ahead[0, x], behind[0, x]
    behind[0, 0] = FARTHEST
    for x in range(1, end):
        behind[0, x] = min(FARTHEST, behind[0, x - 1] + 1) if image[y, x] == image[y, x - 1] else 1
    ahead[0, end - 1] = FARTHEST
    for x in range(end - 2, -1, -1):
        ahead[0, x] = min(FARTHEST, ahead[0, x + 1] + 1) if image[y, x] == image[y, x + 1] else 1


@kernel
def code_image(encode: bool, frame: Frame, top: int, learned: Learned, scratch: Scratch, stream: Stream) -> int:
    """Spec labels/samples. Code one image of labels 0 .. ``top``; when decoding, it is filled. Returns OK or BROKEN."""
    image = frame.image
    for y in range(PAD_ROWS, image.shape[0]):
        run = 0
        for x in range(PAD, image.shape[1] - PAD):
            label = int(image[y, x])
            west = int(image[y, x - 1])
            goes_on = 0
            if _is_still(frame, y, x):
                slot = 2 * min(15, run) + (1 if west == 0 else 0)
                goes_on = code_by_model(encode, 1 if label == west else 0, slot, learned.still, stream)
            if goes_on:
                label = west
            else:
                _find_mates(frame, y, x, scratch.mates)
                _fill_terms(frame, y, x, run, scratch)
                select_models(learned.contexts, scratch.term, scratch.votes.hashes, scratch.votes.first)
                label = _code_label(encode, label, top, learned, scratch, stream)
                if label < 0:
                    return BROKEN
            run = run + 1 if label == west else 0
            image[y, x] = label
            learned.most[0] = max(int(learned.most[0]), label)
        _close_row(frame, y)
    return OK
