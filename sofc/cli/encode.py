"""``sofc encode``: image files to sofc files."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sofc.cli import options
from sofc.cli.console import OK, Console, count_of, ratio_line
from sofc.errors import FormatError, LimitError, SofcError, UsageError

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.container.records import Metadata
    from sofc.image import PixelFormat
    from sofc.imagefiles import ImageSource, RawLayout, Samples

SUFFIX = ".sofc"
READ_BYTES = 1 << 20

EXAMPLES = """\
  sofc encode photo.png                              photo.png -> photo.sofc, with a built-in codebook
  sofc encode -D scans.sofcb -r scans --out-dir out  a folder, with a codebook that is referred to
  sofc encode -D scans.sofcb --embed a.tif           the codebook inside the file
  sofc encode --collection -o all.sofc scans         one file of many images
  sofc encode --keep-file -r --out-dir out scans     sofc decode gives back the very files, byte for byte
  sofc encode --threshold 127 -D digits.sofcb t10k-images-idx3-ubyte.gz
  grab | sofc encode --raw 640x0x3:uint8 - > a.sofc  samples from a pipe, any number of rows

Files are referred to by a codebook's id; a copy of a codebook that is not installed is put beside the outputs.
A file of several images (TIFF pages, IDX) becomes one sofc file of several images."""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "encode", "store images losslessly", EXAMPLES)
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
    parser.add_argument("--raw", metavar="WxHxC:dtype", help="inputs are interleaved little-endian samples; H may be 0")
    options.add_threshold(parser)
    options.add_jobs(parser, "threads that code the bands of a file")
    options.add_force(parser)
    parser.add_argument(
        "--strip",
        action="store_true",
        help="leave out profiles, EXIF, XMP, texts, resolutions and the data sets of DICOM files, which name patients",
    )
    parser.add_argument(
        "--keep-file",
        action="store_true",
        help="keep what each file has beside its samples too, so that decode gives the file back byte for byte",
    )
    parser.add_argument("--no-verify", action="store_true", help="do not decode each band before its bytes leave")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Job:
    """One output file: None stands for standard input or output."""

    inputs: tuple[Path | None, ...]
    output: Path | None
    name: str


def run(args: argparse.Namespace) -> int:
    """Encode each input; the worst status counts."""
    jobs = _jobs(args)
    console = options.console(args, data_on_stdout=any(job.output is None for job in jobs))
    if any(job.output is None for job in jobs) and sys.stdout.isatty() and not args.force:
        raise UsageError("compressed data is not written to a terminal; name a file with -o, or use -f")
    encoding = _Encoding(args, console, options.named_codebook(args))
    status = OK
    with console.progress(len(jobs), "file") if len(jobs) > 1 else contextlib.nullcontext(lambda _: None) as advance:
        for job in jobs:
            try:
                encoding.run(job)
            except (SofcError, OSError) as error:
                if isinstance(error, BrokenPipeError):
                    raise
                status = max(status, console.error(error, job.name))
            advance(1)
    encoding.finish()
    return status


def _jobs(args: argparse.Namespace) -> list[_Job]:
    """What to encode into which file. Raises UsageError for options that contradict each other."""
    if args.output is not None and args.out_dir is not None:
        raise UsageError("-o and --out-dir exclude each other")
    if args.embed and args.codebook is None:
        raise UsageError("--embed needs a codebook: name one with -D")
    if args.raw is not None and (args.collection or args.threshold is not None):
        raise UsageError("--raw takes samples as they are: neither --collection nor --threshold go with it")
    if args.keep_file and (args.collection or args.strip or args.raw is not None or args.threshold is not None):
        raise UsageError(
            "--keep-file keeps one file as it is: --collection, --raw, --strip and --threshold do not go with it"
        )
    output = None if args.output in (None, "-") else Path(args.output)
    if "-" in args.inputs:
        if len(args.inputs) > 1:
            raise UsageError("standard input (-) must be the only input")
        if args.out_dir is not None or args.collection:
            raise UsageError("standard input (-) goes with neither --out-dir nor --collection")
        return [_Job((None,), output, "standard input")]
    paths = _walk(args.inputs, args.recursive)
    if not paths:
        raise UsageError("the named folders hold no image files (-r enters subfolders)")
    if args.collection:
        if args.output is None:
            raise UsageError("--collection needs -o to name the file")
        return [_Job(tuple(path for path, _ in paths), output, args.output)]
    if args.output is not None:
        if len(paths) > 1:
            raise UsageError(f"-o names one file for {len(paths)} inputs: use --out-dir, or --collection for one file")
        return [_Job((paths[0][0],), output, str(paths[0][0]))]
    outputs = options.destinations(paths, SUFFIX, args.out_dir)
    return [_Job((path,), output, str(path)) for (path, _), output in zip(paths, outputs, strict=True)]


def _walk(inputs: Iterable[str], recursive: bool) -> list[tuple[Path, Path]]:
    """Image files, each with its path relative to the folder that was named."""
    from sofc.imagefiles import walk

    found: dict[Path, Path] = {}
    for item in map(Path, inputs):
        for path in walk([item], recursive):
            found.setdefault(path, path.relative_to(item) if item.is_dir() else Path(path.name))
    return list(found.items())


class _Encoding:
    """One run of the verb."""

    def __init__(self, args: argparse.Namespace, console: Console, codebook: Codebook | None) -> None:
        from sofc.imagefiles import RawLayout

        self.args = args
        self.console = console
        self.codebook = codebook
        self.layout = RawLayout.parse(args.raw) if args.raw is not None else None
        self.folders: set[Path] = set()
        self.files = self.before = self.after = 0
        self.options: dict[str, Any] = {
            "codebook": codebook,
            "embed_codebook": args.embed,
            "coder": args.coder,
            "effort": args.effort,
            "band_rows": args.band_rows,
            "key_interval": args.key_interval,
            "verify": not args.no_verify,
            "threads": args.jobs,
        }
        self.picked: dict[str, None] = {}  # names of the built-in codebooks of the file
        if args.coder is None if codebook is not None else args.codebook is None and args.coder != "raw":
            self.options["codebook"] = self._pick

    @property
    def remark(self) -> str:
        """The codebook of the file."""
        builtin = f"built-in codebook{'s' if len(self.picked) > 1 else ''} {', '.join(self.picked)}"
        if self.codebook is not None:
            if self.picked:
                return f"{builtin} (codebook {self.codebook.name} has no model for such images)"
            return f"codebook {self.codebook.name}{' embedded' if self.args.embed else ''}"
        return builtin if self.picked else "no codebook"

    def _pick(self, pixel_format: PixelFormat) -> Codebook:
        from sofc.band.selection import serves
        from sofc.codebook.builtin import builtin_codebook

        if self.codebook is not None and serves(self.codebook, pixel_format):
            return self.codebook

        found = builtin_codebook(pixel_format)
        self.picked[found.name] = None
        return found

    def run(self, job: _Job) -> None:
        """Encode one file."""
        if job.output is not None:
            options.refuse_overwrite(job.output, self.args.force)
            if self.args.out_dir is not None:
                job.output.parent.mkdir(parents=True, exist_ok=True)
        tally = _Tally()
        after = 0
        self.picked.clear()
        encode = self._raw if self.layout else self._kept if self.args.keep_file else self._images
        with _open_output(job.output) as file:
            for piece in encode(job, tally):
                file.write(piece)
                after += len(piece)
        remark = self.remark if tally.images == 1 else f"{count_of(tally.images, 'image')}  {self.remark}"
        self.console.result(ratio_line(job.name, tally.bytes, after, remark))
        self.files += 1
        self.before += tally.bytes
        self.after += after
        if job.output is not None:
            self.folders.add(job.output.parent)

    def finish(self) -> None:
        """The sum of several files, and a copy of the codebook beside the outputs."""
        if self.files > 1:
            self.console.result(ratio_line(f"{self.files} files", self.before, self.after))
        if self.codebook is not None and not self.args.embed:
            for folder in sorted(self.folders):
                self._leave_codebook(self.codebook, folder)

    def _leave_codebook(self, codebook: Codebook, folder: Path) -> None:
        """A file without its codebook is lost: put a copy beside it unless it is found there or installed."""
        from sofc.codebook.store import SUFFIX as CODEBOOK_SUFFIX
        from sofc.codebook.store import find_codebook
        from sofc.errors import CodebookError
        from sofc.files import replacing

        try:
            find_codebook(codebook.reference, beside=folder)
        except CodebookError:
            path = folder / f"{codebook.reference.id.hex()}{CODEBOOK_SUFFIX}"
            with replacing(path) as file:
                file.write(codebook.to_bytes())
            self.console.note(f"the files need codebook {codebook.name!r} to be decoded: a copy is in {path}")

    def _images(self, job: _Job, tally: _Tally) -> Iterator[bytes]:
        from sofc.collection import encode_collection, names_metadata

        with _spooled(job.inputs) as paths:
            sources, names = self._sources(paths, job)
            metadata, own = self._metadata(sources)
            if self.args.collection and len(names) > 1:
                metadata.append(names_metadata(names))
            with self.console.progress(len(sources), "image", job.name) as advance:
                images = self._loaded(sources, tally, advance)
                yield from encode_collection(images, metadata=metadata, metadata_of_images=own, **self.options)

    def _metadata(self, sources: Iterable[ImageSource]) -> tuple[list[Metadata], list[list[Metadata]]]:
        """What all images have, and what each has besides."""
        from sofc.metadata import is_palette, read, split

        counts = Counter(source.path for source in sources if source.path is not None)
        found: list[list[Metadata]] = []
        for path, images in counts.items():
            try:
                found += read(path, images)
            except FormatError as error:
                self.console.note(f"{error}; it is left out")
                found += [[]] * images
        if self.args.strip:
            found = [[item for item in items if is_palette(item)] for items in found]
        return split(found) if found else ([], [])

    def _kept(self, job: _Job, tally: _Tally) -> Iterator[bytes]:
        """The images of one file, with what restores it. The ratio is that of the file."""
        from sofc.collection import encode_collection
        from sofc.keepfile import keep, read_file

        with _spooled(job.inputs) as (path,):
            data = read_file(path)
            sources, _ = self._sources([path], job)
            with self.console.progress(len(sources), "image", job.name) as advance:
                try:
                    images = self._held(self._loaded(sources, tally, advance), job)
                except UsageError as error:
                    sources = [replace(source, words=True) for source in sources]
                    tally.images = 0
                    images = self._held(self._loaded(sources, tally, advance), job)
                    self.console.note(f"{job.name}: kept with its samples cut into words of 16 bits: {error}")
        # A name that is not UTF-8 is kept as well as can be.
        name = path.name.encode("utf-8", "replace").decode()
        kept = keep("" if job.inputs[0] is None else name, data, [samples.array for samples in images])
        if kept.why_whole:
            self.console.note(f"{job.name}: kept whole, beside its samples: {kept.why_whole}")
        tally.bytes = len(data)
        yield from encode_collection(images, metadata=kept.items, **self.options)

    @staticmethod
    def _held(images: Iterable[Samples], job: _Job) -> list[Samples]:
        from sofc.keepfile import MAX_FILE_BYTES

        held, room = [], MAX_FILE_BYTES
        for samples in images:
            room -= samples.array.nbytes
            if room < 0:
                raise LimitError(f"{job.name} has too many samples to be kept: encode it without --keep-file")
            held.append(samples)
        return held

    def _sources(self, paths: list[Path], job: _Job) -> tuple[list[ImageSource], list[str]]:
        """The images of the files, and the name that each is kept under."""
        from sofc.imagefiles import remark, sources

        images, names = [], []
        common = Path(os.path.commonpath([path.parent for path in paths]))
        for path in paths:
            # A file that is kept has all its frames.
            if not self.args.keep_file and (warning := remark(path)) is not None:
                self.console.note(f"{job.name}: {warning}" if "JPEG" not in warning else warning)
            inside = sources([path], threshold=self.args.threshold)
            name = path.relative_to(common).as_posix()
            images += inside
            names += [name] if len(inside) == 1 else [f"{name}/{number}" for number in range(len(inside))]
        return images, names

    @staticmethod
    def _loaded(sources: Iterable[ImageSource], tally: _Tally, advance: Callable[[int], object]) -> Iterator[Samples]:
        from sofc.collection import sample_size
        from sofc.imagefiles import each

        for samples in each(sources):
            tally.images += 1
            tally.bytes += sample_size(samples.array)
            yield samples
            advance(1)

    def _raw(self, job: _Job, tally: _Tally) -> Iterator[bytes]:
        from sofc.stream.encoder import Encoder

        assert self.layout is not None
        encoder = Encoder(self.layout.header, **self.options)
        with _open_input(job.inputs[0]) as file, self.console.progress(None, "B", job.name) as advance:
            for rows in _rows(file, self.layout):
                yield encoder.write(rows)
                tally.bytes += len(rows) * self.layout.row_bytes
                advance(len(rows) * self.layout.row_bytes)
        if tally.bytes == 0:
            raise FormatError(f"{job.name} holds no samples")
        height = self.layout.header.height
        if height is not None and tally.bytes < height * self.layout.row_bytes:
            raise FormatError(f"{job.name} ends after {tally.bytes // self.layout.row_bytes} of {height} rows")
        tally.images = 1
        yield encoder.finish()


@dataclass
class _Tally:
    """What went in: images, and the bytes of their samples."""

    images: int = 0
    bytes: int = 0


def _rows(file: BinaryIO, layout: RawLayout) -> Iterator[Any]:
    """Arrays of whole rows, about a megabyte each. Raises FormatError where the last row is cut."""
    import numpy as np

    # Bytes of bool samples are read as numbers, so that the encoder refuses those above 1.
    dtype = np.dtype(np.uint8) if layout.dtype == np.bool_ else layout.dtype
    block = max(1, READ_BYTES // layout.row_bytes) * layout.row_bytes
    row = 0
    while data := _read_full(file, block):
        count, rest = divmod(len(data), layout.row_bytes)
        if rest:
            raise FormatError(f"the raw samples end inside row {row + count}: {rest} of {layout.row_bytes} bytes")
        yield np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(count, *layout.row_shape)
        row += count


def _read_full(file: BinaryIO, count: int) -> bytes:
    """``count`` bytes, fewer only at the end: a pipe gives what it has."""
    data = bytearray()
    while len(data) < count and (piece := file.read(count - len(data))):
        data += piece
    return bytes(data)


@contextlib.contextmanager
def _open_input(path: Path | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdin.buffer
    else:
        with path.open("rb") as file:
            yield file


@contextlib.contextmanager
def _open_output(path: Path | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        from sofc.files import replacing

        with replacing(path) as file:
            yield file


@contextlib.contextmanager
def _spooled(inputs: tuple[Path | None, ...]) -> Iterator[list[Path]]:
    """The input files; standard input is first copied to a temporary file, as image readers must seek."""
    paths = [path for path in inputs if path is not None]
    if len(paths) == len(inputs):
        yield paths
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "input"
        with copy.open("wb") as file:
            while data := sys.stdin.buffer.read(READ_BYTES):
                file.write(data)
        yield [copy]
