"""imageio reads and writes .sofc by name, in programs that never name sofc."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import imageio.v2
import imageio.v3 as iio
import numpy as np
import pytest

import sofc
from sofc.plugins import register_with_imageio
from sofc.plugins.imageio import SofcPlugin

RANDOM = np.random.default_rng(11)
ROOT = Path(__file__).parent.parent
IMAGES = {
    "gray 8": RANDOM.integers(0, 256, (31, 17), np.uint8),
    "gray 16": RANDOM.integers(0, 4096, (31, 17), np.uint16),
    "signed": RANDOM.integers(-1500, 3000, (9, 12), np.int16),
    "colour": RANDOM.integers(0, 256, (31, 17, 3), np.uint8),
    "stack": RANDOM.integers(0, 256, (5, 31, 17), np.uint8),
    "stack in colour": RANDOM.integers(0, 65536, (3, 8, 9, 4), np.uint16),
    "bilevel": np.indices((20, 20)).sum(axis=0) % 7 < 3,
}
STACKS = ("stack", "stack in colour")

# Runs in a fresh interpreter; nothing in it mentions the package.
PROGRAM = """
import io, sys
import imageio.v3 as iio
import numpy as np

with np.load("images.npz") as images:
    for name, image in images.items():
        stack = name.startswith("stack")
        iio.imwrite("x.sofc", image)
        again = iio.imread("x.sofc")
        assert again.dtype == image.dtype and np.array_equal(again, image), name
        every = iio.imread("x.sofc", index=...)
        assert np.array_equal(every, image if stack else image[None]), name
        assert np.array_equal(iio.imread("x.sofc", index=0), every[0]), name
        assert all(np.array_equal(a, b) for a, b in zip(iio.imiter("x.sofc"), every, strict=True)), name
        properties = iio.improps("x.sofc")
        assert (properties.shape, properties.dtype, properties.is_batch) == (image.shape, image.dtype, stack)
        assert properties.n_images == (len(image) if stack else None)
        assert iio.improps("x.sofc", index=...).shape == every.shape
        assert iio.improps("x.sofc", index=0).shape == every[0].shape
        data = iio.imwrite("<bytes>", image, extension=".sofc", effort=9)
        for source in (data, io.BytesIO(data)):
            assert np.array_equal(iio.imread(source), image), name
        file = io.BytesIO()
        assert iio.imwrite(file, image, extension=".sofc") is None
        assert np.array_equal(iio.imread(file.getvalue(), extension=".sofc"), image), name
        with iio.imopen("x.sofc", "r") as file:
            rows = [band.rows for band in file.iter_bands(index=0)]
        assert np.array_equal(np.concatenate(rows), every[0]), name

coded = iio.imwrite("<bytes>", image, extension=".sofc", codebook="made.sofcb")
plain = iio.imwrite("<bytes>", image, extension=".sofc")
assert coded != plain and np.array_equal(iio.imread(coded, codebook="made.sofcb"), image)
iio.imwrite("x.sofc", image, codebook="made.sofcb", embed_codebook=True)
assert [book["name"] for book in iio.immeta("x.sofc")["codebooks"]] == ["made"]
iio.imwrite("x.SOFC", image)
iio.imwrite("x.png", image)
"""

INSTALLED = pytest.mark.skipif(
    importlib.util.find_spec("_sofc_autoload") is None,
    reason="sofc is on the path but was not installed with its start-up file: run pip install again",
)


def fresh(program: str, folder: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def codebook_for(image: np.ndarray, name: str) -> sofc.Codebook:
    return sofc.train([image, image], name=name, iterations=0).codebook


@INSTALLED
def test_a_program_that_never_names_sofc(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", **IMAGES)
    (tmp_path / "made.sofcb").write_bytes(codebook_for(IMAGES["bilevel"], "made").to_bytes())
    fresh(PROGRAM, tmp_path)
    assert sofc.is_sofc((tmp_path / "x.SOFC").read_bytes())
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@INSTALLED
def test_the_start_of_an_interpreter_loads_nothing_else(tmp_path: Path) -> None:
    program = (
        "import sys; print(*[name for name in ('_sofc_autoload', 'sofc', 'numpy', 'imageio') if name in sys.modules])"
    )
    assert fresh(program, tmp_path).split() == ["_sofc_autoload"]
    assert fresh(program, tmp_path, "-I").split() == ["_sofc_autoload"]
    assert fresh(program, tmp_path, "-S").split() == []
    assert fresh("import sys, json, numpy; print('sofc' in sys.modules)", tmp_path).strip() == "False"


@INSTALLED
def test_the_start_of_an_interpreter_takes_little_longer(tmp_path: Path) -> None:
    """Less than 0.3 ms; the least of many, as others are at work on the machine."""
    taken = []
    for _ in range(20):
        command = [sys.executable, "-X", "importtime", "-c", "pass"]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
        (line,) = [line for line in told.splitlines() if line.endswith(" _sofc_autoload")]
        taken.append(int(line.split("|")[1]))  # microseconds, with all that it imports
    assert min(taken) < 300


def test_the_wheel_has_the_start_up_files() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert sorted(wheel["force-include"].values()) == ["_sofc_autoload.py", "sofc.pth", "sofc.start"]
    for source in wheel["force-include"]:
        assert (ROOT / source).is_file()


@pytest.mark.parametrize("broken", ["1/0", "raise ImportError", None, "def install(): raise OSError"])
def test_a_broken_start_up_file_breaks_no_interpreter(broken: str | None, tmp_path: Path) -> None:
    (tmp_path / "sofc.pth").write_text((ROOT / "startup/sofc.pth").read_text())
    if broken is not None:
        (tmp_path / "_sofc_autoload.py").write_text(broken)
    program = (
        f"import site, sys; sys.path.insert(0, {str(tmp_path)!r})\nsite.addsitedir({str(tmp_path)!r}); print('well')"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("well\n", "")


@pytest.mark.parametrize("state", ["no sofc", "broken sofc", "two copies", "imported before", "unwanted"])
def test_autoload_keeps_quiet(state: str, tmp_path: Path) -> None:
    """In an interpreter of its own, with a package of its own for imageio."""
    package = tmp_path / "imageio"
    package.mkdir()
    (package / "__init__.py").write_text("from . import config")
    (package / "config.py").write_text(
        "known_plugins, known_extensions, extension_list = {'pillow': 0}, {}, []\n"
        "class PluginConfig(dict): pass\nclass FileExtension(dict): pass\n"
    )
    if state == "broken sofc":
        (tmp_path / "sofc").mkdir()
        (tmp_path / "sofc" / "__init__.py").write_text("1/0")
    found = [str(tmp_path), str(ROOT / "startup"), *([str(ROOT)] if state not in ("no sofc", "broken sofc") else [])]
    copy = "import importlib; sys.modules.pop('_sofc_autoload'); import _sofc_autoload as b; b.install(); b.install()"
    program = f"""
import sys
sys.path[:0] = {found!r}
{"import imageio" if state == "imported before" else ""}
import _sofc_autoload as a
a.install(); a.install()
{copy if state == "two copies" else ""}
import imageio.config as config
print(*config.known_plugins, *config.known_extensions, len(config.extension_list))
print(type(config.__loader__).__name__, type(config.__spec__.loader).__name__)
"""
    environment = os.environ | ({"SOFC_NO_AUTOLOAD": "1"} if state == "unwanted" else {})
    environment.pop("PYTHONPATH", None)  # which may lead to sofc
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=package, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    registered = "sofc pillow .sofc 1" if state in ("two copies", "imported before") else "pillow 0"
    assert done.stdout.splitlines() == [registered, "SourceFileLoader SourceFileLoader"]


def test_registering_twice_changes_nothing() -> None:
    import imageio.config

    before = len(imageio.config.known_plugins), len(imageio.config.known_extensions[".sofc"])
    register_with_imageio(imageio.config)
    assert (len(imageio.config.known_plugins), len(imageio.config.known_extensions[".sofc"])) == before
    assert isinstance(imageio.config, ModuleType)


def test_images_of_different_kinds(tmp_path: Path) -> None:
    path = tmp_path / "mixed.sofc"
    images = [IMAGES["gray 8"], IMAGES["colour"], IMAGES["signed"]]
    iio.imwrite(path, images)
    for index, image in enumerate(images):
        assert np.array_equal(iio.imread(path, index=index), image)
        assert iio.improps(path, index=np.int64(index)).shape == image.shape
    assert [image.shape for image in iio.imiter(path)] == [image.shape for image in images]
    for index in (None, ...):
        with pytest.raises(ValueError, match="images of different kinds"):
            iio.imread(path, index=index)
        with pytest.raises(ValueError, match="images of different kinds"):
            iio.improps(path, index=index)
    with pytest.raises(ValueError, match="there is no image 3"):
        iio.imread(path, index=3)
    assert "meaning" not in iio.immeta(path)
    assert iio.immeta(path, index=2)["coded_bits"] == 16


def test_batches_and_single_images() -> None:
    cube = RANDOM.integers(0, 100, (6, 7, 9), np.uint8)
    batch = iio.imwrite("<bytes>", cube, extension=".sofc")
    single = iio.imwrite("<bytes>", cube, extension=".sofc", is_batch=False)
    assert iio.improps(batch, extension=".sofc", index=...).shape == (6, 7, 9)
    assert iio.improps(single, extension=".sofc", index=...).shape == (1, 6, 7, 9)
    assert np.array_equal(iio.imread(batch), iio.imread(single))
    narrow = cube[..., :2]
    assert iio.improps(iio.imwrite("<bytes>", narrow, extension=".sofc", is_batch=True)).n_images == 6


def test_metadata_has_names() -> None:
    kinds = sofc.MetadataKind
    items = [
        sofc.Metadata(kinds.TEXT, "Author", b"me"),
        sofc.Metadata(kinds.ICC, "", b"profile"),
        sofc.Metadata(kinds.EXIF, "", b"II*"),
        sofc.Metadata(100, "new", b"?"),
    ]
    data = iio.imwrite("<bytes>", IMAGES["gray 16"], extension=".sofc", metadata=items, declared_bits=12)
    found = iio.immeta(data)
    wanted = {"Author": "me", "icc_profile": b"profile", "exif": b"II*", "metadata_100:new": b"?", "declared_bits": 12}
    assert {name: found[name] for name in wanted} == wanted
    assert "Author" in iio.immeta(data, index=...)


def test_a_failing_write_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kept.sofc"
    path.write_bytes(b"what was there")
    with pytest.raises(sofc.UsageError, match="samples cannot be stored"):
        iio.imwrite(path, np.zeros((3, 3), np.longdouble))
    with pytest.raises(TypeError, match="efort"):
        iio.imwrite(path, IMAGES["gray 8"], efort=3)
    assert path.read_bytes() == b"what was there"
    # Asked for by name, the plugin still refuses to put its format under another name.
    other = tmp_path / "image.png"
    other.write_bytes(b"what was there")
    with pytest.raises(OSError, match="can not handle the given uri"):
        iio.imwrite(other, IMAGES["gray 8"], plugin="sofc")
    assert other.read_bytes() == b"what was there"


def test_images_one_after_the_other(tmp_path: Path) -> None:
    images = [IMAGES["gray 8"], IMAGES["gray 8"] // 2, IMAGES["colour"]]
    path = tmp_path / "x.sofc"
    with iio.imopen(path, "w") as file:
        assert isinstance(file, SofcPlugin)
        for image in images:
            file.write(image)
        with pytest.raises(sofc.UsageError, match="the same settings"):
            file.write(images[0], effort=2)
    assert all(np.array_equal(a, b) for a, b in zip(iio.imiter(path), images, strict=True))
    with imageio.v2.get_writer(path, mode="I") as writer:
        for image in images[:2]:
            writer.append_data(image)
    assert np.array_equal(iio.imread(path), images[:2])
    assert path.read_bytes() == iio.imwrite("<bytes>", images[:2], extension=".sofc")
    with imageio.v2.get_reader(path) as reader:
        assert len(reader) == 2
        assert np.array_equal(reader.get_data(1), images[1])
    with iio.imopen("<bytes>", "w", extension=".sofc") as file:
        for number, image in enumerate(images):
            data = file.write(image)
            assert all(np.array_equal(a, b) for a, b in zip(iio.imiter(data), images[: number + 1], strict=True))


@pytest.mark.parametrize("shape", [(40, 50), (300, 250), (600, 520)])
def test_images_may_be_written_from_one_array(tmp_path: Path, shape: tuple[int, int]) -> None:
    """As programs do that read a camera or a film into it."""
    path, array = tmp_path / "x.sofc", np.empty(shape, np.uint8)
    images = np.random.default_rng(2).integers(0, 99, (3, *shape), np.uint8)
    for kind in (path, "<bytes>"):
        with iio.imopen(kind, "w", extension=".sofc") as file:
            for number, image in enumerate(images):
                array[:] = image
                data = file.write(array)
                if data is not None:
                    assert np.array_equal(iio.imread(data, index=...), images[: number + 1])
    assert np.array_equal(iio.imread(path), images)
    with imageio.v2.get_writer(path, mode="I") as writer:
        for image in images:
            array[:] = image
            writer.append_data(array)
    assert np.array_equal(iio.imread(path), images)


def test_a_block_that_fails_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.sofc"
    path.write_bytes(b"what was there")
    with pytest.raises(KeyError), iio.imopen(path, "w") as file:
        file.write(IMAGES["gray 8"])
        raise KeyError
    with pytest.raises(sofc.UsageError), iio.imopen(path, "w") as file:
        file.write(IMAGES["gray 8"])
        file.write(np.zeros((3, 3), "datetime64[s]"))
    with iio.imopen(path, "w"):
        pass
    assert path.read_bytes() == b"what was there"


SHAPES = [
    (48, 64, 1),
    (1, 48, 64),
    (1, 48, 64, 1),
    (1, 48, 64, 3),
    (3, 48, 64, 1),
    (1, 48, 64, 7),
    (5, 6),
    (1, 1),
    (1, 1, 9),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_axes_of_one_element_come_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = RANDOM.integers(0, 200, shape, np.uint8)
    path = tmp_path / "x.sofc"
    iio.imwrite(path, array)
    assert iio.imread(path).shape == iio.improps(path).shape == shape
    assert np.array_equal(iio.imread(path), array)
    every = iio.imread(path, index=...)
    is_batch = len(shape) > 3 or (len(shape) == 3 and shape[2] > 4)
    assert every.shape == iio.improps(path, index=...).shape == (shape if is_batch else (1, *shape))
    assert iio.imread(path, index=0).shape == iio.improps(path, index=0).shape == every.shape[1:]
    assert [one.shape for one in iio.imiter(path)] == [every.shape[1:]] * len(every)
    # As a list, and where imageio is told.
    iio.imwrite(path, list(every))
    assert np.array_equal(iio.imread(path), every)
    iio.imwrite(path, every, is_batch=True)
    assert np.array_equal(iio.imread(path), every)
    # As sofc has images.
    assert np.array_equal(sofc.read(path).ravel(), array.ravel())


@pytest.mark.parametrize("shape", [(5, 31, 17), (1, 31, 17), (5, 31, 17, 3), (2, 3, 3, 1)], ids=str)
def test_volumes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    volume = RANDOM.integers(0, 4000, shape, np.uint16)
    path = tmp_path / "x.sofc"
    imageio.v2.volwrite(path, volume)
    assert np.array_equal(imageio.v2.volread(path), volume)
    assert np.array_equal(iio.imread(path), volume)
    assert np.array_equal(
        sofc.read(path), volume.squeeze() if shape[-1] == 1 else volume if shape[0] > 1 else volume[0]
    )
    imageio.v2.mvolwrite(path, [volume])
    (again,) = imageio.v2.mvolread(path)
    assert np.array_equal(again, volume)
    with pytest.raises(sofc.UsageError, match="one volume, not 2"):
        imageio.v2.mvolwrite(path, [volume, volume])
    with imageio.v2.get_writer(path, mode="v") as writer:
        writer.append_data(volume)
    with imageio.v2.get_reader(path, mode="v") as reader:
        assert np.array_equal(reader.get_data(0), volume)
    iio.imwrite(path, volume)
    assert np.array_equal(imageio.v2.volread(path), volume)


def test_the_plugin_by_name_for_files_without_one() -> None:
    image = IMAGES["gray 16"]
    file = io.BytesIO()
    iio.imwrite(file, image, plugin="sofc")
    assert sofc.is_sofc(file.getvalue())
    assert np.array_equal(iio.imread(io.BytesIO(file.getvalue()), plugin="sofc"), image)
    assert np.array_equal(iio.imread(iio.imwrite("<bytes>", image, plugin=SofcPlugin)), image)
    # Without a name it is for imageio to say that it lacks one.
    with pytest.raises((OSError, ValueError)):
        iio.imwrite(io.BytesIO(), image)


def test_errors_of_sofc_pass_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFC_CODEBOOK_PATH", os.fspath(tmp_path / "nothing here"))
    codebook = codebook_for(IMAGES["bilevel"], "lost")
    path = tmp_path / "x.sofc"
    iio.imwrite(path, IMAGES["bilevel"], codebook=codebook)
    with pytest.raises(sofc.CodebookError, match=r"codebook 'lost' .* is missing"):
        iio.imread(path)
    assert np.array_equal(iio.imread(path, codebook=codebook), IMAGES["bilevel"])
    assert iio.improps(path).shape == IMAGES["bilevel"].shape
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(sofc.TruncatedError):
        iio.imread(path, codebook=codebook)


def test_first_bytes() -> None:
    from sofc.container.schema import SIGNATURE
    from sofc.plugins import imageio

    assert SIGNATURE.startswith(imageio._FIRST_BYTES)


def test_other_bytes_load_little(tmp_path: Path) -> None:
    program = """
import io, sys
import imageio.v3 as iio
import numpy as np
iio.imread(iio.imwrite("<bytes>", np.zeros((3, 3), np.uint8), extension=".png"))
print(*[name for name in sys.modules if name.partition(".")[0] == "sofc"])
"""
    assert "sofc.api" not in fresh(program, tmp_path).split()


def test_other_files_go_to_other_plugins(tmp_path: Path) -> None:
    image = IMAGES["gray 8"]
    iio.imwrite(tmp_path / "x.png", image)
    (tmp_path / "x.png").rename(tmp_path / "x.sofc")
    assert np.array_equal(iio.imread(tmp_path / "x.sofc"), image)
    file = io.BytesIO(iio.imwrite("<bytes>", image, extension=".sofc"))
    (tmp_path / "y.png").write_bytes(file.getvalue())
    assert np.array_equal(iio.imread(tmp_path / "y.png"), image)


def test_a_file_in_an_archive(tmp_path: Path) -> None:
    image = IMAGES["gray 16"]
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        archive.writestr("x.sofc", iio.imwrite("<bytes>", image, extension=".sofc"))
    name = tmp_path / "many.zip" / "x.sofc"
    assert np.array_equal(iio.imread(name), image)
    assert np.array_equal(next(iio.imiter(name)), image)
    assert iio.improps(name).shape == image.shape
