"""Settings of hypothesis, and no codebook by default.

SOFC_HYPOTHESIS_PROFILE chooses: quick (default) or long.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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
