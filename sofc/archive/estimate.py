"""``--dry-run``: what an archive would take, from a sample of each kind that is stored and measured."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from sofc.archive.coding import UnitPlan, make_unit
from sofc.archive.kinds import Kind, Rule, kinds_of
from sofc.archive.plan import Stored, effort_of, members
from sofc.archive.survey import survey
from sofc.archive.tree import FILE, walk
from sofc.places import Place
from sofc.training.shards import in_order

PIECES = 4
"""Parts of a sample, which differ as the kind does: their ratios give the spread."""
PIECE_BYTES = 1 << 19
PIECE_FILES = 32
DEVIATIONS = 2


@dataclass(frozen=True)
class KindEstimate:
    """A kind: its distinct contents, their bytes, those that were tried, and what all would take, in bytes: ``low`` and
    ``high`` are two standard errors off ``expected``, None where the sample is of one piece and not all. ``seconds``:
    of one processor."""

    name: str
    files: int
    bytes: int
    sampled: int
    expected: int
    low: int | None
    high: int | None
    seconds: float


def estimate(
    root: Place,
    effort: int | None,
    rules: Sequence[Rule],
    *,
    executor: Executor | None = None,
    advance: Callable[[int], object] = lambda files: None,
) -> list[KindEstimate]:
    """What each kind of a tree would take with built-in codebooks. Nothing is left on disk."""
    files = [entry for entry in walk(root, []) if entry.type == FILE]
    with tempfile.TemporaryDirectory() as folder:
        found = survey(root, files, Path(folder), executor, advance)
        distinct = {
            facts.digest: Stored(entry.path, entry.size, facts)
            for entry, facts in zip(reversed(files), reversed(found), strict=True)
            if not facts.error
        }
        contents = sorted(distinct.values(), key=lambda one: one.path)
        of_kind: dict[Kind, list[Stored]] = defaultdict(list)
        kinds = kinds_of([(one.path, one.facts) for one in contents], rules)
        for kind, one in zip(kinds, contents, strict=True):
            of_kind[kind].append(one)
        jobs = []
        for kind, ones in sorted(of_kind.items(), key=lambda pair: pair[0].name):
            used = effort_of(kind, ones, effort)
            jobs += [UnitPlan(kind.name, kind.store, used, tuple(members(root, piece))) for piece in _pieces(ones)]
        tried: dict[str, list[tuple[UnitPlan, int, float]]] = defaultdict(list)
        for plan, (size, seconds) in zip(jobs, in_order(executor, measure, jobs), strict=True):
            tried[plan.kind].append((plan, size, seconds))
    return [
        _estimated(kind.name, ones, tried[kind.name])
        for kind, ones in sorted(of_kind.items(), key=lambda pair: pair[0].name)
    ]


def measure(plan: UnitPlan) -> tuple[int, float]:
    """Bytes of a unit, which is removed again, and the seconds that one processor took."""
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        made = make_unit(plan, Path(folder), Path(folder))
    return made.size, time.process_time() - begin


def _pieces(contents: Sequence[Stored]) -> list[list[Stored]]:
    """Contents spread over a kind, in up to ``PIECES`` parts."""
    step = max(1, -(-len(contents) // (PIECES * PIECE_FILES)))
    spread = contents[::step]
    pieces = [spread[number::PIECES] for number in range(PIECES)]
    return [_bounded(piece) for piece in pieces if piece]


def _bounded(piece: Sequence[Stored]) -> list[Stored]:
    taken: list[Stored] = []
    size = 0
    for one in piece:
        if taken and size + one.size > PIECE_BYTES:
            break
        taken.append(one)
        size += one.size
    return taken


def _estimated(name: str, contents: Sequence[Stored], tried: Sequence[tuple[UnitPlan, int, float]]) -> KindEstimate:
    total = sum(one.size for one in contents)
    sampled = sum(plan.size for plan, _, _ in tried)
    stored = sum(size for _, size, _ in tried)
    seconds = sum(one for _, _, one in tried) * total / max(1, sampled)
    expected = round(stored * total / max(1, sampled)) if sampled else stored
    ratios = [size / plan.size for plan, size, _ in tried if plan.size]
    if sampled == total:
        spread: int | None = 0
    elif len(ratios) > 1:
        spread = round(DEVIATIONS * statistics.stdev(ratios) / len(ratios) ** 0.5 * total)
    else:
        spread = None
    low = None if spread is None else max(0, expected - spread)
    high = None if spread is None else expected + spread
    return KindEstimate(name, len(contents), total, sampled, expected, low, high, seconds)
