"""What the components of an image stand for, where the meaning in its header does not tell: Lab, inks, inverted gray.

Samples are never converted; who writes them into a file says there what they are, so that viewers show the picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sofc.image import Meaning

ALPHA, ASSOCIATED, OTHER = "alpha", "associated-alpha", "other"
EXTRAS = {OTHER: 0, ASSOCIATED: 1, ALPHA: 2}
"""What a component behind the colours is, with its number in the field ExtraSamples of TIFF."""
COLOURS = {
    **{"min-is-white": 0, "min-is-black": 1, "rgb": 2, "palette": 3, "cmyk": 5, "inks": 5, "ycbcr": 6},
    **{"ycbcr-narrow": 6, "cielab": 8, "icclab": 9, "itulab": 10, "cfa": 32803, "linear-raw": 34892},
}
"""What the colours are, with the number of it in the field PhotometricInterpretation of TIFF."""
_NUMBERED = "tiff-"
"""Before the number of what has no name here."""
_COUNTS = {"rgb": 3, "ycbcr": 3, "ycbcr-narrow": 3, "cielab": 3, "icclab": 3, "itulab": 3, "cmyk": 4}
"""Components of the colours; of others 1, or what is there."""
_BY_NUMBER = {number: name for name, number in reversed(COLOURS.items())}
_INKS, _YCBCR, _MIN_IS_WHITE = 5, 6, 0
_JPEG = (6, 7, 33007, 34892)
"""Compression of TIFF files whose decoders give RGB for YCbCr."""
_APERIO_YCBCR = 33003
"""Compression of slides whose samples are YCbCr, where PhotometricInterpretation says RGB; OpenSlide converts them."""
_CONTIGUOUS = 1
_CMYK = 1
_OF_DICOM = {
    **{"MONOCHROME1": "min-is-white", "MONOCHROME2": "min-is-black", "PALETTE COLOR": "palette", "RGB": "rgb"},
    # Of JPEG 2000, whose decoders undo the transform.
    **{"YBR_ICT": "rgb", "YBR_RCT": "rgb", "YBR_FULL": "ycbcr", "YBR_FULL_422": "ycbcr"},
    **{"YBR_PARTIAL_422": "ycbcr-narrow", "YBR_PARTIAL_420": "ycbcr-narrow", "CMYK": "cmyk"},
}
_ORDINARY = {
    ("min-is-black", ()): Meaning.GRAY,
    ("min-is-black", (ALPHA,)): Meaning.GRAY_ALPHA,
    ("rgb", ()): Meaning.RGB,
    ("rgb", (ALPHA,)): Meaning.RGBA,
    ("cmyk", ()): Meaning.CMYK,
    ("palette", ()): Meaning.PALETTE,
}


class Photometric(NamedTuple):
    """``colours`` is one of COLOURS, or ``tiff-`` and a number of PhotometricInterpretation, or "": nothing is known.

    ``extras`` are the components behind the colours, each of EXTRAS.
    """

    colours: str
    extras: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Photometric | None:
        """From words, which are untrusted: the colours, then each further component. None where they are not known."""
        colours, *extras = text.split(" ")
        known = colours in COLOURS or re.fullmatch(_NUMBERED + r"\d{1,5}", colours)
        return cls(colours, tuple(extras)) if known and set(extras) <= set(EXTRAS) else None

    @property
    def text(self) -> str:
        """The words of ``parse``."""
        return " ".join((self.colours, *self.extras))

    @property
    def number(self) -> int:
        """PhotometricInterpretation of TIFF."""
        return COLOURS[self.colours] if self.colours in COLOURS else int(self.colours.removeprefix(_NUMBERED)) & 0xFFFF

    @property
    def meaning(self) -> Meaning:
        """What a header can say of it."""
        if self.colours == "min-is-white" and not self.extras:
            return Meaning.GRAY
        return _ORDINARY.get((self.colours, self.extras), Meaning.UNSPECIFIED)

    @property
    def is_ordinary(self) -> bool:
        """Whether the meaning in the header says it all."""
        return not self.colours or (self.colours, self.extras) in _ORDINARY

    def fits(self, components: int) -> bool:
        """Whether an image of so many components can be this."""
        colours = components - len(self.extras)
        return colours >= 1 if self._is_of_any_count else colours == _COUNTS.get(self.colours, 1)

    @property
    def _is_of_any_count(self) -> bool:
        return self.colours in ("inks", "linear-raw") or self.colours.startswith(_NUMBERED)


def of_tiff(
    number: int,
    components: int,
    *,
    extras: Sequence[int] | None = None,
    bits: int = 8,
    compression: int = 1,
    planar: int = _CONTIGUOUS,
    inks: int = _CMYK,
) -> Photometric:
    """Of the samples that tifffile reads from a page whose PhotometricInterpretation is ``number``.

    ``extras``: ExtraSamples, None without the field: then a component behind three of RGB or one of gray is alpha, as
    most viewers take it. 1-bit samples are read with 1 for white.
    """
    colours = _BY_NUMBER.get(number, f"{_NUMBERED}{number}")
    if colours in ("cmyk", "inks"):
        colours = "cmyk" if inks == _CMYK and components >= _COUNTS["cmyk"] else "inks"
    elif number == _YCBCR and compression in _JPEG and planar == _CONTIGUOUS and not extras:
        colours = "rgb"
    elif compression == _APERIO_YCBCR and colours == "rgb":
        colours = "ycbcr"
    elif number == _MIN_IS_WHITE and bits == 1:
        colours = "min-is-black"
    of_any_count = Photometric(colours)._is_of_any_count
    first = components - len(extras or ()) if of_any_count else _COUNTS.get(colours, 1)
    count = max(0, components - first)
    if extras is None and count == 1 and colours in ("rgb", "min-is-black"):
        return Photometric(colours, (ALPHA,))
    names = {number: name for name, number in EXTRAS.items()}
    given = [names.get(extra, OTHER) for extra in extras or ()][:count]
    found = Photometric(colours, (*given, *[OTHER] * (count - len(given))))
    return found if found.fits(components) else Photometric("")


def of_dicom(interpretation: str, components: int) -> Photometric:
    """Of the samples of a DICOM file with this Photometric Interpretation, read without conversion."""
    found = Photometric(_OF_DICOM.get(interpretation, ""))
    return found if found.fits(components) else Photometric("")
