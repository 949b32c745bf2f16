"""``sofc decode``: sofc files to image files."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sofc.cli import crew, destinations, options, removal
from sofc.cli.console import INVALID_DATA, OK, Console, count_of, message_of
from sofc.cli.outputs import AlreadyThereError, OutputFiles
from sofc.cli.reading import decoder_for, events, open_input
from sofc.cli.warmup import compile_coding
from sofc.errors import SofcError, UsageError

if TYPE_CHECKING:
    from sofc.cli.sinks import Finished, Sink
    from sofc.codebook import Codebook
    from sofc.keepfile import FileCodebooks
    from sofc.stream.events import Event

EXAMPLES = """\
  sofc decode a.sofc                      a.sofc -> a.png (a.tif where PNG cannot hold the samples)
  sofc decode a.sofc -o a.pgm             the format by the name's suffix: png, tif, pnm (pbm, pgm, ppm), npy
  sofc decode brain.sofc --format nifti   the volume that it was made from: brain.nii, with its head as it was
  sofc decode brain.sofc -o b.nii.gz      the same, packed
  sofc decode ct.sofc --format dicom      the DICOM file that it was made from: ct.dcm; of a collection all of them
  sofc decode all.sofc --out-dir out      a file of many images: out/all/NAME.png
  sofc decode stack.sofc -o stack.npy     a file of many images of one kind: one array
  sofc decode kept.sofc                   of a JPEG file, or --keep-file: the original file, under its own name
  sofc decode photo.sofc -o photo.png     of another format than the file that is kept: its images
  sofc decode v.sofc --format y4m -o - | ffmpeg -i - v.mkv   a video
  sofc decode --raw a.sofc -o - | show    interleaved little-endian samples, band by band
  sofc decode --salvage damaged.sofc      what can be saved; lost rows become zeros

No output replaces another of the same run: a name that is taken gets a number (x-2.png).
Codebooks are searched for: in the file, -D, the folders of SOFC_CODEBOOK_PATH, beside the file, installed ones."""

DECODED, DAMAGED, SKIPPED, REFUSED = "decoded", "damaged", "skipped", "refused"
KINDS = (DECODED, DAMAGED, SKIPPED, REFUSED)
_KEPT_AS_THEY_ARE = {"dicom": (b"DICM", 128), "nifti": (b"n+1", 344), "y4m": (b"YUV4MPEG2 ", 0)}
"""Formats that images alone do not make, with the mark of their files, and its place."""
LOST = "rows that were lost are zero in the output, images that were lost are missing"


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "decode", "get images back", EXAMPLES)
    parser.add_argument("inputs", nargs="+", metavar="FILE", help="sofc files and folders; - reads standard input")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="output file (a folder for a file of many images); - writes standard output",
    )
    parser.add_argument("--out-dir", type=Path, metavar="DIR", help="folder for the outputs (subfolders are kept)")
    options.add_recursive(parser)
    options.add_codebook(parser)
    parser.add_argument(
        "--format",
        choices=("png", "tiff", "pnm", "npy", "dicom", "nifti", "mgh", "analyze", "y4m"),
        help="output format, whatever the suffix; dicom: of DICOM files only, with their data sets; nifti, mgh, "
        "analyze: of volumes; y4m: of videos",
    )
    parser.add_argument("--raw", action="store_true", help="write interleaved little-endian samples without any head")
    parser.add_argument(
        "--images", action="store_true", help="write the images of a file that keeps an original file, not that file"
    )
    parser.add_argument("--salvage", action="store_true", help="go on after damage; lost rows become zeros, status 3")
    options.add_jobs(parser, "files that are decoded at once, or bands of a file where it is the only one")
    options.add_force(parser)
    options.add_care(parser)
    parser.add_argument("--json", action="store_true", help="print what became of each file as JSON, in place of lines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Decode each input; the worst status counts."""
    if args.output is not None and args.out_dir is not None:
        raise UsageError("-o and --out-dir exclude each other")
    if args.raw and args.format:
        raise UsageError("--raw and --format exclude each other")
    jobs = _jobs(args)
    to_stdout = any(output is None for _, output in jobs)
    options.check_care(args, has_stream=to_stdout or "-" in args.inputs)
    if args.rm and (args.raw or args.images):
        raise UsageError("--rm goes neither with --raw nor with --images: what they leave out would be lost")
    if args.json and to_stdout:
        raise UsageError("--json writes to standard output, and so does the image: name a file with -o")
    console = options.console(args, data_on_stdout=to_stdout)
    if to_stdout and sys.stdout.isatty() and not args.force:
        raise UsageError("image data is not written to a terminal; name a file with -o, or use -f")
    codebook = options.named_codebook(args)
    processes, threads = crew.share(args.jobs, len(jobs))
    if processes > 1:
        compile_coding(console)  # once, and not in each of them
    work = partial(_decode, args, codebook, threads)
    report = _Report(args, console)
    several = len(jobs) > 1
    with (
        contextlib.closing(crew.each_done(jobs, work, processes, console, options.output_files(args))) as each,
        console.progress(len(jobs), "file") if several else contextlib.nullcontext(lambda _: None) as advance,
    ):
        for done in each:
            if done.error is not None:
                report.failed(_name(done.task[0]), done.error)
            elif done.result is not None:
                report.decoded(_name(done.task[0]), done.result)
                removal.remove([done.task[0]], done.result.finished.output, done.result.why_kept, args, console)
            advance(1)
    return report.close(several)


class _Report:
    """What became of each file."""

    def __init__(self, args: argparse.Namespace, console: Console) -> None:
        self._as_json = args.json
        self._console = console
        self._files: list[dict[str, str | None]] = []
        self._status = OK

    def decoded(self, name: str, decoded: Decoded) -> None:
        """A file was decoded, be it in part."""
        sys.stdout.flush()  # what went there has to arrive before it is said
        for error in decoded.damage:
            self._console.error(error, name)
            self._status = max(self._status, INVALID_DATA)
        if decoded.damage:
            self._console.note(f"{name}: damaged; {LOST}")
        self._add(name, DAMAGED if decoded.damage else DECODED, str(decoded.finished), None)
        if not self._as_json:
            self._console.result(f"{name} -> {decoded.finished}")

    def failed(self, name: str, error: SofcError | OSError) -> None:
        """A file was not decoded."""
        if isinstance(error, AlreadyThereError):
            self._add(name, SKIPPED, None, message_of(error))
            if not self._as_json:
                self._console.result(f"{name}: skipped: {message_of(error)}")
        else:
            self._add(name, REFUSED, None, message_of(error))
            self._status = max(self._status, self._console.error(error, name))

    def _add(self, name: str, result: str, written: str | None, reason: str | None) -> None:
        self._files.append({"name": name, "result": result, "written": written, "reason": reason})

    def close(self, several: bool) -> int:
        """Say how many of several files there were of each kind; the status."""
        counts = Counter(file["result"] for file in self._files)
        if self._as_json:
            self._console.json({"files": self._files, **{kind: counts[kind] for kind in KINDS}, "status": self._status})
        elif several:
            told = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind] or kind in (DECODED, REFUSED))
            self._console.result(f"{count_of(len(self._files), 'file')}: {told}")
        return self._status


def _name(path: Path | None) -> str:
    return "standard input" if path is None else str(path)


def _jobs(args: argparse.Namespace) -> list[tuple[Path | None, Path | None]]:
    """Inputs and outputs; an output without suffix stands for any name. None: standard input or output."""
    output = None if args.output in (None, "-") else Path(args.output)
    if "-" in args.inputs:
        if len(args.inputs) > 1 or args.out_dir is not None:
            raise UsageError("standard input (-) must be the only input and does not go with --out-dir")
        return [(None, output)]
    paths = find_sofc(args.inputs, args.recursive)
    if not paths:
        raise UsageError("the named folders hold no .sofc files (-r enters subfolders)")
    if args.output is not None:
        if len(paths) > 1:
            raise UsageError(f"-o names one output for {len(paths)} inputs: use --out-dir")
        return [(paths[0][0], output)]
    outputs = destinations.decoded(paths, args.out_dir)
    return [(path, output) for (path, _), output in zip(paths, outputs, strict=True)]


def find_sofc(inputs: list[str], recursive: bool) -> list[tuple[Path, Path]]:
    """Sofc files named or in named folders, each with its path relative to the folder."""
    found: dict[Path, Path] = {}
    for item in map(Path, inputs):
        if item.is_dir():
            inside = item.rglob("*.sofc") if recursive else item.glob("*.sofc")
            for path in sorted(inside):
                if path.is_file():
                    found.setdefault(path, path.relative_to(item))
        else:
            found.setdefault(item, Path(item.name))
    return list(found.items())


class Decoded(NamedTuple):
    """What came of a job: what was written, and with --salvage what was damaged."""

    finished: Finished
    damage: list[SofcError]
    why_kept: str


def _decode(
    args: argparse.Namespace,
    codebook: Codebook | None,
    threads: int,
    job: tuple[Path | None, Path | None],
    console: Console,
    files: OutputFiles,
) -> Decoded:
    """Decode one file."""
    path, output = job
    name = _name(path)
    damage: list[SofcError] | None = [] if args.salvage else None
    files.like = [] if path is None else [path.stat()]
    total = files.like[0].st_size if path is not None and path.is_file() else None
    with open_input(path) as file, console.progress(total, "B", name) as advance:
        beside = path.parent if path is not None else None
        decoder = decoder_for(codebook, beside, threads, salvage=args.salvage)
        found = events(file, name, decoder, damage=damage, advance=advance)
        prologue = list(until_image(found))
        with _sink(args, output, prologue, files, decoder.codebook) as sink:
            for event in itertools.chain(prologue, found):
                sink.take(event)
            if lacks_images(prologue) and sink.wants_images:
                pass_on_kept(prologue, sink, decoder.codebook)
            finished = sink.finish()
        if damage:
            return Decoded(finished, damage, "it is damaged")
        return Decoded(finished, [], f"the output is without {finished.left_out}" if finished.left_out else "")


def until_image(found: Iterator[Event]) -> Iterator[Event]:
    """The events up to and with the first that belongs to an image."""
    from sofc.stream.events import CodebookWanted, FileStart, MetadataRead

    for event in found:
        yield event
        if not isinstance(event, (FileStart, CodebookWanted, MetadataRead)):
            return


def keeps_original(prologue: Sequence[Event]) -> bool:
    """Whether the file, of which this is the beginning, keeps an original file."""
    from sofc.container.records import MetadataKind
    from sofc.stream.events import MetadataRead

    return any(isinstance(event, MetadataRead) and event.metadata.kind == MetadataKind.ORIGINAL for event in prologue)


def lacks_images(prologue: Sequence[Event]) -> bool:
    """Whether the file, of which this is all up to the first image, has none: it keeps another file alone."""
    from sofc.stream.events import FileEnded

    return bool(prologue) and isinstance(prologue[-1], FileEnded) and keeps_original(prologue)


def _sink(
    args: argparse.Namespace,
    output: Path | None,
    prologue: Sequence[Event],
    files: OutputFiles,
    codebooks: FileCodebooks,
) -> Sink:
    from sofc.cli.dicom_sink import DicomSink
    from sofc.cli.image_sink import ImageSink
    from sofc.cli.kept_sinks import KeptImagesSink, OriginalSink
    from sofc.cli.raw_sinks import RawSink, VolumeSink
    from sofc.cli.video_sink import VideoSink
    from sofc.container.records import MetadataKind
    from sofc.metadata.dicom_file import FORMAT as DICOM_FORMAT
    from sofc.metadata.dicom_file import SUFFIXES as DICOM_SUFFIXES
    from sofc.metadata.video import FORMAT as VIDEO_FORMAT
    from sofc.metadata.video import SUFFIX as VIDEO_SUFFIX
    from sofc.metadata.volume import FORMATS as VOLUME_FORMATS
    from sofc.metadata.volume import format_of as volume_format
    from sofc.stream.events import MetadataRead

    complete = args.output is not None
    wants_images = args.images or args.raw or args.format or (args.salvage and not lacks_images(prologue))
    wants_images = wants_images or (complete and _names_another_format(output, prologue))
    wants_images = wants_images and not _keeps_one_of(args.format, prologue)
    if keeps_original(prologue) and not wants_images:
        return OriginalSink(output, complete=complete, files=files, codebooks=codebooks)
    is_dicom = args.format == DICOM_FORMAT or (
        not args.format and not args.raw and (args.output or "").lower().endswith(DICOM_SUFFIXES)
    )
    if is_dicom:
        return DicomSink(output, complete=complete, files=files)
    file_format: str | None = args.format or volume_format(args.output or "")
    is_video = args.format == VIDEO_FORMAT or (not args.format and (args.output or "").lower().endswith(VIDEO_SUFFIX))
    if is_video or (file_format is not None and file_format in VOLUME_FORMATS):
        heads = (event.metadata for event in prologue if isinstance(event, MetadataRead))
        head = next((item for item in heads if item.kind == MetadataKind.VOLUME), None)
        if is_video or file_format is None:
            return VideoSink(output, head=head, complete=complete, files=files, salvage=args.salvage)
        return VolumeSink(output, head=head, file_format=file_format, complete=complete, files=files)
    if not args.raw:
        images = ImageSink(output, complete=complete, file_format=args.format, files=files)
        return KeptImagesSink(images, codebooks) if keeps_original(prologue) else images
    return RawSink(output, complete=complete, files=files)


def _keeps_one_of(file_format: str | None, prologue: Sequence[Event]) -> bool:
    """Whether the file that is kept is of this format, and no images of its own are written in it."""
    from sofc.keepfile import first_bytes, original_in
    from sofc.stream.events import MetadataRead

    if file_format not in _KEPT_AS_THEY_ARE or not keeps_original(prologue):
        return False
    original = original_in(event.metadata for event in prologue if isinstance(event, MetadataRead))
    return first_bytes(original).startswith(*_KEPT_AS_THEY_ARE[file_format])


def _names_another_format(output: Path | None, prologue: Sequence[Event]) -> bool:
    """Whether the name of the output is that of a format to write, and the file that is kept is of another."""
    from sofc.imagefiles import is_format_of
    from sofc.keepfile import first_bytes, original_in
    from sofc.stream.events import MetadataRead

    if output is None or output.is_dir() or not keeps_original(prologue):
        return False
    original = original_in(event.metadata for event in prologue if isinstance(event, MetadataRead))
    if output.suffix.lower() == Path(original.name).suffix.lower():
        return False
    return is_format_of(output, first_bytes(original)) is False


def pass_on_kept(prologue: Sequence[Event], sink: Sink, codebooks: FileCodebooks) -> None:
    """Tell a sink of the images in the file that a file without images keeps. Raises SofcError where it has none."""
    from sofc.api.headers import header_for
    from sofc.imagefiles import each_in
    from sofc.keepfile import original_in, restore_pieces
    from sofc.stream.events import MetadataRead

    original = original_in(event.metadata for event in prologue if isinstance(event, MetadataRead))
    for number, samples in enumerate(each_in(original.name, restore_pieces(original, (), codebooks))):
        header = header_for(samples.array, declared_bits=samples.declared_bits, meaning=samples.meaning)
        sink.header(number, header)
        sink.image(number, samples.array)
