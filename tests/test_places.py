"""Trees and archives in stores: fsspec's memory, and a server of S3 that the tests start. The bytes are those of
folders, and what a store refuses is said in one line."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sofc.archive.making import Settings, archive
from sofc.archive.restoring import remove_originals, restore, verify
from sofc.errors import UsageError
from sofc.places import StorePath, place_of, sizes_below

fsspec = pytest.importorskip("fsspec", reason='needs the extra "archive": pip install "sofc[archive]"')

from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402

FAST = Settings(effort=1, train=False)
BUCKET = "scans"
Said = pytest.CaptureFixture[str]


class MovingFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """A store that, as SFTP and HDFS do, moves files itself and shows what is being written."""

    protocol = "moving"
    store: dict[str, Any] = {}  # noqa: RUF012
    moved: list[str] = []  # noqa: RUF012

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        self.moved.append(path2)
        self.store[self._strip_protocol(path2)] = self.store.pop(self._strip_protocol(path1))


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    fsspec.register_implementation("moving", MovingFileSystem, clobber=True)
    yield
    for kind in (MemoryFileSystem, MovingFileSystem):
        kind.store.clear()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two kinds, crops, copies, a volume of two files, texts, names that URLs would escape."""
    root = tmp_path_factory.mktemp("made") / "tree"
    y, x = np.mgrid[:64, :80]
    for number in range(20):
        noise = np.random.default_rng(number).integers(0, 9, (64, 80))
        image = (90 + 50 * np.sin((x + number) / 7) + y / 2 + noise).astype(np.uint8)
        put(root / "gray" / f"{number:02}.png", image)
        put(root / "tiles" / f"{number:02}.png", image[8:40, 8:56])
    Image.fromarray(image).save(root / "photo.jpg")
    for name in ("a?b#c%20.txt", "[1]*.txt", "\u00fc:x !.txt", "notes/a.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(f"{name}\n" * 50)
    (root / "copy.txt").write_bytes((root / "notes" / "a.txt").read_bytes())
    (root / "nothing").touch()
    return root


def put(path: Path, image: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture(scope="module")
def made(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the tree, in a folder."""
    folder = tmp_path_factory.mktemp("made") / "archive"
    archive(tree, folder, FAST)
    return folder


def files_of(root: Any) -> dict[str, bytes]:
    """All files below a place, by their names."""
    start = len(str(root)) + 1
    return {str(path)[start:]: path.read_bytes() for path in sizes_below(root)}


def upload(root: Path, place: StorePath) -> None:
    store = fsspec.filesystem(place.url.partition("://")[0])
    for path in (path for path in root.rglob("*") if path.is_file()):
        store.pipe_file(f"{place}/{path.relative_to(root).as_posix()}", path.read_bytes())


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of S3 here. Its credentials are in the environment, where workers find them."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    address = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server,
        pytest.MonkeyPatch.context() as patched,
    ):
        for name, value in {**keys, "FSSPEC_S3_ENDPOINT_URL": address}.items():
            patched.setenv(name, value)
        fsspec.config.set_conf_env(fsspec.config.conf)
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            fsspec.filesystem("s3").mkdir(BUCKET)
            yield address
        finally:
            fsspec.config.conf.pop("s3", None)
            server.terminate()


@pytest.fixture(params=["memory", "moving", "s3"])
def store(request: pytest.FixtureRequest) -> str:
    """The URL of an empty folder of a store."""
    if request.param == "s3":
        request.getfixturevalue("s3")
    return f"{request.param}://{BUCKET}/{os.urandom(4).hex()}"


def test_an_archive_in_a_store_is_that_of_a_folder(tree: Path, made: Path, tmp_path: Path, store: str) -> None:
    place = place_of(f"{store}/archive")
    assert archive(tree, place, FAST).refused == []
    assert files_of(place) == files_of(made)
    assert verify(place).lost == [] and verify(place).damage == []
    assert restore(place, tmp_path / "back").lost == []
    assert files_of(tmp_path / "back") == files_of(tree)
    with pytest.raises(UsageError, match="is an archive already"):
        archive(tree, place, FAST)
    assert archive(tree, place, Settings(effort=1, train=False, update=True)).fresh == 0
    assert files_of(place) == files_of(made)


def test_a_tree_in_a_store_is_archived_and_made_again(tree: Path, made: Path, tmp_path: Path, store: str) -> None:
    """In all but times and modes, which stores have their own of."""
    upload(tree, place_of(f"{store}/tree"))
    assert archive(place_of(f"{store}/tree"), tmp_path / "archive", FAST).refused == []
    is_of_units = {name for name in files_of(made) if name.startswith("units/")}
    assert {name: files_of(tmp_path / "archive")[name] for name in is_of_units} == {
        name: files_of(made)[name] for name in is_of_units
    }
    back = place_of(f"{store}/back")
    done = restore(tmp_path / "archive", back)
    assert (done.lost, done.skipped) == ([], [])
    assert files_of(back) == files_of(tree)
    with pytest.raises(FileExistsError):
        restore(tmp_path / "archive", back)
    assert restore(tmp_path / "archive", back, force=True).lost == []
    again = remove_originals(tmp_path / "archive", place_of(f"{store}/tree"))
    assert again.lost == [] and not list(sizes_below(place_of(f"{store}/tree")))
