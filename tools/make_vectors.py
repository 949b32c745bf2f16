#!/usr/bin/env python3
"""Write the conformance vectors of the format to spec/vectors: files, codebooks, and what a decoder must make of them.

Usage: make_vectors.py [FOLDER]. The files are committed: they stay the same while the format does, so that a decoder
of today is held against files of yesterday. Run this only when the format changes.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

import sofc
from sofc.codebook import Codebook
from sofc.coders.base import Descriptor
from sofc.coders.context import ContextCoder
from sofc.coders.context.model import PlanePlan
from sofc.coders.context.section import PLAN, pack_plan, unpack_plan
from sofc.coders.kinds import Kind
from sofc.container import schema
from sofc.container.chunks import pack_metadata
from sofc.container.original import from_metadata
from sofc.container.records import Metadata, MetadataKind
from sofc.container.walker import frame_chunk
from sofc.jpeg.colour import reached
from sofc.jpeg.dct import BASIS, BASIS_BITS, Grid
from sofc.jpeg.origin import Origin, standard_table
from sofc.keepfile import keep
from sofc.prediction import bank
from sofc.training.recipes import trainable
from sofc.transforms.components import CHAIN, LATTICE

Image = npt.NDArray[Any]
ROOT = Path(__file__).resolve().parent.parent
SEED = 20
KINDS = {
    "gray": Kind(1, 8),
    "deep": Kind(1, 16),
    "colour": Kind(3, 8),
    "lattice": Kind(3, 8, lattice=True),
    "binary": Kind(1, 1),
}
FEWER_IMAGES = {"context": 3}
"""Images that codebooks are trained on which would be large else."""


def waves(rows: int, width: int, phase: float, random: np.random.Generator, top: int = 255) -> Image:
    """A smooth image with a little noise."""
    y, x = np.mgrid[:rows, :width]
    value = 0.5 + 0.3 * np.sin(y / 5 + phase) + 0.15 * np.cos(x / 4 - phase)
    noisy: Image = np.clip(value * top + random.normal(0, top / 90, (rows, width)), 0, top)
    return noisy


def noise(random: np.random.Generator) -> Image:
    """An image that nothing makes smaller."""
    return random.integers(0, 256, (5, 6, 3)).astype(np.uint8)


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
    sets["large"] = [(waves(136, 64, 3, random, 4095) // 16 * 16).astype(np.uint16)]
    ramp = np.arange(30, dtype=np.uint8).reshape(5, 6)
    yield "raw-gray", sofc.encode(ramp, coder="raw"), None, "gray 8-bit, raw"
    signed = np.array([[-1500, 0, 7], [2106, -1, 1]], np.int16)
    yield "raw-signed", sofc.encode(signed, coder="raw"), None, "signed 16-bit, raw"
    yield "raw-bits", sofc.encode(sets["binary"][0], coder="raw"), None, "1 bit a sample, raw"
    many = random.integers(0, 8, (4, 5, 5)).astype(np.uint8)
    yield "raw-five-components", sofc.encode(many, coder="raw"), None, "five components, raw"
    yield "neutral-gray", sofc.encode(sets["gray"][0], codebook=None), None, "neutral model 1"
    yield "neutral-colour", sofc.encode(sets["colour"][0], codebook=None), None, "neutral model 2"
    yield "neutral-deep", sofc.encode(sets["deep"][0], codebook=None), None, "neutral model, 12 bits in 16"
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
    few = (sets["gray"][2] // 16 * 16).astype(np.uint8)
    yield "mapped-values", sofc.encode(few, coder="shape"), None, "numbers of values"
    painted = random.integers(0, 256, (9, 3)).astype(np.uint8)[sets["gray"][2] // 29]
    yield "mapped-palette", sofc.encode(painted, coder="shape"), None, "numbers of colours"
    original = b"P5 6 5 255\n" + ramp.tobytes() + b"behind"
    kept = keep("a.pgm", original, [ramp]).items
    yield "kept-file", sofc.encode(ramp, coder="raw", metadata=kept), None, "an original file"
    whole = keep("a.txt", b"a file that is no image, " * 4, []).items
    yield "kept-whole", sofc.Encoder(codebook=None, metadata=whole).finish(), None, "an original file alone"
    # Of 37 x 21 samples, chrominance of half as many either way, and with restart markers.
    jpeg = (ROOT / "tools" / "vector.jpg").read_bytes()
    photograph = np.array(PIL.Image.open(io.BytesIO(jpeg)))
    kept = keep("a.jpg", jpeg + b"behind", [photograph]).items
    yield "kept-jpeg", sofc.encode(photograph, coder="raw", metadata=kept), None, "an original JPEG file"
    for coder in trainable().values():
        suited = [name for name, kind in KINDS.items() if coder.unasked(kind)] or [
            name for name, kind in KINDS.items() if coder.accepts(kind) and (coder.knows_lattice or not kind.lattice)
        ]
        for name in suited if coder.trace is None else ():
            yield from trained(folder, coder, name, sets)
    yield from from_jpeg(folder, random)


def trained(
    folder: Path, coder: Descriptor[Any], name: str, sets: dict[str, list[Image]]
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
    yield from VARIANTS.get(coder.name, lambda *_: ())(folder, codebook, name, sets)


def context_variants(
    folder: Path, codebook: Codebook, name: str, sets: dict[str, list[Image]]
) -> Iterator[tuple[str, bytes, str | None, str]]:
    """Vectors of context models that training did not make so, and of chains."""
    if name not in ("deep", "colour"):
        return
    stack = np.stack(sets[name])
    for change in (adapting, on_grid, recalling):
        other = changed_plans(codebook, change)
        kind = change.__name__.replace("_", "-")
        file = f"context-{name}-{kind}.sofcb"
        (folder / file).write_bytes(other.to_bytes())
        data = sofc.encode(np.concatenate([stack, stack // 32 * 32]), batch=True, codebook=other)
        yield f"context-{name}-{kind}", data, file, f"context, {kind}"
        if name == "deep":
            data = sofc.encode(sets["large"][0], codebook=other, band_rows=68)
            yield f"context-large-{kind}", data, file, f"context, {kind}, bands"
    if name == "colour":
        chain = chains(changed_plans(codebook, adapting))
        (folder / "chain.sofcb").write_bytes(chain.to_bytes())
        data = sofc.encode(np.stack(sets["deep"]), batch=True, codebook=chain)
        yield "chain-images", data, "chain.sofcb", "a chain of images"
        five = np.stack([sets["deep"][k] for k in range(5)], axis=-1)
        data = sofc.encode(np.stack([five, five[::-1]]), batch=True, codebook=chain)
        yield "chain-components", data, "chain.sofcb", "two chains of components"


def interleaved_variants(
    folder: Path, codebook: Codebook, name: str, sets: dict[str, list[Image]]
) -> Iterator[tuple[str, bytes, str | None, str]]:
    """A vector in three stripes, and two rows left over."""
    image = np.concatenate([sets[name][0]] * 5)[:98]
    data = sofc.encode(image, codebook=codebook, coder="interleaved", band_rows=98)
    yield f"interleaved-{name}-striped", data, f"interleaved-{name}.sofcb", "interleaved, three stripes"


def decoded(image: Image, quality: int, subsampling: str = "4:4:4", **settings: Any) -> Image:
    """An image as it comes back from a JPEG file."""
    file = io.BytesIO()
    chosen = {"qtables": settings["qtables"]} if settings else {"quality": quality}
    PIL.Image.fromarray(image).save(file, "jpeg", subsampling=subsampling, **chosen)
    return np.asarray(PIL.Image.open(file))


def tall(image: Image) -> Image:
    """An image whose colour has every other row only, as decoders of 4:4:0 make it; Pillow does not write that."""
    planes = LATTICE.forward([plane.astype(np.int32) for plane in np.moveaxis(image, -1, 0)])
    rows, width = planes[0].shape
    drawn = []
    for number, plane in enumerate(planes[:3]):
        down = 2 if number else 1
        table = standard_table(85 if number else 90)
        origin = Origin.empty(Grid(down, 1, 0, 0), table, (rows, width))
        height, breadth, _ = origin.coefficients.shape
        samples = np.zeros((8 * height, 8 * breadth), np.int64)
        part = plane[::down]
        samples[: len(part), :width] = part
        blocks = (samples - 128).reshape(height, 8, breadth, 8).swapaxes(1, 2)
        found = (BASIS @ blocks @ BASIS.T).reshape(height, breadth, 64) / (1 << 2 * BASIS_BITS)
        origin.coefficients[:] = np.rint(found / table)
        drawn.append(origin.draw((rows, width))[0])
    return np.stack(reached(drawn), axis=-1).astype(np.uint8)


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
        "440": tall(scene[2]),
        "444": decoded(scene[3], 85),
        "crop": decoded(scene[4], 75, "4:2:0")[3:, 11:],
        "painted": painted,
        "steps": decoded(scene[5], 0, "4:2:0", qtables=steps),
    }
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
    banded = sofc.encode(images["420"], band_rows=40, **settings)
    yield "dct-colour-bands", banded, "dct-colour.sofcb", "coefficients, bands that cut blocks"
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


def adapting(plan: PlanePlan) -> PlanePlan:
    """The plan with predictions that are corrected."""
    return replace(plan, prediction=replace(plan.prediction, adapts=True))


def recalling(plan: PlanePlan) -> PlanePlan:
    """The plan with samples that are recalled, however small an error is expected."""
    energetic = replace(plan.prediction, offsets=np.full_like(plan.prediction.offsets, 1 << 14))
    return replace(plan, prediction=energetic, matches=True)


def on_grid(plan: PlanePlan) -> PlanePlan:
    """The plan with predictors for each place of a grid."""
    old, classes = plan.prediction, bank.CLASSES[bank.GRID]
    number = np.arange(classes) * 7 % len(old.weights)
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


def main() -> int:
    """Write everything."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "spec" / "vectors"
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, data, codebook, comment in valid(folder):
        (folder / f"{name}.sofc").write_bytes(data)
        books = {}
        if codebook:
            book = sofc.Codebook.from_bytes((folder / codebook).read_bytes())
            books[book.id] = book
        # A file without images keeps another one, which here is no image either.
        images = [] if name == "kept-whole" else sofc.decode_images(data, codebooks=books)
        samples = [
            {
                "shape": list(image.shape),
                "dtype": image.dtype.name,
                "sha256": hashlib.sha256(image.astype(image.dtype.newbyteorder("<")).tobytes()).hexdigest(),
            }
            for image in images
        ]
        entry: dict[str, Any] = {"file": f"{name}.sofc", "result": "valid", "comment": comment, "images": samples}
        with sofc.open_reader(data) as reader:
            if original := from_metadata(reader.metadata):
                entry["original"] = {"name": original.name, "sha256": original.digest.hex()}
        entries.append(entry | ({"codebook": codebook} if codebook else {}))
    for name, data, comment in invalid((folder / "neutral-gray.sofc").read_bytes()):
        (folder / f"invalid-{name}.sofc").write_bytes(data)
        entries.append({"file": f"invalid-{name}.sofc", "result": "invalid", "comment": comment})
    (folder / "manifest.json").write_text(json.dumps(entries, indent=1) + "\n")
    print(f"{len(entries)} vectors, {sum(path.stat().st_size for path in folder.iterdir())} bytes in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
