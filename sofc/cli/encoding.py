"""How one file is encoded."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sofc.cli import destinations, options
from sofc.cli.console import Console, count_of, message_of
from sofc.cli.encode_jobs import Job
from sofc.cli.encode_report import KEPT_WHOLE, STORED, Outcome, Report
from sofc.errors import FormatError, LimitError, SofcError, UsageError

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.container.records import Metadata
    from sofc.image import PixelFormat
    from sofc.imagefiles import ImageSource, RawLayout, Samples

READ_BYTES = 1 << 20
FRAMING_BYTES = 80
"""At most what a sofc file of a kept file has besides its packed bytes and its name: images are worth a few bytes."""
ROOM = 200
"""Bytes by which a kept file may become larger, besides a hundredth of it."""
FAR_SMALLER = 3
"""Where zlib makes a file so many times larger than its images are, LZMA, which takes long, is not tried on it."""


@dataclass
class _Tally:
    """What went in: images, and the bytes of their samples or of the file that is kept."""

    images: int = 0
    bytes: int = 0
    why_whole: str = ""  # why the file alone is kept


class Encoding:
    """One run of the verb."""

    def __init__(self, args: argparse.Namespace, console: Console, codebook: Codebook | None, report: Report) -> None:
        from sofc.imagefiles import RawLayout

        self.args = args
        self.console = console
        self.report = report
        self.codebook = codebook
        self.layout = RawLayout.parse(args.raw) if args.raw is not None else None
        self.folders: set[Path] = set()
        self.written = destinations.Written()
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

    def run(self, job: Job) -> None:
        """Encode one file."""
        if job.output is not None:
            output = job.output if self.args.output is not None else self.written.free(job.output)
            job = replace(job, output=output)
            options.refuse_overwrite(output, self.args.force)
            if self.args.out_dir is not None:
                output.parent.mkdir(parents=True, exist_ok=True)
        tally = _Tally()
        after = 0
        self.picked.clear()
        encode = self._raw if self.layout else self._kept if self.args.keep_file else self._images
        with _open_output(job.output) as file:
            for piece in encode(job, tally):
                file.write(piece)
                after += len(piece)
        name = None if job.output is None else str(job.output)
        if tally.why_whole:
            outcome = Outcome(job.name, KEPT_WHOLE, name, tally.why_whole, 0, tally.bytes, after)
            self.report.stored(outcome, f"kept whole: {tally.why_whole}")
        else:
            outcome = Outcome(job.name, STORED, name, None, tally.images, tally.bytes, after)
            count = "" if tally.images == 1 else f"{count_of(tally.images, 'image')}  "
            self.report.stored(outcome, count + self.remark)
        if job.output is not None:
            self.written.add(job.output)
            self.folders.add(job.output.parent)

    def leave_codebooks(self) -> None:
        """A copy of the codebook beside the outputs."""
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

    def _images(self, job: Job, tally: _Tally) -> Iterator[bytes]:
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

    def _kept(self, job: Job, tally: _Tally) -> Iterator[bytes]:
        """One file with its images and what restores it from them, or the file alone. The ratio is that of the file."""
        from sofc.collection import encode_collection
        from sofc.keepfile import keep, keep_whole, read_file
        from sofc.stream.encoder import Encoder

        with _spooled(job.inputs) as (path,):
            data = read_file(path)
            images, tally.why_whole, note = self._readable(path, job, tally)
        name = self._kept_name(job, len(data))
        tally.bytes = len(data)
        kept = keep(name, data, [samples.array for samples in images])
        tally.why_whole = tally.why_whole or kept.why_whole
        items = kept.items
        if not tally.why_whole:
            most = len(data) + len(name.encode()) + FRAMING_BYTES
            coded = _joined(encode_collection(images, metadata=items, **self.options), most)
            if coded is not None and len(zlib.compress(data, 1)) >= FAR_SMALLER * len(coded):
                alone = None
            else:
                items = keep_whole(name, data)
                alone = sum(len(item.value) for item in items) + FRAMING_BYTES
            if coded is not None and (alone is None or len(coded) <= alone):
                if note:
                    self.console.note(note)
                yield coded
                return
            tally.why_whole = "that is smaller than its samples and how to make it from them"
        tally.images = 0
        yield Encoder(codebook=None, metadata=items).finish()

    def _kept_name(self, job: Job, size: int) -> str:
        """What is kept of the name of a file of ``size`` bytes, which is not to become much larger by it."""
        path, output = job.inputs[0], job.output
        if path is None:
            return ""
        is_costly = len(os.fsencode(path.name)) + FRAMING_BYTES > ROOM + size // 100
        key = destinations.key_for(path.name, output, is_costly=is_costly)
        back = destinations.decoded([(output, Path(output.name))], None)[0].name if output is not None else ""
        if (destinations.original_name(back, key) or back) != path.name:
            self.console.note(
                f"{job.name}: its name has characters that cannot be kept in the file: decode gives it back as "
                f"{back or 'it is told to'}"
            )
        return key

    def _readable(self, path: Path, job: Job, tally: _Tally) -> tuple[list[Samples], str, str]:
        """The images of a file, why there are none, and what to know about them."""
        from sofc.imagefiles import why_no_image
        from sofc.imagefiles.samples import is_wide

        note = ""
        if reason := why_no_image(path):
            return [], reason, note
        try:
            sources, _ = self._sources([path], job)
            with self.console.progress(len(sources), "image", job.name) as advance:
                try:
                    images = self._held(self._loaded(sources, tally, advance), job)
                    is_refused = any(is_wide(image.array) for image in images)  # whose recipe would not find its bytes
                except UsageError:
                    is_refused = True
                if is_refused:
                    sources = [replace(source, words=True) for source in sources]
                    tally.images = 0
                    images = self._held(self._loaded(sources, tally, advance), job)
                    note = f"{job.name}: kept with its samples, which are wider, cut into words of 16 bits"
        except (SofcError, OSError) as error:
            return [], message_of(error).removeprefix(f"{path}: "), ""
        return images, "", note

    @staticmethod
    def _held(images: Iterable[Samples], job: Job) -> list[Samples]:
        from sofc.keepfile import MAX_FILE_BYTES

        held, room = [], MAX_FILE_BYTES
        for samples in images:
            room -= samples.array.nbytes
            if room < 0:
                raise LimitError(f"{job.name} has too many samples to be coded with the file")
            held.append(samples)
        return held

    def _sources(self, paths: list[Path], job: Job) -> tuple[list[ImageSource], list[str]]:
        """The images of the files, and the name that each is kept under."""
        from sofc.imagefiles import JPEG_REMARK, remarks, sources

        images, names = [], []
        common = Path(os.path.commonpath([path.parent for path in paths]))
        for path in paths:
            # A file that is kept has all its frames.
            for remark in () if self.args.keep_file else remarks(path):
                self.console.note(remark if remark == JPEG_REMARK else f"{job.name}: {remark}")
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

    def _raw(self, job: Job, tally: _Tally) -> Iterator[bytes]:
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


def _joined(pieces: Iterable[bytes], most: int) -> bytes | None:
    """All pieces, or None as soon as they are more than ``most`` bytes."""
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > most:
            return None
    return bytes(data)


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
