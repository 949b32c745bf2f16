"""The processors that machine code in wheels is made for: by machine, all that have certain features."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple


class Baseline(NamedTuple):
    """What LLVM calls the least of these processors, and the features that Linux lists for each of them."""

    processor: str
    features: frozenset[str]


BASELINES = {
    "x86_64": Baseline("x86-64-v3", frozenset({"abm", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"})),
    "aarch64": Baseline("generic", frozenset()),
}
"""By machine, as ``uname`` has it."""


def baseline() -> Baseline | None:
    """That of this machine; None where wheels have no machine code for it."""
    # Kernels read the fields of arrays where CPython has them.
    if sys.platform != "linux" or sys.maxsize < 1 << 32 or sys.implementation.name != "cpython":
        return None
    return BASELINES.get(os.uname().machine)


def processor_features() -> frozenset[str]:
    """What Linux says that the first processor can do; nothing where it does not say."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return frozenset()
    return frozenset(flags.partition(":")[2].split())
