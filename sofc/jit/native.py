"""Machine code of kernels, and calling it.

Numba's functions take arguments flat: of an array two null pointers (numba's owner of the memory, and Python's), its
size, the bytes of an item, the pointer to its samples, its shape and its strides in bytes; of a tuple its items. Before
them stand a pointer to the result and one to what may have gone wrong; what is returned is whether anything did.

A call with hundreds of arguments takes Python longer than many a kernel runs. So what is called is an entry (made by
``compiler``) that takes a pointer to words of 64 bits, and one to the result. Of an array there is one word: where its
fields stand, of which the entry reads the pointer to its samples and the shape, as all else follows from these. Numpy's
binary interface (``PyArrayObject_fields``) promises these fields to every extension that is compiled for it; to ask for
them through Python takes four times as long.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

Kinds = tuple[Any, ...]
"""The type of each argument: (dtype, dimensions) of an array; BOOLEAN, INTEGER or REAL; (class, kinds) of a tuple."""

BOOLEAN, INTEGER, REAL, NOTHING = "?", "q", "d", "-"
SCALARS = {
    bool: BOOLEAN, np.bool_: BOOLEAN, int: INTEGER, np.int64: INTEGER, np.int32: INTEGER, float: REAL, np.float64: REAL
}  # fmt: skip
WORDS: dict[str, Any] = {
    BOOLEAN: ctypes.c_bool,
    INTEGER: ctypes.c_int64,
    REAL: ctypes.c_double,
    NOTHING: ctypes.c_void_p,
}


FIELDS = object.__basicsize__
"""Where the fields of an array begin, from ``id(array)`` on: behind what all objects of CPython have."""
SHAPE_FIELD = 16
"""Bytes from the first field, the pointer to samples, to the pointer to the shape; the number of dimensions stands
between them."""
PACKED = {BOOLEAN: "?7x", INTEGER: "q", REAL: "d"}
"""The words of an entry, as ``struct`` has them."""


class Code(NamedTuple):
    """A compiled kernel: the name of its entry, the kind of its result, and an object file."""

    name: str
    result: str
    content: bytes


def flatten(arguments: Sequence[Any]) -> tuple[Kinds, list[Any]]:
    """The kinds of arguments, and the words that stand for them, as long as the arguments are there. Raises TypeError
    for what kernels do not take."""
    words: list[Any] = []
    return _kinds(arguments, words), words


def _kinds(arguments: Sequence[Any], words: list[Any]) -> Kinds:
    """The kinds of arguments, whose words are added to ``words``."""
    kinds: list[Any] = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            if not argument.flags.carray:
                raise TypeError("kernels take arrays that are contiguous, aligned and writable")
            kinds.append(_kind_of(argument.dtype, argument.ndim))
            words.append(id(argument) + FIELDS)
        elif isinstance(argument, tuple):
            kinds.append((type(argument), _kinds(argument, words)))
        else:
            kind = SCALARS.get(type(argument))
            if kind is None:
                raise TypeError(f"kernels take arrays, tuples of them and numbers, not {type(argument).__name__}")
            kinds.append(kind)
            words.append(argument)
    return tuple(kinds)


@cache
def _kind_of(dtype: np.dtype[Any], dimensions: int) -> tuple[str, int]:
    """That of arrays; numpy makes ``dtype.str`` anew each time."""
    return dtype.str, dimensions


def layout(kinds: Kinds) -> list[Any]:
    """The C types of the arguments of numba's function, but for the first two."""
    types: list[Any] = []
    for kind in kinds:
        if isinstance(kind, str):
            types.append(WORDS[kind])
        elif isinstance(kind[0], str):
            types += [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 2 + [ctypes.c_void_p]
            types += [ctypes.c_int64] * 2 * kind[1]
        else:
            types += layout(kind[1])
    return types


def packing(kinds: Kinds) -> str:
    """How ``struct`` packs the words that ``flatten`` gives."""
    packed = ""
    for kind in kinds:
        if isinstance(kind, str):
            packed += PACKED[kind]
        else:
            packed += "q" if isinstance(kind[0], str) else packing(kind[1])
    return packed


class Native:
    """A loaded kernel: an entry at an address, which ``owner`` keeps there, and the name that messages call it."""

    def __init__(self, name: str, kinds: Kinds, result: str, address: int, owner: object = None) -> None:
        self._name = name
        self._owner = owner
        self._result = WORDS[result]
        self._pack = struct.Struct("=" + packing(kinds)).pack
        self._call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p, ctypes.c_void_p)(address)

    def __call__(self, words: list[Any]) -> Any:
        """Run it, without the GIL. Raises RuntimeError where the kernel stops by itself, which is a mistake in it."""
        result = self._result()
        status = self._call(self._pack(*words), ctypes.addressof(result))
        if status != 0:
            raise RuntimeError(f"kernel {self._name} stopped with status {status}: please report this")
        return result.value


def load(name: str, kinds: Kinds, code: Code) -> Native:
    """Load a kernel from its object file."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code.content))
    engine.finalize_object()
    return Native(name, kinds, code.result, engine.get_function_address(code.name), engine)


def processor() -> tuple[str, str, str, str]:
    """The compiler's version, and what it compiles for: the platform, the processor's name and its features."""
    import llvmlite
    import llvmlite.binding as llvm

    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # not known for every processor; numba does without, too
        features = ""
    return llvmlite.__version__, llvm.get_process_triple(), llvm.get_host_cpu_name(), features


def target_machine() -> Any:
    """What runs the code: this machine."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(codemodel="jitdefault", jit=True)
