"""Trees and archives in stores: fsspec's memory, and a server of S3 that the tests start. The bytes are those of
folders, and what a store refuses is said in one line."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sofc
from sofc.archive import making, manifest
from sofc.archive.making import Settings, archive
from sofc.archive.restoring import remove_originals, restore, verify
from sofc.archive.tree import walk
from sofc.cli.__main__ import main
from sofc.errors import FormatError, UsageError
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
    pseudo_dirs = [""]  # noqa: RUF012
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
        kind.pseudo_dirs[:] = [""]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two kinds, crops, copies, a volume of two files, texts, names that URLs would escape."""
    root = tmp_path_factory.mktemp("made") / "tree"
    y, x = np.mgrid[:64, :80]
    for number in range(10):
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
    if store.startswith("s3"):
        return
    with pytest.raises(FileExistsError):
        restore(tmp_path / "archive", back)
    assert restore(tmp_path / "archive", back, force=True).lost == []
    again = remove_originals(tmp_path / "archive", place_of(f"{store}/tree"))
    assert again.lost == [] and not list(sizes_below(place_of(f"{store}/tree")))


def test_training_from_a_store_gives_the_same_codebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sofc.archive.codebooks.LEAST_BYTES", 1)
    for number in range(12):
        noise = np.random.default_rng(number).integers(0, 40, (64, 64)).cumsum(1) % 251
        put(tmp_path / "tree" / f"{number % 3}" / f"{number}.png", noise.astype(np.uint8))
    books = []
    monkeypatch.setattr("sofc.training.report.TrainingReport.is_worthwhile", True)
    upload(tmp_path / "tree", place_of(f"memory://{BUCKET}/tree"))
    for root in (tmp_path / "tree", place_of(f"memory://{BUCKET}/tree")):
        folder = place_of(f"memory://{BUCKET}/{len(books)}")
        archive(root, folder, Settings(effort=1))
        books.append({name: data for name, data in files_of(folder).items() if not name.startswith("manifest")})
        assert verify(folder).lost == []
    assert any(name.startswith("codebooks/") for name in books[0])
    assert books[0] == books[1]


def test_the_command_trains_from_a_store(tmp_path: Path, capsys: Said) -> None:
    """As from a folder; what cannot be read there is named as it is called there."""
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 40, (64, 64)).cumsum(1) % 251
        put(tmp_path / "tree" / "ab"[number % 2] / f"{number}.png", noise.astype(np.uint8))
    (tmp_path / "tree" / "a" / "text.txt").write_text("no image")
    url = f"memory://{BUCKET}/images"
    upload(tmp_path / "tree", place_of(url))
    options = ["--always", "--coder", "interleaved", "--held-out", "0", "--name", "c", "-j1"]
    for name, where in (("here", str(tmp_path / "tree")), ("there", url)):
        assert main(["train", "-r", where, "-o", str(tmp_path / f"{name}.sofcb"), *options]) == 0
    assert (tmp_path / "here.sofcb").read_bytes() == (tmp_path / "there.sofcb").read_bytes()
    capsys.readouterr()
    broken = (tmp_path / "tree" / "a" / "0.png").read_bytes()[:60]
    fsspec.filesystem("memory").pipe_file(f"{url}/a/broken.png", broken)
    for where in (f"{url}/a", f"{url}/a/0.png"):
        status = main(["train", where, f"{url}/b/1.png", "-o", str(tmp_path / "some.sofcb"), *options, "--force"])
        said = capsys.readouterr().err
        assert (status, f"{url}/a/broken.png" in said) == ((5, True) if where.endswith("a") else (0, False))
        assert str(tmp_path) not in said and "/tmp/" not in said
    assert main(["train", f"{url}/none.png", "-o", str(tmp_path / "none.sofcb"), *options]) != 0
    assert f"{url}/none.png" in capsys.readouterr().err


@pytest.mark.parametrize("store", ["moving", "s3"], indirect=True)
@pytest.mark.parametrize("stage", [making.LOOKING, making.STORING])
def test_a_run_whose_connection_broke_goes_on(
    tree: Path, made: Path, store: str, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sofc.archive.survey.SECONDS_OF_NOTES", 0)
    monkeypatch.setattr("sofc.archive.survey.SHARD_FILES", 8)
    place = place_of(f"{store}/archive")
    written: list[str] = []
    put_file = StorePath.put

    def until(path: StorePath, draft: Path) -> None:
        if len(written) == (4 if stage == making.LOOKING else 9):
            raise ConnectionError(5, "gone", str(path))
        written.append(path.name)
        put_file(path, draft)

    with monkeypatch.context() as patched, pytest.raises(ConnectionError):
        patched.setattr(StorePath, "put", until)
        archive(tree, place, FAST)
    begun = {name for name in files_of(place) if name.startswith("units/")}
    assert bool(begun) == (stage == making.STORING)
    assert not manifest.is_archive(place)
    looked: list[int] = []
    done = archive(tree, place, FAST, progress=lambda stage, done, _: stage == making.LOOKING and looked.append(done))
    assert looked[0] >= 8  # noted by the run before
    assert done.fresh == len(done.manifest.units) - len(begun)
    assert files_of(place) == files_of(made)


def test_on_a_store_the_last_run_goes_on(tree: Path, made: Path) -> None:
    place = place_of(f"memory://{BUCKET}/archive")

    def another(stage: str, done: int, total: int) -> None:
        if stage == making.STORING and done == total:
            archive(tree, place, FAST)

    with pytest.raises(UsageError, match="of another run by now"):
        archive(tree, place, FAST, progress=another)
    assert files_of(place) == files_of(made)


@pytest.mark.parametrize("name", [manifest.NAME, manifest.CHECK, manifest.COPY])
def test_a_damaged_manifest_in_a_store(made: Path, tmp_path: Path, tree: Path, name: str) -> None:
    place = place_of(f"memory://{BUCKET}/archive")
    upload(made, place)
    fsspec.filesystem("memory").pipe_file(str(place / name), b"\0" * 99)
    assert len(verify(place).damage) == 1 + (name != manifest.COPY) * 0
    with contextlib.nullcontext() if name == manifest.COPY else pytest.raises(FormatError, match="--salvage"):
        restore(place, tmp_path / "a")
    assert restore(place, tmp_path / "b", salvage=True).lost == []
    assert files_of(tmp_path / "b") == files_of(tree)


def test_a_unit_that_is_gone_costs_its_files(made: Path, tmp_path: Path) -> None:
    place = place_of(f"memory://{BUCKET}/archive")
    upload(made, place)
    min(sizes_below(place / "units"), key=str).unlink()
    lost = verify(place).lost
    assert lost and all("no such file" in reason.lower() for _, reason in lost)
    with pytest.raises(FormatError, match="--salvage"):
        restore(place, tmp_path / "a")
    assert restore(place, tmp_path / "b", salvage=True).lost == lost


def test_names_that_no_tree_has_are_refused_and_named() -> None:
    store = fsspec.filesystem("memory")
    for name in ("good", "a/b", "a/../c", "x//y"):
        store.store[f"/{BUCKET}/{name}"] = store.open(f"/{BUCKET}/good", "wb")
    errors: list[tuple[bytes, OSError]] = []
    found = [entry.path for entry in walk(place_of(f"memory://{BUCKET}"), errors)]
    assert b"good" in found and b"a/b" in found
    assert all(b".." not in path.split(b"/") and b"" not in path.split(b"/") for path in found)
    assert [error.strerror for _, error in errors] == ["no file of a tree can have this name"] * len(errors) != []


def test_objects_of_s3_that_are_both_file_and_folder_or_neither(s3: str, tmp_path: Path) -> None:
    store = fsspec.filesystem("s3")
    where = f"{BUCKET}/{os.urandom(4).hex()}"
    for key, data in (("a", b"1"), ("a/b", b"2"), ("empty/", b""), ("c//d", b"3"), ("full/", b"4")):
        store.call_s3("put_object", Bucket=BUCKET, Key=f"{where.partition('/')[2]}/{key}", Body=data)
    made = archive(place_of(f"s3://{where}"), tmp_path / "archive", FAST)
    assert sorted(path.rstrip("/") for path, _ in made.refused) == ["a", "c//d", "full"]
    restore(tmp_path / "archive", tmp_path / "back")
    assert files_of(tmp_path / "back") == {"a/b": b"2"}
    assert (tmp_path / "back" / "empty").is_dir()


def _read(found: Any, name: str) -> Any:
    return found[name]


def test_an_archive_in_s3_is_read_by_name_in_threads_and_processes(tree: Path, made: Path, s3: str) -> None:
    place = place_of(f"s3://{BUCKET}/{os.urandom(4).hex()}")
    upload(made, place)
    expected = np.asarray(Image.open(tree / "gray" / "03.png"))
    with sofc.open_archive(str(place)) as found:
        assert np.array_equal(found["gray/03.png"], expected)
        assert found.read_bytes("notes/a.txt") == (tree / "notes" / "a.txt").read_bytes()
        assert np.array_equal(pickle.loads(pickle.dumps(found))["gray/03.png"], expected)
        for method in ("fork", "spawn") if sys.platform == "linux" else ("spawn",):
            with get_context(method).Pool(1) as pool:
                assert np.array_equal(pool.apply(_read, (found, "gray/03.png")), expected)
    from sofc.plugins.fsspec import ArchiveFileSystem

    fsspec.register_implementation("sofc", ArchiveFileSystem, clobber=True)
    with fsspec.open(f"sofc://{place}!notes/a.txt") as file:
        assert file.read() == (tree / "notes" / "a.txt").read_bytes()
    options = {"endpoint_url": s3}
    files = fsspec.filesystem("sofc", archive=str(place), storage_options=options)
    assert files.cat("copy.txt") == (tree / "copy.txt").read_bytes()


def test_of_a_large_unit_what_is_read_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 3, (520, 520))
        put(tmp_path / "tree" / f"{number}.png", (number * 20 + np.arange(520) / 5 + noise).astype(np.uint8))
    place = place_of(f"memory://{BUCKET}/archive")
    archive(tmp_path / "tree", place, FAST)
    fetched: list[int] = []
    read_part = StorePath.read_part

    def counting(path: StorePath, start: int, end: int) -> bytes:
        fetched.append(end - start)
        return read_part(path, start, end)

    with sofc.open_archive(place) as found:
        monkeypatch.setattr(StorePath, "read_part", counting)
        found.read_bytes("4.png")
    assert sum(fetched) < 0.7 * sum(sizes_below(place / "units").values())


# The command.


def said(capsys: Said, *words: str) -> str:
    """What the command, which failed, says: one line."""
    assert main([*words]) != 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Traceback" not in error
    return error


def test_the_command_takes_urls(tree: Path, made: Path, tmp_path: Path, s3: str, capsys: Said) -> None:
    where = f"s3://{BUCKET}/{os.urandom(4).hex()}"
    assert main(["archive", str(tree), "-o", f"{where}/archive", "-e1", "--no-train", "-j2"]) == 0
    assert f"{where}/archive: 27 files" in capsys.readouterr().out
    assert files_of(place_of(f"{where}/archive")) == files_of(made)
    assert main(["archive", "--verify", f"{where}/archive", "-j1"]) == 0
    assert main(["restore", f"{where}/archive", "notes", "-o", f"{where}/back", "-j1"]) == 0
    assert list(files_of(place_of(f"{where}/back"))) == ["notes/a.txt"]
    assert main(["archive", f"{where}/back", "--dry-run", "-o", str(tmp_path / "no"), "-j1"]) == 0
    assert main(["archive", f"{where}/back", "-o", f"file://{tmp_path / 'again'}", "--remove-originals", "-j1"]) == 0
    assert (tmp_path / "again" / manifest.NAME).is_file()
    assert files_of(place_of(f"{where}/back")) == {}


def test_workers_of_a_cluster_find_the_store(tree: Path, made: Path, s3: str) -> None:
    pytest.importorskip("distributed")
    where = f"s3://{BUCKET}/{os.urandom(4).hex()}"
    upload(tree, place_of(f"{where}/tree"))
    command = ["-o", f"{where}/archive", "-e1", "--no-train", "--cluster", "local:2"]
    assert main(["archive", f"{where}/tree", *command]) == 0
    found = {name: data for name, data in files_of(place_of(f"{where}/archive")).items() if name.startswith("units/")}
    assert found == {name: data for name, data in files_of(made).items() if name.startswith("units/")}


def test_the_command_says_what_is_wrong_with_a_store(
    tree: Path, tmp_path: Path, s3: str, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "bucket does not exist" in said(capsys, "archive", str(tree), "-o", "s3://no-such-bucket/archive")
    assert "no-such-bucket" in said(capsys, "archive", "s3://no-such-bucket/tree", "-o", str(tmp_path / "a"))
    assert "is no archive" in said(capsys, "restore", f"s3://{BUCKET}/nothing", "-o", str(tmp_path / "b"))
    assert "Protocol not known" in said(capsys, "restore", "nonsense://a", "-o", str(tmp_path / "b"))
    assert "in the tree" in said(capsys, "archive", "s3://scans/a", "-o", "s3://scans/a/b")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = {"endpoint_url": f"http://127.0.0.1:{free.getsockname()[1]}"}
    monkeypatch.setitem(fsspec.config.conf, "s3", nowhere)
    assert "does not answer" in said(capsys, "restore", f"s3://{BUCKET}/a", "-o", str(tmp_path / "b"))
    monkeypatch.setitem(fsspec.config.conf, "s3", {**nowhere, "default_block_size": 1 << 20})  # connects anew
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "locate credentials" in said(capsys, "restore", f"s3://{BUCKET}/a", "-o", str(tmp_path / "b"))


@pytest.mark.parametrize("credentials", ["me:secret@", "me:sec@ret@", ":secret@"])
def test_no_message_shows_credentials(tmp_path: Path, capsys: Said, credentials: str) -> None:
    for protocol in ("nonsense", "ftp", "simplecache::ftp"):
        url = f"{protocol}://{credentials}127.0.0.1:1/a"
        for arguments in (
            ["archive", str(tmp_path), "-o", url],
            ["restore", url, "-o", str(tmp_path / "b")],
            ["codebook", "import", url, "--unsigned"],
            ["codebook", "import", "0" * 32, "--from", url, "--unsigned"],
        ):
            assert main(arguments) > 0
            shown = capsys.readouterr()
            assert "ret" not in shown.err and "127.0.0.1:1/a" in shown.err and shown.err.count("\n") == 1


@pytest.mark.parametrize("module, word", [("s3fs", "s3fs"), ("fsspec", "sofc[archive]")])
def test_the_command_says_what_is_not_installed(
    tree: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, module: str, word: str
) -> None:
    sys.modules["fsspec.registry"]._registry.pop("s3", None)
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert word in said(capsys, "archive", str(tree), "-o", "s3://bucket/archive")


def test_names_tell_no_password() -> None:
    assert str(StorePath("https://user:secret@host/a/", "/b")) == "https://host/a/b"


@pytest.mark.parametrize(("cause", "raised"), [(ValueError("404"), FileNotFoundError), (OSError("?"), ConnectionError)])
def test_what_is_not_reached_is_not_missing(
    cause: Exception, raised: type[OSError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As fsspec's HTTP tells it; S3 gives a cause to what is missing, too."""

    def missing(*_: Any, **__: Any) -> bytes:
        raise FileNotFoundError("x") from cause

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", missing)
    with pytest.raises(raised):
        StorePath("memory://a", "/b").read_bytes()


def test_what_is_being_written_has_a_hidden_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    put_file = MovingFileSystem.put_file

    def noting(store: MovingFileSystem, path: str, target: str, **options: Any) -> None:
        written.append(target.rpartition("/")[2])
        put_file(store, path, target, **options)

    monkeypatch.setattr(MovingFileSystem, "put_file", noting)
    draft, place = tmp_path / "draft", StorePath("moving://a", "/unit")
    draft.write_bytes(b"text")
    place.put(draft)
    assert place.read_bytes() == b"text" and StorePath("moving://a").names() == ["unit"] and not draft.exists()
    assert len(written) == 1 and written[0].startswith(".unit.") and written[0].endswith(".part")
