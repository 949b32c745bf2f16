"""``sofc warmup``: compile everything that coding needs, so that later runs start at once."""

from __future__ import annotations

import argparse
import time

from sofc.cli import options
from sofc.cli.console import OK

EXAMPLES = """\
  sofc warmup        after installing, or when building a container image

What is compiled is kept in the user's cache folder, or where SOFC_KERNEL_CACHE points to."""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "warmup", "compile the kernels once, ahead of use", EXAMPLES)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train every coder on a few small images, encode and decode one."""
    import numpy as np

    import sofc
    from sofc.training.recipes import TRAINABLE

    console = options.console(args)
    y, x = np.mgrid[:40, :40]
    gray = [(100 + 50 * np.sin((y + k) / 5) + 30 * np.cos(x / 7)).astype(np.uint8) for k in range(3)]
    colour = [np.stack([image, image // 2, 255 - image], axis=-1) for image in gray]
    binary = [image > 100 for image in gray]
    with console.progress(len(TRAINABLE) + 1, "coder") as advance:
        start = time.perf_counter()
        for coder in (None, *TRAINABLE):
            for images in (gray, colour, binary):
                if coder == "bilevel" and images is not binary:
                    continue
                codebook = None
                if coder is not None:
                    codebook = sofc.train(images, name="warmup", coder=coder, held_out=0).codebook
                sofc.decode(
                    sofc.encode(images[0], codebook=codebook, coder=coder),
                    codebooks={codebook.id: codebook} if codebook is not None else None,
                )
            advance(1)
    console.result(f"ready after {time.perf_counter() - start:.0f} s")
    return OK
