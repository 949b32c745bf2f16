"""``sofc info``: what a file holds, from its heads alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from sofc.cli import options
from sofc.cli.console import OK, Console, count_of, size
from sofc.cli.overview import Overview, read_overview
from sofc.cli.reading import open_input
from sofc.container.records import MetadataKind
from sofc.errors import SofcError

EXAMPLES = """\
  sofc info a.sofc           size, samples, codebook, bands, metadata
  sofc info -v a.sofc        every chunk, and the models of the codebook that were used
  sofc info --json *.sofc    for programs

Nothing is decoded or checked; sofc test does that."""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "info", "say what sofc files hold", EXAMPLES)
    parser.add_argument("inputs", nargs="+", metavar="FILE", help="sofc files; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print a list of objects as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Describe each file; the worst status counts."""
    console = options.console(args)
    status = OK
    described = []
    for name in args.inputs:
        try:
            path = None if name == "-" else Path(name)
            with open_input(path) as file:
                overview = read_overview(file, name, beside=path.parent if path is not None else None)
        except (SofcError, OSError) as error:
            status = max(status, console.error(error, name))
            continue
        described.append(overview)
        if not args.json:
            _print(console, overview)
    if args.json:
        console.json([overview.as_json(chunks=args.verbose > 0) for overview in described])
    return status


def _print(console: Console, overview: Overview) -> None:
    say = console.answer
    say(f"{overview.name}: sofc file, version {overview.version[0]}.{overview.version[1]}, {size(overview.size)}")
    for run in overview.runs:
        head = run.header
        samples = head.format
        which = f"image {run.first}" if run.images <= 1 else f"images {run.first}-{run.first + run.images - 1}"
        height = run.height if run.height is not None else "unknown"
        meaning = "" if samples.meaning == 0 else f" ({samples.meaning.name.lower().replace('_', '+')})"
        declared = "" if samples.declared_bits == samples.coded_bits else f", {samples.declared_bits} declared"
        say(
            f"  {which}: {head.width} x {height}, {count_of(samples.components, 'component')}{meaning}, "
            f"{samples.coded_bits} bits{declared}, {samples.type_name}"
        )
    parts = [count_of(overview.bands, "band"), count_of(overview.groups, "group")]
    parts = [part for part, number in zip(parts, (overview.bands, overview.groups), strict=True) if number]
    used = f", coded with {', '.join(overview.models_used())}" if console.verbose else ""
    kept_alone = "" if overview.original_bytes is None else " of its own: it keeps another file"
    say(f"  {' and '.join(parts)}{used}" if parts else f"  no images{kept_alone}")
    for text, number in sorted(overview.arrangements.items()):
        say(f"  arranged{'' if number == overview.bands + overview.groups else f' ({number})'}: {text}")
    for codebook in overview.codebooks:
        say(f"  codebook {codebook.name!r}, id {codebook.id.hex()}: {codebook.where}")
    for item in overview.metadata:
        shown = f"  {item.text}" if item.text and (console.verbose or item.kind == MetadataKind.ORIGINAL) else ""
        say(f"  metadata {item.label}: {size(item.size)}{shown}")
    if overview.original_bytes is not None:
        say(f"  original file {size(overview.original_bytes)}  ratio {overview.ratio:.2f}")
    elif overview.sample_bytes:
        say(f"  samples {size(overview.sample_bytes)}  ratio {overview.ratio:.2f}")
    if not overview.complete:
        say("  the end of the file is missing")
    if console.verbose:
        for chunk in overview.chunks:
            say(f"  {chunk.offset:>10}  {chunk.type}  {chunk.size:>9}  {chunk.text}")
