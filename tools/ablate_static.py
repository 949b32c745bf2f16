#!/usr/bin/env python3
"""What the parts of the static coder give: bytes of images that were not trained on, without one part at a time.

    SOFC_TEST_DATA=FOLDER tools/ablate_static.py

Prints the table of sofc/coders/static/DESIGN.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import sofc
from sofc.coders import bank_training
from sofc.coders.static import kernel, training
from sofc.coders.static.passes import StaticBank
from sofc.imagefiles import load, sources

DATA = Path(os.environ.get("SOFC_TEST_DATA", ""))
SETS = {"drive/train": (4, 8), "bccd/train": (4, 10), "medical16/ct-head-ge/train": (4, 8)}
"""Images trained on, and where those that are coded end."""


def averaged(axes: tuple[int, ...]) -> Callable[..., Any]:
    """Contexts that are the same for all fractions (axis 1) or sides (axis 2)."""
    choose = training.choose_contexts

    def chosen(edges: Any, low_bits: Any, histogram: Any) -> Any:
        cells = histogram.reshape(len(low_bits), kernel.FRACTIONS, kernel.SIDES, -1)
        mean = np.broadcast_to(np.rint(cells.mean(axis=axes, keepdims=True)), cells.shape)
        return choose(edges, low_bits, mean.astype(np.int64).reshape(histogram.shape))

    return chosen


class Unrelated(training.StaticTraining):
    """Planes without references."""

    def run(self) -> Any:
        """As ever."""
        self._references = tuple(() for _ in self._ranges)
        return (yield from super().run())


PARTS: dict[str, Any] = {
    "nothing": patch.object(training, "EFFORT", training.EFFORT),
    "grid map": patch.object(training.StaticTraining, "handicaps", lambda *_: (1, np.inf)),
    "references": patch.object(training, "StaticTraining", Unrelated),
    "weighted equations": patch.object(bank_training, "MOST_WEIGHT", 1),
    "ties": patch.object(StaticBank, "tied", lambda *_: [(0, 1)]),
    "sides": patch.object(training, "choose_contexts", averaged((2,))),
    "fractions and sides": patch.object(training, "choose_contexts", averaged((1, 2))),
    "levels": patch.object(training, "LEVELS", 1),
}


def bytes_of(images: Sequence[Any], trained: int) -> int:
    """Of the images after the first ones, which are trained on."""
    codebook = sofc.train(images[:trained], name="ablation", coder="static", held_out=0).codebook
    return sum(len(sofc.encode(image, effort=1, coder="static", codebook=codebook)) for image in images[trained:])


def main() -> int:
    """Print the table."""
    images = {name: [load(source).array for source in sources([DATA / name])[:end]] for name, (_, end) in SETS.items()}
    print("| without |", " | ".join(SETS), "|\n|---|" + "---|" * len(SETS))
    whole: dict[str, int] = {}
    for part, change in PARTS.items():
        with change:
            sizes = {name: bytes_of(images[name], trained) for name, (trained, _) in SETS.items()}
        whole = whole or sizes
        cells = [
            f"{100 * (size / whole[name] - 1):+.1f} %" if part != "nothing" else size for name, size in sizes.items()
        ]
        print(f"| {part} |", " | ".join(map(str, cells)), "|", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
