"""``sofc archive``: a tree of files of all kinds to one folder."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sofc.cli import options
from sofc.cli.cluster import add_workers, workers
from sofc.cli.console import INVALID_DATA, IO_ERROR, OK, Console, count_of, size
from sofc.cli.crew import processors
from sofc.errors import UsageError
from sofc.places import Place, place_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sofc.archive.kinds import Rule
    from sofc.archive.making import Archived
    from sofc.archive.report import Summary
    from sofc.archive.restoring import Restored

EXAMPLES = """\
  sofc archive scans -o scans.archive             every file of a tree, byte for byte; run again where it was ended
  sofc archive scans -o scans.archive --dry-run   what it would take, from a sample
  sofc archive scans -o scans.archive --update    what was added or changed since
  sofc archive --verify scans.archive             decode all of it and compare
  sofc archive scans -o s3://bucket/scans.archive to any store that fsspec knows; TREE may be there, too
  sofc restore scans.archive -o back              the tree again"""
SHOWN = 20
"""Lines of what was refused, changed or gone; all of it is in the JSON."""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "archive", "store a tree of files of all kinds in one folder", EXAMPLES)
    parser.add_argument(
        "tree", metavar="TREE", help="the tree to store, or with --verify the archive: a folder or a URL"
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="the archive: a folder, made if need be, or a URL")
    parser.add_argument(
        "-e",
        "--effort",
        type=int,
        choices=range(1, 10),
        help="for all kinds (default: 5; 9 for up to 64 MB that came of JPEG data; 1 for many files)",
    )
    parser.add_argument("--no-train", action="store_true", help="make no codebooks: take those that are built in")
    parser.add_argument("--kinds", type=Path, metavar="TOML", help="rules by which files are of other kinds")
    parser.add_argument("--dry-run", action="store_true", help="estimate size and time from a sample; write nothing")
    parser.add_argument("--update", action="store_true", help="bring an archive up to date with the tree")
    parser.add_argument("--forget", action="store_true", help="with --update: drop what is gone from the tree")
    parser.add_argument("--remove-originals", action="store_true", help="remove files that were read back from it")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="decode all files of an archive and compare them; with --update: first, and store anew what is lost",
    )
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        metavar="S",
        help="with --verify: of so much of it, chosen at random (0 to 1)",
    )
    parser.add_argument("--report", type=Path, metavar="HTML", help="write a report with pictures: one HTML file")
    add_workers(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Archive, estimate or verify."""
    console = options.console(args)
    _check(args)
    args.tree, args.output = place_of(args.tree), args.output and place_of(args.output)
    if args.cluster is not None:  # whose workers are elsewhere
        args.tree, args.output = args.tree.absolute(), args.output and args.output.absolute()
    with workers(args) as executor:
        if args.verify and not args.update:
            return _verify(args, console, executor)
        from sofc.archive.kinds import read_rules

        rules = tuple(read_rules(args.kinds)) if args.kinds is not None else ()
        if args.dry_run:
            return _estimate(args, console, executor, rules)
        return _archive(args, console, executor, rules)


def _check(args: argparse.Namespace) -> None:
    if args.verify and not args.update and (args.output or args.dry_run or args.remove_originals):
        raise UsageError("--verify takes an archive and --share, or goes with --update")
    if args.verify and args.update and args.share != 1:
        raise UsageError("--share goes with --verify alone: an update decodes all units")
    if not args.verify and not args.output:
        raise UsageError("name the archive with -o")
    if not 0 < args.share <= 1:
        raise UsageError(f"--share is above 0 and at most 1, not {args.share}")
    if args.forget and not args.update:
        raise UsageError("--forget goes with --update")
    if args.dry_run and args.remove_originals:
        raise UsageError("--dry-run and --remove-originals exclude each other")


def _archive(args: argparse.Namespace, console: Console, executor: Executor | None, rules: tuple[Rule, ...]) -> int:
    from sofc.archive.making import LOOKING, STORING, TRAINING, Settings, archive
    from sofc.archive.restoring import remove_originals

    settings = Settings(args.effort, not args.no_train, rules, args.update, args.forget, args.verify)
    with console.stages({LOOKING: "file", TRAINING: "kind", STORING: "B"}) as progress:
        made = archive(args.tree, args.output, settings, executor=executor, progress=progress)
    removed: Restored | None = None
    if args.remove_originals:
        removed = remove_originals(args.output, args.tree, executor=executor)
    if args.report is not None:
        _write_page(args, made)
    if args.json:
        console.json(_as_json(args.output, made, removed))
    else:
        _say(args, console, made, removed)
    kept = removed.lost if removed is not None else []
    return IO_ERROR if made.refused or kept else OK


def _write_page(args: argparse.Namespace, made: Archived) -> None:
    from sofc.archive.page import page
    from sofc.archive.report import summary
    from sofc.files import replacing

    whole = summary(args.output, made.manifest)
    named = {"Not stored": made.refused, "Packed, as images in them cannot be read": made.unread}
    text = page(args.output, made.manifest, whole, _drawn(args.output, whole), named)
    with replacing(args.report) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _drawn(folder: Place, whole: Summary) -> dict[str, bytes]:
    """By the id of a codebook a picture of what was mined, as a PNG file, where there is something to draw."""
    from sofc.archive.codebooks import FOLDER
    from sofc.archive.coding import stored_codebook
    from sofc.cli.drawing import png_of
    from sofc.cli.render import drawn

    pictures: dict[str, bytes] = {}
    for id in {kind.codebook for kind in whole.kinds if kind.codebook}:
        with contextlib.suppress(UsageError):
            pictures[id] = png_of(drawn(stored_codebook(folder / FOLDER, id))[0])
    return pictures


def _say(args: argparse.Namespace, console: Console, made: Archived, removed: Restored | None) -> None:
    from sofc.archive.report import summary

    whole = summary(args.output, made.manifest)
    for kind in whole.kinds:
        book = f", codebook {kind.codebook[:8]}" if kind.codebook else ""
        effort = f", effort {kind.effort}" if kind.effort else ""
        console.result(
            f"{kind.name}: {count_of(kind.files, 'file')}, {size(kind.bytes)} -> {size(kind.stored)}  "
            f"ratio {kind.bytes / max(1, kind.stored):.2f}  {kind.store}{effort}{book}"
        )
    console.result(
        f"{args.output}: {count_of(whole.files, 'file')}, {size(whole.bytes)} -> {size(whole.stored)} with manifest "
        f"and codebooks  ratio {whole.bytes / max(1, whole.stored):.2f}"
    )
    if args.update:
        kept = len(made.gone) - len(made.dropped)
        console.result(
            f"{len(made.added)} added, {len(made.changed)} changed, {len(made.gone)} gone from the tree, of which "
            f"{kept} kept and {len(made.dropped)} dropped"
        )
    dropped = set(made.dropped)
    why = "gone from the tree and dropped" + ("" if args.forget else ": its folder is none any more")
    _list(console, "gone", [(path, why if path in dropped else "gone from the tree and kept") for path in made.gone])
    if made.unread:
        console.note(f"{count_of(len(made.unread), 'file')} with images that cannot be read: packed as they are")
    _list(console, "packed", made.unread)
    _list(console, "damaged", made.damaged)
    _list(console, "named only", [(path, "a pipe, socket or device") for path in made.special])
    _list(console, "not stored", made.refused)
    if removed is not None:
        console.result(f"{removed.files} files removed from {args.tree}")
        _list(console, "not removed", removed.lost)


def _list(console: Console, what: str, lines: Sequence[tuple[str, str]]) -> None:
    for path, reason in lines[:SHOWN]:
        console.note(f"{path}: {what}: {reason}")
    if len(lines) > SHOWN:
        console.note(f"{what}: {len(lines) - SHOWN} more; --json names all")


def _as_json(folder: Place, made: Archived, removed: Restored | None) -> dict[str, object]:
    from sofc.archive.report import summary

    report: dict[str, object] = dataclasses.asdict(summary(folder, made.manifest))
    names = "refused", "special", "unread", "added", "changed", "gone", "dropped", "damaged"
    report |= {name: getattr(made, name) for name in names}
    if removed is not None:
        report |= {"removed": removed.files, "not_removed": removed.lost}
    return report


def _estimate(args: argparse.Namespace, console: Console, executor: Executor | None, rules: tuple[Rule, ...]) -> int:
    from sofc.archive.estimate import estimate

    with console.progress(None, "file", "looking at files") as advance:
        kinds = estimate(args.tree, args.effort, rules, executor=executor, advance=advance)
    if args.json:
        console.json([dataclasses.asdict(kind) for kind in kinds])
        return OK
    for kind in kinds:
        spread = "" if kind.low is None or kind.high is None else f" ({size(kind.low)} to {size(kind.high)})"
        console.result(
            f"{kind.name}: {count_of(kind.files, 'file')}, {size(kind.bytes)} -> about {size(kind.expected)}{spread}, "
            f"from {size(kind.sampled)} of it"
        )
    total, expected = sum(kind.bytes for kind in kinds), sum(kind.expected for kind in kinds)
    # Errors of kinds are independent of each other.
    error = sum(((kind.high or kind.expected) - kind.expected) ** 2 for kind in kinds) ** 0.5
    seconds = sum(kind.seconds for kind in kinds) / (args.jobs or processors())
    console.result(
        f"{args.tree}: {size(total)} -> about {size(expected)} ({size(max(0, round(expected - error)))} to "
        f"{size(round(expected + error))}), in about {max(1, round(seconds / 60))} min; codebooks, which save more and "
        "take time, and crops of other images are not counted"
    )
    return OK


def _verify(args: argparse.Namespace, console: Console, executor: Executor | None) -> int:
    from sofc.archive.restoring import verify

    with console.progress(None, "B", str(args.tree)) as advance:
        found = verify(args.tree, args.share, executor=executor, advance=advance)
    status = INVALID_DATA if found.lost or found.damage else OK
    if args.json:
        console.json(dataclasses.asdict(found))
        return status
    console.result(f"{args.tree}: {count_of(found.files, 'file')} whole, {len(found.lost)} lost")
    for line in found.damage:
        console.note(line)
    _list(console, "lost", found.lost)
    if found.lost:
        console.note(f"what its tree still has is stored anew by: sofc archive TREE -o {args.tree} --update --verify")
    return status
