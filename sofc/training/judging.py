"""What of a collection's models pays: seen by images held out, part by part and kind by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

from sofc.band.candidates import FASTEST
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.training.assembly import assemble
from sofc.training.collection import Collection
from sofc.training.held_out import coded_size, files_of
from sofc.training.mining import Mined, Trained
from sofc.training.report import ModelReport, pays
from sofc.training.settings import Settings
from sofc.training.work import Crew

LEAST_FASTEST = 1_500
"""Models for effort 1 take so many bytes at least."""


class Kept(NamedTuple):
    """What pays of what was mined: bytes that it saves of all images that are to come, at the effort that is judged at,
    None where that is not known, and those of its codebook."""

    mined: Mined
    saved: float | None = None
    size: int = 0

    @property
    def leaves_room(self) -> bool:
        """Whether it may be worth all bytes with models for effort 1, too; and where nothing pays, these still may."""
        return self.saved is None or not self.size or pays(self.saved, self.size + LEAST_FASTEST)


class Judge:
    """Codes the images held out of one kind, of which ``images_to_come`` are to be stored, by what was mined of it."""

    def __init__(self, collection: Collection, settings: Settings, images_to_come: float, crew: Crew) -> None:
        self._collection, self._settings, self._crew = collection, settings, crew
        self._files = files_of(collection.held_out)
        self.images_to_come = images_to_come
        self.times = images_to_come / max(1, len(collection.held_out))
        self._builtin = cache(self._by_builtin)

    def codebook(self, mined: Mined) -> Codebook:
        """What was mined, alone."""
        return assemble("", [self._collection], [mined], "", self._settings.coder is None, self._settings.efforts)

    def coded(self, codebook: Codebook, effort: int, stage: str = "held-out images") -> int:
        """Bytes of the files of the images that refer to a codebook."""
        function = partial(coded_size, codebook=codebook, coder=self._settings.coder_name, effort=effort)
        return sum(self._crew.map(f"{self._collection.kind}: {stage}", function, self._files))

    def _by_builtin(self, effort: int) -> int:
        """What the caller would get without a codebook."""
        function = partial(coded_size, codebook=builtin_codebook, effort=effort)
        return sum(self._crew.map(f"{self._collection.kind}: held-out images", function, self._files))

    def paying(self, mined: Mined) -> Kept:
        """The parts of it that pay; everything where none does, where that is not known, and where one coder was asked
        for."""
        if not self._files or self._settings.coder is not None:
            return Kept(mined)
        kept = Kept(Mined.joined([]), 0.0)
        for part in mined.parts:
            kept = self._with_part(kept, part)
        return kept if kept.size else Kept(mined, 0.0)

    def prepare_fastest(self) -> None:
        """Do what ``with_fastest`` will need that can be done while models for effort 1 are still being mined."""
        if self._files and self._settings.coder is None:
            self._builtin(FASTEST[0])

    def with_fastest(self, kept: Kept, fastest: Sequence[Trained]) -> Mined:
        """What is kept, and models for effort 1 if these pay, too: they alone where nothing else does."""
        if not fastest:
            return kept.mined
        adapted = kept.mined.adapted
        part = Mined([*fastest], None if adapted is None else replace(adapted, models=()))
        if kept.saved is None:
            return Mined.joined([kept.mined, part])
        found = self._with_part(kept if kept.size else Kept(Mined.joined([]), 0.0), part)
        return found.mined if found.size else kept.mined

    def _with_part(self, kept: Kept, part: Mined) -> Kept:
        """And a part if it pays at its effort; one for effort 1 must leave what others save, if any do, worth all
        bytes."""
        effort = FASTEST[0] if part.is_fastest else self._settings.judged_at
        codebook = self.codebook(part)
        size = len(codebook.to_bytes())
        gain = (self._builtin(effort) - self.coded(codebook, effort)) * self.times
        saved = (kept.saved or 0.0) + (gain if effort == self._settings.judged_at else 0.0)
        if not pays(gain, size) or (kept.size and not pays(saved, kept.size + size)):
            return kept
        return Kept(Mined.joined([kept.mined, part]), saved, kept.size + size)

    def report(self, mined: Mined | None, codebook: Codebook) -> ModelReport:
        """What a codebook gains on the images held out; its share is not known yet. None: it has nothing for them."""
        held, effort = self._collection.held_out, self._settings.judged_at
        builtin = self._builtin(effort) if held else 0
        coded = builtin if mined is None or not held else self.coded(codebook, effort)
        return ModelReport(
            str(self._collection.kind),
            len(self._collection.mined),
            len(held),
            () if mined is None else mined.findings,
            codebook=0,
            raw=self._collection.held_out_bytes,
            builtin=builtin,
            coded=coded,
            has_network=mined is not None and mined.has_networks,
            network_saves=None if mined is None else mined.network_saves,
            helpers=self._collection.helpers,
            left_out=mined is None,
        )

    def thinned(self, samples: int) -> Judge:
        """One by fewer images: evenly spread ones, of about so many bytes of samples at most."""
        step = max(1, -(-self._collection.held_out_bytes // samples))
        few = replace(self._collection, held_out=self._collection.held_out[::step])
        return Judge(few, self._settings, self.images_to_come, self._crew)
