"""Links object files into a shared library: through the C compiler, or zig where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

COMPILER_VARIABLE = "CC"
"""Environment variable: the C compiler, with its options, as make has it."""


def has_linker() -> bool:
    """Whether there is a C compiler."""
    return _compiler() is not None


def link(folder: Path, library: Path) -> None:
    """Make a library of all files of a folder; from the same files always the same. Raises RuntimeError, OSError."""
    command = _compiler()
    if command is None:
        if find_spec("ziglang") is None:
            raise RuntimeError("linking kernels needs a C compiler: install one, or ziglang through pip")
        command = [sys.executable, "-m", "ziglang", "cc"]
    names = sorted(file.name for file in folder.iterdir())
    options = ["-shared", "-s", "-Wl,--build-id=none", "-o", str(library.resolve())]
    done = subprocess.run([*command, *options, *names, "-lm"], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} cannot link kernels: {done.stderr.strip()}")


def _compiler() -> list[str] | None:
    candidates = [os.environ.get(COMPILER_VARIABLE, "").split(), ["cc"], ["gcc"], ["clang"]]
    return next((command for command in candidates if command and shutil.which(command[0])), None)
