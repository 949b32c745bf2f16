"""The JFIF colour lattice: the RGB triples that a JPEG decoder makes of whole-numbered Y, Cb, Cr.

The conversion is that of the JPEG reference decoder (ITU-T T.871, in 16-bit fixed point as in libjpeg).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel

Samples = npt.NDArray[np.int32]

# round(65536 x 1.402, 1.772, 0.34414, 0.71414)
RED_FROM_CR = 91881
BLUE_FROM_CB = 116130
GREEN_FROM_CB = 22554
GREEN_FROM_CR = 46802
HALF = 32768
# How far from the rounded conversion a triple is looked for: everywhere, and where a channel is 0 or 255.
NEAR = 2
FAR = 48


@kernel
def _clamp(value: int) -> int:
    return 0 if value < 0 else (255 if value > 255 else value)


@kernel
def _red(y: int, cr: int) -> int:
    return _clamp(y + ((RED_FROM_CR * cr + HALF) >> 16))


@kernel
def _green(y: int, cb: int, cr: int) -> int:
    return _clamp(y + ((-GREEN_FROM_CB * cb - GREEN_FROM_CR * cr + HALF) >> 16))


@kernel
def _blue(y: int, cb: int) -> int:
    return _clamp(y + ((BLUE_FROM_CB * cb + HALF) >> 16))


@kernel
def fits(y: int, cb: int, cr: int, red: int, green: int, blue: int) -> bool:
    """Whether Y and Cb, Cr less 128 convert to a colour."""
    inside = 0 <= y <= 255 and -128 <= cb <= 127 and -128 <= cr <= 127
    return inside and _red(y, cr) == red and _blue(y, cb) == blue and _green(y, cb, cr) == green


@kernel
def to_rgb(y: Samples, cb: Samples, cr: Samples, red: Samples, green: Samples, blue: Samples) -> int:
    """Convert planes of equal shape, all samples 0-255, into ``red``, ``green``, ``blue``. Returns 0."""
    rows, width = y.shape
    for i in range(rows):
        for j in range(width):
            luma, u, v = int(y[i, j]), int(cb[i, j]) - 128, int(cr[i, j]) - 128
            red[i, j] = _red(luma, v)
            green[i, j] = _green(luma, u, v)
            blue[i, j] = _blue(luma, u)
    return 0


@kernel
def from_rgb(red: Samples, green: Samples, blue: Samples, y: Samples, cb: Samples, cr: Samples) -> int:
    """Find for each triple a Y, Cb, Cr that converts to it, else the rounded conversion. Returns how many have none."""
    rows, width = red.shape
    missed = 0
    for i in range(rows):
        for j in range(width):
            r, g, b = int(red[i, j]), int(green[i, j]), int(blue[i, j])
            y0 = (19595 * r + 38470 * g + 7471 * b + HALF) >> 16
            u0 = (-11056 * r - 21712 * g + 32768 * b + HALF) >> 16
            v0 = (32768 * r - 27440 * g - 5328 * b + HALF) >> 16
            found = fits(y0, u0, v0, r, g, b)
            luma, u, v = y0, u0, v0
            distance = 1
            while not found and distance <= NEAR:
                dy = -distance
                while not found and dy <= distance:
                    du = -distance
                    while not found and du <= distance:
                        dv = -distance
                        while not found and dv <= distance:
                            if max(abs(dy), abs(du), abs(dv)) == distance:
                                luma, u, v = y0 + dy, u0 + du, v0 + dv
                                found = fits(luma, u, v, r, g, b)
                            dv += 1
                        du += 1
                    dy += 1
                distance += 1
            if not found and (min(r, g, b) == 0 or max(r, g, b) == 255):
                # A clipped channel says only "beyond": follow the two others along Y.
                distance = 0
                while not found and distance <= 2 * FAR:
                    luma = y0 + ((distance + 1) >> 1) * (1 if distance & 1 else -1)
                    distance += 1
                    if r == 0 or r == 255:
                        u = (65536 * (b - luma) + BLUE_FROM_CB // 2) // BLUE_FROM_CB
                        v = (65536 * (luma - g) - GREEN_FROM_CB * u + GREEN_FROM_CR // 2) // GREEN_FROM_CR
                    elif b == 0 or b == 255:
                        v = (65536 * (r - luma) + RED_FROM_CR // 2) // RED_FROM_CR
                        u = (65536 * (luma - g) - GREEN_FROM_CR * v + GREEN_FROM_CB // 2) // GREEN_FROM_CB
                    else:
                        u = (65536 * (b - luma) + BLUE_FROM_CB // 2) // BLUE_FROM_CB
                        v = (65536 * (r - luma) + RED_FROM_CR // 2) // RED_FROM_CR
                    middle_u, middle_v = u, v
                    step = 0
                    while not found and step < 9:
                        u, v = middle_u + step // 3 - 1, middle_v + step % 3 - 1
                        found = fits(luma, u, v, r, g, b)
                        step += 1
            if not found:
                missed += 1
                luma, u, v = y0, min(127, max(-128, u0)), min(127, max(-128, v0))
            y[i, j] = luma
            cb[i, j] = u + 128
            cr[i, j] = v + 128
    return missed
