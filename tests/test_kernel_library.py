"""Kernels that were compiled ahead run without numba, and where they do not fit what was there before remains."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sofc
from sofc.coders import ahead
from sofc.jit import baseline, building, library, linker

MODULE = "sofc.jpeg.colour"
"""What the library of these tests is made of: one module, for time."""
ROOT = Path(sofc.__file__).parents[1]

pytestmark = [
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="nothing is compiled"),
    pytest.mark.skipif(baseline.baseline() is None, reason="wheels have no machine code for this machine"),
]

PROGRAM = """
import sys


class WithoutCompiler:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numba", "llvmlite"):
            raise ModuleNotFoundError(name)


from sofc.jit import library

if {without_compiler}:
    sys.meta_path.insert(0, WithoutCompiler())
    library.has_compiler = lambda: False
{before}
import numpy as np
from sofc.jit.decorators import described
from sofc.jpeg.colour import USUAL_CONVERSION as usual, Channels, Colour, blank_memo, fits, from_rgb, to_rgb

values = np.arange(-90, 166, dtype=np.int32).reshape(16, 16)
converted = Channels(*(abs(values + shift) & 255 for shift in (0, 40, 90)))
colours, again = (Channels(*(np.zeros_like(values) for _ in range(3))) for _ in range(2))
to_rgb(usual, converted, colours)
gray = Colour(128, 128, 128)
results = [fits(usual, 130, 2, 3, Colour(1, 2, 3)), fits(usual, 128, 0, 0, gray)]
results += [from_rgb(usual, colours, again, blank_memo())]
results += [int((plane * (1 + values)).sum()) for plane in (*colours, *again)]
{after}
import json

loaded = [name for name in ("numba", "llvmlite", "sofc.jit.cache") if name in sys.modules]
print(json.dumps({{"results": list(map(int, results)), "how": described(), "loaded": loaded}}))
"""


def command(before: str = "", after: str = "", *, without_compiler: bool = True) -> list[str]:
    program = PROGRAM.format(before=before, after=after, without_compiler=without_compiler)
    return [sys.executable, "-P", "-W", "error", "-c", program]


def surroundings(folder: Path, **environment: str) -> dict[str, str]:
    """Those of a process that imports the package from a folder, and knows of no folder for compiled kernels."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "SOFC_", "HOME"))}
    return {**kept, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment}


def run(folder: Path, *command: str, **environment: str) -> dict[str, object]:
    done = subprocess.run(command, env=surroundings(folder, **environment), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package that has a library, and may not be written to."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "sofc", folder / "sofc", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (folder / "sofc" / "jit" / "compiled").mkdir(exist_ok=True)
    building.build_library(folder / "sofc" / "jit" / "compiled", [MODULE])
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    return folder


@pytest.fixture(scope="module")
def right(installed: Path) -> object:
    """What comes out of the program, run as Python."""
    said = run(installed, *command(), NUMBA_DISABLE_JIT="1")
    assert said["how"] == "interpreted, as NUMBA_DISABLE_JIT asks for"
    return said["results"]


def contents(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_library_needs_nothing_else(installed: Path, right: object) -> None:
    """No compiler, no folder to write to, and two processes at once."""
    before = contents(installed)
    both = [
        subprocess.Popen(command(), env=surroundings(installed), stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in both:
        said = json.loads(process.communicate()[0])
        assert said == {"results": right, "how": f"compiled ahead, for {baseline.baseline().processor}", "loaded": []}
    assert contents(installed) == before


def test_a_library_is_used_where_there_is_a_compiler(installed: Path, right: object, tmp_path: Path) -> None:
    said = run(installed, *command(without_compiler=False), SOFC_KERNEL_CACHE=str(tmp_path))
    assert (said["results"], said["loaded"], list(tmp_path.iterdir())) == (right, [], [])


@pytest.mark.skipif(not baseline.baseline().features, reason="all processors of this kind have what is needed")
def test_another_processor(installed: Path, right: object, tmp_path: Path) -> None:
    """What compiled there before compiles; where nothing can, kernels run as Python, and a warning says so."""
    lacking = "library.processor_features = lambda: frozenset({'sse2'})"
    said = run(installed, *command(lacking, without_compiler=False), SOFC_KERNEL_CACHE=str(tmp_path))
    assert said["results"] == right
    assert "this processor is no x86-64-v3: it lacks abm, avx2" in said["how"]
    assert [len(list(folder.iterdir())) for folder in tmp_path.iterdir()] == [3]
    with_warning = f"{lacking}\nimport warnings\nwarnings.simplefilter('ignore')"
    assert run(installed, *command(with_warning))["results"] == right
    done = subprocess.run(command(lacking), env=surroundings(installed), capture_output=True, text=True)
    assert "a kernel is run interpreted, some 100 times slower" in done.stderr
    assert "pip install 'sofc[compiler]'" in done.stderr


@pytest.mark.parametrize("told", ["NUMBA_BOUNDSCHECK", "NUMBA_OPT"])
def test_what_the_compiler_is_told_is_heeded(told: str, installed: Path) -> None:
    asked = [
        sys.executable,
        "-P",
        "-c",
        "import json; from sofc.jit import library; print(json.dumps(library.opened()[1]))",
    ]
    assert run(installed, *asked, **{told: "1"}) == f"{told} may ask the compiler for other code"


def test_other_sources(installed: Path, right: object, tmp_path: Path) -> None:
    """A kernel that was changed after installing is the one that runs."""
    folder = tmp_path / "changed"
    shutil.copytree(installed, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    kernels = folder / "sofc" / "jpeg" / "colour.py"
    kernels.write_text(kernels.read_text().replace("GREEN_FROM_CB = 22554", "GREEN_FROM_CB = 30000"))
    said = run(folder, *command("import warnings\nwarnings.simplefilter('ignore')"))
    assert said["results"] != right
    assert "this installation has no kernels-" in said["how"]


def test_a_damaged_library(installed: Path, right: object, tmp_path: Path) -> None:
    (tmp_path / library.library_path().name).write_bytes(b"\x7fELF and no more")
    elsewhere = f"import pathlib\nlibrary.library_path = lambda: next(pathlib.Path({str(tmp_path)!r}).glob('*.so'))"
    said = run(installed, *command(f"{elsewhere}\nimport warnings\nwarnings.simplefilter('ignore')"))
    assert said["results"] == right
    assert "interpreted, as numba is not installed; not compiled ahead, because " in said["how"]
    assert "ELF" in said["how"] or "too short" in said["how"]


def test_arguments_that_were_not_foreseen(installed: Path, right: object) -> None:
    """Only this kernel is run as Python, with what it calls."""
    said = run(
        installed,
        *command(
            after="import warnings\nwith warnings.catch_warnings(record=True) as caught:\n"
            "    warnings.simplefilter('always')\n    results += [fits(usual, -1.0, 0, 0, gray), len(caught)]\n"
        ),
    )
    assert said["results"] == [*right, 0, 1]
    assert said["loaded"] == []


def test_the_same_library_each_time(installed: Path, tmp_path: Path) -> None:
    again = building.build_library(tmp_path, [MODULE])
    assert again.read_bytes() == (installed / "sofc" / "jit" / "compiled" / again.name).read_bytes()


def test_kernels_that_coding_calls_are_in_libraries() -> None:
    """What coders list is among what the annotations of all kernels say."""
    built = {
        library.symbol(kernel.name, kinds, "")
        for module in building.kernel_modules()
        for kernel, kinds in building.kernels_of(module)
    }
    listed = {library.symbol(kernel.name, kinds, "") for group in ahead.coding_kernels() for kernel, kinds in group}
    assert listed
    assert listed <= built


def test_without_a_linker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no C compiler ziglang is asked for; what a compiler says against the objects is passed on."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(linker, "find_spec", lambda name: None)
    assert not linker.has_linker()
    with pytest.raises(RuntimeError, match="needs a C compiler: install one, or ziglang"):
        linker.link(tmp_path, tmp_path / "a.so")
    monkeypatch.undo()
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "a.o").write_bytes(b"no object file")
    with pytest.raises(RuntimeError, match=r"cannot link kernels: .*a\.o"):
        linker.link(tmp_path / "objects", tmp_path / "a.so")


USES = ROOT / "tests" / "uses_of_kernels.py"


@pytest.mark.skipif("SOFC_TEST_WHEEL" not in os.environ, reason="takes minutes: SOFC_TEST_WHEEL=1 asks for it")
def test_a_wheel_needs_no_compiler(tmp_path: Path) -> None:
    """A wheel in an environment of its own, without numba: everything is coded and trained, nothing is compiled."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for asked in (
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", ".", ROOT],
        [sys.executable, "-m", "venv", "v"],
    ):
        subprocess.run(asked, cwd=tmp_path, env=environment, check=True)
    (wheel,) = tmp_path.glob("sofc-*.whl")
    assert "-py3-none-linux_" in wheel.name
    python = tmp_path / "v" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], env=environment, check=True)
    packages = subprocess.run(
        [python, "-m", "pip", "list"], env=environment, capture_output=True, text=True, check=True
    )
    assert not {"numba", "llvmlite"} & set(packages.stdout.split())
    done = subprocess.run([python, "-W", "error", USES], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
