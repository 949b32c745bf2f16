"""Programs and packages of others that a machine may have or not, for the tools that compare sofc with them."""

from __future__ import annotations

import importlib
import shutil
from typing import Any


class MissingError(Exception):
    """A program is not there."""


def module(name: str) -> Any:
    """The module of a name. Raises MissingError."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingError(f"{name} is not installed") from None


def command(*words: str) -> list[str]:
    """The words of a command. Raises MissingError where there is none of that name."""
    if shutil.which(words[0]) is None:
        raise MissingError(f"there is no command {words[0]}")
    return list(words)
