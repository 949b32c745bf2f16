"""All kernels that encoding and decoding call, by what they are called with: to compile them ahead of use."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from sofc.coders.base import KernelUse
from sofc.coders.registry import CODERS
from sofc.jit.decorators import Kernel
from sofc.jit.library import has_compiler
from sofc.jit.native import Kinds
from sofc.jit.types import signatures
from sofc.jpeg.colour import from_rgb, to_rgb, to_samples
from sofc.prediction.plain import count_residuals
from sofc.prediction.repeated import add_component, choose_runs, find_rectangles, hash_squares
from sofc.transforms.samples import look_up, put_side_by_side, take_apart


def coding_kernels() -> list[list[tuple[Kernel, Kinds]]]:
    """Groups of every kernel that coding calls and the kinds of its arguments; none where kernels are interpreted.

    Kernels that share others are of one group, to be compiled one after the other. Coders with larger ones come last
    in the registry; they take longest and go first here.
    """
    groups = [group for coder in reversed(CODERS.values()) for group in coder.kernels]
    colour: list[KernelUse] = [from_rgb, to_rgb, to_samples, put_side_by_side, take_apart, look_up]
    looks: list[KernelUse] = [count_residuals, add_component, choose_runs, find_rectangles, hash_squares]
    return [
        [(one, kinds) for one in group if isinstance(one, Kernel) for kinds in signatures(one.function)]
        for group in (*groups, colour, looks)
    ]


def are_compiled() -> bool:
    """Whether there is nothing to do ahead: all of them are on disk, or nothing can be compiled or kept there."""
    if all(kernel.is_kept(kinds) for group in coding_kernels() for kernel, kinds in group) or not has_compiler():
        return True
    from sofc.jit.cache import cache_folder

    return cache_folder() is None


def compile_coding_kernels(workers: int) -> None:
    """Compile them in so many processes, but for those on disk. What is left undone is compiled when it is needed."""
    with tempfile.TemporaryDirectory() as claims:
        # Not multiprocessing: its processes run the program again that this one runs.
        command = [sys.executable, "-m", "sofc.coders.ahead", claims]
        crew = [subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) for _ in range(workers)]
        try:
            for process in crew:
                process.wait()
        finally:
            for process in crew:
                process.kill()
                process.wait()


def _compile_what_is_left(claims: Path) -> None:
    """Compile the groups that no other process has claimed by a file of the group's number."""
    for number, group in enumerate(coding_kernels()):
        try:
            (claims / str(number)).touch(exist_ok=False)
        except FileExistsError:
            continue
        for function, kinds in group:
            function.prepare(kinds)


if __name__ == "__main__":
    _compile_what_is_left(Path(sys.argv[1]))
