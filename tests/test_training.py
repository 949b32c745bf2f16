"""Training: the same codebook from any workers, images held out, clear refusals."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from helpers import models_of
from PIL import Image
from scenes import chosen_by_two

import sofc
from sofc.api.headers import header_for
from sofc.band import rivals
from sofc.band.candidates import Candidates, serves
from sofc.band.coding import to_planes
from sofc.band.fastest import LEAD
from sofc.band.following import departures, find_following
from sofc.band.rivals import Rivals
from sofc.band.steps import Form
from sofc.band.ways import Way
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.base import Descriptor
from sofc.coders.context import network_training
from sofc.coders.dct import adapting
from sofc.coders.kinds import Kind, kind_of
from sofc.coders.registry import CODERS
from sofc.coders.training import CoderTraining, Pass, TrainingSettings
from sofc.container.records import CHANGE, FIRST_CODEBOOK_MODEL, Section
from sofc.errors import FormatError, UsageError
from sofc.image import PixelFormat
from sofc.imagefiles import ImageSource, load, save, sources
from sofc.jpeg.colour import reached
from sofc.places import StorePath
from sofc.planes import Plane, PlaneRange
from sofc.stream import band_encoding
from sofc.training import ModelReport, TrainingReport, driver, judging, mining, train, work
from sofc.training import collection as training_collection
from sofc.training.adapted import Adapted, AdaptedModel, Usage, Use, adaptable, builtin_usage, moved
from sofc.training.collection import Collection, helpers_of, runs
from sofc.training.general import base_of
from sofc.training.held_out import RUN, coded_size, files_of, split
from sofc.training.judging import Judge
from sofc.training.mining import NETWORK_FROM, Mined, Outlook, mine, mine_anew, mine_fastest
from sofc.training.recipes import trainable
from sofc.training.settings import FASTEST_FROM, FEW_EFFORTS, NEW_FROM, Settings
from sofc.training.shards import WINDOW, cut, in_order, in_shards
from sofc.training.survey import Facts, survey
from sofc.transforms.components import CHAIN, LATTICE, NONE


def gray_images(count: int, seed: int = 1, grain: int = 12) -> list[np.ndarray]:
    """Smooth images with a common texture: with one of little grain trained models take less than neutral ones."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :48]
    texture = random.integers(0, grain, (40, 48))
    return [
        (100 + 40 * np.sin(rows / 9 + k) + 30 * np.cos(columns / 7) + texture + random.integers(0, 3, (40, 48)))
        .clip(0, 255)
        .astype(np.uint8)
        for k in range(count)
    ]


def strokes(count: int, seed: int = 2) -> list[np.ndarray]:
    """Binary images of random strokes of a few kinds."""
    random = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        image = np.zeros((28, 28), np.bool_)
        for _ in range(6):
            y, x = random.integers(0, 20, 2)
            h, w = ((8, 3), (3, 8), (5, 5))[random.integers(3)]
            image[y : y + h, x : x + w] = True
        images.append(image)
    return images


def by_trained_models(found: Iterable[ImageSource], effort: int) -> Usage:
    """What is used for gray images, as if it were the first model of the built-in codebook for an effort."""
    usage = builtin_usage(found, effort)
    return replace(usage, uses=Counter({Use(int(effort > 6), False): usage.size}))


@dataclass(frozen=True)
class SumTask:
    """A task whose statistics tell which images a shard had, in which order."""

    factor: int

    def collect(self, images: Iterator[list[Plane]]) -> list[int]:
        """One number an image."""
        return [self.factor * int(planes[0].sum()) for planes in images]


class SumTraining(CoderTraining):
    """Two passes; the section is everything that was seen, in order."""

    seen: list[int]

    def __init__(self, ranges: list[PlaneRange]) -> None:
        self.ranges = ranges
        self.passes = [SumTask(1), SumTask(-1)]
        self.seen = []

    def next_pass(self) -> Pass | None:
        return Pass((self.passes[0],)) if self.passes else None

    def merge(self, statistics: Iterator[Any]) -> None:
        for shard in statistics:
            self.seen += shard
        self.passes.pop(0)

    def sections(self) -> list[Section]:
        return [Section(1, 0, repr((self.seen, self.ranges)).encode())]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        return [(5, (0,))]

    def report(self) -> list[str]:
        return [f"saw {len(self.seen)}"]


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> list[SumTraining]:
    """Trains SumTraining in place of a coder; gives every one that was started."""
    started: list[SumTraining] = []

    def start(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> SumTraining:
        started.append(SumTraining(list(ranges)))
        return started[-1]

    for coder in trainable().values():
        monkeypatch.setitem(CODERS, coder.id, replace(coder, start_training=start))
    return started


def test_cut() -> None:
    assert cut(list(range(20)), 8) == [
        [0, 1], [2, 3, 4], [5, 6], [7, 8, 9], [10, 11], [12, 13, 14], [15, 16], [17, 18, 19],
    ]  # fmt: skip
    assert cut([1, 2], 8) == [[1], [2]]
    assert cut([], 8) == []


class LazyExecutor(Executor):
    """Like an executor of a cluster: nothing but submit, and it counts what is under way."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        executor = self

        class Late(Future[Any]):
            def result(self, timeout: float | None = None) -> Any:
                executor.under_way -= 1
                return function(*args, **kwargs)

        return Late()


def test_shards_end_with_so_many_items_or_enough_of_them() -> None:
    found = in_shards([1, 1, 1, 1, 9, 1, 2, 2, 1], lambda size: size, most_items=3, enough=4)
    assert list(found) == [[1, 1, 1], [1, 9], [1, 2, 2], [1]]
    assert list(in_shards([], lambda size: size, 3, 4)) == []


def test_in_order_keeps_order_and_window() -> None:
    executor = LazyExecutor()
    results = in_order(executor, lambda item: item * 2, range(50), window=5)
    assert next(results) == 0
    assert list(results) == list(range(2, 100, 2))
    assert executor.most == 5
    assert executor.under_way == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_work_beside_other_work(workers: int) -> None:
    """The same with workers as without: what is told of it comes once its result is asked for, from who asks."""
    told: list[tuple[str, int, int]] = []
    threads: set[int] = set()

    def tell(*progress: Any) -> None:
        told.append(progress)
        threads.add(threading.get_ident())

    def doubled(crew: work.Crew) -> list[int]:
        return list(crew.map("beside", lambda item: 2 * item, range(3)))

    with ThreadPoolExecutor(2) as pool:
        crew = work.Crew(pool if workers else None, tell)
        with crew.beside(doubled) as result:
            assert list(crew.map("first", abs, [-1])) == [1]
            assert result() == [0, 2, 4]
        assert told == [("first", 1, 1), ("beside", 1, 3), ("beside", 2, 3), ("beside", 3, 3)]
        assert threads == {threading.get_ident()}
        with pytest.raises(UsageError, match="as it must"), crew.beside(fail) as result:
            result()


def fail(_: work.Crew) -> None:
    raise UsageError("as it must")


def test_work_beside_others_ends_with_them() -> None:
    """Where nobody asks for its result."""
    begun, ended = threading.Event(), threading.Event()
    done: list[int] = []

    def slow(item: int) -> None:
        done.append(item)
        begun.set()
        ended.wait(10)

    def others(crew: work.Crew) -> None:
        list(crew.map("beside", slow, range(1000)))

    with ThreadPoolExecutor(1) as pool:
        with work.Crew(pool, None).beside(others):
            assert begun.wait(10)
        ended.set()
    assert len(done) <= WINDOW


def test_in_order_without_executor_is_lazy() -> None:
    calls: list[int] = []
    results = in_order(None, calls.append, range(5))
    next(results)
    assert calls == [0]


def test_in_order_passes_errors_on() -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(in_order(pool, lambda item: 1 // item, [1, 0, 1, 1]))


@pytest.mark.parametrize(
    ("count", "share", "held"), [(4, 0.1, 0), (5, 0.1, 1), (20, 0.1, 2), (100, 0.25, 25), (9, 0, 0)]
)
def test_split(count: int, share: float, held: int) -> None:
    positions = split(count, share)
    assert len(set(positions)) == held
    assert all(0 <= position < count for position in positions)


def test_neighbours_are_held_out_together() -> None:
    """Of images that are stored in groups, half of all at most."""
    assert split(12, 0.1, run=8) == [4, 5, 6, 7]
    assert split(8, 0.1, run=8) == [2, 3, 4, 5]
    assert split(30, 0.1, run=8) == [*range(11, 19)]
    assert split(100, 0.16, run=8) == [*range(21, 29), *range(71, 79)]
    assert split(3, 0.1, 3, run=8) == [1] and split(4, 0.1, run=8) == split(40, 0, run=8) == []
    for count, share in itertools.product(range(5, 60), (0.1, 0.3, 0.5)):
        positions = split(count, share, run=8)
        assert len({*positions} & {*range(count)}) == len(positions) <= count // 2
        assert len(positions) <= max(8, count * share)
    (fact,) = survey([ImageSource(array=gray_images(1)[0])])
    assert isinstance(fact, Facts)
    settings = Settings(None, 0.1, 1, None, None, None)
    for pixels, names, held in ((1 << 18, "a" * 30, 8), ((1 << 18) + 1, "a" * 30, 3), (9, "abcdefghij" * 3, 3)):
        members = [(ImageSource(Path(name), k), replace(fact, pixels=pixels)) for k, name in enumerate(names)]
        assert len(Collection.of(fact.kind, members, settings).held_out) == held


def test_images_in_order_and_held_out_never_mined(sums: list[SumTraining], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "coded_size", lambda sources, codebook, effort, coder=None: 10 * len(sources))
    monkeypatch.setattr(training_collection, "RUN", 1)
    images = [np.full((2, 2), value, np.uint8) for value in range(20)]
    result = train(images, name="sums", coder="shape", held_out=0.2)
    mined = [value for value in range(20) if value not in (2, 7, 12, 17)]
    assert sums[0].seen == [4 * value for value in mined] + [-4 * value for value in mined]
    report = result.report.models[0]
    assert (report.images, report.held_out, report.raw) == (16, 4, 16)
    assert report.findings == ("shape: saw 32",)


@pytest.mark.parametrize(
    ("efforts", "judged"), [(None, 5), ((1, 5), 5), ((9,), 9), ((1,), 1), ((1, 9), 9), ((2, 7), 7)]
)
def test_gains_are_seen_at_an_effort_that_has_models(
    efforts: tuple[int, ...] | None, judged: int, sums: list[SumTraining], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A codebook for effort 9 alone has nothing at effort 5, and was not written."""
    seen: set[int] = set()

    def size(sources: Any, codebook: Codebook, effort: int, coder: str | None = None) -> int:
        seen.add(effort)
        return 0

    monkeypatch.setattr(judging, "coded_size", size)
    images = [np.full((2, 2), value, np.uint8) for value in range(20)]
    train(images, name="sums", coder="shape", efforts=efforts)
    assert seen == {judged}


def test_kinds_have_models_of_their_own(sums: list[SumTraining]) -> None:
    images = [
        np.zeros((3, 4), np.uint8),
        np.ones((3, 4), np.bool_),
        np.zeros((3, 4, 3), np.uint8),
        np.full((3, 4), 1000, np.uint16),
        np.full((5, 6), -7, np.int16),
    ]
    codebook = train(images, name="kinds", coder="shape").codebook
    found = [(model.components, model.max_bits, model.transform, model.sections) for model in codebook.models]
    assert found == [(1, 1, 0, (0,)), (1, 8, 0, (1,)), (1, 16, 0, (2,)), (3, 8, 1, (3,))]
    assert [training.ranges for training in sums][3] == [
        PlaneRange(0, 255), PlaneRange(-255, 255), PlaneRange(-255, 255),
    ]  # fmt: skip


def test_declared_bits_count(sums: list[SumTraining], tmp_path: Path) -> None:
    save(tmp_path / "a.pgm", np.full((4, 4), 900, np.uint16), declared_bits=12)
    assert train([tmp_path], name="a", coder="shape").codebook.models[0].max_bits == 12


def test_order_of_paths_does_not_matter(sums: list[SumTraining], tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / f"{number}.png", np.full((4, 4), number, np.uint8))
    paths = sorted(tmp_path.iterdir())
    one = train(paths, name="x", held_out=0).codebook
    other = train([*paths[::-1], tmp_path], name="x", held_out=0).codebook
    assert one.to_bytes() == other.to_bytes()


def test_progress(sums: list[SumTraining]) -> None:
    heard: list[tuple[str, int, int]] = []
    train(gray_images(3), name="x", coder="shape", progress=lambda *step: heard.append(step))
    kind = "8-bit images of 1 component"
    stages = ["looking at the images", f"{kind}: shape, pass 1", f"{kind}: shape, pass 2"]
    assert heard == [(stage, done, 3) for stage in stages for done in (1, 2, 3)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coder": "raw"}, "cannot be trained"),
        ({"held_out": 0.6}, "held-out share"),
        ({"held_out": -0.1}, "held-out share"),
        ({"min_images": 0}, "min_images"),
        ({"min_images": 4}, "only 3"),
        ({"iterations": -1}, "iterations"),
        ({"efforts": [0, 5]}, "efforts"),
        ({"efforts": []}, "efforts"),
        ({"name": "a" * 65}, "name"),
    ],
)
def test_refused_settings(sums: list[SumTraining], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        train(gray_images(3), **{"name": "x", **settings})


def test_no_images(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no images to train on"):
        train([tmp_path], name="x")
    with pytest.raises(UsageError, match="cannot train on a int"):
        train([7], name="x")  # type: ignore[list-item]


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    (tmp_path / "b.png").write_bytes(b"nothing")
    with pytest.raises(FormatError, match=r"b\.png"):
        train([tmp_path], name="x")


def test_report_lines() -> None:
    good = ModelReport(
        "8-bit images", 18, 2, ("iteration 0: 5 bytes",), codebook=1000, raw=9000, builtin=3000, coded=2400
    )
    assert good.saved_per_image == 300
    assert good.pays_after == 4
    assert good.lines() == [
        "8-bit images: mined 18, held out 2",
        "  iteration 0: 5 bytes",
        "  held-out images: 9000 bytes of samples -> 2400 with the codebook (ratio 3.750), 3000 with the built-in one "
        "(ratio 3.000)",
        "  it saves 300 bytes an image beyond the built-in one, and has paid for its own 1000 bytes after 4 images "
        "like these",
    ]
    network = replace(good, findings=(), has_network=True)
    assert network.lines()[1] == "  new models with a small neural network"
    assert replace(network, network_saves=0.095).lines()[1] == (
        "  new models with a small neural network: held-out images take 9.5% less than by changes of the built-in "
        "models"
    )
    bad = ModelReport("8-bit images", 18, 2, (), codebook=1000, raw=9000, builtin=3000, coded=3000)
    assert bad.pays_after is None
    assert "it saves nothing" in bad.lines()[-1]
    unknown = ModelReport("8-bit images", 3, 0, (), codebook=1000)
    assert "the gain is not known" in unknown.lines()[-1]


def test_whether_a_codebook_pays() -> None:
    """It depends on how many images are to come; of kinds whose gain is not known none is claimed, and what a kind is
    helped out with is none of it."""
    one = ModelReport("one", 18, 2, (), codebook=1000, raw=9000, builtin=3000, coded=2400)
    other = ModelReport("other", 3, 0, (), codebook=10)
    assert TrainingReport((one,), 1000, False, 4).saved == 4 * 300 - 1000
    assert not TrainingReport((one,), 1000, False, 6).is_worthwhile  # it is to save twice its bytes
    assert TrainingReport((one,), 1000, False, 7).is_worthwhile
    few = TrainingReport((one,), 1000, False, 3)
    assert not few.is_worthwhile
    assert few.lines()[-1] == (
        "3 images like these, codebook of 1000 bytes included, take 100 bytes more than with the built-in one"
    )
    assert TrainingReport((one, other), 1010, False, 23).saved == 20 * 300 - 1010
    helped = replace(one, helpers=15)
    assert helped.lines()[0] == "one: mined 18 (15 of another kind), held out 2"
    assert TrainingReport((helped, other), 1010, False, 8).saved == 5 * 300 - 1010
    left_out = replace(other, codebook=0, left_out=True)
    assert left_out.lines() == [
        "other: mined 3, held out 0",
        "  the codebook has nothing for them, as that is not known to pay: the built-in one serves them",
    ]
    assert TrainingReport((other,), 10, False, 3).saved is None
    assert not TrainingReport((other,), 10, False, 3).is_worthwhile


class ReadOnlyExecutor(Executor):
    """Hands over arrays as dask.distributed does: read-only. Of functions it takes the name, which for others would be
    all that is in them, as text."""

    def submit(self, function: Any, /, *arguments: Any, **_: Any) -> Future[Any]:
        assert isinstance(getattr(function, "func", function).__name__, str)
        buffers: list[pickle.PickleBuffer] = []
        data = pickle.dumps((function, arguments), protocol=5, buffer_callback=buffers.append)
        function, arguments = pickle.loads(data, buffers=[bytes(buffer) for buffer in buffers])
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize("coder", [None, "shape", "interleaved"])
def test_arrays_may_arrive_read_only(coder: str | None) -> None:
    images = gray_images(6)
    alone = train(images, name="same", coder=coder, iterations=1)
    elsewhere = train(images, name="same", coder=coder, iterations=1, executor=ReadOnlyExecutor())
    assert elsewhere.codebook.to_bytes() == alone.codebook.to_bytes()


def test_codebooks_for_few_images_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold changes of the built-in codebook, and its models by name; where efforts are asked for, new models."""
    monkeypatch.setattr(driver, "builtin_usage", by_trained_models)
    images = gray_images(6, grain=3)
    small = train(images, name="few", held_out=0, for_images=2000).codebook
    assert [base.name for base in small.bases] == ["common"]
    known = len(small.sections) - len(small.own_sections)
    assert small.own_sections
    assert CHANGE in {section.kind for section in small.own_sections}
    first, *others = small.models
    assert first.effort == 1
    assert min(first.sections) >= known
    base = small.bases[0].models
    changed, as_they_were = others[: -len(base)], others[-len(base) :]
    assert as_they_were == [*base]  # of the only base, whose sections come first
    assert changed and all(max(model.sections) >= known for model in changed)
    assert [replace(model, sections=small.unchanged(model)) for model in changed] == [
        model for model in base if {small.unchanged(one) for one in changed} >= {model.sections}
    ]
    again = Codebook.from_bytes(small.to_bytes())
    assert (again.models, again.sections, again.bases) == (small.models, small.sections, small.bases)
    further = gray_images(9, grain=3)[-1]
    assert len(sofc.encode(further, codebook=small)) < len(sofc.encode(further))
    asked = train(images, name="few", held_out=0, efforts=[7, 2]).codebook
    own = {model.effort for model in asked.models if min(model.sections) >= known}
    assert own == {*range(2, 10)}
    adapted = train(images, name="few", held_out=0, for_images=2000, efforts=[9], adapt=True).codebook
    assert {section.kind for section in adapted.own_sections} == {CHANGE}
    several = gray_images(15, grain=3)[9:]
    with_adapted, with_base = (
        sum(len(sofc.encode(image, codebook=one, effort=9)) for image in several) for one in (adapted, builtin_codebook)
    )
    assert with_adapted < with_base
    for effort in (1, 5, 9):
        data = sofc.encode(images[0], codebook=small, effort=effort)
        assert (sofc.decode(data, codebooks={small.id: small}) == images[0]).all()


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """Two fresh processes."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


def check_same_from_all_workers(images: list[np.ndarray], coder: str | None, processes: Executor) -> None:
    alone = train(images, name="same", coder=coder, iterations=2)
    with ThreadPoolExecutor(3) as threads:
        in_threads = train(images, name="same", coder=coder, iterations=2, executor=threads)
    in_processes = train(images, name="same", coder=coder, iterations=2, executor=processes)
    assert in_threads.codebook.to_bytes() == alone.codebook.to_bytes()
    assert in_processes.codebook.provenance == alone.codebook.provenance
    assert in_processes.codebook.to_bytes() == alone.codebook.to_bytes()
    assert in_threads.report == in_processes.report == alone.report
    assert Codebook.from_bytes(alone.codebook.to_bytes()).id == alone.codebook.id
    assert f"images={len(images)} sha256=" in alone.codebook.provenance


def test_same_shapes_from_all_workers(processes: Executor) -> None:
    grays = gray_images(3)
    colour = [np.stack([image, image[::-1], image[:, ::-1]], axis=-1) for image in grays]
    check_same_from_all_workers([*gray_images(10), *strokes(30), *colour], "shape", processes)


def test_same_contexts_from_all_workers(processes: Executor) -> None:
    check_same_from_all_workers(gray_images(6), "context", processes)


def test_same_changes_from_all_workers(processes: Executor) -> None:
    check_same_from_all_workers(gray_images(6), None, processes)


def test_what_nothing_changes_of_is_the_base() -> None:
    """A codebook that was wanted all the same codes as its base does, with a reference more."""
    images = gray_images(3)
    codebook = train(images, name="nothing", held_out=0, for_images=1).codebook
    assert not codebook.own_sections
    assert [base.name for base in codebook.bases] == ["common"]
    size = len(sofc.encode(images[0], codebook=codebook))
    assert size <= len(sofc.encode(images[0])) + 40


def test_models_for_effort_1_come_with_enough_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some kilobytes are too much where what the others save is little."""
    images = gray_images(5, grain=3)
    usages: list[Usage] = []

    def usage_of(sources: Sequence[ImageSource], effort: int) -> Usage:
        usages.append(by_trained_models(sources, effort))
        return usages[-1]

    monkeypatch.setattr(driver, "builtin_usage", usage_of)
    few = train(images, name="few", held_out=0, for_images=10).codebook
    enough = -(-FASTEST_FROM * len(images) // sum(usage.size for usage in usages[:4]))
    many = train(images, name="many", held_out=0, for_images=2 * enough).codebook
    assert [model.effort for model in few.models] == [model.effort for model in few.bases[0].models]
    assert next(model.effort for model in many.models if many.owns(model)) == 1
    fastest, usual = (Candidates(many, None, effort).of(PixelFormat(1, 8, 8)) for effort in (1, 5))
    assert many.owns(many.models[fastest[0].number - FIRST_CODEBOOK_MODEL])
    assert not any(many.owns(many.models[one.number - FIRST_CODEBOOK_MODEL]) for one in usual[:1])


def test_networks_are_asked_for_where_they_can_be_hoped_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of images of one component that many enough come of, and that the context coder codes."""
    kind = kind_of(PixelFormat(1, 8, 8))
    images = [ImageSource(index=number, array=image) for number, image in enumerate(gray_images(24))]
    collection = Collection(kind, 8, 0, images[4:], [1920] * 20, images[:4], 4 * 1920)
    settings = Settings(None, 0.1, 1, None, None, FEW_EFFORTS)
    crew = work.Crew(None, None)
    uses = {
        CODERS[model.coder].name: Use(number, False)
        for number, model in enumerate(base_of(kind).models)
        if model.components == 1 and model.transform != CHAIN.id
    }
    outlook = Outlook(Usage(1000, Counter({uses["context"]: 900})), NETWORK_FROM, 100.0)
    of_jpeg = outlook._replace(usage=Usage(1000, Counter({uses["dct"]: 900})))
    changed = Mined([], Adapted(base_of(kind), (AdaptedModel(base_of(kind).models[0], {0: bytes(60)}),)))
    training = SimpleNamespace(has_networks=True, sections=lambda: [Section(0, 0, bytes(110))])
    asked = []

    def trained(collection: Collection, coder: Descriptor, treatment: Any, settings: Settings, _: work.Crew) -> Any:
        asked.append((len(collection.mined), coder.name, settings.efforts))
        return mining.Trained(coder, treatment.transform, training)  # type: ignore[arg-type]

    monkeypatch.setattr(mining, "_trained", trained)
    monkeypatch.setattr(mining, "NETWORK_SAMPLES", 16 * 1920)
    monkeypatch.setattr(mining, "NETWORK_IMAGES", 10)
    anew = mine_anew(collection, settings, outlook, changed, crew)
    assert anew is not None and anew.has_networks
    assert asked == [(10, "context", (5,))]  # of the images that are mined, those of at most so many samples
    for refused in (
        (collection, settings, None, changed),
        (collection, settings, outlook._replace(size=NETWORK_FROM - 1), changed),
        (collection, settings, of_jpeg, changed),
        (collection, settings, outlook, Mined([])),
        (replace(collection, kind=kind_of(PixelFormat(3, 8, 8))), settings, outlook, changed),
        (collection.thinned(9 * 1920), settings, outlook, changed),
    ):
        assert mine_anew(*refused, crew) is None
    assert len(asked) == 1

    # 100 images come, of four held out: a byte of all that are held out is 25 in the end; sections take 50 more.
    sizes = {}
    monkeypatch.setattr(driver, "mine", lambda *_: changed)
    monkeypatch.setattr(judging, "assemble", lambda _, __, trained, *___: "new" if trained == [anew] else "changed")
    coders = []

    def size_of(held: Sequence[ImageSource], codebook: str, coder: str | None, effort: int) -> int:
        coders.append(coder)
        return sizes[codebook] // 4 * len(held)

    monkeypatch.setattr(judging, "coded_size", size_of)

    def choose(collection: Collection, settings: Settings, outlook: Outlook | None) -> Mined:
        return driver._mined(collection, settings, outlook, Judge(collection, settings, 100, crew), crew)

    for of_new, expected in ((392, anew._replace(network_saves=8 / 400)), (396, changed), (404, changed)):
        sizes |= {"changed": 400, "new": of_new}
        assert choose(collection, settings, outlook) == expected
    assert choose(replace(collection, held_out=[]), settings, outlook) == changed

    # Of models for one effort, those with a network or without: its section takes 110 bytes.
    (context,) = (coder for coder in CODERS.values() if coder.name == "context")
    anew, plain = Mined([mining.Trained(context, 0, training)]), Mined([])  # type: ignore[arg-type]
    monkeypatch.setattr(driver, "mine", lambda _, settings, *__: anew if settings.networks else plain)
    for of_new, wanted in ((392, anew), (396, plain), (404, plain)):
        sizes |= {"changed": 400, "new": of_new}
        assert choose(collection, replace(settings, efforts=(5,)), None) == wanted
        assert choose(collection, settings, None) == anew
    assert {*coders} == {None}
    # Of a coder that is named they are compared as they will be stored: without the built-in models of others.
    monkeypatch.setattr(judging, "assemble", lambda _, __, trained, ___, general, ____: "all" if general else "new")
    choose(collection, replace(settings, coder=context, efforts=(5,)), None)
    assert coders[-2:] == ["context", "context"]
    training.has_networks = False
    assert mine_anew(collection, settings, outlook, changed, crew) is None


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="trains twice")
def test_networks_are_the_same_by_any_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """From training by default to samples again. That a network pays, which takes a million samples, is taken as given,
    as is that trained models do: whether they do is another test's."""
    monkeypatch.setattr(driver, "builtin_usage", by_trained_models)
    monkeypatch.setattr(network_training, "LEAST_SAMPLES", 1 << 13)
    monkeypatch.setattr(network_training, "BATCH", 1 << 6)
    monkeypatch.setattr("sofc.coders.network_training.pack_network", lambda network, form: b"")
    monkeypatch.setattr("sofc.training.report.MARGIN", -1000)
    random = np.random.default_rng(1)
    images = [chosen_by_two(random, (32, 32)) for _ in range(30)]
    settings: dict[str, Any] = {"name": "chosen", "for_images": 20_000}
    result = train(images, **settings)
    (report,) = result.report.models
    assert report.has_network and report.network_saves is not None
    codebook = result.codebook
    with ThreadPoolExecutor(3) as pool:
        assert train(images, executor=pool, **settings).codebook.to_bytes() == codebook.to_bytes()
    others = [chosen_by_two(random, (32, 32)) for _ in range(20)]
    data = sofc.encode_images(others, codebook=codebook, coder="context")
    assert data == sofc.encode_images(others, codebook=codebook, coder="context", threads=3)
    decoded = sofc.decode_images(data, codebooks={codebook.id: codebook})
    assert all((one == image).all() for one, image in zip(decoded, others, strict=True))


def test_small_images_are_looked_at_as_they_are_stored(tmp_path: Path) -> None:
    """In groups, which are coded as samples, where each image alone would be coded by the numbers of its values."""
    random = np.random.default_rng(2)
    images = [
        np.sort(random.choice(256, 150, replace=False)).astype(np.uint8)[image[:20, :24] * 150 // 256]
        for image in np.stack([gray_images(seed, seed, 3)[-1] for seed in range(1, 31)]).astype(np.int64)
    ]
    np.save(tmp_path / "images.npy", np.stack(images))
    found = sources([tmp_path / "images.npy"])
    members = [(image, one) for image, one in zip(found, survey(found), strict=True) if isinstance(one, Facts)]
    usage = driver._usage(kind_of(PixelFormat(1, 8, 8)), members, 5, work.Crew(None, None))
    alone = Usage.of([builtin_usage([one], 5) for one in found], 1)
    assert {use.by_value for use in alone.uses} == {True}
    assert {use.by_value for use in usage.uses} == {False}
    assert usage.size < alone.size
    arrays = [(ImageSource(index=number, array=image), members[number][1]) for number, image in enumerate(images)]
    assert driver._usage(kind_of(PixelFormat(1, 8, 8)), arrays, 5, work.Crew(None, None)) == usage


def spectrum(count: int) -> list[np.ndarray]:
    """Images of one scene, each a little darker than the one before and with noise of its own."""
    random = np.random.default_rng(6)
    y, x = np.mgrid[:40, :60]
    scene = 6000 + 3000 * np.sin(y / 5) * np.cos(x / 7) + random.normal(0, 800, (40, 60))
    return [np.uint16(scene * 0.98**k + random.normal(0, 10, scene.shape)) for k in range(count)]


def test_models_are_adapted_to_what_images_depart_by(tmp_path: Path) -> None:
    """Where each follows from the one before in a group of its file."""
    images = spectrum(24)
    tifffile.imwrite(tmp_path / "bands.tif", np.stack(images), photometric="minisblack")
    found = sources([tmp_path / "bands.tif"])
    usage = builtin_usage(found, 5)
    ((use, size),) = usage.uses.most_common(1)
    assert use.follows and size > 0.9 * usage.size and not usage.arranged and not usage.is_arranged
    kind = kind_of(PixelFormat(1, 16, 16))
    ((model, by_value, follows),) = adaptable(base_of(kind), kind, usage)
    assert follows and (model, by_value) == (base_of(kind).models[use.model], use.by_value)

    class Keep:
        def collect(self, images: Iterator[list[Plane]]) -> list[Plane]:
            return [planes[0] for planes in images]

    plain, departing = (
        work.statistics_of([*found[:3], ImageSource(array=images[9])], Keep(), work.Treatment(NONE.id, follows=one))  # type: ignore[arg-type]
        for one in (False, True)
    )
    assert all((one == image).all() for one, image in zip(plain, [*images[:3], images[9]], strict=True))
    for number in (1, 2):
        both, form = [np.concatenate(plain[number - 1 : number + 1])], Form(1, 16, 80, 60, 40)
        step = find_following(both, form)
        assert step is not None and (departing[number] == step.apply(both, form)[0][40:]).all()
        assert np.abs(np.diff(departing[number])).mean() < 0.5 * np.abs(np.diff(plain[number])).mean()
    for number in (0, 3):  # the first of a file
        assert (departing[number] == plain[number]).all()
    assert departures([images[0][:9]], [plain[1]], 16)[0] is plain[1]


def test_models_that_would_hardly_serve_are_not_trained() -> None:
    """Colours with an opacity are stored as three components and one."""
    images = [np.stack([*gray_images(3, seed), np.full((40, 48), 255, np.uint8)], axis=2) for seed in range(3)]
    usage = builtin_usage([ImageSource(array=images[0])], 5)
    assert usage.is_arranged and not usage.uses and usage.arranged < usage.size
    many = Usage.of([usage, usage], 1000)
    assert many.is_arranged and many.size > NEW_FROM
    collection = Collection(Kind(4, 8), 8, 0, [ImageSource(array=image) for image in images], [1920] * 3, [], 0)
    settings = Settings(None, 0, 1, None, None, FEW_EFFORTS)
    assert mine(collection, settings, Outlook(many, many.size, 6000.0), work.Crew(None, None)) == Mined([])


def test_numbers_of_values_have_bits_of_their_own() -> None:
    """As in files: a network fitted to numbers of 26 values took a sixth more where these had fewer bits than then."""
    random = np.random.default_rng(3)
    gaps, none = (40 * random.integers(0, 6, (20, 24)).astype(np.uint8), np.arange(480, dtype=np.uint8).reshape(20, 24))
    for arrays, number_bits in (([gaps] * 3, 3), ([gaps, none], 8), ([none] * 2, 0)):
        images = [ImageSource(index=number, array=image) for number, image in enumerate(arrays)]
        facts = [fact for fact in survey(images) if isinstance(fact, Facts)]
        collection = Collection.of(
            facts[0].kind, list(zip(images, facts, strict=True)), Settings(None, 0, 1, None, None, None)
        )
        assert (collection.max_bits, collection.number_bits) == (8, number_bits)
        for by_value, bits in ((False, 8), (True, number_bits or 8)):
            (span,) = mining._ranges(collection, work.Treatment(NONE.id, by_value=by_value))
            assert span.size == (1 << bits) - 1


def test_what_is_tried_is_named() -> None:
    """Of gray images no colour transform is."""
    assert mining._named(work.Treatment(NONE.id), 1) == "values as they are"
    assert mining._named(work.Treatment(NONE.id, by_value=True), 1) == "numbers of values"
    assert mining._named(work.Treatment(CHAIN.id), 3) == f"colour transform {CHAIN.name}"


def test_runs_are_of_one_file_and_small() -> None:
    """Images of other files and those that are more than the room end a run; none is in two."""
    (facts,) = survey([ImageSource(array=gray_images(1)[0])])
    assert isinstance(facts, Facts)
    known = [replace(facts, pixels=pixels) for pixels in (10, 10, 50, *[10] * 9)]
    images = [ImageSource(Path(name), number) for number, name in enumerate("aaaaabbbbccc")]

    def found(count: int, samples: int, images: Sequence[ImageSource] = images) -> list[tuple[int, int]]:
        members = list(zip(images, known, strict=False))
        return [(run[0][0].index, run[-1][0].index + 1) for run in runs(members, count, samples)]

    assert found(3, 1000) == [(0, 4), (4, 5), (8, 9)]
    assert found(3, 60) == [(0, 2), (4, 5), (8, 9)]
    assert found(2, 30) == [(0, 2), (6, 9)]
    assert found(12, 1000) == [(number, number + 1) for number in range(12)]
    stored = [ImageSource(place=StorePath(f"memory://{name}"), index=number) for name in "ab" for number in range(2)]
    assert found(1, 1000, stored) == [(0, 2)]


def test_few_images_are_helped_out_and_held_out_of_their_own() -> None:
    """What another kind gains tells nothing of them."""
    found = survey([ImageSource(array=photograph(0)), ImageSource(array=photograph(0) // 2 * 2)])
    on, off = (one for one in found if isinstance(one, Facts))
    assert (on.kind.lattice, off.kind.lattice) == (True, False)
    own = [(ImageSource(index=number), off) for number in range(5)]
    others = [(ImageSource(index=number), on) for number in range(10, 19)]
    helpers = helpers_of(off.kind, own, [*own, *others])
    assert helpers == others[::3]
    assert helpers_of(on.kind, own, [*own, *others]) == helpers_of(off.kind, own * 2, [*own, *others]) == []
    settings = Settings(None, 0.5, 1, None, None, None)
    collection = Collection.of(off.kind, own, settings, helpers)
    assert [image.index for image in collection.held_out] == [1, 2]
    assert [image.index for image in collection.mined] == [0, 3, 4, 10, 13, 16]
    assert (collection.helpers, collection.given) == (3, 5)
    # All are mined where patches are to be found in as many.
    assert Collection.of(off.kind, own, replace(settings, min_images=5)).held_out == []
    with pytest.raises(UsageError, match="only 5"):
        Collection.of(off.kind, own, replace(settings, min_images=6))


def test_models_of_numbers_of_values_are_adapted() -> None:
    """CT slices, and others that take few of the values they could, are coded by the numbers of these."""
    values = np.random.default_rng(4).choice(60_000, 600, replace=False).astype(np.uint16)
    values.sort()
    large = gray_images(20)
    images = [values[4 * np.vstack(large[k : k + 4]).astype(np.int64) % 600] for k in range(0, 20, 4)]
    usage = Usage.of([builtin_usage([ImageSource(array=image)], 5) for image in images], 1)
    kind = kind_of(header_for(images[0]).format)
    adapted = adaptable(base_of(kind), kind, usage)
    assert adapted and all(one.by_value for one in adapted)
    codebook = train(images, name="slices", held_out=0, for_images=5000).codebook
    assert CHANGE in {section.kind for section in codebook.own_sections}
    assert len(sofc.encode(images[0], codebook=codebook)) < len(sofc.encode(images[0], codebook=builtin_codebook))


def test_weights_of_dct_models_are_compared_on_equal_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that was coded by the base's weights is coded by the changed ones as if it had not been."""
    found: list[tuple[int, int]] = []

    def compare(weights: Any, contexts: int, images: Callable[[], Iterator[Any]], code: Any, *_: Any) -> bytes:
        found.extend((code(weights.copy(), image), code(weights.copy(), image)) for image in images())
        return b""

    monkeypatch.setattr(adapting, "change_weights", compare)
    train([photograph(k) for k in range(3)], name="x", held_out=0, for_images=20)
    assert len(found) == 3 * 3
    assert all(first == again for first, again in found)


def test_coders_are_told_how_many_images_are_to_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each that is given: by that they judge what pays."""
    told: list[float] = []

    def start(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> CoderTraining:
        told.append(settings.times)
        raise UsageError("that is all")

    monkeypatch.setitem(CODERS, 5, replace(CODERS[5], start_training=start))
    images = [np.zeros((16, 16), np.uint8)] * 4
    for to_come in (None, 100, 1):
        with pytest.raises(UsageError, match="that is all"):
            train(images, name="x", coder="dct", for_images=to_come)
    assert told == [1.0, 25.0, 0.25]


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
def test_models_for_the_lattice_serve_images_that_left_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was JPEG data and was made brighter has blocks: the model that knows of these takes another transform."""
    images = [(photograph(k).astype(np.int64) * 9 // 8).clip(0, 255).astype(np.uint8) for k in range(4)]
    kind, base = Kind(3, 8), base_of(Kind(3, 8))
    usage = builtin_usage([ImageSource(array=images[3])], 5)
    usual = adaptable(base, kind, usage)[0].model
    (other,) = moved(base, kind, usual)
    assert other.transform == usual.transform != LATTICE.id and other.sections != usual.sections
    assert moved(base, Kind(3, 8, lattice=True), usual) == []
    codebook = train(images[:3], name="brighter", held_out=0, for_images=60).codebook
    numbers = [number for number, model in enumerate(codebook.models) if {*other.sections} < {*model.sections}]
    (number,) = (n for n in numbers if codebook.models[n].transform == usual.transform)
    data = sofc.encode(images[3], codebook=codebook)
    assert FIRST_CODEBOOK_MODEL + number in models_of(data)
    assert len(data) < len(sofc.encode(images[3], codebook=builtin_codebook))
    assert (sofc.decode(data, codebooks={codebook.id: codebook}) == images[3]).all()
    # Of large images tiles are compared, which tell of blocks too little to decide by.
    large = np.vstack([np.hstack(images[:2]), np.hstack(images[2:])])
    sized, of_usual = rivals.sized, codebook.models.index(usual)
    for factor in (0.98, 1.02):

        def misjudged(ways: Sequence[Way], rows: int, factor: float = factor) -> list[tuple[float, Way]]:
            sizes = {way.model - FIRST_CODEBOOK_MODEL: (size, way) for size, way in sized(ways, rows)}
            if sizes.keys() >= {number, of_usual}:
                sizes[number] = factor * sizes[of_usual][0], sizes[number][1]
            return list(sizes.values())

        monkeypatch.setattr(rivals, "sized", misjudged)
        pixel_format = header_for(large).format
        ways = Rivals(Candidates(codebook, None, 5)).best(to_planes(large, pixel_format), pixel_format, len(large))
        assert sorted(way.model - FIRST_CODEBOOK_MODEL for way in ways) == sorted([of_usual, number])


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
def test_of_three_images_one_tells_what_changes_save() -> None:
    """Where few are to come, as models are changed with that one, too, in no time; new ones take five."""
    images = [photograph(k) for k in range(3)]
    few = train(images, name="few", for_images=50)
    (model,) = few.report.models
    assert (model.images, model.held_out) == (2, 1) and model.coded < model.builtin
    everything = train(images, name="few", for_images=50, held_out=0).codebook
    assert few.codebook.own_sections == everything.own_sections
    (model,) = train(gray_images(3), name="new", efforts=[1]).report.models
    assert (model.images, model.held_out) == (3, 0)
    assert split(4, 0.1) == [] and len(split(4, 0.1, 3)) == 1 and split(4, 0, 3) == []


def noise(seed: int) -> np.ndarray:
    """Colours that a JPEG decoder gives, but not of blocks."""
    values = np.random.default_rng(seed).integers(90, 140, (3, 64, 64), np.int32)
    return np.stack(reached([*values]), axis=2).astype(np.uint8)


def test_models_are_adapted_to_images_that_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes of no JPEG decoder, and only that, is what other models are adapted to, for as many as come of it."""
    arrays = [noise(1), photograph(0), photograph(1), noise(2), photograph(2), photograph(3)]
    images = [ImageSource(index=number, array=array) for number, array in enumerate(arrays)]
    (facts, *_) = survey(images)
    assert isinstance(facts, Facts)
    base = base_of(facts.kind)
    of_three = [model for model in base.models if (model.components, model.effort) == (3, 5)]
    dct = next(model for model in of_three if CODERS[model.coder].name == "dct")
    context = next(model for model in of_three if model.transform == LATTICE.id)
    seen: dict[str, tuple[list[int], list[int]]] = {}
    whole = mining.run

    def run(step: Pass, collection: Collection, treatment: Any, stage: str, crew: work.Crew) -> Iterator[Any]:
        to_come = [getattr(task, "to_come", 0) for task in step.tasks]
        seen[stage.split(": ")[1]] = [image.index for image in collection.mined], to_come
        return whole(step, collection, treatment, stage, crew)

    monkeypatch.setattr(mining, "run", run)
    collection = Collection(facts.kind, 8, 0, images, [1 << 14] * 6, [], 0)
    models = [mining.Adaptable(context, False), mining.Adaptable(dct, False)]
    mining.adapt(collection, 60.0, models, work.Crew(None, None))
    assert list(seen) == [
        "dct, adapted, pass 1",
        "dct, adapted, pass 2",
        "context, adapted, pass 1",
        "context, adapted, pass 2",
    ]
    assert seen["dct, adapted, pass 2"][0] == [0, 1, 2, 3, 4, 5]
    assert seen["context, adapted, pass 1"] == ([0, 3], [20, 20, 20])
    seen.clear()
    mining.adapt(collection.only([1, 2, 4, 5]), 60.0, models, work.Crew(None, None))
    assert list(seen) == ["dct, adapted, pass 1", "dct, adapted, pass 2"]


def test_what_does_not_pay_is_left_out_of_a_codebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """And keeps nothing out that does: each part is judged by itself."""
    base = base_of(Kind(3, 8))
    crew, held = work.Crew(None, None), [ImageSource(index=number) for number in range(2)]
    settings = Settings(None, 0.1, 1, None, None, FEW_EFFORTS)
    collection = Collection(Kind(3, 8), 8, 0, [], [], held, 0)
    coder = next(iter(CODERS.values()))
    fastest = SimpleNamespace(sections=list, has_networks=False, models=lambda: [(1, (0,))])
    adapted = Adapted(base, tuple(AdaptedModel(model, {number: b""}) for number, model in enumerate(base.models[:2])))
    everything = Mined([mining.Trained(coder, 0, fastest)], adapted)  # type: ignore[arg-type]
    assert Mined.joined(everything.parts) == everything
    sizes = {"first": (300, 5), "second": (400, 5), "fastest": (100, 1)}
    """Bytes of the codebook that has but this part, and the effort that it is for."""

    def assembled(_: Any, __: Any, trained: Sequence[Mined], *___: Any) -> Any:
        (mined,) = trained
        changes = [number for one in mined.adapted.models for number in one.changes] if mined.adapted else []
        (name,) = [("first", "second")[number] for number in changes] + ["fastest"] * len(mined.trained)
        return SimpleNamespace(name=name, to_bytes=lambda: bytes(sizes[name][0]))

    def kept(**coded: int) -> list[str]:
        def size_of(images: Any, codebook: Any, effort: int, coder: str | None = None) -> int:
            if codebook is builtin_codebook:
                return 1000 * len(images)
            assert effort == sizes[codebook.name][1]
            return coded[codebook.name] * len(images)

        monkeypatch.setattr(judging, "coded_size", size_of)
        judge = Judge(collection, settings, 10, crew)
        mined = judge.paying(everything).mined
        assert mined.adapted is not None
        # Models for effort 1 may be mined later, where there is room.
        changed = judge.paying(Mined([], adapted))
        if mined != everything:
            assert judge.with_fastest(changed, everything.trained) == mined
        assert judge.with_fastest(changed, []) == changed.mined
        assert changed.saved is not None
        assert changed.leaves_room == (not changed.size or changed.saved > 2 * (changed.size + 1500))
        names = [("first", "second")[number] for one in mined.adapted.models for number in one.changes]
        return names + ["fastest"] * len(mined.trained)

    monkeypatch.setattr(judging, "assemble", assembled)
    # Ten images come: 61 bytes saved of each are more than twice 300.
    assert kept(first=839, second=919, fastest=979) == ["first", "second", "fastest"]
    assert kept(first=939, second=920, fastest=980) == ["first"]
    assert kept(first=940, second=919, fastest=979) == ["second"]  # 810 is twice 400, and not twice 500
    assert kept(first=940, second=890, fastest=979) == ["second", "fastest"]
    assert kept(first=940, second=920, fastest=979) == ["fastest"]  # which is for those who ask for effort 1
    assert kept(first=940, second=920, fastest=980) == ["first", "second", "fastest"]  # as none is better
    named = Judge(collection, replace(settings, coder=coder), 10, crew)
    for unknown in (named, Judge(replace(collection, held_out=[]), settings, 10, crew)):
        assert unknown.paying(everything) == (everything, None, 0)
        assert unknown.paying(everything).leaves_room
        assert unknown.with_fastest(unknown.paying(Mined([], adapted)), everything.trained) == everything
    first = Mined([], replace(adapted, models=adapted.models[:1]))
    assert everything.like(first) == first


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
def test_kinds_that_do_not_pay_are_left_out() -> None:
    """Of noise there is nothing to learn, and two images tell nothing."""
    images = [*(photograph(k) for k in range(4)), *(noise(k)[..., 0] for k in range(4)), *strokes(2)]
    result = train(images, name="several", for_images=500)
    found = {model.kind: (model.held_out, model.left_out, model.codebook > 0) for model in result.report.models}
    assert found == {
        "binary images": (0, True, False),
        "8-bit images of 1 component": (2, True, False),
        "8-bit images of 3 components on the JFIF lattice": (2, False, True),
    }
    assert result.report.is_worthwhile
    assert (
        result.report.codebook == len(result.codebook.to_bytes()) == sum(one.codebook for one in result.report.models)
    )


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
def test_models_for_effort_1_are_mined_where_others_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what changes of the base's models save they would be too much. (Once images were held out: with these,
    what is kept is mined again.)"""
    asked = []

    def mine_fastest(collection: Collection, *settings: Any) -> list[mining.Trained]:
        asked.extend([collection.kind] if collection.held_out else [])
        return []

    monkeypatch.setattr(driver, "mine_fastest", mine_fastest)
    alone = train([noise(k)[..., 0] for k in range(4)], name="noise", for_images=2000)
    assert not alone.report.is_worthwhile and not alone.report.models[0].left_out
    assert asked == []
    train([photograph(k) for k in range(4)], name="photographs", for_images=2000)
    assert asked == [Kind(3, 8, lattice=True)]


def test_models_for_effort_1_are_mined_of_few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a share of large collections that would keep their parameters as they are, but of several images."""
    asked: list[int] = []

    def train_kind(collection: Collection, *_: Any) -> list[mining.Trained]:
        assert len(collection.mined) == len(collection.pixels)
        asked.append(len(collection.mined))
        return []

    monkeypatch.setattr(mining, "train_kind", train_kind)
    monkeypatch.setattr(mining, "adaptable", lambda *_: [object()])
    array = gray_images(1)[0]
    outlook = Outlook(Usage(1000, Counter()), FASTEST_FROM, 100.0)
    for count, pixels, mined in ((8, 1 << 16, 8), (54, 640 * 480, 6), (54, 1 << 16, 14), (5, 1 << 22, 5)):
        images = [ImageSource(index=number, array=array) for number in range(count)]
        collection = Collection(Kind(1, 8), 8, 0, images, [pixels] * count, [], 0)
        mine_fastest(collection, Settings(None, 0.1, 1, None, None, None), outlook, work.Crew(None, None))
        assert asked.pop() == mined


def test_models_are_mined_for_the_efforts_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """New ones, where few images are to come: those for effort 1 beside changes, or of enough images."""
    kind = kind_of(PixelFormat(1, 8, 8))
    collection = Collection(kind, 8, 0, [ImageSource(array=gray_images(1)[0])], [1920], [], 0)
    number, *_ = (
        number
        for number, model in enumerate(base_of(kind).models)
        if (CODERS[model.coder].name, model.components, model.transform) == ("context", 1, NONE.id)
    )
    changed = Outlook(Usage(1000, Counter({Use(number, False): 900})), FASTEST_FROM, 100.0)
    asked: list[tuple[int, ...] | None] = []

    def train_kind(collection: Collection, settings: Settings, crew: work.Crew) -> list[mining.Trained]:
        asked.append(settings.efforts)
        return []

    monkeypatch.setattr(mining, "train_kind", train_kind)
    for efforts, beside, alone in (((9,), [], (9,)), ((5,), [], (5,)), ((1,), [(1,)], (1,)), ((1, 5), [(1,)], (5,))):
        settings, crew = Settings(None, 0.1, 1, None, None, efforts), work.Crew(None, None)
        mine_fastest(collection, settings, changed, crew)
        assert asked == beside
        asked.clear()
        mine(collection, settings, Outlook(Usage(1000, Counter()), NEW_FROM, 100.0), crew)
        assert asked == [alone]
        asked.clear()


@pytest.mark.parametrize(("efforts", "effort"), [([9], 9), (None, 5)])
def test_models_are_changed_that_serve_at_the_effort_asked_for(
    efforts: list[int] | None, effort: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those for others, and what of these is for others alone, would take bytes for nothing."""
    asked = []

    def usage_of(sources: Sequence[ImageSource], effort: int) -> Usage:
        asked.append(effort)
        return Usage(100, Counter())

    monkeypatch.setattr(driver, "builtin_usage", usage_of)
    train(gray_images(2), name="few", held_out=0, efforts=efforts, adapt=True)
    assert {*asked} == {effort}


def photograph(seed: int) -> np.ndarray:
    """Of blobs, as a JPEG decoder gives it."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :144]
    image = random.normal(60, 6, (128, 144, 3))
    for _ in range(20):
        distance = (y - random.uniform(0, 128)) ** 2 + (x - random.uniform(0, 144)) ** 2
        image += random.uniform(20, 90, 3) * np.exp(-distance / 300)[..., None]
    file = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(file, "JPEG")
    return np.asarray(Image.open(file))


def test_passes_of_banks_go_through_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many images there are."""
    seen: list[int] = []
    monkeypatch.setattr("sofc.coders.interleaved.training.SAMPLES", 4 * 40 * 48)

    def loading(source: ImageSource) -> Any:
        seen.append(source.index)
        return load(source)

    monkeypatch.setattr(work, "load", loading)
    train(gray_images(16), name="x", coder="interleaved", held_out=0)
    assert set(seen) == {0, 4, 8, 12}


def test_what_is_saved_counts_the_naming_of_the_codebook(tmp_path: Path) -> None:
    """Every file names it; images of one file are one."""
    images = gray_images(4)
    codebook = train(images, name="n" * 40, held_out=0, for_images=1).codebook
    paths = [save_to(tmp_path / f"{number}.npy", image) for number, image in enumerate(images)]
    stack = save_to(tmp_path / "stack.npy", np.stack(images))
    apart, together = sources(paths), sources([stack])
    plain = coded_size(apart, codebook=builtin_codebook, effort=5)
    assert plain == sum(len(sofc.encode(image, codebook=builtin_codebook)) for image in images)
    assert coded_size(apart, codebook=codebook, effort=5) >= plain + 4 * 40
    assert coded_size(together, codebook=codebook, effort=5) < (
        coded_size(together, codebook=builtin_codebook, effort=5) + 4 * 40
    )


def test_images_held_out_of_one_file_are_judged_together(tmp_path: Path) -> None:
    """Parts of a file would each name the codebook, for all images that are to come."""
    images = gray_images(30)
    stacks = [save_to(tmp_path / f"{first}.npy", np.stack(images[first : first + 15])) for first in (0, 15)]
    arrays = [ImageSource(index=number, array=image) for number, image in enumerate(images)]
    assert list(map(len, files_of([*sources(stacks), *arrays]))) == [15, 15, 30]
    long, short = (train(images, name=name, held_out=0.2, efforts=[1]) for name in ("n" * 40, "n"))
    assert long.report.models[0].coded == short.report.models[0].coded + 39


def save_to(path: Path, image: np.ndarray) -> Path:
    np.save(path, image)
    return path


def test_min_images_keeps_rare_shapes_out() -> None:
    """A patch of one image only must not be found in the codebook."""
    from sofc.coders.shape import ShapeCoder

    images = strokes(40)
    rare = np.eye(7, dtype=np.bool_) | np.eye(7, dtype=np.bool_)[::-1] | (np.arange(7) % 2 == 0)
    for _ in range(4):
        images[11][1:8, 1:8] = rare
    codebook = train(images, name="x", coder="shape", held_out=0, min_images=3).codebook
    shapes = ShapeCoder.from_sections([codebook.sections[0].data]).parameters[0].shapes.shapes
    assert len(shapes) > 0
    for number in range(len(shapes)):
        shape = shapes[number] != 0
        holders = sum(
            bool((np.lib.stride_tricks.sliding_window_view(image, shape.shape) == shape).all(axis=(2, 3)).any())
            for image in images
        )
        assert holders >= 3


def test_held_out_figures_are_file_sizes() -> None:
    """The reported bytes are those of real files."""
    from sofc.collection import encode_collection
    from sofc.imagefiles import each

    images = gray_images(10)
    result = train(images, name="x", coder="shape", iterations=1)
    report = result.report.models[0]
    held = [ImageSource(array=images[position]) for position in split(10, 0.1, run=RUN)]
    data = b"".join(encode_collection(each(held), codebook=result.codebook, coder="shape", digest=False))
    assert report.coded == len(data)
    assert report.raw == 4 * 40 * 48
    assert f"{report.coded} coded" in result.codebook.provenance


def test_small_collections_are_mined_once_more_with_what_was_held_out() -> None:
    images = gray_images(10)
    result = train(images, name="x", coder="interleaved")
    assert (result.report.models[0].images, result.report.models[0].held_out) == (6, 4)
    assert result.report.models[0].coded > 0
    assert result.codebook.sections == train(images, name="x", coder="interleaved", held_out=0).codebook.sections


def test_values_are_numbered_in_training_where_that_pays() -> None:
    """Slices with a hole far below the rest: the model is for numbers of values, as they will be coded."""
    rng = np.random.default_rng(2)
    images = []
    for number in range(6):
        rows, columns = np.mgrid[:40, :48]
        image = (900 + 40 * np.sin(rows / 7 + number) + 30 * np.cos(columns / 9) + rng.normal(0, 3, (40, 48))).astype(
            np.int16
        )
        image[(rows - 20) ** 2 + (columns - 24) ** 2 < 200] = -2000
        images.append(image)
    sizes = []
    for by_value in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not by_value:
                patch.setattr("sofc.training.survey.by_value", lambda planes, pixel_format: planes)
            codebook = train(images[:-1], name="slices", coder="interleaved", held_out=0).codebook
        sizes.append(len(sofc.encode(images[-1], codebook=codebook, effort=1)))
    assert sizes[0] < 0.95 * sizes[1]


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
def test_model_of_a_collection_is_not_taken_where_a_narrower_transform_suits() -> None:
    """Colours of a JPEG decoder, in a collection of others: what the built-in models do for such is not passed over
    for more than the LEAD that models which do not learn have."""
    rng = np.random.default_rng(4)
    rows, columns = np.mgrid[:192, :192]

    def colours(number: int) -> npt.NDArray[Any]:
        waves = 128 + 40 * np.sin(rows / 19 + number) + 30 * np.cos(columns / (11 + number))
        y = np.clip(waves + rng.normal(0, 6, waves.shape), 0, 255)
        cb = 120 + 8 * np.sin(rows / 25 + columns / 31 + number)
        return np.stack(reached([np.ascontiguousarray(plane, np.int32) for plane in (y, cb, 250 - cb)]), axis=2)

    others = [
        np.clip(colours(number) + rng.integers(0, 2, (192, 192, 3)), 0, 255).astype(np.uint8) for number in range(4)
    ]
    own = train(others, name="own", coder="interleaved", held_out=0).codebook
    base = builtin_codebook(PixelFormat(3, 8, 8))
    models = [
        replace(model, sections=tuple(len(base.sections) + number for number in model.sections)) for model in own.models
    ]
    codebook = Codebook("both", (*models, *base.models), (*base.sections, *own.sections), bases=(base,))
    for image, most in ((colours(1).astype(np.uint8), LEAD), (others[0], 0.9)):
        with_own, without = (len(sofc.encode(image, codebook=one, effort=1)) for one in (codebook, base))
        assert with_own < most * without


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="trains twice")
def test_masks_in_bytes_get_models_of_one_bit() -> None:
    """As they are stored: models of bytes would never serve."""
    random, (y, x) = np.random.default_rng(3), np.mgrid[:64, :80]
    bits = [
        (np.hypot(y - random.integers(64), x - random.integers(80)) < random.integers(5, 40)) ^ (y % 7 * x % 5 == 2)
        for _ in range(5)
    ]
    facts = [
        survey([ImageSource(array=one)])[0] for one in (bits[0], 200 * np.uint16(bits[0]) + 7, 9 * np.uint8(y > 99))
    ]
    assert [isinstance(one, Facts) and one.as_stored.kind for one in facts] == [Kind(1, 1), Kind(1, 1), Kind(1, 8)]
    books = [
        train([factor * one for one in bits], name="masks", held_out=0, for_images=10_000, efforts=[5]).codebook
        for factor in (True, np.uint8(255))
    ]
    assert books[0].models == books[1].models
    assert all(model.max_bits == 1 for model in books[1].models) and books[1].owns(books[1].models[0])
    mask = 255 * np.uint8(bits[0])
    data = sofc.encode(mask, codebook=books[1], effort=5)
    assert models_of(data) == [FIRST_CODEBOOK_MODEL]
    assert (sofc.decode(data, codebooks={books[1].id: books[1]}) == mask).all()
    named = train([255 * np.uint8(one) for one in bits], name="grays", coder="shape", held_out=0).codebook
    assert named.models[0].max_bits == 8


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
@pytest.mark.parametrize("shape", [(120, 140), (200, 240)])
def test_with_a_codebook_for_grays_masks_take_no_more(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of 0 and 255 are coded as one bit, of which models for bytes know less than what is built in for masks,
    and the file names only what it was coded with."""
    monkeypatch.setattr(band_encoding, "SMALL_IMAGE_SAMPLES", 0)  # of small images samples as they stand are coded, too
    random, (y, x) = np.random.default_rng(0), np.mgrid[: shape[0], : shape[1]]
    masks = []
    for _ in range(6):
        discs = [(random.integers(shape[0]), random.integers(shape[1]), random.integers(4, 16)) for _ in range(30)]
        masks.append(np.uint8(255 * np.any([np.hypot(y - row, x - column) < r for row, column, r in discs], axis=0)))
    codebook = train(masks[:5], name="grays", coder="context", iterations=0, held_out=0, efforts=[5]).codebook

    def pick(pixel_format: PixelFormat) -> Codebook:
        return codebook if serves(codebook, pixel_format) else builtin_codebook(pixel_format)

    for mask in (masks[5], masks[5] > 0):
        data = sofc.encode(mask, codebook=pick)
        assert np.array_equal(sofc.decode(data), mask)
        assert len(data) <= len(sofc.encode(mask, codebook=builtin_codebook))
