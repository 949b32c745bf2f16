"""Inputs are removed only where nothing is lost: the output was read back, and it is all that they are."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sofc.cli.console import Console
from sofc.cli.outputs import Output

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.imagefiles import Samples

DIFFERENT = "the file that was written does not give back the same samples"


def why_different(
    written: Path,
    codebook: Codebook | None,
    *,
    images: Iterable[Samples] = (),
    original: Path | None = None,
    raw: Path | None = None,
) -> str:
    """Why a sofc file, read from the disk, is not these images, or the original file, or a file of raw samples.

    "" where it is. Raises OSError, and SofcError where the file cannot be decoded.
    """
    import numpy as np

    from sofc.api.oneshot import decode_images
    from sofc.cli.kept_sinks import OriginalSink
    from sofc.cli.outputs import OutputFiles
    from sofc.cli.reading import decoder_for, events, open_input

    if original is not None:
        decoder = decoder_for(codebook, written.parent, 1)
        files = OutputFiles(force=False)
        with (
            OriginalSink(None, complete=False, files=files, codebooks=decoder.codebook) as sink,
            open_input(written) as coded,
            original.open("rb") as file,
        ):
            for event in events(coded, str(written), decoder):
                sink.take(event)
            is_same = all(file.read(len(piece)) == piece for piece in sink.pieces()) and not file.read(1)
        return "" if is_same else "the file that was written does not give it back"
    decoded = decode_images(written, codebooks=None if codebook is None else {codebook.id: codebook})
    if raw is not None:
        samples = b"".join(one.astype(one.dtype.newbyteorder("<"), copy=False).tobytes() for one in decoded)
        return "" if samples == raw.read_bytes() else DIFFERENT
    count = 0
    for count, one in enumerate(images, 1):
        if count > len(decoded) or not np.array_equal(decoded[count - 1], one.array):
            return DIFFERENT
    return "" if count == len(decoded) else DIFFERENT


def remove(
    inputs: Sequence[Path | None], output: Output | None, why_kept: str, args: argparse.Namespace, console: Console
) -> None:
    """With --rm, remove the inputs, unless there is a reason that speaks against it, or one is the output."""
    if not args.rm or args.dry_run:
        return
    for path in inputs:
        if path is None or (output is not None and output.path.exists() and path.samefile(output.path)):
            continue
        if why_kept:
            console.note(f"{path}: not removed: {why_kept}")
        else:
            path.unlink()
