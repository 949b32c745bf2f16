"""``sofc serve``: all of an archive can be browsed and downloaded, nothing else; with real clients and a browser."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
import tifffile
from PIL import Image

from sofc.archive import catalogue, manifest
from sofc.archive.access import Archive
from sofc.archive.making import Settings, archive
from sofc.cli.__main__ import main
from sofc.errors import FormatError

for module in ("werkzeug", "waitress"):
    pytest.importorskip(module, reason='needs the extra "serve": pip install "sofc[serve]"')

from waitress import wasyncore  # noqa: E402
from waitress.server import create_server  # noqa: E402

from sofc.archive import serving  # noqa: E402
from sofc.archive.serving import Application  # noqa: E402

HOSTS = ("127.0.0.1", "localhost")
MAGENTA = (200, 0, 200)
HOSTILE = "<img src=x onerror=\"document.title='taken'\">.txt"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def put(root: Path, name: str | bytes, data: bytes) -> None:
    path = root / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def encoded(image: Any, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(image)).save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that browsers show and others, many files, and names that are hostile or odd."""
    root = tmp_path_factory.mktemp("made") / "tree"
    ramp = np.add.outer(np.arange(24), np.arange(32))
    for number in range(20):
        put(root, f"gray/{number}.png", encoded((ramp + number).astype(np.uint8), "PNG"))
    put(root, "magenta.png", encoded(np.full((30, 40, 3), MAGENTA, np.uint8), "PNG"))
    put(root, "palette.png", encoded(np.full((30, 40, 3), MAGENTA, np.uint8), "PNG"))
    palette = Image.new("P", (40, 30), 1)
    palette.putpalette([0, 0, 0, *MAGENTA])
    palette.save(root / "palette.png")
    tifffile.imwrite(root / "deep.tif", (ramp * 900).astype(np.uint16))
    pages = np.stack([ramp, ramp[::-1], ramp[:, ::-1]]).astype(np.uint8)
    tifffile.imwrite(root / "pages.tif", pages, photometric="minisblack")
    for number in range(2 * serving.LISTED + 5):
        put(root, f"many/{number:03}.txt", b"%d" % number)
    put(root, "empty.txt", b"")
    put(root, "large.txt", b"".join(b"%d " % number for number in range(40_000)))
    for name in (HOSTILE, "a b%2e?#&\"'.html", "line\nbreak \u202egnp.txt", "back\\slash/in.txt", "späť/🙂.txt"):
        put(root, f"names/{name}", name.encode())
    if sys.platform == "linux":
        for raw in (b"names/caf\xe9\\/\xff.txt", b"names/back\\slash/\xfe.txt", b"names/caf\xe9\\/plain.txt"):
            put(root, raw, raw)
    return root


@pytest.fixture(scope="module")
def made(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the tree."""
    folder = tmp_path_factory.mktemp("made") / "scans <b>.archive"
    archive(tree, folder, Settings(effort=1, train=False))
    return folder


class Server:
    """An application at a port of this machine."""

    def __init__(self, application: Any) -> None:
        self._sockets: dict[int, Any] = {}
        self._server = create_server(application, self._sockets, host="127.0.0.1", port=0, threads=4)
        self.port = self._server.effective_port
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # Waitress's own way to have its loop close it, its trigger, writes to a pipe that the loop may have closed.
        while not self._closing.is_set():
            wasyncore.loop(timeout=0.05, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets)

    def ask(self, target: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of a request; underscores in names of headers stand for hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def site(made: Path) -> Iterator[Server]:
    with Archive(made) as opened:
        server = Server(Application(opened, made.name, HOSTS))
        yield server
        server.close()


class Links(HTMLParser):
    """What a page leads to, what it shows, and its text; tags that none of ours has fail."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.followed: list[str] = []
        self.shown: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "iframe", "object", "b"), tag
        for name, value in attributes:
            assert (not name.startswith("on") and value is not None) or name == "download"
            if name in ("href", "src") and value is not None:
                (self.shown if tag in ("img", "link") else self.followed).append(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def original(name: str | bytes) -> str:
    """Where a file is downloaded from."""
    return f"/original?path={quote(name, safe='')}"


def test_all_of_an_archive_is_reached_by_links(site: Server, tree: Path) -> None:
    """Whoever follows every link from the first page gets every file byte for byte, and every picture."""
    waiting, seen = ["/"], {"/"}
    downloads: list[bytes] = []
    pictures = 0
    while waiting:
        target = waiting.pop()
        assert target.startswith("/"), "nothing from elsewhere"
        status, headers, body = site.ask(target)
        assert status == 200, (target, body)
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        if target.startswith("/original"):
            assert headers["Content-Disposition"].startswith("attachment")
            downloads.append(body)
        elif target.startswith(("/picture", "/thumbnail")):
            assert Image.open(io.BytesIO(body)).size != (0, 0)
            pictures += target.startswith("/thumbnail")
        elif target != "/style.css":
            found = Links(body.decode())
            new = {*found.followed, *found.shown} - seen
            seen |= new
            waiting += new
    files = sorted(path.read_bytes() for path in tree.rglob("*") if path.is_file())
    assert sorted(downloads) == files
    assert pictures == 24


@pytest.mark.parametrize(
    ("asked", "status", "first", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=1000-", 206, 1000, None),
        ("bytes=-7", 206, -7, None),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=5-99999999", 206, 5, None),
        ("bytes=-99999999", 200, 0, None),
        ("bytes=9999999-", 416, 0, 0),
        ("bytes=9-5", 200, 0, None),
        ("bytes=0-1,5-6", 200, 0, None),  # of several parts all may be given
        ("lines=0-9", 200, 0, None),
        ("nonsense", 200, 0, None),
    ],
)
def test_ranges(site: Server, tree: Path, asked: str, status: int, first: int, end: int | None) -> None:
    whole = (tree / "large.txt").read_bytes()
    found, headers, body = site.ask(original("large.txt"), Range=asked)
    assert found == status and headers["Accept-Ranges" if status == 200 else "Content-Range"]
    if status == 416:
        assert headers["Content-Range"] == f"bytes */{len(whole)}"
        return
    assert body == whole[first:end] and headers["Content-Length"] == str(len(body))
    if status == 206:
        start = first % len(whole)
        assert headers["Content-Range"] == f"bytes {start}-{start + len(body) - 1}/{len(whole)}"


def test_a_download_goes_on_where_it_was_cut(site: Server, tree: Path) -> None:
    whole = (tree / "large.txt").read_bytes()
    _, headers, _ = site.ask(original("large.txt"), "HEAD")
    same = site.ask(original("large.txt"), Range="bytes=500-", If_Range=headers["ETag"])
    assert same[0] == 206 and whole[:500] + same[2] == whole
    other = site.ask(original("large.txt"), Range="bytes=500-", If_Range='"another"')
    assert other[0] == 200 and other[2] == whole
    # Of an empty file no part can be asked for.
    assert site.ask(original("empty.txt"), Range="bytes=0-5")[::2] == (200, b"")


def test_what_is_known_is_not_made_again(made: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Archive(made) as opened:
        server = Server(Application(opened, made.name, HOSTS))
        read: list[str] = []
        for name in ("read_bytes", "images"):
            real: Callable[[str], Any] = getattr(opened, name)
            monkeypatch.setattr(opened, name, lambda path, real=real: read.append(path) or real(path))
        targets = {
            "original": (original("deep.tif"), len((tree / "deep.tif").read_bytes())),
            "picture": ("/picture?path=magenta.png", len((tree / "magenta.png").read_bytes())),
        }
        for target, size in targets.values():
            status, headers, body = server.ask(target, "HEAD")
            assert (status, headers["Content-Length"], body, read) == (200, str(size), b"", [])
            tag = headers["ETag"]
            assert server.ask(target, If_None_Match=tag)[::2] == (304, b"") and not read
            assert server.ask(target, If_None_Match=f'"other", W/{tag}')[0] == 304 and not read
            assert len(server.ask(target, If_None_Match='"other"')[2]) == size
            assert read.pop() and not read
        for target in ("/thumbnail?path=deep.tif", "/picture?path=pages.tif&image=2"):
            status, headers, body = server.ask(target)
            assert status == 200 and read.pop() and not read
            assert server.ask(target, "HEAD")[1]["Content-Length"] == str(len(body))
            read.clear()
            assert server.ask(target, If_None_Match=headers["ETag"])[::2] == (304, b"") and not read
        assert server.ask("/thumbnail?path=deep.tif")[0] == 200 and not read, "small pictures are held"
        server.close()


@pytest.mark.parametrize(
    "path",
    ["../tree/empty.txt", "/etc/passwd", "gray/../empty.txt", "./empty.txt", "gray//0.png", "empty.txt/", "empty.txt\0",
     "%65mpty.txt", "..\\empty.txt", "manifest.sqlite", "names", "C:\\Windows\\win.ini", "a" * 5000],
)  # fmt: skip
def test_no_path_leads_elsewhere(site: Server, path: str) -> None:
    for view in ("original", "file", "picture", "thumbnail", "folder"):
        if (view, path) in {("file", "names"), ("folder", "names")}:
            continue  # which are there
        for escaped in (0, 1):
            status, _, body = site.ask(f"/{view}?{urlencode({'path': path, 'escaped': escaped})}")
            assert status == 404 and b"<h1>404 Not Found</h1>" in body
    status, _, _ = site.ask("/folder?path=empty.txt")
    assert status == 404


@pytest.mark.parametrize(
    "target",
    ["/../manifest.sqlite", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/style.css/../serving.py", "/\\..\\x"],
)
def test_no_address_leads_elsewhere(site: Server, target: str) -> None:
    """As it stands, without what clients make of dots in it."""
    with socket.create_connection(("127.0.0.1", site.port), 30) as connection:
        request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert re.match(rb"HTTP/1\.1 (404|308|400) ", answer), answer


@pytest.mark.parametrize("query", ["image=-1", "image=3", "image=x", "image=99999999999999999999"])
def test_images_that_are_not_there(site: Server, query: str) -> None:
    status = site.ask(f"/picture?path=pages.tif&{query}")[0]
    assert status == (200 if query == "image=x" else 404)


@pytest.mark.parametrize(
    "query", ["q=%ff%fe", "q=", "q=%00", "after=7x&q=e", "after=1&q=e", "q=%25_%5C", "q=***", "q=a&q=b"]
)
def test_odd_searches(site: Server, query: str) -> None:
    assert site.ask(f"/search?{query}")[0] == 200


def test_what_only_reads_takes_nothing(site: Server) -> None:
    status, headers, _ = site.ask("/", "POST")
    assert status == 405 and set(headers["Allow"].replace(",", " ").split()) == {"GET", "HEAD"}
    assert site.ask("/file?path=empty.txt", "DELETE")[0] == 405


def test_other_sites_cannot_ask_under_their_name(site: Server, made: Path) -> None:
    assert site.ask("/", Host=f"localhost:{site.port}")[0] == 200
    for name in ("evil.example", "127.0.0.1.evil.example", ""):
        status, _, body = site.ask("/", Host=name)
        assert status == 400 and b"Kinds" not in body
    with Archive(made) as opened:
        open_to_all = Server(Application(opened, made.name))
        assert open_to_all.ask("/", Host="scans.example")[0] == 200
        open_to_all.close()


def test_searches_find_parts_of_paths(site: Server) -> None:
    def found(text: str) -> set[str]:
        body = site.ask(f"/search?{urlencode({'q': text})}")[2].decode()
        return {link for link in Links(body).followed if link.startswith(("/file", "/folder"))}

    assert found("MAGENTA") == {"/file?path=magenta.png"}
    assert found("gray/1?.png") == {f"/file?path=gray%2F{number}.png" for number in range(10, 20)}
    assert found("g*7.png") == {"/file?path=gray%2F7.png", "/file?path=gray%2F17.png"}
    assert found("back\\slash") >= {"/folder?path=names%2Fback%5Cslash"}
    assert found("%2e") == {"/file?path=names%2Fa+b%252e%3F%23%26%22%27.html"}
    assert found("a_b") == set() and found("nothing like it") == set()


def test_images_of_too_many_samples_are_not_shown(site: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert site.ask("/picture?path=magenta.png")[0] == 200
    monkeypatch.setattr(serving, "MOST_PIXELS", 40 * 30 - 1)
    assert [site.ask(f"/{view}?path=magenta.png")[0] for view in ("picture", "thumbnail")] == [404, 404]
    assert b"too large to be shown" in site.ask("/file?path=magenta.png")[2]


def test_more_at_the_end_than_there_is_means_all(site: Server) -> None:
    size = len(site.ask("/original?path=magenta.png")[2])
    for asked, status in ((size - 1, 206), (size, 206), (size + 1, 200)):
        answer = site.ask("/original?path=magenta.png", Range=f"bytes=-{asked}")
        assert (answer[0], len(answer[2])) == (status, min(asked, size))


def test_the_last_page_has_none_behind_it(made: Path) -> None:
    with Archive(made) as opened:
        every = catalogue.named(opened.table, "", None, 500).items
        assert catalogue.named(opened.table, "", None, len(every)).after is None
        assert catalogue.named(opened.table, "", None, len(every) - 1).after == every[-2].cursor


def test_pictures_show_what_is_there(site: Server) -> None:
    for name in ("magenta.png", "palette.png"):
        small = Image.open(io.BytesIO(site.ask(f"/thumbnail?path={name}")[2])).convert("RGB")
        assert small.size == (40, 30) and small.getpixel((20, 15)) == MAGENTA
    deep = np.asarray(Image.open(io.BytesIO(site.ask("/picture?path=deep.tif")[2])))
    ramp = np.add.outer(np.arange(24), np.arange(32))
    assert deep.dtype == np.uint8 and np.abs(deep - ramp * (255 / ramp.max())).max() <= 1


def test_damage_is_said_and_nothing_wrong_is_given(made: Path, tree: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made, tmp_path / "copy"))
    with Archive(copy) as opened:
        unit = opened.table.execute("SELECT unit FROM files WHERE path = 'large.txt'").fetchone()[0]
    path = copy / "units" / f"{unit}.sofu"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with Archive(copy) as opened:
        server = Server(Application(opened, copy.name, HOSTS))
        status, headers, body = server.ask(original("large.txt"))
        assert status == 500 and headers["Content-Type"].startswith("text/html") and b"cannot be read" in body
        assert server.ask(original("magenta.png"))[2] == (tree / "magenta.png").read_bytes()
        server.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET path = 7 WHERE path = 'magenta.png'",
        "UPDATE entries SET path = x'00ff' WHERE path = 'magenta.png'",
        "UPDATE entries SET time = 'never', mode = 1e300",
        "UPDATE contents SET images = 'many', width = x'00'",
        "UPDATE contents SET size = -5, images = 1 << 62, width = -1, height = 1 << 62",
        "UPDATE contents SET unit = 999",
        "UPDATE units SET name = '../../etc/passwd'",
        "UPDATE entries SET time = 9223372036854775807, mode = -1, escaped = 5",
        "UPDATE kinds SET name = '<script>'",
        "DROP TABLE kinds",
    ],
)
def test_hostile_manifests(made: Path, tmp_path: Path, change: str) -> None:
    """Whatever stands in its columns, an answer comes, and it is a page."""
    copy = Path(shutil.copytree(made, tmp_path / "copy"))
    with contextlib.closing(sqlite3.connect(copy / manifest.NAME)) as table:
        table.execute(change)
        table.commit()
    (copy / manifest.CHECK).write_text(manifest._check_of(copy / manifest.NAME), encoding="ascii")
    with Archive(copy) as opened:
        try:
            server = Server(Application(opened, copy.name, HOSTS))
        except FormatError:
            assert change.startswith("DROP")
            return
        views = ("file", "original", "picture", "thumbnail")
        targets = [f"/{view}?path={name}" for view in views for name in ("magenta.png", "large.txt", "deep.tif")]
        for target in ["/", "/folder?path=", "/folder?path=gray", "/kind?number=0", "/search?q=e", *targets]:
            status, headers, body = server.ask(target)
            assert status in (200, 404, 500) and headers["Content-Security-Policy"], (target, status)
            if headers["Content-Type"].startswith("text/html"):
                Links(body.decode())
        server.close()


def test_a_large_file_that_is_damaged_never_looks_whole(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MAX_FILE_BYTES", 1000)
    with Archive(made) as opened:
        server = Server(Application(opened, made.name, HOSTS))
        whole = opened.read_bytes("large.txt")
        assert server.ask(original("large.txt"))[2] == whole
        assert server.ask(original("large.txt"), Range="bytes=100-199")[2] == whole[100:200]

        def pieces(path: str) -> Iterator[bytes]:
            yield whole[:1000]
            yield whole[1000:]
            raise serving.SofcError("its SHA-256 is another")

        monkeypatch.setattr(opened, "pieces", pieces)
        with pytest.raises(http.client.IncompleteRead):
            server.ask(original("large.txt"))
        server.close()


ENTRIES, SCANNED = 200_000, 1 << 16


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of many files, half of them in one folder, without their units."""
    folder = tmp_path_factory.mktemp("large")
    content = manifest.ContentRow(b"\0" * 32, 1, 0, 0, 0, 1, "p", "", 0, 0, 0, 0, 0)
    paths = [f"{number // 1000:03}/{number:06}" for number in range(ENTRIES // 2)]
    paths += [f"all/{number:06}" for number in range(ENTRIES // 2)]
    entries = [manifest.EntryRow(path, False, "file", 0, 0o644, 0, None) for path in paths]
    names = sorted({path.partition("/")[0] for path in paths})
    entries += [manifest.EntryRow(name, False, "folder", 0, 0o755, None, None) for name in names]
    kinds = [manifest.KindRow("all", "pack", 0), manifest.KindRow("none", "pack", 0)]
    manifest.Manifest(kinds, [manifest.UnitRow("0", 1, b"\0" * 32)], [content], entries).write(folder)
    return folder


@pytest.mark.parametrize(
    ("target", "most"),
    [
        ("/", 400),
        ("/folder?path=all", 400),
        ("/folder?path=all&after=0all/050000", 400),
        ("/folder?path=all&after=0all/099990", 400),
        ("/file?path=all/000500", 400),
        ("/kind?number=0", 400),
        ("/search?q=all/0999", 1.5 * SCANNED),
        ("/search?q=nowhere", 1.5 * SCANNED),
        ("/kind?number=1", 1.5 * SCANNED),
    ],
)
def test_no_page_reads_the_whole_of_a_large_manifest(
    large: Path, target: str, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By SQLite's own count of what it did: some 20 steps an entry."""
    monkeypatch.setattr(catalogue, "SCANNED", SCANNED)
    with Archive(large) as opened:
        application = Application(opened, "large", HOSTS)
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 100
            return 0

        from werkzeug.test import Client

        opened.table.set_progress_handler(step, 100)
        answer = Client(application).get(target, base_url="http://localhost")
        assert answer.status_code == 200 and len(answer.data) < 100_000
        assert steps <= 40 * most


def test_pages_of_a_large_tree_have_each_entry_once(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "SCANNED", SCANNED)
    with Archive(large) as opened:
        for query, wanted in (
            (lambda after: catalogue.named(opened.table, "77", after, 500), None),
            (lambda after: catalogue.of_kind(opened.table, 0, after, 20_000), ENTRIES),
            (lambda after: catalogue.folder(opened.table, "all", False, after, 20_000), ENTRIES // 2),
            (lambda after: catalogue.folder(opened.table, "", False, after, 30), 101),
        ):
            found: list[str] = []
            after = None
            while True:
                page = query(after)
                found += [item.path for item in page.items]
                if (after := page.after) is None:
                    break
            expected = (
                wanted or opened.table.execute("SELECT count(*) FROM entries WHERE path LIKE '%77%'").fetchone()[0]
            )
            assert len(found) == len(set(found)) == expected and found == sorted(found)


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, ended with the block whatever happens there."""
    command = [sys.executable, "-m", "sofc.cli", "serve", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server
        finally:
            server.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_command(made: Path, tree: Path) -> None:
    with running(str(made), "--port", "0") as server:
        assert server.stdout is not None and server.stderr is not None
        address = server.stdout.readline()
        port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", address)[1])  # type: ignore[index]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", original("magenta.png"))
        assert connection.getresponse().read() == (tree / "magenta.png").read_bytes()
        second = [sys.executable, "-m", "sofc.cli", "serve", str(made), "--port", str(port)]
        taken = subprocess.run(second, capture_output=True, text=True, timeout=60)
        assert taken.returncode == 1 and re.fullmatch(rf"sofc: 127\.0\.0\.1:{port}: .*in use.*\n", taken.stderr)
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 130 and server.stderr.read() == ""


def test_addresses_for_programs(made: Path) -> None:
    with running(str(made), "--port", "0", "--json") as server:
        assert server.stdout is not None
        (address,) = json.loads("".join(iter(server.stdout.readline, "]\n")) + "]")
        connection = http.client.HTTPConnection(address.removeprefix("http://").removesuffix("/"), timeout=60)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200


@pytest.mark.parametrize("host", ["localhost", "::1", "127.0.0.5"])
def test_other_names_of_this_machine(made: Path, host: str) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with running(str(made), "--port", "0", "--host", host) as server:
        assert server.stdout is not None and server.stderr is not None
        found = re.fullmatch(r"http://(\[::1\]|[\w.]+):(\d+)/\n", server.stdout.readline())
        assert found is not None
        connection = http.client.HTTPConnection(found[1].strip("[]"), int(found[2]), timeout=60)
        for headers, status in (({}, 200), ({"Host": "evil.example"}, 400)):
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            assert answer.read() and answer.status == status
        connection.close()
        server.terminate()
        assert server.wait(30) == 143 and server.stderr.read() == "", "nothing to warn of"


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_one_line_says_what_is_missing(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path)]) == 2
    assert re.fullmatch(r"sofc: .* is no archive: .*\n", capsys.readouterr().err)
    for host in ("no such host", ""):
        assert main(["serve", str(made), "--host", host, "--port", "0"]) == 2
        assert capsys.readouterr().err == f"sofc: --host {host}: no address has this name\n"
    code = (
        "import sys; sys.modules['waitress'] = None; from sofc.cli.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    run = subprocess.run([sys.executable, "-c", code, "serve", str(made)], capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr == 'sofc: serve needs Werkzeug and Waitress: pip install "sofc[serve]"\n'


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
@pytest.mark.parametrize("view", ["folder?path=", "file?path=magenta.png", "file?path=deep.tif", "folder?path=names"])
def test_in_a_browser(site: Server, tmp_path: Path, view: str) -> None:
    """Chromium draws the pictures under our rules for contents, and runs nothing that a name says."""
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    flags += (
        "--disable-component-update --disable-sync --hide-scrollbars --window-size=900,700 --virtual-time-budget=9000"
    )
    shot = tmp_path / "shot.png"
    options = [
        *flags.split(),
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--screenshot={shot}",
        "--enable-logging=stderr",
    ]
    command = [str(CHROMIUM), *options, f"http://127.0.0.1:{site.port}/{view}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in run.stderr, run.stderr  # neither scripts nor what was refused
    drawn = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert drawn.shape == (700, 900, 3)
    blues = (np.abs(drawn - (0x1B, 0x6D, 0x94)).max(2) < 3).sum()
    assert blues > 500, "the button, by the style sheet"
    if view.endswith(("magenta.png", "path=")):
        assert (np.abs(drawn - MAGENTA).max(2) < 3).sum() > 1000
    elif view.endswith("deep.tif"):
        part = drawn[160:400]
        grays = part[(np.ptp(part, axis=2) == 0) & (part[..., 0] < 200)][:, 0]
        assert len(np.unique(grays)) > 40, "a ramp"
    else:
        command[1:1] = ["--dump-dom"]
        page = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
        assert "<title>names</title>" in page and "&lt;img src=x onerror" in page
