"""States of mixing that are lent: what changed is put back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import MixingState


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_what_is_marked_is_put_back_alone(marks: list[bool], data: st.DataObject) -> None:
    """Whatever stands beside it, and in whichever place of eight; marks are gone then."""
    blocks, first = len(marks), data.draw(st.integers(0, len(marks)))
    start = MixingState.neutral(2, blocks, 1)
    with start.lent(marked=first * BLOCK) as lent:
        lent.mixture.models[:] = 9
        lent.changed[:blocks] = marks
    is_back = np.repeat(np.array(marks) | (np.arange(blocks) < first), BLOCK)
    with start.lent(marked=first * BLOCK) as again:
        assert again is lent and not again.changed.any()
        np.testing.assert_array_equal(again.mixture.models, np.where(is_back, start.mixture.models, 9))
