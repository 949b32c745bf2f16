"""A short run of the fuzz targets: changed files whose checks are right again, always the same ones."""

from __future__ import annotations

import gzip
import os
import random
import sys
from pathlib import Path

import pytest

from sofc.errors import FormatError
from sofc.imagefiles import sources

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools" / "fuzz"))

import targets
from mutation import changed, chunks_in, mutated

COMPILED = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="far too slow interpreted"
)
TRIES = {"decode": 400, "read": 200, "restore": 400, "codebook": 40, "image_file": 200, "kept": 100, "dicom_file": 40}
TRIES |= {"arrangement": 2000, "likeness": 2000, "command_line": 30}


@COMPILED
@pytest.mark.parametrize("name", targets.TARGETS)
def test_target(name: str) -> None:
    chance = random.Random(1)
    seeds = targets.seeds(name)
    assert seeds
    mutate = mutated if name in targets.FRAMED else changed
    for _ in range(TRIES[name]):
        targets.run(targets.TARGETS[name], mutate(chance.choice(seeds), chance))


def test_mutations_are_well_framed() -> None:
    chance = random.Random(2)
    seed = targets.seeds("read")[0]
    whole = [bytes(data) for data in (mutated(seed, chance) for _ in range(50)) if len(chunks_in(data)) > 1]
    assert len(whole) > 30
    assert len(set(whole)) > 25


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("side", [28, 0])
def test_heads_of_more_images_than_a_file_can_hold(tmp_path: Path, packed: bool, side: int) -> None:
    """The list of them alone would not fit into memory."""
    data = b"\0\0\x08\x03\xff\xff\xff\xff" + 2 * side.to_bytes(4, "big") + bytes(100)
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(FormatError, match="there cannot be"):
        sources([path])
