"""Whole images that are not yet in a group."""

from __future__ import annotations

from sofc.band.coding import Samples
from sofc.band.likeness import Likeness
from sofc.coders.base import Found
from sofc.jpeg.known import Known
from sofc.stream.copies import Key
from sofc.stream.costs import Account
from sofc.stream.values import Values


class PendingGroup:
    """Images of one header, in their order: some like earlier ones of the file, of the others all or none with origin.

    ``account``: what those that are like earlier ones cost. ``alone``: what tells the first image from others, while it
    is the only one; ``known``: what JPEG data say of it. ``were_asked``: all were asked for their origin.
    ``values``: those of its images that tell by them whether others lose.
    """

    def __init__(self) -> None:
        self.images: list[Samples] = []
        self.origins: list[Found] = []
        self.likenesses: dict[int, Likeness] = {}
        self.account = Account()
        self.known: Known | None = None
        self.alone: Key | None = None
        self.were_asked = True
        self.values: Values | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def coded_alone(self) -> int:
        """Images that no earlier one is like."""
        return len(self.images) - len(self.likenesses)

    def loses_with(self, values: Values | None) -> bool:
        """Whether an image of such values is better in another group; never where images go by their origin."""
        known = self.values if not self.origins else None
        return known is not None and values is not None and known.lose_with(values)

    def add(
        self,
        image: Samples,
        origin: Found | None = None,
        key: Key | None = None,
        *,
        was_asked: bool = True,
        known: Known | None = None,
        values: Values | None = None,
    ) -> None:
        """Add an image that no earlier one is like. ``was_asked``: its origin was looked for; ``known``: what JPEG data
        say of the first image; ``values``: its own."""
        self.were_asked &= was_asked
        self.known = known or self.known
        self.alone = None if self.images else key
        if values is not None:
            self.values = values if self.values is None else self.values.with_others(values)
        self.images.append(image)
        self.origins += [] if origin is None else [origin]

    def add_like(self, image: Samples, likeness: Likeness, account: Account) -> None:
        """Add an image that follows from an earlier one. ``account``: what all cost with it."""
        self.alone = None
        self.account = account
        self.likenesses[len(self.images)] = likeness
        self.images.append(image)
