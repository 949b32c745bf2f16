"""The small decoder that was written from the format's text alone, on the text's vectors."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import minidec
import numpy as np
import pytest
from minidec import chunks, command

import sofc
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.context import ContextCoder
from sofc.container.records import Section

SPEC = Path(__file__).parent.parent / "spec"
VECTORS = SPEC / "vectors"
MANIFEST = json.loads((VECTORS / "manifest.json").read_text())


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"])
def test_vector(entry: dict[str, Any]) -> None:
    assert command.check_vector(VECTORS, entry) == ""


def test_every_file_is_in_the_manifest() -> None:
    assert {path.name for path in VECTORS.glob("*.sofc")} == {entry["file"] for entry in MANIFEST}


@pytest.mark.parametrize("name", ["raw-gray", "neutral-colour", "bands", "metadata", "images", "shape-binary-one"])
def test_damaged_files_end_with_a_format_error(name: str) -> None:
    """Every byte of a chunk's body changed, with a CRC that fits: an error or other samples, nothing else."""
    data = (VECTORS / f"{name}.sofc").read_bytes()
    codebooks = [path.read_bytes() for path in VECTORS.glob("shape-binary.sofcb")]
    for chunk in chunks.read_chunks(data, 10):
        for place in range(chunk.start, chunk.end - 4, max(1, len(data) // 40)):
            changed = bytearray(data)
            changed[place] ^= 1 << place % 8
            changed[chunk.end - 4 : chunk.end] = zlib.crc32(changed[chunk.start : chunk.end - 4]).to_bytes(4, "little")
            try:
                minidec.decode_file(bytes(changed), codebooks)
            except minidec.FormatError:
                continue


@pytest.mark.parametrize("name", ["bands", "images"])
def test_cut_files_end_with_a_format_error(name: str) -> None:
    data = (VECTORS / f"{name}.sofc").read_bytes()
    for size in range(0, len(data), 7):
        with pytest.raises(minidec.FormatError):
            minidec.decode_file(data[:size])


def test_it_needs_nothing_but_the_standard_library() -> None:
    for path in (SPEC / "minidec").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "minidec"}, f"{path}: {name}"


def test_a_kept_file_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(VECTORS / "kept-file.sofc"), "--kept-file", str(tmp_path / "a.pgm")]) == 0
    original = next(entry["original"] for entry in MANIFEST if entry["file"] == "kept-file.sofc")
    assert hashlib.sha256((tmp_path / "a.pgm").read_bytes()).hexdigest() == original["sha256"]
    assert command.main([str(VECTORS / "raw-gray.sofc"), "--kept-file", str(tmp_path / "b")]) == 1
    assert "keeps no other file" in capsys.readouterr().err


@pytest.mark.parametrize("way", [[SPEC / "minidec"], ["-m", "minidec"]], ids=["folder", "package"])
def test_command(tmp_path: Path, way: list[str | Path]) -> None:
    run = subprocess.run(
        [sys.executable, *way, VECTORS / "shape-gray-group.sofc", "--codebook", VECTORS / "shape-gray.sofcb",
         "-o", tmp_path / "out"],
        capture_output=True, text=True, check=True, cwd=SPEC,
    )  # fmt: skip
    images = next(entry["images"] for entry in MANIFEST if entry["file"] == "shape-gray-group.sofc")
    for number, (line, image) in enumerate(zip(run.stdout.splitlines(), images, strict=True)):
        height, width = image["shape"]
        assert line == f"{number} {height}x{width} {image['dtype']} {image['sha256']}"
        assert (tmp_path / f"out-{number}.raw").stat().st_size == height * width


def test_a_codebook_with_a_base() -> None:
    """Its models use sections of a built-in codebook, which is to be given, too."""
    base = builtin_codebook(sofc.PixelFormat(1, 8, 8))
    borrowed = next(model for model in base.models if (model.components, model.coder) == (1, ContextCoder.id))
    codebook = sofc.Codebook("based", (borrowed,), (*base.sections, Section(200, 0, b"own")), bases=(base,))
    assert len(codebook.to_bytes()) < 200
    again = sofc.Codebook.from_bytes(codebook.to_bytes())
    assert (again.sections, again.own_sections) == (codebook.sections, (Section(200, 0, b"own"),))
    image = (np.add.outer(np.arange(9), np.arange(11)) * 7 % 256).astype(np.uint8)
    data = sofc.encode(image, codebook=codebook)
    given = [codebook.to_bytes(), base.to_bytes()]
    (decoded,) = minidec.decode_file(data, given).images
    assert decoded.samples == image.ravel().tolist()
    with pytest.raises(minidec.FormatError, match="not given"):
        minidec.decode_file(data, given[:1])
