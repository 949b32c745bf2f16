"""Compiles all kernels into the library that a wheel brings along.

What is compiled are the kernels of all modules that hold any, for what their annotations say; those that only other
kernels call, which begin with an underscore, are part of these. Each module is compiled by a process of its own, so
that its code does not depend on the others.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from sofc.jit.baseline import baseline
from sofc.jit.decorators import Kernel
from sofc.jit.library import COMPILER_VARIABLES, library_path
from sofc.jit.linker import link
from sofc.jit.native import Kinds
from sofc.jit.sources import PACKAGE, kernel_paths
from sofc.jit.types import signatures


def kernels_of(module: str) -> Iterator[tuple[Kernel, Kinds]]:
    """The kernels of a module that Python calls, and what with."""
    for value in vars(import_module(module)).values():
        is_own = isinstance(value, Kernel) and value.function.__module__ == module
        if is_own and not value.inline and not value.function.__name__.startswith("_"):
            yield from ((value, kinds) for kinds in signatures(value.function))


def kernel_modules() -> list[str]:
    """Where kernels may stand; the largest first, which take longest."""
    paths = sorted(kernel_paths(), key=lambda path: (-path.stat().st_size, path))
    return [".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts)) for path in paths]


def build_library(folder: Path, modules: list[str]) -> Path:
    """Compile the kernels of these modules, and link them. Raises RuntimeError where no library can be made."""
    target = baseline()
    if target is None:
        raise RuntimeError("kernels are compiled ahead for Linux on x86-64 and aarch64 only")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(COMPILER_VARIABLES)}
    # The order of sets may not decide what comes out.
    told = {"NUMBA_CPU_NAME": target.processor, "NUMBA_CPU_FEATURES": "", "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory() as objects:
        command = [sys.executable, "-m", "sofc.jit.building", objects, *modules]
        subprocess.run(command, env={**kept, **told}, check=True)
        path = folder / library_path().name
        link(Path(objects), path)
    return path


def compile_objects(folder: Path, modules: list[str]) -> None:
    """Write an object file for each kernel of these modules."""
    import_module("sofc.jit.compiler")  # once, and not in each of the processes
    with get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        pool.starmap(_compile_module, [(folder, module) for module in modules], chunksize=1)


def _compile_module(folder: Path, module: str) -> None:
    from sofc.jit.compiler import compile_for_library

    processor = os.environ["NUMBA_CPU_NAME"]
    for number, (kernel, kinds) in enumerate(kernels_of(module)):
        (folder / f"{kernel.name}-{number}.o").write_bytes(compile_for_library(kernel, kinds, processor))


if __name__ == "__main__":
    compile_objects(Path(sys.argv[1]), sys.argv[2:])
