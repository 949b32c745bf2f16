"""Images that others are predicted from, decoded when first asked for, some of them kept."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable

from sofc.band.coding import Samples
from sofc.coders.base import Coder
from sofc.errors import FormatError

MOST_CODERS, MOST_BIT_MODELS = 2, 1 << 24
"""Coders that are kept in the state that an earlier group left, and bit models of all of them, or one coder of more:
those that are built in have up to 2**22 and some. Four bytes each, and as many again for each thread that uses them."""
KEPT_SAMPLES = 1 << 24
"""Samples that are kept decoded, or one image of more."""


class LeftCoders:
    """Coders as earlier groups left them, those that were asked for last, by where the groups begin."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Coder | FormatError] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, offset: int, make: Callable[[], Coder]) -> Coder:
        """The one that the group there left: as it is known, else as ``make`` gives it. Raises FormatError as that
        does, also when it did so before."""
        with self._lock:
            if offset not in self._known:
                try:
                    self._known[offset] = make()
                except FormatError as error:
                    self._known[offset] = error
            self._known.move_to_end(offset)
            while len(self._known) > MOST_CODERS or (len(self._known) > 1 and self._bit_models > MOST_BIT_MODELS):
                self._known.popitem(last=False)
            found = self._known[offset]
        if isinstance(found, FormatError):
            raise FormatError(str(found))  # each says where it is met
        return found

    @property
    def _bit_models(self) -> int:
        return sum(0 if isinstance(one, FormatError) else one.bit_models for one in self._known.values())


class GoneOnFrom:
    """Spec likeness/going-on. From which groups others go on, as far as that is known, by where they begin."""

    def __init__(self) -> None:
        self._earlier: list[int] = []  # rising
        self._spans: list[tuple[int, int]] = []  # of each: the first and the last that go on from it
        self._lock = threading.Lock()

    def note(self, offset: int, earlier: int) -> None:
        """Take in that the group at ``offset`` goes on from that at ``earlier``. Raises FormatError where one before it
        goes on from one behind that, or one behind it from one before that."""
        with self._lock:
            place = bisect_left(self._earlier, earlier)
            end = place + (self._earlier[place : place + 1] == [earlier])
            first, last = self._spans[place] if place < end else (offset, offset)
            first, last = min(first, offset), max(last, offset)
            is_behind = place > 0 and first < self._spans[place - 1][1]
            if is_behind or (end < len(self._spans) and self._spans[end][0] < last):
                raise FormatError("groups go on from earlier ones in another order than that of these")
            self._earlier[place:end], self._spans[place:end] = [earlier], [(first, last)]

    def has(self, offset: int) -> bool:
        """Whether a group is known to go on from the one that begins there."""
        with self._lock:
            place = bisect_left(self._earlier, offset)
            return self._earlier[place : place + 1] == [offset]


class Decoded:
    """The images, or groups of them, that were asked for last, by where they begin in the file."""

    def __init__(self) -> None:
        self.left = LeftCoders()
        self.gone_on_from = GoneOnFrom()
        self._known: OrderedDict[int, Samples] = OrderedDict()
        # And how many threads want what is decoded under it. What is referred to may be a group that is kept itself.
        self._busy: dict[int, tuple[threading.RLock, int]] = {}
        self._lock = threading.Lock()

    def at(self, offset: int, decode: Callable[[], Samples]) -> Samples:
        """What begins there: as it is known, else as ``decode`` gives it, which one thread at a time calls."""
        with self._lock:
            own, waiting = self._busy.get(offset, (threading.RLock(), 0))
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
