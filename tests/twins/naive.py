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


def _walk(plane: Rows, low: int, high: int, image_rows: int, step: Callable[[int, int, int], int]) -> bool:
    """Predict sample after sample; ``step(y, x, predicted)`` gives the sample. False where one leaves its range."""
    for y, row in enumerate(plane):
        top = y - y % image_rows

        def at(row: int, column: int, top: int = top) -> int:
            return plane[top + row][column]

        for x in range(len(row)):
            predicted = low if high - low == 1 else min(max(_med(at, y - top, x), low), high)
            sample = step(y, x, predicted)
            if not low <= sample <= high:
                return False
            row[x] = sample
    return True


def to_zigzag(plane: Rows, low: int, high: int, image_rows: int) -> Rows:
    zigzag = [[0] * len(row) for row in plane]

    def step(y: int, x: int, predicted: int) -> int:
        error = plane[y][x] - predicted
        zigzag[y][x] = error if high - low == 1 else _zigzag(error)
        return plane[y][x]

    _walk([list(row) for row in plane], low, high, image_rows, step)
    return zigzag


def _around(plane: Rows, top: int, y: int, x: int) -> Iterator[int]:
    """Samples before one, of an image that begins at row ``top``, by the rules for what lies beyond its borders."""

    def at(down: int, right: int) -> int:
        row, column = y + down, x + right
        if row < top:  # what the first row left above it: its samples, moved to the right, the last known one beyond
            if (y, x) == (top, 0):
                return 0
            known = x - 1 if y == top else len(plane[0]) - 1
            return plane[top][min(max(column - 1, 0), known)]
        if column < 0:
            return plane[row - 1][0] if row > top else plane[top][0] if (y, x) != (top, 0) else 0
        return plane[row][min(column, len(plane[0]) - 1)]

    places = "0-1 -1+0 -1-1 -1+1 0-2 -2+0 -2+1 -1+2 -1-2 -2-1 0-3 -3+0"
    for place in places.split():
        yield at(int(place[:-2]), int(place[-2:]))


def adaptive(
    plane: Rows, zigzag: Rows | None, low: int, high: int, image_rows: int, before: Sequence[Rows]
) -> Rows | None:
    """The zigzag values of a plane by adaptive prediction, or, given these, its samples, put into ``plane``; None where
    one leaves its range. ``before``: errors of the planes before, the nearest first."""
    result = [[0] * len(row) for row in plane]
    weights = [0] * 20
    for y, row in enumerate(plane):
        top = y - y % image_rows
        for x in range(len(row)):
            near = list(_around(plane, top, y, x))
            guess = (2 * (near[0] + near[1]) + near[3] - near[2] + 2) // 4
            taps = [one - guess for one in near]
            for errors in before[:2]:
                below = errors[min(y + 1, top + image_rows - 1, len(plane) - 1)]
                here = errors[y]
                taps += [here[x], here[min(x + 1, len(row) - 1)], below[x], here[max(x - 1, 0)]]
            total = guess * 65536 + sum(weight * tap for weight, tap in zip(weights, taps, strict=False))
            total = min(max(total, low * 65536), high * 65536)
            predicted = (total + 32768) // 65536
            if zigzag is None:
                result[y][x] = _zigzag(row[x] - predicted)
            else:
                row[x] = predicted + _unzigzag(zigzag[y][x])
                if not low <= row[x] <= high:
                    return None
            size = (1 + sum(tap**2 for tap in taps)).bit_length()
            most = 2 ** (12 + (size + 1) // 2)
            step = min(max(row[x] * 65536 - total, -most), most)
            for i, tap in enumerate(taps):
                weights[i] = min(max(weights[i] + step * tap // 2 ** (size + 4), -(2**22)), 2**22)
    return plane if zigzag is not None else result


def count_residuals(plane: Rows, image_rows: int) -> tuple[dict[tuple[int, int], int], int]:
    """Of the median predictor: by activity and token, and how many plain bits follow the tokens."""
    counts: dict[tuple[int, int], int] = {}
    plain = 0
    for y, row in enumerate(plane):
        for x in range(1, len(row) - 1) if y % image_rows else ():
            differences = row[x - 1] - plane[y - 1][x - 1], plane[y - 1][x] - plane[y - 1][x - 1]
            activity = sum(map(abs, (*differences, plane[y - 1][x + 1] - plane[y - 1][x])))
            folded = _zigzag(row[x] - _med(lambda i, j: plane[i][j], y, x))
            more = max(0, folded.bit_length() - 7)
            key = activity.bit_length(), 127 + more if more else folded
            counts[key] = counts.get(key, 0) + 1
            plain += folded.bit_length() - 1 if more else 0
    return counts, plain


def from_zigzag(zigzag: Rows, low: int, high: int, image_rows: int) -> Rows | None:
    plane = [[0] * len(row) for row in zigzag]

    def step(y: int, x: int, predicted: int) -> int:
        return predicted + (zigzag[y][x] if high - low == 1 else _unzigzag(zigzag[y][x]))

    return plane if _walk(plane, low, high, image_rows, step) else None


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


def magnitude(value: int) -> int:
    octave = (value + 1).bit_length() - 1
    return 16 * octave + (16 * (value + 1) - (16 << octave)) // (1 << octave)


def table_of(zigzag: Rows, references: Sequence[Rows], y: int, x: int, weights: Sequence[int], split: int) -> int:
    """The table of a sample at (y, x) whose high part is zero: how many levels its activity, in 1/128, has reached."""

    def at(plane: Rows, dy: int, dx: int) -> int:
        inside = 0 <= y + dy < len(plane) and 0 <= x + dx < len(plane[0])
        return magnitude(plane[y + dy][x + dx]) if inside else 0

    own = [at(zigzag, *step) for step in ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))]
    others = [at(plane, *step) for plane in references for step in ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))]
    activity = sum(weight * value for weight, value in zip(weights, own + others, strict=True))
    # Levels are half an octave of residuals, from eight bits on an octave, and so is the lowest one in half.
    halves = 2 if split > 7 else 1
    return sum(activity >= 512 * halves + 1024 * place for place in range(2 * split + 2) if place % halves == 0)


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
