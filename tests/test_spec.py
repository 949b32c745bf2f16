"""The tables of the specification are those of the schema."""

from pathlib import Path

import pytest
import spec_tables


def test_specification_matches_the_schema() -> None:
    assert spec_tables.main(["--check"]) == 0, "run tools/spec_tables.py"


@pytest.fixture
def specification(tmp_path: Path) -> Path:
    """A small specification with every table, in one of two files."""
    (tmp_path / "other.md").write_text("text\n")
    path = tmp_path / "spec.md"
    names = ["CHUNK_TYPES", *spec_tables.layouts()]
    path.write_text("".join(f"text\n<!-- table: {name} -->\n<!-- end -->\n" for name in names))
    return path


def test_tables_are_filled_and_then_stable(specification: Path) -> None:
    assert spec_tables.main(["--check", str(specification.parent)]) == 1
    assert spec_tables.main([str(specification.parent)]) == 0
    text = specification.read_text()
    assert "| `first_row` | VarInt | First row of the band. |\n" in text
    assert "| `B` (42) | BAND | image | critical | `BAND_BODY` |\n" in text
    assert text.count("text\n") == len(spec_tables.layouts()) + 1
    assert spec_tables.main(["--check", str(specification.parent)]) == 0


def test_drift_is_found(specification: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec_tables.main([str(specification.parent)])
    specification.write_text(specification.read_text().replace("| `rows` | VarInt |", "| `rows` | u32 |"))
    assert spec_tables.main(["--check", str(specification.parent)]) == 1
    assert "-| `rows` | u32 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<!-- table: BAND_BODY -->\n<!-- end -->\n", "", "0 tables for BAND_BODY"),
        (
            "<!-- table: BAND_BODY -->",
            "<!-- table: GROUP_BODY -->\n<!-- end -->\n<!-- table: BAND_BODY -->",
            "2 tables",
        ),
        ("<!-- table: BAND_BODY -->", "<!-- table: BAND_BODY -->\n<!-- end -->\n<!-- table: NOTHING -->", "NOTHING"),
        ("<!-- table: BAND_BODY -->", "<!-- table: BAND_BODY -->\n<!-- end -->\n<!-- table: A B -->", "well formed"),
    ],
)
def test_broken_markers_are_refused(
    specification: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    specification.write_text(specification.read_text().replace(old, new))
    assert spec_tables.main([str(specification.parent)]) == 1
    assert message in capsys.readouterr().err
