"""The one driver that decodes bands and groups, for readers of all kinds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sofc.band.coding import encode_band
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.container.records import FIRST_CODEBOOK_MODEL, CodedBand, CodedGroup, ImageHead
from sofc.errors import ChecksumError, FormatError, LimitError
from sofc.image import ImageHeader, PixelFormat
from sofc.limits import Limits
from sofc.stream.band_decoding import BandDecoder, Placed
from sofc.stream.structure import check_extent

GRAY = PixelFormat(1, 8, 8)
WIDTH, ROWS = 12, 8
RANDOM = np.random.default_rng(3)
SAMPLES = (100 + RANDOM.integers(0, 3, (5, ROWS, WIDTH))).astype(np.uint8)
HEAD = ImageHead(ImageHeader(WIDTH, ROWS, GRAY), 1)


def band(number: int, codebook: Codebook | None = None) -> CodedBand:
    """A band of one image of SAMPLES."""
    coded = encode_band(SAMPLES[number], GRAY, Selection(codebook, None, 5), image_rows=ROWS, verify=False)
    return CodedBand(**vars(coded), image=0, first_row=0, rows=ROWS)


@pytest.mark.parametrize("threads", [1, 3])
def test_samples_come_in_order(threads: int) -> None:
    items = [Placed(HEAD, band(number), 100 * number) for number in range(len(SAMPLES))]
    found = list(BandDecoder(lambda _: None, threads).in_order(items))
    assert np.array_equal(found, SAMPLES)


def test_images_of_a_group_stand_apart() -> None:
    rows = SAMPLES.reshape(-1, WIDTH)
    coded = encode_band(rows, GRAY, Selection(None, None, 5), image_rows=ROWS, verify=False)
    group = CodedGroup(**vars(coded), image=0, images=len(SAMPLES))
    assert np.array_equal(BandDecoder(lambda _: None, 1).submit(Placed(HEAD, group, 10))(), SAMPLES)


def test_only_models_of_a_codebook_ask_for_it() -> None:
    codebook = builtin_codebook(GRAY)
    asked: list[int] = []

    def codebook_of(number: int) -> Codebook:
        asked.append(number)
        return codebook

    decoder = BandDecoder(codebook_of, 1)
    assert np.array_equal(decoder.submit(Placed(HEAD, band(0), 10))(), SAMPLES[0])
    assert asked == []
    trained = band(0, codebook)
    assert trained.model >= FIRST_CODEBOOK_MODEL
    assert np.array_equal(decoder.submit(Placed(HEAD, trained, 10))(), SAMPLES[0])
    assert asked == [HEAD.codebook]


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_say_where_the_band_stands(threads: int) -> None:
    good = band(0)
    wrong = replace(good, check=good.check ^ 1)
    decode = BandDecoder(lambda _: None, threads).submit(Placed(HEAD, wrong, 4711))
    with pytest.raises(ChecksumError, match="byte 4711"):
        decode()


def test_what_does_not_go_with_its_image_is_refused() -> None:
    header = HEAD.header
    check_extent(header, band(0), Limits())
    with pytest.raises(FormatError, match="row 9 of an image of height 8"):
        check_extent(header, CodedBand(0, 0, (), image=0, first_row=1, rows=ROWS), Limits())
    with pytest.raises(FormatError, match="without a height"):
        check_extent(ImageHeader(WIDTH, None, GRAY), CodedGroup(0, 0, (), image=0, images=1), Limits())
    with pytest.raises(LimitError, match="raise max_band_samples"):
        check_extent(header, CodedGroup(0, 0, (), image=0, images=3), Limits(max_band_samples=2 * ROWS * WIDTH))
    with pytest.raises(LimitError, match="raise max_pixels"):
        check_extent(ImageHeader(WIDTH, None, GRAY), band(0), Limits(max_pixels=(ROWS - 1) * WIDTH))
