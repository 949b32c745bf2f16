"""Build the documentation of the Python interface from its docstrings: one page for each module, all searchable.

    python tools/make_docs.py [FOLDER]

The pages go to ``build/docs`` or FOLDER. Needs ``pip install .[docs]``.
"""

from __future__ import annotations

import argparse
import pkgutil
import warnings
from pathlib import Path

import pdoc

import sofc

BESIDE = Path(__file__).parent.parent / "build" / "docs"


def modules() -> list[str]:
    """What is to be documented: pdoc adds what is inside packages. The command line has --help."""
    # The package itself only gives names to what is public; its modules are not among them.
    return ["sofc", *(f"sofc.{found.name}" for found in pkgutil.iter_modules(sofc.__path__) if found.name != "cli")]


def build(folder: Path) -> None:
    """Write the pages. A module that cannot be imported, or a public name that is not there, is an error."""
    pdoc.render.configure(docformat="markdown")
    with warnings.catch_warnings():
        # Annotations that pdoc cannot follow, most of other packages, are shown as they are written.
        warnings.filterwarnings("ignore", message="Error parsing type annotation|Failed to run TYPE_CHECKING code")
        warnings.filterwarnings("error", message="Couldn't import|Found ")
        pdoc.pdoc(*modules(), output_directory=folder)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=BESIDE, help="where the pages go")
    folder = parser.parse_args().folder
    build(folder)
    print(f"The documentation is in {folder / 'index.html'}")


if __name__ == "__main__":
    main()
