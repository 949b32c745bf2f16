"""Kernels through numba to machine code: the only module that imports it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic, models, overload, register_model, typeof_impl

from sofc.jit.arithmetic import leading_zeros
from sofc.jit.decorators import Kernel
from sofc.jit.library import symbol
from sofc.jit.native import BOOLEAN, INTEGER, NOTHING, REAL, SHAPE_FIELD, Code, Kinds, layout

TYPES = {BOOLEAN: numba.types.boolean, INTEGER: numba.types.int64, REAL: numba.types.float64}
RESULTS = {
    numba.types.boolean: BOOLEAN,
    numba.types.int64: INTEGER,
    numba.types.float64: REAL,
    numba.types.none: NOTHING,
}

LLVM_TYPES = {ctypes.c_bool: "i8", ctypes.c_int64: "i64", ctypes.c_double: "double", ctypes.c_void_p: "ptr"}
"""What LLVM calls the words of arguments."""
ENTRY = "entry"
"""The function of a kernel that Python calls."""
LEVEL = 1
"""Of LLVM's optimisation: kernels run as fast as at level 3 and take a tenth less time to compile."""
PROVIDED = {"memcpy", "memmove", "memset", "memset_pattern16", "exp", "log2", "printf", "puts"}
"""What machine code may call: functions of the C library. Those of numba are not there when it is run."""


class _Callee(numba.types.Dispatcher):  # type: ignore[misc]
    """A kernel that another one calls: compiled for the types of its arguments, not once more for every constant."""

    def get_call_type(self, context: Any, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        """The signature for arguments of these types."""
        return super().get_call_type(context, tuple(map(numba.types.unliteral, args)), kws)


register_model(_Callee)(models.OpaqueModel)


@intrinsic  # type: ignore[untyped-decorator]
def _leading_zeros(_context: Any, _a: Any) -> Any:
    def instructions(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        narrow = ir.IntType(32)
        zeros = builder.ctlz(builder.trunc(arguments[0], narrow), ir.IntType(1)(1))
        return builder.zext(zeros, ir.IntType(64))

    return numba.types.int64(numba.types.int64), instructions


@overload(leading_zeros)  # type: ignore[untyped-decorator]
def _overload_leading_zeros(a: Any) -> Any:
    def in_kernel(a: Any) -> Any:
        return _leading_zeros(a)

    return in_kernel


@typeof_impl.register(Kernel)  # type: ignore[untyped-decorator]
def _kernel_in_kernel(kernel: Kernel, _context: Any) -> Any:
    return _Callee(kernel.dispatcher)


def dispatcher_of(kernel: Kernel) -> Any:
    """The function for numba: without wrappers for Python and, as callers allocate, without memory of its own."""
    options = {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(nogil=True, forceinline=kernel.inline, **options)(kernel.function)


def compile_kernel(kernel: Kernel, kinds: Kinds) -> Code:
    """The machine code of a kernel for arguments of these kinds. Raises RuntimeError where it could not run."""
    compiled, module = _compile(kernel, kinds)
    machine = cpu_target.target_context.codegen()._tm
    return Code(ENTRY, _result(compiled), bytes(machine.emit_object(module)))


def compile_for_library(kernel: Kernel, kinds: Kinds, processor: str) -> bytes:
    """The same as an object file to link: one function that others see, by the name that the library has for it.

    ``processor`` is what it is for, which numba must have been told, too (NUMBA_CPU_NAME).
    """
    compiled, module = _compile(kernel, kinds)
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration:
            value.linkage = "internal"
    entry = module.get_function(ENTRY)
    entry.linkage = "external"
    entry.name = symbol(kernel.name, kinds, _result(compiled))
    target = llvm.Target.from_triple(llvm.get_process_triple())
    machine = target.create_target_machine(cpu=processor, opt=3, reloc="pic", codemodel="default")
    return bytes(machine.emit_object(module))


def _result(compiled: Any) -> str:
    return RESULTS[numba.types.unliteral(compiled.signature.return_type)]


def _compile(kernel: Kernel, kinds: Kinds) -> tuple[Any, Any]:
    """What numba makes of a kernel, and its code as a module of LLVM's, with an entry."""
    signature = _signature(kinds)
    with _optimised_lightly():
        kernel.dispatcher.compile(signature)
    compiled = kernel.dispatcher.overloads[signature]
    name = compiled.fndesc.llvm_func_name
    module = llvm.parse_assembly(compiled.library.get_llvm_str())
    missing = {f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")} - PROVIDED
    if missing:
        raise RuntimeError(f"kernel {kernel.name} calls {', '.join(sorted(missing))}, which only numba provides")
    arguments = [argument.type for argument in module.get_function(name).arguments]
    words = ["ptr" if one.is_pointer else str(one) for one in arguments]
    if words != ["ptr", "ptr", *(LLVM_TYPES[word] for word in layout(kinds))]:
        raise RuntimeError(
            f"numba {numba.__version__} lays out arguments otherwise than sofc knows: please report this, and "
            "set NUMBA_DISABLE_JIT=1 until it is mended"
        )
    module.link_in(llvm.parse_assembly(_Entry(list(map(str, arguments))).text(name, kinds, str(module.triple))))
    return compiled, module


class _Entry:
    """Writes a function of LLVM's that takes the addresses of words and of a result, and calls another with the
    arguments, of these ``types``, that the words stand for. All pointers come of numbers, which suits LLVM where
    pointers have types and where they have none."""

    def __init__(self, types: list[str]) -> None:
        self._types = types
        self._pointer = "ptr" if types[0] == "ptr" else "i64*"
        self._lines: list[str] = []
        self._given: list[str] = []
        self._loaded = 0

    def text(self, name: str, kinds: Kinds, triple: str) -> str:
        """The module, for a function of that name and arguments of these kinds."""
        declared = f'declare i32 @"{name}"({", ".join(self._types)})'
        head = f"define i32 @{ENTRY}(i64 %words, i64 %result) {{"
        self._put(f"%place = inttoptr i64 %words to {self._pointer}")
        self._put("%nothing = alloca i64", f"store i64 0, {self._pointer} %nothing")
        self._give("%result")
        self._give(self._new(f"ptrtoint {self._pointer} %nothing to i64"))
        self._give_all(kinds)
        call = f'%status = call i32 @"{name}"({", ".join(self._given)})'
        return "\n".join([f'target triple = "{triple}"', declared, head, *self._lines, call, "ret i32 %status", "}"])

    def _put(self, *lines: str) -> None:
        self._lines += lines

    def _new(self, instruction: str) -> str:
        """The name of what an instruction gives."""
        name = f"%v{len(self._lines)}"
        self._put(f"{name} = {instruction}")
        return name

    def _load(self) -> str:
        """The next word."""
        at = self._new(f"getelementptr i64, {self._pointer} %place, i64 {self._loaded}")
        self._loaded += 1
        return self._new(f"load i64, {self._pointer} {at}")

    def _read(self, address: str) -> str:
        """The word at an address."""
        return self._new(f"load i64, {self._pointer} {self._new(f'inttoptr i64 {address} to {self._pointer}')}")

    def _give(self, word: str) -> None:
        """The next argument, as the function takes it."""
        wanted = self._types[len(self._given)]
        casts = {"i64": None, "i8": "trunc", "double": "bitcast"}
        cast = casts.get(wanted, "inttoptr")
        self._given.append(f"{wanted} {word if cast is None else self._new(f'{cast} i64 {word} to {wanted}')}")

    def _give_all(self, kinds: Kinds) -> None:
        for kind in kinds:
            if isinstance(kind, str):
                self._give(self._load())
            elif isinstance(kind[0], str):
                self._give_array(np.dtype(kind[0]).itemsize, kind[1])
            else:
                self._give_all(kind[1])

    def _give_array(self, item: int, dimensions: int) -> None:
        fields = self._load()
        address, sizes = self._read(fields), self._read(self._new(f"add i64 {fields}, {SHAPE_FIELD}"))
        shape = [self._read(self._new(f"add i64 {sizes}, {8 * number}")) for number in range(dimensions)]
        strides = [str(item)]
        for size in reversed(shape[1:]):
            strides.insert(0, self._new(f"mul i64 {strides[0]}, {size}"))
        count = shape[0]
        for size in shape[1:]:
            count = self._new(f"mul i64 {count}, {size}")
        for word in ("0", "0", count, str(item), address, *shape, *strides):
            self._give(word)


@contextmanager
def _optimised_lightly() -> Iterator[None]:
    """Compile at LEVEL; what others compile in this process stays as they want it."""
    with global_compiler_lock:
        cpu_target.target_context.codegen()  # it keeps the level that it is set up with
        before = numba.config.OPT
        numba.config.OPT = type(before)(LEVEL)
        try:
            yield
        finally:
            numba.config.OPT = before


def _signature(kinds: Kinds) -> tuple[Any, ...]:
    return tuple(_type(kind) for kind in kinds)


def _type(kind: Any) -> Any:
    if isinstance(kind, str):
        return TYPES[kind]
    if isinstance(kind[0], str):
        return numba.types.Array(numba.from_dtype(np.dtype(kind[0])), kind[1], "C")
    return numba.types.BaseTuple.from_types(_signature(kind[1]), kind[0])
