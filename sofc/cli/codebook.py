"""``sofc codebook``: codebooks on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sofc.cli import codebook_sharing, options
from sofc.cli.console import OK, Console, count_of, message_of, size
from sofc.cli.outputs import refuse_overwrite

if TYPE_CHECKING:
    from sofc.codebook import Codebook

LIST_EXAMPLES = """\
  sofc codebook list           those of SOFC_CODEBOOK_PATH, the installed ones and the built-in ones
  sofc codebook list --json    for programs"""
SHOW_EXAMPLES = """\
  sofc codebook show scans.sofcb                       models, where they are from, the most frequent shapes
  sofc codebook show -vv scans.sofcb                   also sections, and what each coder found
  sofc codebook show scans --render scans.png          draws shapes with their counts, and what predictors learnt"""
LISTED = 10
"""Shapes of a plane that the text lists."""

INSTALL_EXAMPLES = """\
  sofc codebook install scans.sofcb    from now on -D scans and every decode find it"""


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb and its own verbs."""
    parser: argparse.ArgumentParser = verbs.add_parser(  # type: ignore[attr-defined]
        "codebook",
        help="list, show, install and pass on codebooks",
        description="List, show, install and pass on codebooks.",
        epilog=f"examples:\n{LIST_EXAMPLES}\n{SHOW_EXAMPLES}\n{INSTALL_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inner = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = options.add_verb(inner, "list", "list the codebooks that are found without being named", LIST_EXAMPLES)
    listing.add_argument("--json", action="store_true", help="print a list of objects as JSON")
    listing.set_defaults(run=run_list)
    show = options.add_verb(inner, "show", "show what a codebook holds", SHOW_EXAMPLES)
    show.add_argument("codebook", metavar="FILE|NAME", help="codebook file, or name or id of an installed codebook")
    show.add_argument(
        "--render", type=options.picture, metavar="PNG", help="draw the shapes, and what predictors learnt"
    )
    show.add_argument("--json", action="store_true", help="print an object as JSON")
    options.add_force(show)
    show.set_defaults(run=run_show)
    install = options.add_verb(inner, "install", "put codebooks where every decode finds them", INSTALL_EXAMPLES)
    install.add_argument("files", nargs="+", type=Path, metavar="FILE", help="codebook files")
    install.add_argument("--json", action="store_true", help="print a list of objects as JSON")
    install.set_defaults(run=run_install)
    codebook_sharing.add_parsers(inner)


def run_list(args: argparse.Namespace) -> int:
    """List codebooks."""
    from sofc.codebook.builtin import is_builtin
    from sofc.codebook.store import list_codebooks

    console = options.console(args)
    unusable: list[str] = []
    found = list_codebooks(unusable)
    for one in unusable:
        console.note(one)
    if args.json:
        console.json([{"path": str(path), **_summary(codebook)} for path, codebook in found])
        return OK
    for path, codebook in found:
        bytes_ = size(len(codebook.to_bytes()))
        where = "built in" if is_builtin(codebook) else path
        console.answer(f"{codebook.name}  {codebook.reference.id.hex()}  {bytes_}  {where}")
    return OK


def run_install(args: argparse.Namespace) -> int:
    """Install codebooks; the worst status counts."""
    from sofc.cli.reading import not_codebook
    from sofc.codebook.store import install_codebook
    from sofc.errors import NotSofcError, SofcError

    console = options.console(args)
    status = OK
    results: list[dict[str, Any]] = []
    for path in args.files:
        try:
            try:
                installed = install_codebook(path.read_bytes())
            except NotSofcError:
                raise not_codebook(path) from None
        except (SofcError, OSError) as error:
            status = max(status, console.error(error, str(path)))
            results.append({"name": str(path), "ok": False, "error": message_of(error)})
            continue
        results.append({"name": str(path), "ok": True, "path": str(installed)})
        if not args.json:
            console.result(f"{path} -> {installed}")
    if args.json:
        console.json(results)
    return status


def run_show(args: argparse.Namespace) -> int:
    """Show one codebook."""
    console = options.console(args)
    codebook = options.named_codebook(args)
    assert codebook is not None
    if args.render is not None:
        refuse_overwrite(args.render, args.force)
    if args.json:
        console.json({**_summary(codebook), "shapes": _shapes(codebook)})
    else:
        _print(console, codebook)
    if args.render is not None:
        from sofc.cli.render import render_codebook

        console.result(f"{args.render}: {render_codebook(codebook, args.render)}")
    return OK


def _summary(codebook: Codebook) -> dict[str, Any]:
    return {
        "name": codebook.name,
        "version": codebook.version,
        "licence": codebook.licence,
        "id": codebook.id.hex(),
        "size": len(codebook.to_bytes()),
        "models": [vars(model) for model in codebook.models],
        "bases": [{"name": base.name, "id": base.id.hex(), "sections": len(base.sections)} for base in codebook.bases],
        "sections": [
            {"coder": section.coder, "kind": section.kind, "size": len(section.data)}
            for section in codebook.own_sections
        ],
        "provenance": codebook.provenance,
    }


def _print(console: Console, codebook: Codebook) -> None:
    from sofc.coders.registry import CODERS
    from sofc.transforms.components import TRANSFORMS

    coders = {number: f"coder {coder.name}" for number, coder in CODERS.items()}
    transforms = {number: f"transform {transform.name}" for number, transform in TRANSFORMS.items()}
    say = console.answer
    say(f"codebook {codebook.name!r}, {size(len(codebook.to_bytes()))}")
    say(f"  id {codebook.id.hex()}")
    for number, model in enumerate(codebook.models):
        transform = transforms.get(model.transform, f"unknown transform {model.transform}")
        coder = coders.get(model.coder, f"unknown coder {model.coder}")
        use = f"effort {model.effort}" if model.effort else "by name only"
        sections = f", sections {', '.join(map(str, model.sections))}" if console.verbose >= 2 else ""
        say(
            f"  model {number}: {count_of(model.components, 'component')} of up to {model.max_bits} bits, "
            f"{transform}, {coder}, {use}{sections}"
        )
    for base in codebook.bases:
        say(f"  sections of the built-in codebook {base.name!r}, which are not in this one: {len(base.sections)}")
    if console.verbose >= 2:
        own = codebook.own_sections
        for number, section in enumerate(own, len(codebook.sections) - len(own)):
            coder = coders.get(section.coder, f"unknown coder {section.coder}")
            say(f"  section {number}: {coder}, kind {section.kind}, {size(len(section.data))}")
    for line in codebook.provenance.splitlines():
        # What coders found is indented further than whose images those were.
        if console.verbose >= 2 or not line.startswith(" "):
            say(f"  {line}")
    for plane in _shapes(codebook):
        _print_shapes(console, plane)


def _shapes(codebook: Codebook) -> list[dict[str, Any]]:
    """The shapes of each plane of each model of the shape coder, the most frequent first."""
    from sofc.coders.shape.counts import mined_planes

    planes = []
    for plane in mined_planes(codebook):
        shapes, counts, bits = plane.shapes.shapes, plane.shapes.counts, plane.shapes.prices / 16
        planes.append(
            {
                "model": plane.model,
                "plane": plane.plane,
                "singles": int(counts[0]),
                "shapes": [
                    {
                        "rows": int(shapes.heights[number]),
                        "columns": int(shapes.widths[number]),
                        "count": int(counts[1 + number]),
                        "bits": round(float(bits[1 + number]), 1),
                    }
                    for number in range(len(shapes))
                ],
            }
        )
    return planes


def _print_shapes(console: Console, plane: dict[str, Any]) -> None:
    shapes = plane["shapes"]
    line = f"  shapes of model {plane['model']}, plane {plane['plane']}: {len(shapes)}"
    line += f", placed {count_of(sum(shape['count'] for shape in shapes), 'time')} in training"
    console.answer(f"{line}, and single samples {count_of(plane['singles'], 'time')}")
    for shape in shapes[:LISTED]:
        count = count_of(shape["count"], "time")
        console.answer(f"    {shape['rows']}x{shape['columns']}: placed {count}, named in about {shape['bits']} bits")
    if len(shapes) > LISTED:
        console.answer(f"    and {len(shapes) - LISTED} more, which --json lists and --render draws")
