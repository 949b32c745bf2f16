"""What a training is told, and what follows from how much there is to store."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sofc.coders.base import Descriptor
from sofc.errors import UsageError

COUNTER_BYTES = 800_000
"""Bytes of a codebook that the trained counters of several kinds of images take together at most."""

LEAST_COUNTER_BYTES = 4_000
COUNTERS_WORTH, WORTH = 100, 30
"""What was learned of a collection takes a few per cent off its files beyond what the built-in codebook does. Where a
``WORTH``-th of them is less than COUNTER_BYTES, counters may take a ``COUNTERS_WORTH``-th."""
DEFAULT_EFFORT = 5
FEW_EFFORTS = (1, DEFAULT_EFFORT)
"""Those that models are for where there are few images."""
NEW_FROM = 20_000
"""Bytes of images of a kind to come from which on it may get new models, which take 10 kB and more."""
FASTEST_FROM = 200_000
"""Bytes of images of a kind to come from which on it gets models for effort 1 beside those for others: they take 2 to
4 kB, a hundredth of these, and save a tenth to a fifth at effort 1."""


@dataclass(frozen=True)
class Settings:
    """As ``train`` takes them; ``coder``: None for those that serve images best. ``networks``: whether models may have
    some. ``times``: images to be stored for each that is given."""

    coder: Descriptor | None
    held_out: float
    min_images: int
    iterations: int | None
    counter_bytes: int | None
    efforts: tuple[int, ...] | None
    networks: bool = True
    times: float = 1.0

    @property
    def coder_name(self) -> str | None:
        return None if self.coder is None else self.coder.name

    @property
    def judged_at(self) -> int:
        """The effort at which it is seen what a codebook gains: of those that models are for the nearest to the
        default one, at which a codebook for others has nothing."""
        return min(self.efforts or (DEFAULT_EFFORT,), key=lambda effort: (abs(effort - DEFAULT_EFFORT), -effort))

    def for_few(self, expected: int) -> Settings:
        """Those where images of ``expected`` bytes are worth less than a large codebook: its counters take little, and
        models are for FEW_EFFORTS."""
        if expected // WORTH >= COUNTER_BYTES:
            return self
        counter_bytes = max(LEAST_COUNTER_BYTES, expected // COUNTERS_WORTH)
        return replace(
            self,
            counter_bytes=self.counter_bytes or counter_bytes,
            efforts=self.efforts or FEW_EFFORTS,
        )

    def __post_init__(self) -> None:
        if not 0 <= self.held_out <= 0.5:
            raise UsageError(f"the held-out share must be 0 to 0.5, not {self.held_out}")
        if self.min_images < 1:
            raise UsageError(f"min_images must be at least 1, not {self.min_images}")
        if self.efforts is not None and not (self.efforts and self.efforts[0] >= 1 and self.efforts[-1] <= 9):
            raise UsageError(f"efforts are numbers from 1 to 9, not {self.efforts}")
        if self.iterations is not None and self.iterations < 0:
            raise UsageError(f"iterations cannot be fewer than 0, not {self.iterations}")
