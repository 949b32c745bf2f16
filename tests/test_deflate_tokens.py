"""Deflate data of any encoder: made again by the library and by the small decoder."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import minidec
import numpy as np
import pytest
from minidec.deflate import (
    DISTANCE_BASE,
    DISTANCE_CODES,
    DISTANCE_EXTRA,
    LENGTH_BASE,
    LENGTH_CODES,
    LENGTH_EXTRA,
    BitWriter,
    Code,
    DeflateAgain,
)
from minidec.deflate import Effort as SmallEffort

from sofc.errors import FormatError, LimitError
from sofc.keepfile.tokens import remainder
from sofc.keepfile.tokens.alphabet import FIXED_LENGTHS
from sofc.keepfile.tokens.matches import Effort
from sofc.keepfile.tokens.models import nothing_learned
from sofc.keepfile.tokens.remainder import Apart, Fitting, Session

RANDOM = np.random.default_rng(15)
ROUGH = (np.cumsum(RANDOM.normal(0, 2, 9000)) / 4).astype(np.int8).tobytes()
PATTERN = b"".join(bytes(RANDOM.integers(0, 9, 3, np.uint8)) * int(n) for n in RANDOM.integers(1, 40, 150))
MIXED = ROUGH[:3000] + PATTERN[:3000] + bytes(900) + ROUGH[2000:4000] + PATTERN[1000:2000]
DATA = {"rough": ROUGH, "pattern": PATTERN, "mixed": MIXED, "zeros": bytes(3000), "one": b"a", "empty": b""}


def by_zlib(level: int, memory: int = 8, strategy: int = 0, flush: int = 0) -> Callable[[bytes], bytes]:
    def compress(data: bytes) -> bytes:
        deflater = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
        packed = b""
        for start in range(0, len(data), 1000):
            packed += deflater.compress(data[start : start + 1000])
            packed += deflater.flush(flush) if flush else b""
        return packed + deflater.flush()

    return compress


def by_imagecodecs(name: str, level: int) -> Callable[[bytes], bytes]:
    def compress(data: bytes) -> bytes:
        imagecodecs = pytest.importorskip("imagecodecs")
        if not getattr(imagecodecs, name.upper()).available:
            pytest.skip(f"imagecodecs has no {name}")
        keywords = {"level": level} if level else {}
        return bytes(getattr(imagecodecs, f"{name}_encode")(data, **keywords))[2:-4]

    return compress


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "zlib-1": by_zlib(1),
    "zlib-6": by_zlib(6),
    "zlib-9": by_zlib(9, 1),
    "stored": by_zlib(0),
    "fixed": by_zlib(6, 8, zlib.Z_FIXED),
    "flushes": by_zlib(6, flush=zlib.Z_SYNC_FLUSH),
    "partial": by_zlib(3, flush=zlib.Z_PARTIAL_FLUSH),
    "libdeflate-1": by_imagecodecs("deflate", 1),
    "libdeflate-6": by_imagecodecs("deflate", 6),
    "libdeflate-12": by_imagecodecs("deflate", 12),
    "zlib-ng": by_imagecodecs("zlibng", 2),
    "zopfli": by_imagecodecs("zopfli", 0),
}


def made_again(streams: list[tuple[bytes, bytes]], small: bool = False) -> list[Apart]:
    """Take streams apart, in one session, and make them again."""
    session, again, other = Session(), Session(), DeflateAgain()
    found = [session.take_apart(packed, data) for packed, data in streams]
    for apart, (packed, data) in zip(found, streams, strict=True):
        assert again.make_again(apart, data) == packed
        if small:
            assert other.make(data, apart.size, SmallEffort(*apart.effort), apart.remainder) == packed
    return found


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", ["mixed", "zeros"])
def test_every_encoder(encoder: str, name: str) -> None:
    data = DATA[name]
    packed = ENCODERS[encoder](data)
    assert zlib.decompress(packed, -15) == data
    (apart,) = made_again([(packed, data)], small=True)
    assert len(apart.remainder) < len(packed) // 3 + 60


@pytest.mark.parametrize("name", ["one", "empty"])
def test_little_data(name: str) -> None:
    for encoder in ("zlib-6", "stored", "flushes"):
        made_again([(ENCODERS[encoder](DATA[name]), DATA[name])], small=True)


def test_streams_of_one_file_learn_from_each_other() -> None:
    pieces = [ROUGH[start : start + 1500] for start in range(0, 9000, 1500)]
    found = made_again([(by_zlib(9)(piece), piece) for piece in pieces], small=True)
    assert len(found[-1].remainder) < len(found[0].remainder)


def test_efforts_of_files_before_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the same encoder are not sought again; those of another are."""
    known: list[Fitting] = []
    sought: list[int] = []
    find = remainder._best_effort

    def noted(*of: Any) -> Any:
        sought.append(len(known))
        return find(*of)

    monkeypatch.setattr(remainder, "_best_effort", noted)
    for packed in map(by_zlib(1), (ROUGH + MIXED, MIXED + ROUGH)):
        apart = Session(known).take_apart(packed, zlib.decompress(packed, -15))
        assert Session().make_again(apart, zlib.decompress(packed, -15)) == packed
    assert sought == [0] and [one.effort for one in known] == [apart.effort]
    other = Fitting(Effort(2, 1, 258, 0, 2, 0), 1, 1000)
    known[:] = [other]
    apart = Session(known).take_apart(packed, MIXED + ROUGH)
    assert len(sought) == 2 and [one.effort for one in known] == [apart.effort, other.effort]


def test_an_effort_that_fits_nothing_is_not_tried_on_other_files() -> None:
    """Of long runs made by another strategy all tokens are decisions; of no data one byte is."""
    known: list[Fitting] = []
    for data in (bytes(1 << 12), b""):
        packed = by_zlib(1)(data)
        apart = Session(known).take_apart(packed, data)
        assert Session().make_again(apart, data) == packed
        assert known == []
    packed = by_zlib(1)(ROUGH + MIXED)
    assert Session(known).take_apart(packed, ROUGH + MIXED).effort == Session().take_apart(packed, ROUGH + MIXED).effort


@pytest.mark.parametrize("best", remainder._STARTS)
def test_deep_starts_are_those_of_the_way_that_is_the_best(best: Effort) -> None:
    tried: list[Effort] = []

    def cost(effort: Effort) -> int:
        tried.append(effort)
        return 1 if effort == best else 2

    assert remainder._best_effort(cost, 1) == best
    deep = [effort for effort in remainder._DEEP_STARTS if effort.way == best.way]
    assert set(tried) == {*remainder._STARTS, *deep} and bool(deep) is (best.way == remainder.CHAIN_OF_4)


def test_a_search_ends_where_next_to_nothing_is_left_to_save() -> None:
    costs: list[Effort] = []

    def cost(effort: Effort) -> int:
        costs.append(effort)
        return 100 - effort.nice

    start = remainder._best_effort(cost, 100)
    tried = len(costs)
    assert start == costs[0] and set(costs) == set(remainder._STARTS)
    assert remainder._best_effort(cost, -200) == start and len(costs) > 2 * tried


@pytest.mark.parametrize("way", [0, 1, 2])
@pytest.mark.parametrize(("depth", "nice", "haste", "probes", "rounds"), [(1, 3, 8, 0, 0), (40, 20, 1, 64, 2)])
def test_any_search_will_do(way: int, depth: int, nice: int, haste: int, probes: int, rounds: int) -> None:
    """The effort decides how long the remainder is, not whether it is right."""
    session = Session()
    session._effort, session._tried = Effort(way, depth, nice, haste, probes, rounds), 1 << 30
    packed = by_zlib(7)(MIXED)
    apart = session.take_apart(packed, MIXED)
    assert tuple(apart.effort) == (way, depth, nice, haste, probes, rounds)
    assert Session().make_again(apart, MIXED) == packed
    assert DeflateAgain().make(MIXED, apart.size, SmallEffort(*apart.effort), apart.remainder) == packed


def chosen_by_chance(random: np.random.Generator) -> Iterator[tuple[bytes, bytes]]:
    """Deflate data in which everything that an encoder may choose is chosen at random, and what it stands for."""
    bits, data = BitWriter(), bytearray()
    for last in (0, 0, 0, 1):
        kind = int(random.integers(0, 3))
        bits.put(last, 1)
        bits.put(kind, 2)
        if kind == 0:
            body = random.bytes(int(random.integers(0, 300)))
            bits.fill(int(random.integers(0, 128)))
            bits.put(len(body), 16)
            bits.put(~len(body), 16)
            bits.bytes += body
            data += body
            continue
        literals, distances = Code(FIXED_LENGTHS.tolist()), Code([5] * 30)
        if kind == 2:
            literals, distances = with_random_codes(random, bits)
        for _ in range(int(random.integers(0, 400))):
            if random.random() < 0.5 or not data:
                literals.put(value := int(random.integers(0, 256)), bits)
                data.append(value)
                continue
            length = int(random.choice([3, 4, 5, 9, 60, 257, 258, 259]))
            distance = int(random.integers(1, min(len(data), 32768) + 1))
            code, away = LENGTH_CODES[length], DISTANCE_CODES[distance]
            literals.put(257 + code, bits)
            bits.put(min(length, 258) - LENGTH_BASE[code], LENGTH_EXTRA[code])
            distances.put(away, bits)
            bits.put(distance - DISTANCE_BASE[away], DISTANCE_EXTRA[away])
            for _ in range(min(length, 258)):
                data.append(data[-distance])
        literals.put(256, bits)
    bits.fill(int(random.integers(0, 128)))
    yield bytes(bits.bytes), bytes(data)


def with_random_codes(random: np.random.Generator, bits: BitWriter) -> tuple[Code, Code]:
    """A head whose codes have all symbols, in an order of lengths that is drawn, written without runs or with some."""
    literals = random.permutation([8] * 226 + [9] * 60).tolist()
    distances = random.permutation([4] * 2 + [5] * 28).tolist()
    border, order = len(literals), [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    runs = Code([0, 0, 0, 0, 3, 3, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 2, 0, 0])
    bits.put(border - 257, 5)
    bits.put(len(distances) - 1, 5)
    bits.put(len(order) - 4, 4)
    for symbol in order:
        bits.put(runs.lengths[symbol], 3)
    lengths, i = literals + distances, 0
    while i < len(lengths):
        run = 0
        while i > 0 and run < 6 and i + run < len(lengths) and lengths[i + run] == lengths[i - 1]:
            run += 1
        if run >= 3 and random.random() < 0.5:
            run = int(random.integers(3, run + 1))
            runs.put(16, bits)
            bits.put(run - 3, 2)
            i += run
        else:
            runs.put(lengths[i], bits)
            i += 1
    return Code(literals), Code(distances)


@pytest.mark.parametrize("seed", range(12))
def test_data_of_an_encoder_that_chooses_by_chance(seed: int) -> None:
    for packed, data in chosen_by_chance(np.random.default_rng(seed)):
        assert zlib.decompress(packed, -15) == data
        made_again([(packed, data)], small=seed < 4)


def test_long_data() -> None:
    """Of several spans, with matches across them, and blocks longer than a span."""
    random = np.random.default_rng(3)
    data = np.repeat(random.integers(0, 40, 30000), random.integers(1, 12, 30000)).astype(np.uint8).tobytes()
    assert len(data) > 150000
    for strategy in (0, zlib.Z_RLE):
        made_again([(by_zlib(2, 9, strategy)(data), data)])


def test_other_data_is_refused() -> None:
    packed = by_zlib(6)(MIXED)
    for wrong in (packed[:-1], packed + b"\0", b"\7" + packed[1:], b"", RANDOM.bytes(500)):
        with pytest.raises(FormatError):
            Session().take_apart(wrong, MIXED)
    with pytest.raises(FormatError):
        Session().take_apart(packed, MIXED[:-1])


def test_damage_ends_well() -> None:
    packed = by_imagecodecs("deflate", 6)(MIXED)
    apart = Session().take_apart(packed, MIXED)
    random = np.random.default_rng(4)
    for _ in range(25):
        remainder, data = bytearray(apart.remainder), bytearray(MIXED)
        changed = remainder if random.random() < 0.7 else data
        changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
        outcomes = []
        for make in (_by_library, _by_minidec):
            try:
                outcomes.append(make(bytes(data), apart.size, apart.effort, bytes(remainder)))
            except (FormatError, minidec.FormatError):
                outcomes.append(b"refused")
            if random.random() < 0.8:
                break
        assert len(set(outcomes)) == 1
    for effort in (apart.effort._replace(way=3), apart.effort._replace(depth=0), apart.effort._replace(rounds=3)):
        with pytest.raises(FormatError, match="search"):
            Session().make_again(Apart(apart.size, effort, apart.remainder), MIXED)


def _by_library(data: bytes, size: int, effort: Effort, remainder: bytes) -> bytes:
    return Session().make_again(Apart(size, effort, remainder), data)


def _by_minidec(data: bytes, size: int, effort: Effort, remainder: bytes) -> bytes:
    return DeflateAgain().make(data, size, SmallEffort(*effort), remainder)


def test_blocks_are_bounded() -> None:
    """A remainder can ask for empty blocks without end; it must not be followed for long."""
    with pytest.raises(FormatError, match="deflate data"):
        Session().make_again(Apart(1 << 24, Effort(0, 1, 258, 0, 0, 0), b""), b"")


@pytest.mark.parametrize("way", [0, 1, 2])
def test_searches_are_bounded(way: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred bytes that ask for the longest search at each place of long runs end with an error, and soon."""
    random = np.random.default_rng(way)
    data = b"".join(b"a" * 250 + random.bytes(4) for _ in range(400))
    compressed = zlib.compress(data, 9)[2:-4]
    effort = Effort(way, 1024, 258, 0, 0, 0)
    with monkeypatch.context() as patched:
        patched.setattr(remainder, "STEPS_A_BYTE", 1 << 40)
        inflated = np.frombuffer(bytearray(data), np.uint8)
        encoder = remainder._Encoder(compressed, inflated, effort, nothing_learned())
        apart = Apart(len(compressed), effort, encoder.encode())
        spent = int(encoder.matches.steps[0])
        assert Session().make_again(apart, data) == compressed
    monkeypatch.setattr(remainder, "MOST_STEPS", 0)
    monkeypatch.setattr(remainder, "STEPS_A_BYTE", spent // len(data) // 2)
    with pytest.raises(LimitError, match="longer search"):
        Session().make_again(apart, data)
    # An encoder passes such efforts by, and data that all of them are too long for.
    found = Session().take_apart(compressed, data)
    assert Session().make_again(found, data) == compressed
    monkeypatch.setattr(remainder, "STEPS_A_BYTE", 0)
    with pytest.raises(LimitError):
        Session().take_apart(compressed, data)


@pytest.mark.parametrize(("steps", "tries"), [(1, 1), (1 << 40, len(remainder._STARTS))])
def test_no_effort_is_tried_after_too_many_steps(monkeypatch: pytest.MonkeyPatch, steps: int, tries: int) -> None:
    data = bytes(1 << 12) + b"some more" * 40
    monkeypatch.setattr(remainder, "_STEPS", steps)
    monkeypatch.setattr(remainder, "_STEPS_A_BYTE", 0)
    tried: list[Effort] = []
    sample = remainder._Encoder.sample
    monkeypatch.setattr(
        remainder._Encoder, "sample", lambda self, size: tried.append(self.effort) or sample(self, size)
    )
    packed = zlib.compress(data, 6)[2:-4]
    apart = Session().take_apart(packed, data)
    assert Session().make_again(apart, data) == packed
    assert tried[0] == remainder._STARTS[0] and (len(tried) == 1 if tries == 1 else len(tried) >= tries)
