"""Settings of hypothesis, no codebook by default, and runs that several processes share.

SOFC_HYPOTHESIS_PROFILE chooses: quick (default) or long.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sofc.stream.encoder import Encoder

# Compiling kernels makes the first example of a test slow.
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=QUIET)
settings.register_profile("long", max_examples=1000, deadline=None, suppress_health_check=QUIET)
settings.load_profile(os.environ.get("SOFC_HYPOTHESIS_PROFILE", "quick"))

DEFAULTS = dict(Encoder.__init__.__kwdefaults__)


@pytest.fixture(scope="session", autouse=True)
def no_codebook_by_default() -> Iterator[None]:
    """Tests that name no codebook are about other things, and many: built-in codebooks would only slow them down."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Encoder.__init__.__kwdefaults__, "codebook", None)
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with no codebook installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".data"))
    monkeypatch.delenv("SOFC_CODEBOOK_PATH", raising=False)
    return tmp_path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share",
        type=Path,
        metavar="FOLDER",
        help="run only files of tests that no other process took which was given the same, at first empty, folder",
    )


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """The same as pytest's, but for files of tests that other processes have taken."""
    folder: Path | None = session.config.getoption("--share")
    if folder is None or session.testsfailed or session.config.option.collectonly:
        return None
    items = _taken(session, folder)
    item = next(items, None)
    while item is not None:
        following = next(items, None)  # fixtures live on as the next test needs them
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def _taken(session: pytest.Session, folder: Path) -> Iterator[pytest.Item]:
    """The tests of one file after the other, as far as this process is the first to mark the file as taken."""
    for path, items in groupby(session.items, key=lambda item: item.path):
        try:
            (folder / str(path).replace(os.sep, "-")).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield from items
