"""Build the guide and the documentation of the Python interface of this version, with a search over both.

    python tools/make_docs.py [--no-source] [FOLDER]

The pages go to a folder of the version in ``build/docs`` or FOLDER, where ``index.html`` leads to all versions that
are there. The guide are the README and the pages of ``docs``, the rest comes from docstrings. Needs ``pip install
.[docs]``.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import re
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import pdoc

import sofc

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ROOT / "build" / "docs"
GUIDE = "guide"
"""The name under which the pages of the guide are found, beside ``sofc``."""
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")
PAGES = {ROOT / "README.md": f"{GUIDE}.html"}
PAGES |= {page: f"{GUIDE}/{page.stem.replace('-', '_')}.html" for page in sorted((ROOT / "docs").glob("*.md"))}
"""Of each page of the guide, where it goes."""


def modules() -> list[str]:
    """What is to be documented: pdoc adds what is inside packages. The command line has --help."""
    # The package itself only gives names to what is public; its modules are not among them.
    return ["sofc", *(f"sofc.{found.name}" for found in pkgutil.iter_modules(sofc.__path__) if found.name != "cli")]


def write_guide(package: Path, folder: Path) -> None:
    """Make a package of the guide, whose docstrings are its pages, and copy what these show and link to."""
    package.mkdir()
    for page, place in PAGES.items():
        text = LINK.sub(lambda found: _linked(found[1], page, folder), page.read_text(encoding="utf-8"))  # noqa: B023
        name = "__init__" if page == ROOT / "README.md" else Path(place).stem
        (package / f"{name}.py").write_text(f"__doc__ = {text!r}\n", encoding="utf-8")


def _linked(target: str, page: Path, folder: Path) -> str:
    """A link of a page, once that is in ``folder``: to another page, or to a copy of what else is there."""
    wanted = (page.parent / target).resolve()
    place = PAGES.get(wanted)
    if place is None:
        place = f"files/{wanted.relative_to(ROOT).as_posix()}"
        if wanted.is_file():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(wanted, folder / place)
    return os.path.relpath(place, Path(PAGES[page]).parent)


def build(folder: Path, *, source: bool) -> None:
    """Write the pages, with the ``source`` of all or without.

    A module that cannot be imported, or a public name that is not there, is an error.
    """
    pdoc.render.configure(docformat="markdown", show_source=source, footer_text=f"sofc {sofc.__version__}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        write_guide(Path(name) / GUIDE, folder)
        sys.path.insert(0, name)
        # Annotations that pdoc cannot follow, most of other packages, are shown as they are written.
        warnings.filterwarnings("ignore", message="Error parsing type annotation|Failed to run TYPE_CHECKING code")
        warnings.filterwarnings("error", message="Couldn't import|Found ")
        pdoc.pdoc(GUIDE, *modules(), output_directory=folder)
        sys.path.remove(name)


def write_index(folder: Path) -> None:
    """The page that leads to all versions that are there."""
    versions = sorted((path.parent.name for path in folder.glob("*/index.html")), reverse=True)
    items = "".join(f'<li><a href="{one}/{GUIDE}.html">sofc {one}</a></li>' for one in versions)
    head = '<!doctype html><meta charset="utf-8"><title>sofc</title>'
    (folder / "index.html").write_text(f"{head}<h1>Guide and reference of sofc</h1><ul>{items}</ul>\n")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=BESIDE, help="where the pages go")
    parser.add_argument("--no-source", action="store_true", help="leave the source of functions out")
    options = parser.parse_args()
    folder: Path = options.folder
    build(folder / sofc.__version__, source=not options.no_source)
    write_index(folder)
    print(f"The documentation is in {folder / 'index.html'}")


if __name__ == "__main__":
    main()
