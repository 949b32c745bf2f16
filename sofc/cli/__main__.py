"""The ``sofc`` command."""

from __future__ import annotations

import argparse
import gc
import io
import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn, Self

from sofc.cli import options
from sofc.cli.console import IO_ERROR, Console, pass_over_warnings
from sofc.cli.crew import ENDS_WITH_TERMINAL
from sofc.errors import SofcError
from sofc.jit import first_use

VERBS = (
    "train",
    "encode",
    "decode",
    "archive",
    "restore",
    "serve",
    "info",
    "test",
    "codebook",
    "analyze",
    "demo",
    "warmup",
)
"""Each is a module of its own."""

_ALIKE = 0.7
"""How alike, from 0 to 1, a word is to what may have been meant."""
DESCRIPTION = "Lossless compression for collections of similar images, with a codebook mined from them."
EPILOG = """\
examples:
  sofc train scans/ -o scans.sofcb          mine a folder of images for a codebook
  sofc encode -D scans.sofcb scans/*.png    scans/a.png -> scans/a.sofc
  sofc decode scans/a.sofc -o a.png         the same samples again

exit status: 0 done; 1 input or output failed; 2 wrong usage; 3 invalid data;
4 unsupported, missing codebook or over a limit; 5 done, but files of a folder were passed over, as they
are no images; 128 + N ended by signal N (130: interrupted). Of many files the worst counts, 5 being the least.
"""


def build_parser(verbs: Sequence[str] = VERBS) -> _Parser:
    """The parser of these verbs, whose modules are loaded."""
    parser = _Parser(
        prog="sofc", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-V", "--version", action=_Version)
    parsers = parser.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=_VerbParser)
    for verb in verbs:
        import_module(f"sofc.cli.{verb}").add_parser(parsers)
    return parser


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and what may have been meant."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"{self.prog}: {message}{self._meant(message)}. See {self.prog} --help\n")

    def _meant(self, message: str) -> str:
        """What is like a misspelt option or choice that a message of argparse names."""
        from difflib import get_close_matches

        if choice := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            like = get_close_matches(choice[1], re.findall(r"[\w-]+", choice[2]), 1, _ALIKE)
        elif option := re.search(r"(?:unknown|unrecognized) arguments:.* (--[\w-]+)", message):
            names = {name.strip("-"): name for name in self._option_string_actions}
            like = [names[name] for name in get_close_matches(option[1].strip("-"), names, 1, _ALIKE)]
        else:
            like = []
        return f" (did you mean {like[0]}?)" if like else ""

    def check_first(self, word: str) -> None:
        """Complain of an unknown option before the verb: argparse says only that a verb is missing."""
        if word.startswith("-") and not any(name.startswith(word) for name in self._option_string_actions):
            self.error(f"unknown arguments: {word} before VERB")


class _VerbParser(_Parser):
    """Takes names before, between and behind options: ``restore DIR -o TREE PATTERN``."""

    _is_mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        has_verbs = any(action.nargs in (argparse.PARSER, argparse.REMAINDER) for action in self._actions)
        if self._is_mixing or has_verbs:
            return super().parse_known_args(args, namespace)
        self._is_mixing = True
        try:
            parsed, unknown = self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixing = False
        if unknown:  # of which the parser of all verbs would complain, without knowing the options of this one
            self.error(f"unknown arguments: {' '.join(unknown)}")
        return parsed, unknown


class _Version(argparse.Action):
    """Looks the version up only when it is asked for; with -v behind it, also where the kernels come from."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        explanation = "print the version and exit; with -v behind it, how kernels are run, too"
        super().__init__(option_strings, dest, nargs=argparse.REMAINDER, metavar="-v", help=explanation)

    def __call__(self, parser: argparse.ArgumentParser, _: object, values: object, *rest: object) -> None:
        from importlib import metadata

        if values not in ([], ["-v"], ["--verbose"]):
            parser.error(f"--version takes -v, not {' '.join(map(str, values))}")  # type: ignore[call-overload]
        print(f"sofc {metadata.version('sofc')}")
        if values:
            from sofc.jit.decorators import described

            print(f"kernels: {described()}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments and return its exit status; without them, with those of the process."""
    if argv is None:
        # numba imports scipy's linear algebra where there is any: a third of a second for what no kernel uses.
        sys.modules.setdefault("scipy.linalg", None)  # type: ignore[arg-type]
        pass_over_warnings()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files are bytes
    given = sys.argv[1:] if argv is None else list(argv)
    # A verb that comes first is the one; the others need not be loaded.
    parser = build_parser([verb for verb in VERBS if verb in given[:1]] or VERBS)
    parser.check_first("".join(given[:1]))
    args = parser.parse_args(given)
    first_use.actions[:] = [lambda: _compile_coding(options.console(args))]
    with _Signals(signal.SIGINT, signal.SIGTERM, *ENDS_WITH_TERMINAL) if argv is None else _Signals() as signals:
        try:
            status: int = args.run(args)
            sys.stdout.flush()
            if argv is None:
                gc.freeze()  # Python ends now: going through all objects once more is a seventh of a short run
            return status
        except BrokenPipeError:
            # Whoever read our output has gone. Standard output must not complain once more while Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return IO_ERROR
        except (KeyboardInterrupt, _EndedError):
            # What was begun is undone by now. The status tells which signal it was, as shells tell it.
            return 128 + (signals.came or signal.SIGINT)
        except Exception as error:
            if signals.came:  # in the midst of an import, say, that made another error of it
                return 128 + signals.came
            if isinstance(error, (SofcError, OSError)):
                return Console(verbose=args.verbose).error(error)
            raise


def _compile_coding(console: Console) -> None:
    from sofc.cli.warmup import compile_coding

    compile_coding(console)


class _EndedError(BaseException):
    """A signal came. No KeyboardInterrupt: where that passes through ``exec``, Python ends by SIGINT in any case."""


class _Signals:
    """While it is entered, the first of these signals is raised, so that what was begun is undone.

    ``came``: the signal that came, or 0. Those that are ignored, as under nohup, stay so.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self.came = 0
        self._numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]

    def __enter__(self) -> Self:
        for number in self._numbers:
            signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        # From here on a signal ends Python at once: nothing is left to be undone.
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)

    def _take(self, number: int, frame: object) -> None:
        if not self.came:
            self.came = number
            raise _EndedError


if __name__ == "__main__":
    sys.exit(main())
