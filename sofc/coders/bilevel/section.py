"""The bytes of a bilevel model's sections.

Kind 0, plan of a plane; kind 1, its trained counters, shared by all efforts; kind 2, its mixers at one effort;
kind 3, its network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.coders.bilevel import kernel as bilevel
from sofc.coders.bilevel.plan import (
    FINAL_NEUTRAL,
    NEIGHBOURS,
    TRUST_NEUTRAL,
    Context,
    Network,
    PlanePlan,
    PlaneState,
    neutral_mixers,
    squash,
)
from sofc.entropy import mixing
from sofc.entropy.bit_models import Integers, TrainedModels
from sofc.entropy.tables import code_tables, decode_tables
from sofc.errors import FormatError

PLAN, COUNTERS, MIXERS, NETWORK = 0, 1, 2, 3
HEAD = 3
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
TRAINED = TrainedModels(CHANCES, 1, np.array([0, 2, 8, 32], np.int64))
"""Kind 1 is what this packs. Pages differ so much that a chance may be worth no more than the first guess."""


def pack_plan(plan: PlanePlan) -> bytes:
    """Kind 0: three bytes (contexts; slot bits, 128 added where quiet samples are skipped; rate), then for each context
    four bytes: nearest neighbours, then its three terms, 0 for none."""
    head = [len(plan.contexts), plan.slot_bits | plan.skip_quiet << 7, plan.rate]
    rows = [[neighbours, *terms, 0, 0, 0][:4] for neighbours, terms in plan.contexts]
    return bytes(head + [number for row in rows for number in row])


def unpack_plan(data: bytes) -> PlanePlan:
    """Inverse of pack_plan. Raises FormatError."""
    if len(data) < HEAD or len(data) != HEAD + 4 * data[0] or not 1 <= data[0] <= MAX_CONTEXTS:
        raise FormatError("the plan of a bilevel model has another length than it says")
    contexts = []
    for start in range(HEAD, len(data), 4):
        neighbours, *terms = data[start : start + 4]
        if neighbours > len(NEIGHBOURS) or max(terms) >= bilevel.TERMS:
            raise FormatError("a context of a bilevel model is out of range")
        contexts.append(Context(neighbours, tuple(terms)))
    slot_bits, rate = data[1] & 127, data[2]
    if slot_bits not in SLOT_BITS or not 1 <= rate <= bilevel.RATE_LIMIT:
        raise FormatError("the plan of a bilevel model is out of range")
    return PlanePlan(tuple(contexts), slot_bits, data[1] > 127, rate)


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
    return bytes([contexts | network << 7]) + code_tables(tables)


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
    mixers, blend, trust, final, quiet = decode_tables(data[1:], shapes)
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
    return bytes([units, deeper]) + code_tables(tables)


def unpack_network(data: bytes) -> Network:
    """Inverse of pack_network. Raises FormatError."""
    if len(data) < 2 or not 1 <= data[0] <= MAX_UNITS or not 1 <= data[1] <= MAX_UNITS:
        raise FormatError("the network of a bilevel model is out of range")
    units, deeper = data[0], data[1]
    tables = decode_tables(data[2:], [(bilevel.INPUTS + 1, units), (deeper, units + 1), (1, deeper + 1)])
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
