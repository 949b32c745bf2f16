"""Which value map, transform and model code a band: the encoder's policy. Nothing here is normative."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import lru_cache

from sofc.band.candidates import Candidate, Candidates, serves
from sofc.band.fastest import rivals_of
from sofc.band.origins import Origins
from sofc.band.pieces import plain_size
from sofc.band.rivals import QUICK_EFFORT
from sofc.band.ways import SURE_SHARE, Way
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook, is_builtin
from sofc.codebook.model import REFERENCE_SIZE
from sofc.coders.registry import named
from sofc.container.registered import NUMBERS
from sofc.image import PixelFormat
from sofc.planes import Plane

HOPELESS = 1.5
"""Where most samples follow from their origin, others are not tried if the simplest of predictions takes so many times
as much. Of crops of KODAK and pages of text by quality it takes 2.3 to 7.4 times as much at 50 and 75, 1.35 to 3.4 at
90, 1.15 to 2.5 at 95 and 1.1 at 100; where it takes 1.35, a model takes about as much as the origin."""
NEAR = 1.05
"""Beside an origin that most samples follow from, others are coded where a piece says that they take at most so many
times as much: more is learned of the whole. Of a page of text at quality 90, a piece says 1.04, and all of it takes
0.97."""

READY = 12
"""Lists of models that are kept: each image of a call asks for the same, and small ones are coded in little more time.
"""


@lru_cache(maxsize=READY)
def _candidates_of(codebook: Codebook | None, coder: str | None, effort: int) -> Candidates:
    return Candidates(codebook, None if coder is None else named(coder), effort)


class Selection:
    """The choice among a codebook's models and the neutral ones.

    ``coder``: the name of the only coder whose models are taken. ``effort`` (1-9): that of the models, where there are
    several. ``pick``: the codebook for planes of another format, where the samples of a band are made from such;
    ``arranges``: whether that is looked for. Raises UsageError where the coder is not known.
    """

    def __init__(
        self,
        codebook: Codebook | None,
        coder: str | None,
        effort: int,
        pick: Callable[[PixelFormat], Codebook | None] = lambda _: None,
        arranges: bool = True,
    ) -> None:
        self.codebook = codebook
        self._arranges = arranges
        self._pick = pick
        self._candidates = _candidates_of(codebook, coder, effort)
        self.origins = Origins(self._candidates)
        self._rivals = rivals_of(self._candidates)

    def for_format(self, pixel_format: PixelFormat, among: Container[bytes] | None = None) -> Selection:
        """The selection for planes of this format that a band's samples are made from.

        ``among``: the ids of the codebooks that may be picked, None for any.
        """
        codebook = self._pick(pixel_format)
        if codebook is None or (among is not None and codebook.id not in among):
            return self
        other = Selection(codebook, self._coder_name, self._effort, self._pick, self._arranges)
        return other if other.names_codebook(pixel_format) else self

    def as_they_stand(self) -> Selection:
        """The same, for samples that are coded as they stand."""
        return Selection(self.codebook, self._coder_name, self._effort, self._pick, arranges=False)

    @property
    def _coder_name(self) -> str | None:
        return None if self._candidates.coder is None else self._candidates.coder.name

    @property
    def _effort(self) -> int:
        return self._candidates.effort

    @property
    def arranges(self) -> bool:
        """Whether the samples of a band may be arranged: not where they are to stay as they are."""
        coder = self._candidates.coder
        return self._arranges and (coder is None or coder.start_training is not None)

    @property
    def seeks_patches(self) -> bool:
        """Whether rectangles of a band that stand in it before are looked for: it takes longer than effort 1 does."""
        return self._effort > QUICK_EFFORT

    @property
    def is_trained(self) -> bool:
        """Whether the codebook may have been trained on images that are arranged alike."""
        return self.codebook is not None and not self._candidates.tries_everything

    def candidates(self, pixel_format: PixelFormat, images: int = 1) -> list[Candidate]:
        """The models that may code so many images of this format together, best first; the last suits any."""
        return self._candidates.of(pixel_format, images)

    def for_core(self, pixel_format: PixelFormat) -> tuple[int, Selection]:
        """The choice for a core image of wide samples, and the number of its built-in codebook in the register, or 0.

        It is this one where its codebook is none, or serves such images, or where a coder is named.
        """
        codebook = self.codebook
        if codebook is None or (not is_builtin(codebook) and (self._coder_name or serves(codebook, pixel_format))):
            return 0, self
        chosen = builtin_codebook(pixel_format)
        return NUMBERS[chosen.id[:REFERENCE_SIZE]], Selection(chosen, self._coder_name, self._effort)

    def size(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> float:
        """About the bytes of planes, by their first way."""
        return self.ways(planes, pixel_format, image_rows)[0].size(image_rows)

    def names_codebook(self, pixel_format: PixelFormat) -> bool:
        """Whether the codebook may code images of this format, so that the file must name it."""
        if pixel_format.wide is not None:  # whose plans name those that are built in
            return self.codebook is not None and not is_builtin(self.codebook)
        return any(one.is_trained for images in (1, 2) for one in self.candidates(pixel_format, images))

    def learns(self, pixel_format: PixelFormat) -> bool:
        """Whether what the models know grows while they code, so that images coded together take less."""
        own = [one for one in self.candidates(pixel_format) if one.is_trained]
        return not own or any(one.learns for one in own)

    def wants_large_bands(self, pixel_format: PixelFormat) -> bool:
        """Whether the models leave much to learn to each band: those that are built in, those for planes of a certain
        origin, and where several are for the same images; or whether they learn nothing, and first rows are what each
        band takes more for."""
        if not self.learns(pixel_format):
            return True
        own = [one for one in self.candidates(pixel_format) if one.is_trained]
        widths = [one.transform.bits is None for one in own if one.trace is None]
        return self._candidates.tries_everything or len(widths) < len(own) or len(widths) > len(set(widths))

    def ways(
        self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, traced: Sequence[Way] | None = None
    ) -> list[Way]:
        """The ways to code planes (samples from 0) that are worth trying in full; ``traced``: what that gave.

        Where most samples follow from what is found of their origin, others are only worth it if a piece takes hardly
        more: steps may be fine, and synthetic images may come out of any. Where fewer do, one other is.
        """
        ways = list(self.origins.ways(planes, pixel_format, image_rows) if traced is None else traced)
        if not ways:
            return self._rivals.best(planes, pixel_format, image_rows)
        size, is_likely = ways[0].size(image_rows), ways[0].share >= SURE_SHARE
        enough = HOPELESS * ways[0].gain * size
        if is_likely and plain_size(ways[0].transformed or planes, image_rows, enough) > enough:
            return ways
        rivals = self._rivals.best(planes, pixel_format, image_rows)
        if not is_likely and not self._candidates.tries_everything:
            return ways + rivals
        near = [rival for rival in rivals if rival.size(image_rows) <= NEAR * ways[0].gain * size]
        return ways + (near or rivals[: 0 if is_likely else 1])
