"""Any sequence of calls: what went into an Encoder comes out of a Decoder that follows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import pieces, raw_codebook
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from strategies import CUTS, FEW, pixel_formats, samples

from sofc.errors import UsageError
from sofc.image import ImageHeader
from sofc.stream.decoder import Decoder
from sofc.stream.encoder import Encoder
from sofc.stream.events import (
    NEED_DATA,
    BandReady,
    CodebookWanted,
    FileEnded,
    GroupReady,
    HeaderReady,
    ImageEnded,
)

Image = np.ndarray[Any, Any]


class EncoderAndDecoder(RuleBasedStateMachine):
    """``expected`` has the rows written to each image, ``found`` those that came out."""

    @initialize(
        threads=st.tuples(st.integers(1, 3), st.integers(1, 3)),
        band_rows=st.one_of(st.none(), st.integers(1, 6)),
        coder=st.sampled_from(["raw", "shape", None]),
        how=st.sampled_from(["none", "referenced", "embedded", "wanted"]),
    )
    def begin(self, threads: tuple[int, int], band_rows: int | None, coder: str | None, how: str) -> None:
        codebook = None if how == "none" else raw_codebook()
        known = {codebook.id: codebook} if codebook is not None and how == "referenced" else None
        self.encoder = Encoder(
            band_rows=band_rows,
            coder=coder,
            threads=threads[0],
            codebook=codebook,
            embed_codebook=how == "embedded",
        )
        self.decoder = Decoder(threads=threads[1], codebooks=known)
        self.header: ImageHeader | None = None
        self.mode = "none"  # of the current image: new, rows, group, ended
        self.expected: list[Image] = []
        self.found: dict[int, list[Image]] = {}
        self.ended: list[int] = []
        self.done = False

    def pass_on(self, data: bytes, cuts: list[int]) -> None:
        """Give bytes to the decoder and keep what it tells."""
        for part in pieces(data, cuts):
            self.decoder.feed(part)
            while (event := self.decoder.next_event()) is not NEED_DATA:
                if isinstance(event, CodebookWanted):
                    self.decoder.supply(raw_codebook())
                elif isinstance(event, HeaderReady):
                    assert event.image == len(self.found)
                elif isinstance(event, BandReady):
                    bands = self.found.setdefault(event.band.image, [])
                    assert event.band.y == sum(map(len, bands))
                    bands.append(event.band.rows)
                elif isinstance(event, GroupReady):
                    for number, image in enumerate(event.images, event.image):
                        self.found[number] = [image]
                elif isinstance(event, ImageEnded):
                    assert event.height == len(self.expected[event.image])
                    self.ended.append(event.image)
                elif isinstance(event, FileEnded):
                    assert self.done

    def may_begin(self) -> bool:
        """Whether the image before, if any, can end here."""
        if self.done or self.mode == "new":
            return False
        return self.mode != "rows" or (self.header is not None and self.header.height is None)

    @precondition(may_begin)
    @rule(
        data=st.data(), pixel_format=pixel_formats(FEW), size=st.tuples(st.integers(1, 9), st.integers(0, 9)), cuts=CUTS
    )
    def begin_image(self, data: st.DataObject, pixel_format: Any, size: tuple[int, int], cuts: list[int]) -> None:
        self.header = ImageHeader(size[0], size[1] or None, pixel_format)
        self.mode = "new"
        self.pass_on(self.encoder.begin_image(self.header), cuts)

    @precondition(lambda self: self.mode in ("new", "rows") and not self.done)
    @rule(data=st.data(), count=st.integers(0, 12), cuts=CUTS)
    def write(self, data: st.DataObject, count: int, cuts: list[int]) -> None:
        header = self.header
        assert header is not None
        written = len(self.expected[-1]) if self.mode == "rows" else 0
        if header.height is not None:
            count = min(count, header.height - written)
        rows = data.draw(samples(header.format, (count, header.width)))
        if count and self.mode == "new":
            self.expected.append(rows)
            self.mode = "rows"
        elif count:
            self.expected[-1] = np.concatenate([self.expected[-1], rows])
        self.pass_on(self.encoder.write(rows), cuts)
        assert self.encoder.rows_written == written + count
        if written + count == header.height:
            self.mode = "ended"

    @precondition(lambda self: self.mode in ("new", "group") and self.header.height is not None and not self.done)
    @rule(data=st.data(), count=st.integers(0, 5), cuts=CUTS)
    def write_group(self, data: st.DataObject, count: int, cuts: list[int]) -> None:
        header = self.header
        assert header is not None and header.height is not None
        group = data.draw(samples(header.format, (count, header.height, header.width)))
        self.expected.extend(group)
        if count:
            self.mode = "group"
        self.pass_on(self.encoder.write_group(group), cuts)

    @precondition(lambda self: not self.done)
    @rule(cuts=CUTS)
    def flush(self, cuts: list[int]) -> None:
        self.pass_on(self.encoder.flush(), cuts)
        self.compare(everything=True)

    @precondition(lambda self: self.mode != "none" and self.may_begin())
    @rule(cuts=CUTS)
    def finish(self, cuts: list[int]) -> None:
        self.done = True
        self.pass_on(self.encoder.finish() + b"later", cuts)
        self.decoder.finish()
        assert self.decoder.eof
        assert self.encoder.images_written == len(self.expected)
        self.compare(everything=True)

    @precondition(lambda self: self.done)
    @rule(call=st.sampled_from(["flush", "finish"]))
    def after_the_end(self, call: str) -> None:
        with pytest.raises(UsageError):
            getattr(self.encoder, call)()
        unused = self.decoder.unused_data
        self.decoder.feed(b"more")
        assert self.decoder.next_event() is NEED_DATA
        assert unused.startswith(b"later")
        assert self.decoder.unused_data == unused + b"more"

    def compare(self, *, everything: bool) -> None:
        """What came out is how what was written begins; with ``everything`` it is all of it."""
        for number, bands in self.found.items():
            image = np.concatenate(bands)
            wanted = self.expected[number]
            assert image.dtype == wanted.dtype
            assert np.array_equal(image, wanted[: len(image)])
            assert not everything or len(image) == len(wanted)
        assert not everything or len(self.found) == len(self.expected)

    @invariant()
    def only_what_was_written(self) -> None:
        if hasattr(self, "found"):
            self.compare(everything=False)


TestEncoderAndDecoder = EncoderAndDecoder.TestCase
TestEncoderAndDecoder.settings = settings(stateful_step_count=20)
