"""Compiled kernels are cached, and a cache that cannot be used never stops the program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import cached_kernel
print(cached_kernel.twice(21))
print(sum(cached_kernel.twice.stats.cache_hits.values()))
"""

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="there is no cache without the JIT")


def run(folder: Path, **environment: str) -> list[str]:
    (folder / "cached_kernel.py").write_text(
        "from sofc.kernels._jit import kernel\n\n\n@kernel\ndef twice(x):\n    return 2 * x\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_second_run_hits_the_cache(tmp_path: Path) -> None:
    cache = {"SOFC_KERNEL_CACHE": str(tmp_path / "cache")}
    assert run(tmp_path, **cache) == ["42", "0"]
    assert run(tmp_path, **cache) == ["42", "1"]


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("keep", [0, 100])
def test_truncated_cache_entry_is_compiled_again(tmp_path: Path, suffix: str, keep: int) -> None:
    cache = {"SOFC_KERNEL_CACHE": str(tmp_path / "cache")}
    run(tmp_path, **cache)
    entries = [path for path in (tmp_path / "cache").rglob(f"*.{suffix}") if "cached_kernel" in path.name]
    assert entries
    for path in entries:
        path.write_bytes(path.read_bytes()[:keep])
    assert run(tmp_path, **cache) == ["42", "0"]
    assert run(tmp_path, **cache) == ["42", "1"]


def test_unusable_cache_folder_means_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(tmp_path, SOFC_KERNEL_CACHE=str(tmp_path / "file")) == ["42", "0"]
