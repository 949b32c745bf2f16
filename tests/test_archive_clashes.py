"""Trees whose names a file system takes for one are not restored there, and nothing is made."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from sofc.archive import clashes
from sofc.archive.making import Settings, archive
from sofc.archive.restoring import restore
from sofc.cli.__main__ import main
from sofc.errors import UsageError

COMPOSED, TAKEN_APART = (unicodedata.normalize(form, "\u00e9t\u00e9.txt") for form in ("NFC", "NFD"))
NAMES = {"Scan/a.txt": b"1", "scan/a.txt": b"2", "scan/A.txt": b"3", COMPOSED: b"4", TAKEN_APART: b"5", "b.txt": b"6"}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    for name, data in NAMES.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(data)
    if len([path for path in (tmp_path / "tree").rglob("*") if path.is_file()]) < len(NAMES):
        pytest.skip("this file system takes such names for one")
    archive(tmp_path / "tree", tmp_path / "archive", Settings(effort=1, train=False))
    return tmp_path / "archive"


def folds_case(folder: Path, one: str, other: str) -> bool:
    """As of a file system that folds case, and tells apart how letters are composed."""
    return one.lower() != other.lower()


def test_names_in_one_folder_that_differ_in_case(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clashes, "_tells_apart", folds_case)
    assert main(["restore", str(made), "-o", str(tmp_path / "back"), "--force"]) != 0
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "for one name, and 2 more such pairs: restore to a file system" in said[0]
    assert list((tmp_path / "back").iterdir()) == []
    assert restore(made, tmp_path / "one", ["scan/A.txt", COMPOSED, TAKEN_APART, "b.txt"]).files == 4


def test_where_names_are_told_apart_all_come_back(made: Path, tmp_path: Path) -> None:
    assert restore(made, tmp_path / "back").files == len(NAMES)
    assert {name: (tmp_path / "back" / name).read_bytes() for name in NAMES} == NAMES


def test_a_folder_is_asked_with_the_names_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exists = Path.exists
    folder_of = {"A": "a", TAKEN_APART: COMPOSED}
    monkeypatch.setattr(Path, "exists", lambda path: exists(path.with_name(folder_of.get(path.name, path.name))))
    with pytest.raises(UsageError, match="takes 'x/a' and 'x/A' for one name: restore to"):
        clashes.refuse_clashes(tmp_path, [b"x/a", b"x/b", b"x/A"])
    with pytest.raises(UsageError, match="for one name: restore to"):
        clashes.refuse_clashes(tmp_path, [COMPOSED.encode(), TAKEN_APART.encode()])
    clashes.refuse_clashes(tmp_path, [b"x/b", b"x/B", b"a", b"y/" + b"n" * 400, b"y/" + b"N" * 400])
    assert list(tmp_path.iterdir()) == []
