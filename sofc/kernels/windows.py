"""Windows of a plane: which may be shapes, counting them, finding codebook shapes and placing them.

A window of h x w samples counts only if at least half of every row and of every column is nonzero. Hashes serve
speed alone: two rolling hashes modulo primes below 2**31 make a key below 2**62, and matches are verified.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sofc.kernels._jit import kernel

Array = Any
Integer = Any  # int, or numpy.int64 where kernels run interpreted

OK = 0
FULL = 1

MAX_SIDE = 28

PRIME_1 = 2147483647
PRIME_2 = 2147483629
ROW_1 = 1103515245
ROW_2 = 1566083941
COLUMN_1 = 1664525
COLUMN_2 = 69069

EMPTY = -1


@kernel
def fill_masks(
    plane: Array, image_rows: Integer, max_rows: Integer, max_columns: Integer, across: Array, down: Array
) -> Integer:
    """Bit w of ``across[y, x]`` (int64): at least half of the w samples from (y, x) to the right is nonzero; bit h of
    ``down``: the same for h samples downwards. Neither leaves the plane or the image."""
    rows, width = plane.shape
    for y in range(rows):
        below = min(rows, y - y % image_rows + image_rows)
        for x in range(width):
            mask = np.int64(0)
            nonzero = 0
            for count in range(1, min(max_columns, width - x) + 1):
                if plane[y, x + count - 1] != 0:
                    nonzero += 1
                if 2 * nonzero >= count:
                    mask |= np.int64(1) << count
            across[y, x] = mask
            mask = np.int64(0)
            nonzero = 0
            for count in range(1, min(max_rows, below - y) + 1):
                if plane[y + count - 1, x] != 0:
                    nonzero += 1
                if 2 * nonzero >= count:
                    mask |= np.int64(1) << count
            down[y, x] = mask
    return OK


@kernel
def _extent(
    across: Array, down: Array, y: Integer, x: Integer, max_rows: Integer, max_columns: Integer, row_masks: Array
) -> Integer:
    """Fills ``row_masks[h]`` with the widths allowed for height h; returns the greatest height worth looking at."""
    rows = across.shape[0]
    allowed = np.int64(across[y, x])
    height = 0
    while height < max_rows and y + height < rows:
        allowed &= np.int64(across[y + height, x])
        if allowed == 0:
            break
        height += 1
        row_masks[height] = allowed
    return height


@kernel
def _find_slot(keys: Array, key: Integer) -> Integer:
    """Where ``key`` is or would go in an open hash table whose size is a power of two."""
    mask = keys.size - 1
    slot = (key ^ (key >> 29)) & mask
    while keys[slot] != EMPTY and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@kernel
def count_windows(
    plane: Array, image_rows: Integer, first_image: Integer, max_rows: Integer, max_columns: Integer, across: Array,
    down: Array, keys: Array, counts: Array, images: Array, last_image: Array, sizes: Array, used: Array,
) -> Integer:
    """Count every window of two samples or more in a hash table (int64 arrays; ``keys`` EMPTY at first).

    ``images`` counts the images that hold a window, ``sizes`` keeps 256 h + w, ``used[0]`` the slots taken. FULL
    where more than half of the slots are taken: the table is then incomplete.
    """
    rows, width = plane.shape
    row_masks = np.zeros(MAX_SIDE + 1, np.int64)
    hashes = np.zeros((MAX_SIDE, 2), np.int64)
    for y in range(rows):
        image = first_image + y // image_rows
        for x in range(width):
            if across[y, x] == 0:
                continue
            height = _extent(across, down, y, x, max_rows, max_columns, row_masks)
            hashes[:height] = 0
            heights = np.int64(-1)
            for w in range(1, min(max_columns, width - x) + 1):
                heights &= np.int64(down[y, x + w - 1])
                if heights == 0:
                    break
                hash_1 = np.int64(0)
                hash_2 = np.int64(0)
                for i in range(height):
                    value = np.int64(plane[y + i, x + w - 1]) + 1
                    row_1 = (hashes[i, 0] * ROW_1 + value) % PRIME_1
                    row_2 = (hashes[i, 1] * ROW_2 + value) % PRIME_2
                    hashes[i, 0] = row_1
                    hashes[i, 1] = row_2
                    h = i + 1
                    hash_1 = (hash_1 * COLUMN_1 + row_1) % PRIME_1
                    hash_2 = (hash_2 * COLUMN_2 + row_2 + w) % PRIME_2
                    if h * w == 1 or (heights >> h) & 1 == 0 or (row_masks[h] >> w) & 1 == 0:
                        continue
                    key = (hash_1 << 31) | hash_2
                    slot = _find_slot(keys, key)
                    if keys[slot] == EMPTY:
                        if 2 * used[0] >= keys.size:
                            return FULL
                        used[0] += 1
                        keys[slot] = key
                        counts[slot] = 0
                        images[slot] = 0
                        last_image[slot] = -1
                        sizes[slot] = 256 * h + w
                    counts[slot] += 1
                    if last_image[slot] != image:
                        last_image[slot] = image
                        images[slot] += 1
    return OK


@kernel
def insert_keys(keys: Array, entries: Array, values: Array, slots: Array) -> Integer:
    """Put ``entries`` (distinct) into an empty table ``keys``, entry i's number i into ``values`` at its slot."""
    for index in range(entries.size):
        slot = _find_slot(keys, entries[index])
        keys[slot] = entries[index]
        values[slot] = index
        slots[index] = slot
    return OK


@kernel
def hash_shapes(heights: Array, widths: Array, offsets: Array, pool: Array, entries: Array) -> Integer:
    """Key (int64) of each shape; its samples stand row by row from ``offsets`` in ``pool`` (int32)."""
    for index in range(heights.size):
        h = np.int64(heights[index])
        w = np.int64(widths[index])
        place = np.int64(offsets[index])
        hash_1 = np.int64(0)
        hash_2 = np.int64(0)
        for i in range(h):
            row_1 = np.int64(0)
            row_2 = np.int64(0)
            for j in range(w):
                value = np.int64(pool[place + i * w + j]) + 1
                row_1 = (row_1 * ROW_1 + value) % PRIME_1
                row_2 = (row_2 * ROW_2 + value) % PRIME_2
            hash_1 = (hash_1 * COLUMN_1 + row_1) % PRIME_1
            hash_2 = (hash_2 * COLUMN_2 + row_2 + w) % PRIME_2
        entries[index] = (hash_1 << 31) | hash_2
    return OK


@kernel
def find_windows(
    plane: Array, image_rows: Integer, max_rows: Integer, max_columns: Integer, across: Array, down: Array, keys: Array,
    values: Array, found: Array, places: Array,
) -> Integer:
    """All windows whose key is in the table: its number into ``found``, y * width + x into ``places`` (both int64).

    Returns how many there are, which may be more than fit; no more than fit are written.
    """
    rows, width = plane.shape
    row_masks = np.zeros(MAX_SIDE + 1, np.int64)
    hashes = np.zeros((MAX_SIDE, 2), np.int64)
    count = 0
    for y in range(rows):
        for x in range(width):
            if across[y, x] == 0:
                continue
            height = _extent(across, down, y, x, max_rows, max_columns, row_masks)
            hashes[:height] = 0
            heights = np.int64(-1)
            for w in range(1, min(max_columns, width - x) + 1):
                heights &= np.int64(down[y, x + w - 1])
                if heights == 0:
                    break
                hash_1 = np.int64(0)
                hash_2 = np.int64(0)
                for i in range(height):
                    value = np.int64(plane[y + i, x + w - 1]) + 1
                    row_1 = (hashes[i, 0] * ROW_1 + value) % PRIME_1
                    row_2 = (hashes[i, 1] * ROW_2 + value) % PRIME_2
                    hashes[i, 0] = row_1
                    hashes[i, 1] = row_2
                    h = i + 1
                    hash_1 = (hash_1 * COLUMN_1 + row_1) % PRIME_1
                    hash_2 = (hash_2 * COLUMN_2 + row_2 + w) % PRIME_2
                    if h * w == 1 or (heights >> h) & 1 == 0 or (row_masks[h] >> w) & 1 == 0:
                        continue
                    key = (hash_1 << 31) | hash_2
                    slot = _find_slot(keys, key)
                    if keys[slot] == key:
                        if count < found.size:
                            found[count] = values[slot]
                            places[count] = y * width + x
                        count += 1
    return count


@kernel
def find_fresh(
    plane: Array, image_rows: Integer, max_rows: Integer, max_columns: Integer, across: Array, down: Array, keys: Array,
    values: Array, fresh: Array, found: Array, places: Array, sizes: Array,
) -> Integer:
    """The first window of each key that is in the table and still ``fresh`` (uint8 by number, cleared here): number,
    place as above and 256 h + w (all int64, as many as numbers). Returns how many there are."""
    rows, width = plane.shape
    row_masks = np.zeros(MAX_SIDE + 1, np.int64)
    hashes = np.zeros((MAX_SIDE, 2), np.int64)
    count = 0
    for y in range(rows):
        for x in range(width):
            if across[y, x] == 0:
                continue
            height = _extent(across, down, y, x, max_rows, max_columns, row_masks)
            hashes[:height] = 0
            heights = np.int64(-1)
            for w in range(1, min(max_columns, width - x) + 1):
                heights &= np.int64(down[y, x + w - 1])
                if heights == 0:
                    break
                hash_1 = np.int64(0)
                hash_2 = np.int64(0)
                for i in range(height):
                    value = np.int64(plane[y + i, x + w - 1]) + 1
                    row_1 = (hashes[i, 0] * ROW_1 + value) % PRIME_1
                    row_2 = (hashes[i, 1] * ROW_2 + value) % PRIME_2
                    hashes[i, 0] = row_1
                    hashes[i, 1] = row_2
                    h = i + 1
                    hash_1 = (hash_1 * COLUMN_1 + row_1) % PRIME_1
                    hash_2 = (hash_2 * COLUMN_2 + row_2 + w) % PRIME_2
                    if h * w == 1 or (heights >> h) & 1 == 0 or (row_masks[h] >> w) & 1 == 0:
                        continue
                    key = (hash_1 << 31) | hash_2
                    slot = _find_slot(keys, key)
                    if keys[slot] == key and fresh[values[slot]] != 0:
                        fresh[values[slot]] = 0
                        found[count] = values[slot]
                        places[count] = y * width + x
                        sizes[count] = 256 * h + w
                        count += 1
    return count


@kernel
def place_shapes(
    plane: Array, found: Array, places: Array, heights: Array, widths: Array, offsets: Array, pool: Array, anchors:
    Array, covered: Array,
) -> Integer:
    """Place the matches in their order wherever all samples are equal and none is covered yet.

    ``anchors`` (int32, 0 at first) gets 1 + the shape's number at its top left sample, ``covered`` (uint8) 1 at all its
    samples. Returns how many were placed.
    """
    width = plane.shape[1]
    placed = 0
    for index in range(found.size):
        shape = np.int64(found[index])
        y = np.int64(places[index]) // width
        x = np.int64(places[index]) % width
        h = np.int64(heights[shape])
        w = np.int64(widths[shape])
        offset = np.int64(offsets[shape])
        fits = True
        for i in range(h):
            for j in range(w):
                if covered[y + i, x + j] != 0 or plane[y + i, x + j] != pool[offset + i * w + j]:
                    fits = False
                    break
            if not fits:
                break
        if fits:
            anchors[y, x] = shape + 1
            covered[y : y + h, x : x + w] = 1
            placed += 1
    return placed


@kernel
def list_shapes(plane: Array, anchors: Array, covered: Array, distances: Array, shapes: Array) -> Integer:
    """The (location, shape) pairs in raster order: how many free samples were passed since the last pair, and the
    shape's number + 1 or, for a single sample, minus its value. Both int64, as long as the plane; returns the count."""
    rows, width = plane.shape
    count = 0
    distance = 0
    for y in range(rows):
        for x in range(width):
            if anchors[y, x] != 0:
                shapes[count] = anchors[y, x]
            elif covered[y, x] != 0:
                continue
            elif plane[y, x] != 0:
                shapes[count] = -np.int64(plane[y, x])
            else:
                distance += 1
                continue
            distances[count] = distance
            count += 1
            distance = 0
    return count


@kernel
def _greedy_cost(
    first: Integer, end: Integer, banned: Array, rows: Array, heights: Array, masks: Array, costs: Array,
    savings: Array, covered: Array, placed: Array,
) -> Integer:
    """Place the matches ``first`` .. ``end`` - 1 of one image in their order. Their numbers go into ``placed`` and how
    many there are into its last place; returns the sum of costs less savings."""
    covered[:] = 0
    total = np.int64(0)
    count = 0
    for match in range(first, end):
        if banned[match] != 0:
            continue
        y = rows[match]
        height = heights[match]
        mask = masks[match]
        free = True
        for i in range(y, y + height):
            if covered[i] & mask != 0:
                free = False
                break
        if free:
            for i in range(y, y + height):
                covered[i] |= mask
            total += costs[match] - savings[match]
            placed[count] = match
            count += 1
    placed[placed.size - 1] = count
    return total


@kernel
def improve_placement(
    bounds: Array, rows: Array, heights: Array, masks: Array, costs: Array, savings: Array, sweeps: Integer,
    banned: Array,
) -> Integer:
    """Ban matches (``banned``, uint8, 0 at first) without which greedy placement costs less.

    Matches (int64 columns) are in the order of placing; those of image k are ``bounds[k]`` .. ``bounds[k + 1]`` - 1.
    ``masks`` has a bit for each column of the image (at most 62) that the match covers, ``rows`` counts from the
    image's top (at most 64 rows). Each sweep tries to ban every match placed, one after the other.
    """
    covered = np.zeros(64, np.int64)
    placed = np.zeros(64 * 62 + 1, np.int64)
    other = np.zeros(64 * 62 + 1, np.int64)
    last = placed.size - 1
    for image in range(bounds.size - 1):
        first = bounds[image]
        end = bounds[image + 1]
        best = _greedy_cost(first, end, banned, rows, heights, masks, costs, savings, covered, placed)
        for _ in range(sweeps):
            gained = False
            index = 0
            while index < placed[last]:
                match = placed[index]
                banned[match] = 1
                cost = _greedy_cost(first, end, banned, rows, heights, masks, costs, savings, covered, other)
                if cost < best:
                    best = cost
                    placed[: other[last]] = other[: other[last]]
                    placed[last] = other[last]
                    gained = True
                else:
                    banned[match] = 0
                    index += 1
            if not gained:
                break
    return OK
