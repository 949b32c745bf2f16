"""Images that others are predicted from, decoded when first asked for, some of them kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from sofc.band.coding import Samples
from sofc.coders.base import Coder

MOST_CODERS = 2
"""Coders that are kept in the state that an earlier group left: some megabytes each."""
KEPT_SAMPLES = 1 << 24
"""Samples that are kept decoded, or one image of more."""


class LeftCoders:
    """Coders as earlier groups left them, those that were asked for last, by where the groups begin."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Coder] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, offset: int, make: Callable[[], Coder]) -> Coder:
        """The one that the group there left: as it is known, else as ``make`` gives it."""
        with self._lock:
            if offset not in self._known:
                self._known[offset] = make()
            self._known.move_to_end(offset)
            while len(self._known) > MOST_CODERS:
                self._known.popitem(last=False)
            return self._known[offset]


class Decoded:
    """The images, or groups of them, that were asked for last, by where they begin in the file."""

    def __init__(self) -> None:
        self.left = LeftCoders()
        self._known: OrderedDict[int, Samples] = OrderedDict()
        self._busy: dict[int, tuple[threading.Lock, int]] = {}  # and how many threads want what is decoded under it
        self._lock = threading.Lock()

    def at(self, offset: int, decode: Callable[[], Samples]) -> Samples:
        """What begins there: as it is known, else as ``decode`` gives it, which one thread at a time calls."""
        with self._lock:
            own, waiting = self._busy.get(offset, (threading.Lock(), 0))
            self._busy[offset] = own, waiting + 1
        try:
            with own:
                with self._lock:
                    if (found := self._known.get(offset)) is not None:
                        self._known.move_to_end(offset)
                        return found
                found = decode()
                with self._lock:
                    self._keep(offset, found)
                return found
        finally:
            with self._lock:
                own, waiting = self._busy.pop(offset)
                if waiting > 1:
                    self._busy[offset] = own, waiting - 1

    def _keep(self, offset: int, samples: Samples) -> None:
        self._known[offset] = samples
        while len(self._known) > 1 and (
            sum(one.size for one in self._known.values()) > KEPT_SAMPLES or len(self._known) > 64
        ):
            self._known.popitem(last=False)
