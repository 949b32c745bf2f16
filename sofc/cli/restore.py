"""``sofc restore``: files out of an archive."""

from __future__ import annotations

import argparse
import dataclasses

from sofc.cli import options
from sofc.cli.cluster import add_workers, workers
from sofc.cli.console import INVALID_DATA, OK, count_of, size
from sofc.places import place_of

EXAMPLES = """\
  sofc restore scans.archive -o back              all of it, with times and permissions
  sofc restore scans.archive 'ward 3/*' -o back   what matches; a folder's name stands for all that is in it
  sofc restore scans.archive --as sofc -o out     as sofc files that open without the archive
  sofc restore scans.archive -o back --salvage    what can be got back of a damaged one; the rest is named"""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "restore", "give files of an archive back", EXAMPLES)
    parser.add_argument("archive", metavar="DIR", help="the archive, a folder or a URL")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="paths in it, with * and ? (default: all)")
    parser.add_argument("-o", "--output", required=True, metavar="TREE", help="where the tree is made")
    parser.add_argument("--salvage", action="store_true", help="go on past damage, and name what is lost")
    parser.add_argument(
        "--as",
        dest="form",
        choices=["files", "sofc"],
        default="files",
        help="as the files that they were (the default), or each as a sofc file NAME.sofc with its codebook inside",
    )
    options.add_force(parser)
    add_workers(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Restore."""
    from sofc.archive.restoring import restore

    console = options.console(args)
    with workers(args) as executor, console.progress(None, "B", str(args.archive)) as advance:
        done = restore(
            place_of(args.archive).absolute(),
            place_of(args.output).absolute(),
            args.patterns,
            force=args.force,
            salvage=args.salvage,
            as_sofc=args.form == "sofc",
            executor=executor,
            advance=advance,
        )
    if args.json:
        console.json(dataclasses.asdict(done))
    else:
        console.result(f"{args.output}: {count_of(done.files, 'file')}, {size(done.bytes)}")
        for line in done.damage:
            console.note(line)
        for path, reason in done.skipped:
            console.note(f"{path}: not restored: {reason}")
        for path, reason in done.lost:
            console.note(f"{path}: lost: {reason}")
    return INVALID_DATA if done.lost else OK
