"""A program that encodes, decodes and trains with every coder, at every effort, and keeps JPEG files.

``tests/test_kernel_library.py`` runs it in an environment that cannot compile, where every warning is an error.
"""

from __future__ import annotations

import io
import warnings

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt

import sofc
from sofc.coders.kinds import Kind
from sofc.keepfile import keep_coefficients
from sofc.training.recipes import trainable

Image = npt.NDArray[np.generic]


def collections() -> dict[Kind, list[Image]]:
    """Three images of each kind that coders treat otherwise, by the kind."""
    y, x = np.mgrid[:64, :64]
    noise = np.random.default_rng(1).integers(0, 9, x.shape)
    gray = [(100 + 50 * np.sin((y + k) / 5) + 30 * np.cos(x / 7) + noise).astype(np.uint8) for k in range(3)]
    colour = [np.stack([image, image // 2, 255 - image], axis=-1) for image in gray]
    return {
        Kind(1, 8): gray,
        Kind(3, 8): colour,
        Kind(1, 16): [image.astype(np.uint16) * 250 + 7 for image in gray],
        Kind(1, 1): [image > 100 for image in gray],
        Kind(3, 8, lattice=True): [from_jpeg(image) for image in colour],
    }


def from_jpeg(image: Image) -> Image:
    """What a JPEG decoder makes of it."""
    decoded: Image = iio.imread(io.BytesIO(iio.imwrite("<bytes>", image, extension=".jpg")))
    return decoded


def code(image: Image, **settings: object) -> None:
    """Encode and decode an image. Raises AssertionError where it comes back otherwise."""
    book = settings.get("codebook")
    books = {book.id: book} if isinstance(book, sofc.Codebook) else {}
    decoded = sofc.decode(sofc.encode(image, **settings), codebooks=books)  # type: ignore[arg-type]
    assert np.array_equal(decoded, image)


def main() -> None:
    """Go through kinds of images, coders and efforts."""
    images = collections()
    labels = (images[Kind(1, 8)][0] // 40).astype(np.uint8)
    for image in (*(few[0] for few in images.values()), labels):
        for effort in range(1, 10):
            code(image, effort=effort)
        code(image, codebook=None)
    code(np.sin(labels.astype(np.float32)))
    for kind, few in images.items():
        book = sofc.train(few, name="x", held_out=0).codebook
        for effort in (1, 2, 5, 9):
            code(few[0], effort=effort, codebook=book)
        for name, coder in trainable().items():
            if coder.accepts(kind) and (coder.trace is None or kind.lattice):
                code(few[0], coder=name, codebook=sofc.train(few, name="x", coder=name, held_out=0).codebook)
    for quality in (50, 98):
        for progressive in (False, True):
            file = iio.imwrite(
                "<bytes>", images[Kind(3, 8)][0], extension=".jpg", quality=quality, progressive=progressive
            )
            keep_coefficients("a.jpg", file, None, 5)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main()
    print("done")
