#!/usr/bin/env python3
"""Try every image file of a folder tree: which libraries open it, and does sofc bring its samples back.

    python tools/check_files.py FOLDER [--all] [--only PART] > table.md

Each file is kept (--keep-file), which must give it back and not take more than 1 % and 200 bytes more than it, and
read by Pillow, tifffile, pydicom, nibabel, imageio, imagecodecs and sofc itself. It goes through the command line,
encoded at effort 1 and decoded again to raw samples and to image files, and what imageio reads goes through imageio
and a ``.sofc`` file, of small images at the default effort. Of the files of one suffix the first goes through
commands that are processes of their own. All samples are compared. The table says what became of each file; the exit
status is 1 where a file that holds integers of at most 16 bits was neither coded exactly nor refused as of a kind
that is not read, or any other was not refused in one line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageSequence

import sofc
from sofc.cli.__main__ import main as command
from sofc.imagefiles import Samples, load, sources, walk

Array = npt.NDArray[Any]
Run = Callable[..., tuple[int, str]]
PER_FOLDER = 3
MANY = 100
"""Images in a file from which on they are not decoded into image files as well."""
FASTEST = "1"
SMALL = 1 << 16
"""Samples up to which the default effort is tried as well, which takes most of the time."""
ROOM = 200
"""Bytes by which a kept file may become larger, besides a hundredth of it."""


def with_pillow(path: Path) -> list[Array]:
    """Frames as Pillow has them; palettes as indices."""
    with Image.open(path) as image:
        return [np.array(frame) for frame in ImageSequence.Iterator(image)]


def with_tifffile(path: Path) -> list[Array]:
    """Pages of each series."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        return [np.asarray(series.asarray()) for series in file.series]


def with_pydicom(path: Path) -> list[Array]:
    """Frames as stored."""
    import pydicom
    from pydicom.pixels import pixel_array

    frames = int(pydicom.dcmread(path, stop_before_pixels=True).get("NumberOfFrames") or 1)
    return [np.asarray(pixel_array(path, index=index, raw=True)) for index in range(frames)]


def with_nibabel(path: Path) -> list[Array]:
    """Slices of the unscaled volume."""
    import nibabel

    volume = np.asanyarray(nibabel.load(path).dataobj.get_unscaled())
    return list(volume.reshape(*volume.shape[:2], -1, order="F").transpose(2, 1, 0))


def with_imagecodecs(path: Path) -> list[Array]:
    """PNG files with all their bits."""
    import imagecodecs

    return [np.asarray(imagecodecs.png_decode(path.read_bytes()))]


def with_imageio(path: Path) -> list[Array]:
    """What imageio iterates over."""
    return list(iio.imiter(path))


READERS: dict[str, Callable[[Path], list[Array]]] = {
    "Pillow": with_pillow,
    "tifffile": with_tifffile,
    "pydicom": with_pydicom,
    "nibabel": with_nibabel,
    "imageio": with_imageio,
    "imagecodecs": with_imagecodecs,
}


@dataclass
class Verdict:
    """What became of one file."""

    path: Path
    opened: dict[str, str] = field(default_factory=dict)  # reader: types of the samples
    integers: bool = False
    stored: str = ""
    same_as: list[str] = field(default_factory=list)
    refusal: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def row(self) -> str:
        """A row of the table."""
        opened = ", ".join(f"{reader} {kinds}" for reader, kinds in self.opened.items()) or "by none"
        outcome = (
            f"refused: {self.refusal}"
            if self.refusal
            else f"coded; samples as {', '.join(self.same_as) or 'sofc has them'}"
        )
        if self.wrong:
            outcome = f"**WRONG: {'; '.join(self.wrong)}** {outcome}"
        cells = (self.path.name, opened, self.stored or "-", outcome)
        return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def opened_by(path: Path) -> Iterator[tuple[str, list[Array]]]:
    """What each library makes of the file; those that cannot read it are left out."""
    for name, reader in READERS.items():
        try:
            frames = reader(path)
        except Exception:  # whatever a library raises on a file that is not its own
            continue
        if frames and all(frame.dtype.kind in "buifc" and frame.ndim >= 2 for frame in frames):
            yield name, frames


def fits(frames: list[Array]) -> bool:
    """Whether the samples are integers of at most 16 bits by their type."""
    return all(frame.dtype.kind in "bui" and frame.dtype.itemsize <= 2 for frame in frames)


def scaled(ours: list[Array], theirs: list[Array]) -> bool:
    """Whether they give each of our values one of theirs, in the same order: a larger range for the same samples."""
    if len(ours) != 1 or [one.shape for one in ours] != [one.shape for one in theirs]:
        return False
    values, first = np.unique(ours[0], return_index=True)
    as_theirs = theirs[0].ravel()[first]
    return bool(np.all(np.diff(as_theirs.astype(np.int64)) > 0)) and bool(
        np.array_equal(as_theirs[np.searchsorted(values, ours[0])], theirs[0])
    )


def same_colours(ours: list[Array], theirs: list[Array]) -> bool:
    """Equal but for alpha, which only one side has."""
    if len(ours) != len(theirs) or any(one.ndim != 3 for one in (*ours, *theirs)):
        return False
    return all(
        {a.shape[2], b.shape[2]} == {3, 4} and same_image(a[..., :3], b[..., :3])
        for a, b in zip(ours, theirs, strict=True)
    )


def same_image(ours: Array, theirs: Array) -> bool:
    """Equal samples; components may stand first."""
    theirs = theirs.squeeze()
    ours = ours.squeeze()
    if theirs.ndim == 3 and theirs.shape != ours.shape:
        theirs = np.moveaxis(theirs, 0, -1)
    return bool(np.array_equal(ours, theirs))


def same(ours: list[Array], theirs: list[Array]) -> bool:
    """Equal images; theirs may stand in one array."""
    if len(theirs) == 1 < len(ours):
        if theirs[0].size != sum(array.size for array in ours):
            return False
        theirs = list(theirs[0].reshape(len(ours), -1))
        return all(np.array_equal(a.ravel(), b) for a, b in zip(ours, theirs, strict=True))
    return len(ours) == len(theirs) and all(map(same_image, ours, theirs))


def as_process(*arguments: str | Path) -> tuple[int, str]:
    """The command in a process of its own: its status, and what it says of errors."""
    line = [sys.executable, "-m", "sofc", *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def here(*arguments: str | Path) -> tuple[int, str]:
    """The command in this process."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = command([str(argument) for argument in arguments])
    return status, said.getvalue()


def raw_bytes(samples: list[Samples]) -> bytes:
    """As ``sofc decode --raw`` writes them."""
    return b"".join(one.array.astype(one.array.dtype.newbyteorder("<"), copy=False).tobytes() for one in samples)


def through_command(path: Path, work: Path, verdict: Verdict, run: Run) -> list[Array] | None:
    """Encode and decode; the samples, or None where the file is refused."""
    coded = work / "coded.sofc"
    status, said = run("encode", "-q", "--samples", "-e", FASTEST, path, "-o", coded)
    if status != 0:
        lines = [line for line in said.splitlines() if line]
        verdict.refusal = lines[-1].removeprefix("sofc: ").replace(f"{path}: ", "") if lines else ""
        if len(lines) != 1:
            verdict.wrong.append(f"{len(lines)} lines of error")
        if list(work.iterdir()):
            verdict.wrong.append("output in spite of an error")
        return None
    samples = [load(source) for source in sources([path])]
    kinds = {(one.array.shape, one.array.dtype.name, one.declared_bits, one.meaning.name) for one in samples}
    first, dtype, bits, meaning = sorted(kinds, key=str)[0]
    size = " x ".join(map(str, (first[1], first[0], *first[2:])))
    verdict.stored = f"{len(samples)} of {size}, {dtype}, {bits or 'no'} bits declared, {meaning.lower()}"
    status, said = run("decode", "-q", "--raw", coded, "-o", work / "samples")
    if status != 0 or (work / "samples").read_bytes() != raw_bytes(samples):
        verdict.wrong.append(f"decode --raw {said.strip() or 'gave other samples'}")
    if len(samples) <= MANY:
        status, said = run("decode", "-q", coded, "--out-dir", work / "back")
        back = [load(source).array for source in sources([work / "back"], recursive=True)]
        if status != 0 or not same([one.array for one in samples], back):
            verdict.wrong.append(f"decode {said.strip() or 'wrote image files of other samples'}")
        elif [array.dtype for array in back] != [one.array.dtype for one in samples]:
            verdict.wrong.append("decode wrote image files of another type")
    again = list(iio.imiter(coded))
    if not same([one.array for one in samples], again):
        verdict.wrong.append("imageio reads other samples from the .sofc file")
    return [one.array for one in samples]


def is_named(path: Path) -> bool:
    """Whether the file is refused as something that is not read, and not as damaged."""
    try:
        for source in sources([path]):
            load(source)
    except sofc.UnsupportedError:
        return True
    except (sofc.SofcError, OSError):
        pass
    return False


def through_keep_file(path: Path, work: Path, verdict: Verdict, run: Run) -> None:
    """Keep the file as it is, and get it back."""
    coded, back = work / "kept.sofc", work / "back" / path.name
    status, said = run("encode", "-q", "--keep-file", "-e", FASTEST, path, "-o", coded)
    if status != 0:
        verdict.wrong.append(f"not kept: {said.strip()}")
        return
    size, takes = path.stat().st_size, coded.stat().st_size
    if takes > size + size // 100 + ROOM:
        verdict.wrong.append(f"kept in {takes} bytes, of {size}")
    back.parent.mkdir()
    status, said = run("decode", "-q", coded, "-o", back)
    if status != 0 or back.read_bytes() != path.read_bytes():
        verdict.wrong.append(f"kept, but not given back {said.strip()}")


def through_imageio(frames: list[Array], work: Path, verdict: Verdict) -> None:
    """Write what imageio read as .sofc, and read it again."""
    target = work / "imageio.sofc"
    kinds = {(frame.shape, frame.dtype) for frame in frames}
    written: Any = frames[0] if len(frames) == 1 else np.stack(frames) if len(kinds) == 1 else frames
    more = {} if sum(frame.size for frame in frames) <= SMALL else {"effort": int(FASTEST)}
    iio.imwrite(target, written, **more)
    again = list(iio.imiter(target))
    if len(frames) == 1:
        again = [iio.imread(target)]
    if not all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(frames, again, strict=True)):
        verdict.wrong.append("other samples through imageio")


def check(path: Path, run: Run) -> Verdict:
    """One file, all ways."""
    verdict = Verdict(path)
    views = dict(opened_by(path))
    verdict.opened = {
        name: f"{len(frames)} x {'/'.join(sorted({frame.dtype.name for frame in frames}))}"
        for name, frames in views.items()
    }
    verdict.integers = any(map(fits, views.values()))
    with tempfile.TemporaryDirectory() as folder:
        through_keep_file(path, Path(folder), verdict, run)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        ours = through_command(path, work, verdict, run)
        corrupt = path.parent.name == "pngsuite" and path.name.startswith("x")
        if ours is None:
            # What Pillow and others change or cut is rightly refused, by name.
            if not corrupt and verdict.integers and not is_named(path):
                verdict.wrong.append("refused, but can be read")
        else:
            verdict.same_as = [name for name, frames in views.items() if same(ours, frames)]
            if not verdict.same_as:
                verdict.same_as = [
                    f"{name} but for {what}"
                    for what, alike in (("its scaling", scaled), ("alpha", same_colours))
                    for name, frames in views.items()
                    if alike(ours, frames)
                ]
            if corrupt:
                verdict.wrong.append("corrupt on purpose, but coded")
            elif views and not verdict.same_as:
                verdict.wrong.append("no other library gives these samples")
        if not corrupt and fits(views.get("imageio", [np.zeros(1)])):
            try:
                through_imageio(views["imageio"], work, verdict)
            except (sofc.SofcError, ValueError, OSError) as error:
                verdict.wrong.append(f"imageio: {error}")
    return verdict


def folders(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder with the image files in it."""
    for folder in sorted((root, *(path for path in root.rglob("*") if path.is_dir()))):
        inside = walk([folder])
        if inside:
            yield folder, inside


def summarize(root: Path, verdicts: list[Verdict]) -> None:
    """A row for each folder."""
    print("\n## In short\n\n| folder | files | open as integers | coded | refused |\n| --- | --- | --- | --- | --- |")
    for folder in dict.fromkeys(one.path.parent for one in verdicts):
        inside = [one for one in verdicts if one.path.parent == folder]
        refusals = Counter(one.refusal for one in inside if one.refusal)
        told = "; ".join(f"{count} x {refusal}" for refusal, count in refusals.items()) or "none"
        cells = (
            folder.relative_to(root).as_posix(),
            len(inside),
            sum(one.integers for one in inside),
            len(inside) - refusals.total(),
            told.replace("|", "/"),
        )
        print(f"| {' | '.join(map(str, cells))} |")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--all", action="store_true", help=f"all files, not only {PER_FOLDER} of each folder called train or test"
    )
    parser.add_argument("--only", default="", metavar="PART", help="only folders whose path has this in it")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    verdicts: list[Verdict] = []
    for folder, paths in folders(args.folder):
        relative = folder.relative_to(args.folder)
        if args.only not in relative.as_posix():
            continue
        alike = not args.all and {"train", "test"} & set(relative.parts)
        chosen = paths[:PER_FOLDER] if alike else paths
        print(f"\n## {relative}\n\n{len(chosen)} of {len(paths)} files\n")
        print("| file | opened, images x type | stored by sofc | outcome |\n| --- | --- | --- | --- |")
        for path in chosen:
            is_new = path.suffix not in {one.path.suffix for one in verdicts}
            verdicts.append(check(path, as_process if is_new else here))
            print(verdicts[-1].row, flush=True)
    summarize(args.folder, verdicts)
    wrong = [verdict for verdict in verdicts if verdict.wrong]
    refused = sum(bool(verdict.refusal) for verdict in verdicts)
    names = ", ".join(str(one.path.relative_to(args.folder)) for one in wrong) or "none"
    print(f"\n{len(verdicts)} files: {len(verdicts) - refused} coded, {refused} refused; wrong: {names}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
