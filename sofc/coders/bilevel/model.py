"""What a trained bilevel model knows of one plane: contexts, the state that coding starts from, a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.coders.bilevel import kernel
from sofc.coders.bilevel.kernel import SETS, Plan, State
from sofc.coders.bilevel.terms import MOST_TERMS, Context
from sofc.coders.bilevel.window import masks
from sofc.entropy.bit_models import NEUTRAL, Integers

EFFORTS = {2: (2, False), 3: (4, False), 4: (5, False), 5: (7, False), 6: (10, False), 7: (13, False), 9: (20, True)}
"""How many contexts each effort uses, and whether it asks the network."""


def context_table(contexts: Sequence[Context]) -> Integers:
    """Contexts as the kernel takes them, shape (contexts, CONTEXT_COLUMNS)."""
    rows = [[*masks(neighbours), *terms, *[0] * (MOST_TERMS - len(terms))] for neighbours, terms in contexts]
    return np.array(rows, np.int64)


def starts(plan: Plan, contexts: int) -> Integers:
    """Where the bit models of the first contexts begin, and where the last one's end."""
    return np.arange(contexts + 1, dtype=np.int64) << plan.slot_bits


def neutral_state(contexts: int, slot_bits: int | None, network: bool) -> State:
    """The state before anything was seen; ``slot_bits``: None for one without bit models, which are then to come.

    Weights are 1.3 / n for each of n contexts, or 0.6 / n and 0.6 for the network; 0 for the constant.
    """
    weights = np.zeros((kernel.WEIGHT_ROWS, contexts + 1 + network), np.int32)
    weights[:, :contexts] = (6 if network else 13) * 65536 // (10 * contexts)
    if network:
        weights[:, contexts] = 6 * 65536 // 10
    return State(
        models=np.full(0 if slot_bits is None else contexts << slot_bits, NEUTRAL, np.uint32),
        weights=weights,
        blend=np.full((kernel.BLENDS, len(SETS)), 65536 // len(SETS), np.int32),
        blank=np.full(kernel.BLANK_CELLS, 1 << (kernel.BLANK_BITS - 10), np.int32),
    )


def copied(state: State) -> State:
    """A state of its own to start from this one."""
    return state._replace(**{name: table.copy() for name, table in state._asdict().items()})
