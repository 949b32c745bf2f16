"""The bytes of a context model's sections.

Kind 0, plan of a plane; kind 1, its trained counters, shared by all efforts; kind 2, its mixers at one effort.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.coders.context.plan import PlanePlan, neutral_mixers
from sofc.errors import FormatError
from sofc.kernels import bank, binary, mixing
from sofc.kernels.binary import EVEN

PLAN, COUNTERS, MIXERS = 0, 1, 2
MAX_CONTEXTS = 32
SLOT_BITS = range(10, 17)

WEIGHT_STEP = 3
"""Weights of the bank are kept in units of 2**WEIGHT_STEP."""
MIXER_STEP = 9

CHANCES = np.array([mixing.SQUASH[s + mixing.STRETCH_LIMIT] for s in range(-1922, 1923, 124)], np.int64)
"""The 32 probabilities that a trained counter may start with, in 1/65536."""
SEEN = np.array([2, 6, 16, 40], np.int64)
"""How much a trained counter may have seen."""

Table = npt.NDArray[np.int32]


def pack_plan(plan: PlanePlan) -> bytes:
    """Kind 0: six bytes (references, the two planes, class map and shift, slot bits, contexts), then the tables."""
    numbers = [*plan.references, 0, 0][:2]
    head = [len(plan.references), *numbers, plan.class_map << 5 | plan.shift, plan.slot_bits, len(plan.contexts)]
    return bytes(head) + _code_tables(
        [
            plan.thresholds[:, None],
            plan.levels[:, None],
            plan.low_bits[:, None],
            plan.contexts,
            (plan.weights + (1 << (WEIGHT_STEP - 1))) >> WEIGHT_STEP,
        ]
    )


def unpack_plan(data: bytes, plane: int) -> PlanePlan:
    """Inverse of pack_plan, for plane number ``plane``. Raises FormatError."""
    if len(data) < 6:
        raise FormatError("the plan of a context model is cut off")
    count, first, second, packed, slot_bits, contexts = data[:6]
    class_map, shift = packed >> 5, packed & 31
    references = (first, second)[:count]
    if (
        count > 2
        or any(reference >= plane for reference in references)
        or class_map >= len(bank.CLASSES)
        or shift > 16
        or slot_bits not in SLOT_BITS
        or not 1 <= contexts <= MAX_CONTEXTS
    ):
        raise FormatError("the plan of a context model is out of range")
    shapes = [
        (3 if class_map == bank.GRID else 7, 1),
        (mixing.ENERGIES - 1, 1),
        (mixing.ENERGIES, 1),
        (contexts, 4),
        (bank.CLASSES[class_map], bank.taps(count)),
    ]
    thresholds, levels, low_bits, terms, weights = _decode_tables(data[6:], shapes)
    if (
        not ((low_bits >= 0) & (low_bits <= 16)).all()
        or not ((terms >= -1) & (terms < mixing.TERMS)).all()
        or int(np.abs(weights).max()) > 1 << 18
    ):
        raise FormatError("a table of a context model is out of range")
    return PlanePlan(
        references,
        class_map,
        shift,
        slot_bits,
        thresholds[:, 0],
        levels[:, 0],
        low_bits[:, 0],
        terms,
        weights << WEIGHT_STEP,
    )


def quantise_weights(weights: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The weights as a section keeps them."""
    return ((weights + (1 << (WEIGHT_STEP - 1))) >> WEIGHT_STEP) << WEIGHT_STEP


def pack_counters(counters: npt.NDArray[np.uint32], least_seen: int) -> bytes:
    """Kind 1: for each context the length of its table (4 bytes), then the tables; rarer counters are left out."""
    tables = [_code_counters(_symbols(row, least_seen)) for row in counters]
    return b"".join(len(table).to_bytes(4, "little") for table in tables) + b"".join(tables)


def unpack_counters(data: bytes, contexts: int, used: int, slot_bits: int) -> npt.NDArray[np.uint32]:
    """The first ``used`` of ``contexts`` tables, shape (used, 2**slot_bits). Raises FormatError."""
    sizes = [int.from_bytes(data[4 * k : 4 * k + 4], "little") for k in range(contexts)]
    if len(data) != 4 * contexts + sum(sizes):
        raise FormatError("the counters of a context model have another length than they say")
    result = np.empty((used, 1 << slot_bits), np.uint32)
    start = 4 * contexts
    for row, size in zip(result, sizes, strict=False):
        symbols = np.zeros(row.size, np.uint8)
        coder, buffer = _decoder(data[start : start + size])
        direct = np.full((mixing.NODES, _COUNTER_CHANCES), EVEN, np.int32)
        binary.code_counters(False, symbols, mixing.NODES, direct, coder, buffer)
        row[:] = _STATES[symbols]
        start += size
    return result


def pack_mixers(sets: int, mixers: npt.NDArray[np.int32]) -> bytes:
    """Kind 2: two bytes (contexts, weight sets averaged), then what the weights differ from neutral ones."""
    contexts = mixers.shape[1] - 1
    change = (mixers.astype(np.int64) - neutral_mixers(contexts) + (1 << (MIXER_STEP - 1))) >> MIXER_STEP
    return bytes([contexts, sets]) + _code_tables([change])


def unpack_mixers(data: bytes) -> tuple[int, npt.NDArray[np.int32]]:
    """The number of sets and the weights, shape (sum of MIXER_SETS, contexts + 1). Raises FormatError."""
    if len(data) < 2 or not 1 <= data[0] <= MAX_CONTEXTS or not 1 <= data[1] <= 3:
        raise FormatError("the mixers of a context model are out of range")
    contexts, sets = data[0], data[1]
    (change,) = _decode_tables(data[2:], [(sum(mixing.MIXER_SETS), contexts + 1)])
    if int(np.abs(change).max()) > 1 << 12:
        raise FormatError("the mixers of a context model are out of range")
    return sets, (neutral_mixers(contexts) + (change << MIXER_STEP)).astype(np.int32)


def _states() -> npt.NDArray[np.uint32]:
    """Counter of each symbol of ``code_counters``."""
    states = [(1 << 21) << 10]
    states += [(int(chance) << 6 << 10) | int(seen) for chance in CHANCES for seen in SEEN]
    return np.array(states, np.uint32)


_STATES = _states()
_COUNTER_CHANCES = 2 + 32 + 32 * 4


def _symbols(counters: npt.NDArray[np.uint32], least_seen: int) -> npt.NDArray[np.uint8]:
    seen = (counters & 1023).astype(np.int64)
    stretched = mixing.STRETCH[(counters >> 20).astype(np.int64)]
    chance = np.clip((stretched + 1922 + 62) // 124, 0, 31)
    how_often = np.searchsorted((SEEN[:-1] + SEEN[1:]) // 2, seen, side="left")
    return np.where(seen < max(1, least_seen), 0, 1 + 4 * chance + how_often).astype(np.uint8)


def _code_counters(symbols: npt.NDArray[np.uint8]) -> bytes:
    buffer = np.zeros(2 * symbols.size + 64, np.uint8)
    coder = np.array([0, binary.WORD, 0, 0], np.int64)
    direct = np.full((mixing.NODES, _COUNTER_CHANCES), EVEN, np.int32)
    binary.code_counters(True, symbols, mixing.NODES, direct, coder, buffer)
    return buffer[: binary.finish_encoding(coder, buffer)].tobytes()


def _code_tables(tables: Sequence[npt.NDArray[np.int64]]) -> bytes:
    buffer = np.zeros(10 * sum(table.size for table in tables) + 64, np.uint8)
    coder = np.array([0, binary.WORD, 0, 0], np.int64)
    for table in tables:
        direct = np.full((table.shape[1], binary.LONGEST + 3), EVEN, np.int32)
        binary.code_table(True, table.astype(np.int32), direct, coder, buffer)
    return buffer[: binary.finish_encoding(coder, buffer)].tobytes()


def _decode_tables(data: bytes, shapes: Sequence[tuple[int, int]]) -> list[npt.NDArray[np.int64]]:
    coder, buffer = _decoder(data)
    tables = []
    for shape in shapes:
        table = np.zeros(shape, np.int32)
        direct = np.full((shape[1], binary.LONGEST + 3), EVEN, np.int32)
        if binary.code_table(False, table, direct, coder, buffer) != binary.OK:
            raise FormatError("a table of a context model is damaged")
        tables.append(table.astype(np.int64))
    return tables


def _decoder(data: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    buffer = np.frombuffer(bytearray(data), np.uint8)
    coder = np.zeros(4, np.int64)
    binary.start_decoding(coder, buffer)
    return coder, buffer
