#!/usr/bin/env python3
"""Compare sofc with other lossless codecs on the same images, in one run.

    tools/bench.py --train photos/train --test photos/test --peers png,jpegls,jxl7 --json out.json

How it counts:

* Raw size: one byte a sample where the source has at most 8 bits, two above, one bit where it is binary.
* Total ratio: raw size of all images / coded size of all; mean ratio: mean over the images of raw / coded.
* Coded size: whole files in memory, with heads, checks and digests. sofc files refer to their codebook, which
  both sides must have; "with codebook" adds the size of the codebook file once to all images together. The codebook
  is of all training images and made for as many, or for --for N: none is held out, so that nothing is left out that
  would turn out not to pay; `sofc train` says what does, and "with codebook" against --builtin-efforts.
* Speed: library calls from array to bytes and back, in memory, one thread (for sofc: --threads), warm. A MB is 10^6
  bytes of raw size. "encode, checked" is with sofc's check by decoding, which is the default and which others lack;
  "encode" is without it.
* Every decoded image is compared with what went in; a difference ends the run with an error.

Other codecs get binary images as 0 and 1 in 8 bits, signed images with negative samples plus half their range,
and WebP gets gray as three equal components. A codec that cannot take one of the images shows "-".
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from peers import PEERS, Codec, Image, components

import sofc
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.registry import CODERS, named
from sofc.errors import SofcError, UsageError
from sofc.imagefiles import Samples, load, sources
from sofc.stream.encoder import CodebookPicker


class RoundTripError(Exception):
    """A codec did not give back the samples that went in."""


@dataclass
class Result:
    """What one codec did, one entry an image in each list. Sizes are in bytes, times in seconds."""

    codec: str
    raw_sizes: list[int] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    coded_sizes: list[int] = field(default_factory=list)
    encode_seconds: float = 0.0
    checked_seconds: float | None = None
    decode_seconds: float = 0.0
    codebook_size: int = 0
    training_seconds: float = 0.0

    @property
    def total_ratio(self) -> float:
        """Raw size of all images / coded size of all."""
        return sum(self.raw_sizes) / sum(self.coded_sizes)

    @property
    def charged_ratio(self) -> float:
        """The same with the codebook's size added to the coded size."""
        return sum(self.raw_sizes) / (sum(self.coded_sizes) + self.codebook_size)

    @property
    def mean_ratio(self) -> float:
        """Mean of the images' ratios."""
        return statistics.fmean(raw / coded for raw, coded in zip(self.raw_sizes, self.coded_sizes, strict=True))

    @property
    def bits_per_sample(self) -> float:
        """Coded bits for each sample."""
        return 8 * sum(self.coded_sizes) / sum(self.samples)

    @property
    def encode_speed(self) -> float:
        """MB of raw size in a second."""
        return sum(self.raw_sizes) / self.encode_seconds / 1e6

    @property
    def checked_speed(self) -> float | None:
        """The same with the check by decoding; None of codecs that have none."""
        return None if self.checked_seconds is None else sum(self.raw_sizes) / self.checked_seconds / 1e6

    @property
    def decode_speed(self) -> float:
        """MB of raw size in a second."""
        return sum(self.raw_sizes) / self.decode_seconds / 1e6

    def milliseconds(self, seconds: float) -> float:
        """Of one image."""
        return 1e3 * seconds / len(self.coded_sizes)

    def summary(self) -> dict[str, Any]:
        """Everything, for JSON."""
        names = ["total_ratio", "charged_ratio", "mean_ratio", "bits_per_sample"]
        names += ["encode_speed", "checked_speed", "decode_speed"]
        return asdict(self) | {name: getattr(self, name) for name in names}


def raw_size(samples: Samples) -> int:
    """Bytes that the bare samples take: see the counting rules above."""
    if samples.array.dtype == np.bool_:
        return (samples.array.size + 7) // 8
    declared = samples.declared_bits or 8 * samples.array.dtype.itemsize
    return samples.array.size * ((declared + 7) // 8)


def sofc_codec(
    coder: str | None,
    codebook: Codebook | CodebookPicker | None,
    *,
    effort: int | None = None,
    threads: int = 1,
    band_rows: int | None = None,
) -> Codec:
    """sofc's coder of that name (None: the one that sofc picks, for ``effort``), with one-shot calls."""
    known = {codebook.id: codebook} if isinstance(codebook, Codebook) else {}
    without = "sofc, no codebook" if codebook is None else "sofc, built-in codebook"
    name = f"sofc, effort {effort}" if effort else f"sofc, {coder}" if coder else without
    if effort and callable(codebook):
        name = f"{without}, effort {effort}"

    def encode(image: Image, declared_bits: int | None, verify: bool) -> bytes:
        return sofc.encode(
            image,
            declared_bits=declared_bits,
            codebook=codebook,
            coder=coder,
            effort=effort or 5,
            band_rows=band_rows,
            threads=threads,
            verify=verify,
        )

    return Codec(
        name if threads == 1 else f"{name}, {threads} threads",
        lambda image: True,
        lambda image: image,
        partial(encode, verify=False),
        lambda data, _: sofc.decode(data, codebooks=known, threads=threads),
        partial(encode, verify=True),
    )


def measure(codec: Codec, images: Sequence[Samples], rounds: int = 1) -> Result | None:
    """Code every image there and back; None where the codec cannot take them all.

    Of ``rounds`` times the shortest counts, as other programs take turns on the same cores. Raises RoundTripError
    naming the image that came back different.
    """
    if not all(codec.accepts(samples.array) for samples in images):
        return None
    result = Result(codec.name)
    warm: set[tuple[Any, int]] = set()
    for number, samples in enumerate(images):
        image = codec.convert(samples.array)
        kind = (image.dtype, components(image))
        if kind not in warm:
            codec.decode(codec.encode(image, samples.declared_bits), kind[1])
            warm.add(kind)
        encode_times, checked_times, decode_times = [], [], []
        for _ in range(rounds):
            if codec.checked is not None:
                start = time.perf_counter()
                codec.checked(image, samples.declared_bits)
                checked_times.append(time.perf_counter() - start)
            start = time.perf_counter()
            data = codec.encode(image, samples.declared_bits)
            middle = time.perf_counter()
            decoded = codec.decode(data, kind[1])
            encode_times.append(middle - start)
            decode_times.append(time.perf_counter() - middle)
        if not _same(image, decoded):
            raise RoundTripError(f"{codec.name}: image {number} came back different")
        result.raw_sizes.append(raw_size(samples))
        result.samples.append(samples.array.size)
        result.coded_sizes.append(len(data))
        result.encode_seconds += min(encode_times)
        result.decode_seconds += min(decode_times)
        if checked_times:
            result.checked_seconds = (result.checked_seconds or 0.0) + min(checked_times)
    return result


def _same(image: Image, decoded: Image) -> bool:
    return image.shape == decoded.shape and image.dtype == decoded.dtype and image.tobytes() == decoded.tobytes()


TITLES = (
    "codec",
    "total ratio",
    "with codebook",
    "mean ratio",
    "bits/sample",
    "bytes over JPEG XL 9",
    "encode MB/s",
    "encode, checked MB/s",
    "decode MB/s",
)
YARDSTICK = "JPEG XL, effort 9"


SMALL_TITLES = (*TITLES[:-3], "encode ms", "encode, checked ms", "decode ms")


def table(results: Sequence[tuple[str, Result | None]], *, small: bool = False) -> str:
    """The results as a Markdown table; ``small``: with milliseconds an image in place of speeds."""
    rows = [SMALL_TITLES if small else TITLES, tuple("---" for _ in TITLES)]
    yardstick = next((result for name, result in results if name == YARDSTICK), None)
    for name, result in results:
        if result is None:
            rows.append((name, *("-" for _ in TITLES[1:])))
            continue
        speeds = [result.encode_speed, result.checked_speed, result.decode_speed]
        if small:
            seconds = [result.encode_seconds, result.checked_seconds, result.decode_seconds]
            speeds = [None if each is None else result.milliseconds(each) for each in seconds]
        charged = f"{result.charged_ratio:.3f}" if result.codebook_size else "-"
        rows.append(
            (
                name,
                f"{result.total_ratio:.3f}",
                charged,
                f"{result.mean_ratio:.3f}",
                f"{result.bits_per_sample:.3f}",
                f"{sum(result.coded_sizes) / sum(yardstick.coded_sizes):.3f}" if yardstick else "-",
                *("-" if speed is None else f"{speed:.2f}" for speed in speeds),
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plot(results: Sequence[tuple[str, Result | None]], path: Path, title: str) -> None:
    """Ratio against speed, for encoding and for decoding, as a picture. Needs matplotlib.

    A dashed line joins what nothing beats in both at once.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(11, 5), sharey=True, layout="constrained")
    figure.suptitle(title, fontsize="medium")
    speeds: tuple[tuple[str, Callable[[Result], float]], ...] = (
        ("encode", lambda result: result.encode_speed),
        ("decode", lambda result: result.decode_speed),
    )
    for panel, (verb, speed) in zip(panels, speeds, strict=True):
        points = {name: (speed(result), result.total_ratio) for name, result in results if result is not None}
        best = [one for one in points.values() if not any(beats(other, one) for other in points.values())]
        (line,) = panel.plot(*zip(*sorted(best), strict=True), "--", color="gray", linewidth=1, zorder=1)
        for name, point in points.items():
            panel.plot(*point, "o", color="tab:red" if name.startswith("sofc") else "tab:blue")
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_xlabel(f"{verb}, MB/s of raw samples, one thread")
        panel.grid(alpha=0.3)
        panel.margins(x=0.3, y=0.12)
        figure.canvas.draw()  # labels are placed by where all else stands
        label(panel, points, panel.transData.transform_path(line.get_path()))
    panels[0].set_ylabel("ratio (raw / coded), codebook not charged")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether a point is nowhere below another, and somewhere above it."""
    return one != other and one[0] >= other[0] and one[1] >= other[1]


def label(panel: Any, points: Mapping[str, tuple[float, float]], line: Any) -> None:
    """Name the points of a panel where no name hides a point, another name or the line, or leaves the panel.

    ``line``: a Path of matplotlib, in pixels.
    """
    from matplotlib.transforms import Bbox

    frame = panel.get_window_extent()
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in panel.transData.transform(list(points.values()))]
    for name, point in sorted(points.items(), key=lambda item: -item[1][1]):
        for x, y, side in places():
            text = panel.annotate(name, point, (x, y), textcoords="offset points", ha=side, fontsize="small")
            box = text.get_window_extent()
            inside = all(map(frame.contains, (box.x0, box.x1), (box.y0, box.y1)))
            if inside and box.count_overlaps(taken) == 0 and not line.intersects_bbox(box, filled=False):
                break
            text.remove()
        taken.append(box)


def places() -> Iterator[tuple[int, int, str]]:
    """Where a name may stand: to the right, to the left, above and below and between these, nearer ones first."""
    for far in range(8, 160, 8):
        yield from ((far, -3, "left"), (-far, -3, "right"), (0, far, "center"), (0, -far - 6, "center"))
        yield from ((far, far, "left"), (far, -far, "left"), (-far, far, "right"), (-far, -far, "right"))


def machine() -> dict[str, str]:
    """What the figures were measured with."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "cores": str(os.cpu_count())}
    for package in ("sofc", "numpy", "numba", "imagecodecs"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _names(text: str, known: Sequence[str]) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    return names


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    names = [coder.name for coder in CODERS.values()]
    parser.add_argument("--test", required=True, nargs="+", metavar="PATH", help="images to code: files or folders")
    parser.add_argument("--train", nargs="+", metavar="PATH", help="images to train the codebook on")
    parser.add_argument("--codebook", type=Path, metavar="FILE", help="a codebook to use instead of training one")
    parser.add_argument(
        "--coders",
        type=lambda text: _names(text, names),
        metavar="LIST",
        help=f"coders, comma-separated, of {', '.join(names)} (default: shape, or none beside --efforts, --builtin)",
    )
    parser.add_argument(
        "--efforts", type=_numbers, default=[], metavar="LIST", help="sofc at these efforts, with one codebook for all"
    )
    parser.add_argument("--untrained", action="store_true", help="also sofc without any codebook")
    parser.add_argument("--builtin", action="store_true", help="also sofc with the codebooks that are built in")
    parser.add_argument(
        "--peers",
        type=lambda text: _names(text, list(PEERS)),
        default=["png", "jpegls", "jpeg2000", "webp", "jxl7", "jxl9"],
        metavar="LIST",
        help="other codecs, comma-separated, of png, jpegls, jpeg2000, webp, webp4, jxl1 ... jxl10, and for wide "
        "samples zstd, blosc2, pcodec, zfp, tiff; empty for none (default: png,jpegls,jpeg2000,webp,jxl7,jxl9)",
    )
    parser.add_argument(
        "--builtin-efforts", type=_numbers, default=[], metavar="LIST", help="the same at these efforts"
    )
    parser.add_argument("--small", action="store_true", help="show milliseconds an image in place of MB/s")
    parser.add_argument(
        "--rounds", type=int, default=1, metavar="N", help="code each image N times, of which the shortest counts"
    )
    parser.add_argument("-r", "--recursive", action="store_true", help="also look for images in subfolders")
    parser.add_argument("--threshold", type=int, metavar="T", help="make gray images binary: 1 where a sample is > T")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N test images")
    parser.add_argument("--train-limit", type=int, metavar="N", help="only the first N training images")
    parser.add_argument(
        "--for", dest="for_images", type=int, metavar="N", help="train for so many images (default: those trained on)"
    )
    parser.add_argument("--band-rows", type=int, metavar="N", help="height of sofc's bands (default: sofc's own)")
    parser.add_argument("--threads", type=_numbers, default=[1], metavar="LIST", help="threads for sofc (default: 1)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), metavar="N", help="processes for training (default: all cores)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure, also those of each image")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw ratio against speed as a PNG (matplotlib)")
    return parser


def _codebook(options: argparse.Namespace, coder: str | None) -> tuple[Codebook, float]:
    """The codebook given or trained for a coder (None: for all efforts), and the seconds that training took."""
    if options.codebook is not None:
        return Codebook.from_bytes(options.codebook.read_bytes()), 0.0
    training = sources(options.train, recursive=options.recursive, threshold=options.threshold)
    start = time.perf_counter()
    with ProcessPoolExecutor(options.workers) as executor:
        trained = sofc.train(
            training[: options.train_limit],
            name=f"bench-{coder or 'efforts'}",
            coder=coder,
            held_out=0,
            for_images=options.for_images,
            executor=executor,
        )
    return trained.codebook, time.perf_counter() - start


def _measure_own(options: argparse.Namespace, images: Sequence[Samples]) -> Iterator[Result]:
    """sofc with every coder, effort and number of threads that was asked for."""
    coders: list[str | None] = [*options.coders]
    runs: list[tuple[str | None, list[int | None]]] = [(coder, [None]) for coder in coders]
    if options.efforts:
        runs.append((None, options.efforts))
    for coder, efforts in runs:
        codebook, seconds = None, 0.0
        if coder is None or named(coder).start_training is not None:
            codebook, seconds = _codebook(options, coder)
            trained = f", trained in {seconds:.1f} s by {options.workers} processes" if seconds else ""
            print(f"codebook for {coder or 'all efforts'}: {len(codebook.to_bytes())} bytes{trained}", flush=True)
        for effort in efforts:
            yield from _measure_threads(options, images, coder, codebook, effort, seconds)
    if options.untrained:
        yield from _measure_threads(options, images, None, None)
    if options.builtin:
        yield from _measure_threads(options, images, None, builtin_codebook)
    for effort in options.builtin_efforts:
        yield from _measure_threads(options, images, None, builtin_codebook, effort)


def _measure_threads(
    options: argparse.Namespace,
    images: Sequence[Samples],
    coder: str | None,
    codebook: Codebook | CodebookPicker | None,
    effort: int | None = None,
    training_seconds: float = 0.0,
) -> Iterator[Result]:
    for threads in options.threads:
        codec = sofc_codec(coder, codebook, effort=effort, threads=threads, band_rows=options.band_rows)
        result = measure(codec, images, options.rounds)
        assert result is not None, "sofc takes every image that it can load"
        result.codebook_size = len(codebook.to_bytes()) if isinstance(codebook, Codebook) else 0
        result.training_seconds = training_seconds
        yield result


def run(options: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for."""
    found = sources(options.test, recursive=options.recursive, threshold=options.threshold)[: options.limit]
    images = [load(source) for source in found]
    if not images:
        raise UsageError(f"no images in {', '.join(map(str, options.test))}")
    print(f"{len(images)} images, {sum(map(raw_size, images)) / 1e6:.2f} MB raw", flush=True)

    results: list[tuple[str, Result | None]] = [(own.codec, own) for own in _measure_own(options, images)]
    for peer in options.peers:
        codec = PEERS[peer]()
        results.append((codec.name, measure(codec, images, options.rounds)))
    print(f"\n{table(results, small=options.small)}")

    if options.json is not None:
        report = {
            "machine": machine(),
            "arguments": {name: _plain(value) for name, value in vars(options).items()},
            "images": [source.name for source in found],
            "results": {name: result.summary() if result else None for name, result in results},
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.plot is not None:
        try:
            sets = ", ".join("/".join(Path(one).parts[-2:]) for one in options.test)
            plot(results, options.plot, f"{sets}: {len(images)} images; {platform.machine()}, {os.cpu_count()} cores")
        except ImportError:
            print("bench: no plot, matplotlib is not installed", file=sys.stderr)


def _plain(value: Any) -> Any:
    """Arguments as JSON has them."""
    return str(value) if isinstance(value, Path) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with command-line arguments; 0, or 1 where an image did not come back or could not be read."""
    options = _parser().parse_args(arguments)
    if options.codebook is not None and options.train is not None:
        _parser().error("give --train or --codebook, not both")
    if options.coders is None:
        options.coders = [] if options.efforts or options.builtin or options.builtin_efforts else ["shape"]
    if (
        options.codebook is None
        and options.train is None
        and (options.efforts or any(named(coder).start_training is not None for coder in options.coders))
    ):
        _parser().error("a coder that is trained needs --train or --codebook")
    try:
        run(options)
    except (RoundTripError, SofcError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
