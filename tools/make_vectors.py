#!/usr/bin/env python3
"""Write the conformance vectors of the format to spec/vectors: files, codebooks, and what a decoder must make of them.

The files are committed: they stay the same while the format does, so that a decoder of today is held against files of
yesterday. Run this only when the format changes.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product, starmap
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import PIL.Image
from imagecodecs import jpeg8_encode

import sofc
from sofc.band import pieces
from sofc.band.arrangement import Arrangement, Divided, Part, Split, Stepped, pack_arrangement
from sofc.band.coding import from_planes, sample_bytes
from sofc.band.demosaic import Demosaic
from sofc.band.division import Division
from sofc.band.follow import Follow
from sofc.band.gaussians import Gaussian, gaussians, recursive
from sofc.band.inset import Inset
from sofc.band.mapping import Mapping
from sofc.band.overlay import Overlay
from sofc.band.patches import Patch, Patches, listed
from sofc.band.placing_steps import Choose, MoveAxis, Orient, Repeat, Tile
from sofc.band.ramp import Ramp
from sofc.band.steps import Form
from sofc.band.value_steps import ReverseBits, Scale, Stretch, SwapBytes, Turn
from sofc.codebook import Codebook
from sofc.coders import gridded
from sofc.coders.base import Descriptor
from sofc.coders.context import ContextCoder
from sofc.coders.context.model import PlanePlan
from sofc.coders.context.section import NETWORKS as CONTEXT_NETWORKS
from sofc.coders.context.section import pack_plan, unpack_plan
from sofc.coders.context.terms import COUNT
from sofc.coders.dct import DctCoder
from sofc.coders.dct.kernel_prediction import MEANS, ROWS, SIZES
from sofc.coders.dct.section import NETWORKS as DCT_NETWORKS
from sofc.coders.dct.terms import CONTEXTS
from sofc.coders.gridded import GridCoder
from sofc.coders.interleaved import InterleavedCoder
from sofc.coders.interleaved import kernel as interleaved_kernel
from sofc.coders.interleaved import section as interleaved_section
from sofc.coders.kinds import Kind
from sofc.coders.network_section import pack_mixers, unpack_mixers
from sofc.coders.plane_sections import PLAN, WEIGHTS
from sofc.coders.registry import NEUTRAL_MODELS
from sofc.container import schema
from sofc.container.chunks import (
    FILE_HEAD_SIZE,
    pack_file_end,
    pack_file_head,
    pack_group,
    pack_image_head,
    pack_metadata,
)
from sofc.container.original import from_metadata
from sofc.container.records import CHANGE, CodedGroup, ImageHead, Metadata, MetadataKind, Section
from sofc.container.walker import frame_chunk, parse_chunk_head
from sofc.entropy.changes import pack_table_changes
from sofc.entropy.mixing import WEIGHT_ROWS
from sofc.entropy.mixture import neutral_weights
from sofc.image import SampleType
from sofc.jpeg.colour import CONVERSIONS, reached
from sofc.jpeg.dct import (
    ACCURATE,
    BASIS,
    BASIS_BITS,
    BUTTERFLIES,
    FAST,
    FINE,
    HALVES,
    LIFTED,
    NARROW,
    REPLICATED,
    ROTATED,
    SCALED,
    SHORT,
    SHORTER,
    SIMPLE,
    STEPWISE,
    TRIANGLE,
    Decoder,
    Grid,
)
from sofc.jpeg.origin import Origin, standard_table
from sofc.jpeg.recover import recover_planes
from sofc.keepfile import keep, keep_coefficients
from sofc.planes import Plane
from sofc.prediction import bank
from sofc.prediction.network import Network, layer_of
from sofc.training.recipes import trainable
from sofc.transforms.components import CHAIN, GREEN_FIRST, LATTICE, PAPERS, SUBTRACT_GREEN, YCOCG, Transform
from sofc.transforms.filters import CUT, MIRROR, NEAREST, RECURSIVE, REFLECT, filtered
from sofc.transforms.mosaic import METHODS, Edges
from sofc.transforms.resampling import CHANGES, CUBIC, SHARES, resampled
from sofc.transforms.resampling import Grid as Places

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "spec"))
from minidec import decode_file  # noqa: E402
from minidec.command import found_in  # noqa: E402

Image = npt.NDArray[Any]
SEED = 20
KINDS = {
    "gray": Kind(1, 8),
    "deep": Kind(1, 16),
    "colour": Kind(3, 8),
    "lattice": Kind(3, 8, lattice=True),
    "binary": Kind(1, 1),
}
FEWER_IMAGES = {"context": 3}
OTHER_DECODERS = {
    "simple": (Decoder(SIMPLE, REPLICATED), 3),
    "rotated": (Decoder(ROTATED, REPLICATED), 5),
    "lifted": (Decoder(LIFTED, REPLICATED), 5),
    "butterflies": (Decoder(BUTTERFLIES, REPLICATED), 6),
    "butterflies-rounded": (Decoder(BUTTERFLIES, REPLICATED), 7),
    "short": (Decoder(SHORT, HALVES), 8),
    "shorter": (Decoder(SHORTER, STEPWISE), 4),
    "fine": (Decoder(NARROW, FINE), 2),
}
"""Those of the vectors of other decoders, with the numbers of conversions."""
"""Images that codebooks are trained on which would be large else."""


def waves(rows: int, width: int, phase: float, random: np.random.Generator, top: int = 255) -> Image:
    """A smooth image with a little noise."""
    y, x = np.mgrid[:rows, :width]
    value = 0.5 + 0.3 * np.sin(y / 5 + phase) + 0.15 * np.cos(x / 4 - phase)
    noisy: Image = np.clip(value * top + random.normal(0, top / 90, (rows, width)), 0, top)
    return noisy


def spread(image: Image) -> Image:
    """An image of a sixteenth of the values, not at equal distances."""
    few = image // 16
    far: Image = few * 16 + few % 3
    return far


def noise(random: np.random.Generator) -> Image:
    """An image that nothing makes smaller."""
    return random.integers(0, 256, (5, 6, 3)).astype(np.uint8)


def grainy(random: np.random.Generator) -> Image:
    """Four components: two of one grain on waves, one of values that say nothing of each other, a darker first."""
    rows, columns = np.mgrid[:48, :40]
    grain = random.normal(0, 8, rows.shape)
    planes = [100 + 30 * np.sin(rows / 9) + grain, 120 + 20 * np.cos(columns / 7) + grain]
    return np.stack([*planes, random.integers(0, 100, rows.shape), planes[0] // 2 + 20], axis=-1).astype(np.uint8)


def strokes(random: np.random.Generator) -> Image:
    """A binary image of a few rectangles."""
    image = np.zeros((16, 16), np.bool_)
    for _ in range(3):
        y, x = random.integers(0, 11, 2)
        height, width = ((5, 2), (2, 5), (3, 3))[random.integers(3)]
        image[y : y + height, x : x + width] = True
    return image


def lattice(image: Image) -> Image:
    """An RGB image whose samples all come from whole Y, Cb, Cr."""
    planes = [plane.astype(np.int32) for plane in np.moveaxis(image, -1, 0)]
    converted = LATTICE.forward(planes)
    converted[3][:] = 0
    return np.stack(LATTICE.inverse(converted), axis=-1).astype(np.uint8)


def collections() -> dict[str, list[Image]]:
    """Small collections of each kind."""
    random = np.random.default_rng(SEED)
    gray = [waves(24, 20, k, random).astype(np.uint8) for k in range(6)]
    deep = [waves(24, 20, k, random, 4095).astype(np.uint16) for k in range(6)]
    colour = [
        np.stack([waves(24, 20, k, random) * share for share in (1.0, 0.8, 0.6)], axis=-1).astype(np.uint8)
        for k in range(6)
    ]
    return {
        "gray": gray,
        "deep": deep,
        "colour": colour,
        "lattice": [lattice(image) for image in colour],
        "binary": [strokes(random) for _ in range(6)],
    }


def valid(folder: Path) -> Iterator[tuple[str, bytes, str | None, str]]:
    """Name, bytes, codebook file if one is referred to, and a sentence."""
    sets = collections()
    random = np.random.default_rng(SEED + 1)
    sets["large"] = [spread(waves(136, 64, 3, random, 4095)).astype(np.uint16)]
    ramp = np.arange(30, dtype=np.uint8).reshape(5, 6)
    yield "raw-gray", sofc.encode(ramp, coder="raw"), None, "gray 8-bit, raw"
    signed = np.array([[-1500, 0, 7], [2106, -1, 1]], np.int16)
    yield "raw-signed", sofc.encode(signed, coder="raw"), None, "signed 16-bit, raw"
    yield "raw-bits", sofc.encode(sets["binary"][0], coder="raw"), None, "1 bit a sample, raw"
    many = random.integers(0, 8, (4, 5, 5)).astype(np.uint8)
    yield "raw-five-components", sofc.encode(many, coder="raw"), None, "five components, raw"
    encoder = sofc.Encoder(sofc.ImageHeader(6, None, sofc.PixelFormat(1, 8, 8)), coder="raw", band_rows=2)
    yield "raw-height-at-the-end", encoder.write(ramp) + encoder.finish(), None, "a height that the image's end has"
    yield "neutral-gray", sofc.encode(sets["gray"][0], codebook=None), None, "neutral model 1"
    yield "neutral-colour", sofc.encode(sets["colour"][0], codebook=None), None, "neutral model 2"
    yield "neutral-deep", sofc.encode(sets["deep"][0], codebook=None), None, "neutral model, 12 bits in 16"
    grain = grainy(np.random.default_rng(SEED + 2))
    yield "neutral-noise", sofc.encode(grain, codebook=None), None, "neutral model 1, adaptive and no prediction"
    yield "neutral-binary", sofc.encode(sets["binary"][0], codebook=None), None, "neutral model, binary"
    bands = sofc.encode(sets["gray"][1], codebook=None, band_rows=8)
    yield "bands", bands, None, "three bands, image end with digest, index"
    yield (
        "metadata",
        sofc.encode(ramp, codebook=None, metadata=[Metadata(MetadataKind.TEXT, "note", b"hello")]),
        None,
        "metadata",
    )
    yield (
        "images",
        sofc.encode_images([ramp, sets["binary"][1], sets["colour"][1]], codebook=None),
        None,
        "images of different kinds",
    )
    xmp = Metadata(MetadataKind.XMP, "", b"<x:xmpmeta>" * 20)
    yield "metadata-packed", sofc.encode(ramp, coder="raw", metadata=[xmp]), None, "packed metadata"
    yield "builtin", sofc.encode(noise(random)), None, "a built-in codebook, named but not used"
    yield from wide(sets["gray"])
    few = spread(sets["gray"][2]).astype(np.uint8)
    yield "mapped-values", sofc.encode(few, coder="shape"), None, "numbers of values"
    painted = random.integers(0, 256, (9, 3)).astype(np.uint8)[sets["gray"][2] // 29]
    yield "mapped-palette", sofc.encode(painted, coder="shape"), None, "numbers of colours"
    for name, header, arrangement in arrangements():
        yield f"arranged-{name}", arranged(header, arrangement), None, f"arranged: {name}"
    original = b"P5 6 5 255\n" + ramp.tobytes() + b"behind"
    kept = keep("a.pgm", original, [ramp]).items
    yield "kept-file", sofc.encode(ramp, coder="raw", metadata=kept), None, "an original file"
    gray = sets["gray"][0]
    flushed = keep("a.raw.gz", flushed_gzip(b"head " * 9 + gray.tobytes()), [gray])
    assert not flushed.why_whole
    yield "kept-tokens", sofc.encode(gray, coder="raw", metadata=flushed.items), None, "flushed deflate data"
    for name, file_format, image, comment in (
        ("gif", "GIF", gray & 15, "an original GIF file"),
        ("runs", "TGA", gray >> 5, "an original file of run lengths"),
        ("facsimile", "TIFF", np.tile(gray > 99, (3, 3)), "an original file of facsimile data"),
    ):
        data = as_pillow_writes(file_format, image)
        kept_as = keep(f"a.{file_format.lower()}", data, [image])
        assert not kept_as.why_whole
        yield f"kept-{name}", sofc.encode(image, coder="raw", metadata=kept_as.items), None, comment
    frames = keep("a.gif", as_pillow_writes("GIF", *(np.tile(gray >> bits, (3, 3)) for bits in (3, 5))), []).items
    yield "kept-frames", sofc.Encoder(codebook=None, metadata=frames).finish(), None, "an original GIF file of frames"
    whole = keep("a.txt", b"a file that is no image, " * 4, []).items
    yield "kept-whole", sofc.Encoder(codebook=None, metadata=whole).finish(), None, "an original file alone"
    for coder in trainable().values():
        suited = [name for name, kind in KINDS.items() if coder.unasked(kind)] or [
            name for name, kind in KINDS.items() if coder.accepts(kind) and (coder.knows_lattice or not kind.lattice)
        ]
        for name in suited if coder.trace is None else ():
            yield from trained(folder, coder, name, sets)
    yield from from_jpeg(folder, random)
    embedded = Codebook.from_bytes((folder / "context-gray.sofcb").read_bytes())
    data = sofc.encode(sets["gray"][3], codebook=embedded, coder="context", embed_codebook=True)
    yield "embedded-codebook", data, None, "a codebook in the file"
    codebook = "dct-colour.sofcb"
    book = Codebook.from_bytes((folder / codebook).read_bytes())
    for name, data, comment in jpeg_files():
        yield f"kept-jpeg{name}", kept_jpeg(data, book), codebook, f"an original JPEG file: {comment}"
    images = np.stack([*sets["gray"], *sets["gray"]])
    yield "copied-groups", sofc.encode(images, batch=True, codebook=None, key_interval=3), None, "groups copied"
    rows = np.concatenate([sets["gray"][0][:8], sets["gray"][1][:8], sets["gray"][0][:8]])
    yield "copied-bands", sofc.encode(rows, codebook=None, band_rows=8), None, "a band copied"
    yield from alike(folder, np.random.default_rng(SEED + 6))
    yield from going_on_from(folder, np.random.default_rng(SEED + 7))
    for kind, source in (("context", "context-colour-one"), ("dct", "dct-colour-420")):
        book = Codebook.from_bytes((folder / f"{kind}-colour.sofcb").read_bytes())
        image = sofc.decode((folder / f"{source}.sofc").read_bytes(), codebooks={book.id: book})
        changed = with_changes(book)
        codebook = f"changed-{kind}.sofcb"
        (folder / codebook).write_bytes(changed.to_bytes())
        data = sofc.encode(image, codebook=changed, coder=kind)
        yield f"changed-{kind}", data, codebook, f"{kind}, sections that are changed"


def alike(folder: Path, random: np.random.Generator) -> Iterator[tuple[str, bytes, str | None, str]]:
    """Images that follow from earlier ones, and a mask with the image that it was drawn from."""
    shade = np.add.outer(np.arange(64), np.arange(70) // 2)
    first, second = (
        np.clip(random.normal(60, 4, (64, 70)) + waves(64, 70, phase, random) / 2 + shade, 0, 200).astype(np.uint8)
        for phase in (0, 2)
    )
    brighter = np.clip(second[:, ::-1] * 1.1 + 5, 0, 255).astype(np.uint8)
    labelled = first.copy()
    labelled[20:26, 9:30] = np.arange(21)
    images = [first, first[::-1].copy(), second, np.roll(first, 3, axis=1), brighter, labelled, first.copy()]
    yield "likeness-groups", sofc.encode_images(images, codebook=None), None, "images like earlier ones, in a group"
    colour = np.stack([first, second, second // 2], axis=-1)
    turned = np.rot90(colour).astype(np.int32)
    turned[20:24] += random.integers(-2, 3, turned[20:24].shape)
    other = np.pad(turned.astype(np.uint8), ((2, 0), (3, 0), (0, 0)))[:70]
    data = sofc.encode_images([colour, other], codebook=None, band_rows=24)
    yield "likeness-bands", data, None, "an image in bands that is turned, moved, and departs here and there"
    wide = np.kron(second.astype(np.uint16) * 9, np.ones((2, 2), np.uint16))
    images = [wide, second[:, ::-1].copy()]
    yield "likeness-reduced", sofc.encode_images(images, codebook=None), None, "a deeper image reduced and mirrored"
    name = "bilevel-binary.sofcb"
    book = Codebook.from_bytes((folder / name).read_bytes())
    y, x = np.mgrid[:64, :70]
    mask = np.abs(y - 30 - 12 * np.sin(x / 9)) < 4 + 2 * np.sin(x)
    guide = np.clip(first - 60 * mask.astype(int), 0, 255).astype(np.uint8)
    data = sofc.encode_images([guide, mask, mask[:, ::-1].copy()], codebook=book, coder="bilevel", key_interval=1)
    yield "likeness-guide", data, name, "a mask with a guide, and the mask mirrored"


def going_on_from(folder: Path, random: np.random.Generator) -> Iterator[tuple[str, bytes, str | None, str]]:
    """Tiles of an image that was a JPEG file, in groups of one, and one of two that others go on from."""
    side, name = 40, "dct-gray.sofcb"
    book = Codebook.from_bytes((folder / name).read_bytes())
    noisy = np.clip(waves(160, 200, 1, random, 160) + random.normal(40, 6, (160, 200)), 0, 255).astype(np.uint8)
    image = decoded(noisy, 50)
    places = random.integers(0, 160 - side, (6, 2))
    tiles = np.stack([image[y : y + side, x : x + side] for y, x in places])
    small = {
        "sofc.stream.layout.TRACED_GROUP_SAMPLES": side * side,
        "sofc.stream.layout.GROUP_SAMPLES": 2 * side * side,
    }
    early = {f"sofc.stream.going_on.{limit}": value for limit, value in (("FIRST_AFTER", 1), ("LEAST", 2))}
    with contextlib.ExitStack() as patches:
        for limit, value in {**small, **early}.items():
            patches.enter_context(mock.patch(limit, value))
        data = sofc.encode(tiles, batch=True, codebook=book)
    yield "likeness-going-on", data, name, "tiles of an image that was a JPEG file, in groups that go on from another"


PATCHES = [Patch(3, 2, 4, 3, 2, 5), Patch(5, 3, 3, 6, 4, 0), Patch(12, 4, 8, 5, 9, 2), Patch(14, 1, 2, 3, 0, 0)]
"""Patches in one another, across the border of two images, and in their own source."""


def arrangements() -> Iterator[tuple[str, sofc.ImageHeader, Arrangement]]:
    """A name, a header and an arrangement of its images that shows each step; what it leads to has 8 bits."""
    part = Part(0, 1, 0, 1)
    colour = part._replace(model=2, streams=3)

    def header(width: int, height: int, components: int, bits: int = 8, *, signed: bool = False) -> sofc.ImageHeader:
        return sofc.ImageHeader(width, height, sofc.PixelFormat(components, bits, bits, signed))

    yield "choose", header(9, 7, 5), Stepped(Choose((2, -1, 0, 1, 2), (0, 250, 0, 0, 0)), colour)
    yield "split", header(9, 7, 4), Split(3, colour, Stepped(Scale(1, 255, 0), part))
    yield "scale", header(9, 7, 3, 16), Stepped(Scale(8, 257, 0), colour)
    yield "scale-falling", header(9, 7, 1, 12, signed=True), Stepped(Scale(8, 11, 3000, falls=True), part)
    yield "turn", header(9, 7, 1, 16, signed=True), Stepped(Turn(40000), Stepped(Scale(8, 3, 0), part))
    swapped = Stepped(SwapBytes(), Stepped(Scale(8, 5, 700), part))
    yield "swap-bytes", header(9, 7, 1, 16), swapped
    yield "reverse-bits", header(9, 7, 1), Stepped(ReverseBits(), part)
    for kind in range(4):
        yield f"tile-{kind}", header(12, 9, 1), Stepped(Tile(kind, 3), colour)
    for how in range(1, 8):
        yield f"orient-{how}", header(9, 7, 3), Stepped(Orient(how), colour)
    yield "move-axis-0", header(9, 3, 5), Stepped(MoveAxis(0), colour)
    yield "move-axis-1", header(3, 9, 5), Stepped(MoveAxis(1), colour)
    yield "repeat", header(11, 10, 1), Stepped(Repeat(2, 3, 1, 2), part)
    yield "stretch", header(9, 7, 1, 16), Stepped(Stretch(8, 65535, 100, 255), part)
    for method in METHODS:
        parts = () if METHODS[method].hides_border else (5,)
        edges = (Edges.ALL, Edges.TOP | Edges.RIGHT)[method % 2]
        yield f"demosaic-{method}", header(9, 10, 3), Stepped(Demosaic(method, method % 4, edges, parts), colour)
    for axis in range(2):
        yield f"divide-{axis}", header(9, 10, 3), Divided(Division(axis, 4), colour, Stepped(Orient(2), colour))
    yield "inset", header(9, 10, 3), Divided(Inset(2, 5, 7, 4), colour, Stepped(Orient(2), colour))
    yield "follow", header(9, 7, 3), Stepped(Follow((5000,), (77,)), colour)
    slopes = ((0, 40 << 24, 10_000_000), (0, 0, 0), (3_000_000, (1 << 32) - 50_000_000, 1))
    yield "ramp", header(9, 7, 3), Stepped(Ramp(slopes), colour)
    yield "overlay", header(9, 10, 3), Divided(Overlay((250, 3, 128)), part, Stepped(Orient(2), colour))
    yield "patches", header(9, 10, 3), Divided(Patches(len(PATCHES)), part, Stepped(Orient(2), colour))
    yield (
        "several",
        header(14, 10, 4, 16),
        Stepped(
            Repeat(2, 2),
            Split(3, Stepped(Choose((2, 1, 0), (0,) * 3), Stepped(Scale(8, 257, 0), Stepped(Orient(5), colour))),
                  Stepped(Scale(1, 65535, 0), part)),
        ),
    )  # fmt: skip


def arranged(header: sofc.ImageHeader, arrangement: Arrangement) -> bytes:
    """A file of two images in a group, of the header's format, whose parts are waves or, of one bit, noise."""
    random = np.random.default_rng(SEED + 2)
    count, height = 2, header.height or 1
    streams: list[bytes] = []

    def planes_of(inner: Arrangement, form: Form) -> list[npt.NDArray[np.int32]]:
        if isinstance(inner, Split):
            first = planes_of(inner.first, replace(form, components=inner.components))
            return first + planes_of(inner.rest, replace(form, components=form.components - inner.components))
        if isinstance(inner, Divided):
            one, other = inner.division.forms(form)
            if isinstance(inner.division, Patches) and isinstance(inner.first, Part):
                first = coded([listed(PATCHES)], one, inner.first)
            else:
                first = planes_of(inner.first, one)
            return inner.division.undo([first, planes_of(inner.rest, other)], form)
        if isinstance(inner, Stepped):
            return inner.step.undo(planes_of(inner.core, inner.step.core(form)), form)
        top = min(255, (1 << form.bits) - 1)
        planes = [
            waves(form.rows, form.width, 3 * k, random, top).astype(np.int32)
            if top > 1
            else random.integers(0, 2, (form.rows, form.width)).astype(np.int32)
            for k in range(form.components)
        ]
        return coded(planes, form, inner)

    def coded(planes: list[npt.NDArray[np.int32]], form: Form, part: Part) -> list[npt.NDArray[np.int32]]:
        transform, coder = NEUTRAL_MODELS[part.model]
        ranges = transform.ranges(form.components, form.bits)
        streams.extend(coder.encode(transform.forward(planes), ranges, form.image_rows))
        return planes

    samples = header.format
    form = Form(samples.components, samples.coded_bits, count * height, header.width, height)
    image = from_planes(planes_of(arrangement, form), samples)
    check = zlib.crc32(sample_bytes(image, samples))
    group = CodedGroup(0, check, (pack_arrangement(arrangement), *streams), Mapping.ARRANGED, image=0, images=count)
    chunks = [(schema.IMAGE_HEAD, pack_image_head(ImageHead(header, 0))), (schema.GROUP, pack_group(group))]
    chunks.append((schema.FILE_END, pack_file_end(0)))
    return pack_file_head() + b"".join(frame_chunk(*chunk) for chunk in chunks)


def wide(images: list[Image]) -> Iterator[tuple[str, bytes, str | None, str]]:
    """Wide samples: each way to code them, and each type."""
    random = np.random.default_rng(SEED + 1)
    bits = random.integers(0, 256, (6, 7, 16), dtype=np.uint8)
    for sample_type in SampleType:
        array = np.ascontiguousarray(bits.view(sample_type.dtype_name)[:, :, 0])
        name = sample_type.name.lower()
        yield f"wide-{name}", sofc.encode(array, sample_type=sample_type, codebook=None), None, f"{name}, any bits"
    fine = np.hypot(*np.mgrid[-8:8, -9:9]) + random.normal(0, 0.1, (16, 18))
    yield "wide-steps", sofc.encode(fine.astype(np.float32), codebook=None), None, "steps, modelled and plain bits"
    dots = np.kron(np.arange(144).reshape(12, 12) % 3 + 1.0, np.ones((2, 2))) * np.tile(random.random((2, 2)), (12, 12))
    dots[:, 12:] += 1000 * random.normal(size=(24, 12))
    yield "wide-repeats", sofc.encode(dots, codebook=None), None, "numbers that repeat earlier ones"
    volume = np.stack(images)
    scaled = (volume * np.float64(0.37) - 10.5).astype(np.float32)
    yield "wide-scaled", sofc.encode(scaled, batch=True, codebook=None), None, "a computed table"
    apart = np.stack([(image * np.float64(0.37 + k)).astype(np.float32) for k, image in enumerate(images)])
    yield "wide-scaled-apart", sofc.encode(apart, batch=True, codebook=None), None, "a table for each image"
    single = volume[0].astype(np.float32)
    corrected = (single - single.mean()) / single.std()
    corrected[3, 5:9] = np.nan, -0.0, np.inf, 1e20
    yield "wide-corrected", sofc.encode(corrected, codebook=None), None, "corrections, and listed keys"
    yield (
        "wide-narrowed",
        sofc.encode(fine.astype(np.float16).astype(np.float64), codebook=None),
        None,
        "float16 values",
    )
    spectrum = np.abs(np.fft.fft2(fine))
    yield "wide-mirrored", sofc.encode(spectrum.astype(np.float32), codebook=None), None, "a mirrored image"
    yield "wide-mirrored-nearly", sofc.encode(spectrum, codebook=None), None, "a nearly mirrored image of float64"
    transform = np.fft.fft2(fine).astype(np.complex64)
    yield "wide-mirrored-negated", sofc.encode(transform, codebook=None), None, "mirrored, with the other sign"
    for dtype in (np.float32, np.float64):
        ringing = np.outer(0.27 ** np.arange(30) * 3, (-0.3) ** np.arange(40.0)).astype(dtype)
        ringing[:, 32:] = random.normal(100, 9, (30, 8))
        ringing[20:, :9] = 0
        data = sofc.encode(ringing, codebook=None)
        yield f"wide-predicted-{ringing.dtype}", data, None, "some tiles predicted as products"
    smooth = np.repeat(np.repeat(random.normal(0, 1, (3, 20, 21)), 2, axis=1), 2, axis=2)
    for axis in (1, 2):
        for _ in range(3):
            smooth = smooth + np.roll(smooth, 1, axis)
    for dtype in (np.float32, np.float64):
        data = sofc.encode(smooth.astype(dtype), batch=True, codebook=None)
        yield f"wide-lines-{np.dtype(dtype)}", data, None, "a group predicted along lines"
    yield from faded_samples()
    yield from filtered_samples()
    yield from resampled_samples()
    labels = np.kron(np.arange(30).reshape(5, 6), np.ones((7, 5), np.int64)) * 70001
    yield "wide-labels", sofc.encode(labels), None, "labels"
    moving = np.stack([np.roll(labels, k, 1) for k in range(3)])
    yield "wide-labels-group", sofc.encode(moving, batch=True), None, "labels, a group"
    yield "wide-labels-one", sofc.encode(np.full_like(labels, 70001)), None, "one label: the largest number is 0"


def faded_samples() -> Iterator[tuple[str, bytes, str | None, str]]:
    """What is smooth, and fades out."""
    faded = np.zeros((48, 52))
    faded[[9, 20, 31, 33], [30, 11, 40, 38]] = 7, 130, 41, 200
    near = np.exp(-(np.arange(-10, 11) ** 2) / 6)
    for axis in (0, 1):
        faded = np.apply_along_axis(np.convolve, axis, faded, near, "same")
    for dtype in (np.float32, np.float64):
        data = sofc.encode(faded.astype(dtype), codebook=None)
        yield f"wide-lines-faded-{np.dtype(dtype)}", data, None, "lines, and products where these fade out"


def filtered_samples() -> Iterator[tuple[str, bytes, str | None, str]]:
    """What filters made of integers: in two types, at each border, along two and three axes, and by recursion."""
    none, near = np.zeros(0), np.array([0.7865707, 0.10645077, 0.0002638650])
    volume = np.random.default_rng(SEED + 2).integers(0, 40, (1, 5, 26, 24)).cumsum(axis=3) % 199 * 1.5
    third, back = np.full(2, 1 / 3), recursive(0.5)
    for name, weights, border, between, result in (
        ("float32", (none, near, near), REFLECT, np.float32, np.float32),
        ("float64", (near, near, near), MIRROR, np.float64, np.float64),
        ("rounded", (none, near, near), NEAREST, np.float64, np.float32),
        ("cut", (none, third, third), CUT, np.float32, np.float32),
        ("recursive", (none, back, back), RECURSIVE, np.float32, np.float32),
        ("recursive-through", (back, back, back), RECURSIVE, np.float32, np.float32),
    ):
        made = filtered(volume.astype(between), weights, border, between, result)[0]
        made[1, 3, 5] = np.nextafter(made[1, 3, 5], 9999)
        known = gaussians(SampleType.FLOAT32)
        if weights[2] is near:
            known = [Gaussian(near, (border,), near, is_wide=False)]
        with mock.patch("sofc.band.filtering.gaussians", lambda _, known=known: known):
            data = sofc.encode(made, batch=True, codebook=None)
        yield f"wide-filtered-{name}", data, None, "a filter and the numbers that it was for"
    magnitudes = np.hypot(*np.gradient(volume[0, :3] * 2, axis=(1, 2)))
    for dtype in (np.float32, np.float64):
        data = sofc.encode(magnitudes.astype(dtype), batch=True, codebook=None)
        yield f"wide-roots-{np.dtype(dtype)}", data, None, "square roots of quarters"


def resampled_samples() -> Iterator[tuple[str, bytes, str | None, str]]:
    """Integers with others interpolated between them: of each kind, in two types, along two and three axes."""
    slices, rows, columns = np.meshgrid(np.arange(12), np.arange(26), np.arange(24), indexing="ij")
    volume = np.random.default_rng(SEED + 3).integers(0, 9, slices.shape) + 5 * slices + 3 * rows + 2 * columns
    through, down = Places(12, 0, 20, False, 0.0, 1.0, 11 / 19, 0.0), Places(26, 0, 42, True, 0.5, 1.0, 26 / 42, -0.5)
    across = Places(24, 0, 38, False, 0.0, 40.0, 25.0, 0.0)
    for name, kind, grid, between, result in (
        ("shares", SHARES, None, np.float64, np.float32),
        ("changes", CHANGES, through, np.float64, np.float64),
        ("rounded", CHANGES, None, np.float32, np.float32),
        ("cubic", CUBIC, None, np.float64, np.float64),
        ("cubic-through", CUBIC, through, np.float64, np.float32),
    ):
        images = volume if grid else volume[:2]
        axes = zip((grid, down, across), (20, 42, 40), strict=True)
        places = [one and one.places(np.arange(length)) for one, length in axes]
        made = resampled(images[None].astype(between), places, kind, between, result)[0]
        made[1, 3, 5] = np.nextafter(made[1, 3, 5], 9999)
        data = sofc.encode(made, batch=True, codebook=None)
        yield f"wide-resampled-{name}", data, None, "numbers, and places between them"


def trained(
    folder: Path, coder: Descriptor, name: str, sets: dict[str, list[Image]]
) -> Iterator[tuple[str, bytes, str | None, str]]:
    """Vectors of one coder with a codebook for one kind of images."""
    training = sets[name][: FEWER_IMAGES.get(coder.name)]
    codebook = sofc.train(training, name=f"{coder.name}-{name}", coder=coder.name, held_out=0).codebook
    title = f"{coder.name}-{name}"
    file = f"{title}.sofcb"
    (folder / file).write_bytes(codebook.to_bytes())
    settings: dict[str, Any] = {"codebook": codebook, "coder": coder.name}
    yield f"{title}-one", sofc.encode(sets[name][0], **settings), file, f"{coder.name}, one small image"
    yield f"{title}-group", sofc.encode(np.stack(sets[name]), batch=True, **settings), file, f"{coder.name}, a group"
    yield f"{title}-bands", sofc.encode(sets[name][2], band_rows=8, **settings), file, f"{coder.name}, bands"
    if len({model.effort for model in codebook.models}) > 1:
        for effort in (2, 9):
            data = sofc.encode(sets[name][0], effort=effort, **settings)
            yield f"{title}-effort{effort}", data, file, f"{coder.name} at effort {effort}"
    if name == "colour":
        opaque = np.dstack([257 * sets[name][1].astype(np.uint16), np.full(sets[name][1].shape[:2], 65535, np.uint16)])
        data = sofc.encode(opaque, codebook=codebook)
        yield f"arranged-{coder.name}", data, file, f"{coder.name}, 16 bits and opaque"
    if name == "lattice":
        painted = sets[name][2].copy()
        painted[3:9:2, 4:15:3] ^= 3
        data = sofc.encode(painted, **settings)
        yield f"{title}-corrected", data, file, f"{coder.name}, a correction plane that is not empty"
    if name == "deep":
        signed = (sets[name][3].astype(np.int32) - 2000).astype(np.int16)
        yield f"{title}-signed", sofc.encode(signed, **settings), file, f"{coder.name}, signed samples"
    yield from VARIANTS.get(coder.name, lambda *_: ())(folder, codebook, name, sets)


def context_variants(
    folder: Path, codebook: Codebook, name: str, sets: dict[str, list[Image]]
) -> Iterator[tuple[str, bytes, str | None, str]]:
    """Vectors of context models that training did not make so, and of chains."""
    if name in ("gray", "deep"):
        other, file = with_networks(codebook), f"context-{name}-network.sofcb"
        (folder / file).write_bytes(other.to_bytes())
        stack = np.stack(sets[name][:2])
        stack[:, :8] = stack[0, 8, 8]  # has no forecast, but for what is around
        stack[:, 5, 4:12:5] += 90
        data = sofc.encode(stack, batch=True, codebook=other, coder="context", effort=9)
        yield f"context-{name}-network", data, file, "context, a network"
    if name in ("gray", "colour"):
        other, file = only_at_9(changed_plans(codebook, asking_all)), f"context-{name}-terms.sofcb"
        (folder / file).write_bytes(other.to_bytes())
        data = sofc.encode(sets[name][1], codebook=other, coder="context", effort=9)
        yield f"context-{name}-terms", data, file, "context, all terms"
    if name not in ("deep", "colour"):
        return
    # Few: a decoder that is read rather than run takes seconds for each.
    stack = np.stack(sets[name][:3])
    for change in (adapting, on_grid, recalling, *([adapting_and_recalling] if name == "deep" else [])):
        other = changed_plans(codebook, change)
        kind = change.__name__.replace("_", "-")
        file = f"context-{name}-{kind}.sofcb"
        (folder / file).write_bytes(other.to_bytes())
        data = sofc.encode(np.concatenate([stack, stack // 32 * 32]), batch=True, codebook=other)
        yield f"context-{name}-{kind}", data, file, f"context, {kind}"
        if name == "deep" and change is on_grid:
            yield "context-deep-grids", anywhere_on_grid(ContextCoder, sets[name][1], other), file, "context, grids"
        if name == "deep" and change is not adapting_and_recalling:
            data = sofc.encode(sets["large"][0], codebook=other, band_rows=68)
            yield f"context-large-{kind}", data, file, f"context, {kind}, bands"
    if name == "colour":
        for transform in (PAPERS, GREEN_FIRST, SUBTRACT_GREEN, YCOCG):
            file = f"transform-{transform.name}.sofcb"
            other = with_transform(codebook, transform)
            (folder / file).write_bytes(other.to_bytes())
            data = sofc.encode(sets[name][4][:12], codebook=other, coder="context")
            yield f"transform-{transform.name}", data, file, f"transform {transform.id}"
        chain = chains(changed_plans(codebook, adapting))
        (folder / "chain.sofcb").write_bytes(chain.to_bytes())
        data = sofc.encode(np.stack(sets["deep"][:4]), batch=True, codebook=chain)
        yield "chain-images", data, "chain.sofcb", "a chain of images"
        five = np.stack([sets["deep"][k] for k in range(5)], axis=-1)
        data = sofc.encode(np.stack([five, five[::-1]]), batch=True, codebook=chain)
        yield "chain-components", data, "chain.sofcb", "two chains of components"


def interleaved_variants(
    folder: Path, codebook: Codebook, name: str, sets: dict[str, list[Image]]
) -> Iterator[tuple[str, bytes, str | None, str]]:
    """A vector in three stripes, and two rows left over; another within margins, some of which are whole rows."""
    image = np.concatenate(sets[name][:5])[:98]  # the same image again and again would be patches
    data = sofc.encode(image, codebook=codebook, coder="interleaved", band_rows=98)
    yield f"interleaved-{name}-striped", data, f"interleaved-{name}.sofcb", "interleaved, three stripes"
    rows, width = image.shape[:2]
    y, x = np.ogrid[:rows, :width]
    outside = ((y - 45) / 40) ** 2 + ((x - width / 2) / (width / 2)) ** 2 > 1
    image = np.where(outside.reshape(rows, width, *[1] * (image.ndim - 2)), image.dtype.type(3), image)
    data = sofc.encode(image, codebook=codebook, coder="interleaved", band_rows=98)
    yield f"interleaved-{name}-margins", data, f"interleaved-{name}.sofcb", "interleaved, margins"
    if name == "gray":
        grids, file = with_grid_classes(codebook), "interleaved-gray-grids.sofcb"
        (folder / file).write_bytes(grids.to_bytes())
        data = anywhere_on_grid(InterleavedCoder, sets[name][1], grids)
        yield "interleaved-gray-grids", data, file, "interleaved, grids"


def with_grid_classes(codebook: Codebook) -> Codebook:
    """A codebook whose first model, of one plane, has for each place of a grid a predictor of the one it had, and its
    weights of errors in another order."""
    (section,) = (codebook.sections[number] for number in codebook.models[0].sections)
    model = interleaved_section.unpack_plan(section.data, 0)
    number = np.arange(interleaved_kernel.CLASSES[interleaved_kernel.GRID]) * 7 % len(model.prediction.weights)
    error_weights = np.stack([np.roll(model.prediction.error_weights[0], place) for place in range(len(number))])
    weights = model.prediction.weights[number]
    prediction = replace(
        model.prediction, class_map=interleaved_kernel.GRID, weights=weights, error_weights=error_weights
    )
    packed = interleaved_section.pack_plan(replace(model, prediction=prediction))
    models = (replace(codebook.models[0], sections=(0,)),)
    return Codebook(f"{codebook.name}+", models, (replace(section, data=packed),))


def anywhere_on_grid(coder: type[GridCoder[Any]], image: Image, codebook: Codebook) -> bytes:
    """An image in bands that begin at different places of the grid: an encoder may choose any."""

    def place(planes: Sequence[Plane]) -> int:
        return 5 + int(planes[0].sum()) % 59

    with mock.patch.object(gridded, "find_grid", place), mock.patch.object(pieces, "find_grid", place):
        return sofc.encode(image, codebook=codebook, coder=coder.name, band_rows=8)


def with_transform(codebook: Codebook, transform: Transform) -> Codebook:
    """A codebook whose models of three components are for planes of another transform."""
    models = tuple(replace(model, transform=transform.id) for model in codebook.models)
    return Codebook(f"{codebook.name}, {transform.name}", models, codebook.sections)


def decoded(image: Image, quality: int, subsampling: str = "4:4:4", **settings: Any) -> Image:
    """An image as it comes back from a JPEG file."""
    file = io.BytesIO()
    chosen = {"qtables": settings["qtables"]} if settings else {"quality": quality}
    PIL.Image.fromarray(image).save(file, "jpeg", subsampling=subsampling, **chosen)
    return np.asarray(PIL.Image.open(file))


def sparse(image: Image, down_colours: int, across_colours: int) -> Image:
    """An image whose colour has few rows or columns, as decoders of 4:4:0 and 4:1:1 make it; Pillow does not write
    those."""
    planes = LATTICE.forward([plane.astype(np.int32) for plane in np.moveaxis(image, -1, 0)])
    rows, width = planes[0].shape
    drawn = []
    for number, plane in enumerate(planes[:3]):
        down, across = (down_colours, across_colours) if number else (1, 1)
        table = standard_table(85 if number else 90)
        decoder = Decoder(ACCURATE, REPLICATED if max(down, across) > 2 else TRIANGLE)
        origin = Origin.empty(Grid(down, across, 0, 0), table, (rows, width), decoder)
        height, breadth, _ = origin.coefficients.shape
        samples = np.zeros((8 * height, 8 * breadth), np.int64)
        part = plane[::down, ::across]
        samples[: len(part), : part.shape[1]] = part
        blocks = (samples - 128).reshape(height, 8, breadth, 8).swapaxes(1, 2)
        found = (BASIS @ blocks @ BASIS.T).reshape(height, breadth, 64) / (1 << 2 * BASIS_BITS)
        origin.coefficients[:] = np.rint(found / table)
        drawn.append(origin.draw((rows, width))[0])
    return np.stack(reached(drawn), axis=-1).astype(np.uint8)


def redrawn(image: Image, decoder: Decoder, conversion: int = 0) -> Image:
    """An image that came back from a JPEG file, as another decoder makes it."""
    planes = LATTICE.forward([np.ascontiguousarray(plane, np.int32) for plane in np.moveaxis(image, -1, 0)])
    found = recover_planes(planes, 3)
    assert found is not None, "the image shows how it was made"
    drawn = [replace(origin, decoder=decoder).draw(image.shape[:2])[0] for origin in found.origins]
    return np.stack(reached(drawn, CONVERSIONS[conversion]), axis=-1).astype(np.uint8)


def from_jpeg(folder: Path, random: np.random.Generator) -> Iterator[tuple[str, bytes, str | None, str]]:
    """Vectors of images that JPEG decoders made."""
    scene = [
        np.stack([waves(104, 88, k, random) * share for share in (1.0, 0.8, 0.6)], axis=-1).astype(np.uint8)
        for k in range(6)
    ]
    kinds = [(75, "4:2:0"), (88, "4:2:2"), (92, "4:4:4")]
    training = [decoded(image, *kinds[k % 3]) for k, image in enumerate(scene)]
    codebook = sofc.train(training, name="dct-colour", coder="dct", held_out=0).codebook
    (folder / "dct-colour.sofcb").write_bytes(codebook.to_bytes())
    settings: dict[str, Any] = {"codebook": codebook, "coder": "dct"}
    painted = decoded(scene[1], 90, "4:2:2").copy()
    painted[:40, 50:] = 0
    steps = [[3 + k // 5 for k in range(64)], [7 + k // 3 for k in range(64)]]
    images = {
        "420": decoded(scene[0], 80, "4:2:0"),
        "422": decoded(scene[1], 90, "4:2:2"),
        "440": sparse(scene[2], 2, 1),
        "411": sparse(scene[3], 1, 4),
        "444": decoded(scene[3], 85),
        "crop": decoded(scene[4], 75, "4:2:0")[3:, 11:],
        "painted": painted,
        "steps": decoded(scene[5], 0, "4:2:0", qtables=steps),
    }
    images["replicated"] = redrawn(images["420"], Decoder(ACCURATE, REPLICATED))
    for sampling in ("420", "422", "440"):
        images[f"scaled-{sampling}"] = redrawn(images[sampling], Decoder(ACCURATE, SCALED))
    images["fast"] = redrawn(decoded(scene[0], 70, "4:2:0"), Decoder(FAST, TRIANGLE))
    images |= {name: redrawn(images["420"], *kinds) for name, kinds in OTHER_DECODERS.items()}
    for name, sampling in product(("short", "shorter", "fine"), ("422", "440")):
        images[f"{name}-{sampling}"] = redrawn(images[sampling], *OTHER_DECODERS[name])
    spotted = decoded(scene[3], 80).copy()
    spotted[20:24:2, 30:34:2] = (250, 3, 77)
    images |= {"rough": decoded(scene[2], 25, "4:2:0"), "spotted": spotted}
    for name, image in images.items():
        data = sofc.encode(image, **settings)
        yield f"dct-colour-{name}", data, "dct-colour.sofcb", f"coefficients, {name}"
    busy = random.integers(0, 256, (24, 32, 3)).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    data = sofc.encode(decoded(busy, 90, "4:2:0"), effort=9, **settings)
    yield "dct-colour-busy", data, "dct-colour.sofcb", "large coefficients, effort 9"
    for effort in (2, 9):
        data = sofc.encode(images["420"], effort=effort, **settings)
        yield f"dct-colour-effort{effort}", data, "dct-colour.sofcb", f"coefficients at effort {effort}"
    other = with_networks(codebook)
    (folder / "dct-colour-network.sofcb").write_bytes(other.to_bytes())
    data = sofc.encode(images["420"], effort=9, codebook=other, coder="dct")
    yield "dct-colour-network", data, "dct-colour-network.sofcb", "coefficients, a network"
    banded = sofc.encode(images["420"], band_rows=40, **settings)
    yield "dct-colour-bands", banded, "dct-colour.sofcb", "coefficients, bands that cut blocks"
    corners = [(0, 0), (8, 16), (8, 16), (3, 5), (24, 32)]
    tiles = np.stack([decoded(scene[k], 80, "4:2:0")[y : y + 48, x : x + 56] for k, (y, x) in enumerate(corners)])
    grouped = sofc.encode(tiles, batch=True, key_interval=len(tiles), **settings)
    yield "dct-colour-group", grouped, "dct-colour.sofcb", "coefficients of a group, heads of which two are alike"
    whole = decoded(scene[0], 80, "4:2:0")
    cut = np.stack([whole[y : y + 48, x : x + 56] for y, x in ((16, 16), (3, 5), (8, 21))])
    moved = sofc.encode(cut, batch=True, key_interval=len(cut), **settings)
    yield "dct-colour-moved", moved, "dct-colour.sofcb", "coefficients of a group, cut out of one image"
    gray = [decoded(image[..., 0], 60 + 10 * k) for k, image in enumerate(scene[:4])]
    codebook = sofc.train(gray, name="dct-gray", coder="dct", held_out=0).codebook
    (folder / "dct-gray.sofcb").write_bytes(codebook.to_bytes())
    data = sofc.encode(gray[1][5:, 2:], codebook=codebook, coder="dct")
    yield "dct-gray", data, "dct-gray.sofcb", "coefficients, gray"


def changed_plans(codebook: Codebook, change: Callable[[PlanePlan], PlanePlan]) -> Codebook:
    """A codebook whose context models predict otherwise than they were trained to."""
    sections = list(codebook.sections)
    for model in codebook.models:
        for plane, number in enumerate(model.sections):
            section = sections[number]
            if (section.coder, section.kind) == (ContextCoder.id, PLAN) and section is codebook.sections[number]:
                plan = change(unpack_plan(section.data, plane))
                sections[number] = replace(section, data=pack_plan(plan))
    return Codebook(codebook.name + "+", codebook.models, tuple(sections))


def with_networks(codebook: Codebook) -> Codebook:
    """The context or dct models of a codebook for effort 9 alone, each with a network of random weights."""
    random = np.random.default_rng(SEED + 3)
    architecture, outputs = {ContextCoder.id: (CONTEXT_NETWORKS, 6), DctCoder.id: (DCT_NETWORKS, 8)}[
        codebook.models[0].coder
    ]
    layers = [
        (random.integers(-900, 900, (after, before)), random.integers(-999, 999, (kinds, after)) << 8)
        for (before, after), kinds in zip(
            pairwise([architecture.inputs, 9, 5, outputs]), (architecture.kinds, 1, 1), strict=True
        )
    ]
    network = Network(*starmap(layer_of, layers))
    codebook = only_at_9(codebook)
    sections = list(codebook.sections)
    for number in (number for model in codebook.models for number in model.sections):
        if sections[number].kind == WEIGHTS:
            mixers = unpack_mixers(sections[number].data, architecture)
            change = mixers.weights - neutral_weights(mixers.contexts)
            weights = neutral_weights(mixers.contexts) + change
            weights[:, mixers.contexts] += 1 << 12  # little of what makes no sense
            mixers = mixers._replace(weights=weights, network=network)
            sections[number] = replace(sections[number], data=pack_mixers(mixers, architecture))
    return Codebook(codebook.name + " with networks", codebook.models, tuple(sections))


def only_at_9(codebook: Codebook) -> Codebook:
    """A codebook of the models for effort 9 alone: what is worse than those for 5 would not be chosen beside them."""
    models = [model for model in codebook.models if model.effort == 9]
    used = sorted({number for model in models for number in model.sections})
    models = [replace(model, sections=tuple(used.index(number) for number in model.sections)) for model in models]
    return Codebook(codebook.name + " at 9", tuple(models), tuple(codebook.sections[number] for number in used))


def with_changes(codebook: Codebook) -> Codebook:
    """A codebook of coder 2 or 5 all of whose models are changed at random: weights, and predictors of coefficients."""
    random = np.random.default_rng(SEED + 2)

    def change(section: Section) -> bytes:
        shapes: list[tuple[int, int]] = []
        if section.kind == WEIGHTS:
            shapes = [(sum(WEIGHT_ROWS), section.data[0] + 1)]
        elif (section.coder, section.kind) == (DctCoder.id, PLAN):
            rows = section.data[0] * ROWS
            shapes = [(rows, MEANS), (rows, SIZES), (len(CONTEXTS), 1)]
        tables = [random.integers(-2, 3, shape) * (random.random(shape) < 0.02) * (shape[1] > 1) for shape in shapes]
        return pack_table_changes([(table, 2) for table in tables])

    changes = {number: change(section) for number, section in enumerate(codebook.sections)}
    numbers = sorted(number for number, data in changes.items() if data)
    places = {number: len(codebook.sections) + place for place, number in enumerate(numbers)}
    own = [Section(codebook.sections[number].coder, CHANGE, changes[number]) for number in numbers]
    models = [
        replace(model, sections=tuple(k for n in model.sections for k in ((n, places[n]) if n in places else (n,))))
        for model in codebook.models
    ]
    return Codebook("changed", tuple(models), (*codebook.sections, *own))


def adapting(plan: PlanePlan) -> PlanePlan:
    """The plan with predictions that are corrected."""
    return replace(plan, prediction=replace(plan.prediction, adapts=True))


def asking_all(plan: PlanePlan) -> PlanePlan:
    """The plan with contexts of all terms, in turn."""
    terms = np.arange(plan.contexts.size).reshape(plan.contexts.shape) % COUNT
    return replace(plan, contexts=terms)


def recalling(plan: PlanePlan) -> PlanePlan:
    """The plan with samples that are recalled, however small an error is expected."""
    unsure = replace(plan.prediction, offsets=np.full_like(plan.prediction.offsets, 1 << 14))
    return replace(plan, prediction=unsure, matches=True)


def adapting_and_recalling(plan: PlanePlan) -> PlanePlan:
    """The plan with both."""
    return adapting(recalling(plan))


def on_grid(plan: PlanePlan) -> PlanePlan:
    """The plan with predictors for each place of a grid."""
    old = plan.prediction
    number = np.arange(bank.CLASSES[bank.GRID]) * 7 % len(old.weights)
    prediction = replace(
        old,
        class_map=bank.GRID,
        thresholds=old.thresholds[1:6:2],
        weights=old.weights[number],
        offsets=old.offsets[number],
    )
    return replace(plan, prediction=prediction)


def chains(codebook: Codebook) -> Codebook:
    """A codebook for three components as one for chains."""
    models = tuple(replace(model, components=1, max_bits=16, transform=CHAIN.id) for model in codebook.models)
    return Codebook("chain", models, codebook.sections)


def invalid(good: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Name, bytes and the rule that is broken, all made from one good file."""
    yield "cut", good[:-12], "the file ends before its end chunk"
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 4
    yield "damaged", bytes(damaged), "a chunk does not match its CRC"
    yield "signature", b"\xabSOFX\r\n\n" + good[8:], "another signature"
    yield "major", good[:8] + b"\x01" + good[9:], "a major version that is not known"
    unknown = good[:10] + frame_chunk(b"Q", b"") + good[10:]
    yield "critical", unknown, "an unknown critical chunk"
    twice = good[:10] + frame_chunk(schema.FILE_END, (0).to_bytes(4, "little")) + good[10:]
    yield "no-image", twice[:20], "a file without an image"
    recipe = pack_metadata(Metadata(MetadataKind.ORIGINAL, "", b"\x01\x00" + bytes(32) + b"\x00\x01\x00\x00"))
    without = good[:10] + frame_chunk(schema.METADATA, recipe) + twice[10:20]
    yield "no-image-recipe", without, "a file without an image that keeps no other file whole"


VARIANTS = {"context": context_variants, "interleaved": interleaved_variants}
"""Further vectors of single coders."""


def jpeg_files() -> Iterator[tuple[str, bytes, str]]:
    """JPEG data of kinds that are coded differently."""
    # Of 37 x 21 samples, chrominance of half as many either way, and with restart markers.
    first = (ROOT / "tools" / "vector.jpg").read_bytes()
    yield "", first + b"behind", "sequential, with something behind it"
    place = first.index(b"\xff\xd0") - 1
    odd = first[:place] + bytes([first[place] & 0xFE]) + b"\xff\xff" + first[place + 1 :]
    yield "-padding", odd, "a byte that is not filled up with ones, and fill bytes before a restart marker"
    photograph = PIL.Image.open(io.BytesIO(first)).resize((75, 45))

    def saved(image: PIL.Image.Image, **settings: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", **settings)
        return buffer.getvalue()

    progressive = saved(photograph, quality=85, progressive=True, restart_marker_blocks=7)
    yield "-progressive", progressive, "progressive, with restart markers"
    yield "-cut", saved(photograph, quality=90, progressive=True)[:-700], "progressive and cut off"
    yield "-411", jpeg8_encode(np.array(photograph), level=80, subsampling="411"), "one chrominance for four columns"
    yield "-cmyk", saved(photograph.convert("CMYK"), quality=80), "four components"
    tile = saved(photograph.convert("L"), quality=80)
    frame, codes, scan = (tile.index(b"\xff" + marker) for marker in (b"\xc0", b"\xc4", b"\xda"))
    tables = b"\xff\xd8" + tile[tile.index(b"\xff\xdb") : frame] + tile[codes:scan] + b"\xff\xd9"
    stream = b"\xff\xd8" + tile[frame:codes] + tile[scan:]
    yield "-tables", stream + stream + tables, "two streams without tables, which stand behind them"
    # By libjpeg-turbo 2.1 through jpeglib, which no tool of the project needs.
    yield "-arithmetic", (ROOT / "tools" / "vector-arithmetic.jpg").read_bytes(), "arithmetic codes, progressive"
    pieces = [progressive[:500], progressive[500:]]
    items = b"".join(b"\xfe\xff\0\xe0" + len(each).to_bytes(4, "little") + each for each in pieces)
    yield "-fragments", items, "two fragments of a DICOM frame"
    small = saved(photograph.resize((37, 22)), quality=80)
    yield "-within", saved(photograph, quality=60, exif=b"Exif\0\0" + small), "one in the head of another"


def flushed_gzip(data: bytes) -> bytes:
    """A gzip file whose deflate data no settings of zlib make: it is flushed every 300 bytes."""
    packed = b"\x1f\x8b\x08" + bytes(7)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    for start in range(0, len(data), 300):
        packed += deflater.compress(data[start : start + 300]) + deflater.flush(zlib.Z_SYNC_FLUSH)
    packed += deflater.flush()
    return packed + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")


def as_pillow_writes(file_format: str, *images: npt.NDArray[np.generic]) -> bytes:
    """A GIF, TGA or Group 4 TIFF file of images, of frames where there are several."""
    first, *others = map(PIL.Image.fromarray, images)
    several = {"save_all": True, "append_images": others} if others else {}
    compression = {"TGA": {"compression": "tga_rle"}, "TIFF": {"compression": "group4"}}
    first.save(buffer := io.BytesIO(), file_format, **compression.get(file_format, several))
    return buffer.getvalue()


def kept_jpeg(data: bytes, book: Codebook) -> bytes:
    """A file that keeps JPEG data as its coefficients."""
    kept = keep_coefficients("a.jpg", data, book, 5)
    assert kept is not None and kept.codebook is book
    return sofc.Encoder(codebook=kept.codebook, metadata=kept.items).finish()


def with_profiles(folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of a valid vector with the profiles that decoding it takes, as the specification's small decoder finds
    them."""
    codebooks = [(folder / entry["codebook"]).read_bytes()] if "codebook" in entry else []
    found = found_in(decode_file((folder / entry["file"]).read_bytes(), codebooks))
    return {"file": entry["file"], "result": entry["result"], "profiles": found["profiles"]} | entry


def has_images(data: bytes) -> bool:
    """Whether a file has images of its own."""
    start = FILE_HEAD_SIZE
    while (head := parse_chunk_head(data, start, len(data))) is not None and start < len(data):
        if head.type == schema.IMAGE_HEAD:
            return True
        start = head.end
    return False


def misread(folder: Path) -> list[str]:
    """Names of files made before that should be readable by the number of their draft, and decode to something else."""
    listed = folder / "manifest.json"
    entries = json.loads(listed.read_text()) if listed.exists() else []
    wrong = []
    for entry in (entry for entry in entries if entry["result"] == "valid" and entry["images"]):
        try:
            books = {}
            if "codebook" in entry:
                book = sofc.Codebook.from_bytes((folder / entry["codebook"]).read_bytes())
                books[book.id] = book
            images = sofc.decode_images((folder / entry["file"]).read_bytes(), codebooks=books)
        except sofc.UnsupportedError:
            continue
        except sofc.SofcError:
            images = []
        if [digest_of(image) for image in images] != [image["sha256"] for image in entry["images"]]:
            wrong.append(entry["file"])
    return wrong


def digest_of(image: npt.NDArray[np.generic]) -> str:
    """SHA-256 of samples, lowest byte first."""
    return hashlib.sha256(image.astype(image.dtype.newbyteorder("<")).tobytes()).hexdigest()


def main() -> int:
    """Write everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "spec" / "vectors", help="(%(default)s)")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    if found := misread(folder):
        print(f"{', '.join(found)}: not what they were: raise VERSION_MINOR (CONTRIBUTING.md)", file=sys.stderr)
        return 1
    entries = []
    for name, data, codebook, comment in valid(folder):
        (folder / f"{name}.sofc").write_bytes(data)
        books = {}
        if codebook:
            book = sofc.Codebook.from_bytes((folder / codebook).read_bytes())
            books[book.id] = book
        # A file without images keeps another one, of which a decoder of images alone knows nothing.
        images = sofc.decode_images(data, codebooks=books) if has_images(data) else []
        samples = [
            {
                "shape": list(image.shape),
                "dtype": image.dtype.name,
                "sha256": digest_of(image),
            }
            for image in images
        ]
        entry: dict[str, Any] = {"file": f"{name}.sofc", "result": "valid", "comment": comment, "images": samples}
        with sofc.open_reader(data) as reader:
            if original := from_metadata(reader.metadata):
                entry["original"] = {"name": original.name, "sha256": original.digest.hex()}
        entries.append(entry | ({"codebook": codebook} if codebook else {}))
    entries = [with_profiles(folder, entry) for entry in entries]
    base = next(entry for entry in entries if entry["file"] == "neutral-gray.sofc")
    for name, data, comment in invalid((folder / "neutral-gray.sofc").read_bytes()):
        (folder / f"invalid-{name}.sofc").write_bytes(data)
        invalid_entry = {"file": f"invalid-{name}.sofc", "result": "invalid", "profiles": base["profiles"]}
        entries.append(invalid_entry | {"comment": comment})
    (folder / "manifest.json").write_text(json.dumps(entries, indent=1) + "\n")
    print(f"{len(entries)} vectors, {sum(path.stat().st_size for path in folder.iterdir())} bytes in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
