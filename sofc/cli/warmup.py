"""``sofc warmup``: compile everything that coding needs, so that later runs start at once."""

from __future__ import annotations

import argparse
import os
import sys
import time

from sofc.cli import options
from sofc.cli.console import OK, Console

EXAMPLES = """\
  sofc warmup        after installing, or when building a container image

A wheel has everything compiled ahead where its machine code fits the processor; this says whether it does.
What is compiled otherwise is kept in the user's cache folder, or where SOFC_KERNEL_CACHE points to."""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "warmup", "compile the kernels once, ahead of use", EXAMPLES)
    parser.add_argument("--json", action="store_true", help="print an object as JSON")
    parser.set_defaults(run=run)


def compile_coding(console: Console) -> None:
    """Compile what encoding and decoding need, unless that was done before; says so on a terminal."""
    from sofc.coders import ahead as coding

    if coding.are_compiled():
        return
    if sys.stderr.isatty():
        console.note("compiling, this once: it takes about 20 seconds on two processors")
    coding.compile_coding_kernels(min(4, os.cpu_count() or 1))


def run(args: argparse.Namespace) -> int:
    """Compile what coding needs, then keep a JPEG file, and train every coder on a few small images and code one."""
    import io

    import imageio.v3 as iio
    import numpy as np

    import sofc
    from sofc.coders.kinds import Kind
    from sofc.jit.decorators import described
    from sofc.keepfile import keep_coefficients
    from sofc.training.recipes import trainable

    console = options.console(args)
    y, x = np.mgrid[:40, :40]
    gray = [(100 + 50 * np.sin((y + k) / 5) + 30 * np.cos(x / 7)).astype(np.uint8) for k in range(3)]
    colour = [np.stack([image, image // 2, 255 - image], axis=-1) for image in gray]
    binary = [image > 100 for image in gray]
    decoded = [iio.imread(io.BytesIO(iio.imwrite("<bytes>", image, extension=".jpg"))) for image in colour]
    photograph = iio.imwrite("<bytes>", colour[0], extension=".jpg", quality=98)
    collections = {Kind(1, 8): gray, Kind(3, 8): colour, Kind(1, 1): binary}
    with console.progress(len(trainable()) + 1, "coder") as advance:
        start = time.perf_counter()
        compile_coding(console)
        keep_coefficients("a.jpg", photograph, None, 5)
        for images in collections.values():
            sofc.decode(sofc.encode(images[0], codebook=None))
        advance(1)
        for name, coder in trainable().items():
            suited = [images for kind, images in collections.items() if coder.accepts(kind)]
            for images in suited if coder.trace is None else [decoded]:
                codebook = sofc.train(images, name="warmup", coder=name, held_out=0).codebook
                sofc.decode(sofc.encode(images[0], codebook=codebook, coder=name), codebooks={codebook.id: codebook})
            advance(1)
    seconds = time.perf_counter() - start
    if args.json:
        console.json({"seconds": round(seconds, 1), "kernels": described()})
    else:
        console.result(f"ready after {seconds:.0f} s; kernels: {described()}")
    return OK
