"""All kernels that encoding and decoding call, by what they are called with: to compile them ahead of use.

In a signature a letter and a number stand for an array and its dimensions (B, H, U: unsigned of 8, 16 and 32 bits; I,
Q: signed of 32 and 64 bits; R: floating point), ``q`` for an integer, ``?`` for a truth value, ``*`` for the room that
follows.
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
from sofc.coders.context import kernel
from sofc.coders.dct import kernel as coefficients
from sofc.coders.shape import kernel_codes, kernel_details, kernel_predict, kernel_range, kernel_windows
from sofc.coders.static import kernel as static
from sofc.entropy import binary, mixing
from sofc.jit.cache import cache_folder
from sofc.jit.decorators import Kernel
from sofc.jit.native import Kinds, flatten
from sofc.jit.types import signatures
from sofc.jpeg import dct, recovery
from sofc.prediction import bank
from sofc.transforms import jfif as lattice

ARRAYS = {"B": "|u1", "H": "<u2", "U": "<u4", "I": "<i4", "Q": "<i8", "R": "<f8"}

Signature = tuple[Callable[..., Any], str, tuple[Any, ...]]
Entry = Callable[..., Any] | Signature
"""A kernel whose annotations say what it is compiled for, or one with a signature in letters."""


def _static(sums: str) -> Iterator[Signature]:
    """The static coder's, by the type of its sums: I or Q."""
    plane = np.zeros((1 + 2 * static.PAD, 1 + 2 * static.PAD), np.int32)
    room = static.room_for(plane, plane, plane, ARRAYS[sums])
    common = f"I2 I2 I2 B2 B2 B2 q q q q Q1 {sums}2 {sums}2 Q1 Q1 q *"
    yield static.list_operations, f"{common} B1 Q1 Q1 I1 I1", (room,)
    yield static.decode, f"{common} B1 Q1 Q1 B1 I1 Q1 H1", (room,)
    yield static.find_grid, f"I2 B2 q q Q1 {sums}2 {sums}2 q *", (room,)


def _groups() -> Iterator[list[Entry]]:
    """Kernels that share others are compiled one after the other. Groups that take longest come first."""
    yield list(_static("Q"))
    yield list(_static("I"))
    room: Any = kernel.room_for(1, 1, 1, mixing.MIXER_LANES, adapts=True, recalls=True)
    planes, state = "I2 I2 I2 B2 B2 B2", "U1 I2 I2 I1 Q1 B1"
    yield [
        (kernel.code_plane, f"? {planes} q q q q Q1 I2 Q1 Q1 q q q q Q1 Q1 Q2 Q1 q {state} *", (room,)),
        (bank.grid_errors, "I2 Q1 I2 q q I1 Q1", ()),
        (binary.code_table, "? I2 I2 Q1 B1", ()),
        (binary.code_sparse, "? I2 I1 Q1 B1", ()),
        (binary.code_counters, "? B1 q I2 Q1 B1", ()),
        (binary.code_bit, "? q q Q1 B1", ()),
    ]
    yield [
        kernel_details.decode_details,
        kernel_details.fill_levels,
        kernel_details.fill_magnitudes,
        kernel_details.fill_cells,
        kernel_range.encode_symbols,
        kernel_range.code_numbers,
    ]
    yield [
        kernel_windows.cover_plane,
        kernel_windows.list_matches,
        kernel_windows.choose_matches,
        kernel_windows.fill_masks,
        kernel_windows.hash_shapes,
        kernel_windows.insert_keys,
    ]
    room = coefficients.room_for(1, mixing.MIXER_LANES)
    state = "U1 I2 I2 I1 Q1 B1"
    yield [
        (coefficients.code_blocks, f"? I3 I3 I3 I3 I3 Q1 I2 I2 Q2 Q2 Q1 q {state} *", (room,)),
        (coefficients.code_lacks, "? I2 I2 B2 I2 I2 q q q U1 Q1 B1", ()),
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
    state = "I2 I2 I2 U1 I2 I2 I2 I2 I2 Q1 B1"
    yield [(bilevel.code_plane, f"? B2 q ? Q2 Q1 Q1 q ? {state} *", (bilevel.room_for(1, 1, 1, 1),))]
    yield [kernel_codes.read_pairs, kernel_codes.write_pairs]
    yield [
        kernel_predict.code_plane,
        (lattice.from_rgb, "I2 I2 I2 I2 I2 I2", ()),
        (lattice.to_rgb, "I2 I2 I2 I2 I2 I2", ()),
        (static.write_operations, "I1 q Q1 H1", ()),
    ]


def coding_kernels() -> list[list[tuple[Kernel, Kinds]]]:
    """Groups of every kernel that coding calls and the kinds of its arguments; none where kernels are interpreted."""
    result = []
    for group in _groups():
        compiled = []
        for entry in group:
            function = entry[0] if isinstance(entry, tuple) else entry
            if isinstance(function, Kernel):
                compiled += [(function, kinds) for kinds in _kinds(entry)]
        result.append(compiled)
    return result


def _kinds(entry: Any) -> list[Kinds]:
    if not isinstance(entry, tuple):
        return signatures(entry.function)
    _, signature, rooms = entry
    given = iter(flatten(rooms)[0])
    return [tuple(next(given) if token == "*" else _kind(token) for token in signature.split())]


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
