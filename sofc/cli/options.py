"""Options that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sofc.cli.console import Console
from sofc.cli.outputs import OutputFiles
from sofc.errors import NotSofcError, SofcError, UsageError

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.imagefiles import ImageSource

Verbs = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_verb(verbs: Verbs, name: str, summary: str, examples: str) -> argparse.ArgumentParser:  # type: ignore[valid-type]
    """A parser for one verb, with -q and -v."""
    parser: argparse.ArgumentParser = verbs.add_parser(  # type: ignore[attr-defined]
        name,
        help=summary,
        description=f"{summary[:1].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="say more, and what the library logs; twice: all of that, details for developers, tracebacks",
    )
    return parser


def positive(text: str) -> int:
    """argparse type: an integer from 1."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def picture(text: str) -> Path:
    """argparse type: a name of a PNG file, or one that says nothing of its format."""
    path = Path(text)
    if path.suffix.lower() not in ("", ".png"):
        raise argparse.ArgumentTypeError(f"pictures are PNG files: name it {path.with_suffix('.png')}")
    return path


def add_codebook(parser: argparse.ArgumentParser, more: str = "") -> None:
    """-D; ``more`` goes behind its help."""
    text = "codebook file, or name or id of an installed codebook"
    parser.add_argument("-D", "--codebook", metavar="FILE|NAME", help=f"{text}; {more}" if more else text)


def add_force(parser: argparse.ArgumentParser) -> None:
    """-f."""
    parser.add_argument("-f", "--force", action="store_true", help="overwrite files; write data to a terminal")


def add_care(parser: argparse.ArgumentParser) -> None:
    """--skip-existing, --rm, --dry-run."""
    parser.add_argument("--skip-existing", action="store_true", help="pass by what has its output already")
    parser.add_argument(
        "--rm",
        action="store_true",
        help="remove each input once its output was read back and is the same, unless something of it is left out",
    )
    parser.add_argument("--dry-run", action="store_true", help="do everything, but write and remove nothing")


def check_care(args: argparse.Namespace, *, has_stream: bool) -> None:
    """Raise UsageError for options that contradict each other. ``has_stream``: standard input or output is used."""
    if args.skip_existing and args.force:
        raise UsageError("--skip-existing and -f exclude each other")
    if has_stream and (args.skip_existing or args.rm or args.dry_run):
        raise UsageError("--skip-existing, --rm and --dry-run are for files, not for standard input and output")


def output_files(args: argparse.Namespace) -> OutputFiles:
    """What makes the outputs, as --force, --skip-existing, --rm and --dry-run ask for."""
    return OutputFiles(args.force, skip=args.skip_existing, dry=args.dry_run, read_back=args.rm)


def add_recursive(parser: argparse.ArgumentParser) -> None:
    """-r."""
    parser.add_argument("-r", "--recursive", action="store_true", help="enter the subfolders of named folders")


def add_jobs(parser: argparse.ArgumentParser, what: str) -> None:
    """-j."""
    parser.add_argument(
        "-j",
        "--jobs",
        type=positive,
        metavar="N",
        help=f"{what} (default: as many as there are processors); same bytes and lines for any N",
    )


def add_threshold(parser: argparse.ArgumentParser) -> None:
    """--threshold."""
    parser.add_argument(
        "--threshold",
        type=int,
        metavar="T",
        help="make gray images binary first: 1 where a sample is larger than T. The gray samples are not kept",
    )


def add_axes(parser: argparse.ArgumentParser) -> None:
    """--axes."""
    parser.add_argument(
        "--axes",
        type=axes,
        metavar="LETTERS",
        help="what the axes of NPY arrays are: n images, y rows, x columns, c components, such as nyx or cyx (default: "
        "yx, nyxc; yxc where the last has at most 4 elements or is the shortest, else nyx)",
    )


def axes(text: str) -> str:
    """argparse type: letters that name axes."""
    from sofc.imagefiles.stacks import parse_axes

    try:
        return parse_axes(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def console(args: argparse.Namespace, *, data_on_stdout: bool = False) -> Console:
    """The console that -q and -v ask for."""
    made = Console(quiet=args.quiet, verbose=args.verbose, data_on_stdout=data_on_stdout)
    if args.verbose:
        _show_log(made)
    return made


def _show_log(to: Console) -> None:
    """Notes of what the library logs: of level INFO with -v, DEBUG with -vv."""
    import logging

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            to.note(self.format(record))

    logger = logging.getLogger("sofc")
    logger.handlers[:] = [Noting()]
    logger.setLevel(logging.DEBUG if to.verbose >= 2 else logging.INFO)


NO_CODEBOOK = "none"


def images(
    args: argparse.Namespace, console: Console, refused: Callable[[str, SofcError | OSError], None]
) -> list[ImageSource]:
    """The images of the inputs; ``refused`` is told of the files that cannot be read."""
    from sofc.imagefiles import sources

    return sources(
        args.inputs,
        recursive=args.recursive,
        threshold=args.threshold,
        axes=args.axes,
        passed_over=console.passed_over,
        refused=lambda path, error: refused(str(path), error),
    )


def named_codebook(args: argparse.Namespace) -> Codebook | None:
    """The codebook of -D, or None."""
    if args.codebook in (None, NO_CODEBOOK):
        return None
    from sofc.cli.reading import not_codebook
    from sofc.codebook.store import load_codebook

    try:
        return load_codebook(args.codebook)
    except NotSofcError:
        raise not_codebook(Path(args.codebook)) from None
