"""What of a collection's models pays: seen by images held out, part by part and kind by kind."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

from sofc.band.candidates import FASTEST
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.training.assembly import assemble
from sofc.training.collection import Collection
from sofc.training.held_out import coded_size, files_of
from sofc.training.mining import Mined
from sofc.training.report import ModelReport, pays
from sofc.training.settings import Settings
from sofc.training.work import Crew


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

    def paying(self, mined: Mined) -> Mined:
        """The parts of it that each pay; everything where none does, where that is not known, and where one
        coder was asked for.

        Models for effort 1 have to pay there, and what they take must not keep the others from paying.
        """
        parts = mined.parts
        if len(parts) < 2 or not self._files or self._settings.coder is not None:
            return mined
        kept: list[Mined] = []
        saved = size = 0.0
        for part in sorted(parts, key=lambda part: part.is_fastest):
            effort = FASTEST[0] if part.is_fastest else self._settings.judged_at
            codebook = self.codebook(part)
            own = len(codebook.to_bytes())
            gain = (self._builtin(effort) - self.coded(codebook, effort)) * self.times
            if pays(gain, own) and (effort == self._settings.judged_at or pays(saved, size + own)):
                kept.append(part)
                saved += gain
                size += own
        return Mined.joined(kept) if kept else mined

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
