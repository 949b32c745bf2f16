"""Acts as a new user: each command and snippet of the README, in a fresh environment, on real images.

    python tools/newcomer.py [FOLDER]

Takes what git has of this tree, an environment with nothing but pip, and a working folder with images: those of FOLDER
(``FOLDER/train`` and ``FOLDER/test`` where it has them), or two photographs that come with scikit-image, cut into
pieces. Then it runs, in the order of the page, what the README shows as blocks (``sh``, ``console``, ``python``), those
of ``docs/archive.md`` on the command line and of ``docs/pictures.md``, and every program of ``docs/examples`` with the
extras that it names.

Everything is printed with its time. A surprise ends in a list and status 1: another status than 0, a traceback or a
warning, a file that is left behind hidden, samples or files that do not come back. ``tools/test`` alone is left out:
that runs the project's own tests, which is another matter. Needs Python 3.11 or later, git, and a way to install
packages.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = {"tools/test", "pip install ."}
"""Commands of the pages that are not run at their place: another matter, and run before all others."""
ARCHIVE_FOLDER = "ward 3"
"""The folder of images that docs/archive.md names."""

PREPARE = """
import sys
from pathlib import Path

import numpy as np
from PIL import Image

train, test = Path("scans/train"), Path("scans/test")
ward = Path("scans") / sys.argv[1]
for folder in (train, test, ward):
    folder.mkdir(parents=True)
if len(sys.argv) > 2:
    given = Path(sys.argv[2])
    halves = [given / "train", given / "test"] if (given / "train").is_dir() else [given, given]
    names = [sorted(path for path in half.rglob("*") if path.is_file()) for half in halves]
    sets = [[Image.open(path) for path in names[0][:8]], [Image.open(path) for path in names[1][-3:]]]
else:
    from skimage import data

    retina, tissue = data.retina(), data.immunohistochemistry()
    pieces = [retina[y : y + 256, x : x + 256] for y in range(300, 1100, 256) for x in range(300, 1100, 256)]
    sets = [[Image.fromarray(piece) for piece in pieces[:9]], [Image.fromarray(piece) for piece in pieces[9:12]]]
for folder, images in zip((train, test), sets, strict=True):
    for number, image in enumerate(images):
        image.save(folder / f"{number:02d}.png")
sets[1][0].save("scan.png")
sets[1][1].convert("RGB").save("photo.jpg", quality=85, subsampling=2)
sets[1][2].save(ward / "17.tif")
(Path("scans") / "notes.txt").write_text("Taken in May.\\n")
"""
CHECK = """
from pathlib import Path

import numpy as np
from PIL import Image

same = np.array_equal(np.asarray(Image.open("back/scan.png")), np.asarray(Image.open("scan.png")))
assert same, "the samples of scan.png did not come back"
assert Path("back/photo.jpg").read_bytes() == Path("photo.jpg").read_bytes(), "photo.jpg did not come back"
"""


@dataclass
class Newcomer:
    """A fresh copy of the project, a fresh environment, and a folder to work in."""

    home: Path
    surprises: list[str] = field(default_factory=list)

    @property
    def copy(self) -> Path:
        """The project as git has it."""
        return self.home / "sofc"

    @property
    def work(self) -> Path:
        """Where the user's images are."""
        return self.home / "work"

    def environment(self) -> dict[str, str]:
        """The user's: nothing of this machine's Python, a cache of the user's own."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SOFC_", "VIRTUAL"))
        }
        kept["PATH"] = f"{self.home / 'environment' / 'bin'}{os.pathsep}{kept['PATH']}"
        kept["XDG_CACHE_HOME"] = str(self.home / "cache")
        return kept

    def run(self, shown: str, command: list[str] | str, folder: Path) -> None:
        """Run one command, print what it prints, and note what a user would wonder about."""
        print(f"\n$ {shown}", flush=True)
        start = time.perf_counter()
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            cwd=folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        print(done.stdout + done.stderr, end="")
        print(f"# {time.perf_counter() - start:.1f} s")
        if done.returncode:
            self.surprises.append(f"{shown}: status {done.returncode}")
        self.surprises += [
            f"{shown}: {line}" for line in done.stderr.splitlines() if re.search(r"^Traceback|\w+Warning:", line)
        ]
        hidden = [path for path in self.work.rglob(".*") if path.is_file()]
        self.surprises += [f"{shown}: left {path.relative_to(self.work)} behind" for path in hidden]

    def python(self, shown: str, source: str, *arguments: str, folder: Path | None = None) -> None:
        """Run a program text, in the working folder unless told otherwise."""
        program = self.home / "snippet.py"
        program.write_text(source, encoding="utf-8")
        self.run(shown, ["python", str(program), *arguments], folder or self.work)

    def install(self, wanted: str) -> None:
        """Install something with pip, where the project is."""
        self.run(f'pip install "{wanted}"', ["pip", "install", "--quiet", wanted], self.copy)


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of each block of a page, in order."""
    yield from re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def run_page(newcomer: Newcomer, page: Path, languages: set[str]) -> None:
    """Run the blocks of a page that are in some languages; what was run once is not run again."""
    once: set[str] = set()
    for language, text in blocks(page):
        if language not in languages:
            continue
        if language == "python":
            newcomer.python(f"python  # {page.name}: {text.splitlines()[-1]}", text)
            continue
        folder, mark = (newcomer.copy, "") if language == "sh" else (newcomer.work, "$ ")
        for line in text.splitlines():
            command = line.removeprefix(mark).partition("  #")[0].strip()
            if line.startswith(mark) and command and command not in LEFT_OUT | once:
                once.add(command)
                newcomer.run(command, command, folder)


def run_examples(newcomer: Newcomer) -> None:
    """Run each example in a folder of its own, after installing the extras that its first lines name."""
    for example in sorted((newcomer.copy / "docs" / "examples").glob("*.py")):
        source = example.read_text(encoding="utf-8")
        for extras in re.findall(r'pip install "sofc\[([\w,-]+)\]"', source):
            newcomer.install(f"sofc[{extras}]")
        folder = newcomer.work / example.stem
        folder.mkdir()
        newcomer.python(f"python docs/examples/{example.name}", source, folder=folder)


def main() -> int:
    """Run it all; the status is 1 where anything was a surprise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="folder of similar images")
    given: Path | None = parser.parse_args().folder
    home = Path(tempfile.mkdtemp(prefix="newcomer-"))
    try:
        newcomer = Newcomer(home)
        newcomer.work.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(newcomer.copy)], check=True)
        subprocess.run([sys.executable, "-m", "venv", str(home / "environment")], check=True)
        newcomer.install(".")
        if not given:
            newcomer.install("sofc[demo]")
        newcomer.python("(images)", PREPARE, ARCHIVE_FOLDER, *([str(given.resolve())] if given else []))
        if not newcomer.surprises:
            run_page(newcomer, newcomer.copy / "README.md", {"sh", "console", "python"})
            restore = "sofc decode photo.sofc --out-dir back"
            newcomer.run(restore, restore, newcomer.work)
            newcomer.python("(what came back)", CHECK)
            run_page(newcomer, newcomer.copy / "docs" / "archive.md", {"console"})
            if not given:
                run_page(newcomer, newcomer.copy / "docs" / "pictures.md", {"python", "console"})
            run_examples(newcomer)
    finally:
        shutil.rmtree(home)
    for surprise in newcomer.surprises:
        print(f"surprise: {surprise}", file=sys.stderr)
    print(f"\n{len(newcomer.surprises)} surprises")
    return 1 if newcomer.surprises else 0


if __name__ == "__main__":
    sys.exit(main())
