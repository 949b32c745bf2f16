"""``sofc codebook export``, ``import`` and ``verify``: codebooks from people to people."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sofc.cli import options
from sofc.cli.console import OK, Console, message_of
from sofc.cli.outputs import refuse_overwrite
from sofc.errors import SofcError, UsageError
from sofc.places import without_credentials

if TYPE_CHECKING:
    from sofc.codebook import Codebook
    from sofc.codebook.sharing import Found

EXPORT_EXAMPLES = """\
  sofc codebook export scans -o share                     share/ID.sofcb, which others find by its id
  sofc codebook export scans.archive -o share             those of an archive
  sofc codebook export scans -o share --sign minisign.key --comment 'for ward 3'"""
IMPORT_EXAMPLES = """\
  sofc codebook import 8a0c...  --from share --key minisign.pub     by id, from a folder
  sofc codebook import 8a0c...  --from https://HOST/codebooks       keys from SOFC_CODEBOOK_KEYS
  sofc codebook import share/8a0c....sofcb --unsigned               a file that nobody has signed"""
VERIFY_EXAMPLES = """\
  sofc codebook verify share/*.sofcb --key minisign.pub"""
PASSWORD_VARIABLE = "SOFC_SIGNING_PASSWORD"


def add_parsers(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verbs."""
    export = options.add_verb(verbs, "export", "put codebooks into a folder to pass on", EXPORT_EXAMPLES)
    export.add_argument(
        "codebooks",
        nargs="+",
        metavar="FILE|NAME|DIR",
        help="codebook file, name or id of an installed one, or archive",
    )
    export.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder, made if need be")
    export.add_argument("--sign", type=Path, metavar="KEY", help="sign them with this secret key of minisign")
    export.add_argument("--comment", default="", metavar="TEXT", help="what the signature says besides")
    options.add_force(export)
    _add_json(export)
    export.set_defaults(run=run_export)
    taking = options.add_verb(
        verbs, "import", "install codebooks from elsewhere, if who signed is trusted", IMPORT_EXAMPLES
    )
    taking.add_argument("codebooks", nargs="+", metavar="ID|FILE|URL", help="32 digits of an id, a file or a URL")
    taking.add_argument(
        "--from",
        dest="places",
        action="append",
        default=[],
        metavar="DIR|URL",
        help="where to look for an id, before SOFC_CODEBOOK_PLACES, a list with spaces between",
    )
    _add_keys(taking)
    taking.add_argument("--unsigned", action="store_true", help="take them whether or not anybody has signed them")
    _add_json(taking)
    taking.set_defaults(run=run_import)
    verify = options.add_verb(verbs, "verify", "say who has signed codebooks", VERIFY_EXAMPLES)
    verify.add_argument("codebooks", nargs="+", metavar="FILE|URL", help="codebooks, beside which their signatures are")
    _add_keys(verify)
    _add_json(verify)
    verify.set_defaults(run=run_verify, places=[], unsigned=False)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        dest="keys",
        action="append",
        default=[],
        metavar="KEY",
        help="a public key of minisign that is trusted: its file, or its line that begins with RW; besides those of "
        "SOFC_CODEBOOK_KEYS, a list with spaces between",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a list of objects as JSON")


def run_export(args: argparse.Namespace) -> int:
    """Put codebooks into a folder."""
    from sofc.codebook import sharing, signing

    console = options.console(args)
    if args.comment and args.sign is None:
        raise UsageError("--comment is said by a signature: name a key with --sign")
    results: list[dict[str, Any]] = []
    books = {book.id: book for named in args.codebooks for book in _named(named)}
    for book in books.values():
        name = sharing.file_name(book)
        refuse_overwrite(args.output / name, args.force)
        signature = None
        if args.sign is not None:
            comment = f"file:{name}\thashed" + (f"\t{args.comment}" if args.comment else "")
            signature = signing.sign(book.to_bytes(), args.sign, comment, _password)
        path = sharing.share(book, args.output, signature)
        results.append({"path": str(path), **_facts(book), "signed": signature is not None})
        if not args.json:
            console.result(f"{path}: {_described(book)}{', signed' if signature is not None else ''}")
    if args.json:
        console.json(results)
    return OK


def _named(text: str) -> list[Codebook]:
    """The codebook of a name, or those of an archive."""
    from sofc.archive import codebooks, manifest
    from sofc.codebook.store import SUFFIX, load_codebook, read_codebook

    folder = Path(text)
    if not folder.is_dir():
        return [load_codebook(text)]
    if not manifest.is_archive(folder):
        raise UsageError(f"{folder} is a folder, and no archive: name codebook files")
    found: dict[bytes, Codebook] = {}
    errors: list[SofcError | OSError] = []
    for path in sorted((folder / codebooks.FOLDER).glob(f"*{SUFFIX}")):
        try:
            book = read_codebook(path)
        except (SofcError, OSError) as error:  # each is there twice
            errors.append(error)
            continue
        found[book.id] = book
    if not found:
        raise errors[0] if errors else UsageError(f"{folder} has no codebooks of its own: all are built in")
    return [*found.values()]


def _password() -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"the key has a password: put it into {PASSWORD_VARIABLE}, or run this in a terminal")
    from getpass import getpass

    return getpass("Password of the key: ")


def run_import(args: argparse.Namespace) -> int:
    """Install codebooks; the worst status counts."""
    from sofc.codebook.store import install_codebook

    return _each(args, options.console(args), lambda found: f" -> {install_codebook(found.codebook.to_bytes())}")


def run_verify(args: argparse.Namespace) -> int:
    """Say who has signed codebooks; the worst status counts."""
    return _each(args, options.console(args), lambda found: "")


def _each(args: argparse.Namespace, console: Console, use: Any) -> int:
    from sofc.codebook import sharing, signing

    keys: list[Any] | None = None
    if not args.unsigned:
        keys = [signing.public_key(text) for text in (*args.keys, *sharing.setting(sharing.KEYS_VARIABLE))]
        if not keys:
            way = "" if args.run is run_verify else ", or take codebooks --unsigned"
            raise UsageError(f"whom to trust? Name public keys with --key, or in {sharing.KEYS_VARIABLE}{way}")
    places = (*args.places, *sharing.setting(sharing.PLACES_VARIABLE))
    status = OK
    results: list[dict[str, Any]] = []
    for wanted in args.codebooks:
        name = without_credentials(wanted)
        try:
            found: Found = sharing.find(wanted, places, keys)
            done = use(found)
        except (SofcError, OSError) as error:
            status = max(status, console.error(error, name))
            results.append({"name": name, "ok": False, "error": message_of(error)})
            continue
        signed = None if found.signed is None else found.signed._asdict()
        results.append({"name": name, "ok": True, "path": found.where, **_facts(found.codebook), "signed": signed})
        if not args.json:
            by = "not signed" if found.signed is None else f"signed by {found.signed.key}: {found.signed.comment}"
            console.result(f"{found.where}{done}: {_described(found.codebook)}, {by}")
    if args.json:
        console.json(results)
    return status


def _facts(book: Codebook) -> dict[str, str]:
    return {"codebook": book.name, "id": book.id.hex(), "version": book.version, "licence": book.licence}


def _described(book: Codebook) -> str:
    version = f" {book.version}" if book.version else ""
    return f"codebook {book.name}{version}, {f'licence {book.licence}' if book.licence else 'no licence given'}"
