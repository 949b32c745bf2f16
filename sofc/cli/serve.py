"""``sofc serve``: an archive as web pages."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import threading
from pathlib import Path

from sofc.cli import options
from sofc.cli.console import OK
from sofc.errors import UsageError

EXAMPLES = """\
  sofc serve scans.archive                     http://127.0.0.1:8080/, for this machine alone, until Ctrl-C
  sofc serve scans.archive --port 0            at a port that is free
  sofc serve scans.archive --host 0.0.0.0      for everybody who reaches this machine: there are no passwords"""
THREADS = 4
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def add_parser(verbs: options.Verbs) -> None:  # type: ignore[valid-type]
    """Add the verb."""
    parser = options.add_verb(verbs, "serve", "show an archive as web pages, to look at and to download from", EXAMPLES)
    parser.add_argument("archive", type=Path, metavar="DIR", help="the archive")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=port, default=8080, metavar="N", help="the port; 0: any (default: 8080)")
    parser.add_argument("--json", action="store_true", help="print a list of the pages' addresses as JSON")
    parser.set_defaults(run=run)


def port(text: str) -> int:
    """argparse type: the number of a port."""
    number = int(text)
    if not 0 <= number < 1 << 16:
        raise ValueError
    return number


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    try:
        from waitress.server import create_server

        from sofc.archive.serving import Application
    except ModuleNotFoundError:
        raise UsageError('serve needs Werkzeug and Waitress: pip install "sofc[serve]"') from None
    from sofc.archive.access import open_archive

    # Of every request that waits for another: browsers ask for many pictures at once.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    console = options.console(args)
    is_local = _is_local(args.host)
    with open_archive(args.archive) as archive:
        for line in archive.damage:
            console.note(line)
        hosts = (*LOCAL_NAMES, args.host) if is_local else None
        application = Application(archive, args.archive.resolve().name, hosts)
        try:
            server = create_server(application, host=args.host, port=args.port, threads=THREADS, ident="sofc")
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), f"{args.host}:{args.port}") from None
        except ValueError:  # of Waitress, for names that no name server knows
            raise UsageError(f"--host {args.host}: no address has this name") from None
        # A name may stand for several addresses.
        listening = getattr(server, "effective_listen", None) or [(args.host, server.effective_port)]
        addresses = [f"http://{f'[{host}]' if ':' in host else host}:{number}/" for host, number in listening]
        if args.json:
            console.json(addresses)
        else:
            console.answer("\n".join(addresses))
        console.results.flush()  # whoever reads it waits for it
        if not is_local:
            console.note("everybody who reaches this machine can read the archive")
        # Signals come to the first thread, where nothing of the server's swallows what they raise.
        serving = threading.Thread(target=server.run, daemon=True)
        serving.start()
        serving.join()
    return OK


def _is_local(host: str) -> bool:
    """Whether what listens there is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
