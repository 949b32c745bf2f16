"""TIFF files whose description speaks of a stack that their pages are not: what the pages are counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from sofc.cli.__main__ import main
from sofc.errors import FormatError
from sofc.imagefiles import each, sources
from sofc.imagefiles.tiff_stacks import open_file

RANDOM = np.random.default_rng(31)
PAGES = [RANDOM.integers(0, 1 << 16, (12, 16)).astype(np.uint16) for _ in range(4)]
_OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="16" SizeY="12" SizeC="1" SizeZ="{0}" SizeT="1">'
    '<Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData IFD="0" PlaneCount="{0}"/></Pixels></Image></OME>'
)
DESCRIPTIONS = {
    "shaped": '{{"shape": [{0}, 12, 16]}}',
    "shaped, truncated": '{{"shape": [{0}, 12, 16], "truncated": true}}',
    "ImageJ": "ImageJ=1.53t\nimages={0}\nslices={0}\nloop=false\n",
    "OME": _OME,
}
LAST: dict[str, tuple[dict[str, Any], Any]] = {
    "as the others": ({}, np.uint16),
    "packed": ({"compression": "zlib"}, np.uint16),
    "packed otherwise": ({"compression": "packbits"}, np.uint16),
    "of differences": ({"compression": "zlib", "predictor": True}, np.uint16),
    "signed": ({}, np.int16),
    "in strips": ({"rowsperstrip": 5}, np.uint16),
    "of 8 bits": ({}, np.uint8),
    "of another size": ({"compression": "zlib"}, None),
}


def write(path: Path, description: str, pages: list[np.ndarray], last: dict[str, Any], **settings: Any) -> None:
    """As programs do that go from page to page: the data of each stand before its fields, or behind them."""
    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(pages):
            more = last if number + 1 == len(pages) else {}
            if number == 0:
                more = {"description": description, "software": "tifffile.py", **more}
            file.write(page, metadata=None, contiguous=False, photometric="minisblack", **{**settings, **more})


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("last", LAST)
@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_pages_that_are_not_alike(tmp_path: Path, kind: str, last: str, packed: bool) -> None:
    settings, dtype = LAST[last]
    for count in (2, 4):
        pages = [*PAGES[: count - 1], PAGES[3].T.copy() if dtype is None else PAGES[3].astype(dtype)]
        path = tmp_path / f"{count}.tif"
        description = DESCRIPTIONS[kind].format(count)
        write(path, description, pages, settings, **({"compression": "zlib"} if packed else {}))
        found = [image.array for image in each(sources([path]))]
        assert [(one.shape, one.dtype) for one in found] == [(one.shape, one.dtype) for one in pages]
        assert all(map(np.array_equal, found, pages))


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_more_pages_than_are_described(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "a.tif", DESCRIPTIONS[kind].format(3), PAGES, {})
    assert all(map(np.array_equal, PAGES, (image.array for image in each(sources([tmp_path / "a.tif"])))))


@pytest.mark.parametrize("kind", ["shaped", "OME"])
def test_fewer_pages_than_are_described(tmp_path: Path, kind: str) -> None:
    """What is cut off looks so, too."""
    write(tmp_path / "a.tif", DESCRIPTIONS[kind].format(2), PAGES[:1], {})
    with pytest.raises(FormatError, match="image 1"):
        list(each(sources([tmp_path / "a.tif"])))


def test_what_is_described_rightly_stays_a_stack(tmp_path: Path) -> None:
    stack = np.stack(PAGES)
    kinds: dict[str, dict[str, Any]] = {"shaped": {}, "imagej": {"imagej": True}, "ome": {"ome": True}}
    for kind, settings in kinds.items():
        for more in ({}, {"compression": "zlib"}):
            if kind == "imagej" and more:
                continue  # tifffile writes none
            tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", **settings, **more)
            with open_file(tmp_path / "a.tif") as file:
                assert [(series.kind, series.shape) for series in file.series] == [(kind, stack.shape)]
            assert all(map(np.array_equal, stack, (image.array for image in each(sources([tmp_path / "a.tif"])))))


def test_such_files_are_kept(tmp_path: Path) -> None:
    path, coded, back = tmp_path / "a.tif", tmp_path / "a.sofc", tmp_path / "back.tif"
    write(path, DESCRIPTIONS["ImageJ"].format(4), PAGES, {"compression": "zlib"})
    assert main(["encode", "--keep-file", "-q", "-e", "2", str(path), "-o", str(coded)]) == 0
    assert main(["decode", "-q", str(coded), "-o", str(back)]) == 0
    assert back.read_bytes() == path.read_bytes()


def test_pages_in_a_circle(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write(path, "", PAGES[:2], {})
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        first, second = (page.offset for page in file.pages)
    end = second + 2 + 12 * int.from_bytes(data[second : second + 2], "little")
    data[end : end + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(FormatError, match="lead back"):
        list(each(sources([path])))


def write_pyramids(path: Path, stack: np.ndarray, **last: Any) -> None:
    """Pages with two smaller copies each; ``last``: whether, and how, another page follows."""
    with tifffile.TiffWriter(path) as file:
        file.write(stack, subifds=2, photometric="minisblack", tile=(16, 16), metadata={"axes": "CYX"})
        for step in (2, 4):
            file.write(stack[:, ::step, ::step], subfiletype=1, photometric="minisblack", tile=(16, 16))
        if last:
            file.write(**last)


@pytest.mark.parametrize("has_more", [False, True])
def test_smaller_copies_that_tifffile_takes_for_other_pages(tmp_path: Path, has_more: bool) -> None:
    """Of copies whose samples follow each other it takes those pages of the file that have their numbers."""
    stack = np.stack([np.tile(page, (6, 4))[:64, :64] for page in PAGES[:3]])
    more: dict[str, Any] = {"data": np.zeros((16, 16, 3), np.uint8), "photometric": "rgb"} if has_more else {}
    write_pyramids(tmp_path / "a.tif", stack, **more)
    found = [image.array for image in each(sources([tmp_path / "a.tif"]))]
    wanted = [*stack, more["data"]] if has_more else list(stack)
    assert len(found) == len(wanted)
    assert all(map(np.array_equal, found, wanted))
