"""Which file ``sofc encode`` makes of which inputs, and which it passes over."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path

from sofc.cli import destinations
from sofc.cli.names import is_kept
from sofc.cli.options import NO_CODEBOOK
from sofc.errors import FormatError, SofcError, UsageError

LONG_NAME_BYTES = 100


@dataclass(frozen=True)
class Job:
    """One output file: None stands for standard input or output."""

    inputs: tuple[Path | None, ...]
    output: Path | None
    name: str


@dataclass
class Plan:
    """What is to be done. ``passed_over``: what is no image in folders, and why; ``unread``: what cannot be read."""

    jobs: list[Job] = field(default_factory=list)
    passed_over: list[tuple[Path, str]] = field(default_factory=list)
    unread: list[tuple[Path, OSError | SofcError]] = field(default_factory=list)
    has_folder: bool = False


def keeps_jpeg(args: argparse.Namespace) -> bool:
    """Whether JPEG files are kept as files: unless samples are asked for, by name or by what concerns samples alone."""
    of_samples = args.samples or args.collection or args.strip or args.raw is not None or args.threshold is not None
    return not (of_samples or args.coder or args.band_rows or args.key_interval)


def check(args: argparse.Namespace) -> None:
    """Raise UsageError for options that contradict each other."""
    if args.output is not None and args.out_dir is not None:
        raise UsageError("-o and --out-dir exclude each other")
    if args.embed and args.codebook in (None, NO_CODEBOOK):
        raise UsageError("--embed needs a codebook: name one with -D")
    if args.raw is not None and (args.collection or args.threshold is not None):
        raise UsageError("--raw takes samples as they are: neither --collection nor --threshold go with it")
    if args.keep_file and (args.collection or args.strip or args.raw is not None or args.threshold is not None):
        raise UsageError(
            "--keep-file keeps one file as it is: --collection, --raw, --strip and --threshold do not go with it"
        )
    if args.keep_file and args.samples:
        raise UsageError("--keep-file and --samples exclude each other")
    if args.rm and (args.threshold is not None or args.strip):
        raise UsageError("--rm goes neither with --threshold nor with --strip: what they leave out would be lost")
    if args.collection and args.output is None:
        raise UsageError("--collection needs -o to name the file")
    if args.json and (args.output == "-" or ("-" in args.inputs and args.output is None)):
        raise UsageError("--json writes to standard output, and so does the file: name that with -o")


def make_plan(args: argparse.Namespace) -> Plan:
    """What the arguments ask for. Raises UsageError, FileNotFoundError for an input that is not there."""
    from sofc.imagefiles import SUFFIXES

    check(args)
    output = None if args.output in (None, "-") else Path(args.output)
    if "-" in args.inputs:
        if len(args.inputs) > 1:
            raise UsageError("standard input (-) must be the only input")
        if args.out_dir is not None or args.collection:
            raise UsageError("standard input (-) goes with neither --out-dir nor --collection")
        return Plan([Job((None,), output, "standard input")])
    plan, files = _found(args)
    if not files and not plan.passed_over and not plan.unread:
        raise UsageError("the named folders hold no image files: they are empty")
    paths = [path for path, _ in files]
    if output is not None and output.is_dir():
        raise UsageError(f"{output} is a folder: name a file with -o, or use --out-dir {output}")
    if output is not None and output.suffix.lower() in SUFFIXES and not args.force:
        raise UsageError(f"{output} is to be a sofc file: name it {output.with_suffix('.sofc')}, or use -f")
    if args.collection:
        plan.jobs = [Job(tuple(paths), output, args.output)] if paths else []
    elif args.output is not None:
        if len(files) > 1:
            raise UsageError(f"-o names one file for {len(files)} inputs: use --out-dir, or --collection for one file")
        plan.jobs = [Job((path,), output, str(path)) for path in paths]
    else:
        # A name that cannot be kept in the file, or costs much there, is kept by that of the file.
        whole = [path for path in paths if _needs_whole_name(path) and _is_kept(args, path)]
        outputs = destinations.encoded(files, args.out_dir, whole=whole)
        plan.jobs = [Job((path,), output, str(path)) for path, output in zip(paths, outputs, strict=True)]
    return plan


def _is_kept(args: argparse.Namespace, path: Path) -> bool:
    from sofc.imagefiles import is_lossy_jpeg

    return args.keep_file or (keeps_jpeg(args) and is_lossy_jpeg(path))


def _needs_whole_name(path: Path) -> bool:
    is_long = len(os.fsencode(path.name)) > LONG_NAME_BYTES
    return is_long or path.suffix.lower() == destinations.SOFC or not is_kept(path.name)


def _found(args: argparse.Namespace) -> tuple[Plan, list[tuple[Path, Path]]]:
    """A plan without jobs, and the files to encode, each with its path relative to the folder that was named."""
    from sofc.imagefiles import entries, why_no_image, why_none_inside

    plan = Plan(has_folder=any(Path(item).is_dir() for item in args.inputs))
    files: list[tuple[Path, Path]] = []
    for entry in entries(args.inputs, args.recursive):
        reason = entry.reason
        error: OSError | SofcError | None = entry.error
        if not (reason or error or args.keep_file or args.raw is not None):
            try:
                if not entry.named:
                    reason = why_no_image(entry.path)
                elif found := why_none_inside(entry.path):
                    error = FormatError(f"{entry.path}: this is {found}: there is no image to encode")
            except OSError as caught:
                error = caught
        if error is not None:
            plan.unread.append((entry.path, error))
        elif reason:
            plan.passed_over.append((entry.path, reason))
        else:
            files.append((entry.path, entry.relative))
    return plan, files
