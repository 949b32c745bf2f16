"""A coder is one descriptor: with one more in the registry, nothing else knows of it, and it is trained and used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from helpers import chunks_of

import sofc
from sofc.coders import ahead
from sofc.coders.base import Descriptor, NamedCoder
from sofc.coders.registry import CODERS, ready
from sofc.coders.training import CoderTraining, Pass, TrainingSettings
from sofc.container.chunks import unpack_band
from sofc.container.records import FIRST_CODEBOOK_MODEL, Section
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import NONE

TOY = 77
"""Its number in codebooks."""


class ToyCoder(NamedCoder):
    """Samples as bytes, the differences from one that training found to be frequent."""

    id = TOY
    name = "toy"

    def __init__(self, middles: Sequence[int]) -> None:
        self.middles = list(middles)

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> ToyCoder:
        return cls([section[0] for section in sections])

    @property
    def planes(self) -> int:
        return len(self.middles)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        kept = [plane != middle for plane, middle in zip(planes, self.middles, strict=True)]
        return [
            np.packbits(flags).tobytes() + plane[flags].astype(np.uint8).tobytes()
            for flags, plane in zip(kept, planes, strict=True)
        ]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        planes = []
        for stream, middle in zip(streams, self.middles, strict=True):
            size = (rows * width + 7) // 8
            flags = np.unpackbits(np.frombuffer(stream[:size], np.uint8), count=rows * width).astype(bool)
            if len(stream) != size + np.count_nonzero(flags):
                raise FormatError("a stream of the toy coder has another length")
            plane = np.full(rows * width, middle, np.int32)
            plane[flags] = np.frombuffer(stream[size:], np.uint8)
            planes.append(plane.reshape(rows, width))
        return planes


@dataclass(frozen=True)
class Count:
    """Counts the values of every plane."""

    planes: int

    def collect(self, images: Iterator[list[Plane]]) -> Any:
        counts = np.zeros((self.planes, 256), np.int64)
        for planes in images:
            counts += [np.bincount(plane.ravel(), minlength=256) for plane in planes]
        return counts


class ToyTraining(CoderTraining):
    """One pass; one section for each plane, its most frequent value."""

    def __init__(self, ranges: Sequence[PlaneRange], settings: TrainingSettings) -> None:
        self._passes = [Pass((Count(len(ranges)),))]
        self._counts = np.zeros((len(ranges), 256), np.int64)

    def next_pass(self) -> Pass | None:
        return self._passes.pop() if self._passes else None

    def merge(self, statistics: Iterator[Any]) -> None:
        self._counts = sum(statistics, self._counts)

    def sections(self) -> list[Section]:
        return [Section(TOY, 0, bytes([int(counts.argmax())])) for counts in self._counts]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        return [(5, tuple(range(len(self._counts))))]

    def report(self) -> list[str]:
        return [f"most frequent: {self._counts.argmax(axis=1).tolist()}"]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy coder among the others."""
    toy = Descriptor(
        ToyCoder,
        start_training=ToyTraining,
        accepts=lambda kind: kind.bits == 8,
        images="8-bit images",
        transforms=lambda kind: (NONE,),
        numbers_values=False,
    )
    monkeypatch.setitem(CODERS, TOY, toy)


def nearly_even(number: int, components: int) -> np.ndarray:
    """An image in which one in seven samples differs from one value of each component: too many for labels."""
    random = np.random.default_rng(number)
    image = np.tile(np.array([200, 90, 31], np.uint8)[:components], (40, 30, 1))
    others = random.integers(0, 7, (40, 30)) == 0
    image[others] = random.integers(0, 256, (np.count_nonzero(others), components))
    return image if components > 1 else image[..., 0]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("components", [1, 3])
def test_a_coder_of_a_test_is_trained_stored_and_used(components: int) -> None:
    images = [nearly_even(number, components) for number in range(4)]
    result = sofc.train(images, name="toy", coder="toy", held_out=0)
    codebook = sofc.Codebook.from_bytes(result.codebook.to_bytes())
    assert [model.coder for model in codebook.models] == [TOY]
    assert b"".join(section.data for section in codebook.sections) == bytes([200, 90, 31][:components])
    assert "toy: most frequent" in str(result.report)
    for settings in ({}, {"coder": "toy"}):
        data = sofc.encode(images[0], codebook=codebook, band_rows=20, **settings)
        bands = [unpack_band(body) for kind, body in chunks_of(data) if kind == b"B"]
        assert [band.model for band in bands] == [FIRST_CODEBOOK_MODEL] * 2
        assert np.array_equal(sofc.decode(data, codebooks={codebook.id: codebook}), images[0])
        with sofc.open_reader(data, codebooks={codebook.id: codebook}) as reader:
            assert np.array_equal(reader.read_rows(15, 33), images[0][15:33])


@pytest.mark.usefixtures("registered")
def test_what_a_descriptor_says_is_heeded() -> None:
    deep = np.full((9, 9), 1000, np.uint16)
    with pytest.raises(sofc.UsageError, match="the toy coder is for 8-bit images, not 16-bit images"):
        sofc.train([deep], name="toy", coder="toy")
    with pytest.raises(sofc.UsageError, match=r"known are raw, .*toy"):
        sofc.encode(deep, coder="toi")
    with pytest.raises(sofc.UsageError, match=r"these can: .*toy"):
        sofc.train([deep], name="toy", coder="raw")
    assert not {model.coder for model in sofc.train([deep], name="any").codebook.models} & {TOY}
    assert len(ahead.coding_kernels()) == len([group for coder in CODERS.values() for group in coder.kernels]) + 2


def test_without_it_its_codebooks_are_refused(monkeypatch: pytest.MonkeyPatch, registered: None) -> None:
    image = nearly_even(0, 1)
    codebook = sofc.train([image], name="toy", coder="toy", held_out=0).codebook
    data = sofc.encode(image, codebook=codebook, band_rows=20)
    monkeypatch.delitem(CODERS, TOY)
    ready.cache_clear()
    with pytest.raises(sofc.UnsupportedError, match="coder 77"):
        sofc.decode(data, codebooks={codebook.id: codebook})
