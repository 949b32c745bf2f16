"""How one file is encoded."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar, cast

from sofc.cli import destinations
from sofc.cli.console import Console, count_of, message_of, size
from sofc.cli.encode_jobs import Job, keeps_jpeg
from sofc.cli.encode_report import KEPT_WHOLE, STORED, Outcome
from sofc.cli.outputs import Output, OutputFiles
from sofc.cli.reading import open_input
from sofc.errors import FormatError, LimitError, SofcError, UsageError
from sofc.files import let_go, naming

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.container.records import Metadata
    from sofc.image import PixelFormat
    from sofc.imagefiles import ImageSource, InFile, RawLayout, Samples
    from sofc.keepfile.data import Data

_Image = TypeVar("_Image", "Samples", "Samples | InFile")
READ_BYTES = 1 << 20
HELD_BYTES = 1 << 24
"""Of a sofc file that may turn out larger than its file: what is more than that is on disk until it is known."""
FRAMING_BYTES = 80
"""At most what a sofc file of a kept file has besides its packed bytes and its name."""
IMAGES_WORTH = 50
"""Bytes that a file with images may have beyond the item of the file alone, around which stand some 30."""
ROOM = 200
"""Bytes by which a kept file may become larger, besides a hundredth of it."""
MOSTLY = 0.5
"""Where so much of a file is JPEG data whose coefficients are known, its samples are not tried."""
FAR_SMALLER = 3
"""Where zlib makes a file so many times larger than its images are, LZMA, which takes long, is not tried on it."""


@dataclass
class _Tally:
    """What went in: images, the bytes of their samples, and those of the files that they are in."""

    images: int = 0
    samples: int = 0
    bytes: int = 0
    is_file: bool = False  # whether the input itself is kept
    why_whole: str = ""  # why the file alone is kept
    remark: str = ""  # how, where that is not by its samples


class _Alone(NamedTuple):
    """A sofc file without images. ``covers``: whether nothing else needs to be tried."""

    coded: bytes
    covers: bool
    remark: str


class Stored(NamedTuple):
    """What came of a job, a remark about it, and the folders that hold files which need the codebook.

    ``why_kept``: why the inputs are not to be removed.
    """

    outcome: Outcome
    remark: str
    folders: set[Path]
    why_kept: str = ""


class Encoding:
    """One run of the verb: does jobs. ``threads``: for each of them."""

    console: Console
    """That of the job under way."""
    left_out = ""
    """What of the job's inputs is lost besides what ``remarks`` says."""

    def __init__(self, args: argparse.Namespace, codebook: Codebook | None, threads: int) -> None:
        from sofc.imagefiles import RawLayout

        self.args = args
        self.codebook = codebook
        self.layout = RawLayout.parse(args.raw) if args.raw is not None else None
        self.folders: set[Path] = set()
        self.options: dict[str, Any] = {
            "codebook": codebook,
            "embed_codebook": args.embed,
            "coder": args.coder,
            "effort": args.effort,
            "band_rows": args.band_rows,
            "key_interval": args.key_interval,
            "verify": not args.no_verify,
            "threads": threads,
            "on_codebook": self._note_codebook,
        }
        self.named: dict[str, bool] = {}  # names of the codebooks of the file, and whether they are built in
        if args.coder is None if codebook is not None else args.codebook is None and args.coder != "raw":
            self.options["codebook"] = self._pick

    @property
    def remark(self) -> str:
        """The codebook of the file."""
        names = sorted(name for name, is_built_in in self.named.items() if is_built_in)
        builtin = f"built-in codebook{'s' if len(names) > 1 else ''} {', '.join(names)}"
        if self.codebook is not None:
            own = f"codebook {self.codebook.name}{' embedded' if self.args.embed else ''}"
            if not names:
                return own
            if len(names) < len(self.named):
                return f"{own}, {builtin}"
            return f"{builtin} (codebook {self.codebook.name} has no model for such images)"
        return builtin if names else "no codebook"

    def _note_codebook(self, codebook: Codebook) -> None:
        from sofc.codebook.builtin import is_builtin

        self.named[codebook.name] = is_builtin(codebook)

    def _pick(self, pixel_format: PixelFormat) -> Codebook:
        from sofc.band.candidates import serves
        from sofc.codebook.builtin import builtin_codebook

        if self.codebook is not None and serves(self.codebook, pixel_format):
            return self.codebook

        return builtin_codebook(pixel_format)

    def __call__(self, job: Job, console: Console, files: OutputFiles) -> Stored:
        """Encode one file. Raises OSError, and SofcError as the readers do."""
        self.console = console
        self.named.clear()
        self.left_out = ""
        tally = _Tally()
        before = _states(job.inputs)
        files.like = before
        after = 0
        encode = self._raw if self.layout else self._files
        with self._open_output(job.output, files) as (file, output):
            for piece in encode(job, tally):
                file.write(piece)
                after += len(piece)
            _refuse_changed(job.inputs, before)
        name = None if output is None else output
        why_kept = self._why_kept(job, output, tally) if files.read_back and not files.dry else ""
        if tally.why_whole:
            outcome = Outcome(job.name, KEPT_WHOLE, name, tally.why_whole, 0, tally.bytes, 0, after)
            return Stored(outcome, f"kept whole: {tally.why_whole}", self._needing(output), why_kept)
        outcome = Outcome(job.name, STORED, name, None, tally.images, tally.bytes, tally.samples, after)
        count = "" if tally.images == 1 else f"{count_of(tally.images, 'image')}, "
        remark = tally.remark or f"{count}{size(tally.samples)} of samples  {self.remark}"
        return Stored(outcome, remark, self._needing(output), why_kept)

    def _why_kept(self, job: Job, output: Output | None, tally: _Tally) -> str:
        """Why the inputs must stay, "" where the output, decoded, is all that they are."""
        from sofc.cli.removal import why_different
        from sofc.imagefiles import each, remarks, sources

        paths = [path for path in job.inputs if path is not None]
        assert output is not None
        if tally.is_file:
            return why_different(output.place, self.codebook, original=paths[0])
        given_up = [remark for path in paths for remark in remarks(path)]
        if given_up or self.left_out:
            return self.left_out or given_up[0]
        if self.layout is not None:
            return why_different(output.place, self.codebook, raw=paths[0])
        return why_different(output.place, self.codebook, images=each(sources(paths, axes=self.args.axes)))

    def _needing(self, output: Output | None) -> set[Path]:
        """The folder of an output that needs the codebook to be decoded."""
        is_needed = self.codebook is not None and (not self.named or self.codebook.name in self.named)
        return {output.path.parent} if output is not None and is_needed else set()

    @contextlib.contextmanager
    def _open_output(self, path: Path | None, files: OutputFiles) -> Iterator[tuple[BinaryIO, Output | None]]:
        if path is None:
            yield sys.stdout.buffer, None
            sys.stdout.buffer.flush()
        else:
            with files.create(
                path, exactly=self.args.output is not None, folders=self.args.out_dir is not None
            ) as created:
                yield created

    def leave_codebooks(self, console: Console) -> None:
        """A copy of the codebook beside the outputs."""
        if self.codebook is not None and not self.args.embed:
            for folder in sorted(self.folders):
                self._leave_codebook(self.codebook, folder, console)

    @staticmethod
    def _leave_codebook(codebook: Codebook, folder: Path, console: Console) -> None:
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
            console.note(f"the files need codebook {codebook.name!r} to be decoded: a copy is in {path}")

    def _files(self, job: Job, tally: _Tally) -> Iterator[bytes]:
        """Image files: themselves, or their images."""
        from sofc.imagefiles import is_lossy_jpeg, why_none_inside

        with _spooled(job.inputs) as paths:
            if None in job.inputs and not self.args.keep_file and (found := why_none_inside(paths[0])):
                raise FormatError(f"{job.name}: this is {found}: there is no image to encode")
            tally.bytes = sum(path.stat().st_size for path in paths)
            tally.is_file = self.args.keep_file or (keeps_jpeg(self.args) and is_lossy_jpeg(paths[0]))
            if tally.is_file:
                yield from self._kept(job, paths[0], tally)
            else:
                yield from self._images(job, paths, tally)

    def _images(self, job: Job, paths: list[Path], tally: _Tally) -> Iterator[bytes]:
        from sofc.collection import encode_collection, names_metadata
        from sofc.imagefiles import JPEG_REMARK, each_in_file, reading_of, remarks

        for path in paths:
            _refuse_damaged(path)
        notes = [remark for path in paths for remark in remarks(path)]
        if self.args.axes is None:
            notes += [reading for path in paths if (reading := reading_of(path))]
        sources, names = self._sources(paths)
        metadata, own = self._metadata(sources, notes)
        if self.args.collection and len(names) > 1:
            metadata.append(names_metadata(names))
        with self.console.progress(len(sources), "image", job.name) as advance:
            images = self._loaded(each_in_file(sources), tally, advance)
            yield from encode_collection(images, metadata=metadata, metadata_of_images=own, **self.options)
        # Of a file that is refused nothing is kept.
        for note in notes:
            self.console.note(note if note == JPEG_REMARK else f"{job.name}: {note}")

    def _metadata(
        self, sources: Iterable[ImageSource], notes: list[str]
    ) -> tuple[list[Metadata], list[list[Metadata]]]:
        """What all images have, and what each has besides. What cannot be read is told in ``notes``."""
        from sofc.metadata import is_needed_to_view, pages_item, read, split, unkept

        counts = Counter(source.path for source in sources if source.path is not None)
        found: list[list[Metadata]] = []
        for path, images in counts.items():
            try:
                found += read(path, images)
                if not self.args.strip and (lost := unkept(path)):
                    notes.append(lost)
            except FormatError as error:
                notes.append(f"{str(error).removeprefix(f'{path}: ')}; it is left out")
                self.left_out = "metadata is left out"
                found += [[]] * images
        if self.args.strip:
            found = [[item for item in items if is_needed_to_view(item)] for items in found]
        common, own = split(found) if found else ([], [])
        return common + [item for path in counts if len(counts) == 1 for item in pages_item(path, counts[path])], own

    def _kept(self, job: Job, path: Path, tally: _Tally) -> Iterator[bytes]:
        """One file with its images and what restores it from them, or the file alone. The ratio is that of the file."""
        from sofc.collection import encode_collection
        from sofc.keepfile import keep, keep_whole, keep_within, read_file
        from sofc.stream.encoder import Encoder

        data = read_file(path)
        name = self._kept_name(job, data)
        tally.bytes = len(data)
        coefficients = self._coefficients(name, data)
        if coefficients is not None and (coefficients.covers or not self.args.keep_file):
            tally.remark = coefficients.remark
            yield coefficients.coded
            return
        images, tally.why_whole, note = self._readable(path, job, tally)
        kept = keep(name, data, [samples.array for samples in images])
        tally.why_whole = tally.why_whole or kept.why_whole
        alone: list[Metadata] | None = kept.items
        if not tally.why_whole:
            most = len(data) + len(name.encode()) + FRAMING_BYTES
            if coefficients is not None:
                most = min(most, len(coefficients.coded))
            coded = _drafted(encode_collection(images, metadata=kept.items, **self.options), most)
            alone = None
            if coded is not None:
                with coded:
                    size = coded.tell()
                    if not _is_far_larger(data, size):
                        alone = keep_within(name, data, size - IMAGES_WORTH - 1)
                    if alone is None:
                        if note:
                            self.console.note(note)
                        coded.seek(0)
                        yield from iter(partial(coded.read, READ_BYTES), b"")
                        return
            tally.why_whole = "that is smaller than its samples and how to make it from them"
        tally.images = 0
        if alone is None and coefficients is not None:
            alone = keep_within(name, data, len(coefficients.coded))
        elif alone is None:
            alone = keep_whole(name, data)
        whole = b"" if alone is None else Encoder(codebook=None, metadata=alone).finish()
        if coefficients is not None and (alone is None or len(coefficients.coded) < len(whole)):
            tally.why_whole, tally.remark = "", coefficients.remark
            whole = coefficients.coded
        yield whole

    def _coefficients(self, name: str, data: Data) -> _Alone | None:
        """The sofc file that keeps a file as the coefficients of its JPEG data; None where that is no smaller.

        Where codebooks are embedded, the one that is built in may serve better, as every decoder has it.
        """
        books = (self.codebook, None) if self.args.embed and self.codebook is not None else (self.codebook,)
        found = [one for book in books if (one := self._coefficients_by(book, name, data)) is not None]
        best = min(found, key=lambda one: len(one.coded), default=None)
        return best if best is not None and len(best.coded) < len(data) + FRAMING_BYTES else None

    def _coefficients_by(self, codebook: Codebook | None, name: str, data: Data) -> _Alone | None:
        from sofc.keepfile import keep_coefficients
        from sofc.stream.encoder import Encoder

        found = keep_coefficients(name, data, codebook, self.args.effort)
        if found is None:
            return None
        book, is_own = found.codebook, found.codebook is self.codebook
        embed = self.args.embed and is_own
        coded = Encoder(codebook=book, embed_codebook=embed, metadata=found.items).finish()
        named = f"{'' if is_own else 'built-in '}codebook {book.name}{' embedded' if embed else ''}"
        remark = f"coefficients of {count_of(found.pictures, 'picture')} of JPEG data, {named}"
        return _Alone(coded, found.share >= MOSTLY, remark)

    def _kept_name(self, job: Job, data: Data) -> str:
        """What is kept of the name of a file of these bytes, which is not to become much larger by it."""
        path, output = job.inputs[0], job.output
        if path is None:
            return destinations.key_for_nameless(output, data)
        is_costly = len(os.fsencode(path.name)) + FRAMING_BYTES > ROOM + len(data) // 100
        key = destinations.key_for(path.name, output, is_costly=is_costly)
        back = destinations.decoded([(output, Path(output.name))], None)[0].name if output is not None else ""
        if (destinations.original_name(back, key) or back) != path.name:
            self.console.note(
                f"{job.name}: its name has characters that cannot be kept in the file: decode gives it back as "
                f"{back or 'it is told to'}"
            )
        return key

    def _readable(self, path: Path, job: Job, tally: _Tally) -> tuple[list[Samples | InFile], str, str]:
        """The images of a file, why there are none, and what to know about them.

        Raises what the readers do where the file is not to be kept whatever it is.
        """
        from sofc.imagefiles import each_again, why_no_image
        from sofc.imagefiles.samples import is_wide

        note = ""
        if self.args.keep_file and (reason := why_no_image(path)):
            return [], reason, note
        try:
            sources, _ = self._sources([path])
            with self.console.progress(len(sources), "image", job.name) as advance:
                try:
                    images = self._held(self._loaded(each_again(sources), tally, advance), job)
                    is_refused = any(is_wide(image.array) for image in images)  # whose recipe would not find its bytes
                except UsageError:
                    is_refused = True
                if is_refused:
                    sources = [replace(source, words=True) for source in sources]
                    tally.images = tally.samples = 0
                    images = self._held(self._loaded(each_again(sources), tally, advance), job)
                    note = f"{job.name}: kept with its samples, which are wider, cut into words of 16 bits"
        except (SofcError, OSError) as error:
            if not self.args.keep_file:
                raise
            return [], message_of(error).removeprefix(f"{path}: "), ""
        return images, "", note

    @staticmethod
    def _held(images: Iterable[Samples | InFile], job: Job) -> list[Samples | InFile]:
        from sofc.keepfile import MAX_FILE_BYTES

        held: list[Samples | InFile] = []
        room = MAX_FILE_BYTES
        for samples in images:
            room -= samples.array.nbytes
            if room < 0:
                raise LimitError(f"{job.name} has too many samples to be coded with the file")
            held.append(samples)
        return held

    def _sources(self, paths: list[Path]) -> tuple[list[ImageSource], list[str]]:
        """The images of the files, and the name that each is kept under."""
        from sofc.imagefiles import sources

        images, names = [], []
        common = Path(os.path.commonpath([path.parent for path in paths]))
        for path in paths:
            inside = sources([path], threshold=self.args.threshold, axes=self.args.axes)
            name = path.relative_to(common).as_posix()
            images += inside
            names += [name] if len(inside) == 1 else [f"{name}/{number}" for number in range(len(inside))]
        return images, names

    @staticmethod
    def _loaded(images: Iterable[_Image], tally: _Tally, advance: Callable[[int], object]) -> Iterator[_Image]:
        from sofc.collection import sample_size

        for samples in images:
            tally.images += 1
            tally.samples += sample_size(samples.array)
            yield samples
            advance(1)

    def _raw(self, job: Job, tally: _Tally) -> Iterator[bytes]:
        """Samples without a head, of one image after the other where the height is known."""
        from sofc.cli.raw_images import RawImages

        assert self.layout is not None
        images = RawImages(self.layout.header, self.options)
        with open_input(job.inputs[0]) as file, self.console.progress(None, "B", job.name) as advance:
            for rows in _rows(file, self.layout):
                yield from images.write(rows)
                tally.samples += len(rows) * self.layout.row_bytes
                advance(len(rows) * self.layout.row_bytes)
        tally.bytes = tally.samples
        if tally.bytes == 0:
            raise FormatError(f"{job.name} holds no samples")
        if images.rows_missing:
            which = f" of image {images.count - 1}" if images.count > 1 else ""
            height = self.layout.header.height or 0
            raise FormatError(f"{job.name} ends after {height - images.rows_missing} of {height} rows{which}")
        tally.images = images.count
        yield from images.finish()


def _drafted(pieces: Iterable[bytes], most: int) -> BinaryIO | None:
    """A temporary file of all pieces, open at its end, or None as soon as they are more than ``most`` bytes."""
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(HELD_BYTES))  # noqa: SIM115 - closed by who gets it
    with contextlib.ExitStack() as stack:
        stack.callback(let_go, file)
        for piece in pieces:
            if file.tell() + len(piece) > most:
                return None
            with naming(tempfile.gettempdir()):
                file.write(piece)
        stack.pop_all()
        return file
    return None


def _refuse_damaged(path: Path) -> None:
    """Raise FormatError for a JPEG file of which a decoder would make up a part."""
    from sofc.imagefiles import is_lossy_jpeg

    if is_lossy_jpeg(path):
        from sofc.jpeg.soundness import complaint

        if said := complaint(path.read_bytes()):
            raise FormatError(
                f"{path}: the JPEG file is damaged, and decoders make up samples: {said}; keep the file: sofc encode, "
                "without --samples"
            )


def _is_far_larger(data: Data, size: int) -> bool:
    """Whether zlib, in haste, makes of ``data`` at least ``FAR_SMALLER`` times so many bytes."""
    from sofc.keepfile import pieces_of

    packer, made = zlib.compressobj(1), 0
    for piece in pieces_of(data):
        made += len(packer.compress(piece))
        if made >= FAR_SMALLER * size:
            return True
    return made + len(packer.flush()) >= FAR_SMALLER * size


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


def _states(inputs: Iterable[Path | None]) -> list[os.stat_result]:
    """The state of each input that is a file."""
    return [path.stat() for path in inputs if path is not None]


def _refuse_changed(inputs: Sequence[Path | None], before: Sequence[os.stat_result]) -> None:
    """Raise OSError where a file was written to since its state was ``before``."""
    paths = [path for path in inputs if path is not None]
    for path, old, new in zip(paths, before, _states(paths), strict=True):
        if (old.st_size, old.st_mtime_ns) != (new.st_size, new.st_mtime_ns):
            raise OSError(errno.EBUSY, "changed while it was read: encode it again", os.fspath(path))


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
                with naming(folder):
                    file.write(data)
        try:
            yield [copy]
        except SofcError as error:
            # The name of the copy means nothing to anyone.
            error.args = (str(error).replace(str(copy), "standard input"),)
            raise
