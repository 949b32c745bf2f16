"""Images that others are predicted from, decoded when first asked for, some of them kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from sofc.band.coding import Samples

KEPT_SAMPLES = 1 << 24
"""Samples that are kept decoded, or one image of more."""


class Once:
    """What a function gives, called when it is first asked for; a failure is not kept."""

    def __init__(self, function: Callable[[], Samples]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._samples: Samples | None = None

    @property
    def size(self) -> int:
        """Samples that it holds."""
        return 0 if self._samples is None else self._samples.size

    def __call__(self) -> Samples:
        with self._lock:
            if self._samples is None:
                self._samples = self._function()
            return self._samples


class Decoded:
    """The images, or groups of them, that were asked for last, by where they begin in the file."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Once] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, offset: int, samples: Once) -> Once:
        """What is known to begin there, else ``samples``."""
        with self._lock:
            found = self._known.setdefault(offset, samples)
            self._known.move_to_end(offset)
            while len(self._known) > 1 and (
                sum(one.size for one in self._known.values()) > KEPT_SAMPLES or len(self._known) > 64
            ):
                self._known.popitem(last=False)
            return found
