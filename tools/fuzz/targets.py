"""What is fuzzed: everything of sofc that takes bytes from outside. Only SofcError may leave, and nothing hangs or
takes more memory than its limits allow."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sofc
from sofc import metadata
from sofc.band.arrangement import Arrangement, Divided, Part, Split, Stepped, pack_arrangement, unpack_arrangement
from sofc.band.division import Division
from sofc.band.inset import Inset
from sofc.band.overlay import Overlay
from sofc.band.patches import Patches
from sofc.band.placing_steps import Choose, MoveAxis, Orient, Repeat, Tile
from sofc.band.ramp import Ramp
from sofc.band.steps import Form
from sofc.band.value_steps import Scale, Stretch, Turn
from sofc.cli import __main__ as command
from sofc.codebook import Codebook
from sofc.collection import encode_collection
from sofc.container.likeness import DEPARTURES, GOING_ON, GUIDE, Placing, Plan, pack_plan, unpack_plan
from sofc.container.original import from_metadata
from sofc.container.records import MetadataKind
from sofc.errors import SofcError
from sofc.imagefiles import load, remarks, sources
from sofc.keepfile import keep, restore_items
from sofc.limits import Limits
from sofc.metadata.dicom_file import DicomWriter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LIMITS = Limits(
    max_pixels=1 << 20,
    max_band_samples=1 << 18,
    max_chunk_bytes=1 << 22,
    max_codebook_bytes=1 << 22,
    max_images=1 << 10,
    max_components=64,
    max_metadata_bytes=1 << 22,
)
"""Small, so that a single try is quick and what goes beyond them shows."""
MOST_IMAGES = 4
"""Of a file that are read."""
FORM = Form(components=3, bits=8, rows=12 * 4, width=16, image_rows=12)
"""Four images of the size of most vectors."""
STATUSES = range(6)
"""Exit statuses of the command that are not those of a mistake in it."""

# A try is over when its files are gone: no disk needs to keep them, which takes most of the time.
os.fsync = lambda fd: None
MEMORY = Path("/dev/shm")
if MEMORY.is_dir():
    tempfile.tempdir = str(MEMORY)
# To make a parser takes longer than most commands do on a small file.
_parser = functools.cache(command.build_parser)
command.build_parser = lambda verbs=command.VERBS: _parser(tuple(verbs))
# What other libraries warn of damaged files is written by the thousand.
warnings.simplefilter("ignore")

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors"


def decode(data: bytes) -> None:
    """All of a file through the decoder, in two pieces."""
    decoder = sofc.Decoder(limits=LIMITS, codebooks=_codebook)
    half = len(data) // 2
    for piece in (data[:half], data[half:]):
        decoder.feed(piece)
        for _ in decoder.events():
            pass
    decoder.finish()


def read(data: bytes) -> None:
    """The same file by random access: what it says of itself, its last image, some rows, its metadata."""
    with sofc.open_reader(io.BytesIO(data), limits=LIMITS, codebooks=_codebook) as reader:
        for image in {0, len(reader) - 1}:
            reader.header_of(image)
            reader.metadata_of(image)
            reader.read_image(image)
            reader.read_rows(0, 1, image=image)


def restore(data: bytes) -> None:
    """The file that another one keeps."""
    with sofc.open_reader(io.BytesIO(data), limits=LIMITS, codebooks=_codebook) as reader:
        items = reader.metadata
        if from_metadata(items, LIMITS.max_metadata_bytes) is None:
            return
        images = [reader.read_image(number) for number in range(len(reader))]
        restore_items(items, images, reader.codebook)


def codebook(data: bytes) -> None:
    """A codebook, and each of its models as a coder."""
    from sofc.coders.registry import coder_for
    from sofc.container.records import FIRST_CODEBOOK_MODEL

    book = Codebook.from_bytes(data, limits=LIMITS)
    for number, model in enumerate(book.models):
        if model.components > LIMITS.max_components:
            continue  # before a decoder comes to a model it refuses images of so many
        pixel_format = sofc.PixelFormat(model.components, model.max_bits, model.max_bits)
        with contextlib.suppress(SofcError):
            coder_for(book, FIRST_CODEBOOK_MODEL + number, pixel_format)


def image_file(data: bytes) -> None:
    """A file of another format through the readers in front."""
    with _file_of(data) as path:
        for _ in remarks(path):
            pass
        for source in sources([path])[:MOST_IMAGES]:
            load(source)


def kept(data: bytes) -> None:
    """A file of any kind, kept with its images where these can be read: it comes back."""
    with _file_of(data) as path:
        try:
            found = sources([path])
            images = [load(source).array for source in found] if len(found) <= MOST_IMAGES else []
        except SofcError:
            images = []
    assert restore_items(keep("image", data, images).items, images) == data


def dicom_file(data: bytes) -> None:
    """A DICOM file, written again from what is kept of it: it has the same samples."""
    with _file_of(data) as path:
        found = sources([path])[:MOST_IMAGES]
        images = [load(source).array for source in found]
        items = metadata.read(path, len(found))[0]
        if all(item.kind != MetadataKind.DICOM for item in items):
            return
        writer, written = DicomWriter(items), io.BytesIO()
        writer.begin(written)
        for image in images:
            writer.add(image)
        writer.finish()
    with _file_of(written.getvalue()) as path:
        for source, image in zip(sources([path]), images, strict=True):
            assert load(source).array.tobytes() == image.tobytes()


@contextlib.contextmanager
def _file_of(data: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        path.write_bytes(data)
        yield path


def arrangement(data: bytes) -> None:
    """How the samples of a band are arranged; what is read is what is written of it."""
    found = unpack_arrangement(data, FORM)
    assert unpack_arrangement(pack_arrangement(found), FORM) == found


def likeness(data: bytes) -> None:
    """Which images of a group are predicted from which; what is read is what is written of it."""
    found = unpack_plan(data, FORM.images)
    assert unpack_plan(pack_plan(found), FORM.images) == found


def command_line(data: bytes) -> None:
    """The command on the file: what it holds, whether it is sound, what comes out."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        path = Path("a.sofc")
        path.write_bytes(data)
        nowhere = io.StringIO()
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            for verb in (["info", "-v"], ["test", "-j", "1"], ["decode", "-j", "1", "--out-dir", "out"]):
                status = command.main([*verb, str(path)])
                if status not in STATUSES:
                    raise AssertionError(f"sofc {verb[0]} ended with status {status}")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "decode": decode,
    "read": read,
    "restore": restore,
    "codebook": codebook,
    "image_file": image_file,
    "kept": kept,
    "dicom_file": dicom_file,
    "arrangement": arrangement,
    "likeness": likeness,
    "command_line": command_line,
}
FRAMED = ("decode", "read", "restore", "codebook", "command_line")
"""Targets that take sofc files and codebooks; the others take bytes that no chunks frame."""


def run(target: Callable[[bytes], None], data: bytes) -> None:
    """One try: anything but SofcError that leaves is a finding."""
    with contextlib.suppress(SofcError):
        target(data)


def seeds(name: str) -> list[bytes]:
    """The files that a target begins with."""
    if name in ("image_file", "kept"):
        return _image_files()
    if name == "dicom_file":
        return _dicom(_ramp())
    if name == "arrangement":
        return [pack_arrangement(each) for each in _arrangements()]
    if name == "likeness":
        return [pack_plan(each) for each in _plans()]
    pattern = {"codebook": "*.sofcb", "restore": "kept-*.sofc"}.get(name, "*.sofc")
    found = [path.read_bytes() for path in sorted(VECTORS.glob(pattern)) if path.stat().st_size < 1 << 17]
    if name == "codebook":
        found += [book.to_bytes() for data in found for book in _of_a_model(Codebook.from_bytes(data))]
    if name == "restore":
        found += _kept_files()
    return found


def _of_a_model(book: Codebook) -> Iterator[Codebook]:
    """Codebooks of one model each, which take less to read."""
    if not book.bases and len(book.models) > 1:
        for model in book.models:
            sections = tuple(book.sections[number] for number in model.sections)
            yield Codebook("one", (replace(model, sections=tuple(range(len(sections)))),), sections)


def _kept_files() -> list[bytes]:
    """Image files that are kept beside samples that take little to decode."""
    made = []
    for data in _image_files():
        with _file_of(data) as path:
            images = [load(source) for source in sources([path])]
            items = keep("image", data, [image.array for image in images]).items
            made.append(b"".join(encode_collection(images, metadata=items, codebook=None, coder="raw")))
    return made


def _arrangements() -> list[Arrangement]:
    """One of each kind, small and one within the other."""
    part = Part(0, 1, 0, 3)
    steps = (
        Choose((0, -1, 1), (0, 5, 0)),
        Scale(8, 3, 1),
        Turn(7),
        Tile(0, 2),
        Orient(5),
        MoveAxis(0),
        Repeat(2, 2, 1),
        Ramp(((1 << 24, 5, 6),) * 3),
        Stretch(7, 2, 1, 3),
    )
    made: list[Arrangement] = [part, *(Stepped(step, part) for step in steps)]
    made += [Split(1, Stepped(Turn(3), part), part)]
    for division in (Division(0, 3), Division(1, 5), Inset(2, 3, 4, 5), Overlay((9, 8, 7)), Patches(2)):
        made += [Divided(division, part, part), Divided(division, made[-1], Stepped(Orient(4), part))]
    return made


def _plans() -> list[Plan]:
    """Each way in which images are predicted."""
    placing = Placing(3, arrangement=5, outside=2, reduction=1, component=1, down=-4, across=70)
    placings = {1: Placing(0), 3: placing}
    return [Plan(DEPARTURES, 0, 1, placings), Plan(GUIDE, 1, 3, {0: placing}), Plan(GOING_ON, 0, 2, {0: Placing(2)})]


def _image_files() -> list[bytes]:
    """Small image files of many formats, made here."""
    import numpy as np
    from PIL import Image

    ramp = _ramp()
    colour = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=-1)
    made = []
    for format, settings in (
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("GIF", {}),
        ("GIF", {"save_all": True, "append_images": [Image.fromarray(ramp[::-1])]}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("PPM", {}),
        ("TGA", {}),
        ("SGI", {}),
        ("PCX", {}),
        ("TIFF", {"compression": "packbits"}),
        ("QOI", {}),
    ):
        file = io.BytesIO()
        Image.fromarray(colour).save(file, format, **settings)
        made.append(file.getvalue())
    icon = io.BytesIO()  # with alpha: the masks that Pillow writes have rows of too few bytes
    Image.fromarray(np.dstack([colour, ramp])).save(icon, "ICO", bitmap_format="bmp")
    made.append(icon.getvalue())
    paper = io.BytesIO()
    Image.fromarray(ramp > 99).save(paper, "TIFF", compression="group4")
    made.append(paper.getvalue())
    array = io.BytesIO()
    np.save(array, ramp)
    made.append(array.getvalue())
    cards = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 17", "NAXIS2  = 13", "END")
    made.append("".join(card.ljust(80) for card in cards).ljust(2880).encode() + ramp.tobytes())
    array = io.BytesIO()
    np.savez(array, ramp, colour)
    made.append(array.getvalue())
    made += _stacks_in_tiff(ramp) + _dicom(ramp)
    made.append(b"\0\0\x08\x03" + (2).to_bytes(4, "big") + (5).to_bytes(4, "big") + (6).to_bytes(4, "big") + bytes(60))
    return made


def _ramp() -> npt.NDArray[np.uint8]:
    import numpy as np

    return (np.add.outer(np.arange(13), np.arange(17)) * 5 % 256).astype(np.uint8)


def _stacks_in_tiff(ramp: npt.NDArray[np.uint8]) -> list[bytes]:
    """Pages whose description speaks of a stack, of tifffile and as ImageJ has them."""
    import tifffile

    made = []
    for description in ('{"shape": [2, 13, 17]}', "ImageJ=1.53t\nimages=2\nslices=2\n"):
        file = io.BytesIO()
        with tifffile.TiffWriter(file) as pages:
            for text in (description, None):
                pages.write(ramp, description=text, software="tifffile.py", metadata=None, contiguous=False)
        made.append(file.getvalue())
    return made


def _dicom(ramp: npt.NDArray[np.uint8]) -> list[bytes]:
    """Two frames, plain and as runs."""
    import pydicom

    made = []
    for syntax in (pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.RLELossless):
        data_set = pydicom.Dataset()
        data_set.file_meta = pydicom.dataset.FileMetaDataset()
        data_set.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data_set.SOPClassUID, data_set.SOPInstanceUID = pydicom.uid.SecondaryCaptureImageStorage, "1.2.3"
        data_set.NumberOfFrames, (data_set.Rows, data_set.Columns), data_set.SamplesPerPixel = 2, ramp.shape, 1
        data_set.PhotometricInterpretation, data_set.PixelRepresentation = "MONOCHROME2", 0
        data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 8, 8, 7
        data_set.PixelData = ramp.tobytes() + ramp[::-1].tobytes()
        data_set["PixelData"].VR = "OB"
        if syntax.is_compressed:
            data_set.compress(syntax)
        file = io.BytesIO()
        data_set.save_as(file, enforce_file_format=True)
        made.append(file.getvalue())
    return made


def _codebook(reference: sofc.CodebookReference) -> Codebook | None:
    return _books().get(reference.id)


_BOOKS: dict[bytes, Codebook] = {}


def _books() -> dict[bytes, Codebook]:
    """The vectors' codebooks by the first bytes of their ids."""
    if not _BOOKS:
        for path in VECTORS.glob("*.sofcb"):
            book = Codebook.from_bytes(path.read_bytes())
            _BOOKS[book.id[:16]] = book
    return _BOOKS
