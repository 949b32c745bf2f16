#!/usr/bin/env python3
"""Make the tables of the soft compression papers on a folder of image sets.

    tools/papers.py DATA                             everything
    tools/papers.py DATA --sets mnist,drive          some of it
    tools/papers.py DATA --limit 20 --train-limit 50 a quick look

DATA holds one folder a set, each with train/ and test/: mnist and fashion-mnist (IDX files with labels), and
drive, ph2, bccd, malaria-cells and isic (image files). Sets that are not there are passed over.

Every set is counted in two ways:

* The papers' way: the coded streams of each image alone (whole image in one band), nothing else; the ratio of
  a set is the mean of the images' ratios; the codebook is not charged.
* Files: the bytes of whole sofc files with everything in them but the codebook, to which they refer; the ratio
  of a set is raw size of all / coded size of all. The images of MNIST and Fashion-MNIST share one file for each
  pair of codebook and class, the others have one each. "With codebook" adds the codebook file once.

MNIST is made binary (1 where a sample is larger than 127) and counted at one bit a sample. The baseline "order 0"
is like that of the papers, with MED in place of GAP: adaptive arithmetic coding of the residual of each component,
without colour transform, from flat start frequencies; given here by its exact ideal code length. Every sofc file is
decoded and compared.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench import RoundTripError, raw_size
from peers import PEERS, Image

import sofc
from sofc.band.coding import encode_band
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.coders.shape.kernel_predict import to_residuals
from sofc.errors import CodebookError, SofcError
from sofc.imagefiles import ImageSource, load, sources
from sofc.imagefiles.idx import open_maybe_gzip
from sofc.planes import PlaneRange

MATRICES: dict[str, int | None] = {"fashion-mnist": None, "mnist": 127}
"""Sets of small labelled images, and the threshold that makes them binary."""
PHOTOGRAPHS = ("bccd", "isic", "drive", "ph2", "malaria-cells")
PEER_NAMES = ("png", "jpegls", "jpeg2000")
CLASSES = 10
CODER = "shape"


def adaptive_bits(symbols: npt.NDArray[Any], alphabet: int) -> float:
    """Ideal length in bits of an adaptive order-0 code whose ``alphabet`` counters all start at 1.

    The product of the probabilities that the code meets does not depend on the order of the symbols:
    (alphabet - 1)! x product of n_s! / (N + alphabet - 1)!.
    """
    counts = np.bincount(symbols.ravel(), minlength=alphabet)
    occurring = counts[counts > 0].tolist()
    nats = math.lgamma(symbols.size + alphabet) - math.lgamma(alphabet) - sum(math.lgamma(n + 1) for n in occurring)
    return nats / math.log(2)


def order0_bits(image: Image) -> float:
    """Size of an 8-bit image under a baseline like the papers'."""
    planes = [image] if image.ndim == 2 else [image[:, :, component] for component in range(image.shape[2])]
    bits = 0.0
    for plane in planes:
        zigzag = to_residuals(plane.astype(np.int32), PlaneRange(0, 255), len(plane))
        bits += adaptive_bits(zigzag, 511)
    return bits


def stream_size(image: Image, codebook: Codebook) -> int:
    """Bytes of the coded streams of one image in one band: the papers' way of counting."""
    pixel_format = sofc.header_for(image).format
    selection = Selection(codebook, CODER, 5)
    if not selection.candidates(pixel_format)[0].is_trained:
        raise CodebookError(f"codebook {codebook.name!r} has no model for the images it is tested on")
    coded = encode_band(image, pixel_format, selection, image_rows=image.shape[0], verify=False)
    return sum(map(len, coded.streams))


def _file_size(image: Image, codebook: Codebook, **options: Any) -> int:
    """Bytes of a whole file. Raises RoundTripError where it does not decode to the image."""
    data = sofc.encode(image, codebook=codebook, coder=CODER, verify=False, **options)
    with sofc.open_reader(data, codebooks={codebook.id: codebook}) as reader:
        decoded = [reader.read_image(number) for number in range(len(reader))]
    originals = list(image) if options.get("batch") else [image]
    if len(decoded) != len(originals) or not all(map(np.array_equal, decoded, originals)):
        raise RoundTripError(f"codebook {codebook.name}: a file did not decode to its images")
    return len(data)


@dataclass
class Row:
    """One row of a matrix: the codebook of one class on the test images of every class.

    For each class of test images: raw size and size of their file in bytes, and the papers' mean of ratios.
    """

    set: str
    trained_class: int
    training_images: int
    training_seconds: float
    codebook_size: int
    raw: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    papers: list[float] = field(default_factory=list)


@dataclass
class Photographs:
    """One set of photographs or micrographs, one entry a test image in each list of sizes (bytes)."""

    set: str
    training_images: int
    training_seconds: float
    codebook_size: int
    raw: list[int] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    files_whole: list[int] = field(default_factory=list)
    order0: list[float] = field(default_factory=list)
    peers: dict[str, list[int]] = field(default_factory=dict)


def _labels(folder: Path) -> npt.NDArray[np.uint8]:
    paths = sorted(folder.glob("*labels-idx1-ubyte*"))
    if len(paths) != 1:
        raise SofcError(f"{folder}: one IDX file of labels is needed, there are {len(paths)}")
    with open_maybe_gzip(paths[0]) as file:
        return np.frombuffer(file.read()[8:], np.uint8)


def _by_class(folder: Path, threshold: int | None, limit: int | None) -> list[list[ImageSource]]:
    """The images of a labelled set, one list a class, at most ``limit`` of each."""
    found = sources([folder], threshold=threshold)
    labels = _labels(folder)
    if len(labels) != len(found):
        raise SofcError(f"{folder}: {len(found)} images but {len(labels)} labels")
    return [[found[index] for index in np.flatnonzero(labels == label)][:limit] for label in range(CLASSES)]


def _train(images: Sequence[ImageSource], name: str) -> tuple[Codebook, float]:
    start = time.perf_counter()
    codebook = sofc.train(images, name=name, coder=CODER, held_out=0).codebook
    return codebook, time.perf_counter() - start


def matrix_row(data: Path, name: str, label: int, limit: int | None, train_limit: int | None) -> Row:
    """Train on one class of a labelled set and code the test images of every class."""
    threshold = MATRICES[name]
    training = _by_class(data / name / "train", threshold, train_limit)[label]
    codebook, seconds = _train(training, f"{name}-{label}")
    row = Row(name, label, len(training), seconds, len(codebook.to_bytes()))
    for tests in _by_class(data / name / "test", threshold, limit):
        images = [load(source) for source in tests]
        raw = [samples.array.size / 8 if threshold else raw_size(samples) for samples in images]
        row.papers.append(
            statistics.fmean(
                size / stream_size(samples.array, codebook) for size, samples in zip(raw, images, strict=True)
            )
        )
        stack = np.stack([samples.array for samples in images])
        row.raw.append(sum(raw))
        row.files.append(_file_size(stack, codebook, batch=True))
    return row


def photographs(data: Path, name: str, limit: int | None, train_limit: int | None) -> Photographs:
    """Train on a set and code its test images, one file each, with sofc and with the others."""
    training = sources([data / name / "train"], recursive=True)[:train_limit]
    codebook, seconds = _train(training, name)
    result = Photographs(name, len(training), seconds, len(codebook.to_bytes()))
    codecs = [PEERS[peer]() for peer in PEER_NAMES]
    result.peers = {codec.name: [] for codec in codecs}
    for source in sources([data / name / "test"], recursive=True)[:limit]:
        samples = load(source)
        image = samples.array
        result.raw.append(raw_size(samples))
        result.streams.append(stream_size(image, codebook))
        result.files.append(_file_size(image, codebook))
        result.files_whole.append(_file_size(image, codebook, band_rows=image.shape[0]))
        result.order0.append(order0_bits(image) / 8)
        for codec in codecs:
            result.peers[codec.name].append(len(codec.encode(codec.convert(image), samples.declared_bits)))
    return result


def _job(data: Path, name: str, label: int | None, limit: int | None, train_limit: int | None) -> Row | Photographs:
    if label is None:
        return photographs(data, name, limit, train_limit)
    return matrix_row(data, name, label, limit, train_limit)


def _total(raw: Sequence[float], coded: Sequence[float], extra: float = 0) -> float:
    return sum(raw) / (sum(coded) + extra)


def _mean(raw: Sequence[float], coded: Sequence[float]) -> float:
    return statistics.fmean(a / b for a, b in zip(raw, coded, strict=True))


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def column_summary(matrix: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """For each column of a square matrix: its element on the diagonal, and the mean of its other elements."""
    columns = list(zip(*matrix, strict=True))
    return [
        (column[number], statistics.fmean(column[:number] + column[number + 1 :]))
        for number, column in enumerate(columns)
    ]


def matrix_table(matrix: Sequence[Sequence[float]]) -> str:
    """A matrix of ratios and, below, whether each class is coded best by its own codebook."""
    summary = column_summary(matrix)
    rows = [["codebook \\ images", *map(str, range(len(matrix)))]]
    rows += [[str(number), *(f"{ratio:.3f}" for ratio in row)] for number, row in enumerate(matrix)]
    rows.append(["own codebook", *(f"{own:.3f}" for own, _ in summary)])
    rows.append(["mean of the others", *(f"{rest:.3f}" for _, rest in summary)])
    rows.append(["own is better", *("yes" if own > rest else "**no**" for own, rest in summary)])
    return _markdown(rows)


def _matrix_report(name: str, rows: Sequence[Row]) -> Iterator[str]:
    rows = sorted(rows, key=lambda row: row.trained_class)
    sizes = [row.codebook_size for row in rows]
    binary = ", binary" if MATRICES[name] else ""
    yield f"\n## {name}{binary}: codebook of one class (rows) on test images of each class (columns)\n\n"
    yield f"Codebooks: {sum(row.training_images for row in rows)} training images in all, "
    yield f"{min(sizes)} to {max(sizes)} bytes each, {sum(row.training_seconds for row in rows):.0f} s of training.\n"
    yield "\nThe papers' way: mean of ratios, streams alone, codebook not charged.\n\n"
    yield matrix_table([row.papers for row in rows])
    yield "\nFiles: one for each pair, everything counted but the codebook.\n\n"
    yield matrix_table([[raw / size for raw, size in zip(row.raw, row.files, strict=True)] for row in rows])
    yield "\nAll test images, each class with its own codebook: "
    raw = sum(row.raw[row.trained_class] for row in rows)
    coded = sum(row.files[row.trained_class] for row in rows)
    yield f"ratio {raw / coded:.3f}, with the codebooks {raw / (coded + sum(sizes)):.3f}.\n"


def photograph_table(results: Sequence[tuple[str, Photographs]]) -> tuple[str, str]:
    """Two tables, the papers' way and in files. The same codecs stand in both."""
    peers = list(results[0][1].peers)
    papers = [["set", "images", f"sofc {CODER}", *peers, "order 0"]]
    files = [["set", "images", f"sofc {CODER}", "one band an image", "with codebook", *peers, "codebook bytes"]]
    for title, result in results:
        count = str(len(result.raw))
        others = [result.peers[peer] for peer in peers]
        sizes: list[Sequence[float]] = [result.streams, *others, result.order0]
        means = [_mean(result.raw, coded) for coded in sizes]
        totals = [
            _total(result.raw, result.files),
            _total(result.raw, result.files_whole),
            _total(result.raw, result.files, result.codebook_size),
            *(_total(result.raw, coded) for coded in others),
        ]
        papers.append([title, count, *(f"{ratio:.3f}" for ratio in means)])
        files.append([title, count, *(f"{ratio:.3f}" for ratio in totals), str(result.codebook_size)])
    return _markdown(papers), _markdown(files)


def _first(result: Photographs, count: int) -> Photographs:
    """The same result for the first ``count`` test images alone."""
    fields = asdict(result)
    cut = {name: value[:count] for name, value in fields.items() if isinstance(value, list)}
    peers = {name: sizes[:count] for name, sizes in result.peers.items()}
    return Photographs(**(fields | cut | {"peers": peers}))


def _photograph_report(results: Sequence[Photographs]) -> Iterator[str]:
    ordered = sorted(results, key=lambda result: PHOTOGRAPHS.index(result.set))
    titled = [(result.set, result) for result in ordered]
    for result in ordered:
        if result.set == "drive" and len(result.raw) > 6:  # the images that the authors' program was run on
            titled.append(("drive, first 6", _first(result, 6)))
    papers, files = photograph_table(titled)
    yield "\n## Photographs and micrographs, codebook of the set's training images\n\n"
    yield "The papers' way: mean of ratios; for sofc streams alone, one band an image, codebook not charged.\n\n"
    yield papers
    yield "\nFiles: total ratio, everything counted; the codebook is charged only where the column says so.\n\n"
    yield files
    yield "\nTraining, one process a set:"
    yield ",".join(
        f" {result.set} {result.training_images} images {result.training_seconds:.0f} s" for result in ordered
    )
    yield ".\n"


def report(results: Sequence[Row | Photographs]) -> Iterator[str]:
    """The tables, as Markdown."""
    for name in sorted(MATRICES, reverse=True):
        rows = [result for result in results if isinstance(result, Row) and result.set == name]
        if rows:
            yield from _matrix_report(name, rows)
    others = [result for result in results if isinstance(result, Photographs)]
    if others:
        yield from _photograph_report(others)


def run(
    data: Path, names: Sequence[str], limit: int | None, train_limit: int | None, workers: int
) -> list[Row | Photographs]:
    """Every job of the sets named, the long ones first, in processes. Says on standard error what is done."""
    work: list[tuple[str, int | None]] = [(name, None) for name in PHOTOGRAPHS if name in names]
    work += [(name, label) for name in MATRICES if name in names for label in range(CLASSES)]
    results: list[Row | Photographs] = []
    # Started afresh rather than forked: imagecodecs and numba run threads of their own.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
        jobs = [executor.submit(_job, data, name, label, limit, train_limit) for name, label in work]
        start = time.perf_counter()
        try:
            for job in as_completed(jobs):
                result = job.result()
                results.append(result)
                which = f"{result.set} {result.trained_class}" if isinstance(result, Row) else result.set
                print(f"papers: {which} done after {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with command-line arguments; 0, or 1 where a set could not be read or did not come back."""
    known = [*PHOTOGRAPHS, *MATRICES]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder that holds the sets")
    parser.add_argument("--sets", metavar="LIST", help=f"only these, comma-separated, of {', '.join(known)}")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N test images (of each class)")
    parser.add_argument("--train-limit", type=int, metavar="N", help="only the first N training images (of each class)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), metavar="N", help="processes (default: all cores)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    options = parser.parse_args(arguments)
    wanted = known if options.sets is None else options.sets.split(",")
    if unknown := sorted(set(wanted) - set(known)):
        parser.error(f"unknown sets: {', '.join(unknown)}; known are {', '.join(known)}")
    present = [name for name in wanted if (options.data / name / "train").is_dir()]
    for name in wanted:
        if name not in present:
            print(f"papers: {options.data / name / 'train'} is not there, set passed over", file=sys.stderr)
    try:
        results = run(options.data, present, options.limit, options.train_limit, options.workers)
    except (RoundTripError, SofcError, OSError) as error:
        print(f"papers: {error}", file=sys.stderr)
        return 1
    sys.stdout.writelines(report(results))
    if options.json is not None:
        document = {"results": [{"kind": type(result).__name__} | asdict(result) for result in results]}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0 if present else 1


if __name__ == "__main__":
    sys.exit(main())
