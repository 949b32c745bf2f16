"""Chunks of Zarr arrays and of numcodecs, written by one process and read by another that imports nothing of sofc."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DEFAULTS
from PIL import Image

import sofc
from sofc.stream.encoder import Encoder

zarr = pytest.importorskip("zarr", minversion="3", reason='needs the extra "zarr": pip install "sofc[zarr]"')
numcodecs = pytest.importorskip("numcodecs", reason='needs the extra "zarr": pip install "sofc[zarr]"')

from sofc.plugins._chunks import chunk_coder  # noqa: E402
from sofc.plugins.numcodecs import Sofc  # noqa: E402
from sofc.plugins.zarr import SofcCodec  # noqa: E402

RANDOM = np.random.default_rng(5)
STRIPES = np.indices((20, 30)).sum(axis=0) % 7 < 3


def samples(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if dtype == "bool":
        return RANDOM.random(shape) < 0.3
    info = np.iinfo(dtype)
    return RANDOM.integers(info.min, info.max, shape, dtype, endpoint=True)


CASES = [
    # shape, chunks, type, component_axis
    ((20, 30), (8, 16), "uint8", None),
    ((20, 30), (20, 30), "bool", None),
    ((4, 20, 30), (2, 20, 16), "int16", None),
    ((20, 30, 3), (16, 16, 3), "uint8", -1),
    ((3, 20, 30), (3, 16, 16), "uint16", -3),
    ((2, 4, 20, 30), (1, 2, 20, 30), "uint16", None),
    ((2, 3, 20, 30), (2, 3, 20, 30), "int8", -3),
    ((2, 20, 30, 5), (1, 20, 30, 5), "uint8", -1),
    ((2, 20, 30, 1), (1, 20, 30, 1), "uint8", -1),
]


@pytest.fixture
def codebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sofc.Codebook:
    """A codebook that is found on the search path."""
    monkeypatch.setenv("SOFC_CODEBOOK_PATH", os.fspath(tmp_path / "codebooks"))
    made = sofc.train([STRIPES, STRIPES], name="pages", iterations=0).codebook
    (tmp_path / "codebooks").mkdir()
    (tmp_path / "codebooks" / "pages.sofcb").write_bytes(made.to_bytes())
    return made


def read_elsewhere(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_another_process_reads_zarr(tmp_path: Path, codebook: sofc.Codebook) -> None:
    """Both formats, sharded or not; the reading process knows of sofc by entry points alone."""
    root = tmp_path / "store"
    for number, (shape, chunks, dtype, component_axis) in enumerate(CASES):
        array = samples(shape, dtype)
        codec: dict[str, Any] = {"codebook": codebook, "effort": 1, "component_axis": component_axis}
        common: dict[str, Any] = {"store": root, "shape": shape, "chunks": chunks, "dtype": dtype}
        three = zarr.create_array(name=f"three{number}", **common, serializer=SofcCodec(**codec), compressors=None)
        shards = zarr.create_array(
            name=f"shards{number}", **common, shards=shape_of_shards(shape, chunks), serializer=SofcCodec(**codec),
            compressors=None,
        )  # fmt: skip
        two = zarr.create_array(name=f"two{number}", **common, zarr_format=2, compressors=[Sofc(**codec)])
        for written in (three, shards, two):
            written[...] = array
        np.save(tmp_path / f"{number}.npy", array)
    code = f"""
import sys, numpy, zarr
for number in range({len(CASES)}):
    for kind in ("three", "shards", "two"):
        array = zarr.open_array("store", path=f"{{kind}}{{number}}", mode="r")[...]
        wanted = numpy.load(f"{{number}}.npy")
        assert array.dtype == wanted.dtype and numpy.array_equal(array, wanted), (kind, number)
print("sofc.plugins.zarr" in sys.modules)
"""
    assert read_elsewhere(code, tmp_path).strip() == "True"
    stored = json.loads((root / "three1" / "zarr.json").read_text())["codecs"][0]
    assert stored["name"] == "sofc"
    assert stored["configuration"]["codebook"] == {
        "id": codebook.id.hex(),
        "name": "pages",
        "data": base64.b64encode(codebook.to_bytes()).decode(),
    }
    # The chunks are files like any other.
    chunk = (root / "three1" / "c" / "0" / "0").read_bytes()
    assert np.array_equal(sofc.decode(chunk), np.load(tmp_path / "1.npy"))
    with sofc.open_reader(chunk) as reader:
        assert [reference.name for reference, _ in reader.codebooks] == ["pages"]


def shape_of_shards(shape: tuple[int, ...], chunks: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-(-length // chunk) * chunk for length, chunk in zip(shape, chunks, strict=True))


def test_a_codebook_travels_with_the_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the metadata of the array, for readers that have it nowhere else."""
    y, x = np.mgrid[:40, :60]
    discs = [(y - 20) ** 2 + (x - 20 - 4 * number) ** 2 < 150 for number in range(5)]
    codebook = sofc.train(discs[1:], name="discs", coder="shape", held_out=0).codebook
    wanted = discs[0]
    with pytest.raises(sofc.CodebookError):
        sofc.decode(sofc.encode(wanted, codebook=codebook), codebooks={})
    common: dict[str, Any] = {"store": tmp_path / "store", "shape": (40, 60), "chunks": (40, 60), "dtype": "bool"}
    three = zarr.create_array(name="three", **common, serializer=SofcCodec(codebook=codebook), compressors=None)
    two = zarr.create_array(name="two", **common, zarr_format=2, compressors=[Sofc(codebook=codebook)])
    for array in (three, two):
        array[...] = wanted
    np.save(tmp_path / "wanted.npy", wanted)
    monkeypatch.setenv("SOFC_CODEBOOK_PATH", os.fspath(tmp_path / "nowhere"))
    code = """
import numpy, zarr
for name in ("three", "two"):
    array = zarr.open_array("store", path=name, mode="r+")
    assert numpy.array_equal(array[...], numpy.load("wanted.npy")), name
    array[...] = array[...][:, ::-1]
    assert numpy.array_equal(array[...], numpy.load("wanted.npy")[:, ::-1]), name
"""
    read_elsewhere(code, tmp_path)


def test_a_wrong_codebook_in_the_configuration(codebook: sofc.Codebook) -> None:
    configuration = SofcCodec(codebook=codebook).to_dict()["configuration"]["codebook"]
    data = sofc.encode(np.zeros((4, 4), bool), codebook=codebook)
    for wrong, message in (("AAAA", "is damaged"), ("no base 64", "is damaged"), ("\u00e9", "is damaged")):
        coder = chunk_coder({**configuration, "data": wrong, "id": "ab" * 32}, 5, None)
        with pytest.raises(sofc.CodebookError, match=message):
            coder.encode(np.zeros((4, 4), bool))
    with pytest.raises(sofc.UsageError, match="hexadecimal"):
        chunk_coder({**configuration, "id": "no" * 32}, 5, None)
    other = chunk_coder({**configuration, "id": "ab" * 32}, 5, None)
    with pytest.raises(sofc.CodebookError, match="has the id"):
        other.encode(np.zeros((4, 4), bool))
    assert np.array_equal(chunk_coder(configuration, 5, None).decode(data)[0], np.zeros((4, 4), bool))


def test_a_missing_codebook_is_named(tmp_path: Path, codebook: sofc.Codebook, monkeypatch: pytest.MonkeyPatch) -> None:
    array = zarr.create_array(
        tmp_path / "store", shape=(20, 30), chunks=(20, 30), dtype="bool", compressors=None,
        serializer=SofcCodec(codebook=codebook, embed_codebook=False),
    )  # fmt: skip
    array[...] = STRIPES
    monkeypatch.setenv("SOFC_CODEBOOK_PATH", os.fspath(tmp_path / "nowhere"))
    code = """
import sofc, zarr
array = zarr.open_array("store", mode="r+")
for use in (lambda: array[...], lambda: array.__setitem__(..., True)):
    try:
        use()
    except sofc.CodebookError as error:
        print(error)
"""
    lines = read_elsewhere(code, tmp_path).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("codebook 'pages' with id") and "sofc codebook install" in line for line in lines)


@pytest.mark.parametrize(
    ("shape", "dtype", "codec", "message"),
    [
        ((20,), "uint8", {}, "at least 2 axes"),
        ((20, 30), "uint8", {"component_axis": -1}, "at least 3 axes"),
        ((20, 30), "datetime64[s]", {}, "not of datetime64"),
    ],
)
def test_arrays_that_cannot_be_coded(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, codec: dict[str, Any], message: str
) -> None:
    with pytest.raises(sofc.UsageError, match=message):
        zarr.create_array(
            tmp_path / "store", shape=shape, chunks=shape, dtype=dtype, serializer=SofcCodec(**codec), compressors=None
        )
    with pytest.raises(sofc.UsageError, match=message):
        Sofc(**codec).encode(np.zeros(shape, dtype))


@pytest.mark.parametrize("kind", [Sofc, SofcCodec])
@pytest.mark.parametrize(
    "arguments",
    [
        {"effort": 0},
        {"effort": 10},
        {"component_axis": 1},
        {"key_interval": 0},
        {"key_interval": "1"},
        {"codebook": {"id": "12", "name": "x"}},
        {"codebook": {"name": "x"}},
    ],
)
def test_bad_configurations(kind: type, arguments: dict[str, Any]) -> None:
    with pytest.raises(sofc.UsageError):
        kind(**arguments)


def test_configurations_of_zarr() -> None:
    codec = SofcCodec(effort=2, component_axis=-3, key_interval=4)
    assert SofcCodec.from_dict(json.loads(json.dumps(codec.to_dict()))) == codec
    assert len({codec, SofcCodec(effort=2, component_axis=-3, key_interval=4), SofcCodec()}) == 2
    assert pickle.loads(pickle.dumps(codec)) == codec
    for data in ({"name": "gzip"}, {"name": "sofc", "configuration": {"level": 3}}):
        with pytest.raises(sofc.UsageError):
            SofcCodec.from_dict(data)


def test_a_chunk_of_another_array_is_refused(tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path, shape=(20, 30), chunks=(20, 30), dtype="uint8", serializer=SofcCodec(), compressors=None
    )
    array[...] = 1
    for other in (np.zeros((20, 31), np.uint8), np.zeros((20, 30), np.int8)):
        (tmp_path / "c" / "0" / "0").write_bytes(sofc.encode(other))
        with pytest.raises(sofc.FormatError, match="the chunk holds"):
            array[...]


SELECTIONS: list[Any] = [
    np.s_[4],
    np.s_[1:4:2, 3:9],
    np.s_[-1, 2, 5],
    np.s_[:, 2, ...],
    np.s_[2:2],
]


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize(
    ("shape", "chunks", "component_axis"),
    [
        ((5, 12, 14), (4, 12, 14), None),
        ((5, 3, 12, 14), (3, 2, 12, 14), None),
        ((5, 12, 14, 3), (4, 8, 14, 3), -1),
        ((5, 12, 14, 1), (4, 12, 14, 1), -1),
        ((5, 3, 12, 14), (4, 3, 12, 14), -3),
    ],
)
def test_parts_of_chunks(
    tmp_path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], component_axis: int | None, sharded: bool
) -> None:
    """Any way to index that Zarr has, of chunks that hold several images."""
    array = samples(shape, "uint16").astype(">u2")
    stored = zarr.create_array(
        tmp_path, shape=shape, chunks=chunks, dtype=">u2", compressors=None, fill_value=7,
        serializer=SofcCodec(component_axis=component_axis, effort=1),
        shards=shape_of_shards(shape, chunks) if sharded else None,
    )  # fmt: skip
    stored[...] = array
    for selection in SELECTIONS:
        assert np.array_equal(stored[selection], array[selection]), selection
    wanted = (np.array([4, 0]), np.array([1, 2]), *[slice(None)] * (len(shape) - 2))
    assert np.array_equal(stored.oindex[wanted], array[np.ix_([4, 0], [1, 2])])
    mask = RANDOM.random(shape) < 0.02
    assert np.array_equal(stored.vindex[mask], array[mask])
    empty = zarr.create_array(
        tmp_path / "empty", shape=shape, chunks=chunks, dtype=">u2", compressors=None, fill_value=7,
        serializer=SofcCodec(component_axis=component_axis),
    )  # fmt: skip
    assert (empty[1] == 7).all()


@pytest.mark.parametrize(("side", "key_interval"), [(1050, None), (40, 1)])
def test_no_more_images_of_a_chunk_are_decoded_than_asked_for(
    tmp_path: Path, side: int, key_interval: int | None
) -> None:
    array = samples((3, side, side), "uint8")
    stored = zarr.create_array(
        tmp_path, shape=array.shape, chunks=array.shape, dtype="uint8", compressors=None,
        serializer=SofcCodec(effort=1, key_interval=key_interval),
    )  # fmt: skip
    stored[...] = array
    chunk = tmp_path / "c" / "0" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 6] ^= 255  # in the first image
    chunk.write_bytes(data)
    assert np.array_equal(stored[2, 5], array[2, 5])
    assert np.array_equal(stored[1:], array[1:])
    for selection in (np.s_[:2], np.s_[...]):
        with pytest.raises(sofc.FormatError):
            stored[selection]


def test_a_chunk_of_other_images_is_refused_by_parts(tmp_path: Path) -> None:
    stored = zarr.create_array(
        tmp_path, shape=(2, 20, 30), chunks=(2, 20, 30), dtype="uint8", compressors=None, serializer=SofcCodec()
    )
    stored[...] = 1
    for other in (np.zeros((3, 20, 30), np.uint8), np.zeros((2, 20, 31), np.uint8), np.zeros((2, 20, 30), np.int8)):
        (tmp_path / "c" / "0" / "0" / "0").write_bytes(sofc.encode(other, batch=True))
        with pytest.raises(sofc.FormatError, match="the chunk holds"):
            stored[1]


def test_a_chunk_of_jpeg_tiles_takes_less_than_single_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Encoder.__init__.__kwdefaults__, "codebook", DEFAULTS["codebook"])
    rings = np.hypot(*np.indices((64, 256))) / 9
    photograph = np.stack([np.sin(rings + shift) * 90 + 128 for shift in (0, 0.2, 0.4)], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(photograph).save(file, "jpeg", quality=80)
    decoded = np.asarray(Image.open(file))
    tiles = decoded.reshape(64, 4, 64, 3).swapaxes(0, 1)
    codec = Sofc(component_axis=-1)
    assert len(codec.encode(tiles)) < sum(len(codec.encode(tile[None])) for tile in tiles) < len(file.getvalue())
    assert np.array_equal(codec.decode(codec.encode(tiles)).reshape(tiles.shape), tiles)


def test_numcodecs_finds_the_codec_by_its_entry_point(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", samples((3, 9, 8), "uint16"))
    code = """
import numcodecs, numpy, sys
array = numpy.load("a.npy")
codec = numcodecs.get_codec({"id": "sofc", "effort": 2})
data = codec.encode(array)
assert numpy.array_equal(codec.decode(data), array)
assert numcodecs.get_codec(codec.get_config()) == codec
out = numpy.empty_like(array)
assert codec.decode(data, out=out) is out and numpy.array_equal(out, array)
print(codec)
"""
    assert read_elsewhere(code, tmp_path).strip() == "Sofc(codebook=None, effort=2, component_axis=None)"


def test_numcodecs_keeps_the_order_in_memory(tmp_path: Path) -> None:
    """As codecs must: Zarr's format 2 has arrays in Fortran order."""
    array = samples((4, 9, 8), "int16")
    stored = zarr.create_array(
        tmp_path, shape=array.shape, chunks=(2, 9, 5), dtype="int16", order="F", zarr_format=2, compressors=[Sofc()]
    )
    stored[...] = array
    assert np.array_equal(zarr.open_array(tmp_path, mode="r")[...], array)
    with pytest.raises(sofc.UsageError, match="chunks in C order"):
        Sofc(component_axis=-1).encode(np.asfortranarray(array))
