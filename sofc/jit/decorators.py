"""The decorators of every kernel: compiled for the types it is called with, kept on disk, called without the GIL.

A wheel has them compiled ahead. Otherwise numba compiles; what it makes is kept as plain machine code that later
processes load by themselves. Importing numba and reading its own cache would take longer than coding a small image
does.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable
from functools import cache, cached_property, update_wrapper
from typing import Any, TypeVar

from sofc.jit import first_use, library
from sofc.jit.memory import keep_freed_memory
from sofc.jit.native import Kinds, Native, flatten, load

Function = TypeVar("Function", bound=Callable[..., Any])

_LOG = logging.getLogger(__name__)
_LOCK = threading.RLock()
_THREAD = threading.local()


class Kernel:
    """A function of contiguous arrays, named tuples of them, integers, floats and truth values.

    ``inline``: kernels that call it get a copy of it, and keep what they know of their arguments.
    """

    def __init__(self, function: Callable[..., Any], *, inline: bool) -> None:
        self.function = function
        self.inline = inline
        self.name = f"{function.__module__.removeprefix('sofc.')}.{function.__name__}"
        self._loaded: dict[Kinds, Native] = {}
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel. Raises TypeError for arguments that kernels do not take."""
        if getattr(_THREAD, "is_interpreting", False):
            return self.function(*arguments)
        kinds, words = flatten(arguments)
        native = self._loaded.get(kinds) or self.prepare(kinds)
        return native(words) if native else self._interpret(arguments)

    def _interpret(self, arguments: tuple[Any, ...]) -> Any:
        """Run it, and what it calls, as Python."""
        _warn_interpreting()
        _THREAD.is_interpreting = True
        try:
            return self.function(*arguments)
        finally:
            _THREAD.is_interpreting = False

    @cached_property
    def dispatcher(self) -> Any:
        """The function as numba takes it where another kernel calls it."""
        from sofc.jit.compiler import dispatcher_of

        return dispatcher_of(self)

    def is_kept(self, kinds: Kinds) -> bool:
        """Whether the machine code for arguments of these kinds is on disk."""
        if kinds in self._loaded or library.find(self.name, kinds) is not None:
            return True
        if not library.has_compiler():
            return False
        from sofc.jit.cache import read_code

        return read_code(self.name, kinds) is not None

    def prepare(self, kinds: Kinds) -> Native | None:
        """Load the machine code for arguments of these kinds, or compile it first. None where nothing can compile."""
        keep_freed_memory()
        with _LOCK:
            if kinds not in self._loaded:
                native = library.find(self.name, kinds)
                if native is None and library.has_compiler():
                    native = self._compile(kinds)
                if native is None:
                    return None
                self._loaded[kinds] = native
            return self._loaded[kinds]

    def _compile(self, kinds: Kinds) -> Native:
        from sofc.jit.cache import read_code, write_code

        code = read_code(self.name, kinds)
        while code is None and first_use.actions:
            first_use.actions.pop()()
            code = read_code(self.name, kinds)
        if code is None:
            from sofc.jit.compiler import compile_kernel

            _LOG.info("compiling %s", self.name)

            code = compile_kernel(self, kinds)
            write_code(self.name, kinds, code)
        return load(self.name, kinds, code)


@cache
def _warn_interpreting() -> None:
    warnings.warn(
        "a kernel is run interpreted, some 100 times slower: it was not compiled ahead for such arguments, and numba "
        f"is not installed (pip install 'sofc[compiler]'); kernels are {described()}",
        stacklevel=2,
    )


INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
"""Whether kernels are to be run as Python."""


def described() -> str:
    """How kernels are run in this process, and why not otherwise."""
    ahead = library.opened()
    if INTERPRETED:
        return "interpreted, as NUMBA_DISABLE_JIT asks for"
    if ahead.library is not None:
        return f"compiled ahead, {ahead.remark}"
    if library.has_compiler():
        return f"compiled here at first use; not ahead, because {ahead.remark}"
    return f"interpreted, as numba is not installed; not compiled ahead, because {ahead.remark}"


def kernel(function: Function) -> Function:
    """Compile a function that callers or other kernels call."""
    return function if INTERPRETED else Kernel(function, inline=False)  # type: ignore[return-value]


def inlined(function: Function) -> Function:
    """Compile a function into every kernel that calls it."""
    return function if INTERPRETED else Kernel(function, inline=True)  # type: ignore[return-value]
