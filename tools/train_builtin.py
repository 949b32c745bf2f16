#!/usr/bin/env python3
"""Train the built-in codebooks, and register their ids in the package, the specification and its small decoder.

    SOFC_TEST_DATA=FOLDER tools/train_builtin.py [--only common,deep] [--coder NAME] [--jobs 2] [--out-dir FOLDER]
    SOFC_TEST_DATA=FOLDER tools/train_builtin.py --network [--out-dir FOLDER]

With --network all models stay as they are, but that those of coefficients for effort 9 get a network for luminance, or
another in place of theirs, in two minutes of a processor; of other codebooks only the number of the draft changes.

Only training images of sets whose terms allow to pass on what is derived from them are used; ``SETS`` says which and
why. No codebook holds patches of images: the coders trained here keep statistics. A released codebook never changes:
files name it by its number. An improved one gets a new number.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import PIL.Image

import sofc
from sofc.codebook import Codebook
from sofc.codebook.builtin import FOLDER
from sofc.coders.bilevel import training as bilevel_training
from sofc.coders.context import ContextCoder
from sofc.coders.context.chain import LINKS, ChainCoder
from sofc.coders.context.model import EFFORTS as CONTEXT_EFFORTS
from sofc.coders.context.model import OF_ONE
from sofc.coders.context.training import ContextTraining
from sofc.coders.dct import DctCoder, network_training
from sofc.coders.dct import passes as dct_passes
from sofc.coders.dct import training as dct_training
from sofc.coders.dct.coder import components_of as dct_components_of
from sofc.coders.dct.kernel_network import DECISIONS, INPUTS
from sofc.coders.dct.model import EFFORTS as DCT_EFFORTS
from sofc.coders.dct.model import NETWORK_EFFORT, ComponentPlan
from sofc.coders.dct.network_training import FitNetwork
from sofc.coders.dct.passes import WarmUp
from sofc.coders.dct.section import NETWORKS
from sofc.coders.dct.terms import CONTEXTS
from sofc.coders.dct.training import DctTraining
from sofc.coders.network_section import pack_mixers
from sofc.coders.registry import named
from sofc.coders.training import JpegTask, TrainingSettings
from sofc.container import schema
from sofc.container.chunks import pack_file_head
from sofc.container.records import Model, Section
from sofc.container.registered import REGISTERED
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED
from sofc.entropy.priors import FOLDS
from sofc.imagefiles import load, sources
from sofc.jpeg.dct import SIDE
from sofc.jpeg.origin import Origin
from sofc.jpeg.recover import recover_planes
from sofc.jpeg.stream import read_picture
from sofc.keepfile.coefficients import origins_of
from sofc.planes import PlaneRange
from sofc.prediction.network import NO_NETWORK, Network
from sofc.transforms.components import CHAIN, LATTICE, NONE

Image = npt.NDArray[Any]
ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("SOFC_TEST_DATA", ""))
REGISTERS = ("sofc/container/registered.py", "spec/container.md", "spec/minidec/container.py")
"""Where the ids stand."""

SETS = {
    "kodak/train": "Kodak PhotoCD photographs, released for unrestricted use",
    "isic/train": "ISIC archive dermoscopy, CC0 1.0",
    "bccd/train": "BCCD blood cells, MIT",
    "malaria-cells/train": "malaria-detection, MIT",
    "medical16/ct-head-ge/train": "dcm_qa_ct, BSD-2",
    "medical16/ct-head-philips/train": "dcm_qa_ct, BSD-2",
    "medical16/mr-t1/train": "example-dicom-structural, PDDL",
    "microscopy/train": "BioImageAnalysisNotebooks, CellProfiler and stardist examples, CC-BY and BSD-3",
    "binary-docs/train": "leptonica, tesseract and TwelveMonkeys test pages, BSD-2, Apache-2 and BSD-3",
}
TILE = 256


# Images.


def images_of(name: str, step: int = 1) -> list[Image]:
    """Every ``step``-th image of a set."""
    assert name in SETS, f"{name} is not among the sets that may be used"
    found = sources([DATA / name], recursive=True)
    if not found:
        raise SystemExit(f"there are no images in {name}: set SOFC_TEST_DATA to the folder of the data sets")
    return [load(source).array for source in found[::step]]


def reduced(image: Image, factor: int) -> Image:
    """The image made smaller by averaging squares of samples."""
    rows, width = (side // factor * factor for side in image.shape[:2])
    squares = image[:rows, :width].reshape(rows // factor, factor, width // factor, factor, *image.shape[2:])
    small: Image = ((squares.sum(axis=(1, 3), dtype=np.int64) + factor**2 // 2) // factor**2).astype(image.dtype)
    return small


def crop(image: Image, side: int, number: int = 0) -> Image:
    """A square piece, beginning at multiples of 8; ``number`` moves it about."""
    top = (max(0, image.shape[0] - side) * (2 * number + 1) // 8 % max(1, image.shape[0] - side + 1)) & ~7
    left = (max(0, image.shape[1] - side) * (3 * number + 2) // 8 % max(1, image.shape[1] - side + 1)) & ~7
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def gray(image: Image) -> Image:
    """Luma of an RGB image."""
    wide = image.astype(np.int64)
    luma: Image = ((77 * wide[..., 0] + 150 * wide[..., 1] + 29 * wide[..., 2] + 128) >> 8).astype(np.uint8)
    return luma


def photos() -> list[Image]:
    """Photographs at two scales, and dermoscopy made so much smaller that no trace of JPEG is left."""
    kodak = images_of("kodak/train")
    found = [crop(image, 384, number) for number, image in enumerate(kodak)]
    found += [reduced(image, 2) for image in kodak]
    found += [reduced(image, 3) for image in images_of("isic/train", 3)]
    return found


def gray_photos() -> list[Image]:
    """The same as luma."""
    return [gray(image) for image in photos()]


def lossy_photos() -> list[Image]:
    """Photographs that were JPEG files."""
    found = [crop(image, 256, number) for number, image in enumerate(images_of("bccd/train", 8))]
    found += [crop(image, 384, number) for number, image in enumerate(images_of("isic/train", 2))]
    return found


QUALITIES = (10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 88, 90, 92, 94, 95, 97, 98, 99, 100)
SAMPLINGS = (0, 1, 2)
"""Of JPEG files that are made: 4:4:4, 4:2:2 and 4:2:0 as Pillow numbers them."""


def components_of(data: bytes) -> list[Origin]:
    """The components of a JPEG file, as they stand in it."""
    found = read_picture(data, np.frombuffer(bytearray(data), np.uint8), 0)
    assert found is not None, "the file is a JPEG stream"
    return origins_of(found[0])


def made_jpegs(qualities: Sequence[int] = QUALITIES, shift: int = 0) -> list[bytes]:
    """JPEG files of photographs at each quality and sampling; ``shift``: by how many numbers other pieces of these."""
    kodak = images_of("kodak/train")
    found = []
    for number, (quality, sampling) in enumerate(itertools.product(qualities, SAMPLINGS), shift):
        data = io.BytesIO()
        picture = PIL.Image.fromarray(crop(kodak[number % len(kodak)], 400, number))
        picture.save(data, "JPEG", quality=quality, subsampling=sampling)
        found.append(data.getvalue())
    return found


def cells() -> list[list[Origin]]:
    """The components that cells cut out of JPEG images were made of."""
    found = []
    for image in images_of("malaria-cells/train"):
        recovered = recover_planes(LATTICE.forward([image[..., k].astype(np.int32) for k in range(3)]), 3)
        found += [recovered.origins] if recovered is not None and recovered.share > 0.9 else []
    return found


def coefficients() -> list[list[Origin]]:
    """The components of JPEG files, and of images that were such, in an order that mixes them."""
    files = [path for name, step in (("bccd/train", 3), ("isic/train", 1)) for path in _files(name, step)]
    found = [components_of(data) for data in [path.read_bytes() for path in files] + made_jpegs()] + cells()
    return [found[number] for number in np.random.default_rng(3).permutation(len(found))]


def _files(name: str, step: int) -> list[Path]:
    """Every ``step``-th file of a set."""
    assert name in SETS, f"{name} is not among the sets that may be used"
    return sorted((DATA / name).glob("*.jpg"))[::step]


def scans() -> list[Image]:
    """8-bit medical scans and micrographs."""
    found = []
    for image in images_of("medical16/mr-t1/train", 2):
        found.append(image.astype(np.uint8))
    for image in images_of("medical16/ct-head-philips/train", 2) + images_of("medical16/ct-head-ge/train", 2):
        window = np.clip((image.astype(np.int64) - int(np.median(image)) + 160) * 255 // 400, 0, 255)
        found.append(window.astype(np.uint8))
    found += [image for image in images_of("microscopy/train") if image.dtype == np.uint8 and image.ndim == 2]
    return found


def text() -> list[Image]:
    """Scanned pages made smaller: smooth edged text."""
    pages = [image for image in images_of("binary-docs/train") if min(image.shape) >= 1024]
    return [
        crop(
            np.where(reduced(255 * page.astype(np.uint8), 4), 255 - reduced(255 * page.astype(np.uint8), 4), 255), TILE
        )
        for page in pages[:6]
    ]


def graphics() -> list[Image]:
    """Made images: flat areas, slopes, shapes and text, as on a screen."""
    random = np.random.default_rng(1)
    pages = text()
    found = []
    y, x = np.mgrid[:TILE, :TILE]
    for page in pages:
        image = np.empty((TILE, TILE, 3), np.int64)
        image[:] = random.integers(0, 256, 3)
        for _ in range(12):
            top, left, height, width = random.integers(0, TILE, 4)
            inside = (y >= top) & (y < top + height) & (x >= left) & (x < left + width)
            if random.integers(2):
                inside = ((y - top) ** 2 + (x - left) ** 2) < (height // 3) ** 2
            colour = random.integers(0, 256, 3)
            slope = random.integers(-1, 2, 3) * random.integers(0, 2)
            image[inside] = (colour + slope * (y + x)[..., None] // 4)[inside]
        ink = random.integers(0, 256, 3)
        half = slice(0, TILE // 2)
        image[half] += (ink - image[half]) * (255 - page[half].astype(np.int64))[..., None] // 255
        found.append(np.clip(image, 0, 255).astype(np.uint8))
    return found


def gray_graphics() -> list[Image]:
    """The same as luma, and pages of text."""
    return [gray(image) for image in graphics()] + text()


def quiet_scans() -> list[Image]:
    """16-bit samples with little noise: magnetic resonance."""
    return images_of("medical16/mr-t1/train")


def noisy_scans() -> list[Image]:
    """16-bit samples with noise: computed tomography."""
    return images_of("medical16/ct-head-ge/train", 2) + images_of("medical16/ct-head-philips/train", 2)


def micrographs() -> list[Image]:
    """16-bit samples of cameras."""
    return [image for image in images_of("microscopy/train") if image.dtype == np.uint16 and image.ndim == 2]


def deepened(image: Image, factor: int) -> Image:
    """An 8-bit image made smaller, at 16 bits a sample: the means of squares are finer than the samples were."""
    return reduced(image.astype(np.uint16) * 257, factor)


def deep_photos() -> list[Image]:
    """Photographs at 16 bits with little noise."""
    luma = [gray(image) for image in images_of("kodak/train")]
    found = [deepened(image, 2) for image in luma[::2]] + [deepened(image, 4) for image in luma]
    return found + [deepened(gray(image), 3) for image in images_of("isic/train", 4)]


def middle_photos() -> list[Image]:
    """Photographs at 10 bits, most of which is noise: what radiographs are like."""
    found = [reduced(gray(image).astype(np.uint16) * 4, 2) for image in images_of("kodak/train")]
    return found + [reduced(gray(image).astype(np.uint16) * 4, 3) for image in images_of("isic/train", 3)]


def deep_graphics() -> list[Image]:
    """Made images at 16 bits: bodies and patterns in even light, with edges as wide as a sample."""
    random = np.random.default_rng(2)
    y, x = np.mgrid[: 4 * TILE, : 4 * TILE] / (4 * TILE)
    found = []
    for _ in range(6):
        scene = random.uniform(0.1, 0.6) * _light(y, x, random)
        for _ in range(12):
            cy, cx = random.uniform(0, 1, 2)
            size, turn = random.uniform(0.02, 0.3), random.uniform(0, np.pi)
            down = (y - cy) * np.cos(turn) + (x - cx) * np.sin(turn)
            across = (x - cx) * np.cos(turn) - (y - cy) * np.sin(turn)
            kind = random.integers(4)
            if kind == 0:
                inside = down**2 + across**2 < size**2
            else:
                inside = (abs(down) < size) & (abs(across) < size * random.uniform(0.1, 1))
            colour = random.uniform(0, 1) * _light(y, x, random)
            if kind == 2:
                tiles = (np.floor(down * 80) + np.floor(across * 80)) % 2
                colour *= 0.3 + 0.7 * tiles
            scene = np.where(inside, colour, scene)
        squares = scene.reshape(TILE, 4, TILE, 4).mean(axis=(1, 3))
        found.append(np.clip(np.rint(squares * 65535), 0, 65535).astype(np.uint16))
    return found


def _light(y: npt.NDArray[Any], x: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[Any]:
    """Between 0 and 1, and nearly even."""
    slope = random.uniform(-0.04, 0.04, 5)
    light: npt.NDArray[Any] = (
        0.85 + slope[0] * y + slope[1] * x + slope[2] * y * y + slope[3] * x * x + slope[4] * y * x
    )
    return light


def pages() -> list[Image]:
    """Binary images."""
    return [image for image in images_of("binary-docs/train") if image.dtype == np.bool_]


def chains() -> list[list[npt.NDArray[np.int32]]]:
    """Three that follow each other: slices of scans, micrographs at several wavelengths; samples from 0."""
    series = [images_of(f"medical16/{name}/train") for name in ("mr-t1", "ct-head-ge", "ct-head-philips")]
    alike: dict[tuple[int, ...], list[Image]] = {}
    for image in images_of("microscopy/train"):
        if image.dtype == np.uint16 and image.ndim == 2:
            alike.setdefault(image.shape, []).append(image)
    series += [images for images in alike.values() if len(images) == LINKS]
    found = []
    for images in series:
        planes = [image.astype(np.int32) - min(0, int(image.min())) for image in images]
        found += [planes[first : first + LINKS] for first in range(0, len(planes) - LINKS + 1, LINKS - 1)]
    return found


# Codebooks.


CHAIN_BUDGET = 25_000
"""Bytes of trained counters of the models for chains."""
DCT_BUDGET = 120_000
"""Bytes of trained counters of the models for coefficients."""
EFFORTS = {"interleaved": (1,), "context": (5, 7), "dct": (5, 7, 9), "bilevel": (1, 5, 7)}
"""Efforts at which there are models, by coder; others use the nearest."""


@dataclass(frozen=True)
class Family:
    """Images that get models of their own.

    ``budget``: bytes of the context coder's trained counters. ``efforts``: those that it is trained for; the others of
    EFFORTS share the models of the nearest.
    """

    images: Callable[[], list[Any]]
    coders: tuple[str, ...] = ("context", "interleaved")
    budget: int = 60_000
    efforts: tuple[int, ...] = (5,)


CODEBOOKS = {
    "binary": (Family(pages, ("bilevel",), 160_000),),
    "common": (
        Family(gray_photos, budget=90_000, efforts=(5, 7)),
        Family(scans, budget=70_000, efforts=(5, 7)),
        Family(gray_graphics, budget=40_000),
        Family(photos, budget=140_000, efforts=(5, 7)),
        Family(lossy_photos, budget=25_000),
        Family(coefficients, ("dct",), budget=DCT_BUDGET, efforts=EFFORTS["dct"]),
        Family(graphics, budget=50_000),
    ),
    "deep": (
        Family(quiet_scans, budget=40_000),
        Family(noisy_scans, budget=50_000),
        Family(micrographs, budget=40_000),
        Family(middle_photos, budget=50_000, efforts=(5, 7)),
        Family(deep_photos, budget=40_000),
        Family(deep_graphics, budget=40_000),
    ),
}


NETWORK_UNITS = (32, 16)
"""Units of the two hidden layers of the network for coefficients: of 64 and 32 decoding takes twice as long."""
NETWORK_EPOCHS = 8
"""Rounds over all pictures."""
NETWORK_ROWS = 400
"""Of a picture no more rows are looked at for it."""
HELD_OUT = 6
"""Of each source every so many pictures one is held out, by which it is seen whether the network pays."""


def pictures() -> dict[str, list[list[Origin]]]:
    """By source the luminance of JPEG files, in an order that mixes them: of others than bit models were trained on, as
    far as there are any."""
    random = np.random.default_rng(4)
    trained_on = set(_files("bccd/train", 3))
    found = {
        "bccd": [components_of(path.read_bytes()) for path in _files("bccd/train", 1) if path not in trained_on],
        "isic": [components_of(path.read_bytes()) for path in _files("isic/train", 1)],
        "malaria-cells": cells(),
        "photographs": [components_of(data) for data in made_jpegs(QUALITIES[4:16], shift=3)],
    }
    return {name: [_upper(each[number][0]) for number in random.permutation(len(each))] for name, each in found.items()}


def _upper(origin: Origin) -> list[Origin]:
    """The upper part of a picture that has this luminance."""
    rows = NETWORK_ROWS // (SIDE * origin.grid.down)
    return [replace(origin, coefficients=np.ascontiguousarray(origin.coefficients[:rows]))]


def with_network(codebook: Codebook) -> Codebook:
    """The codebook with a network for luminance in its models of coefficients for effort 9, in place of any that is
    there, and all else as it is; as it is where held-out pictures of any source then take more than without a network.
    """
    wanted = (DctCoder.id, NETWORK_EFFORT, 1)
    found = [model for model in codebook.models if (model.coder, model.effort, model.components) == wanted]
    if not found:
        return codebook
    (model,) = found
    data = [codebook.sections[number].data for number in model.sections]
    seen = pictures()
    mixed = [origins for each in seen.values() for turn, origins in enumerate(each) if turn % HELD_OUT]
    learned = [mixed[number] for number in np.random.default_rng(5).permutation(len(mixed))]
    plan = DctCoder.from_sections(data).models[0].plan
    without, own = (learned_mixers(plan, data[1], learned, each) for each in (NO_NETWORK, fitted(plan, learned)))
    pays = True
    for name, each in seen.items():
        old, new = (coded_size([*data[:-1], mixers], each[::HELD_OUT]) for mixers in (without, own))
        pays &= new <= old
        print(f"{name}: {len(each)} pictures, held out {old} bytes, with a network {new}", flush=True)
    if not pays:
        return codebook
    sections = list(codebook.sections)
    sections[model.sections[-1]] = replace(sections[model.sections[-1]], data=own)
    return replace(codebook, sections=tuple(sections))


def fitted(plan: ComponentPlan, images: Sequence[list[Origin]]) -> Network:
    """A network for images of one component."""
    with (
        patch.object(network_training, "recovered", lambda images, planes: images),
        patch.object(network_training, "UNITS", (INPUTS, *NETWORK_UNITS, DECISIONS)),
        patch("sofc.coders.network_training.LEAST_EPOCHS", NETWORK_EPOCHS),
    ):
        return FitNetwork((plan,), 0).collect_decoded(iter(images))  # type: ignore[arg-type]


def learned_mixers(plan: ComponentPlan, bit_models: bytes, images: Sequence[list[Origin]], network: Network) -> bytes:
    """The section of a network, and of the weights that go with it and with bit models that are there."""
    used, sets = DCT_EFFORTS[NETWORK_EFFORT]
    starts = TRAINED.symbols(bit_models, plan.starts(len(CONTEXTS)) * BLOCK, used + 1)
    with patch.object(dct_passes, "recovered", lambda images, planes: images):
        (mixers,), _ = WarmUp((plan,), used, sets, ((starts,) * FOLDS,), (network,)).collect_decoded(iter(images))  # type: ignore[arg-type]
    return pack_mixers(mixers, NETWORKS)


def coded_size(data: Sequence[bytes], images: Sequence[list[Origin]]) -> int:
    """Bytes of images of one component, each by itself, by a model that has sections ``data``."""
    (model,) = DctCoder.from_sections(data).models
    return sum(dct_passes.warm_up(model, model.start.copy(), next(dct_components_of(each))) for each in images)


def train(name: str, executor: Executor | None, only: str | None = None) -> Codebook:
    """A built-in codebook, whole; or with models of coder ``only``, and all others as they are in the one before."""
    parts = [] if only is None else [kept(before(name), only)]
    for family in CODEBOOKS[name]:
        coders = [coder for coder in family.coders if only in (None, coder)]
        images = family.images() if coders else []
        for coder in coders:
            if coder == "dct":
                parts.append(train_coefficients(images, family))
            else:
                parts.append(train_one(images, coder, family, executor))
            size = len(parts[-1].to_bytes())
            print(f"{name}: {family.images.__name__}, {coder}: {len(images)} images, {size} bytes", flush=True)
    if name != "binary" and only is None:
        parts.append(train_chains(CHAIN_BUDGET))
    used = "".join(f"{folder}: {terms}\n" for folder, terms in SETS.items())
    return joined(name, parts, f"built in; trained by tools/train_builtin.py on parts of\n{used}")


def train_one(images: Sequence[Image], coder: str, family: Family, executor: Executor | None) -> Codebook:
    """The models of one coder for the images of a family."""
    # One better than what trained models of several components have at the effort: images that these were not made for
    # need it. Of counters of binary images as many as for small ones: each start of the program reads them.
    efforts = {effort: CONTEXT_EFFORTS[max(6, effort)] for effort in family.efforts}
    with (
        patch.dict(CONTEXT_EFFORTS, efforts, clear=True),
        patch.dict(OF_ONE, clear=True),
        patch.object(bilevel_training, "SLOT_BITS_LARGE", (18, 18)),
    ):
        return sofc.train(
            images, name=coder, coder=coder, held_out=0, counter_bytes=family.budget, executor=executor
        ).codebook


def train_coefficients(images: Sequence[list[Origin]], family: Family) -> Codebook:
    """The models of the dct coder, from coefficients that need not be found any more."""
    efforts = {effort: DCT_EFFORTS[effort] for effort in family.efforts}
    with (
        patch.dict(DCT_EFFORTS, efforts, clear=True),
        patch.object(dct_passes, "recovered", lambda images, planes: images),
        patch.object(dct_training, "NETWORK_EFFORT", None),
    ):
        training = DctTraining([PlaneRange(0, 255)] * 3, settings=TrainingSettings(counter_bytes=family.budget))
        while (step := training.next_pass()) is not None:
            tasks = [task for task in step.tasks if isinstance(task, JpegTask)]
            training.merge(iter([task.collect_decoded(iter(images)) for task in tasks]))  # type: ignore[arg-type]
    models = [Model(3, 8, LATTICE.id, DctCoder.id, effort, numbers) for effort, numbers in training.models()]
    return Codebook("dct", tuple(models), tuple(training.sections()))


def train_chains(budget: int) -> Codebook:
    """Models by which images that follow each other, or components, are predicted from each other."""
    stacks = chains()
    with patch.dict(CONTEXT_EFFORTS, {5: CONTEXT_EFFORTS[6]}, clear=True):
        training = ContextTraining([PlaneRange(0, 65535)] * LINKS, settings=TrainingSettings(counter_bytes=budget))
        while (step := training.next_pass()) is not None:
            tasks = [task for task in step.tasks if not isinstance(task, JpegTask)]
            training.merge(iter([task.collect(iter(stacks)) for task in tasks]))
        models = [Model(1, 16, CHAIN.id, ContextCoder.id, effort, numbers) for effort, numbers in training.models()]
        codebook = Codebook("context", tuple(models), tuple(training.sections()))
    ChainCoder(ContextCoder.from_sections([codebook.sections[k].data for k in models[0].sections]))
    return codebook


def joined(name: str, parts: Sequence[Codebook], provenance: str) -> Codebook:
    """One codebook of all the models: of each part at the efforts that are nearest to EFFORTS."""
    models: list[Model] = []
    sections: list[Section] = []
    for part in parts:
        wanted = EFFORTS.get(part.name)
        kept = list(part.models)
        if wanted is not None:
            kept = [replace(_nearest(part, effort), effort=effort) for effort in wanted]
        used = sorted({number for model in kept for number in model.sections})
        place = {number: len(sections) + k for k, number in enumerate(used)}
        sections += [part.sections[number] for number in used]
        models += [replace(model, sections=tuple(place[number] for number in model.sections)) for model in kept]
        if wanted is not None:
            models += [gray_of(model) for model in models[-len(kept) :] if model.coder == DctCoder.id]
    return Codebook(name, tuple(models), tuple(sections), provenance)


def before(name: str) -> Codebook:
    """The built-in codebook that there is: what is taken over of it is of today's draft, whatever its own was."""
    head = pack_file_head(schema.CODEBOOK_SIGNATURE)
    found = Codebook.from_bytes(head + (FOLDER / f"{name}.sofcb").read_bytes()[len(head) :])
    return replace(found, _bytes=None)


def kept(codebook: Codebook, without: str) -> Codebook:
    """A codebook without the models of a coder, and others at the efforts of today."""
    efforts = {named(coder).id: efforts for coder, efforts in EFFORTS.items()}
    models = [model for model in codebook.models if model.coder != named(without).id]
    moved = [
        replace(model, effort=efforts[model.coder][0]) if len(efforts.get(model.coder, ())) == 1 else model
        for model in models
    ]
    return Codebook("kept", tuple(moved), codebook.sections)


def gray_of(model: Model) -> Model:
    """The model for images of one component whose sections are those for luminance."""
    return replace(model, components=1, transform=NONE.id, sections=model.sections[:: model.components])


def _nearest(codebook: Codebook, effort: int) -> Model:
    return min(codebook.models, key=lambda model: abs(model.effort - effort))


def register(codebook: Codebook) -> None:
    """Put the id of a codebook in the place of the one before."""
    (old,) = (reference for reference in REGISTERED.values() if reference.name == codebook.name)
    for file in REGISTERS:
        path = ROOT / file
        before = path.read_text(encoding="utf-8")
        after, count = re.subn(old.id.hex(), codebook.reference.id.hex(), before, flags=re.IGNORECASE)
        if count != 1:
            raise SystemExit(f"the id of {codebook.name!r} stands {count} times in {file}, not once")
        path.write_text(after, encoding="utf-8")


def main() -> int:
    """Train, write, register."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(CODEBOOKS), help="names of codebooks, comma-separated")
    parser.add_argument("--coder", help="train only this coder's models, and keep those of others as they are")
    parser.add_argument("--network", action="store_true", help="fit the network of coefficients, and keep all else")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1); same bytes for any number")
    parser.add_argument("--out-dir", type=Path, help="write there and register nothing")
    options = parser.parse_args()
    pool = ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) if options.jobs > 1 else None
    for name in options.only.split(","):
        codebook = before(name) if options.network else train(name, pool, options.coder)
        if options.coder in (None, "dct"):
            codebook = with_network(codebook)
        path = (options.out_dir or FOLDER) / f"{name}.sofcb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(codebook.to_bytes())
        print(f"{path.name}: {len(codebook.to_bytes())} bytes, id {codebook.id.hex()}")
        if options.out_dir is None:
            register(codebook)
    if pool is not None:
        pool.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
