"""Spec context/sections: the section of a plane's mixing weights at one effort, and of its network, if it has one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.bit_models import Integers
from sofc.entropy.mixing import WEIGHT_ROWS
from sofc.entropy.mixture import MOST_CONTEXTS, MOST_SETS, WEIGHT_LIMIT, WEIGHT_STEP, neutral_weights
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError
from sofc.prediction import network as networks
from sofc.prediction.network import BIAS_LIMIT, MOST_UNITS, NO_NETWORK, Network, layer_of

BIAS_STEP = 8
"""Biases are kept in units of 2**BIAS_STEP."""
FLAG = 128
"""Added to the number of weight sets where there is a network."""
HEAD, PLAIN_HEAD = 5, 2
"""Bytes before the tables, with a network and without."""


class Architecture(NamedTuple):
    """What all networks of a coder have in common: numbers of ``inputs``, of ``kinds`` of questions, and of outputs for
    each of the components, ``most`` of them, that they describe."""

    inputs: int
    kinds: int
    outputs: int
    most: int


class Mixers(NamedTuple):
    """What a plane has at one effort: how many contexts, how many weight sets are averaged, their weights at the start,
    and its network."""

    contexts: int
    sets: int
    weights: npt.NDArray[np.int32]
    network: Network = NO_NETWORK


def pack_mixers(mixers: Mixers, architecture: Architecture) -> bytes:
    """Kind 2: two bytes (contexts, weight sets averaged), then what the weights differ from neutral ones. Where there
    is a network: FLAG in the second byte, three bytes (units of its first and second layer, components of what it
    says), then the tables of its layers before that of the weights."""
    contexts, sets, weights, network = mixers
    change = weights.astype(np.int64) - neutral_weights(contexts, network.is_asked) + (1 << (WEIGHT_STEP - 1))
    kept = change[:, : contexts + 1] >> WEIGHT_STEP
    if not network.is_asked:
        return bytes([contexts, sets]) + code_tables([kept])
    head = [contexts, sets | FLAG, *network_sizes(network, architecture)]
    return bytes(head) + code_tables([*network_tables(network), kept])


def network_sizes(network: Network, architecture: Architecture) -> list[int]:
    """Units of its layers, and components of what it says."""
    first, second, last = (len(layer.weights) for layer in network)
    return [first, second, last // architecture.outputs]


def network_tables(network: Network) -> list[Integers]:
    """The weights and the biases of each layer, as sections keep them."""
    tables = [table for weights, biases in network for table in (weights, biases.T >> BIAS_STEP)]
    return [np.ascontiguousarray(table, np.int64) for table in tables]


def pack_network(network: Network, architecture: Architecture) -> bytes:
    """What the section of the weights has more of where there is a network."""
    return bytes(network_sizes(network, architecture)) + code_tables(network_tables(network))


def network_fields(sizes: Sequence[int], architecture: Architecture) -> list[Field]:
    """The tables of a network, by the units of its first and second layer and the components of what it says. Raises
    FormatError."""
    units, deeper, components = sizes
    if not (1 <= units <= MOST_UNITS and 1 <= deeper <= MOST_UNITS and 1 <= components <= architecture.most):
        raise FormatError(f"a network has 1 to {MOST_UNITS} units a layer and says 1 to {architecture.most} components")
    layers = (architecture.inputs, units, deeper, architecture.outputs * components)
    kinds = (architecture.kinds, 1, 1)
    return [
        field
        for (before, after), count in zip(pairwise(layers), kinds, strict=True)
        for field in (
            Field.within(networks.WEIGHT_LIMIT, after, before),
            Field.within(BIAS_LIMIT >> BIAS_STEP, after, count),
        )
    ]


def network_of(tables: Sequence[Integers]) -> Network:
    """Inverse of network_tables."""
    layers = zip(tables[::2], tables[1::2], strict=True)
    return Network(*(layer_of(weights, biases.T << BIAS_STEP) for weights, biases in layers))


def unpack_mixers(data: bytes, architecture: Architecture, change: bytes = b"") -> Mixers:
    """Inverse of pack_mixers; ``change``: what its tables differ by, weights in units of 2**WEIGHT_STEP. Raises
    FormatError."""
    contexts, sets, *sizes = data[:HEAD].ljust(HEAD, b"\0")
    asks, sets = divmod(sets, FLAG)
    if not 1 <= contexts <= MOST_CONTEXTS or not 1 <= sets <= MOST_SETS:
        raise FormatError("the weights of a model are out of range")
    layers = network_fields(sizes, architecture) if asks else []
    field = Field.within(WEIGHT_LIMIT, sum(WEIGHT_ROWS), contexts + 1)
    *tables, kept = decode_tables(data[HEAD if asks else PLAIN_HEAD :], [*layers, field], change)
    weights = neutral_weights(contexts, bool(asks))
    weights[:, : contexts + 1] += (kept << WEIGHT_STEP).astype(np.int32)
    return Mixers(contexts, sets, weights, network_of(tables) if asks else NO_NETWORK)
