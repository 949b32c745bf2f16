"""Compiled kernels are kept on disk, run without numba, and a cache that cannot be used never stops the program."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, get_type_hints

import numpy as np
import pytest

from sofc.coders import ahead as coding
from sofc.coders.registry import CODERS
from sofc.jit import building, cache, first_use
from sofc.jit.decorators import Kernel, kernel
from sofc.jit.sources import KERNEL_MODULES, PACKAGE
from sofc.jit.types import Vector

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import cached_kernel
print(cached_kernel.twice(21))
print("numba" in sys.modules)
"""

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels of tests are kept apart: they are not part of what the folder's name is a digest of."""
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)


def run(folder: Path, **environment: str) -> list[str]:
    (folder / "cached_kernel.py").write_text(
        "from sofc.jit.decorators import kernel\n\n\n@kernel\ndef twice(x):\n    return 2 * x\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_second_run_needs_no_numba(tmp_path: Path) -> None:
    cache = {"SOFC_KERNEL_CACHE": str(tmp_path / "cache")}
    assert run(tmp_path, **cache) == ["42", "True"]
    assert run(tmp_path, **cache) == ["42", "False"]


def test_damaged_entry_is_compiled_again(tmp_path: Path) -> None:
    cache = {"SOFC_KERNEL_CACHE": str(tmp_path / "cache")}
    run(tmp_path, **cache)
    for keep in (0, 20, 100, -1):
        (entry,) = (tmp_path / "cache").glob("*/cached_kernel.twice-*")
        data = entry.read_bytes()
        entry.write_bytes(data[:keep] if keep >= 0 else data[:-1] + bytes([data[-1] ^ 1]))
        assert run(tmp_path, **cache) == ["42", "True"]
        assert run(tmp_path, **cache) == ["42", "False"]


def test_unusable_cache_folder_means_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert run(tmp_path, SOFC_KERNEL_CACHE=str(tmp_path / "file")) == ["42", "True"]


class Pair(NamedTuple):
    values: np.ndarray
    factors: np.ndarray


@kernel
def mixed(pair, shift, negative, scale):
    total = 0.0
    for y in range(pair.values.shape[0]):
        for x in range(pair.values.shape[1]):
            total += pair.values[y, x] * pair.factors[x] * scale
            pair.values[y, x] += shift
    return -total if negative else total


@pytest.mark.usefixtures("own_cache")
def test_arguments_of_every_kind() -> None:
    pair = Pair(np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([1, -1, 2]))
    assert mixed(pair, np.int64(3), True, 0.5) == -0.5 * (0 - 1 + 4 + 3 - 4 + 10)
    assert pair.values.tolist() == [[3, 4, 5], [6, 7, 8]]


@kernel
def weighed(cube):
    total = 0
    for z in range(cube.shape[0]):
        for y in range(cube.shape[1]):
            for x in range(cube.shape[2]):
                total += cube[z, y, x] * (100 * z + 10 * y + x)
    return total + 1000 * cube.shape[0] * cube.shape[1] * cube.shape[2]


@pytest.mark.usefixtures("own_cache")
def test_arrays_however_they_came_about(tmp_path: Path) -> None:
    """Entries read samples and shapes from the arrays themselves: views, mapped files, those that changed since."""
    base = np.arange(60, dtype=np.int32)
    mapped = np.memmap(tmp_path / "samples", np.int32, "w+", shape=(3, 4, 5))
    mapped[:] = base.reshape(3, 4, 5)
    resized = np.empty(7, np.int32)
    resized.resize((3, 4, 5), refcheck=False)
    resized[:] = mapped
    for array in (base.reshape(3, 4, 5), base.reshape(3, 4, 5)[1:], base[2:8].reshape(1, 6, 1), mapped, resized):
        place = 100 * np.arange(array.shape[0])[:, None, None] + 10 * np.arange(array.shape[1])[:, None]
        expected = (array * (place + np.arange(array.shape[2]))).sum() + 1000 * array.size
        assert weighed(array) == expected
    assert weighed(np.empty((2, 0, 3), np.int32)) == 0


@pytest.mark.parametrize("argument", ["text", None, np.zeros((4, 4))[:, ::2], np.frombuffer(b"ab", np.uint8), [1]])
def test_what_kernels_do_not_take(argument: object) -> None:
    with pytest.raises(TypeError, match="kernels take"):
        mixed(Pair(np.zeros((1, 1)), np.zeros(1)), argument, True, 1.0)


@kernel
def allocates(size):
    return np.zeros(size).sum()


@kernel
def reshapes(table):
    return table.reshape(4)[2]


@kernel
def divides(a, b):
    return a // b


@pytest.mark.usefixtures("own_cache")
def test_what_kernels_must_not_do() -> None:
    """Nothing of numba's is there when machine code runs: memory it would allocate, exceptions it would raise."""
    from numba.core.errors import TypingError

    with pytest.raises(TypingError, match="zeros"):
        allocates(3)
    with pytest.raises(RuntimeError, match="reshapes calls numba_attempt_nocopy_reshape, which only numba provides"):
        reshapes(np.zeros((2, 2)))
    assert divides(7, 2) == 3
    with pytest.raises(RuntimeError, match=r"divides.* stopped"):
        divides(7, 0)


@pytest.mark.usefixtures("own_cache")
def test_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to happen before the first compilation happens once."""

    def halve(x):
        return x // 2

    done = []
    monkeypatch.setattr(first_use, "actions", [lambda: done.append(1)])
    compiled = Kernel(halve, inline=False)
    assert [compiled(4), compiled(6), compiled(5.0)] == [2, 3, 2]
    assert done == [1]


USES = """
import numpy as np, sofc
from sofc.coders import ahead as coding
from sofc.jit.decorators import Kernel

known = {(kernel.name, kinds) for group in coding.coding_kernels() for kernel, kinds in group}
prepare, unknown, watched = Kernel.prepare, set(), []


def spy(kernel, kinds):
    if watched and (kernel.name, kinds) not in known:
        unknown.add((kernel.name, kinds))
    return prepare(kernel, kinds)


Kernel.prepare = spy
y, x = np.mgrid[:70, :70]
noise = np.random.default_rng(1).integers(0, 9, x.shape)
gray = (100 + 50 * np.sin(y / 5) + 30 * np.cos(x / 7) + noise).astype(np.uint8)
kinds = [gray, np.stack([gray, gray // 2, 255 - gray], -1), gray.astype(np.uint16) * 250 + 7 * noise.astype(np.uint16)]
kinds += [gray > 100, np.tile(gray > 100, (5, 5)), gray[:24, :24] > 100]
books = [sofc.train([image] * 3, name="x", coder="shape", held_out=0).codebook for image in kinds]
gc = __import__("gc")
for kernel in gc.get_objects():
    if type(kernel) is Kernel:
        kernel._loaded.clear()
watched.append(1)
for image, book in zip(kinds, books):
    for settings in ({"effort": 1}, {"effort": 5}, {"codebook": None}, {"codebook": book, "coder": "shape"}):
        data = sofc.encode(image, **settings)
        assert (sofc.decode(data, codebooks={book.id: book}) == image).all()
print(sorted(unknown))
"""


@kernel
def count_above(values: Vector[np.int32], limit: int) -> int:
    return int((values > limit).sum())


def test_a_kernel_in_a_list_says_itself_what_it_is_called_with(monkeypatch: pytest.MonkeyPatch) -> None:
    (coder, *_) = CODERS.values()
    monkeypatch.setitem(CODERS, coder.id, replace(coder, kernels=[[count_above]]))
    (found,) = [group for group in coding.coding_kernels() if group and group[0][0] is count_above]
    assert found == [(count_above, (("<i4", 1), "q"))]


def test_all_that_coding_calls_is_compiled_ahead() -> None:
    done = subprocess.run([sys.executable, "-c", USES], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_coding_kernels_compile() -> None:
    """Every signature in the list is one that its kernel has."""
    for group in coding.coding_kernels():
        for one, kinds in group:
            one.prepare(kinds)
    assert coding.are_compiled()


def test_kernels_that_a_library_has_give_numbers() -> None:
    """What gives a tuple only other kernels can call: the wheel would not be made."""
    kernels = [kernel for module in building.kernel_modules() for kernel, _ in building.kernels_of(module)]
    results = {kernel.name: get_type_hints(kernel.function)["return"] for kernel in kernels}
    assert len(results) > 80
    assert {name: result for name, result in results.items() if result not in (bool, int, float, type(None))} == {}


def _imported(path: Path) -> set[Path]:
    """The files of the package that a module imports names from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sofc."):
            module = PACKAGE.joinpath(*(node.module or "").split(".")[1:])
            inner = [module / f"{name.name}.py" for name in node.names]
            found |= {file for file in (*inner, module.with_suffix(".py")) if file.exists()}
    return found


def test_the_digest_holds_what_is_compiled() -> None:
    """Code compiled from a module that the digest leaves out would live on after the module has changed."""
    digested = {path for pattern in KERNEL_MODULES for path in PACKAGE.glob(pattern)}
    kernels = {path for path in PACKAGE.rglob("*.py") if re.search(r"^@(kernel|inlined)", path.read_text(), re.M)}
    assert len(kernels) > 20
    needed = kernels | {other for path in kernels for other in _imported(path)}
    # What these say is raised or held by Python alone.
    assert needed - digested <= {PACKAGE / "errors.py", PACKAGE / "planes.py"}
