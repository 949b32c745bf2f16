"""The state of ``kernels.mixing`` before a band: neutral, and as the sections of its coders keep it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.entropy import mixing
from sofc.entropy.tables import code_tables, decode_tables
from sofc.entropy.trained import TrainedCounters
from sofc.errors import FormatError

MAX_CONTEXTS = 32
MIXER_STEP = 9
"""Weights of mixers are kept in units of 2**MIXER_STEP."""

CHANCES = np.array([mixing.SQUASH[s + mixing.STRETCH_LIMIT] for s in range(-1922, 1923, 124)], np.int64)
"""The 32 probabilities that a trained counter may start with, in 1/65536."""
TRAINED = TrainedCounters(CHANCES, mixing.BLOCK)
"""Packs the sections of counters."""


def neutral_mixers(contexts: int) -> npt.NDArray[np.int32]:
    """Weights before training: 1.3 / n for each of n contexts, none for the constant and what fills up the rows."""
    lanes = -(-(contexts + 1) // mixing.MIXER_LANES) * mixing.MIXER_LANES
    mixers = np.zeros((sum(mixing.MIXER_SETS), lanes), np.int32)
    mixers[:, :contexts] = 13 * 65536 // (10 * contexts)
    return mixers


def identity_map() -> npt.NDArray[np.int32]:
    """The final map that changes nothing: column j stands for the stretched value 128 j - 2048."""
    stretched = np.arange(mixing.MAP_COLUMNS) * 128 - 2048
    column = mixing.SQUASH[stretched + mixing.STRETCH_LIMIT].astype(np.int32)
    return np.tile(column, (mixing.MAP_ROWS, 1))


def pack_mixers(contexts: int, sets: int, mixers: npt.NDArray[np.int32]) -> bytes:
    """Two bytes (contexts, weight sets averaged), then what the weights differ from neutral ones."""
    change = (mixers.astype(np.int64) - neutral_mixers(contexts) + (1 << (MIXER_STEP - 1))) >> MIXER_STEP
    return bytes([contexts, sets]) + code_tables([change[:, : contexts + 1]])


def unpack_mixers(data: bytes) -> tuple[int, int, npt.NDArray[np.int32]]:
    """The numbers of contexts and of sets, and the weights. Raises FormatError."""
    if len(data) < 2 or not 1 <= data[0] <= MAX_CONTEXTS or not 1 <= data[1] <= 3:
        raise FormatError("the mixers of a model are out of range")
    contexts, sets = data[0], data[1]
    (change,) = decode_tables(data[2:], [(sum(mixing.MIXER_SETS), contexts + 1)])
    if int(np.abs(change).max()) > 1 << 12:
        raise FormatError("the mixers of a model are out of range")
    mixers = neutral_mixers(contexts)
    mixers[:, : contexts + 1] += (change << MIXER_STEP).astype(np.int32)
    return contexts, sets, mixers
