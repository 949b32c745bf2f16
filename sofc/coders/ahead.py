"""All kernels that encoding and decoding call, by what they are called with: to compile them ahead of use.

Signatures are read from annotations. Where those do not say enough yet, a letter and a number stand for an array and
its dimensions (B, H, U: unsigned of 8, 16 and 32 bits; I, Q: signed of 32 and 64 bits; R: floating point), ``q`` for
an integer, ``?`` for a truth value, ``*`` for one of the tuples that follow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sofc.coders.bilevel import kernel as bilevel
from sofc.coders.context import kernel as context
from sofc.coders.dct import kernel as coefficients
from sofc.coders.shape import kernel_arithmetic as arithmetic
from sofc.coders.shape import kernel_bits as bits
from sofc.coders.shape import kernel_predict as predict
from sofc.coders.shape import kernel_windows as windows
from sofc.coders.static import kernel as static
from sofc.entropy.binary import Stream, code_bit
from sofc.entropy.bit_models import code_symbols
from sofc.entropy.contexts import Contexts
from sofc.entropy.mixing import LANES, Mixture
from sofc.entropy.rans import write_symbols
from sofc.entropy.sparse import code_sparse
from sofc.entropy.tables import code_table
from sofc.jit.cache import cache_folder
from sofc.jit.decorators import Kernel
from sofc.jit.native import Kinds, flatten
from sofc.jit.types import signatures
from sofc.jpeg import dct, recovery
from sofc.prediction import bank
from sofc.transforms import jfif as lattice

ARRAYS = {"B": "|u1", "H": "<u2", "U": "<u4", "I": "<i4", "Q": "<i8", "R": "<f8"}

Entry = Callable[..., Any] | tuple[Callable[..., Any], str, tuple[Any, ...]]
"""A kernel whose annotations say its signature, or one with its signature, and what stands for the stars in it."""


def _groups() -> Iterator[list[Entry]]:
    """Kernels that share others are compiled one after the other. Groups that take longest come first."""
    yield [static.list_symbols, static.decode, static.find_grid, write_symbols]
    room: Any
    yield [context.code_plane, bank.grid_errors, code_table, code_sparse, code_symbols, code_bit]
    yield [
        (arithmetic.decode_detail, "B1 I2 I2 q I1 I1 I2 B2 q q q q q I2 q q Q1", ()),
        (arithmetic.detail_tables, "I2 I2 I1 I1 I2 B2 q q q q q I1 I1", ()),
        (arithmetic.encode_symbols, "I1 I1 I2 q q q Q1 B1", ()),
        (arithmetic.write_numbers, "Q1 Q1 I2 Q1 B1", ()),
        (arithmetic.read_numbers, "B1 Q1 I2 Q1 Q1", ()),
        (arithmetic.fill_classes, "I2 q q B2", ()),
        (arithmetic.fill_loudness, "I2 q I2", ()),
        (arithmetic.fill_reference_activity, "I2 I1 I2", ()),
        (arithmetic.build_trees, "I2 I2", ()),
    ]
    room, placement = windows.window_room(), windows.placement_room()
    yield [
        (windows.cover_plane, "I2 q q q Q2 Q2 Q1 Q1 Q1 Q1 Q1 Q1 I1 I2 B2 *", (room,)),
        (windows.find_windows, "I2 q q q Q2 Q2 Q1 Q1 Q1 Q1 *", (room,)),
        (windows.fill_masks, "I2 q q q Q1 Q2 Q2", ()),
        (windows.improve_placement, "Q1 Q1 Q1 Q1 Q1 Q1 q * B1", (placement,)),
        (windows.place_shapes, "I2 Q1 Q1 Q1 Q1 Q1 I1 I2 B2", ()),
        (windows.hash_shapes, "Q1 Q1 Q1 I1 Q1", ()),
        (windows.insert_keys, "Q1 Q1 Q1 Q1", ()),
        (windows.list_shapes, "I2 I2 B2 Q1 Q1", ()),
    ]
    room = coefficients.room_for(1, LANES, 1)
    stream = Stream(np.zeros(0, np.int64), np.zeros(0, np.uint8))
    mixture = Mixture(np.zeros(0, np.uint32), np.zeros((0, 0), np.int32), np.zeros((0, 0), np.int32))
    contexts = Contexts(np.zeros((0, 0), np.int64), np.zeros(0, np.int64))
    yield [
        (
            coefficients.code_blocks,
            "? I3 I3 I3 I3 I3 Q1 I2 I2 * * * I1 * *",
            (contexts, contexts, mixture, stream, room),
        ),
        (coefficients.code_lacks, "? I2 I2 B2 I2 I2 q q q U1 *", (stream,)),
        (dct.draw, "I3 Q1 I2 B2 Q1", ()),
        (dct.enlarge, "I2 q q q q I2", ()),
    ]
    yield [
        (recovery.solve, "I2 I2 I2 Q1 q I3 *", (recovery.bench(),)),
        (recovery.transform, "I2 q q q I2 Q1 Q1", ()),
        (recovery.find_steps, "I2 q q Q1", ()),
        (recovery.shrink, "R2 R2 q R2 R2 R2", ()),
        (recovery.bound_clipped, "Q2 Q2 Q2 Q2", ()),
        (recovery.settle, "I2 I2 I2 I3 I3 q", ()),
    ]
    state = "I2 I2 I2 U1 I2 I2 I2 I2 I2"
    yield [(bilevel.code_plane, f"? B2 q ? Q2 Q1 Q1 q ? {state} * *", (stream, bilevel.room_for(1, 1, 1, 1)))]
    yield [
        (bits.read_shapes, "B1 q q q q Q1 Q1 Q1 q Q1 Q1 Q1 I1 I2 B2 Q1", ()),
        (bits.write_shapes, "Q1 Q1 q Q1 Q1 q B1 q", ()),
        (bits.read_leftovers, "B1 q q q q Q1 Q1 Q1 I2 Q1", ()),
        (bits.write_leftovers, "I2 q q q Q1 Q1 B1 q", ()),
        (bits.golomb_cost, "Q1 q", ()),
    ]
    yield [
        (predict.fold_plane, "I2 q q q q q Q1 Q1 I2", ()),
        (predict.unfold_plane, "I2 q q q q q Q1 Q1 I2", ()),
        (lattice.from_rgb, "I2 I2 I2 I2 I2 I2", ()),
        (lattice.to_rgb, "I2 I2 I2 I2 I2 I2", ()),
    ]


def coding_kernels() -> list[list[tuple[Kernel, Kinds]]]:
    """Groups of every kernel that coding calls and the kinds of its arguments; none where kernels are interpreted."""
    result = []
    for group in _groups():
        compiled = []
        for entry in group:
            if isinstance(entry, Kernel):
                compiled += [(entry, kinds) for kinds in signatures(entry.function)]
            elif isinstance(entry, tuple) and isinstance(entry[0], Kernel):
                given = iter(flatten(entry[2])[0])
                kinds = (next(given) if token == "*" else _kind(token) for token in entry[1].split())
                compiled.append((entry[0], tuple(kinds)))
        result.append(compiled)
    return result


def _kind(token: str) -> Any:
    return (ARRAYS[token[0]], int(token[1:])) if token[0] in ARRAYS else token


def are_compiled() -> bool:
    """Whether there is nothing to do ahead: all of them are on disk, or nothing can be kept there."""
    return cache_folder() is None or all(kernel.is_kept(kinds) for group in coding_kernels() for kernel, kinds in group)


def compile_coding_kernels(workers: int) -> None:
    """Compile them in so many processes, but for those on disk. What is left undone is compiled when it is needed."""
    with tempfile.TemporaryDirectory() as claims:
        # Not multiprocessing: its processes run the program again that this one runs.
        command = [sys.executable, "-m", "sofc.coders.ahead", claims]
        crew = [subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) for _ in range(workers)]
        try:
            for process in crew:
                process.wait()
        finally:
            for process in crew:
                process.kill()
                process.wait()


def _compile_what_is_left(claims: Path) -> None:
    """Compile the groups that no other process has claimed by a file of the group's number."""
    for number, group in enumerate(coding_kernels()):
        try:
            (claims / str(number)).touch(exist_ok=False)
        except FileExistsError:
            continue
        for function, kinds in group:
            function.prepare(kinds)


if __name__ == "__main__":
    _compile_what_is_left(Path(sys.argv[1]))
