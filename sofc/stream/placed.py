"""Where in a file samples stand."""

from __future__ import annotations

from typing import NamedTuple

from sofc.container.records import CodedBand, CodedGroup, ImageHead


class Placed(NamedTuple):
    """A band or group under its image head, and where in the file its chunk stands."""

    head: ImageHead
    coded: CodedBand | CodedGroup
    offset: int
