"""The tables of numbers in the specification are those that the library computes with."""

from pathlib import Path

import make_tables
import pytest

from sofc.container.huffman import TYPICAL_TABLES
from sofc.entropy import mixing
from sofc.prediction import logistics
from sofc.prediction import online as adaptive


def table(name: str) -> list[int]:
    return [int(line) for line in (make_tables.FOLDER / name).read_text(encoding="ascii").splitlines()]


def test_tables_are_those_of_the_library() -> None:
    assert mixing.STRETCH.tolist() == table("stretch.txt")
    assert mixing.SQUASH.tolist() == table("squash.txt")
    assert adaptive.SAMPLE_WEIGHTS.tolist() == table("sample-weights.txt")
    assert logistics.POWERS.tolist() == table("powers.txt")
    assert logistics.SIGMOID.tolist() == table("sigmoid.txt")
    assert mixing.RATE.tolist() == [655360 // (10 * seen + 16) for seen in range(256)], (
        "Spec coding-tools/stretched-probabilities"
    )


def test_huffman_tables_are_those_of_the_library() -> None:
    assert bytes.fromhex((make_tables.FOLDER / "typical-huffman.txt").read_text()) == TYPICAL_TABLES


def test_tables_are_what_the_tool_makes() -> None:
    assert make_tables.main(["--check"]) == 0, "run tools/make_tables.py --write"


@pytest.mark.parametrize("name", sorted(make_tables.TABLES))
def test_drift_is_found(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_tables.main(["--check", str(tmp_path)]) == 1
    assert make_tables.main(["--write", str(tmp_path)]) == 0
    assert make_tables.main([str(tmp_path)]) == 0
    path = tmp_path / name
    path.write_text(path.read_text().replace("\n", "\n0\n", 1))
    assert make_tables.main(["--check", str(tmp_path)]) == 1
    assert name in capsys.readouterr().err
