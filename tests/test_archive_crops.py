"""Crops: images of a tree that are parts of others are found, stored as that, and come back."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from minidec import archive as small_archive
from PIL import Image

import sofc
from sofc.archive import access, anchors, coding, manifest, unit
from sofc.archive.anchors import Candidate, find_crops
from sofc.archive.coding import Member, UnitPlan, make_unit, not_given_back
from sofc.archive.crops import Crop, gray_of
from sofc.archive.kinds import Rule
from sofc.archive.making import Settings, archive
from sofc.archive.reading import UnitReader
from sofc.archive.restoring import restore, verify
from sofc.codebook.builtin import FOLDER
from sofc.container.original import Literal, count_parts, pack_recipe, unpack_recipe
from sofc.errors import FormatError, LimitError
from sofc.keepfile import recipe

FAST = Settings(effort=1, train=False)


def texture(number: int, rows: int = 160, columns: int = 200, components: int = 3) -> Any:
    """An image of no two like places."""
    noise = np.random.default_rng(number)
    y, x = np.mgrid[:rows, :columns]
    smooth = 110 + 60 * np.sin(x / 15 + number) * np.cos(y / 17)
    image = (smooth[..., None] + noise.integers(0, 20, (rows, columns, components))).astype(np.uint8)
    return image[..., 0] if components == 1 else image


def save(path: Path, image: Any, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)


def candidate(path: Path, image: Any) -> Candidate:
    save(path, image)
    rows, columns, components = (*image.shape, 1)[:3]
    return Candidate(path, rows, columns, components)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two slides with tiles of them, gray ones too, in three formats, and what is part of none."""
    root = tmp_path / "tree"
    for slide in (0, 1):
        whole = texture(slide)
        save(root / f"slide {slide}.png", whole)
        save(root / f"slide {slide}.tif", whole)
        for number, (y, x) in enumerate([(0, 0), (3, 50), (100, 131), (96, 136)]):
            tile = whole[y : y + 64, x : x + 64]
            save(root / "tiles" / f"{slide} {number}.{('png', 'tif', 'bmp')[number % 3]}", tile)
            save(root / "gray" / f"{slide} {number}.png", np.asarray(Image.fromarray(tile).convert("L")))
    save(root / "other.png", texture(7, 64, 64))
    (root / "note.txt").write_text("a note")
    return root


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def coders(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / manifest.NAME)) as table:
        return dict(table.execute("SELECT path, coder FROM files WHERE type = 'file'"))


def test_crops_come_back_and_take_next_to_nothing(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    archive(tree, folder, FAST)
    found = coders(folder)
    assert [path for path, coder in found.items() if coder == "crop"] == sorted(
        {path for path in found if "/" in path} | {"slide 0.tif", "slide 1.tif"}
    )
    with closing(sqlite3.connect(folder / manifest.NAME)) as table:
        assert table.execute("SELECT max(bytes) FROM files WHERE coder = 'crop'").fetchone()[0] < 1000
    restore(folder, tmp_path / "back")
    assert files_of(tmp_path / "back") == files_of(tree)
    assert verify(folder).lost == []
    with sofc.open_archive(folder) as opened:
        assert np.array_equal(opened["gray/1 2.png"], np.asarray(Image.open(tree / "gray" / "1 2.png")))


def test_rules_and_room_in_a_unit_count_more_than_crops(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that a rule matches stay of their kind; a unit of an image and its crops is no larger than others."""
    archive(tree, tmp_path / "ruled", replace(FAST, rules=(Rule("gray/*", "pieces"),)))
    found = coders(tmp_path / "ruled")
    assert {coder for path, coder in found.items() if path.startswith("gray/")} == {"collection"}
    assert {coder for path, coder in found.items() if path.startswith("tiles/")} == {"crop"}
    most = 150_000
    monkeypatch.setattr("sofc.archive.plan.MOST_BYTES", {"collection": most, "alone": most, "pack": most})
    archive(tree, tmp_path / "small", FAST)
    with closing(sqlite3.connect(tmp_path / "small" / manifest.NAME)) as table:
        sizes = dict(table.execute("SELECT unit, sum(size) FROM files WHERE type = 'file' GROUP BY unit"))
        files = dict(table.execute("SELECT unit, count() FROM files WHERE type = 'file' GROUP BY unit"))
    assert all(size <= most or files[name] == 1 for name, size in sizes.items())
    assert "crop" in coders(tmp_path / "small").values()


def test_the_small_decoder_reads_crops(tmp_path: Path) -> None:
    whole = texture(3, 40, 44)
    save(tmp_path / "tree" / "whole.png", whole)
    save(tmp_path / "tree" / "part.png", whole[3:36, 5:40])
    save(tmp_path / "tree" / "gray.png", gray_of(whole[:30]))
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    assert sorted(coders(tmp_path / "archive").values()) == ["collection", "crop", "crop"]
    registered = [path.read_bytes() for path in sorted(FOLDER.glob("*.sofcb"))]
    found = {path.decode(): data for path, data in small_archive.files_of(tmp_path / "archive", registered)}
    assert found == files_of(tmp_path / "tree")


def test_crops_that_are_written_to_change_no_others(tmp_path: Path) -> None:
    whole = texture(3, 90, 100)
    for name, image in (("whole", whole), ("a", whole[3:70, 5:70]), ("b", whole[4:80, 6:80])):
        save(tmp_path / "tree" / f"{name}.png", image)
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    assert coders(tmp_path / "archive")["a.png"] == "crop"
    with sofc.open_archive(tmp_path / "archive") as opened:
        opened["a.png"][:] = 0
        assert np.array_equal(opened["b.png"], whole[4:80, 6:80])
        assert opened.read_bytes("b.png") == (tmp_path / "tree" / "b.png").read_bytes()


def test_few_images_that_crops_are_of_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sofc.archive.plan.MOST_BYTES", {"collection": 1 << 15, "alone": 1 << 15, "pack": 1 << 15})
    for number in range(6):
        save(tmp_path / "tree" / f"{number}.png", texture(number, 90, 100))
        save(tmp_path / "tree" / f"{number} part.png", texture(number, 90, 100)[3:70, 5:70])
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    monkeypatch.setattr(access, "HELD_SOURCE_BYTES", 2 * 90 * 100 * 3)
    with sofc.open_archive(tmp_path / "archive") as opened:
        for _ in range(2):
            for number in range(6):
                assert np.array_equal(opened[f"{number} part.png"], texture(number, 90, 100)[3:70, 5:70])
                assert 0 < sum(unit.source_bytes for unit in opened._units.values()) <= 3 * 90 * 100 * 3


def test_a_unit_whose_file_would_be_too_large_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.sofu").open("wb") as file:
        writer = unit.UnitWriter(file)
        for name in unit.SECTIONS:
            writer.section(name, [])
        writer.finish([unit.Content(unit.FROM_IMAGES, 1 << 50)])
    with pytest.raises(LimitError, match="is not made"):
        list(UnitReader(tmp_path / "a.sofu", lambda reference: None).pieces(0))


@pytest.mark.parametrize(
    ("count", "error", "words"),
    [
        (4096, FormatError, "ends inside its head"),  # of the images, of which there are none
        (4097, LimitError, "more than 4096 parts"),
    ],
)
def test_parts_are_bounded_by_the_bytes_of_the_file(tmp_path: Path, count: int, error: Any, words: str) -> None:
    made = pack_recipe((Literal(bytes(3)), *(Literal(b"") for _ in range(count - 1))))
    _write_recipe(tmp_path / "a.sofu", made, 3)
    reader = UnitReader(tmp_path / "a.sofu", lambda reference: None)
    with pytest.raises(error, match=words):
        list(reader.pieces(0))


def test_parts_are_bounded_by_what_the_unit_keeps(tmp_path: Path) -> None:
    _write_recipe(tmp_path / "a.sofu", pack_recipe(tuple(Literal(b"") for _ in range(1 << 16))), 1 << 30)
    assert (tmp_path / "a.sofu").stat().st_size < 400
    with pytest.raises(LimitError, match="more than"):
        list(UnitReader(tmp_path / "a.sofu", lambda reference: None).pieces(0))


def _write_recipe(path: Path, made: bytes, size: int) -> None:
    """A unit of one content, made of an image that is not there."""
    packing, pieces = unit.packed(lambda: [made], len(made))
    with path.open("wb") as file:
        writer = unit.UnitWriter(file)
        writer.section(unit.IMAGES, [])
        writer.section(unit.RECIPES, pieces, packing)
        writer.section(unit.FILES, [])
        writer.section(unit.PACK, [])
        writer.finish([unit.Content(unit.FROM_IMAGES, size, len(made))])


def test_files_of_too_many_parts_are_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(3).integers(0, 4, (60, 7)).astype(np.uint8)
    (tmp_path / "tree").mkdir()
    tifffile.imwrite(tmp_path / "tree" / "a.tif", image, rowsperstrip=1, compression="zlib")
    data = (tmp_path / "tree" / "a.tif").read_bytes()
    made = recipe(data, [image])
    assert made is not None
    most = count_parts(unpack_recipe(made, 1 << 20))
    for bound in (most, most - 1):
        monkeypatch.setattr("sofc.container.original.MOST_PARTS", bound - len(data) // 4)
        assert (recipe(data, [image]) is None) == (bound < most)
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    with sofc.open_archive(tmp_path / "archive") as opened:
        assert opened.read_bytes("a.tif") == data


def test_gray_is_that_of_pillow() -> None:
    image = np.random.default_rng(1).integers(0, 256, (300, 200, 3)).astype(np.uint8)
    assert np.array_equal(gray_of(image), np.asarray(Image.fromarray(image).convert("L")))


def test_crops_of_crops_and_the_same_image_twice(tmp_path: Path) -> None:
    whole = texture(1, 120, 130, 1)
    images = [whole[20:60, 30:90], whole, whole[10:100, 10:110], whole, texture(2, 120, 130, 1)]
    found = find_crops([candidate(tmp_path / f"{n}.png", image) for n, image in enumerate(images)], None)
    assert found == {
        0: Crop(1, 20, 30, 40, 60),
        2: Crop(1, 10, 10, 90, 100),
        3: Crop(1, 0, 0, 120, 130),
    }


def test_the_strips_of_a_large_image_are_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    image = texture(4, 150, 90)
    whole = anchors._anchors(image, 5)
    monkeypatch.setattr(anchors, "_STRIP_SAMPLES", 90 * 20)
    strips = anchors._anchors(image, 5)
    assert all(np.array_equal(one, other) for one, other in zip(whole, strips, strict=True))
    assert 300 < len(whole.hashes) < 500  # one place in 32


def test_anchors_are_hashes_of_squares_by_the_text() -> None:
    """A second way to the same places: all but the square is changed, and the anchor stays."""
    image = texture(5, 60, 60, 1)
    found = anchors._anchors(image, 5)
    for row, column, hash in list(zip(found.rows, found.columns, found.hashes, strict=True))[:10]:
        other = texture(6, 60, 60, 1)
        end = slice(row, row + anchors.SIDE), slice(column, column + anchors.SIDE)
        other[end] = image[end]
        again = anchors._anchors(other, 5)
        places = list(zip(again.rows, again.columns, again.hashes, strict=True))
        assert (row, column, hash) in places


def test_flat_places_are_no_anchors() -> None:
    """A hash of one value in 32 ends as those of anchors do; where it does, all places of a flat image would."""
    for value in range(256):
        flat = np.full((20, 24), value, np.uint8)
        striped = np.tile(np.arange(24, dtype=np.uint8) * 5 + value, (20, 1))
        for image in (flat, striped, striped.T):
            assert len(anchors._anchors(image, 5).hashes) == 0


def test_crops_lie_in_their_images(tmp_path: Path) -> None:
    """Whose anchors another image has may have one more row than that has, with no anchor in it."""
    whole = texture(1, 60, 60, 1)
    other = [np.vstack([whole[30:, 8:50], texture(seed, 1, 42, 1)]) for seed in range(2, 18)]
    pairs = [candidate(tmp_path / f"{number}.png", image) for number, image in enumerate([whole, *other])]
    looks = anchors.look_for_anchors([one.path for one in pairs], 5)
    table = anchors._Table(looks)
    assert any(list(table.places_of(1 + number, looks[1 + number].own)) for number in range(len(other)))
    assert all(find_crops([pairs[0], one], None) == {} for one in pairs[1:])


def test_samples_of_other_types_are_no_crops(tmp_path: Path) -> None:
    image = texture(1, 60, 60, 1)
    save(tmp_path / "a.png", image)
    np.save(tmp_path / "b.npy", image.astype(np.uint16))
    np.save(tmp_path / "c.npy", image.astype(np.float32))
    candidates = [Candidate(tmp_path / name, 60, 60, 1) for name in ("a.png", "b.npy", "c.npy", "gone.png")]
    assert find_crops(candidates, None) == {}


def test_a_file_that_only_seems_to_be_a_crop_is_coded_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the anchors say is compared before it counts; and a source may be stored without its image."""
    members = []
    for name, image in (("whole", texture(1)), ("part", texture(1)[5:50, 5:60]), ("other", texture(2)[5:50, 5:60])):
        save(tmp_path / f"{name}.png", image)
    save(tmp_path / "jpeg.jpg", texture(1))
    decoded = np.asarray(Image.open(tmp_path / "jpeg.jpg"))
    save(tmp_path / "of jpeg.png", decoded[8:40, 8:40])
    crops = {"part": Crop(0, 5, 5, 45, 55), "other": Crop(0, 5, 5, 45, 55), "of jpeg": Crop(1, 8, 8, 32, 32)}
    for name in ("whole.png", "jpeg.jpg", "part.png", "other.png", "of jpeg.png"):
        data = (tmp_path / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        members.append(Member(tmp_path / name, len(data), digest, crops.get(name[:-4])))
    plan = UnitPlan("a kind", "alone", 5, tuple(members))
    tries: list[object] = []
    monkeypatch.setattr(coding, "not_given_back", lambda *given: tries.append(given) or not_given_back(*given))
    made = make_unit(plan, tmp_path, tmp_path)
    assert made.ways == "ffcii"
    assert len(tries) == 1
    assert sum(made.stored) == made.size
    reader = UnitReader(tmp_path / f"{made.key}.sofu", lambda reference: None)
    for number, member in enumerate(members):
        assert reader.read(number) == member.path.read_bytes()


def test_a_damaged_unit_costs_its_own_files_only(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crops stand in the unit of their source."""
    monkeypatch.setattr("sofc.archive.plan.MOST_BYTES", {"collection": 1 << 17, "alone": 1 << 17, "pack": 1 << 17})
    folder = tmp_path / "archive"
    archive(tree, folder, FAST)
    units = sorted((folder / "units").iterdir())
    assert len(units) >= 4
    with closing(sqlite3.connect(folder / manifest.NAME)) as table:
        of_unit = dict(table.execute("SELECT path, unit FROM files WHERE type = 'file'"))
    for path in units:
        data = path.read_bytes()
        path.unlink()
        lost = {name for name, _ in verify(folder).lost}
        assert lost == {name for name, where in of_unit.items() if where == path.stem}
        path.write_bytes(data)


@pytest.mark.parametrize(
    "numbers",
    [
        [0, 0, 0, 8],
        [0, 0, 0, 8, 8, 2],
        [0, 0, 0, 0, 8, 0],
        [0, -1, 0, 8, 8, 0],
        [0, 0, 0, 8, 1 << 40, 0],
        [0, True, 0, 8, 8, 0],
        [0, 0.5, 0, 8, 8, 0],
        "012345",
        7,
    ],
)
def test_crops_that_are_none(numbers: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Crop.of(numbers)


@pytest.mark.parametrize(
    "ways, crops",
    [
        ("ic", [[1, 0, 0, 8, 8, 0]]),  # of a crop
        ("pc", [[0, 0, 0, 8, 8, 0]]),  # of what has no image
        ("ic", [[2, 0, 0, 8, 8, 0]]),
        ("ic", []),
        ("ii", [[0, 0, 0, 8, 8, 0]]),
    ],
)
def test_tables_whose_crops_make_no_sense(ways: str, crops: list[list[int]]) -> None:
    file = io.BytesIO()
    writer = unit.UnitWriter(file)
    for name in unit.SECTIONS:
        writer.section(name, [])
    contents = [unit.Content(way, 0) for way in ways]
    for place, numbers in enumerate(crops):
        contents[-1 - place] = unit.Content(ways[-1 - place], 0, 0, Crop.of(numbers))
    writer.finish(contents)
    with pytest.raises(FormatError, match="table cannot be read"):
        unit.read_table(file)


def test_crops_that_lead_out_of_their_image() -> None:
    image = texture(1, 20, 30)
    with pytest.raises(FormatError, match="leads out"):
        Crop(0, 13, 0, 8, 8).cut(image)
    with pytest.raises(FormatError, match="three colours"):
        Crop(0, 0, 0, 8, 8, gray=True).cut(image[..., 0])
