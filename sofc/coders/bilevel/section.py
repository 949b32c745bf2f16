"""The bytes of a bilevel model's sections.

Kind 0, plan of a plane; kind 1, its trained counters, shared by all efforts; kind 2, its mixers at one effort;
kind 3, its network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.coders.bilevel.plan import (
    FINAL_NEUTRAL,
    NEIGHBOURS,
    NEUTRAL_COUNTER,
    TRUST_NEUTRAL,
    Context,
    Network,
    PlanePlan,
    PlaneState,
    neutral_mixers,
    squash,
)
from sofc.errors import FormatError
from sofc.kernels import bilevel, binary, mixing
from sofc.kernels.binary import EVEN, Integers

PLAN, COUNTERS, MIXERS, NETWORK = 0, 1, 2, 3
MAX_CONTEXTS = 32
SLOT_BITS = range(8, 21)
MAX_UNITS = 128

MIXER_STEP = 10
"""Weights of mixers are kept in units of 2**MIXER_STEP."""
BLEND_STEP = 9
MAP_STEP = 16
"""Maps are kept as stretched probabilities in units of MAP_STEP."""
QUIET_STEP = 8
NETWORK_STEP = 5

CHANCE_STEP = 148
CHANCES: Integers = squash(np.arange(32) * CHANCE_STEP - 2294).astype(np.int64)
"""The 32 probabilities that a trained counter may start with, in 1/65536."""
SEEN: Integers = np.array([1, 2, 4, 8], np.int64)
"""How much a trained counter may have seen, times 2**memory."""
MAX_MEMORY = 3


def pack_plan(plan: PlanePlan) -> bytes:
    """Kind 0: four bytes (contexts; slot bits, 128 added where quiet samples are skipped; rate; memory), then for each
    context four bytes: nearest neighbours, then its three terms, 0 for none."""
    head = [len(plan.contexts), plan.slot_bits | plan.skip_quiet << 7, plan.rate, plan.memory]
    rows = [[neighbours, *terms, 0, 0, 0][:4] for neighbours, terms in plan.contexts]
    return bytes(head + [number for row in rows for number in row])


def unpack_plan(data: bytes) -> PlanePlan:
    """Inverse of pack_plan. Raises FormatError."""
    if len(data) < 4 or len(data) != 4 + 4 * data[0] or not 1 <= data[0] <= MAX_CONTEXTS:
        raise FormatError("the plan of a bilevel model has another length than it says")
    contexts = []
    for start in range(4, len(data), 4):
        neighbours, *terms = data[start : start + 4]
        if neighbours > len(NEIGHBOURS) or max(terms) >= bilevel.TERMS:
            raise FormatError("a context of a bilevel model is out of range")
        contexts.append(Context(neighbours, tuple(terms)))
    slot_bits, rate, memory = data[1] & 127, data[2], data[3]
    if slot_bits not in SLOT_BITS or not 1 <= rate <= bilevel.RATE_LIMIT or memory > MAX_MEMORY:
        raise FormatError("the plan of a bilevel model is out of range")
    return PlanePlan(tuple(contexts), slot_bits, data[1] > 127, rate, memory)


def pack_counters(counters: npt.NDArray[np.uint32], contexts: int, memory: int, least_seen: int) -> bytes:
    """Kind 1: for each context the length of its table (4 bytes), then the tables; rarer counters are left out."""
    tables = [_code_counters(_symbols(row, memory, least_seen)) for row in counters.reshape(contexts, -1)]
    return b"".join(len(table).to_bytes(4, "little") for table in tables) + b"".join(tables)


def unpack_counters(data: bytes, contexts: int, used: int, slot_bits: int, memory: int) -> npt.NDArray[np.uint32]:
    """The first ``used`` of ``contexts`` tables, shape (used * 2**slot_bits,). Raises FormatError."""
    sizes = [int.from_bytes(data[4 * k : 4 * k + 4], "little") for k in range(contexts)]
    if len(data) != 4 * contexts + sum(sizes):
        raise FormatError("the counters of a bilevel model have another length than they say")
    result = np.empty((used, 1 << slot_bits), np.uint32)
    states = _states(memory)
    start = 4 * contexts
    for row, size in zip(result, sizes, strict=False):
        symbols = np.zeros(row.size, np.uint8)
        coder, buffer = _decoder(data[start : start + size])
        binary.code_counters(False, symbols, 1, _counter_chances(), coder, buffer)
        row[:] = states[symbols]
        start += size
    return result.ravel()


def pack_mixers(state: PlaneState, contexts: int, network: bool) -> bytes:
    """Kind 2: one byte (contexts, 128 added where the network is asked), then tables of what differs from a neutral
    state: mixers, blend, trust maps, final map, quiet places."""
    neutral = PlaneState.neutral(contexts, 0, network)
    trust = state.trust.reshape(-1, bilevel.TRUST_COLUMNS)
    tables = [
        _steps(state.mixers.astype(np.int64) - neutral.mixers, MIXER_STEP),
        _steps(state.blend.astype(np.int64) - neutral.blend, BLEND_STEP),
        _map_steps(trust, TRUST_NEUTRAL),
        _map_steps(state.final, FINAL_NEUTRAL),
        _steps(state.quiet.astype(np.int64), QUIET_STEP).T,
    ]
    return bytes([contexts | network << 7]) + _code_tables(tables)


def unpack_mixers(data: bytes) -> tuple[int, bool, PlaneState]:
    """The number of contexts, whether the network is asked, and the state but for its counters. Raises FormatError."""
    if not data or not 1 <= data[0] & 127 <= MAX_CONTEXTS:
        raise FormatError("the mixers of a bilevel model are out of range")
    contexts, network = data[0] & 127, data[0] > 127
    shapes = [
        (sum(bilevel.MIXER_SETS), contexts + 1 + network),
        (bilevel.FINAL_SETS, len(bilevel.MIXER_SETS)),
        (contexts * bilevel.TRUST_ROWS, bilevel.TRUST_COLUMNS),
        (bilevel.MAP_ROWS, bilevel.MAP_COLUMNS),
        (bilevel.QUIET_PLACES, 1),
    ]
    mixers, blend, trust, final, quiet = _decode_tables(data[1:], shapes)
    neutral = PlaneState.neutral(contexts, 0, network)
    top = (1 << bilevel.QUIET_BITS) - 1
    return (
        contexts,
        network,
        PlaneState(
            neutral.counters,
            squash(trust * MAP_STEP + TRUST_NEUTRAL).reshape(contexts, -1),
            _bounded((mixers << MIXER_STEP) + neutral_mixers(contexts, network), bilevel.MIXER_LIMIT),
            _bounded((blend << BLEND_STEP) + neutral.blend, bilevel.MIXER_LIMIT),
            squash(final * MAP_STEP + FINAL_NEUTRAL),
            np.clip(quiet.T << QUIET_STEP, 0, top).astype(np.int32),
        ),
    )


def pack_network(network: Network) -> bytes:
    """Kind 3: two bytes (units of the first and of the second layer), then the three tables of weights."""
    deeper, units = network.second.shape[0], network.second.shape[1] - 1
    tables = [_steps(table.astype(np.int64), NETWORK_STEP) for table in (network.first, network.second, network.third)]
    return bytes([units, deeper]) + _code_tables(tables)


def unpack_network(data: bytes) -> Network:
    """Inverse of pack_network. Raises FormatError."""
    if len(data) < 2 or not 1 <= data[0] <= MAX_UNITS or not 1 <= data[1] <= MAX_UNITS:
        raise FormatError("the network of a bilevel model is out of range")
    units, deeper = data[0], data[1]
    tables = _decode_tables(data[2:], [(bilevel.INPUTS + 1, units), (deeper, units + 1), (1, deeper + 1)])
    first, second, third = (_bounded(table << NETWORK_STEP, 1 << 20) for table in tables)
    return Network(first, second, third)


def network_of(tables: Sequence[npt.NDArray[np.float32]]) -> Network:
    """The network with fitted weights, rounded as a section keeps them."""
    unit = 1 << (bilevel.NETWORK_BITS - NETWORK_STEP)
    first, second, third = (
        _bounded(np.rint(table * unit).astype(np.int64) << NETWORK_STEP, 1 << 20) for table in tables
    )
    return Network(first, second, third)


def _steps(values: Integers, step: int) -> Integers:
    return (values + (1 << (step - 1))) >> step


def _map_steps(chances: npt.NDArray[np.int32], neutral: Integers) -> Integers:
    """Cells of a map as differences from neutral ones, in MAP_STEP."""
    stretched = mixing.STRETCH[np.clip(chances, 0, 65535) >> 4].astype(np.int64)
    steps: Integers = np.rint((stretched - np.clip(neutral, -2303, 2303)) / MAP_STEP).astype(np.int64)
    return steps


def _bounded(values: Integers, limit: int) -> npt.NDArray[np.int32]:
    return np.clip(values, -limit, limit).astype(np.int32)


def _states(memory: int) -> npt.NDArray[np.uint32]:
    """Counter of each symbol of ``code_counters``."""
    trained = [(int(chance) << 6 << 10) | (int(seen) << memory) for chance in CHANCES for seen in SEEN]
    return np.array([NEUTRAL_COUNTER, *trained], np.uint32)


def _symbols(counters: npt.NDArray[np.uint32], memory: int, least_seen: int) -> npt.NDArray[np.uint8]:
    seen = (counters & 1023).astype(np.int64)
    stretched = mixing.STRETCH[(counters >> 20).astype(np.int64)]
    chance = np.clip((stretched + 2294 + CHANCE_STEP // 2) // CHANCE_STEP, 0, 31)
    how_often = np.searchsorted(((SEEN[:-1] + SEEN[1:]) << memory) // 2, seen, side="left")
    return np.where(seen < max(1, least_seen), 0, 1 + 4 * chance + how_often).astype(np.uint8)


def _counter_chances() -> npt.NDArray[np.int32]:
    return np.full((1, 2 + 32 + 32 * 4), EVEN, np.int32)


def _code_counters(symbols: npt.NDArray[np.uint8]) -> bytes:
    coder, buffer = binary.start_encoding(), np.zeros(2 * symbols.size + 64, np.uint8)
    binary.code_counters(True, symbols, 1, _counter_chances(), coder, buffer)
    return buffer[: binary.finish_encoding(coder, buffer)].tobytes()


def _code_tables(tables: Sequence[Integers]) -> bytes:
    buffer = np.zeros(10 * sum(table.size for table in tables) + 64, np.uint8)
    coder = binary.start_encoding()
    for table in tables:
        direct = np.full((table.shape[1], binary.LONGEST + 3), EVEN, np.int32)
        binary.code_table(True, table.astype(np.int32), direct, coder, buffer)
    return buffer[: binary.finish_encoding(coder, buffer)].tobytes()


def _decode_tables(data: bytes, shapes: Sequence[tuple[int, int]]) -> list[Integers]:
    coder, buffer = _decoder(data)
    tables = []
    for shape in shapes:
        table = np.zeros(shape, np.int32)
        direct = np.full((shape[1], binary.LONGEST + 3), EVEN, np.int32)
        if binary.code_table(False, table, direct, coder, buffer) != binary.OK:
            raise FormatError("a table of a bilevel model is damaged")
        tables.append(table.astype(np.int64))
    return tables


def _decoder(data: bytes) -> tuple[Integers, npt.NDArray[np.uint8]]:
    buffer = np.frombuffer(bytearray(data), np.uint8)
    coder = binary.start_decoding(buffer)
    return coder, buffer
