"""What another zarr than this environment's writes and reads: the newest one, under a Python that is new enough for it.

With ``SOFC_TEST_NEWEST`` such a Python is looked for on the search path and among those of pyenv: to install packages
for it, and to code with interpreted kernels, takes minutes. What newer releases hand to codecs (arrays in the caller's
byte order, not contiguous) is handed to them here, too, always.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

zarr = pytest.importorskip("zarr", minversion="3", reason='needs the extra "zarr": pip install "sofc[zarr]"')

from zarr.core.array_spec import ArrayConfig, ArraySpec  # noqa: E402
from zarr.core.buffer import default_buffer_prototype  # noqa: E402
from zarr.dtype import parse_dtype  # noqa: E402

from sofc.plugins.numcodecs import Sofc  # noqa: E402
from sofc.plugins.zarr import SofcCodec  # noqa: E402

ROOT = Path(__file__).parents[1]
NEWER = (3, 12)
"""The least Python of releases from zarr 3.2 on."""
ARRAY = np.arange(4 * 3 * 8).reshape(4, 3, 8)
WAYS = {
    "as it is": lambda array: array,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "little-endian": lambda array: array.astype(array.dtype.newbyteorder("<")),
    "in Fortran order": np.asfortranarray,
    "every second column": lambda array: np.repeat(array, 2, axis=2)[:, :, ::2],
    "mirrored": lambda array: array[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "transposed": lambda array: array.transpose(2, 1, 0).copy().transpose(2, 1, 0),
    "read only": lambda array: np.broadcast_to(array, array.shape),
}
"""How arrays of the same samples may lie in memory."""
DTYPES = ("uint8", "<i2", ">u2")

ELSEWHERE = """
import json, sys, warnings
import numpy as np
import zarr
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "a kernel is run interpreted")
from test_plugins_zarr_newer import check, write
check("here")
write("there")
print(zarr.__version__)
"""


def arrays(dtype: str) -> list[tuple[str, np.ndarray]]:
    """The same samples in all ways."""
    return [(name, way(ARRAY.astype(dtype))) for name, way in WAYS.items()]


def write(store: str) -> None:
    """Store the samples in all ways, in both formats of Zarr, in chunks of several images."""
    for dtype in DTYPES:
        for name, array in arrays(dtype):
            three = {"serializer": SofcCodec(effort=1), "compressors": None}
            forms: list[tuple[str, int, dict[str, Any]]] = [
                ("three", 3, three),
                ("shards", 3, {**three, "shards": (6, 3, 8)}),
            ]
            if not dtype.startswith(">"):  # numcodecs is not told the byte order
                forms.append(("two", 2, {"compressors": [Sofc(effort=1)]}))
            for form, version, settings in forms:
                group = zarr.open_group(f"{store}/{form}", mode="a", zarr_format=version)
                stored = group.create_array(
                    f"{dtype[-2:]} {name}", shape=ARRAY.shape, chunks=(3, 3, 8), dtype=dtype, **settings
                )
                stored[...] = array
                stored[1:3] = array[1:3]


def check(store: str) -> None:
    """Read what ``write`` wrote, whole and in parts."""
    groups = [zarr.open_group(f"{store}/{form}", mode="r") for form in ("three", "shards", "two")]
    found = [(f"{group.name} {name}", stored) for group in groups for name, stored in group.arrays()]
    assert len(found) == (3 + 3 + 2) * len(WAYS)
    for name, stored in found:
        wanted = ARRAY.astype(stored.dtype)
        assert stored[...].dtype == wanted.dtype, name
        for part in (np.s_[...], np.s_[2], np.s_[1:4, 2, ::2], np.s_[-1, 1, 5]):
            assert np.array_equal(stored[part], wanted[part]), (name, part)
        assert np.array_equal(stored.oindex[[3, 0], :, [1, 7]], wanted[np.ix_([3, 0], range(3), [1, 7])]), name


@pytest.fixture(scope="module")
def newer_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with the newest zarr and sofc, without a compiler for its kernels, which are interpreted."""
    if "SOFC_TEST_NEWEST" not in os.environ:
        pytest.skip("installing the newest zarr takes minutes: only with SOFC_TEST_NEWEST=1")
    if sys.version_info >= NEWER:
        pytest.skip("this Python is new enough for the newest zarr, with which the other tests are run")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = [shutil.which(f"python3.{minor}") for minor in (14, 13, 12)]
    for candidate in [*filter(None, on_path), *sorted(map(str, pyenv.glob("versions/3.*/bin/python3")), reverse=True)]:
        asks = f"import sys, venv, ensurepip; sys.exit(sys.version_info < {NEWER})"
        if subprocess.run([candidate, "-c", asks], capture_output=True, check=False).returncode == 0:
            break
    else:
        pytest.skip(f"there is no Python {'.'.join(map(str, NEWER))} or later with venv")
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([candidate, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["zarr"], "pytest", "zarr>=3.2"]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([*pip, *wanted], [*pip, "--no-deps", "--editable", ROOT]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"the newest zarr cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return python


def test_the_newest_zarr_and_this_one_read_each_other(tmp_path: Path, newer_python: Path) -> None:
    write(os.fspath(tmp_path / "here"))
    check(os.fspath(tmp_path / "here"))
    environment = os.environ | {"PYTHONPATH": os.fspath(ROOT / "tests")}
    done = subprocess.run(
        [newer_python, "-c", ELSEWHERE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert tuple(map(int, done.stdout.strip().split(".")[:2])) >= (3, 2)
    check(os.fspath(tmp_path / "there"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_as_newer_releases_hand_them_over(dtype: str) -> None:
    """Straight to the codecs."""
    codec = SofcCodec(effort=1)
    prototype = default_buffer_prototype()
    spec = ArraySpec(ARRAY.shape, parse_dtype(dtype, zarr_format=3), 0, ArrayConfig("C", True), prototype)
    wanted = ARRAY.astype(dtype)
    for name, array in arrays(dtype):
        data = asyncio.run(codec._encode_single(prototype.nd_buffer.from_ndarray_like(array), spec))
        decoded = asyncio.run(codec._decode_single(data, spec)).as_numpy_array()
        assert np.array_equal(decoded, wanted) and decoded.dtype == wanted.dtype, name
        if array.dtype.newbyteorder("<") == array.dtype:
            again = Sofc(effort=1).decode(Sofc(effort=1).encode(array)).reshape(-1)
            orders = [array.reshape(-1)]
            if array.flags.f_contiguous and not array.flags.c_contiguous:
                orders = [array.T.reshape(-1)]  # codecs keep the order in memory
            assert np.array_equal(again, orders[0]), name
