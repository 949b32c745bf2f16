"""``sofc demo``: the whole round on real images, in a minute or two."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sofc.cli import options
from sofc.cli.console import INVALID_DATA, OK, Console, size
from sofc.errors import UsageError

if TYPE_CHECKING:
    from sofc.imagefiles import ImageSource, Samples

EXAMPLES = """\
  sofc demo           on a micrograph and two photographs that come with scikit-image
  sofc demo scans     on your own images: three of four are mined, each fourth is coded

Trains, encodes, decodes, compares every sample, and shows the sizes: of the samples, as PNG, with the codebook that is
built in, of the codebook that was trained, and with it. A codebook that does not pay, as far as images held out say, is
not used: then there is a dash. Writes nothing."""

MAX_SAMPLES = 12_000_000
"""The demonstration takes images of a folder up to this many samples, to be done in a minute or two."""

COLUMNS = ("mined", "coded", "samples", "PNG", "built-in", "codebook", "with it", "ratio")


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "demo", "show the whole round on real images", EXAMPLES)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="folder of similar images")
    options.add_recursive(parser)
    options.add_threshold(parser)
    parser.add_argument("--coder", metavar="NAME", help="coder to train (default: those of all efforts)")
    parser.add_argument("--json", action="store_true", help="print a list of objects as JSON: counts, and bytes")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demonstration."""
    console = options.console(args)
    collections = _bundled() if args.folder is None else {str(args.folder): _folder(console, args)}
    if not args.json:
        console.answer(f"{'collection':<24}" + "".join(f"{column:>12}" for column in COLUMNS))
    rows = [_show(console, name, images, args.coder, as_json=args.json) for name, images in collections.items()]
    if args.json:
        console.json(rows)
    return OK if all(row["same"] for row in rows) else INVALID_DATA


def _folder(console: Console, args: argparse.Namespace) -> list[ImageSource]:
    from sofc.imagefiles import load, sources

    taken: list[ImageSource] = []
    total = 0
    found = sources([args.folder], recursive=args.recursive, threshold=args.threshold, passed_over=console.passed_over)
    for source in found:
        total += load(source).array.size
        if total > MAX_SAMPLES:
            console.note(f"took the first {len(taken)} of {len(found)} images, to be done in a minute or two")
            break
        taken.append(source)
    if len(taken) < 4:
        raise UsageError(f"{args.folder}: the demonstration needs at least 4 images, and found {len(taken)}")
    return taken


def _bundled() -> dict[str, list[ImageSource]]:
    """Collections of similar images, cut from pictures that scikit-image's own package holds."""
    try:
        from skimage import data
    except ImportError:
        raise UsageError(
            "the demonstration's own images come with scikit-image, which is not installed: "
            "pip install scikit-image, or name a folder: sofc demo FOLDER"
        ) from None
    folder = Path(data.__file__).parent
    return {
        "blood vessels (retina)": _tiles(folder / "retina.jpg", 160),
        "stained tissue (ihc)": _tiles(folder / "ihc.png", 128),
        "brick wall (brick)": _tiles(folder / "brick.png", 128),
    }


def _tiles(path: Path, side: int) -> list[ImageSource]:
    """Square pieces of a picture, as images of a collection."""
    from sofc.imagefiles import ImageSource, load

    picture = load(ImageSource(path)).array
    height, width = picture.shape[:2]
    pieces = [
        picture[top : top + side, left : left + side]
        for top in range(0, height - side + 1, side)
        for left in range(0, width - side + 1, side)
    ]
    return [ImageSource(index=number, array=piece) for number, piece in enumerate(pieces)]


def _show(
    console: Console, name: str, images: list[ImageSource], coder: str | None, *, as_json: bool
) -> dict[str, Any]:
    """One collection: a line of the table."""
    import numpy as np

    from sofc.api.oneshot import decode_images
    from sofc.codebook import Codebook
    from sofc.codebook.builtin import builtin_codebook
    from sofc.collection import encode_collection, sample_size
    from sofc.imagefiles import each
    from sofc.training import train

    coded = images[3::4]
    mined = [image for number, image in enumerate(images) if number % 4 != 3]
    with console.progress(None, "shard", name) as advance:
        trained = train(mined, name="demo", coder=coder, progress=lambda stage, done, total: advance(1))
    is_kept = coder is not None or trained.report.is_worthwhile
    codebook = trained.codebook.to_bytes() if is_kept else b""
    # As another machine would: from nothing but the bytes of the file and of the codebook.
    received = [Codebook.from_bytes(codebook)] if is_kept else []
    data = b"".join(encode_collection(each(coded), codebook=received[0] if is_kept else builtin_codebook))
    decoded = decode_images(data, codebooks={one.id: one for one in received})
    originals = [samples.array for samples in each(coded)]
    same = len(decoded) == len(originals) and all(
        one.dtype == other.dtype and np.array_equal(one, other) for one, other in zip(decoded, originals, strict=True)
    )
    before = sum(map(sample_size, originals))
    png = sum(_png_size(samples) for samples in each(coded))
    alone = sum(map(len, encode_collection(each(coded))))
    columns = (len(mined), len(coded), before, png, alone, len(codebook), len(data))
    if not as_json:
        counts, bytes_ = columns[:2], columns[2:]
        figures = [*map(str, counts), *(size(one) if one else "-" for one in bytes_), f"{before / len(data):.2f}"]
        console.answer(
            f"{name[-23:]:<24}"
            + "".join(f"{figure:>12}" for figure in figures)
            + ("  every sample the same" if same else "  SAMPLES DIFFER")
        )
    return {"collection": name, **dict(zip(COLUMNS, columns, strict=False)), "same": same}


def _png_size(samples: Samples) -> int:
    """Bytes of the image as PNG; 0 where PNG does not hold it."""
    import io

    from sofc.imagefiles import fits_png
    from sofc.imagefiles.save import write

    if not fits_png(samples.array):
        return 0
    buffer = io.BytesIO()
    write(buffer, samples.array, "png")
    return len(buffer.getvalue())
