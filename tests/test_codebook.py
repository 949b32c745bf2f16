"""Where codebooks are found, and that only the right one is ever used."""

from __future__ import annotations

import io
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs
import pytest
from helpers import raw_codebook
from PIL import Image

import sofc
from sofc.cli.__main__ import main
from sofc.codebook import Codebook, store
from sofc.codebook.builtin import builtin_codebook
from sofc.codebook.model import REFERENCE_SIZE
from sofc.codebook.store import find_codebook, install_codebook, list_codebooks, load_codebook, read_codebook
from sofc.coders.context import section as context_section
from sofc.coders.dct import section as dct_section
from sofc.coders.registry import CODERS
from sofc.container.records import CHANGE, CodebookReference, Section
from sofc.entropy.changes import pack_table_changes
from sofc.errors import CodebookError, FormatError, LimitError, UnsupportedError
from sofc.image import PixelFormat
from sofc.limits import Limits
from sofc.training.adapted import Adapted, AdaptedModel

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"


@pytest.fixture(autouse=True)
def user_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder of the user and an empty search path."""
    folder = tmp_path / "user data"
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *arguments, **keywords: str(folder))
    monkeypatch.delenv(store.SEARCH_PATH_VARIABLE, raising=False)
    return folder / "codebooks"


def put(codebook: Codebook, folder: Path, name: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name or codebook.id[:16].hex()}.sofcb"
    path.write_bytes(codebook.to_bytes())
    return path


def test_given_codebooks_come_first(tmp_path: Path) -> None:
    codebook = raw_codebook()
    assert find_codebook(codebook.reference, given=[raw_codebook("other"), codebook], beside=tmp_path) is codebook


def test_places(tmp_path: Path, user_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codebook = raw_codebook()
    beside = tmp_path / "images"
    places = [tmp_path / "path 1", tmp_path / "path 2", beside, beside / "codebooks", user_data]
    monkeypatch.setenv(store.SEARCH_PATH_VARIABLE, f"{places[0]}:{places[1]}:".replace(":", store.os.pathsep))
    for name in (None, codebook.name):
        for place in places:
            with pytest.raises(CodebookError):
                find_codebook(codebook.reference, beside=beside)
            path = put(codebook, place, name)
            assert find_codebook(codebook.reference, beside=beside) == codebook
            path.unlink()
    file = put(codebook, tmp_path, "any name")
    monkeypatch.setenv(store.SEARCH_PATH_VARIABLE, str(file))
    assert find_codebook(codebook.reference) == codebook


def test_a_missing_codebook_is_described(tmp_path: Path, user_data: Path) -> None:
    codebook = raw_codebook()
    with pytest.raises(CodebookError) as caught:
        find_codebook(codebook.reference, beside=tmp_path)
    message = str(caught.value)
    for part in (codebook.id[:16].hex(), "'test'", str(tmp_path / "codebooks"), str(user_data), "codebook install"):
        assert part in message
    assert caught.value.codebook_id == codebook.id[:16]


def test_the_id_decides_not_the_file_name(tmp_path: Path) -> None:
    codebook = raw_codebook()
    impostor = Codebook(codebook.name, codebook.models, (), "another")
    put(impostor, tmp_path, codebook.id[:16].hex())
    with pytest.raises(CodebookError, match=impostor.id[:16].hex()):
        find_codebook(codebook.reference, beside=tmp_path)
    put(codebook, tmp_path, codebook.name)
    assert find_codebook(codebook.reference, beside=tmp_path) == codebook
    (tmp_path / f"{codebook.id[:16].hex()}.sofcb").write_bytes(codebook.to_bytes()[:-1])
    assert find_codebook(codebook.reference, beside=tmp_path) == codebook
    (tmp_path / f"{codebook.name}.sofcb").unlink()
    with pytest.raises(CodebookError, match="cut off"):
        find_codebook(codebook.reference, beside=tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "..\\outside", ".."])
def test_a_name_does_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    codebook = raw_codebook()
    put(codebook, tmp_path, "outside")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a").mkdir()
    with pytest.raises(CodebookError) as caught:
        find_codebook(CodebookReference(codebook.id[:16], name), beside=inside)
    assert "Not usable" not in str(caught.value)


def test_install_and_list(user_data: Path) -> None:
    codebook, other = raw_codebook(), raw_codebook("other")
    built_in = ["binary", "common", "deep"]
    assert [found.name for _, found in list_codebooks()] == built_in
    path = install_codebook(codebook.to_bytes())
    assert path == user_data / f"{codebook.id[:16].hex()}.sofcb"
    assert install_codebook(codebook.to_bytes()) == path
    install_codebook(other.to_bytes())
    (user_data / "broken.sofcb").write_bytes(b"?")
    assert sorted(found.name for _, found in list_codebooks()) == sorted([*built_in, "other", "test"])
    assert find_codebook(codebook.reference) == codebook
    with pytest.raises(FormatError):
        install_codebook(codebook.to_bytes()[:-1])
    assert len(list(user_data.iterdir())) == 3


def test_codebooks_of_another_draft_are_named(user_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(raw_codebook().to_bytes())
    data[9] += 1
    user_data.mkdir(parents=True)
    path = user_data / "scans.sofcb"
    path.write_bytes(data)
    unusable: list[str] = []
    list_codebooks(unusable)
    assert len(unusable) == 1 and unusable[0].startswith(f"{path}: it is of version 0.")
    with pytest.raises(CodebookError, match=f"Not usable: {path}: it is of version 0"):
        load_codebook("scans")
    for arguments in (
        ["list"],
        ["show", str(path)],
        ["import", "--unsigned", str(path)],
        ["export", str(path), "-o", "."],
    ):
        main(["codebook", *arguments])
        said = capsys.readouterr().err
        assert f"{path}: it is of version 0." in said and said.count("\n") == 1


def test_load_by_path_name_or_id(tmp_path: Path) -> None:
    codebook = raw_codebook()
    path = put(codebook, tmp_path, "file")
    assert load_codebook(path) == load_codebook(str(path)) == read_codebook(path) == codebook
    with pytest.raises(CodebookError, match="that is a folder: name one of its files"):
        load_codebook(path.parent)
    with pytest.raises(CodebookError, match="no codebook 'test'"):
        load_codebook("test")
    install_codebook(codebook.to_bytes())
    assert load_codebook("test") == load_codebook(codebook.id.hex()) == load_codebook(codebook.id.hex()[:8]) == codebook
    install_codebook(Codebook("test", codebook.models, (), "another").to_bytes())
    with pytest.raises(CodebookError, match="2 codebooks"):
        load_codebook("test")
    with pytest.raises(LimitError):
        read_codebook(path, limits=Limits(max_codebook_bytes=20))


def test_one_of_another_draft_ends_in_a_line_that_names_it(tmp_path: Path) -> None:
    path = put(raw_codebook(), tmp_path, "old")
    data = path.read_bytes()
    (minor,) = data[9:10]
    path.write_bytes(data[:9] + bytes([minor - 1]) + data[10:])
    said = rf"^codebook .*old\.sofcb: it is of version 0\.{minor - 1} of the format, and this sofc reads 0"
    with pytest.raises(UnsupportedError, match=said):
        load_codebook(path)
    with pytest.raises(UnsupportedError, match="this sofc reads"):
        install_codebook(path.read_bytes())


def test_what_changes_its_base() -> None:
    """One that takes as many models as its base has is not one that takes them all."""
    base = builtin_codebook(PixelFormat(1, 8, 8))
    some = tuple(replace(base.models[0], effort=number % 9 + 1) for number in range(len(base.models)))
    assert not Codebook("some", some, base.sections, bases=(base,)).is_changed
    assert Codebook("all", base.models, base.sections, bases=(base,)).is_changed
    change = Section(base.models[0].coder, CHANGE, b"\0")
    assert Codebook("one", some, (*base.sections, change), bases=(base,)).is_changed
    assert not Codebook("own", base.models, base.sections).is_changed


def beside_builtin(own: Codebook | None, pixel_format: PixelFormat) -> Codebook:
    """A codebook with all that the built-in one has, and before these the models of another."""
    base = builtin_codebook(pixel_format)
    models, sections = base.models, base.sections
    if own is not None:
        moved = [tuple(len(base.sections) + number for number in model.sections) for model in own.models]
        ours = [replace(model, sections=numbers) for model, numbers in zip(own.models, moved, strict=True)]
        models, sections = (*ours, *base.models), (*base.sections, *own.sections)
    return Codebook("c", models, sections, bases=(base,))


def test_pickled_without_what_comes_with_the_package() -> None:
    base, own = builtin_codebook(PixelFormat(3, 8, 8)), raw_codebook()
    data = pickle.dumps(base)
    assert pickle.loads(data) is base and len(data) < 200
    for codebook in (own, beside_builtin(None, PixelFormat(3, 8, 8))):
        data = pickle.dumps(codebook)
        found = pickle.loads(data)
        assert found == codebook and found.sections == codebook.sections and found.bases == codebook.bases
        assert found.to_bytes() == codebook.to_bytes() and len(data) < 5000


def in_a_surround(side: int) -> npt.NDArray[np.uint8]:
    """A smooth disc of three components in black, with a little noise."""
    y, x = np.mgrid[:side, :side] * (96 / side)
    shades = [150 + 50 * np.sin(x / 9 + k) + 30 * np.cos(y / (7 + k)) for k in range(3)]
    image = np.stack(shades, axis=-1) + np.random.default_rng(side).integers(0, 3, (side, side, 3))
    image[(y - 48) ** 2 + (x - 48) ** 2 > 45**2] = 0
    return image.clip(0, 255).astype(np.uint8)


@pytest.mark.skipif(INTERPRETED, reason="codes whole images")
@pytest.mark.parametrize("side", [50, 120, 240])
@pytest.mark.parametrize("effort", [1, 2])
def test_training_makes_no_image_larger(effort: int, side: int) -> None:
    """Than with the built-in codebook alone: neither changes of it for other efforts, nor models that are for other
    images, keep the built-in and the neutral models from coding what they code best. Only its name is longer."""
    noise = np.random.default_rng(1).integers(0, 256, (4, 64, 64, 3)).astype(np.uint8)
    own = sofc.train(list(noise), name="noise", coder="interleaved", held_out=0).codebook
    image = in_a_surround(side)
    colours = PixelFormat(3, 8, 8)
    builtin = len(sofc.encode(image, effort=effort, codebook=builtin_codebook(colours)))
    for codebook in (beside_builtin(None, colours), beside_builtin(own, colours)):
        assert codebook.is_changed
        data = sofc.encode(image, effort=effort, codebook=codebook)
        assert len(data) <= builtin + REFERENCE_SIZE + len(codebook.name) + 1
        np.testing.assert_array_equal(sofc.decode(data, codebooks={codebook.id: codebook}), image)


def misled(coder: str) -> Codebook:
    """The built-in codebook with changes of the models of a coder for colours that make everything larger."""
    base, random = builtin_codebook(PixelFormat(3, 8, 8)), np.random.default_rng(7)
    changed: dict[int, AdaptedModel] = {}
    for model in base.models:
        if (CODERS[model.coder].name, model.components) != (coder, 3):
            continue
        data = base.sections[model.sections[0]].data
        if coder == "dct":
            plan = dct_section.unpack_plan(data)
            means = random.integers(-2, 3, plan.mean_weights.shape)
            same = [np.zeros_like(plan.size_weights), np.zeros((len(plan.block_bits), 1), np.int64)]
            change = pack_table_changes([(means, 4), *((table, 0) for table in same)])
        else:
            of_plane = context_section.unpack_plan(data, 0)
            taps = random.integers(-2, 3, of_plane.prediction.weights.shape)
            change = context_section.pack_plan_change(of_plane, taps, 8)
        changed[model.sections[0]] = AdaptedModel(model, {model.sections[0]: change})
    sections, models = Adapted(base, tuple(changed.values())).assembled(0, len(base.sections))
    return Codebook("misled", tuple(models), (*base.sections, *sections), bases=(base,))


@pytest.mark.skipif(INTERPRETED, reason="codes whole images")
@pytest.mark.parametrize("effort", [5, 7])
@pytest.mark.parametrize("coder", ["dct", "context"])
def test_changes_make_no_image_larger(coder: str, effort: int) -> None:
    """Than with the built-in codebook alone: an encoder still takes its models as they are."""
    codebook, image = misled(coder), in_a_surround(160)
    if coder == "dct":
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=90)
        image = np.asarray(Image.open(file))
    builtin = sofc.encode(image, effort=effort)
    changed = [model for model in codebook.models if codebook.unchanged(model) != model.sections]
    as_they_were = {(model.transform, codebook.unchanged(model)) for model in changed}
    twins = [model for model in codebook.models if (model.transform, model.sections) in as_they_were]
    assert {CODERS[model.coder].name for model in changed} == {coder}
    assert {model.components for model in changed} == {3} and len(twins) == len(changed)
    data = sofc.encode(image, effort=effort, codebook=codebook)
    assert len(data) <= len(builtin) + REFERENCE_SIZE + len(codebook.name) + 1
    np.testing.assert_array_equal(sofc.decode(data, codebooks={codebook.id: codebook}), image)
    without = replace(codebook, models=tuple(model for model in codebook.models if model not in twins))
    assert len(sofc.encode(image, effort=effort, codebook=without)) > 1.01 * len(data)


def test_built_in_codebooks_of_another_version_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker says it whose sofc is older than that of who sends it work."""
    data = pickle.dumps(builtin_codebook(PixelFormat(3, 8, 8)))
    monkeypatch.setattr("sofc.codebook.builtin.find_builtin", lambda _: None)
    with pytest.raises(CodebookError, match=r"no built-in codebook [0-9a-f]{32}: are all workers"):
        pickle.loads(data)
