"""Spec labels."""

from __future__ import annotations

import itertools
from array import array
from dataclasses import dataclass, field

from ..coding_tools import MIXER_ROWS as ROWS
from ..coding_tools import Area, Decisions, Mixing, Models, Range, hash_terms, learn
from ..notation import clamp, require

CONTEXTS = [(0,), (0, 1), (0, 1, 2), (0, 3), (0, 1, 3, 4), (0, 1, 5), (0, 3, 5)]
SLOT_BITS = 15
PAD = 3
FAR = 15
NEW, BACKGROUND = 6, 7
UNTRAINED = 0x80000000
Rows = list[list[int]]


@dataclass
class Plan:
    """Mixing as it is before training."""

    slot_bits: list[int] = field(default_factory=lambda: [SLOT_BITS] * len(CONTEXTS))
    models: Models = field(default_factory=lambda: [array("I", [UNTRAINED]) * (8 << SLOT_BITS) for _ in CONTEXTS])
    sets: int = 3
    mixer: Rows = field(
        default_factory=lambda: [[13 * 65536 // (10 * len(CONTEXTS))] * len(CONTEXTS) + [0] for _ in range(ROWS)]
    )


class LabelsDecoder:
    """Decodes one plane."""

    def __init__(self, stream: bytes, top: int, area: Area) -> None:
        self.decisions = Decisions(stream)
        self.top, self.area = top, area
        self.mixing = Mixing(Plan())
        self.still = [UNTRAINED] * 32
        self.most = -1
        self.before: Rows = self.blank()
        self.image: Rows = []

    def blank(self) -> Rows:
        """An image of zeros with three more samples on the left, on the right and above."""
        return [[0] * (self.area.width + 2 * PAD) for _ in range(self.area.image_rows + PAD)]

    # Spec labels/samples

    def decode(self) -> list[int]:
        plane = []
        for _ in self.area.image_starts:
            self.image = self.blank()
            far = [FAR] * (self.area.width + 2 * PAD)
            ahead, behind = [far, far], [far, far]
            for y in range(PAD, len(self.image)):
                self.decode_row(y, ahead, behind)
                row = self.image[y]
                ahead = [distances(row[::-1])[::-1], ahead[0]]
                behind = [distances(row), behind[0]]
                plane += row[PAD:-PAD]
            self.before = self.image
        return plane

    def past(self, y: int, x: int) -> list[int]:
        """Here, east, south, west and north in the image before."""
        before = self.before
        south = before[y + 1][x] if y + 1 < len(before) else before[y][x]
        return [before[y][x], before[y][x + 1], south, before[y][x - 1], before[y - 1][x]]

    def is_still(self, y: int, x: int) -> bool:
        image, past = self.image, self.past(y, x)
        around = [image[y][x - 2], *image[y - 1][x - 2 : x + 3], *image[y - 2][x - 1 : x + 2]]
        return all(label == image[y][x - 1] for label in around) and all(label == past[0] for label in past)

    def decode_row(self, y: int, ahead: Rows, behind: Rows) -> None:
        row, run = self.image[y], 0
        for x in range(PAD, PAD + self.area.width):
            west = row[x - 1]
            if self.is_still(y, x) and self.is_west(2 * min(15, run) + (west == 0)):
                label = west
            else:
                mates, terms = self.surroundings(y, x, run, ahead, behind)
                self.mixing.hashes = [hash_terms([terms[term] for term in context]) for context in CONTEXTS]
                label = self.decode_label(mates, terms)
            run = run + 1 if label == west else 0
            row[x] = label
            self.most = max(self.most, label)

    def is_west(self, index: int) -> int:
        bit = self.decisions.decide(clamp(self.still[index] >> 16, 32, 65504))
        self.still[index] = learn(self.still[index], bit)
        return bit

    # Spec labels/terms

    def surroundings(self, y: int, x: int, run: int, ahead: Rows, behind: Rows) -> tuple[list[int], list[int]]:
        """The mates and the terms."""
        image, past = self.image, self.past(y, x)

        def at(dy: int, dx: int) -> int:
            return image[y + dy][x + dx]

        end = len(image[y]) - 1
        mates = [at(0, -1), at(-1, 0), at(-1, 1), at(-1, -1), past[0], image[y - 1][min(end, x + ahead[0][x])]]

        def classes(labels: list[int]) -> int:
            value = 0
            for label in labels:
                value = 4 * value + (mates[:3].index(label) if label in mates[:3] else 3)
            return value

        near = 64 * (mates[0] == mates[1]) + 4 * classes(mates[2:4]) + 2 * (mates[0] == 0) + (mates[1] == 0)
        second = classes([at(0, -2), at(-2, 0), at(-2, 1), at(-2, -1), at(-1, 2), at(-1, -2)])
        third = classes([at(0, -3), at(-3, 0), at(-2, 2), at(-2, -2), at(-1, 3), at(-1, -3)])
        alike = sum((past[0] == label) << shift for label, shift in zip(past[1:4], (2, 1, 0), strict=True))
        return mates, [
            near,
            second,
            third,
            256 * min(15, run) + 16 * ahead[0][x] + ahead[1][x],
            16 * behind[0][x] + behind[1][x],
            8 * classes(past[:4]) + alike,
        ]

    # Spec labels/questions

    def decode_label(self, mates: list[int], terms: list[int]) -> int:
        self.mixing.level = terms[0] >> 2 & 15
        selectors = terms[1] & 63, terms[3] & 60 | self.mixing.level & 3

        def ask(question: int) -> int:
            return self.mixing.decide_bin(self.decisions, question, *selectors)

        for k, mate in enumerate(mates):
            if mate not in mates[:k] and ask(k):
                return mate
        if self.most < self.top and ask(NEW):
            return self.most + 1
        if 0 not in mates and ask(BACKGROUND):
            return 0
        label = self.decisions.bypass_bits(self.top.bit_length(), 0)
        require(label <= self.top, "label out of range")
        return label


def distances(row: list[int]) -> list[int]:
    """How far each sample is from the next on its left that is another label."""
    result = [FAR]
    for before, label in itertools.pairwise(row):
        result.append(min(FAR, result[-1] + 1) if label == before else 1)
    return result


def decode_labels(streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """The planes of coder 6."""
    planes = []
    for stream, (low, high) in zip(streams, ranges, strict=True):
        labels = LabelsDecoder(stream, high - low, area).decode()
        planes.append([low + label for label in labels])
    return planes
