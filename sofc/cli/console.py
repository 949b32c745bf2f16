"""What a person sees: result lines, notes, errors and progress."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sofc.errors import CodebookError, FormatError, LimitError, SofcError, UnsupportedError, UsageError

OK, IO_ERROR, USAGE, INVALID_DATA, UNSUPPORTED, PASSED_OVER = 0, 1, 2, 3, 4, 5
"""Exit statuses. PASSED_OVER, where all else went well: files of a folder were not stored, as they are no images; or a
codebook was not written, as what is built in does better."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def status_of(error: BaseException) -> int:
    """The exit status that an error means."""
    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, FormatError):
        return INVALID_DATA
    if isinstance(error, UnsupportedError | CodebookError | LimitError):
        return UNSUPPORTED
    return IO_ERROR


def pass_over_warnings() -> None:
    """Leave unsaid what libraries warn of, in words for those who call them; sofc's own warnings are shown. Where
    Python was told what to do with warnings, that holds."""
    if not sys.warnoptions:
        warnings.filterwarnings("ignore")
        warnings.filterwarnings("default", category=UserWarning, module="sofc")


class Said(NamedTuple):
    """A line: ``name`` is the console's method that says it."""

    name: str
    text: str


class Console:
    """Results go to standard output, to standard error where standard output carries data. All else goes there too."""

    def __init__(self, *, quiet: bool = False, verbose: int = 0, data_on_stdout: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.results = sys.stderr if data_on_stdout else sys.stdout
        self._said: set[str] = set()

    def result(self, text: str) -> None:
        """One line a file."""
        if not self.quiet:
            print(_in_one_line(text), file=self.results)

    def answer(self, text: str) -> None:
        """What was asked for: printed even when quiet."""
        print(text, file=self.results)

    def json(self, value: object) -> None:
        """Print a value as JSON. Names that are not Unicode stay whole: as escapes of lone surrogates."""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        print(_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text), file=self.results)

    def note(self, text: str) -> None:
        """Something to know, said once."""
        if not self.quiet and text not in self._said:
            self._said.add(text)
            print(f"sofc: {_in_one_line(text)}", file=sys.stderr)

    def stage(self, text: str) -> None:
        """What goes on now, where no progress bar says it."""
        if not self.quiet and not sys.stderr.isatty():
            print(f"sofc: {_in_one_line(text)}", file=sys.stderr, flush=True)

    def passed_over(self, path: object, reason: str) -> None:
        """What stands in a folder and is no image."""
        self.note(f"{path}: passed over: {reason}")

    def error(self, error: BaseException, where: str = "") -> int:
        """Report an error in one line and return its exit status."""
        if self.verbose >= 2:
            traceback.print_exception(error, file=sys.stderr)
        text = message_of(error)
        if where and where not in text:
            text = f"{where}: {text}"
        print(f"sofc: {_in_one_line(text)}", file=sys.stderr)
        return status_of(error)

    def recorded(self) -> Recorder:
        """A console, as verbose as this one, that keeps what is said to it."""
        return Recorder(self.quiet, self.verbose)

    def repeat(self, lines: Iterable[Said]) -> None:
        """Say what another console has recorded."""
        for line in lines:
            getattr(self, line.name)(line.text)

    @contextlib.contextmanager
    def progress(self, total: int | None, unit: str, label: str = "") -> Iterator[Callable[[int], Any]]:
        """A progress bar on a terminal, nothing elsewhere. Gives a function to call with the steps done."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda steps: None
            return
        from tqdm import tqdm

        with tqdm(total=total, unit=unit, desc=label or None, leave=False, unit_scale=unit == "B") as bar:
            yield bar.update

    @contextlib.contextmanager
    def stages(self, units: Mapping[str, str]) -> Iterator[Callable[[str, int, int], None]]:
        """Progress of one stage after the other, each with its unit. Gives a function to call with the stage, how much
        of it is done, and how much there is."""
        with contextlib.ExitStack() as bars:
            shown: dict[str, int] = {}
            advance: list[Callable[[int], Any]] = []

            def progress(stage: str, done: int, total: int) -> None:
                if stage not in shown:
                    bars.close()
                    self.stage(stage)
                    advance[:] = [bars.enter_context(self.progress(total, units[stage], stage))]
                advance[0](done - shown.get(stage, 0))
                shown[stage] = done

            yield progress


class Recorder(Console):
    """Keeps results and notes for another console. Errors are for that one to report."""

    def __init__(self, quiet: bool, verbose: int) -> None:
        super().__init__(quiet=quiet, verbose=verbose)
        self.said: list[Said] = []

    def __reduce__(self) -> tuple[type[Recorder], tuple[bool, int]]:
        return Recorder, (self.quiet, self.verbose)

    def result(self, text: str) -> None:
        """Keep a result."""
        self.said.append(Said("result", text))

    def note(self, text: str) -> None:
        """Keep a note."""
        self.said.append(Said("note", text))

    @contextlib.contextmanager
    def progress(self, total: int | None, unit: str, label: str = "") -> Iterator[Callable[[int], Any]]:
        """Nothing: the other console shows the progress of all jobs."""
        yield lambda steps: None


def _in_one_line(text: str) -> str:
    """The text with control characters, which names of files may have, as escapes."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def message_of(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError) and error.strerror and not isinstance(error, SofcError):
        name = f"{error.filename}: " if error.filename else ""
        return name + error.strerror[:1].lower() + error.strerror[1:]
    return " ".join(str(error).split()) or type(error).__name__


def size(count: int) -> str:
    """A number of bytes for people: three figures at least."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= 10 * factor:
            return f"{count / factor:.0f} {unit}" if count >= 100 * factor else f"{count / factor:.1f} {unit}"
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return f"{count} B"


def ratio_line(name: str, before: int, after: int, remark: str = "") -> str:
    """One file's result."""
    line = f"{name}: {size(before)} -> {size(after)}  ratio {before / max(1, after):.2f}"
    return f"{line}  {remark}" if remark else line


def count_of(number: int, singular: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number} {singular}{'' if number == 1 else 's'}"
