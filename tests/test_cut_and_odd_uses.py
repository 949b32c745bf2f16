"""Files that are cut off, and uses of the plug-ins that are seldom made: an error, or what other formats do."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import sofc
import sofc.plugins.pillow
from sofc.band import core
from sofc.coders.context.model import Prediction
from sofc.prediction.online import WIDEST

RANDOM = np.random.default_rng(23)
NOISE = RANDOM.integers(0, 256, (5, 40, 60)).astype(np.uint8)


def of_unknown_height() -> bytes:
    encoder = sofc.Encoder(sofc.ImageHeader(60, None, sofc.header_for(NOISE[0]).format), band_rows=16)
    return encoder.write(NOISE.reshape(200, 60)) + encoder.finish()


def test_image_of_unknown_height_that_is_cut_off() -> None:
    data = of_unknown_height()
    assert np.array_equal(sofc.decode(data, image=0), NOISE.reshape(200, 60))
    cut = data[: len(data) // 2]
    with pytest.raises(sofc.TruncatedError, match="how many rows"):
        sofc.decode(cut, image=0)
    with pytest.raises(sofc.TruncatedError):
        iio.imread(cut, index=0, extension=".sofc")
    with pytest.raises(sofc.TruncatedError):
        list(iio.imiter(cut, extension=".sofc"))
    # Whole bands of it are there for those who ask for them.
    with sofc.open_reader(cut) as reader:
        assert np.array_equal(reader.read_rows(0, 32), NOISE.reshape(200, 60)[:32])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_several_images_that_are_cut_off(share: float) -> None:
    data = sofc.encode_images(list(NOISE), key_interval=1)
    cut = data[: int(share * len(data))]
    with pytest.raises(sofc.TruncatedError):
        list(iio.imiter(cut, extension=".sofc"))
    with pytest.raises(sofc.TruncatedError):
        iio.improps(cut, extension=".sofc")
    with sofc.open_reader(cut) as reader, pytest.raises(sofc.TruncatedError, match="cut off before image 5"):
        reader.header_of(5)
    with sofc.open_reader(data) as reader, pytest.raises(sofc.UsageError, match="there is no image 5"):
        reader.header_of(5)


def test_rows_too_long_to_be_corrected() -> None:
    prediction = Prediction((), 0, *[np.zeros(1, np.int64)] * 4, adapts=True, shift=0)
    assert prediction.adapts_to(WIDEST) and not prediction.adapts_to(WIDEST + 1)
    wide = (RANDOM.integers(0, 3, WIDEST + 8) + np.arange(WIDEST + 8) // 1024).astype(np.uint8)[None]
    assert np.array_equal(sofc.decode(sofc.encode(wide, effort=2)), wide)


def test_memory_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sofc.encode(NOISE[0])

    class Hungry:
        def decode(self, *_: object) -> None:
            raise MemoryError

    monkeypatch.setattr(core, "coder_for", lambda *_: (core.NONE, Hungry()))
    with pytest.raises(sofc.LimitError, match="more memory than there is"):
        sofc.decode(data)


@pytest.mark.parametrize("dtype", [">u2", ">i2"])
def test_big_endian_chunks_are_refused_where_their_order_is_lost(dtype: str) -> None:
    numcodecs = pytest.importorskip("numcodecs")
    codec = numcodecs.get_codec({"id": "sofc"})
    array = NOISE[0].astype(dtype)
    with pytest.raises(sofc.UsageError, match="little-endian"):
        codec.encode(array)
    little = array.astype(array.dtype.newbyteorder("<"))
    decoded = codec.decode(codec.encode(little), out=np.empty_like(little))
    assert np.array_equal(decoded, array)
    with pytest.raises(sofc.UsageError, match="without samples"):
        codec.encode(np.zeros((0, 4), np.uint8))
    with pytest.raises(sofc.UsageError, match="effort"):
        numcodecs.get_codec({"id": "sofc", "effort": "5"})


def test_arguments_of_the_wrong_kind() -> None:
    with pytest.raises(sofc.UsageError, match="list of Metadata"):
        sofc.encode(NOISE[0], metadata={"a": "b"})
    with pytest.raises(sofc.UsageError, match="load_codebook"):
        sofc.encode(NOISE[0], codebook="x.sofcb")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    sofc.write(tmp_path / "x.sofc", NOISE[0])
    return tmp_path / "x.sofc"


def test_pillow_images_are_copied_and_pickled(file: Path) -> None:
    with Image.open(file) as image:
        image.load()
        for same in (pickle.loads(pickle.dumps(image)), copy.deepcopy(image), copy.copy(image)):
            assert np.array_equal(np.asarray(same), NOISE[0])


def test_pillow_verifies(file: Path) -> None:
    data = file.read_bytes()
    image = Image.open(io.BytesIO(data))
    image.verify()
    with pytest.raises(ValueError, match="open it again"):
        image.load()
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    several = sofc.encode_images(list(NOISE), key_interval=1)
    for bad in (bytes(damaged), several[: len(several) * 3 // 4]):
        with pytest.raises(sofc.SofcError):
            Image.open(io.BytesIO(bad)).verify()
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(data[: len(data) * 3 // 4]))


def test_pillow_image_that_was_closed(file: Path) -> None:
    with Image.open(file) as image:
        pass
    with pytest.raises(ValueError, match="open it again"):
        image.load()


def test_pillow_forgets_changes_when_it_goes_on() -> None:
    image = Image.open(io.BytesIO(sofc.encode_images(list(NOISE))))
    image.putpixel((0, 0), 255 - int(NOISE[0, 0, 0]))
    image.seek(1)
    image.seek(0)
    assert np.array_equal(np.asarray(image), NOISE[0])


def test_pillow_keeps_resolutions(file: Path) -> None:
    target = io.BytesIO()
    Image.fromarray(NOISE[0]).save(target, "SOFC", dpi=(300, 150.5))
    assert Image.open(target).info["dpi"] == (300, 150.5)
    again = io.BytesIO()
    Image.open(target).save(again, "SOFC")
    assert Image.open(again).info["dpi"] == (300, 150.5)
    assert "dpi" not in Image.open(file).info
    centimetres = [sofc.Metadata(sofc.MetadataKind.RESOLUTION, "", b"100 50 cm")]
    assert Image.open(io.BytesIO(sofc.encode(NOISE[0], metadata=centimetres))).info["dpi"] == (254, 127)


def test_pillow_keeps_transparent_palettes() -> None:
    image = Image.frombytes("P", (4, 1), bytes(range(4)))
    image.putpalette([255, 0, 0, 0, 0, 255, 0, 85, 0, 0, 255, 170, 9, 9, 9, 255], "RGBA")
    target = io.BytesIO()
    image.save(target, "SOFC")
    again = Image.open(target).convert("RGBA")
    assert [again.getpixel((i, 0)) for i in range(4)] == [image.convert("RGBA").getpixel((i, 0)) for i in range(4)]
