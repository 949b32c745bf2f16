"""Imports go one way, and what must start fast loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sofc

PACKAGE = Path(sofc.__file__).parent

# From the bottom up. A module may import from its own layer and from those below; names in one set are apart
# from each other. ``sofc`` itself only names things.
LAYERS = [
    {"errors", "limits", "image", "files", "places", "rows"},
    {"planes"},
    {"jit", "container", "imagefiles"},
    {"entropy", "prediction", "transforms", "jpeg"},
    {"codebook"},
    {"coders"},
    {"band"},
    {"stream"},
    {"keepfile"},
    {"api"},
    {"collection", "metadata"},
    {"training"},
    {"archive"},
    {"cli", "plugins"},
    {"__main__"},
]
APART = [{"jit", "container", "imagefiles"}, {"cli", "plugins"}]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
HEAVY = ("numpy", "numba", "imageio", "PIL", "tifffile", "tqdm")


def imports(path: Path, *, at_start: bool = False) -> Iterator[str]:
    """Modules that a file imports; ``at_start``: only when it is itself imported, not for type checking."""
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        guarded = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if at_start and (guarded or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))):
            skipped |= {id(inner) for inner in ast.walk(node)}
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield node.module
            if node.module == "sofc":
                yield from (f"sofc.{name.name}" for name in node.names)


def layer_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "sofc" and len(parts) > 1 else None


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert own in LEVEL, f"{own} has no layer"
    for module in imports(path):
        other = layer_of(module)
        if other is None or other not in LEVEL:
            assert module != "sofc" or own in ("cli", "plugins"), f"{path} imports the whole package"
            continue
        assert LEVEL[other] <= LEVEL[own], f"{own} imports {module}"
        assert not any({own, other} <= group and own != other for group in APART), f"{own} imports {module}"


def test_the_floor_plan_in_the_documentation() -> None:
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("<!-- floors -->")[2].partition("<!-- end -->")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [set(row.replace("`", "").replace(",", " ").split()) for row in rows] == LAYERS


@pytest.mark.parametrize("layer", ["container", "codebook"])
def test_layers_without_numpy(layer: str) -> None:
    for path in (PACKAGE / layer).rglob("*.py"):
        assert not {module.split(".")[0] for module in imports(path)} & set(HEAVY)


def test_only_the_api_opens_image_files() -> None:
    """The incremental objects and everything below them do no I/O."""
    for layer in ("stream", "band", "coders", "container", "jit", "entropy", "prediction", "transforms", "jpeg"):
        for path in (PACKAGE / layer).rglob("*.py"):
            if path in (PACKAGE / "jit" / "cache.py", PACKAGE / "jit" / "baseline.py"):
                continue  # keeps compiled kernels; asks what the processor can do
            calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
            assert not any(ast.unparse(call.func).split(".")[-1] == "open" for call in calls), path


def loaded_by(code: str, *watched: str) -> list[str]:
    """Which of the modules a fresh interpreter has loaded after running ``code``."""
    script = f"import sys\n{code}\nprint(*[name for name in {watched!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_importing_the_package_loads_nothing() -> None:
    assert loaded_by("import sofc", *HEAVY, "construct", "platformdirs", "sofc.api", "sofc.errors") == []


@pytest.mark.parametrize(
    "code",
    [
        "import sofc; sofc.probe(b'')",
        "import sofc; sofc.is_sofc(b'')",
        "import sofc; sofc.list_codebooks()",
        "import sofc; sofc.ImageHeader, sofc.Limits, sofc.SofcError, sofc.HeaderReady, sofc.Codebook",
        "import sofc.stream.directory",
    ],
)
def test_what_needs_no_samples_loads_no_numpy(code: str) -> None:
    assert loaded_by(code, *HEAVY) == []


def test_reading_heads_loads_no_numpy(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "image.sofc"
    sofc.write(path, np.zeros((5, 5), np.uint8))
    code = f"import sofc\nwith sofc.open_reader({str(path)!r}) as r: r.headers, r.metadata, r.codebooks, len(r)"
    assert loaded_by(code, *HEAVY) == []


def test_every_public_name_is_there() -> None:
    assert len(sofc.__all__) == len(set(sofc.__all__))
    for name in sofc.__all__:
        assert getattr(sofc, name) is not None
        assert name in dir(sofc)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sofc.nothing  # noqa: B018
    # The names for type checkers are those that are loaded.
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    named = {
        (node.module, name.name)
        for node in ast.walk(guarded)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert named == {(module, name) for name, module in sofc._MODULE_OF.items()}


def test_version() -> None:
    import tomllib

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    assert sofc.__version__ == project["version"]


def test_only_one_module_imports_numba() -> None:
    """Coding with kernels compiled before must not pay for the import."""
    users = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if any("numba" in m for m in imports(path))]
    assert users == [Path("jit/compiler.py")]
