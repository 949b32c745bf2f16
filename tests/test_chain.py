"""Chains: images that follow each other, and components, predicted from those before."""

from __future__ import annotations

import numpy as np
import pytest

import sofc
from sofc.band import arranging
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.coders.context import ContextCoder
from sofc.coders.context.chain import LINKS, ChainCoder
from sofc.coders.context.training import ContextTraining
from sofc.container.records import Model
from sofc.errors import FormatError, SofcError
from sofc.image import PixelFormat
from sofc.planes import PlaneRange
from sofc.transforms.components import CHAIN, NONE

ROWS, WIDTH = 18, 15


def series(seed, count, rows=ROWS, width=WIDTH):
    """Noise that stays, under a slope that turns: what follows is nearly what was before."""
    rng = np.random.default_rng(seed)
    still = rng.integers(0, 3000, (rows, width))
    y, x = np.mgrid[:rows, :width]
    return np.stack([still + 20 * (y * k + x * (count - k)) for k in range(count)]).astype(np.uint16)


@pytest.fixture(scope="module")
def codebook():
    """Models for single images and for chains, trained on a few series."""
    stacks = [[image.astype(np.int32) for image in series(seed, LINKS)] for seed in range(6)]
    models, sections = [], []
    for transform, kept in ((NONE, 1), (CHAIN, LINKS)):
        training = ContextTraining([PlaneRange(0, 65535)] * kept)
        while (step := training.next_pass()) is not None:
            training.merge(iter([task.collect(iter([stack[:kept] for stack in stacks])) for task in step.tasks]))
        for effort, numbers in training.models():
            places = tuple(len(sections) + number for number in numbers)
            models.append(Model(1, 16, transform.id, ContextCoder.id, effort, places))
        sections += training.sections()
    return Codebook("chains", tuple(models), tuple(sections))


@pytest.fixture(scope="module")
def chained(codebook):
    """A codebook that has the models for chains only."""
    return Codebook("chains", tuple(m for m in codebook.models if m.transform == CHAIN.id), codebook.sections)


def decode(data, codebook):
    return sofc.decode(data, codebooks=lambda _: codebook)


def test_who_may_be_chained(codebook):
    """Images of one component where there are several, components of single images or many, never one plane."""

    def transforms(components, images):
        pixel_format = PixelFormat(components, 16, 16)
        found = Selection(codebook, None, 5).candidates(pixel_format, images)
        return {one.transform.id for one in found if one.is_trained}

    assert transforms(1, 1) == {NONE.id}
    assert transforms(1, 2) == {NONE.id, CHAIN.id}
    assert transforms(5, 1) == {CHAIN.id}
    assert transforms(5, 2) == {CHAIN.id}


@pytest.mark.parametrize("count", [2, 3, 7])
def test_groups(chained, codebook, count, monkeypatch):
    """Images that resemble each other get smaller by it, come back, and can be read one by one. (Without the step by
    which an image follows from the one before, which does the same for images without a chain.)"""
    monkeypatch.setattr(arranging, "find_following", lambda *_: None)
    images = series(50, count)
    data = sofc.encode(images, batch=True, codebook=chained)
    np.testing.assert_array_equal(decode(data, chained), images)
    single = Codebook("single", tuple(m for m in codebook.models if m.transform == NONE.id), codebook.sections)
    assert len(data) < 0.9 * len(sofc.encode(images, batch=True, codebook=single))
    for number in (0, count - 1):
        one = sofc.decode(data, image=number, codebooks=lambda _: chained)
        np.testing.assert_array_equal(one, images[number])


def test_key_interval(chained):
    """Fewer images lean on each other; with an interval of one none does."""
    images = series(51, 6)
    sizes = []
    for interval in (None, 3, 1):
        data = sofc.encode(images, batch=True, codebook=chained, key_interval=interval)
        np.testing.assert_array_equal(decode(data, chained), images)
        sizes.append(len(data))
    assert sizes == sorted(sizes) and len(set(sizes)) == 3
    with pytest.raises(SofcError, match="key_interval"):
        sofc.encode(images, batch=True, codebook=chained, key_interval=0)


def test_same_bytes(chained):
    images = series(52, 9)
    expected = sofc.encode(images, batch=True, codebook=chained, key_interval=3)
    assert sofc.encode(images, batch=True, codebook=chained, key_interval=3, threads=3) == expected


def coder_of(codebook):
    model = next(m for m in codebook.models if m.transform == CHAIN.id)
    return ChainCoder(ContextCoder.from_sections([codebook.sections[k].data for k in model.sections]))


@pytest.mark.parametrize("components", [2, 3, 5])
@pytest.mark.parametrize("images", [1, 2])
def test_components(chained, components, images):
    """Components of each image are a chain; every one has a stream of its own."""
    coder = coder_of(chained)
    planes = [
        np.concatenate([plane, plane[::-1]])[: images * ROWS].astype(np.int32) for plane in series(53, components)
    ]
    ranges = [PlaneRange(-7, 65528)] * components
    shifted = [plane - 7 for plane in planes]
    streams = coder.encode(shifted, ranges, ROWS)
    assert len(streams) == components
    for plane, found in zip(shifted, coder.decode(streams, ranges, images * ROWS, WIDTH, ROWS), strict=True):
        np.testing.assert_array_equal(found, plane)
    assert len(streams[-1]) < 0.8 * len(streams[0]) or images > 1


def test_garbage(chained):
    """Any bytes decode to samples in range or are refused."""
    coder = coder_of(chained)
    rng = np.random.default_rng(5)
    for size in (0, 1, 40, 400):
        for streams in ([rng.bytes(size)], [rng.bytes(size) for _ in range(3)]):
            ranges = [PlaneRange(0, 1023)] * len(streams)
            try:
                planes = coder.decode(streams, ranges, 3 * 4, 5, 4)
            except FormatError:
                continue
            assert all(plane.min() >= 0 and plane.max() <= 1023 for plane in planes)


def test_models_that_are_no_chain(codebook):
    """One plane is no chain."""
    model = next(m for m in codebook.models if m.transform == NONE.id)
    with pytest.raises(FormatError, match="3 planes"):
        ChainCoder(ContextCoder.from_sections([codebook.sections[k].data for k in model.sections]))
