"""What is open until it is closed."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self


class Closing:
    """A context manager that lets go of its resources at the end."""

    def __init__(self, resources: ExitStack) -> None:
        self._resources = resources

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what it opened."""
        self._resources.close()
