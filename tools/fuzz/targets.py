"""What is fuzzed: everything of sofc that takes bytes from outside. Only SofcError may leave, and nothing hangs or
takes more memory than its limits allow."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import sofc
from sofc.cli.__main__ import main
from sofc.codebook import Codebook
from sofc.container.original import from_metadata
from sofc.errors import SofcError
from sofc.imagefiles import load, sources
from sofc.keepfile import restore_items
from sofc.limits import Limits

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
STATUSES = range(6)
"""Exit statuses of the command that are not those of a mistake in it."""

# A try is over when its files are gone: no disk needs to keep them, which takes most of the time.
os.fsync = lambda fd: None
MEMORY = Path("/dev/shm")
FOLDER = MEMORY if MEMORY.is_dir() else None

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
        restore_items(items, images)


def codebook(data: bytes) -> None:
    """A codebook, and each of its models as a coder."""
    from sofc.coders.registry import coder_for
    from sofc.container.records import FIRST_CODEBOOK_MODEL

    book = Codebook.from_bytes(data, limits=LIMITS)
    for number, model in enumerate(book.models):
        pixel_format = sofc.PixelFormat(model.components, model.max_bits, model.max_bits)
        with contextlib.suppress(SofcError):
            coder_for(book, FIRST_CODEBOOK_MODEL + number, pixel_format)


def image_file(data: bytes) -> None:
    """A file of another format through the readers in front."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        path = Path(folder) / "image"
        path.write_bytes(data)
        for source in sources([path])[:4]:
            load(source)


def command_line(data: bytes) -> None:
    """The command on the file: what it holds, whether it is sound, what comes out."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, contextlib.chdir(folder):
        path = Path("a.sofc")
        path.write_bytes(data)
        nowhere = io.StringIO()
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            for verb in (["info", "-v"], ["test", "-j", "1"], ["decode", "-j", "1", "--out-dir", "out"]):
                status = main([*verb, str(path)])
                if status not in STATUSES:
                    raise AssertionError(f"sofc {verb[0]} ended with status {status}")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "decode": decode,
    "read": read,
    "restore": restore,
    "codebook": codebook,
    "image_file": image_file,
    "command_line": command_line,
}


def run(target: Callable[[bytes], None], data: bytes) -> None:
    """One try: anything but SofcError that leaves is a finding."""
    with contextlib.suppress(SofcError):
        target(data)


def seeds(name: str) -> list[bytes]:
    """The files that a target begins with."""
    if name == "image_file":
        return _image_files()
    pattern = {"codebook": "*.sofcb", "restore": "kept-*.sofc"}.get(name, "*.sofc")
    return [path.read_bytes() for path in sorted(VECTORS.glob(pattern)) if path.stat().st_size < 1 << 17]


def _image_files() -> list[bytes]:
    """Small image files of many formats, made here."""
    import numpy as np
    from PIL import Image

    ramp = (np.add.outer(np.arange(13), np.arange(17)) * 5 % 256).astype(np.uint8)
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
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("PPM", {}),
        ("TGA", {}),
        ("SGI", {}),
        ("PCX", {}),
        ("ICO", {"bitmap_format": "bmp"}),
        ("TIFF", {"compression": "packbits"}),
        ("QOI", {}),
    ):
        file = io.BytesIO()
        Image.fromarray(colour).save(file, format, **settings)
        made.append(file.getvalue())
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
