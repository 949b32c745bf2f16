"""Manual pages and shell completion of the command, from its parser.

    python tools/make_manual.py [FOLDER]

They go to ``build/share`` or FOLDER, laid out as /usr/share is: man/man1, bash-completion/completions,
zsh/site-functions, and sofc.csh for tcsh. Needs ``pip install .[manual]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from sofc import __version__
from sofc.cli.__main__ import VERBS, build_parser

BESIDE = Path(__file__).parent.parent / "build" / "share"
COMPLETIONS = {
    "bash": "bash-completion/completions/sofc",
    "zsh": "zsh/site-functions/_sofc",
    "tcsh": "sofc.csh",
}
"""Where each shell looks, under a ``share`` folder."""
FILES, FOLDERS = ("FILE", "INPUT", "FILE|NAME"), ("DIR",)
"""What the parser calls arguments that are paths."""


def completed() -> argparse.ArgumentParser:
    """The parser, told which arguments are files and folders."""
    parser = build_parser()
    for one in _parsers(parser):
        for action in one._actions:
            names = action.metavar if isinstance(action.metavar, tuple) else (action.metavar,)
            if set(names) & set(FILES):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif set(names) & set(FOLDERS):
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return parser


def _parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """A parser and all those below it."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [parser, *(found for action in inner for one in action.choices.values() for found in _parsers(one))]


def pages() -> dict[str, str]:
    """The manual pages by their names: ``sofc``, and ``sofc-VERB`` for each verb."""
    found = {}
    for verb in (None, *VERBS):
        parser: argparse.ArgumentParser = build_parser([verb] if verb else VERBS)
        if verb:
            (parser,) = (one for one in _parsers(parser) if one.prog == f"sofc {verb}")
        name = parser.prog.replace(" ", "-")
        data = {"prog": name, "description": (parser.description or "").rstrip("."), "project_name": "sofc"}
        # The date would make equal sources differ.
        data |= {"version": __version__, "date": f"version {__version__}", "manual_title": "User commands"}
        text = str(Manpage(parser, data))
        # A page has one word for a name, and what stands below all options has lines of its own.
        text = text.replace(f".TH {parser.prog.upper()} ", f".TH {name.upper()} ", 1)
        text = text.replace(f"\n{parser.prog} \\- ", f"\n{name} \\- ", 1)
        found[name] = text.replace("\n.SH COMMENTS\n", "\n.SH EXAMPLES AND NOTES\n.nf\n")
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=BESIDE, metavar="FOLDER")
    folder = parser.parse_args().folder
    texts = {f"man/man1/{name}.1": text for name, text in pages().items()}
    texts |= {path: shtab.complete(completed(), shell) for shell, path in COMPLETIONS.items()}
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    print(f"{folder}: {len(texts)} files")


if __name__ == "__main__":
    main()
