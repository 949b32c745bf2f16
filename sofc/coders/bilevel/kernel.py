"""The bilevel coder's kernel: contexts of neighbours, logistic mixing and a binary range coder, sample by sample.

DESIGN.md draws how they go together. All arithmetic is in integers. Probabilities are of a 1 bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.bilevel.kernel_guide import BLANK, Guide, learn_guided, mix_guided
from sofc.coders.bilevel.kernel_network import ask_network
from sofc.coders.bilevel.terms import COUNT, MOST_TERMS, SMALL_SIDE, Term
from sofc.coders.bilevel.window import WORDS, Image, Window, adjacent, open_row, slide
from sofc.entropy.binary import WORD, Stream, code_bit
from sofc.entropy.bit_models import SEEN_MASK, learned
from sofc.entropy.contexts import MIX_A, set_starts
from sofc.entropy.mixing import CONSTANT, SQUASH, STRETCH, STRETCH_LIMIT
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.prediction.network import Activities, Network, activities_of, is_there

MOST_CONTEXTS = 32
CONTEXT_COLUMNS = WORDS + MOST_TERMS
"""A context: masks of the words of the window, then the numbers of its terms, 0 for none."""
MIX_C = 0x45EBCA77
HASH_STEP = 0x12345671

KNOWN = 3
"""A bit model that has seen so many bits knows its context."""


class WeightSets(NamedTuple):
    """One number for each set of weights, named after what selects a row of it."""

    known: int
    adjacent: int
    place: int
    forecast: int


SETS = WeightSets(known=2 * (MOST_CONTEXTS + 1), adjacent=1 << 8, place=32 * 32, forecast=64)
"""Rows of each set."""
STARTS = WeightSets(*set_starts(SETS)[:-1])
"""Where the rows of each set begin."""
WEIGHT_ROWS = sum(SETS)
WEIGHT_LIMIT = 1 << 22

BLENDS = 32
"""Rows of the weights by which the outputs of the sets are averaged: by the nearest five neighbours."""
BLANK_CELLS = 16 * 16
"""Probabilities of samples with nothing around, by the runs to the left and above in steps of 8."""
BLANK_BITS = 28
"""More than are coded with: in 16 bits, 1 / 512 of so small a probability would be nothing."""
BLANK_MOST = (1 << BLANK_BITS) - 1
NOWHERE = 1 << 20


class State(NamedTuple):
    """What coding a plane learns, for n contexts.

    ``models``: 2**slot_bits bit models for each context. ``weights`` (WEIGHT_ROWS, inputs) in 1/65536: an input for
    each context, one for the network if it is asked, one constant. ``blend`` (BLENDS, sets) in 1/65536. ``blank``
    (BLANK_CELLS,): probabilities in 1 / 2**BLANK_BITS.
    """

    models: Vector[np.uint32]
    weights: Table[np.int32]
    blend: Table[np.int32]
    blank: Vector[np.int32]


class Plan(NamedTuple):
    """What all efforts share but for state and network: ``contexts`` (n, CONTEXT_COLUMNS), best first, each with
    2**slot_bits bit models; whether samples whose whole window is 0 are coded as ``State.blank`` says; the ``rate`` of
    learning weights."""

    contexts: Table[np.int64]
    slot_bits: int
    skips_blank: bool
    rate: int


class PlaneModel(NamedTuple):
    """One plane at one effort: its plan, the network that it asks, and the state that a band starts from."""

    plan: Plan
    network: Network
    start: State


class Coding(NamedTuple):
    """What samples are coded by and to: the state and the guide, which learn, and the stream."""

    state: State
    stream: Stream
    guide: Guide


class Scratch(NamedTuple):
    """What coding works in.

    The network's ``activities``. Of each column ``above``, how often its last sample has repeated, and ``change``, how
    far from it the row above changes. ``term`` (COUNT,). Of each context the ``slots`` of its bit models, and those
    ``words``. ``stretched``: the inputs. Of each weight set the row that is ``chosen``, and its ``output``.
    """

    activities: Activities
    above: Vector[np.int64]
    change: Vector[np.int64]
    term: Vector[np.int64]
    slots: Vector[np.int64]
    words: Vector[np.int64]
    stretched: Vector[np.int64]
    chosen: Vector[np.int64]
    output: Vector[np.int64]


def scratch_for(width: int, model: PlaneModel) -> Scratch:
    """Scratch for planes of a width."""
    inputs = model.start.weights.shape[1]
    contexts = inputs - 1 - model.network.is_asked
    sizes = width, width, COUNT, contexts, contexts, inputs, len(SETS), len(SETS)
    scratch = Scratch(activities_of(model.network), *(np.zeros(size, np.int64) for size in sizes))
    scratch.stretched[-1] = CONSTANT
    return scratch


class Sample(NamedTuple):
    """What is known of sample (y, x) but for its window: the sample to the left, how long samples like it have run, and
    of all samples so far that are 1 the ``first`` row, the leftmost and the rightmost column."""

    y: int
    x: int
    west: int
    run: int
    first: int
    left: int
    right: int


@inlined
def _is_small(image: Image) -> bool:
    """Spec bilevel/terms. Whether an image has terms of position."""
    rows, width = image.shape
    return int(rows) <= SMALL_SIDE and int(width) <= SMALL_SIDE


@inlined
def _find_changes(image: Image, y: int, change: Vector[np.int64]) -> None:
    """Spec bilevel/terms. How far from each column the row above row y changes, at most 31; y > 0."""
    distance = 0
    last = image.shape[1] - 1
    for x in range(last, -1, -1):
        beyond = image[y - 1, x + 1] if x < last else 0
        distance = 1 if image[y - 1, x] != beyond else min(31, distance + 1)
        change[x] = distance


@inlined
def _fill_terms(image: Image, sample: Sample, scratch: Scratch) -> None:
    """Spec bilevel/terms. The terms of a sample."""
    term, above, change, x, y = scratch.term, scratch.above, scratch.change, sample.x, sample.y
    last = image.shape[1] - 1
    if _is_small(image):
        term[Term.PLACE], term[Term.ROW], term[Term.COLUMN] = y << 6 | x, y, x
    term[Term.RUN] = min(sample.run, 31) << 1 | sample.west
    term[Term.ABOVE] = min(above[x], 31)
    term[Term.CHANGE], term[Term.CHANGE_THERE] = change[x], change[min(x + change[x], last)]
    term[Term.FROM_FIRST] = min(y - sample.first, 31) if y >= sample.first else 32
    term[Term.FROM_LEFT] = max(-31, min(31, x - sample.left)) + 31
    term[Term.FROM_RIGHT] = max(-31, min(31, sample.right - x)) + 31


@inlined
def _hash(number: int, context: Vector[np.int64], window: Window, term: Vector[np.int64]) -> int:
    """32 bits that stand for what context ``number`` sees."""
    h = ((window.near & int(context[0])) * MIX_A + number * HASH_STEP) & WORD
    h ^= h >> 15
    h = ((h ^ (window.middle & int(context[1]))) * MIX_C) & WORD
    h ^= h >> 14
    h = ((h ^ (window.distant & int(context[2]))) * MIX_A) & WORD
    h ^= h >> 15
    for j in range(WORDS, CONTEXT_COLUMNS):
        if context[j] > 0:
            h = ((h ^ (int(term[context[j]]) + 77 * j)) * MIX_C) & WORD
            h ^= h >> 15
    return (h * MIX_A) & WORD


@inlined
def _look_up(plan: Plan, window: Window, state: State, scratch: Scratch) -> int:
    """Spec bilevel/samples. What contexts say goes to ``stretched``. Returns how many of their bit models know."""
    known = 0
    for i in range(scratch.slots.shape[0]):
        h = _hash(i, plan.contexts[i], window, scratch.term)
        slot = (i << plan.slot_bits) + (h >> (32 - plan.slot_bits))
        word = np.int64(state.models[slot])
        if word & SEEN_MASK >= KNOWN:
            known += 1
        scratch.slots[i], scratch.words[i] = slot, word
        scratch.stretched[i] = STRETCH[word >> 20]
    return known


@inlined
def _choose_weights(image: Image, sample: Sample, known: int, around: int, network: Network, scratch: Scratch) -> None:
    """Spec bilevel/samples. The row of each weight set. Asks the network, if there is one."""
    chosen, y, x = scratch.chosen, sample.y, sample.x
    chosen[0] = STARTS.known + (known << 1 | sample.west)
    chosen[1] = STARTS.adjacent + around
    spot = (y >> 1) << 5 | x >> 1 if _is_small(image) else min(sample.run, 31) << 5 | scratch.term[Term.ABOVE]
    chosen[2] = STARTS.place + spot
    forecast = scratch.change[x]
    if is_there(network):
        output = ask_network(image, y, x, network, scratch.activities)
        scratch.stretched[scratch.slots.shape[0]] = output
        forecast = (output + 2560) >> 7
    chosen[3] = STARTS.forecast + forecast


@inlined
def _mix(blend: Vector[np.int32], weights: Table[np.int32], scratch: Scratch) -> int:
    """Spec bilevel/samples. The stretched probability: the outputs of the weight sets, averaged by ``blend``."""
    stretched = scratch.stretched
    total = np.int64(0)
    for k in range(len(SETS)):
        row = weights[scratch.chosen[k]]
        weighted = np.int64(0)
        for i in range(stretched.shape[0]):
            weighted += row[i] * stretched[i]
        scratch.output[k] = max(-STRETCH_LIMIT, min(STRETCH_LIMIT, int(weighted >> 16)))
        total += scratch.output[k] * blend[k]
    return max(-STRETCH_LIMIT, min(STRETCH_LIMIT, int(total >> 16)))


@inlined
def _bounded(weight: int) -> int:
    return max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, weight))


@inlined
def _learn_weights(
    bit: int, mean: int, rate: int, blend: Vector[np.int32], weights: Table[np.int32], scratch: Scratch
) -> None:
    """Spec bilevel/samples. Move weights along the gradient of the code length: the mixed one's, and each set's own."""
    stretched, output = scratch.stretched, scratch.output
    error = (bit << 16) - np.int64(SQUASH[mean + STRETCH_LIMIT])
    for k in range(len(SETS)):
        blend[k] = _bounded(blend[k] + ((output[k] * error + (1 << 18)) >> 19))
    for k in range(len(SETS)):
        row = weights[scratch.chosen[k]]
        error = ((bit << 16) - np.int64(SQUASH[output[k] + STRETCH_LIMIT])) * rate
        for i in range(stretched.shape[0]):
            row[i] = _bounded(row[i] + ((stretched[i] * error + (1 << 17)) >> 18))


@inlined
def _learn_contexts(bit: int, state: State, scratch: Scratch) -> None:
    """Spec bilevel/samples. Move the bit models of all contexts towards the bit."""
    for i in range(scratch.slots.shape[0]):
        state.models[scratch.slots[i]] = learned(int(scratch.words[i]), bit)


@inlined
def _code_forecast(
    encode: bool, bit: int, sample: Sample, around: int, forecast: int, p: int, row: int, coding: Coding
) -> int:
    """Spec likeness/guide. Code a bit whose probability is ``p``, stretched ``forecast``, unless a guide says more.
    Returns the bit."""
    if coding.guide.features.shape[0] == 0:
        return code_bit(encode, bit, p, coding.stream)
    output = mix_guided(sample.y, sample.x, around, forecast, row, coding.guide)
    bit = code_bit(encode, bit, int(SQUASH[output + STRETCH_LIMIT]), coding.stream)
    learn_guided(bit, output, row, coding.guide)
    return bit


@inlined
def _code_blank(encode: bool, bit: int, sample: Sample, above: int, coding: Coding) -> int:
    """Spec bilevel/samples. Code a sample with nothing around. Returns the bit."""
    blank, cell = coding.state.blank, (min(sample.run, 127) >> 3) << 4 | min(above, 127) >> 3
    rate = np.int64(blank[cell])
    p, forecast = max(1, min(65535, int(rate >> (BLANK_BITS - 16)))), int(STRETCH[rate >> (BLANK_BITS - 12)])
    bit = _code_forecast(encode, bit, sample, 0, forecast, p, BLANK, coding)
    blank[cell] = rate + (((BLANK_MOST if bit else 0) - rate) >> 9)
    return bit


@inlined
def _code_sample(
    encode: bool, image: Image, sample: Sample, window: Window, model: PlaneModel, coding: Coding, scratch: Scratch
) -> int:
    """Spec bilevel/samples. Code a sample. Returns the bit."""
    plan, state = model.plan, coding.state
    bit = int(np.int64(image[sample.y, sample.x]))
    if plan.skips_blank and (window.near | window.middle | window.distant) == 0:
        return _code_blank(encode, bit, sample, int(scratch.above[sample.x]), coding)
    _fill_terms(image, sample, scratch)
    known = _look_up(plan, window, state, scratch)
    around = adjacent(window.near)
    _choose_weights(image, sample, known, around, model.network, scratch)
    blend = state.blend[around & (BLENDS - 1)]
    mean = _mix(blend, state.weights, scratch)
    p = int(SQUASH[mean + STRETCH_LIMIT])
    bit = _code_forecast(encode, bit, sample, around, mean, p, around, coding)
    _learn_weights(bit, mean, plan.rate, blend, state.weights, scratch)
    _learn_contexts(bit, state, scratch)
    return bit


@kernel
def code_images(encode: bool, images: Cube[np.uint8], model: PlaneModel, coding: Coding, scratch: Scratch) -> int:
    """Spec bilevel/neighbours. Code images of one shape, (images, rows, width); the state learns from one to the next.

    When decoding they are filled. Returns 0.
    """
    above = scratch.above
    for number in range(images.shape[0]):
        image = images[number]
        above[:] = scratch.change[:] = 0
        first, left, right = NOWHERE, NOWHERE, -NOWHERE
        for y in range(image.shape[0]):
            if y > 0:
                _find_changes(image, y, scratch.change)
            window = open_row(image, y)
            west = start = 0
            for x in range(image.shape[1]):
                window = slide(window, west, image, y, x)
                sample = Sample(y, x, west, x - start, first, left, right)
                bit = _code_sample(encode, image, sample, window, model, coding, scratch)
                if not encode:
                    image[y, x] = bit
                if bit != west:
                    start = x
                above[x] = above[x] + 1 if y > 0 and bit == image[y - 1, x] else 1
                if bit:
                    first, left, right = min(first, y), min(left, x), max(right, x)
                west = bit
    return 0
