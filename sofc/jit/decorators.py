"""The decorators of every kernel: compiled for the types it is called with, kept on disk, called without the GIL.

numba compiles; what it makes is kept as plain machine code that later processes load by themselves. Importing numba and
reading its own cache would take longer than coding a small image does.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable
from functools import cached_property, update_wrapper
from importlib.util import find_spec
from typing import Any, TypeVar

from sofc.jit import first_use
from sofc.jit.cache import read_code, write_code
from sofc.jit.native import Kinds, Native, flatten

Function = TypeVar("Function", bound=Callable[..., Any])

_LOG = logging.getLogger(__name__)
_LOCK = threading.RLock()


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
        kinds, words = flatten(arguments)
        native = self._loaded.get(kinds)
        if native is None:
            native = self.prepare(kinds)
        return native(words)

    @cached_property
    def dispatcher(self) -> Any:
        """The function as numba takes it where another kernel calls it."""
        from sofc.jit.compiler import dispatcher_of

        return dispatcher_of(self)

    def is_kept(self, kinds: Kinds) -> bool:
        """Whether the machine code for arguments of these kinds is on disk."""
        return kinds in self._loaded or read_code(self.name, kinds) is not None

    def prepare(self, kinds: Kinds) -> Native:
        """Load the machine code for arguments of these kinds, or compile it first."""
        with _LOCK:
            if kinds not in self._loaded:
                code = read_code(self.name, kinds)
                while code is None and first_use.actions:
                    first_use.actions.pop()()
                    code = read_code(self.name, kinds)
                if code is None:
                    from sofc.jit.compiler import compile_kernel

                    _LOG.info("compiling %s", self.name)

                    code = compile_kernel(self, kinds)
                    write_code(self.name, kinds, code)
                self._loaded[kinds] = Native(self.name, code, kinds)
            return self._loaded[kinds]


def _is_interpreted() -> bool:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return True
    if find_spec("numba") is None:
        warnings.warn("numba is not installed: sofc runs its kernels interpreted, some 100 times slower", stacklevel=2)
        return True
    return False


_INTERPRETED = _is_interpreted()


def kernel(function: Function) -> Function:
    """Compile a function that callers or other kernels call."""
    return function if _INTERPRETED else Kernel(function, inline=False)  # type: ignore[return-value]


def inlined(function: Function) -> Function:
    """Compile a function into every kernel that calls it."""
    return function if _INTERPRETED else Kernel(function, inline=True)  # type: ignore[return-value]
