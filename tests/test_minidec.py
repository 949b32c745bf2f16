"""The small decoder that was written from the format's text alone, on the text's vectors."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import minidec
import numpy as np
import pytest
from minidec import PROFILES, ProfileError, chunks, command
from minidec import codebook as minidec_codebook
from minidec.coders.context import ContextPlane
from minidec.coders.network import Network
from minidec.wide import Repeats

import sofc
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.context import ContextCoder
from sofc.coders.context.section import unpack_plan
from sofc.coders.interleaved import InterleavedCoder
from sofc.coders.registry import coder_for
from sofc.container.records import CHANGE, Section
from sofc.entropy.changes import pack_table_changes
from sofc.entropy.mixing import WEIGHT_ROWS

SPEC = Path(__file__).parent.parent / "spec"
VECTORS = SPEC / "vectors"
MANIFEST = json.loads((VECTORS / "manifest.json").read_text())


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"])
def test_vector(entry: dict[str, Any]) -> None:
    assert command.check_vector(VECTORS, entry) == ""


def test_vectors_of_networks_ask_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of samples with a forecast and of others: an encoder may choose other models than the one that has a network."""
    asked: list[list[int]] = []
    forecasts: list[bool] = []
    outputs, forecast = Network.outputs, ContextPlane.forecast

    def noted(network: Network, inputs: Any, kind: int = 0) -> list[int]:
        asked.append(outputs(network, inputs, kind))
        return asked[-1]

    def counted(decoder: ContextPlane, *place: Any) -> Any:
        said = forecast(decoder, *place)
        forecasts.append(said is not None)
        return said

    monkeypatch.setattr(Network, "outputs", noted)
    monkeypatch.setattr(ContextPlane, "forecast", counted)
    for entry in (entry for entry in MANIFEST if entry["file"].endswith("-network.sofc")):
        before = len(asked)
        assert command.check_vector(VECTORS, entry) == ""
        assert len(asked) > before + 500
    assert forecasts.count(False) > 100


def test_the_vector_of_repeats_has_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several kinds: an encoder may find that tables take less."""
    found: list[int] = []
    origins = Repeats.origins

    def counted(repeats: Repeats, steps: list[int], sizes: list[int]) -> list[int]:
        places = origins(repeats, steps, sizes)
        found.extend(number - place for number, place in enumerate(places) if number != place)
        return places

    monkeypatch.setattr(Repeats, "origins", counted)
    entry = next(entry for entry in MANIFEST if entry["file"] == "wide-repeats.sofc")
    assert command.check_vector(VECTORS, entry) == ""
    assert len(found) > 50 and len(set(found)) > 5


NOT_CORE = [entry for entry in MANIFEST if entry.get("images") and set(entry["profiles"]) - {"core", "kept-files"}]


@pytest.mark.parametrize("entry", NOT_CORE, ids=lambda entry: entry["file"])
def test_core_alone_names_the_profile_that_it_lacks(entry: dict[str, Any]) -> None:
    """What it decodes, it decodes as above: by the profiles that the manifest names, and no others."""
    codebooks = [(VECTORS / entry["codebook"]).read_bytes()] if "codebook" in entry else []
    with pytest.raises(ProfileError) as error:
        minidec.decode_file((VECTORS / entry["file"]).read_bytes(), codebooks, ("core",))
    assert str(error.value).split()[2] in entry["profiles"]


def test_profiles_are_those_of_the_text() -> None:
    text = (SPEC / "README.md").read_text()
    table = text[text.index("### Profiles") : text.index("## Notation")]
    assert tuple(line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| "))[2:] == PROFILES
    named = {profile for entry in MANIFEST for profile in entry["profiles"]}
    assert named == set(PROFILES)
    assert sum(entry["profiles"] == ["core"] for entry in MANIFEST) > 30


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


def test_a_codebook_of_changes(changed: sofc.Codebook) -> None:
    """Sections of the base that are changed: tables and weights."""
    image = (np.add.outer(np.arange(9), np.arange(11)) * 7 % 256).astype(np.uint8)
    data = sofc.encode(image, codebook=changed, coder="context")
    assert data != sofc.encode(image, codebook=changed.bases[0], coder="context")
    (decoded,) = minidec.decode_file(data, [changed.to_bytes(), changed.bases[0].to_bytes()]).images
    assert decoded.samples == image.ravel().tolist()


@pytest.fixture
def changed() -> sofc.Codebook:
    """One context model of the built-in codebook, whose plan and weights are changed."""
    base = builtin_codebook(sofc.PixelFormat(1, 8, 8))
    model = next(model for model in base.models if (model.components, model.coder) == (1, ContextCoder.id))
    random = np.random.default_rng(7)
    plan, _, weights = (base.sections[number].data for number in model.sections)
    used = weights[0]
    tables = unpack_plan(plan, 0)
    nothing = [np.zeros(shape, np.int64) for shape in ((len(tables.prediction.thresholds), 1), (15, 1), (16, 1))]
    shape = tables.prediction.weights.shape
    zeros = [np.zeros(size, np.int64) for size in ((len(tables.contexts), 4), (len(tables.contexts), 1), (6, 1))]
    offsets = np.zeros((shape[0], 1), np.int64)
    taps = random.integers(-3, 4, shape) * (random.random(shape) < 0.2)
    changes = [
        pack_table_changes([(one, 0) for one in (*nothing, *zeros, offsets)] + [(taps, 5)]),
        pack_table_changes([(random.integers(-2, 3, (sum(WEIGHT_ROWS), used + 1)), 3)]),
    ]
    first = len(base.sections)
    numbers = [model.sections[0], first, *model.sections[1:], first + 1]
    sections = (*base.sections, *(Section(ContextCoder.id, CHANGE, change) for change in changes))
    return sofc.Codebook("changed", (replace(model, sections=tuple(numbers)),), sections, bases=(base,))


@pytest.mark.parametrize("places", [[3, 0], [0, 3, 3], [0, 4]], ids=["first", "twice", "empty"])
def test_changes_of_nothing(changed: sofc.Codebook, places: list[int]) -> None:
    """A change follows a section, once, and has bytes: both decoders say so."""
    (model,) = changed.models
    known = [model.sections[0], *model.sections[2:4], model.sections[1], len(changed.sections)]
    sections = (*changed.sections, Section(ContextCoder.id, CHANGE, b""))
    numbers = [known[place] for place in places]
    broken = replace(changed, models=(replace(model, sections=tuple(numbers)),), sections=sections)
    with pytest.raises(sofc.FormatError, match="changes"):
        coder_for(broken, 64, sofc.PixelFormat(1, 8, 8))
    taken = [minidec_codebook.Section(s.coder, s.kind, s.data) for s in (sections[number] for number in numbers)]
    with pytest.raises(minidec.FormatError, match="change"):
        minidec_codebook.take_changes(taken)


def test_bit_models_cannot_be_changed(changed: sofc.Codebook) -> None:
    """Both decoders say so."""
    (model,) = changed.models
    plan, models, weights = (model.sections[place] for place in (0, 2, 3))
    numbers = [plan, models, model.sections[1], weights]
    broken = replace(changed, models=(replace(model, sections=tuple(numbers)),))
    with pytest.raises(sofc.FormatError, match="cannot be changed"):
        coder_for(broken, 64, sofc.PixelFormat(1, 8, 8))
    taken = [minidec_codebook.Section(s.coder, s.kind, s.data) for s in (changed.sections[n] for n in numbers)]
    with pytest.raises(minidec.FormatError, match="cannot be changed"):
        minidec_codebook.take_changes(taken)


def test_sections_that_cannot_be_changed() -> None:
    """Only those of coders that say so."""
    base = builtin_codebook(sofc.PixelFormat(1, 8, 8))
    model = next(model for model in base.models if (model.components, model.coder) == (1, InterleavedCoder.id))
    sections = (*base.sections, Section(InterleavedCoder.id, CHANGE, b"\1"))
    broken = replace(model, sections=(model.sections[0], len(base.sections)))
    with pytest.raises(sofc.FormatError, match="cannot be changed"):
        coder_for(sofc.Codebook("x", (broken,), sections, bases=(base,)), 64, sofc.PixelFormat(1, 8, 8))
    with pytest.raises(minidec.FormatError, match="cannot be changed"):
        minidec_codebook.take_changes(
            [minidec_codebook.Section(InterleavedCoder.id, kind, b"\1") for kind in (0, CHANGE)]
        )
