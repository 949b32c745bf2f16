"""``sofc analyze``: do shapes pay on these images?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sofc.cli import options
from sofc.cli.console import OK, Console, count_of
from sofc.cli.outputs import refuse_overwrite
from sofc.errors import CodebookError, SofcError, UsageError

if TYPE_CHECKING:
    from sofc.cli.render_bits import Covered
    from sofc.codebook import Codebook
    from sofc.coders.kinds import Kind
    from sofc.coders.shape import ShapeCoder
    from sofc.coders.shape.measure import PlaneMeasure
    from sofc.image import PixelFormat
    from sofc.imagefiles import ImageSource, Samples
    from sofc.transforms.components import Transform

MOST_DRAWN = 4
"""Images on one picture."""
EFFORT = 5
EXAMPLES = """\
  sofc analyze -D scans.sofcb scans    per component: shapes placed, what they cost, and whether they pay
  sofc analyze scans                   the same with a codebook mined from these very images
  sofc analyze --threshold 127 t10k-images-idx3-ubyte.gz
  sofc analyze --render bits.png scan.png    also a picture: where the bits of the image went, coded by sofc encode

placed       (location, shape) pairs, single samples too; "large" of them are of several samples
location     mean bits that the location of one costs
shape        mean bits that it costs to say which shape or value it is
indicator    the compressible indicator: the most bits that a location may cost, on average, for the
             stream to be smaller than the samples
pays         whether locations cost no more than that"""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "analyze", "print the compressible indicator of images", EXAMPLES)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="image files and folders")
    options.add_recursive(parser)
    options.add_codebook(parser)
    options.add_threshold(parser)
    options.add_axes(parser)
    parser.add_argument(
        "--render",
        type=options.picture,
        metavar="PNG",
        help=f"draw the first {MOST_DRAWN} images, each beside a map of where its bits went, and the shapes placed",
    )
    options.add_force(parser)
    parser.add_argument("--json", action="store_true", help="print a list of objects as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure every image and print sums for each kind."""
    console = options.console(args)
    if args.render is not None:
        refuse_overwrite(args.render, args.force)
    named = codebook = options.named_codebook(args)
    from sofc.coders.shape.counts import mined_planes

    statuses = [OK]
    images = options.images(args, console, lambda name, error: statuses.append(console.error(error, name)))
    if not images:
        raise UsageError("there are no images to analyze")
    if codebook is None:
        from sofc.training import train

        console.note("no codebook was named: these very images are mined for one, so the figures are too good")
        with console.progress(None, "shard", "mining") as advance:
            codebook = train(
                images,
                name="analyze",
                coder="shape",
                held_out=0,
                progress=lambda *stage: advance(1),
                passed_over=lambda image, error: None,  # that is said where it is measured
            ).codebook
    # Pictures are drawn of any codebook.
    has_shapes = args.render is None or mined_planes(codebook)
    status, measured = _measure_all(console, codebook, images) if has_shapes else (OK, {})
    status = max(*statuses, status)
    if args.render is not None:
        _render(console, args.render, images, named, codebook)
    if args.json:
        console.json([_as_json(kind, counts, planes) for kind, (counts, planes) in sorted(measured.items())])
    else:
        for kind, (count, planes) in sorted(measured.items()):
            _print(console, f"{kind}: {count_of(count, 'image')}, codebook {codebook.name}", planes)
    return status


def _measure_all(
    console: Console, codebook: Codebook, images: list[ImageSource]
) -> tuple[int, dict[Kind, tuple[int, list[PlaneMeasure]]]]:
    """The worst status, and for each kind the number of images and the sums of each plane."""
    from sofc.coders.shape.measure import combine

    status = OK
    measured: dict[Kind, tuple[int, list[PlaneMeasure]]] = {}
    with console.progress(len(images), "image") as advance:
        for image in images:
            advance(1)
            try:
                kind, planes = _measure(codebook, image)
            except (SofcError, OSError) as error:
                status = max(status, console.error(error, image.name))
                continue
            count, sums = measured.get(kind, (0, []))
            planes = [combine(pair) for pair in zip(sums, planes, strict=True)] if sums else planes
            measured[kind] = (count + 1, planes)
    return status, measured


def _measure(codebook: Codebook, image: ImageSource) -> tuple[Kind, list[PlaneMeasure]]:
    from sofc.api.headers import header_for
    from sofc.band.coding import to_planes
    from sofc.coders.kinds import kind_of
    from sofc.coders.shape.measure import measure
    from sofc.imagefiles import load

    array, declared_bits, meaning, _ = load(image)
    samples = header_for(array, declared_bits=declared_bits, meaning=meaning).format
    kind = kind_of(samples)
    transform, coder = _shape_coder(codebook, samples, kind)
    planes = transform.forward(to_planes(array, samples))
    ranges = transform.ranges(samples.components, samples.coded_bits)
    return kind, measure(coder, planes, ranges, array.shape[0], samples.coded_bits)


def _render(console: Console, path: Path, images: list[ImageSource], named: Codebook | None, mined: Codebook) -> None:
    """Draw where the bits of the first images went, coded with the ``named`` codebook or without, and ``mined`` shapes
    where they were placed."""
    from sofc.cli import drawing
    from sofc.cli.bit_maps import spent_on
    from sofc.cli.render_bits import page
    from sofc.imagefiles import load

    pages = []
    for image in images[:MOST_DRAWN]:
        samples = load(image)
        try:
            shapes = _placed(mined, samples)
        except CodebookError:
            shapes = []
        pages.append(page(image.name, samples.array, spent_on(samples, named, EFFORT), shapes))
    drawing.save(drawing.below(pages, 4 * drawing.GAP), path)
    console.result(f"{path}: {count_of(len(pages), 'image')} drawn")


def _placed(codebook: Codebook, samples: Samples) -> list[Covered]:
    """Where the shapes of a codebook stand in each plane of an image. Raises CodebookError where it has none for it."""
    from sofc.api.headers import header_for
    from sofc.band.coding import to_planes
    from sofc.cli.render_bits import placed
    from sofc.coders.kinds import kind_of

    pixel_format = header_for(samples.array, declared_bits=samples.declared_bits, meaning=samples.meaning).format
    transform, coder = _shape_coder(codebook, pixel_format, kind_of(pixel_format))
    planes = transform.forward(to_planes(samples.array, pixel_format))
    ranges = transform.ranges(pixel_format.components, pixel_format.coded_bits)
    each = zip(coder.encode_planes(planes, ranges, len(samples.array), use_shapes=True), coder.parameters, strict=True)
    return [placed(one.pairs, model.shapes.shapes, one.zigzag >> model.split) for one, model in each]


def _shape_coder(codebook: Codebook, samples: PixelFormat, kind: Kind) -> tuple[Transform, ShapeCoder]:
    """The codebook's narrowest model with shapes for these samples."""
    from sofc.coders.registry import CODERS, accepts, coder_for
    from sofc.coders.shape import ShapeCoder
    from sofc.container.records import FIRST_CODEBOOK_MODEL

    fitting = [
        (model.max_bits, FIRST_CODEBOOK_MODEL + number)
        for number, model in enumerate(codebook.models)
        if model.coder in CODERS and CODERS[model.coder].keeps_patches and accepts(model, samples)
    ]
    for _, number in sorted(fitting):
        transform, coder = coder_for(codebook, number, samples)
        if isinstance(coder, ShapeCoder):
            return transform, coder
    raise CodebookError(f"codebook {codebook.name!r} has no shapes for {kind}", codebook_id=codebook.id)


def _print(console: Console, title: str, planes: list[PlaneMeasure]) -> None:
    from sofc.coders.shape.measure import combine

    console.answer(title)
    total = combine(planes)
    nothing = "  shapes do not pay: none of several samples is worth placing"
    if total.indicator is None:
        console.answer(nothing)
        return
    console.answer(f"{'component':>11}{'placed':>11}{'large':>11}{'location':>10}{'shape':>10}{'indicator':>11}  pays")
    rows = [(str(number), plane) for number, plane in enumerate(planes)]
    if len(planes) > 1:
        rows.append(("all", total))
    for name, plane in rows:
        indicator = "-" if plane.indicator is None else f"{plane.indicator:.2f}"
        console.answer(
            f"{name:>11}{plane.placed:>11}{plane.large:>11}{plane.mean_location_bits:>10.2f}"
            f"{plane.mean_code_bits:>10.2f}{indicator:>11}  {'yes' if plane.pays else 'no'}"
        )
    if not total.large:
        console.answer(nothing)
        return
    costs = f"a location costs {total.mean_location_bits:.2f} bits on average, and may cost {total.indicator:.2f}"
    if total.indicator < 0:
        costs = "not even if locations cost nothing"
    console.answer(f"  shapes {'pay' if total.pays else 'do not pay'}: {costs}")


def _as_json(kind: Kind, images: int, planes: list[PlaneMeasure]) -> dict[str, Any]:
    return {
        "kind": str(kind),
        "images": images,
        "components": [
            {
                **plane._asdict(),
                "mean_location_bits": plane.mean_location_bits,
                "mean_code_bits": plane.mean_code_bits,
                "indicator": plane.indicator,
                "pays": plane.pays,
            }
            for plane in planes
        ],
    }
