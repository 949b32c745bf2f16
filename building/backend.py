"""Makes wheels of sofc: hatchling, and a library of all kernels, compiled once here so that no user needs a compiler.

Such a wheel is for one platform and any Python. Elsewhere, where it is asked for (``SOFC_PURE_WHEEL=1``) and in
editable installs nothing is compiled, and what is left to the extra ``compiler`` otherwise is required.

There is no ``prepare_metadata_for_build_wheel``: what is required is known once the wheel is made.
"""

from __future__ import annotations

import os
import sysconfig
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hatchling import build as hatchling
from hatchling.build import build_editable as build_editable
from hatchling.build import build_sdist as build_sdist
from hatchling.build import build_wheel as build_wheel
from hatchling.build import get_requires_for_build_editable as get_requires_for_build_editable
from hatchling.build import get_requires_for_build_sdist as get_requires_for_build_sdist
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from sofc.jit.baseline import baseline
from sofc.jit.linker import has_linker

ROOT = Path(__file__).parents[1]
PURE_VARIABLE = "SOFC_PURE_WHEEL"
"""Environment variable: ``1`` for a wheel without machine code."""


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What compiling kernels needs beside hatchling: what sofc needs, the compiler, and a linker."""
    requirements = list(hatchling.get_requires_for_build_wheel(config_settings))
    if _compiles_ahead():
        requirements += [*_project()["dependencies"], *_compiler()]
        if not has_linker():
            requirements.append("ziglang")
    return requirements


class KernelHook(BuildHookInterface):  # type: ignore[misc]
    """Puts the library into a wheel, or the compiler among what the wheel requires."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the kernels, unless the wheel is one that makes this folder importable. Raises where that fails."""
        if version == "editable" or not _compiles_ahead():
            build_data["dependencies"] += _compiler()
            return
        from sofc.jit.building import build_library, kernel_modules

        self._folder = tempfile.TemporaryDirectory()
        library = build_library(Path(self._folder.name), kernel_modules())
        build_data["force_include"][str(library)] = f"sofc/jit/compiled/{library.name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def _compiles_ahead() -> bool:
    return baseline() is not None and os.environ.get(PURE_VARIABLE, "0") in ("", "0")


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _compiler() -> list[str]:
    requirements: list[str] = _project()["optional-dependencies"]["compiler"]
    return requirements
