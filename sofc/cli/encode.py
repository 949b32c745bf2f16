"""``sofc encode``: image files to sofc files."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from sofc.cli import crew, options, removal
from sofc.cli.encode_jobs import make_plan
from sofc.cli.encode_report import JSON, Report
from sofc.cli.encoding import Encoding
from sofc.cli.outputs import AlreadyThereError
from sofc.cli.warmup import compile_coding
from sofc.errors import UsageError

EXAMPLES = """\
  sofc encode photo.png                              photo.png -> photo.sofc, with a built-in codebook
  sofc encode -D scans.sofcb -r scans --out-dir out  a folder, with a codebook that is referred to
  sofc encode -D scans.sofcb --embed a.tif           the codebook inside the file
  sofc encode --collection -o all.sofc scans         one file of many images
  sofc encode photo.jpg                              the JPEG file itself, smaller: sofc decode gives it back
  sofc encode --samples photo.jpg                    its samples, as a JPEG decoder gives them
  sofc encode --keep-file -r --out-dir out scans     sofc decode gives back the very files, byte for byte
  sofc encode --threshold 127 -D digits.sofcb t10k-images-idx3-ubyte.gz
  grab | sofc encode --raw 640x0x3:uint8 - > a.sofc  samples from a pipe, any number of rows
  ffmpeg -i a.mkv -f yuv4mpegpipe - | sofc encode - -o a.sofc   a video (sofc decode -o a.y4m gives it back)
  ffmpeg -i a.mkv -f rawvideo -pix_fmt rgb24 - | sofc encode --raw 640x480x3:uint8 - -o a.sofc   any number of images

Files are referred to by a codebook's id; a copy of a codebook that is not installed is put beside the outputs.
A file of several images (TIFF pages, IDX) becomes one sofc file of several images.

JPEG files are kept as files, byte for byte, by the coefficients in them. Of all other files the samples are kept, and
the metadata that sofc knows, but not the file: PNG, TIFF and others come back as files of the same samples. With
options that concern samples (--samples, --strip, --threshold, --collection, --coder, --band-rows, --key-interval) that
goes for JPEG files, too, and a line says so.

names of outputs: .sofc takes the place of an image's suffix (photo.png, photo.png.gz -> photo.sofc) and goes behind any
other name (1.2.840.99.5.1 -> 1.2.840.99.5.1.sofc). Where two files would become one, also one that differs only in
case, each keeps its whole name (x.jpg.sofc, x.png.sofc). Files of one name from several folders go below the folder
that they have in common.

In a folder every file is looked at, hidden ones too, and known by its contents. Links to files are followed, those to
folders are not. What is no image is passed over and named, one line each; the exit status is 5 where nothing worse
came about. With --keep-file no file is passed over.

"""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "encode", "store images losslessly", EXAMPLES + JSON)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="image files and folders; - reads standard input")
    parser.add_argument("-o", "--output", metavar="FILE", help="output file; - writes standard output")
    parser.add_argument("--out-dir", type=Path, metavar="DIR", help="folder for the outputs (subfolders are kept)")
    options.add_recursive(parser)
    parser.add_argument("--collection", action="store_true", help="put all images into the one file that -o names")
    options.add_codebook(parser, "none: no codebook (default: a built-in one)")
    parser.add_argument(
        "--embed",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="put the codebook into each file instead of referring to it",
    )
    parser.add_argument(
        "-e",
        "--effort",
        type=int,
        choices=range(1, 10),
        default=5,
        metavar="1-9",
        help="1 = fast, 9 = smallest (default: 5)",
    )
    parser.add_argument("--coder", metavar="NAME", help="use the codebook's models of this coder only; raw: none")
    parser.add_argument("--band-rows", type=options.positive, metavar="N", help="rows of a band")
    parser.add_argument(
        "--key-interval",
        type=options.positive,
        metavar="N",
        help="of images that follow each other, keep at least each N-th readable by itself (1: all)",
    )
    parser.add_argument(
        "--raw",
        metavar="WxHxC:dtype",
        help="inputs are interleaved little-endian samples, images one after the other; H 0: one of any height",
    )
    options.add_threshold(parser)
    options.add_axes(parser)
    options.add_jobs(parser, "files that are coded at once, or bands of a file where it is the only one")
    options.add_force(parser)
    options.add_care(parser)
    parser.add_argument(
        "--strip",
        action="store_true",
        help="leave out profiles, EXIF, XMP, texts, resolutions and the data sets of DICOM files, which name patients",
    )
    parser.add_argument(
        "--keep-file",
        action="store_true",
        help="keep each file, whatever it is, so that decode gives it back byte for byte: with its images where "
        "they can be read and it can be made from them, else whole",
    )
    parser.add_argument(
        "--samples", action="store_true", help="keep the samples of JPEG files, as those of all others, not the files"
    )
    parser.add_argument("--json", action="store_true", help="print what became of each file as JSON, in place of lines")
    parser.add_argument("--no-verify", action="store_true", help="do not decode each band before its bytes leave")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Encode each input; the worst status counts."""
    plan = make_plan(args)
    to_stdout = any(job.output is None for job in plan.jobs)
    options.check_care(args, has_stream=to_stdout or "-" in args.inputs)
    console = options.console(args, data_on_stdout=to_stdout)
    if to_stdout and sys.stdout.isatty() and not args.force:
        raise UsageError("compressed data is not written to a terminal; name a file with -o, or use -f")
    report = Report(console, as_json=args.json)
    processes, threads = crew.share(args.jobs, len(plan.jobs))
    encoding = Encoding(args, options.named_codebook(args), threads)
    for path, reason in plan.passed_over:
        report.passed_over(path, reason)
    for path, unread in plan.unread:
        report.refused(str(path), unread)
    if processes > 1:
        compile_coding(console)  # once, and not in each of them
    files = options.output_files(args)
    several = len(plan.jobs) > 1
    with (
        contextlib.closing(crew.each_done(plan.jobs, encoding, processes, console, files)) as each,
        console.progress(len(plan.jobs), "file") if several else contextlib.nullcontext(lambda _: None) as advance,
    ):
        for done in each:
            if isinstance(done.error, AlreadyThereError):
                report.skipped(done.task.name, done.error)
            elif done.error is not None:
                report.refused(done.task.name, done.error)
            elif done.result is not None:
                report.stored(done.result.outcome, done.result.remark)
                encoding.folders |= done.result.folders
                removal.remove(done.task.inputs, done.result.outcome.output, done.result.why_kept, args, console)
            advance(1)
    if not args.dry_run:
        encoding.leave_codebooks(console)
    return report.close(has_folder=plan.has_folder)
