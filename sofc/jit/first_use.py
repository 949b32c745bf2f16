"""What is to happen when a kernel is needed that was never compiled on this machine."""

from __future__ import annotations

from collections.abc import Callable

actions: list[Callable[[], None]] = []
"""Each is taken out and called once, before the kernel is looked for again."""
