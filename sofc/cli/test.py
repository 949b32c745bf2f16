"""``sofc test``: decode everything, keep nothing."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

from sofc.cli import options
from sofc.cli.console import OK, Console, count_of, size
from sofc.cli.decode import find_sofc, keeps_original, pass_on, until_image
from sofc.cli.reading import decoder_for, events, open_sofc
from sofc.errors import SofcError, UsageError

EXAMPLES = """\
  sofc test a.sofc            every byte and sample, and the original file it keeps, are checked; nothing is written
  sofc test -r archive        all sofc files of a folder and its subfolders
  sofc test --json *.sofc     for programs"""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "test", "decode sofc files fully, without output", EXAMPLES)
    parser.add_argument("inputs", nargs="+", metavar="FILE", help="sofc files and folders; - reads standard input")
    options.add_recursive(parser)
    options.add_codebook(parser)
    options.add_jobs(parser, "threads that decode the bands of a file")
    parser.add_argument("--json", action="store_true", help="print a list of objects as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Test each file; the worst status counts."""
    console = options.console(args)
    paths: list[Path | None] = [None]
    if "-" not in args.inputs:
        paths = [path for path, _ in find_sofc(args.inputs, args.recursive)]
    elif len(args.inputs) > 1:
        raise UsageError("standard input (-) must be the only input")
    if not paths:
        raise UsageError("the named folders hold no .sofc files (-r enters subfolders)")
    codebook = options.named_codebook(args)
    status = OK
    results: list[dict[str, Any]] = []
    for path in paths:
        name = "standard input" if path is None else str(path)
        try:
            result = _test(console, path, name, codebook, args.jobs)
        except (SofcError, OSError) as error:
            status = max(status, console.error(error, name))
            results.append({"name": name, "ok": False, "error": " ".join(str(error).split())})
            continue
        results.append({"name": name, "ok": True, **result})
        if not args.json:
            console.result(f"{name}: ok  {_told(result)}")
    if args.json:
        console.json(results)
    return status


def _told(result: dict[str, int]) -> str:
    if not result["images"]:
        return f"no images, a file of {size(result['original_bytes'])} kept alone"
    return f"{count_of(result['images'], 'image')}, {size(result['sample_bytes'])} of samples"


def _test(console: Console, path: Path | None, name: str, codebook: Any, threads: int) -> dict[str, int]:
    from sofc.cli.destinations import Written
    from sofc.cli.sinks import OriginalSink, OutputFiles
    from sofc.collection import sample_size
    from sofc.stream.events import BandReady, GroupReady, ImageEnded

    images = samples = 0
    original: OriginalSink | None = None
    total = path.stat().st_size if path is not None else None
    with open_sofc(path) as file, console.progress(total, "B", name) as advance:
        beside = path.parent if path is not None else None
        decoder = decoder_for(codebook, beside, threads)
        found = events(file, name, decoder, advance=advance)
        prologue = list(until_image(found))
        if keeps_original(prologue):
            files = OutputFiles(force=False, written=Written())
            original = OriginalSink(None, complete=False, files=files, codebooks=decoder.codebook)
        for event in itertools.chain(prologue, found):
            if original is not None:
                pass_on(event, original)
            if isinstance(event, BandReady):
                samples += sample_size(event.band.rows)
            elif isinstance(event, GroupReady):
                samples += sample_size(event.images)
                images += len(event.images)
            elif isinstance(event, ImageEnded):
                images += 1
    kept = {} if original is None else {"original_bytes": len(original.restored())}
    return {"images": images, "sample_bytes": samples, **kept}
