"""The command line, and the check of a folder of vectors."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .container import PROFILES, DecodedFile, decode_file
from .kept_files import restore
from .notation import FormatError


def found_in(file: DecodedFile) -> dict[str, Any]:
    """What a manifest says of a valid file."""
    images = [{"shape": list(image.shape), "dtype": image.dtype, "sha256": image.digest} for image in file.images]
    kept = restore(file.metadata, file.images, file.codebooks)
    profiles = file.profiles | (kept.profiles if kept else set())
    found = {"profiles": [profile for profile in PROFILES if profile in profiles], "images": images}
    if kept is None:
        return found
    return found | {"original": {"name": kept.name, "sha256": hashlib.sha256(kept.data).hexdigest()}}


def check_vector(folder: Path, entry: dict[str, Any]) -> str:
    """Decode one vector of a manifest by the profiles that it is said to need; what is wrong, or nothing."""
    try:
        codebooks = [(folder / entry["codebook"]).read_bytes()] if "codebook" in entry else []
        found = found_in(decode_file((folder / entry["file"]).read_bytes(), codebooks, entry["profiles"]))
    except FormatError as error:
        return "" if entry["result"] == "invalid" else f"error: {error}"
    except OSError as error:
        return f"cannot be read: {error}"
    if entry["result"] != "valid":
        return "decoded, but is invalid"
    wanted = {key: entry[key] for key in ("profiles", "images", "original") if key in entry}
    return "" if found == wanted else "decoded to something else"


def check_vectors(folder: Path) -> int:
    """Check all vectors; gives the exit code."""
    entries = json.loads((folder / "manifest.json").read_text())
    failures = 0
    for entry in entries:
        problem = check_vector(folder, entry)
        if problem:
            failures += 1
            print(f"{entry['file']}: {problem}")
    print(f"{len(entries) - failures} of {len(entries)} vectors as expected")
    return 1 if failures else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    profiles = f"Supports the profiles {', '.join(PROFILES)}."
    parser = argparse.ArgumentParser(prog="minidec", description="Decode a sofc file, slowly.", epilog=profiles)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--codebook", action="append", default=[], type=Path, help="a codebook that the file may name")
    parser.add_argument("-o", dest="out", help="write the samples of image N to OUT-N.raw")
    parser.add_argument("--kept-file", type=Path, metavar="OUT", help="write the file that the file keeps to OUT")
    parser.add_argument("--vectors", type=Path, help="check the vectors of a folder")
    options = parser.parse_args(arguments)
    if not options.file and not options.vectors:
        parser.error("a file is needed")
    return options


def write_out(file: DecodedFile, options: argparse.Namespace) -> None:
    """Say what the file holds, and write what is asked for. Raises FormatError where it keeps no file."""
    for number, image in enumerate(file.images):
        print(number, "x".join(str(side) for side in image.shape), image.dtype, image.digest)
        if options.out:
            Path(f"{options.out}-{number}.raw").write_bytes(image.data)
    if options.kept_file:
        kept = restore(file.metadata, file.images, file.codebooks)
        if kept is None:
            raise FormatError("the file keeps no other file")
        options.kept_file.write_bytes(kept.data)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when all went well, 1 for a bad file, 2 for one that cannot be read or written."""
    options = parse(arguments)
    if options.vectors:
        return check_vectors(options.vectors)
    try:
        codebooks = [path.read_bytes() for path in options.codebook]
        write_out(decode_file(options.file.read_bytes(), codebooks), options)
    except FormatError as error:
        print(f"bad file: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot be read or written: {error}", file=sys.stderr)
        return 2
    return 0
