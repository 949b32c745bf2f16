"""What leaves an archive as sofc files opens without it, byte for byte, wherever its codebook is not."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import platformdirs
import pytest
import tifffile
from helpers import encode_rows, raw_codebook
from PIL import Image

import sofc
from sofc.archive import leaving, restoring, unit
from sofc.archive.access import Archive
from sofc.archive.making import Settings, archive, codebooks
from sofc.archive.restoring import restore
from sofc.cli.__main__ import main
from sofc.codebook.builtin import builtin_codebook
from sofc.codebook.store import SEARCH_PATH_VARIABLE
from sofc.errors import ChecksumError, CodebookError, FormatError
from sofc.image import ImageHeader, PixelFormat
from sofc.keepfile import keep_whole
from sofc.stream.embedding import with_codebooks
from sofc.stream.encoder import Encoder
from sofc.training.report import TrainingReport

IMAGE = np.random.default_rng(1).integers(0, 256, (40, 30), dtype=np.uint8)


def smooth(number: int, components: int = 1) -> Any:
    noise = np.random.default_rng(number)
    y, x = np.mgrid[:48, :64]
    image = 120 + 60 * np.sin(x / 5 + number) * np.cos(y / 7)
    image = (image[..., None] + noise.integers(0, 6, (48, 64, components))).astype(np.uint8)
    return image[..., 0] if components == 1 else image


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def encoded(image: Any, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *arguments, **keywords: str(tmp_path / "none"))
    monkeypatch.delenv(SEARCH_PATH_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contents stored in each way, copies, a link, odd names."""
    root = tmp_path_factory.mktemp("made") / "tree"
    for number in range(20):
        put(root / "gray" / f"{number}.png", encoded(smooth(number), "PNG"))
    for number in range(10):
        path = root / "volumes" / f"{number}.tif"
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, np.stack([smooth(number), smooth(number + 50)]), photometric="minisblack")
    put(root / "photo.jpg", encoded(smooth(0, 3), "JPEG", quality=85))
    put(root / "a part.png", encoded(np.ascontiguousarray(smooth(3)[8:40, 16:48]), "PNG"))
    put(root / "copy.png", (root / "gray" / "0.png").read_bytes())
    put(root / "text.txt", b"some text " * 99)
    put(root / "empty", b"")
    put(root / "none.png", b"\x89PNG\r\n\x1a\nno image")
    put(root / "x.sofc", sofc.encode(IMAGE))
    put(root / "line\nbreak.txt", b"odd")
    if sys.platform == "linux":
        put(root / os.fsdecode(b"caf\xe9.txt"), b"coffee")
    (root / "link").symlink_to("gray/0.png")
    (root / "gray" / "3.png").chmod(0o640)
    os.utime(root / "gray" / "3.png", ns=(1, 1_600_000_000_123_456_789))
    return root


@pytest.fixture(scope="module")
def made(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the tree, with codebooks of its own."""
    folder = tmp_path_factory.mktemp("made") / "archive"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codebooks, "LEAST_BYTES", 1)
        patch.setattr(TrainingReport, "is_worthwhile", property(lambda self: True))
        archive(tree, folder, Settings(effort=1))
    assert len([*(folder / "codebooks").glob("*.copy.sofcb")]) >= 2
    ways = "".join(row[0] for row in Archive(folder).table.execute("SELECT DISTINCT way FROM contents"))
    assert set(ways) == {unit.FROM_IMAGES, unit.FROM_FILE, unit.FROM_CROP, unit.FROM_PACK}
    return folder


def files_of(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_each_file_opens_without_the_archive(tree: Path, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = restore(made, out, as_sofc=True)
    files = files_of(tree)
    assert done.files == len(files) and not done.lost
    assert done.skipped == [("link", "a link, to a name that its file does not have here")]
    assert set(files_of(out)) == {f"{name}.sofc" for name in files}
    held = 0
    for name, data in files.items():
        path = out / f"{name}.sofc"
        with sofc.open_reader(path) as reader:
            held += any(is_inside for _, is_inside in reader.codebooks)
            assert all(is_inside or book.name in ("common", "binary", "deep") for book, is_inside in reader.codebooks)
        if name.startswith("gray/"):
            assert np.array_equal(sofc.read(path), np.asarray(Image.open(io.BytesIO(data))))
    assert held >= 10, "those that were stored by a codebook of the archive"
    moved = Path(shutil.move(out, tmp_path / "elsewhere"))
    outputs = [str(path) for path in moved.rglob("*.sofc")]
    assert main(["decode", "-q", *outputs]) == 0
    for name, data in files.items():
        assert (moved / name).read_bytes() == data, name
    assert (moved / "gray" / "3.png.sofc").stat().st_mtime_ns == 1_600_000_000_123_456_789
    assert (moved / "gray" / "3.png.sofc").stat().st_mode & 0o777 == 0o640


def test_what_stands_alone_is_not_coded_anew(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is as large as in the archive, and its codebook besides."""
    monkeypatch.setattr(leaving, "_of_images", None)
    assert restore(made, tmp_path / "out", ["volumes"], as_sofc=True).files == 10
    books = {path.stat().st_size for path in (made / "codebooks").glob("*.sofcb")}
    with Archive(made) as opened:
        query = "SELECT path, bytes FROM files WHERE path LIKE 'volumes/%'"
        for path, stored in opened.table.execute(query):
            size = (tmp_path / "out" / f"{path}.sofc").stat().st_size
            assert any(abs(size - stored - book) < 100 for book in books)


def test_the_command(tree: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = []
    for number, jobs in enumerate(("1", "2")):
        out = tmp_path / str(number)
        assert (
            main(["restore", str(made), "gray/1*", "link", "--as", "sofc", "-o", str(out), "-j", jobs, "--json"]) == 0
        )
        told = json.loads(capsys.readouterr().out)
        assert told["files"] == 11 and [path for path, _ in told["skipped"]] == ["link"] and told["lost"] == []
        results.append(files_of(out))
    assert results[0] == results[1] and len(results[0]) == 11
    assert main(["restore", str(made), "gray/1*", "--as", "sofc", "-o", str(tmp_path / "0")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit):
        main(["restore", str(made), "--as", "zip", "-o", str(tmp_path / "0")])


def test_large_files_are_named(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(restoring, "MAX_FILE_BYTES", 500)
    done = restore(made, tmp_path / "out", ["*.txt"], as_sofc=True)
    assert ("text.txt", "990 bytes are too many for a sofc file") in done.skipped and not done.lost
    assert not (tmp_path / "out" / "text.txt.sofc").exists() and (tmp_path / "out" / "line\nbreak.txt.sofc").exists()


def test_of_a_damaged_archive_nothing_wrong_leaves(made: Path, tree: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made, tmp_path / "copy"))
    rng = np.random.default_rng(2)
    for path in (copy / "units").iterdir():
        data = bytearray(path.read_bytes())
        data[int(rng.integers(8, len(data) - 60))] ^= 16
        path.write_bytes(data)
    done = restore(copy, tmp_path / "out", as_sofc=True, salvage=True)
    assert done.lost
    back = files_of(tmp_path / "out")
    for name in back:
        assert main(["decode", "-q", str(tmp_path / "out" / name)]) == 0
        assert (tmp_path / "out" / name).with_suffix("").read_bytes() == (tree / name).with_suffix("").read_bytes()
    assert len(back) + len(done.lost) == len(files_of(tree))


def test_without_its_codebook_nothing_leaves(made: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made, tmp_path / "copy"))
    shutil.rmtree(copy / "codebooks")
    done = restore(copy, tmp_path / "out", ["volumes"], as_sofc=True, salvage=True)
    assert done.lost and all("codebook" in reason and "missing" in reason for _, reason in done.lost)


def test_what_gives_something_else_is_never_given(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = SimpleNamespace(table=SimpleNamespace(contents=[SimpleNamespace(way=unit.FROM_PACK)]))
    assert leaving.sofc_file(cast(Any, packed), 0, b"text")
    monkeypatch.setattr("sofc.keepfile.keep_whole", lambda name, data: keep_whole(name, data + b"!"))
    with pytest.raises(ChecksumError, match="please report"):
        leaving.sofc_file(cast(Any, packed), 0, b"text")


class TestEmbedding:
    """Files get their codebooks without being coded anew."""

    @pytest.mark.parametrize("band_rows", [None, 7])
    def test_it_is_the_file_that_an_encoder_makes(self, band_rows: int | None) -> None:
        """Byte for byte, index included."""
        book = raw_codebook()
        data = sofc.encode(IMAGE, codebook=book, band_rows=band_rows)
        whole = sofc.encode(IMAGE, codebook=book, band_rows=band_rows, embed_codebook=True)
        assert with_codebooks(data, lambda reference: book) == whole
        assert with_codebooks(whole, lambda reference: None) == whole
        with pytest.raises(CodebookError, match=f"{book.id.hex()[:32]} is missing"):
            with_codebooks(data, lambda reference: None)

    def test_groups_and_several_codebooks(self) -> None:
        """One that is built in comes first, and is not put inside."""
        book = raw_codebook()

        def pick(pixel_format: PixelFormat) -> Any:
            return book if pixel_format.components == 1 else builtin_codebook(pixel_format)

        colour = np.random.default_rng(2).integers(0, 256, (400, 300, 3), dtype=np.uint8)
        for images in ([IMAGE, colour, IMAGE], [colour, IMAGE], [IMAGE, IMAGE[::-1], colour, IMAGE]):
            data = sofc.encode_images(images, codebook=pick)
            whole = sofc.encode_images(images, codebook=pick, embed_codebook=True)
            made = with_codebooks(data, lambda reference: book)
            assert made == (whole if images[0] is IMAGE else None)

    def test_streams_without_a_height_and_damage(self) -> None:
        book = raw_codebook()
        header = ImageHeader(30, None, PixelFormat(1, 8, 8))
        data = encode_rows(header, IMAGE, [9], codebook=book, band_rows=8)
        assert with_codebooks(data, lambda reference: book) == encode_rows(
            header, IMAGE, [9], codebook=book, band_rows=8, embed_codebook=True
        )
        kept = Encoder(codebook=None, metadata=keep_whole("", b"text")).finish()
        assert with_codebooks(kept, lambda reference: None) == kept
        for end in range(0, len(data), 97):
            with pytest.raises(FormatError):
                with_codebooks(data[:end], lambda reference: book)
        with pytest.raises(FormatError):
            with_codebooks(data[:60] + bytes([data[60] ^ 1]) + data[61:], lambda reference: book)
