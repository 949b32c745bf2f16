"""The library against the conformance vectors of the format."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import make_vectors
import pytest
from helpers import chunks_of, models_of, run_decoder

import sofc
from sofc.band.mapping import Mapping
from sofc.coders.context.section import unpack_plan
from sofc.coders.registry import CODERS
from sofc.container.chunks import unpack_band, unpack_group, unpack_image_head
from sofc.container.records import CHANGE, COPY_MODEL, FIRST_CODEBOOK_MODEL, LIKENESS_MODEL
from sofc.keepfile import restore_items

FOLDER = Path(__file__).resolve().parent.parent / "spec" / "vectors"
CHUNK_TYPES = (b"C", b"R", b"K", b"m", b"H", b"B", b"G", b"E", b"i", b"Z")
IDS = {coder.name: coder.id for coder in CODERS.values()}
ENTRIES = json.loads((FOLDER / "manifest.json").read_text())


def test_every_file_is_listed() -> None:
    listed = {entry["file"] for entry in ENTRIES} | {entry["codebook"] for entry in ENTRIES if "codebook" in entry}
    assert {path.name for path in FOLDER.iterdir()} == listed | {"manifest.json"}


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["file"] for entry in ENTRIES])
def test_vector(entry: dict[str, Any]) -> None:
    data = (FOLDER / entry["file"]).read_bytes()
    codebooks = {}
    if "codebook" in entry:
        codebook = sofc.Codebook.from_bytes((FOLDER / entry["codebook"]).read_bytes())
        codebooks[codebook.id] = codebook
    if entry["result"] == "invalid":
        with pytest.raises(sofc.SofcError):
            sofc.decode_images(data, codebooks=codebooks)
        return
    images = sofc.decode_images(data, codebooks=codebooks) if entry["images"] else []
    if not entry["images"]:
        decoded = run_decoder([data])
        assert (decoded.images, decoded.error) == ({}, None)
    if entry["file"] == "kept-whole.sofc":
        with pytest.raises(sofc.SofcError, match=r"the kept file 'a\.txt': cannot be read as an image"):
            sofc.decode_images(data)
    found = [
        {
            "shape": list(image.shape),
            "dtype": image.dtype.name,
            "sha256": hashlib.sha256(image.astype(image.dtype.newbyteorder("<")).tobytes()).hexdigest(),
        }
        for image in images
    ]
    assert found == entry["images"]
    if "original" in entry:
        with sofc.open_reader(data, codebooks=codebooks) as reader:
            original = restore_items(reader.metadata, images, reader.codebook)
            assert reader.metadata[0].key == entry["original"]["name"]
        assert hashlib.sha256(original).hexdigest() == entry["original"]["sha256"]


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES if "codebook" in entry and entry["file"].split("-")[0] in IDS],
    ids=lambda entry: entry["file"],
)
def test_vectors_are_coded_as_their_names_say(entry: dict[str, Any]) -> None:
    """An encoder that finds another way smaller would make a vector that shows nothing of the coder."""
    codebook = sofc.Codebook.from_bytes((FOLDER / entry["codebook"]).read_bytes())
    models = models_of((FOLDER / entry["file"]).read_bytes())
    assert all(model >= FIRST_CODEBOOK_MODEL for model in models)
    coders = {codebook.models[model - FIRST_CODEBOOK_MODEL].coder for model in models}
    assert coders == {IDS[entry["file"].split("-")[0]]}


def test_files_that_mean_something_else_need_another_number(tmp_path: Path) -> None:
    entry = next(entry for entry in ENTRIES if entry["file"] == "raw-gray.sofc")
    changed = entry | {"images": [entry["images"][0] | {"sha256": "0" * 64}]}
    data = (FOLDER / entry["file"]).read_bytes()
    for listed, minor, found in ((entry, data[9], []), (changed, data[9], [entry["file"]]), (changed, data[9] - 1, [])):
        (tmp_path / "manifest.json").write_text(json.dumps([listed]))
        (tmp_path / entry["file"]).write_bytes(data[:9] + bytes([minor]) + data[10:])
        assert make_vectors.misread(tmp_path) == found


def test_vectors_have_all_chunks_transforms_and_places_of_the_grid() -> None:
    kinds, heights, transforms = set(), set(), set()
    grids: dict[str, set[int]] = {}
    for entry in ENTRIES:
        if entry["result"] != "valid":
            continue
        codebook = None
        if "codebook" in entry:
            codebook = sofc.Codebook.from_bytes((FOLDER / entry["codebook"]).read_bytes())
        data = (FOLDER / entry["file"]).read_bytes()
        numbers = [number - FIRST_CODEBOOK_MODEL for number in models_of(data) if codebook is not None]
        transforms |= {codebook.models[number].transform for number in numbers if codebook is not None and number >= 0}
        for kind, body in chunks_of(data):
            kinds.add(kind)
            if kind == b"H":
                heights.add(unpack_image_head(body).header.height)
            if kind == b"B" and "grids" in entry["file"]:
                band = unpack_band(body)
                own = band.streams[2 * (band.mapping == Mapping.VALUES)]  # behind bounds and table, where there are
                grids.setdefault(entry["file"].split("-")[0], set()).add(own[0])
    assert kinds == set(CHUNK_TYPES)
    assert None in heights
    assert transforms >= {0, *range(1, 6)}
    assert set(grids) == {"context", "interleaved"}
    for places in grids.values():
        assert len(places) == 3
        assert any(place >> 3 and place & 7 for place in places)


def test_a_vector_adapts_and_matches() -> None:
    path = FOLDER / "context-deep-adapting-and-recalling.sofc"
    codebook = sofc.Codebook.from_bytes(path.with_suffix(".sofcb").read_bytes())
    (number,) = set(models_of(path.read_bytes()))
    model = codebook.models[number - FIRST_CODEBOOK_MODEL]
    plan = unpack_plan(codebook.sections[model.sections[0]].data, 0)
    assert plan.matches
    assert plan.prediction.adapts


@pytest.mark.parametrize("name", ["copied-groups", "copied-bands"])
def test_vectors_have_copies(name: str) -> None:
    assert COPY_MODEL in models_of((FOLDER / f"{name}.sofc").read_bytes())


@pytest.mark.parametrize(("name", "count"), [("groups", 1), ("bands", 3), ("reduced", 1), ("guide", 2)])
def test_vectors_have_likeness(name: str, count: int) -> None:
    assert models_of((FOLDER / f"likeness-{name}.sofc").read_bytes()).count(LIKENESS_MODEL) == count


@pytest.mark.parametrize("name", ["changed-context", "changed-dct"])
def test_vectors_have_changes(name: str) -> None:
    """Of sections that the models in use have."""
    codebook = sofc.Codebook.from_bytes((FOLDER / f"{name}.sofcb").read_bytes())
    for model in models_of((FOLDER / f"{name}.sofc").read_bytes()):
        numbers = codebook.models[model - FIRST_CODEBOOK_MODEL].sections
        assert CHANGE in {codebook.sections[number].kind for number in numbers}


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry["file"].startswith("arranged-")],
                         ids=lambda entry: entry["file"])  # fmt: skip
def test_vectors_are_arranged(entry: dict[str, Any]) -> None:
    chunks = chunks_of((FOLDER / entry["file"]).read_bytes())
    assert [unpack_group(body).mapping for kind, body in chunks if kind == b"G"] == [Mapping.ARRANGED]
