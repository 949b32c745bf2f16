"""``sofc train``: a collection of images to a codebook."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sofc.cli import options
from sofc.cli.cluster import add_workers, workers
from sofc.cli.console import OK, PASSED_OVER, Console, message_of, size
from sofc.cli.outputs import refuse_overwrite
from sofc.errors import SofcError
from sofc.places import Place, StorePath, place_of

if TYPE_CHECKING:
    from sofc.imagefiles import ImageSource
    from sofc.training.report import TrainingReport

EXAMPLES = """\
  sofc train scans -o scans.sofcb                      mine a folder
  sofc train -r archive -o archive.sofcb -j 8          with subfolders, on 8 processors
  sofc train --threshold 127 train-images-idx3-ubyte.gz -o digits.sofcb
  sofc train -r s3://bucket/scans -o scans.sofcb       in any store that fsspec knows
  sofc train patients -o shared.sofcb --min-images 5   only patches found in at least 5 images

Images that cannot be read, and those of samples of more than 16 bits, are passed over and named; the status is then 5.
A codebook for --coder shape holds patches of its training images: pass it on only where they may go."""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "train", "mine images for a codebook", EXAMPLES)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="image files and folders, or URLs of them")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="codebook file, by custom .sofcb"
    )
    parser.add_argument("--name", help="the codebook's name (default: from the file's name)")
    parser.add_argument("--codebook-version", default="", metavar="TEXT", help="the version that it says it is of")
    parser.add_argument("--licence", default="", metavar="TEXT", help="the licence that it says it is under")
    options.add_recursive(parser)
    options.add_threshold(parser)
    options.add_axes(parser)
    parser.add_argument("--coder", metavar="NAME", help="train this coder alone (default: what serves best)")
    parser.add_argument(
        "--held-out", type=float, default=0.1, metavar="SHARE", help="share kept apart to see the gain (default: 0.1)"
    )
    parser.add_argument(
        "--for",
        type=options.positive,
        dest="for_images",
        metavar="N",
        help="images that are to be stored with it (default: as many as are given)",
    )
    parser.add_argument(
        "--efforts",
        type=_efforts,
        metavar="N,N...",
        help="train models for these efforts; others use the nearest (default: all; for few images "
        "changes of the built-in models, and models for 1 where these leave room for them)",
    )
    parser.add_argument(
        "--always", action="store_true", help="write it even where the built-in codebook does better for so many images"
    )
    parser.add_argument(
        "--min-images",
        type=options.positive,
        default=1,
        metavar="K",
        help="shape coder: keep only patches found in at least K images (default: 1)",
    )
    parser.add_argument(
        "--iterations", type=int, metavar="N", help="shape coder: at most N rounds (default: while they gain)"
    )
    add_workers(parser)
    options.add_force(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def _efforts(text: str) -> list[int]:
    try:
        return [int(effort) for effort in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"efforts are numbers from 1 to 9 with commas between them, not {text!r}"
        ) from None


def run(args: argparse.Namespace) -> int:
    """Train and write the codebook."""
    refuse_overwrite(args.output, args.force)
    from sofc.codebook import Codebook
    from sofc.files import replacing
    from sofc.training import train

    console = options.console(args)
    folder = args.output.absolute().parent
    if not folder.is_dir():  # said before training, not after
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    places = [place_of(where) for where in args.inputs]
    if args.cluster is not None:  # whose workers are elsewhere
        places = [place.absolute() for place in places]
    # What cannot be said is refused before training, not after.
    Codebook(args.name or args.output.stem, (), ()).stating(version=args.codebook_version, licence=args.licence)
    left_out: list[str] = []

    def leave_out(name: str, error: SofcError | OSError) -> None:
        left_out.append(name)
        console.passed_over(name, message_of(error).removeprefix(f"{name}: "))

    images = _images(args, places, console, leave_out)
    with workers(args) as executor, _Progress(console) as progress:
        result = train(
            images,
            name=args.name or args.output.stem,
            coder=args.coder,
            executor=executor,
            held_out=args.held_out,
            min_images=args.min_images,
            iterations=args.iterations,
            efforts=args.efforts,
            for_images=args.for_images,
            progress=progress,
            passed_over=lambda image, error: leave_out(image.name, error),
        )
    console.note(progress.took())
    codebook = result.codebook.stating(version=args.codebook_version, licence=args.licence)
    data = codebook.to_bytes()
    # One coder alone, asked for by name, is for study: what it holds matters more than what it saves.
    is_written = args.always or args.coder is not None or result.report.is_worthwhile
    if is_written:
        with replacing(args.output) as file:
            file.write(data)
    if args.json:
        path = str(args.output) if is_written else None
        console.json({"codebook": path, "id": codebook.id.hex(), "size": len(data), **_as_json(result.report)})
    else:
        for line in result.report.lines(findings=args.verbose >= 2):
            console.result(line)
        written = f"codebook {codebook.name!r}, {size(len(data))}, id {codebook.id.hex()[:32]}"
        console.result(f"{args.output}: {written if is_written else _why_not(result.report.saved)}")
    return OK if is_written and not left_out else PASSED_OVER


def _as_json(report: TrainingReport) -> dict[str, Any]:
    """What is said of what training found."""
    models = [
        {**asdict(model), "saved_per_image": model.saved_per_image, "pays_after": model.pays_after}
        for model in report.models
    ]
    return {"images": report.images, "saved": report.saved, "models": models}


def _why_not(saved: float | None) -> str:
    """Why a codebook that saves so many bytes, None where that is not known, was not written."""
    if saved is None:
        return (
            "not written, as it is not known whether it saves anything: that takes 5 images of a kind, 3 where few are "
            "to come (--always writes it)"
        )
    why = "the built-in codebook serves so few images better"
    if saved > 0:
        why = "the images held out are too few to be sure of so little"
    return (
        f"not written, as {why}: encode without -D (--for N says that there will be more, --efforts 1 that only effort "
        "1 will be asked for, --always writes it)"
    )


def _images(
    args: argparse.Namespace,
    places: Sequence[Place],
    console: Console,
    refused: Callable[[str, SofcError | OSError], None],
) -> list[ImageSource]:
    """The images of the inputs: those that are here first, then those of stores."""
    from sofc.cli.stored_images import images_of

    args.inputs = [place for place in places if isinstance(place, Path)]
    images = options.images(args, console, refused)
    for place in places:
        if isinstance(place, StorePath):
            images += images_of(
                place,
                recursive=args.recursive,
                threshold=args.threshold,
                axes=args.axes,
                passed_over=console.passed_over,
                refused=refused,
            )
    return images


class _Progress(contextlib.ExitStack):
    """One bar for each stage of training, or one line for all passes of a coder."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._stage = ""
        self._seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int) -> None:
        group = stage.split(", pass ")[0]
        if stage != self._stage:
            self.close()
            self._stage = stage
            if group not in self._seconds:
                self._console.stage(group)
            self._advance = self.enter_context(self._console.progress(total, "shard", stage))
        self._advance(1)
        # What is said to be done was done since the call before.
        now = time.perf_counter()
        self._seconds[group] = self._seconds.get(group, 0) + now - self._since
        self._since = now

    def took(self) -> str:
        """How long training took, and what of it took longest."""
        longest = max(self._seconds, key=self._seconds.__getitem__)
        return f"trained in {sum(self._seconds.values()):.0f} s, {self._seconds[longest]:.0f} s of it for {longest}"
