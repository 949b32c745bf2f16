"""The range coder and what is coded with it: detail tuples and the numbers of a section.

Range coder: ``low`` and ``range`` of 32 bits, renormalised by bytes while range < 2**24, carries run back into the
bytes already written. A symbol of frequency f above cumulative frequency c out of total t takes
r = range // t, low += r * c, range = r * f. Totals stay at or below 2**16.

Frequencies of one table of 2**bits symbols lie in a tree: node 1 is the root, node n has the children 2n and 2n + 1,
each inner node holds the sum of the frequencies below its left child. Entry 0 holds the total.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sofc.jit.decorators import kernel

Array = Any
Integer = Any  # int, or numpy.int64 where kernels run interpreted

OK = 0

PAD_TOP = 2
PAD_SIDE = 2
PAD_BOTTOM = 1

OWN_NEIGHBOURS = 6
REFERENCE_NEIGHBOURS = 5

LINEAR_CAP = 4095
MAX_TOTAL = 1 << 16

NUMBER_CLASSES = 32
NUMBER_INCREMENT = 24
NUMBER_LIMIT = 1 << 13

# Places in the state of a coder.
LOW = 0
RANGE = 1
POSITION = 2
CODE = 3
LEAVES = 4
"""From here on the state has room for a tree to be halved: two places for each symbol."""

TOP = 1 << 24
WORD = 1 << 32


@kernel
def _start_encoder(state: Array) -> None:
    state[LOW] = 0
    state[RANGE] = WORD - 1
    state[POSITION] = 0


@kernel
def _carry(output: Array, position: Integer) -> None:
    """Add one to the number that the bytes before ``position`` write."""
    place = position - 1
    while place >= 0 and output[place] == 255:
        output[place] = 0
        place -= 1
    if place >= 0:
        output[place] += np.uint8(1)


@kernel
def _encode(output: Array, state: Array, below: Integer, frequency: Integer, total: Integer) -> None:
    unit = state[RANGE] // total
    low = state[LOW] + unit * below
    span = unit * frequency
    position = state[POSITION]
    if low >= WORD:
        low -= WORD
        _carry(output, position)
    while span < TOP:
        if position < output.size:
            output[position] = low >> 24
        position += 1
        low = (low & (TOP - 1)) << 8
        span <<= 8
    state[LOW] = low
    state[RANGE] = span
    state[POSITION] = position


@kernel
def _finish_encoder(output: Array, state: Array) -> Integer:
    """Write the fewest bytes that decode; returns how many there are in all, without zero bytes at the end."""
    low = state[LOW]
    position = state[POSITION]
    value = low
    for drop in (32, 24, 16, 8):
        rounded = ((low + (1 << drop) - 1) >> drop) << drop
        if rounded < low + state[RANGE]:
            value = rounded
            break
    if value >= WORD:
        value -= WORD
        _carry(output, position)
    for _ in range(4):
        if position < output.size:
            output[position] = value >> 24
        position += 1
        value = (value & (TOP - 1)) << 8
    position = min(position, output.size)
    while position > 0 and output[position - 1] == 0:
        position -= 1
    return position


@kernel
def _start_decoder(data: Array, state: Array) -> None:
    state[RANGE] = WORD - 1
    code = np.int64(0)
    for place in range(4):
        code = (code << 8) | (np.int64(data[place]) if place < data.size else 0)
    state[CODE] = code
    state[POSITION] = 4


@kernel
def _decode_consume(data: Array, state: Array, unit: Integer, below: Integer, frequency: Integer) -> None:
    code = state[CODE] - unit * below
    span = unit * frequency
    position = state[POSITION]
    while span < TOP:
        code = ((code << 8) & (WORD - 1)) | (np.int64(data[position]) if position < data.size else 0)
        position += 1
        span <<= 8
    state[CODE] = code
    state[RANGE] = span
    state[POSITION] = position


@kernel
def build_trees(frequencies: Array, trees: Array) -> Integer:
    """Trees (tables, 2**bits) int32 from positive frequencies (same shape) int32. Callers keep totals in bounds."""
    tables, symbols = frequencies.shape
    for table in range(tables):
        tree, leaves = trees[table], frequencies[table]
        # First what is below each node, then what is below its left child: the children come after their parent.
        for node in range(symbols - 1, 0, -1):
            if 2 * node >= symbols:
                tree[node] = leaves[2 * node - symbols] + leaves[2 * node + 1 - symbols]
            else:
                tree[node] = tree[2 * node] + tree[2 * node + 1]
        tree[0] = tree[1] if symbols > 1 else leaves[0]
        for node in range(1, symbols):
            tree[node] = leaves[2 * node - symbols] if 2 * node >= symbols else tree[2 * node]
    return OK


def fresh_state(symbols: int) -> Array:
    """The state of a coder for tables of so many symbols."""
    return np.zeros(LEAVES + 2 * symbols, np.int64)


def encode_numbers(values: Array, above: Array) -> bytes:
    """Code numbers 0 .. 2**31 - 1 (int64).

    The bit length of each number is a symbol of an adaptive table chosen by the bit lengths of the number before it
    and of the number ``above[index]`` (int64, -1 for none); the bits below the leading one follow at even odds.
    """
    output = np.zeros(64 + 6 * values.size, np.uint8)
    size = write_numbers(values, above, _number_trees(), fresh_state(NUMBER_CLASSES), output)
    return output[:size].tobytes()


def decode_numbers(data: bytes, above: Array) -> Array:
    """The numbers again (int64), as many as ``above`` has. What they are if ``data`` is damaged is not defined."""
    values = np.zeros(above.size, np.int64)
    read_numbers(np.frombuffer(bytearray(data), np.uint8), above, _number_trees(), fresh_state(NUMBER_CLASSES), values)
    return values


def _number_trees() -> Array:
    frequencies = np.ones((NUMBER_CLASSES * NUMBER_CLASSES, NUMBER_CLASSES), np.int32)
    trees = np.zeros_like(frequencies)
    build_trees(frequencies, trees)
    return trees


@kernel
def _halve(tree: Array, symbols: Integer, state: Array) -> None:
    """Every frequency f becomes (f + 1) >> 1."""
    leaves = state[LEAVES:]
    leaves[1] = tree[0]
    for node in range(1, symbols):
        leaves[2 * node] = tree[node]
        leaves[2 * node + 1] = leaves[node] - tree[node]
    for leaf in range(symbols, 2 * symbols):
        leaves[leaf] = (leaves[leaf] + 1) >> 1
    for node in range(symbols - 1, 0, -1):
        leaves[node] = leaves[2 * node] + leaves[2 * node + 1]
        tree[node] = leaves[2 * node]
    tree[0] = leaves[1]


@kernel
def _encode_symbol(
    output: Array,
    state: Array,
    tree: Array,
    symbol: Integer,
    bits: Integer,
    increment: Integer,
    limit: Integer,
) -> None:
    total = np.int64(tree[0])
    below = np.int64(0)
    frequency = total
    node = 1
    for place in range(bits - 1, -1, -1):
        left = np.int64(tree[node])
        if (symbol >> place) & 1:
            below += left
            frequency -= left
            node = 2 * node + 1
        else:
            frequency = left
            tree[node] = left + increment
            node = 2 * node
    tree[0] = total + increment
    _encode(output, state, below, frequency, total)
    if total + increment > limit:
        _halve(tree, 1 << bits, state)


@kernel
def _decode_symbol(
    data: Array, state: Array, tree: Array, bits: Integer, increment: Integer, limit: Integer
) -> Integer:
    total = np.int64(tree[0])
    unit = state[RANGE] // total
    target = min(state[CODE] // unit, total - 1)
    below = np.int64(0)
    frequency = total
    node = 1
    for _ in range(bits):
        left = np.int64(tree[node])
        if target - below >= left:
            below += left
            frequency -= left
            node = 2 * node + 1
        else:
            frequency = left
            tree[node] = left + increment
            node = 2 * node
    tree[0] = total + increment
    _decode_consume(data, state, unit, below, frequency)
    if total + increment > limit:
        _halve(tree, 1 << bits, state)
    return node - (1 << bits)


@kernel
def _bit_length(value: Integer) -> Integer:
    length = 0
    while value > 0:
        value >>= 1
        length += 1
    return length


@kernel
def write_numbers(values: Array, above: Array, trees: Array, state: Array, output: Array) -> Integer:
    """Returns the byte count; six bytes for each number and 64 more are always enough."""
    _start_encoder(state)
    for index in range(values.size):
        value = np.int64(values[index])
        before = _bit_length(np.int64(values[index - 1])) if index > 0 else 0
        upper = _bit_length(np.int64(values[above[index]])) if above[index] >= 0 else 0
        length = _bit_length(value)
        _encode_symbol(output, state, trees[upper * NUMBER_CLASSES + before], length, 5, NUMBER_INCREMENT, NUMBER_LIMIT)
        for place in range(length - 2, -1, -1):
            _encode(output, state, (value >> place) & 1, 1, 2)
    return _finish_encoder(output, state)


@kernel
def read_numbers(data: Array, above: Array, trees: Array, state: Array, values: Array) -> Integer:
    """The numbers again into ``values`` (int64)."""
    _start_decoder(data, state)
    for index in range(values.size):
        before = _bit_length(np.int64(values[index - 1])) if index > 0 else 0
        upper = _bit_length(np.int64(values[above[index]])) if above[index] >= 0 else 0
        length = _decode_symbol(data, state, trees[upper * NUMBER_CLASSES + before], 5, NUMBER_INCREMENT, NUMBER_LIMIT)
        value = np.int64(1 if length > 0 else 0)
        for _ in range(length - 1):
            unit = state[RANGE] // 2
            bit = min(state[CODE] // unit, 1)
            _decode_consume(data, state, unit, bit, 1)
            value = 2 * value + bit
        values[index] = value
    return OK


@kernel
def _loudness(folded: Integer, logarithmic: Integer) -> Integer:
    """Linear: the value, at most LINEAR_CAP. Logarithmic: 16 log2(1 + value), straight lines between powers of two."""
    if logarithmic == 0:
        return min(folded, LINEAR_CAP)
    octave = _bit_length(folded + 1) - 1
    return 16 * octave + ((16 * (folded + 1 - (1 << octave))) >> octave)


@kernel
def fill_loudness(folded: Array, logarithmic: Integer, loudness: Array) -> Integer:
    """Loudness of all samples into ``loudness`` (int32, padded by PAD_TOP, PAD_BOTTOM rows and PAD_SIDE columns)."""
    rows, width = folded.shape
    for y in range(rows):
        for x in range(width):
            loudness[y + PAD_TOP, x + PAD_SIDE] = _loudness(np.int64(folded[y, x]), logarithmic)
    return OK


@kernel
def fill_reference_activity(loudness: Array, weights: Array, activity: Array) -> Integer:
    """Add a reference plane's share to ``activity`` (int32, rows x width): own place, west, east, north, south."""
    rows, width = activity.shape
    for y in range(rows):
        for x in range(width):
            row = y + PAD_TOP
            column = x + PAD_SIDE
            activity[y, x] += (
                np.int64(weights[0]) * loudness[row, column]
                + np.int64(weights[1]) * loudness[row, column - 1]
                + np.int64(weights[2]) * loudness[row, column + 1]
                + np.int64(weights[3]) * loudness[row - 1, column]
                + np.int64(weights[4]) * loudness[row + 1, column]
            )
    return OK


@kernel
def fill_classes(reference: Array, near: Integer, far: Integer, classes: Array) -> Integer:
    """Class 0 .. 6 (uint8) of each folded residual: zero, up to ``near``, up to ``far``, beyond, each odd and even."""
    rows, width = classes.shape
    for y in range(rows):
        for x in range(width):
            value = np.int64(reference[y, x])
            number = np.int64(0)
            if value > 0:
                number = 1 + (value & 1)
                if value > near:
                    number += 2
                if value > far:
                    number += 2
            classes[y, x] = number
    return OK


@kernel
def _activity(loudness: Array, y: Integer, x: Integer, weights: Array) -> Integer:
    """Own share: west, north, northwest, northeast, second west, second north."""
    row = y + PAD_TOP
    column = x + PAD_SIDE
    return (
        np.int64(weights[0]) * loudness[row, column - 1]
        + np.int64(weights[1]) * loudness[row - 1, column]
        + np.int64(weights[2]) * loudness[row - 1, column - 1]
        + np.int64(weights[3]) * loudness[row - 1, column + 1]
        + np.int64(weights[4]) * loudness[row, column - 2]
        + np.int64(weights[5]) * loudness[row - 2, column]
    )


@kernel
def _level(activity: Integer, thresholds: Array) -> Integer:
    """How many thresholds (ascending) are at or below ``activity``."""
    first = 0
    last = thresholds.size
    while first < last:
        middle = (first + last) >> 1
        if thresholds[middle] <= activity:
            first = middle + 1
        else:
            last = middle
    return first


@kernel
def _table(
    y: Integer,
    x: Integer,
    loudness: Array,
    weights: Array,
    thresholds: Array,
    reference_activity: Array,
    classes: Array,
    class_count: Integer,
    phases: Integer,
) -> Integer:
    """The table of the tuple at (y, x): ((level * class_count) + class) * phases + x mod phases."""
    level = _level(_activity(loudness, y, x, weights) + np.int64(reference_activity[y, x]), thresholds)
    number = np.int64(classes[y, x]) if class_count > 1 else 0
    return (level * class_count + number) * phases + x % phases


@kernel
def fine_contexts(
    loudness: Array, weights: Array, thresholds: Array, reference_activity: Array, levels: Array
) -> Integer:
    """The level of every sample (uint8), for training."""
    rows, width = levels.shape
    for y in range(rows):
        for x in range(width):
            levels[y, x] = _level(_activity(loudness, y, x, weights) + np.int64(reference_activity[y, x]), thresholds)
    return OK


@kernel
def detail_tables(
    folded: Array,
    loudness: Array,
    weights: Array,
    thresholds: Array,
    reference_activity: Array,
    classes: Array,
    class_count: Integer,
    phases: Integer,
    split: Integer,
    tile_rows: Integer,
    tile_columns: Integer,
    tables: Array,
    symbols: Array,
) -> Integer:
    """Table and symbol of each whole tuple (int32, tuples in raster order). Their last table is that of loud tuples."""
    rows, width = folded.shape
    mask = (1 << split) - 1
    loud = (thresholds.size + 1) * class_count * phases
    index = 0
    for y in range(0, rows - tile_rows + 1, tile_rows):
        for x in range(0, width - tile_columns + 1, tile_columns):
            symbol = np.int64(0)
            high = np.int64(0)
            for i in range(tile_rows):
                for j in range(tile_columns):
                    value = np.int64(folded[y + i, x + j])
                    symbol = (symbol << split) | (value & mask)
                    high |= value >> split
            symbols[index] = symbol
            if high != 0:
                tables[index] = loud
            else:
                tables[index] = _table(
                    y, x, loudness, weights, thresholds, reference_activity, classes, class_count, phases
                )
            index += 1
    return OK


@kernel
def encode_symbols(
    tables: Array,
    symbols: Array,
    trees: Array,
    bits: Integer,
    increment: Integer,
    limit: Integer,
    state: Array,
    output: Array,
) -> Integer:
    """Code each symbol with its table; ``trees`` change, ``state`` is fresh.

    Returns the byte count, or -1 where ``output`` (uint8) is too short.
    """
    _start_encoder(state)
    for index in range(symbols.size):
        if state[POSITION] + 16 > output.size:
            return -1
        _encode_symbol(output, state, trees[tables[index]], symbols[index], bits, increment, limit)
    return _finish_encoder(output, state)


@kernel
def decode_detail(
    data: Array,
    folded: Array,
    loudness: Array,
    logarithmic: Integer,
    weights: Array,
    thresholds: Array,
    reference_activity: Array,
    classes: Array,
    class_count: Integer,
    phases: Integer,
    split: Integer,
    tile_rows: Integer,
    tile_columns: Integer,
    trees: Array,
    increment: Integer,
    limit: Integer,
    state: Array,
) -> Integer:
    """Add the low parts to ``folded``, which holds high parts shifted left by ``split``; fills ``loudness`` on the way.

    Left-over samples at the edges must be whole and have their loudness already. Returns the bytes read.
    """
    rows, width = folded.shape
    bits = split * tile_rows * tile_columns
    mask = (1 << split) - 1
    loud = (thresholds.size + 1) * class_count * phases
    _start_decoder(data, state)
    for y in range(0, rows - tile_rows + 1, tile_rows):
        for x in range(0, width - tile_columns + 1, tile_columns):
            high = np.int64(0)
            for i in range(tile_rows):
                for j in range(tile_columns):
                    high |= np.int64(folded[y + i, x + j])
            if high != 0:
                table = loud
            else:
                table = _table(y, x, loudness, weights, thresholds, reference_activity, classes, class_count, phases)
            symbol = _decode_symbol(data, state, trees[table], bits, increment, limit)
            for i in range(tile_rows - 1, -1, -1):
                for j in range(tile_columns - 1, -1, -1):
                    value = np.int64(folded[y + i, x + j]) | (symbol & mask)
                    folded[y + i, x + j] = value
                    loudness[y + i + PAD_TOP, x + j + PAD_SIDE] = _loudness(value, logarithmic)
                    symbol >>= split
    return state[POSITION]


@kernel
def adaptive_cost(
    tables: Array, symbols: Array, frequencies: Array, totals: Array, increment: Integer, limit: Integer
) -> float:
    """Bits of an ideal coder, for training. ``frequencies`` (tables, symbols) and ``totals``: int64, change."""
    cost = 0.0
    for index in range(symbols.size):
        table = tables[index]
        symbol = symbols[index]
        cost -= np.log2(frequencies[table, symbol] / totals[table])
        frequencies[table, symbol] += increment
        totals[table] += increment
        if totals[table] > limit:
            total = np.int64(0)
            for k in range(frequencies.shape[1]):
                frequencies[table, k] = (frequencies[table, k] + 1) >> 1
                total += frequencies[table, k]
            totals[table] = total
    return cost


@kernel
def count_symbols(tables: Array, symbols: Array, counts: Array) -> Integer:
    """Add each (table, symbol) to ``counts`` (int64), for training."""
    for index in range(symbols.size):
        counts[tables[index], symbols[index]] += 1
    return OK


@kernel
def count_levels(folded: Array, levels: Array, classes: Array, phases: Integer, counts: Array) -> Integer:
    """Add each sample to ``counts`` (int64: x mod phases, class, level, coarse value), for training.

    The coarse value of v is v below 256, else 32 for each octave from there on and the five bits below the leading one.
    """
    rows, width = folded.shape
    for y in range(rows):
        for x in range(width):
            value = np.int64(folded[y, x])
            coarse = value
            if value >= 256:
                octave = _bit_length(value) - 1
                coarse = 256 + 32 * (octave - 8) + ((value >> (octave - 5)) & 31)
            counts[x % phases, classes[y, x], levels[y, x], coarse] += 1
    return OK


@kernel
def add_equations(loudness: Array, references: Array, step: Integer, values: Array, matrix: Array) -> Integer:
    """For training: add the normal equations of loudness from its neighbours' loudness and one to ``matrix`` (float64).

    ``references``: padded loudness of the planes coded before (planes, rows, columns). The last column of ``matrix``
    is the right-hand side. Every ``step``-th sample counts, the less the louder its surroundings are. ``values``: room
    for as many as a row of ``matrix`` has.
    """
    rows = loudness.shape[0] - PAD_TOP - PAD_BOTTOM
    width = loudness.shape[1] - 2 * PAD_SIDE
    size = OWN_NEIGHBOURS + REFERENCE_NEIGHBOURS * references.shape[0]
    values[size] = 1.0
    index = 0
    for y in range(PAD_TOP, rows + PAD_TOP):
        for x in range(PAD_SIDE, width + PAD_SIDE):
            index += 1
            if index % step != 0:
                continue
            values[0] = loudness[y, x - 1]
            values[1] = loudness[y - 1, x]
            values[2] = loudness[y - 1, x - 1]
            values[3] = loudness[y - 1, x + 1]
            values[4] = loudness[y, x - 2]
            values[5] = loudness[y - 2, x]
            for number in range(references.shape[0]):
                first = OWN_NEIGHBOURS + REFERENCE_NEIGHBOURS * number
                values[first] = references[number, y, x]
                values[first + 1] = references[number, y, x - 1]
                values[first + 2] = references[number, y, x + 1]
                values[first + 3] = references[number, y - 1, x]
                values[first + 4] = references[number, y + 1, x]
            values[size + 1] = loudness[y, x]
            mean = 0.0
            for i in range(size):
                mean += values[i]
            mean = mean / size + 0.5
            weight = 1.0 / (mean * mean)
            for i in range(size + 1):
                scaled = weight * values[i]
                for j in range(size + 2):
                    matrix[i, j] += scaled * values[j]
    return OK
