"""``sofc test``: decode everything, keep nothing."""

from __future__ import annotations

import argparse
import contextlib
import itertools
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sofc.cli import crew, options
from sofc.cli.console import OK, Console, count_of, message_of, size
from sofc.cli.decode import find_sofc, keeps_original, until_image
from sofc.cli.outputs import OutputFiles
from sofc.cli.reading import decoder_for, events, open_input
from sofc.cli.warmup import compile_coding
from sofc.errors import UsageError

if TYPE_CHECKING:
    from sofc.codebook import Codebook

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
    options.add_jobs(parser, "files that are decoded at once, or bands of a file where it is the only one")
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
    processes, threads = crew.share(args.jobs, len(paths))
    if processes > 1:
        compile_coding(console)  # once, and not in each of them
    work = partial(_test, codebook, threads)
    status = OK
    results: list[dict[str, Any]] = []
    with contextlib.closing(crew.each_done(paths, work, processes, console, OutputFiles(force=False))) as each:
        for done in each:
            name = _name(done.task)
            if done.error is not None:
                status = max(status, console.error(done.error, name))
                results.append({"name": name, "ok": False, "error": message_of(done.error)})
            elif done.result is not None:
                results.append({"name": name, "ok": True, **done.result})
                if not args.json:
                    console.result(f"{name}: ok  {_told(done.result)}")
    if args.json:
        console.json(results)
    elif len(results) > 1:
        good = [result for result in results if result["ok"]]
        samples = size(sum(result["sample_bytes"] for result in good))
        told = f"{len(good)} ok, {len(results) - len(good)} failed, {samples} of samples"
        console.result(f"{count_of(len(results), 'file')}: {told}")
    return status


def _name(path: Path | None) -> str:
    return "standard input" if path is None else str(path)


def _told(result: dict[str, int]) -> str:
    if not result["images"]:
        return f"a file of {size(result['original_bytes'])} that is kept whole"
    return f"{count_of(result['images'], 'image')}, {size(result['sample_bytes'])} of samples"


def _test(
    codebook: Codebook | None, threads: int, path: Path | None, console: Console, files: OutputFiles
) -> dict[str, int]:
    from sofc.cli.kept_sinks import OriginalSink
    from sofc.collection import sample_size
    from sofc.stream.events import BandReady, GroupReady, ImageEnded

    images = samples = 0
    original: OriginalSink | None = None
    name = _name(path)
    total = path.stat().st_size if path is not None else None
    kept: dict[str, int] = {}
    with open_input(path) as file, console.progress(total, "B", name) as advance, contextlib.ExitStack() as stack:
        beside = path.parent if path is not None else None
        decoder = decoder_for(codebook, beside, threads)
        found = events(file, name, decoder, advance=advance)
        prologue = list(until_image(found))
        if keeps_original(prologue):
            sink = OriginalSink(None, complete=False, files=files, codebooks=decoder.codebook)
            original = stack.enter_context(sink)
        for event in itertools.chain(prologue, found):
            if original is not None:
                original.take(event)
            if isinstance(event, BandReady):
                samples += sample_size(event.band.rows)
            elif isinstance(event, GroupReady):
                samples += sample_size(event.images)
                images += len(event.images)
            elif isinstance(event, ImageEnded):
                images += 1
        if original is not None:
            kept = {"original_bytes": sum(map(len, original.pieces()))}
    return {"images": images, "sample_bytes": samples, **kept}
