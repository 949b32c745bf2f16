"""The specification's examples are what the vectors hold."""

import json
from pathlib import Path

import pytest
import spec_examples

VECTORS = spec_examples.SPEC / "vectors"
VALID = [entry["file"] for entry in json.loads((VECTORS / "manifest.json").read_text()) if entry["result"] == "valid"]


def test_examples_are_those_of_the_vectors() -> None:
    assert spec_examples.main(["--check"]) == 0, "run tools/spec_examples.py"


@pytest.mark.parametrize("file", VALID)
def test_fields_have_every_byte_of_a_file(file: str) -> None:
    data = (VECTORS / file).read_bytes()
    assert b"".join(part for _, part, _ in spec_examples.dissect(data)) == data


def test_drift_is_found_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "examples.md"
    text = spec_examples.EXAMPLES.read_text()
    assert "| 001D | 00 | group: model | 0 |" in text
    path.write_text(text.replace("| 001D | 00 |", "| 001D | 01 |"))
    assert spec_examples.main(["--check", str(path)]) == 1
    assert "run tools/spec_examples.py" in capsys.readouterr().err
    assert spec_examples.main([str(path)]) == 0
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("drawing: raw-gray", "nothing called 'drawing'"),
        ("fields: no-such-vector", "No such file"),
        ("decisions: neutral-gray", "without pairs"),
    ],
)
def test_unknown_markers_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], marker: str, message: str
) -> None:
    path = tmp_path / "examples.md"
    path.write_text(f"<!-- {marker} -->\n<!-- end -->\n")
    assert spec_examples.main([str(path)]) == 1
    assert message in capsys.readouterr().err
