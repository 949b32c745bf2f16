"""Windows of a plane: which may be shapes, counting them, finding codebook shapes and placing them.

A window of h x w samples counts only if at least half of every row and of every column is nonzero. Hashes serve
speed alone: two rolling hashes modulo primes below 2**31 make a key below 2**62, and matches are verified.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sofc.jit.decorators import kernel

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


class Room(NamedTuple):
    """What looking for windows works in: for each height the widths allowed, for each row two hashes."""

    row_masks: Array
    hashes: Array


def window_room() -> Room:
    """Room for windows of any size."""
    return Room(np.zeros(MAX_SIDE + 1, np.int64), np.zeros((MAX_SIDE, 2), np.int64))


class PlacementRoom(NamedTuple):
    """What improving placements works in: the columns covered of each row, and the matches of two placements."""

    covered: Array
    placed: Array
    other: Array


def placement_room() -> PlacementRoom:
    """Room for the largest images that placements are improved of."""
    rows, columns = 64, 62
    return PlacementRoom(*(np.zeros(size, np.int64) for size in (rows, rows * columns + 1, rows * columns + 1)))


@kernel
def fill_masks(
    plane: Array, image_rows: Integer, max_rows: Integer, max_columns: Integer, runs: Array, across: Array, down: Array
) -> Integer:
    """Bit w of ``across[y, x]`` (int64): at least half of the w samples from (y, x) to the right is nonzero; bit h of
    ``down``: the same for h samples downwards. Neither leaves the plane or the image. ``runs``: room for a row."""
    rows, width = plane.shape
    # How many samples of the other kind come next decides most masks at once: far from any nonzero sample there are
    # no windows, and far from any zero there are all of them.
    for y in range(rows - 1, -1, -1):
        below = min(rows, y - y % image_rows + image_rows)
        if y == below - 1:
            for x in range(width):
                runs[x] = 0
        run = np.int64(0)
        for x in range(width - 1, -1, -1):
            nonzero = plane[y, x] != 0
            same = x + 1 < width and nonzero == (plane[y, x + 1] != 0)
            run = run + 1 if same else np.int64(1)
            room = min(max_columns, width - x)
            if nonzero and run >= room:
                across[y, x] = (np.int64(2) << room) - 2
            elif not nonzero and 2 * run > room:
                across[y, x] = 0
            else:
                mask = np.int64(0)
                count = np.int64(0)
                for w in range(1, room + 1):
                    if plane[y, x + w - 1] != 0:
                        count += 1
                    if 2 * count >= w:
                        mask |= np.int64(1) << w
                across[y, x] = mask
            same = y + 1 < below and nonzero == (plane[y + 1, x] != 0)
            runs[x] = runs[x] + 1 if same else np.int64(1)
            room = min(max_rows, below - y)
            if nonzero and runs[x] >= room:
                down[y, x] = (np.int64(2) << room) - 2
            elif not nonzero and 2 * runs[x] > room:
                down[y, x] = 0
            else:
                mask = np.int64(0)
                count = np.int64(0)
                for h in range(1, room + 1):
                    if plane[y + h - 1, x] != 0:
                        count += 1
                    if 2 * count >= h:
                        mask |= np.int64(1) << h
                down[y, x] = mask
    return OK


@kernel
def _is_inside(plane: Array, image_rows: Integer, y: Integer, x: Integer) -> Integer:
    """Whether a sample is nonzero and so are those before it in its row, above it and above to the left."""
    if x == 0 or y % image_rows == 0 or plane[y, x] == 0:
        return False
    return plane[y, x - 1] != 0 and plane[y - 1, x] != 0 and plane[y - 1, x - 1] != 0


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
    plane: Array,
    image_rows: Integer,
    first_image: Integer,
    max_rows: Integer,
    max_columns: Integer,
    outline: Integer,
    across: Array,
    down: Array,
    keys: Array,
    counts: Array,
    images: Array,
    last_image: Array,
    sizes: Array,
    used: Array,
    room: Room,
) -> Integer:
    """Count every window of two samples or more in a hash table (int64 arrays; ``keys`` EMPTY at first).

    With ``outline`` windows whose first sample lies inside a nonzero area, away from its upper left border, are passed.
    ``images`` counts the images that hold a window, ``sizes`` keeps 256 h + w, ``used[0]`` the slots taken. FULL
    where half of the slots are taken and more are wanted: windows not met before are then passed.
    """
    rows, width = plane.shape
    row_masks, hashes = room
    status = OK
    for y in range(rows):
        image = first_image + y // image_rows
        for x in range(width):
            if across[y, x] == 0 or (outline != 0 and _is_inside(plane, image_rows, y, x)):
                continue
            height = _extent(across, down, y, x, max_rows, max_columns, row_masks)
            for i in range(height):
                hashes[i, 0] = hashes[i, 1] = 0
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
                            status = FULL
                            continue
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
    return status


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
    plane: Array,
    image_rows: Integer,
    max_rows: Integer,
    max_columns: Integer,
    across: Array,
    down: Array,
    keys: Array,
    values: Array,
    found: Array,
    places: Array,
    room: Room,
) -> Integer:
    """All windows whose key is in the table: its number into ``found``, y * width + x into ``places`` (both int64).

    Returns how many there are, which may be more than fit; no more than fit are written.
    """
    rows, width = plane.shape
    row_masks, hashes = room
    count = 0
    for y in range(rows):
        for x in range(width):
            if across[y, x] == 0:
                continue
            height = _extent(across, down, y, x, max_rows, max_columns, row_masks)
            for i in range(height):
                hashes[i, 0] = hashes[i, 1] = 0
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
    plane: Array,
    image_rows: Integer,
    max_rows: Integer,
    max_columns: Integer,
    outline: Integer,
    across: Array,
    down: Array,
    keys: Array,
    values: Array,
    fresh: Array,
    found: Array,
    places: Array,
    sizes: Array,
    room: Room,
) -> Integer:
    """The first window, of those that ``count_windows`` counts, of each key that is in the table and still ``fresh``
    (uint8 by number, cleared here): number, place as above and 256 h + w (all int64, as many as numbers).

    Returns how many there are.
    """
    rows, width = plane.shape
    row_masks, hashes = room
    count = 0
    for y in range(rows):
        for x in range(width):
            if across[y, x] == 0 or (outline != 0 and _is_inside(plane, image_rows, y, x)):
                continue
            height = _extent(across, down, y, x, max_rows, max_columns, row_masks)
            for i in range(height):
                hashes[i, 0] = hashes[i, 1] = 0
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
def _fits(
    plane: Array, covered: Array, y: Integer, x: Integer, h: Integer, w: Integer, offset: Integer, pool: Array
) -> Integer:
    """Whether a shape's samples stand at (y, x) and none is covered. Keys may coincide: its size is checked, too."""
    if y + h > plane.shape[0] or x + w > plane.shape[1]:
        return False
    for i in range(h):
        for j in range(w):
            if covered[y + i, x + j] != 0 or plane[y + i, x + j] != pool[offset + i * w + j]:
                return False
    return True


@kernel
def _cover(covered: Array, y: Integer, x: Integer, h: Integer, w: Integer) -> None:
    for i in range(y, y + h):
        for j in range(x, x + w):
            covered[i, j] = 1


@kernel
def place_shapes(
    plane: Array,
    found: Array,
    places: Array,
    heights: Array,
    widths: Array,
    offsets: Array,
    pool: Array,
    anchors: Array,
    covered: Array,
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
        if _fits(plane, covered, y, x, h, w, np.int64(offsets[shape]), pool):
            anchors[y, x] = shape + 1
            _cover(covered, y, x, h, w)
            placed += 1
    return placed


@kernel
def cover_plane(
    plane: Array,
    image_rows: Integer,
    max_rows: Integer,
    max_columns: Integer,
    across: Array,
    down: Array,
    keys: Array,
    values: Array,
    order: Array,
    heights: Array,
    widths: Array,
    offsets: Array,
    pool: Array,
    anchors: Array,
    covered: Array,
    room: Room,
) -> Integer:
    """From sample to sample that is not covered yet, place the shape that comes first in ``order`` of those that fit.

    Nothing is looked for inside what is covered, so solid areas take little time. ``keys`` and ``values`` are the
    table of the shapes, the rest is as in ``place_shapes``.
    """
    rows, width = plane.shape
    row_masks, hashes = room
    placed = 0
    for y in range(rows):
        for x in range(width):
            if across[y, x] == 0 or covered[y, x] != 0:
                continue
            height = _extent(across, down, y, x, max_rows, max_columns, row_masks)
            for i in range(height):
                hashes[i, 0] = hashes[i, 1] = 0
            heights_left = np.int64(-1)
            best = np.int64(-1)
            for w in range(1, min(max_columns, width - x) + 1):
                heights_left &= np.int64(down[y, x + w - 1])
                if heights_left == 0 or covered[y, x + w - 1] != 0:
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
                    if h * w == 1 or (heights_left >> h) & 1 == 0 or (row_masks[h] >> w) & 1 == 0:
                        continue
                    key = (hash_1 << 31) | hash_2
                    slot = _find_slot(keys, key)
                    if keys[slot] != key:
                        continue
                    shape = np.int64(values[slot])
                    if best < 0 or order[shape] < order[best]:
                        rows_wanted, columns_wanted = np.int64(heights[shape]), np.int64(widths[shape])
                        if y % image_rows + rows_wanted <= image_rows and _fits(
                            plane, covered, y, x, rows_wanted, columns_wanted, np.int64(offsets[shape]), pool
                        ):
                            best = shape
            if best >= 0:
                anchors[y, x] = best + 1
                _cover(covered, y, x, np.int64(heights[best]), np.int64(widths[best]))
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
    first: Integer,
    end: Integer,
    banned: Array,
    rows: Array,
    heights: Array,
    masks: Array,
    costs: Array,
    savings: Array,
    covered: Array,
    placed: Array,
) -> Integer:
    """Place the matches ``first`` .. ``end`` - 1 of one image in their order. Their numbers go into ``placed`` and how
    many there are into its last place; returns the sum of costs less savings."""
    for y in range(covered.size):
        covered[y] = 0
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
    bounds: Array,
    rows: Array,
    heights: Array,
    masks: Array,
    costs: Array,
    savings: Array,
    sweeps: Integer,
    room: PlacementRoom,
    banned: Array,
) -> Integer:
    """Ban matches (``banned``, uint8, 0 at first) without which greedy placement costs less.

    Matches (int64 columns) are in the order of placing; those of image k are ``bounds[k]`` .. ``bounds[k + 1]`` - 1.
    ``masks`` has a bit for each column of the image (at most 62) that the match covers, ``rows`` counts from the
    image's top (at most 64 rows). Each sweep tries to ban every match placed, one after the other.
    """
    covered, placed, other = room
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
                    for i in range(other[last]):
                        placed[i] = other[i]
                    placed[last] = other[last]
                    gained = True
                else:
                    banned[match] = 0
                    index += 1
            if not gained:
                break
    return OK
