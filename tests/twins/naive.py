"""Plain-Python twins of the kernels, written from the definitions: slow, with unbounded integers, without arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from naive_context import Counting

Rows = list[list[int]]


# Prediction.


def _zigzag(error: int) -> int:
    return 2 * error if error > 0 else -2 * error - 1 if error < 0 else 0


def _unzigzag(value: int) -> int:
    return -(value + 1) // 2 if value % 2 else value // 2


def _med(at: Callable[[int, int], int], y: int, x: int) -> int:
    if y == 0:
        return at(0, x - 1) if x else 0
    if x == 0:
        return at(y - 1, 0)
    west, north, corner = at(y, x - 1), at(y - 1, x), at(y - 1, x - 1)
    return sorted((west, north, west + north - corner))[1]


def _gap(at: Callable[[int, int], int], y: int, x: int, width: int, shift: int, last: int) -> tuple[int, int]:
    if y == 0:
        w = at(0, x - 1) if x else 0
        ww = at(0, x - 2) if x > 1 else w
        n = nw = ne = nn = nne = w
    else:
        n = at(y - 1, x)
        w = at(y, x - 1) if x else n
        ww = at(y, x - 2) if x > 1 else w
        nw = at(y - 1, x - 1) if x else n
        ne = at(y - 1, x + 1) if x + 1 < width else n
        nn = at(y - 2, x) if y > 1 else n
        nne = at(y - 2, x + 1) if y > 1 and x + 1 < width else ne
    across = abs(w - ww) + abs(n - nw) + abs(n - ne)
    down = abs(w - nw) + abs(n - nn) + abs(ne - nne)
    slope = (down - across) >> shift
    middle = 8 * (w + n) + 4 * (ne - nw)
    bands = [
        (lambda d: d > 80, 16 * w),
        (lambda d: d < -80, 16 * n),
        (lambda d: d > 32, (middle + 16 * w) // 2),
        (lambda d: d < -32, (middle + 16 * n) // 2),
        (lambda d: d > 8, (3 * middle + 16 * w) // 4),
        (lambda d: d < -8, (3 * middle + 16 * n) // 4),
        (lambda d: True, middle),
    ]
    predicted = next(value for holds, value in bands if holds(slope))
    seen = (n, w, nw, ne, nn, ww, 2 * n - nn, 2 * w - ww)
    texture = sum(1 << bit for bit, value in enumerate(seen) if 16 * value < predicted)
    energy = (across + down + 2 * abs(last)) >> shift
    level = sum(energy > bound for bound in (5, 15, 25, 42, 60, 85, 140))
    return predicted, 256 * level + texture


def _walk(
    rows: int,
    width: int,
    low: int,
    high: int,
    image_rows: int,
    mode: int,
    shift: int,
    plane: Rows,
    step: Callable[[int, int, int], int],
) -> bool:
    """Predict sample after sample; ``step(y, x, predicted)`` gives the sample. False where one leaves its range."""
    for y in range(rows):
        top = y - y % image_rows
        if y == top:
            sums, counts = [0] * 2048, [0] * 2048
        last = 0

        def at(row: int, column: int, top: int = top) -> int:
            return plane[top + row][column]

        for x in range(width):
            if mode == 2:
                sample = step(y, x, low)
            elif mode == 0:
                sample = step(y, x, min(max(_med(at, y - top, x), low), high))
            else:
                wide, context = _gap(at, y - top, x, width, shift, last)
                corrected = wide + (16 * sums[context] // counts[context] if counts[context] else 0)
                sample = step(y, x, min(max((corrected + 8) // 16, low), high))
                last = sample - (wide + 8) // 16
                sums[context] += last
                counts[context] += 1
                if counts[context] == 128:
                    counts[context] = 64
                    sums[context] //= 2
            if not low <= sample <= high:
                return False
            plane[y][x] = sample
    return True


def to_zigzag(plane: Rows, low: int, high: int, image_rows: int, mode: int, shift: int) -> Rows:
    rows, width = len(plane), len(plane[0])
    zigzag = [[0] * width for _ in range(rows)]

    def step(y: int, x: int, predicted: int) -> int:
        error = plane[y][x] - predicted
        zigzag[y][x] = error if mode == 2 else _zigzag(error)
        return plane[y][x]

    _walk(rows, width, low, high, image_rows, mode, shift, [list(row) for row in plane], step)
    return zigzag


def from_zigzag(zigzag: Rows, low: int, high: int, image_rows: int, mode: int, shift: int) -> Rows | None:
    rows, width = len(zigzag), len(zigzag[0])
    plane = [[0] * width for _ in range(rows)]

    def step(y: int, x: int, predicted: int) -> int:
        return predicted + (zigzag[y][x] if mode == 2 else _unzigzag(zigzag[y][x]))

    return plane if _walk(rows, width, low, high, image_rows, mode, shift, plane, step) else None


# Windows.

Window = tuple[tuple[int, ...], ...]


def windows(plane: Rows, image_rows: int, max_rows: int, max_columns: int) -> Iterator[tuple[int, int, Window]]:
    """Every window of two samples or more that may be a shape, with its place."""
    rows, width = len(plane), len(plane[0])
    for y in range(rows):
        end = min(rows, y - y % image_rows + image_rows)
        for x in range(width):
            for h in range(1, min(max_rows, end - y) + 1):
                for w in range(1, min(max_columns, width - x) + 1):
                    window = tuple(tuple(plane[y + i][x : x + w]) for i in range(h))
                    lines = list(window) + list(zip(*window, strict=True))
                    if h * w > 1 and all(2 * sum(value != 0 for value in line) >= len(line) for line in lines):
                        yield y, x, window


def is_inside(plane: Rows, image_rows: int, y: int, x: int) -> bool:
    """Whether a sample is nonzero, as are its neighbours to the west, north and northwest in the same image."""
    return y % image_rows > 0 and x > 0 and all(plane[y - i][x - j] for i in (0, 1) for j in (0, 1))


def cover(matches: Sequence[tuple[int, int, Window]], order: dict[Window, int]) -> list[tuple[int, int, Window]]:
    """From sample to sample in raster order the match that comes first in ``order``, of those that overlap none."""
    covered: set[tuple[int, int]] = set()
    placed = []
    for place in sorted({(y, x) for y, x, _ in matches}):
        free = []
        for y, x, window in matches:
            cells = {(y + i, x + j) for i in range(len(window)) for j in range(len(window[0]))}
            if (y, x) == place and not cells & covered:
                free.append((order[window], window, cells))
        if free:
            _, window, cells = min(free)
            covered |= cells
            placed.append((*place, window))
    return placed


def place(plane: Rows, matches: Sequence[tuple[int, int, Window]]) -> list[tuple[int, int, Window]]:
    """Those of the matches, in their order, that overlap none before."""
    covered: set[tuple[int, int]] = set()
    placed = []
    for y, x, window in matches:
        cells = {(y + i, x + j) for i in range(len(window)) for j in range(len(window[0]))}
        if not cells & covered:
            covered |= cells
            placed.append((y, x, window))
    return placed


def pairs(plane: Rows, placed: Sequence[tuple[int, int, Window]]) -> list[tuple[int, int | Window]]:
    """(distance, window or single value) in raster order."""
    anchors = {(y, x): window for y, x, window in placed}
    covered = {(y + i, x + j) for y, x, window in placed for i in range(len(window)) for j in range(len(window[0]))}
    found: list[tuple[int, int | Window]] = []
    distance = 0
    for y, row in enumerate(plane):
        for x, value in enumerate(row):
            if (y, x) in anchors:
                found.append((distance, anchors[y, x]))
                distance = 0
            elif (y, x) in covered:
                continue
            elif value:
                found.append((distance, value))
                distance = 0
            else:
                distance += 1
    return found


# Numbers.


def code_numbers(counting: Counting, values: Sequence[int], above: Sequence[int]) -> None:
    """Numbers from 0 up, each in the context of the digits of one before it; bit models of their own."""
    counting.models.clear()
    for value, place in zip(values, above, strict=True):
        counting.size(value + 1, 32, min(11, values[place].bit_length()) if place >= 0 else 0)


def code_graded(counting: Counting, value: int, bits: int, table: int) -> None:
    """How many digits a number has, then those behind the first, each after all before."""
    digits = f"{value:b}" if value else ""
    for length in range(bits):
        if not counting.decide(int(len(digits) > length), table, 2**length // 2):
            break
    for place in range(1, len(digits)):
        highest = 2 ** (len(digits) - 1)
        counting.decide(int(digits[place]), table, highest + int(digits[:place], 2))


# Contexts.


def magnitude(value: int, logarithmic: bool) -> int:
    if not logarithmic:
        return min(value, 4095)
    octave = (value + 1).bit_length() - 1
    return 16 * octave + (16 * (value + 1) - (16 << octave)) // (1 << octave)


def residual_class(value: int, near: int, far: int) -> int:
    if value == 0:
        return 0
    return 1 + value % 2 + 2 * (value > near) + 2 * (value > far)


def table_of(
    zigzag: Rows,
    references: Sequence[Rows],
    y: int,
    x: int,
    logarithmic: bool,
    weights: Sequence[int],
    thresholds: Sequence[int],
    near: int,
    far: int,
    phases: int,
) -> int:
    """The table of a sample at (y, x) whose high part is zero."""

    def at(plane: Rows, dy: int, dx: int) -> int:
        inside = 0 <= y + dy < len(plane) and 0 <= x + dx < len(plane[0])
        return magnitude(plane[y + dy][x + dx], logarithmic) if inside else 0

    own = [at(zigzag, *step) for step in ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))]
    others = [at(plane, *step) for plane in references for step in ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))]
    activity = sum(weight * value for weight, value in zip(weights, own + others, strict=True))
    level = sum(threshold <= activity for threshold in thresholds)
    classes = 7 if far else 1
    number = residual_class(references[0][y][x], near, far) if far else 0
    return (level * classes + number) * phases + x % phases


def cheapest(matches: Sequence[tuple[int, int, Window]], costs: Sequence[int], sweeps: int) -> list[bool]:
    """Which matches of one image are banned: those without which the others, placed in their order, cost less."""
    banned = [False] * len(matches)

    def placed() -> list[int]:
        covered: set[tuple[int, int]] = set()
        taken = []
        for index, (y, x, window) in enumerate(matches):
            cells = {(y + i, x + j) for i in range(len(window)) for j in range(len(window[0]))}
            if not banned[index] and not cells & covered:
                covered |= cells
                taken.append(index)
        return taken

    best = placed()
    for _ in range(sweeps):
        gained, position = False, 0
        while position < len(best):
            index = best[position]
            banned[index] = True
            other = placed()
            if sum(costs[k] for k in other) < sum(costs[k] for k in best):
                best, gained = other, True
            else:
                banned[index] = False
                position += 1
        if not gained:
            break
    return banned


# JPEG scans (ITU-T T.81, annex F).


def huffman_codes(counts: Sequence[int], symbols: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The code and its length of each symbol, from the numbers of codes of 1, 2, ... bits."""
    result = {}
    code, following = 0, iter(symbols)
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            result[next(following)] = (code, length)
            code += 1
        code *= 2
    return result


def jpeg_scan(
    blocks: Rows,
    members: Sequence[int],
    tables: Rows,
    restart: int,
    padding: int,
    books: dict[int, dict[int, tuple[int, int]]],
) -> bytes:
    """Entropy-coded data of blocks in zigzag order, as strings of bits between restart markers."""
    intervals: list[list[tuple[int, list[int]]]] = []
    for number, block in enumerate(blocks):
        if number == 0 or (restart and number % (restart * len(members)) == 0):
            intervals.append([])
        intervals[-1].append((members[number % len(members)], block))

    def magnitude(value: int) -> str:
        size = abs(value).bit_length()
        return format(value if value > 0 else value + 2**size - 1, f"0{size}b") if size else ""

    def code(table: int, symbol: int) -> str:
        bits, length = books[table][symbol]
        return format(bits, f"0{length}b")

    pieces = []
    for interval in intervals:
        text = ""
        last: dict[int, int] = {}
        for member, block in interval:
            change = block[0] - last.get(member, 0)
            last[member] = block[0]
            text += code(tables[member][0], abs(change).bit_length()) + magnitude(change)
            run = 0
            for place in range(1, 64):
                value = block[place]
                if not any(block[place:]):
                    text += code(tables[member][1], 0)
                    break
                if value == 0:
                    run += 1
                    continue
                text += code(tables[member][1], 0xF0) * (run // 16)
                text += code(tables[member][1], run % 16 * 16 + abs(value).bit_length()) + magnitude(value)
                run = 0
        text += str(padding) * (-len(text) % 8)
        pieces.append(bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8)).replace(b"\xff", b"\xff\0"))
    result = pieces[0]
    for number, piece in enumerate(pieces[1:]):
        result += bytes([0xFF, 0xD0 + number % 8]) + piece
    return result


def progressive_scan(
    bands: Rows, low: int, refined: bool, restart: int, code: dict[int, tuple[int, int]], longest: int = 0x7FFF
) -> bytes:
    """Entropy-coded data of a scan of other than first coefficients, as libjpeg's encoder goes about it: an end-of-band
    run and correction bits are kept back until something else is to be said. ``bands``: of each block the coefficients
    of the scan in zigzag order."""
    intervals = [bands[i : i + restart] for i in range(0, len(bands), restart)] if restart else [bands]
    return b"".join(
        (b"\xff" + bytes([0xD0 + (number - 1) % 8]) if number else b"")
        + stuffed(_progressive_interval(interval, low, refined, code, longest))
        for number, interval in enumerate(intervals)
    )


def stuffed(text: str) -> bytes:
    """Bits as entropy-coded data, filled up with ones."""
    text += "1" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8)).replace(b"\xff", b"\xff\0")


def _progressive_interval(bands: Rows, low: int, refined: bool, code: dict[int, tuple[int, int]], longest: int) -> str:
    text, run, kept = "", 0, ""

    def symbol(value: int) -> str:
        bits, length = code[value]
        return format(bits, f"0{length}b")

    def flushed() -> str:
        nonlocal run, kept
        if run == 0:
            return ""
        size = run.bit_length() - 1
        out = symbol(size << 4) + (format(run - (1 << size), f"0{size}b") if size else "") + kept
        run, kept = 0, ""
        return out

    for band in bands:
        sizes = [abs(value) >> low for value in band]
        news = [k for k, size in enumerate(sizes) if size == 1 or (size and not refined)]
        zeros, own = 0, ""
        for k, size in enumerate(sizes):
            if size == 0:
                zeros += 1
                continue
            while zeros > 15 and news and k <= news[-1]:
                text += flushed() + symbol(0xF0) + own
                zeros, own = zeros - 16, ""
            if refined and size > 1:
                own += str(size & 1)
                continue
            number = size if band[k] > 0 else -size
            bits = size.bit_length()
            text += flushed() + symbol(zeros << 4 | bits)
            text += format(number if number > 0 else number + 2**bits - 1, f"0{bits}b") + own
            zeros, own = 0, ""
        if zeros or own:
            run, kept = run + 1, kept + own
            if run == longest or len(kept) > 937:
                text += flushed()
    return text + flushed()
