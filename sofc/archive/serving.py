"""``sofc serve``: an archive as web pages, to read, by WSGI. Nothing of a request becomes a path on disk."""

from __future__ import annotations

import os
import re
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, NotFound
from werkzeug.http import is_resource_modified
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sofc.archive import catalogue, views
from sofc.archive.access import Archive
from sofc.archive.catalogue import Cursor, Item
from sofc.archive.pictures import picture, png_of, thumbnail
from sofc.archive.tree import FILE, FOLDER, path_of
from sofc.container.original import MAX_FILE_BYTES
from sofc.errors import SofcError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from PIL.Image import Image
LISTED = 60
"""Entries of a page."""
LONGEST_SEARCH = 200
MOST_PIXELS = 1 << 25
"""Of an image that is shown."""
SIDE = 240
"""Of a small picture, at most: screens show it at half of that."""
HELD_THUMBNAILS = 512
_STYLE = Path(__file__).with_name("style.css")
_SHOWN_BY_BROWSERS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WebP": "image/webp",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}
_HEADERS = {
    # No scripts, nothing from elsewhere: also where a page would let through what it should not.
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_VIEWS = ("folder", "kind", "search", "file", "original", "picture", "thumbnail")


class Application:
    """Pages of an archive, as a WSGI application that threads share.

    ``hosts``: names under which it may be asked for, so that pages of other sites, whose names a hostile name server
    leads here, read nothing; None for any.
    """

    def __init__(self, archive: Archive, name: str, hosts: Iterable[str] | None = None) -> None:
        self._archive = archive
        self._site = views.Site(name, catalogue.kinds(archive.table))
        self._hosts = None if hosts is None else {*hosts}
        rules = [Rule(f"/{view}", endpoint=getattr(self, f"_{view}"), methods=["GET"]) for view in _VIEWS]
        rules += [Rule("/", endpoint=self._overview, methods=["GET"])]
        rules += [Rule("/style.css", endpoint=self._style, methods=["GET"])]
        self._rules = Map(rules)
        self._thumbnails: OrderedDict[str, bytes] = OrderedDict()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        try:
            self._check_host(request)
            endpoint, _ = self._rules.bind_to_environ(environ).match()
            response: Response = endpoint(request)
        except HTTPException as error:
            response = self._failed(error)
        except (SofcError, OSError, ValueError, MemoryError, sqlite3.Error) as error:
            response = self._failed(InternalServerError(f"It cannot be read: {error}"))
        response.headers.update({**_HEADERS, **response.headers})
        return response(environ, start_response)

    def _check_host(self, request: Request) -> None:
        # Not by Werkzeug, whose ``trusted_hosts`` take no addresses of IPv6.
        name = re.sub(r":[0-9]*\Z", "", request.headers.get("Host", "")).lower()
        if self._hosts is not None and name not in self._hosts:
            raise BadRequest(f"This archive is not to be had under the name {name!r}.")

    def _failed(self, error: HTTPException) -> Response:
        response = error.get_response()
        text = views.failed(self._site, f"{error.code} {error.name}", error.description or "")
        # What else it says, such as the methods that are allowed, or how long the file is.
        kept = {name: value for name, value in response.headers.items() if not name.startswith("Content-")}
        found = Response(text, error.code, kept, mimetype="text/html")
        if "Content-Range" in response.headers:
            found.headers["Content-Range"] = response.headers["Content-Range"]
        return found

    def _overview(self, request: Request) -> Response:
        page = catalogue.folder(self._archive.table, "", False, None, LISTED)
        return _html(views.overview(self._site, page))

    def _style(self, request: Request) -> Response:
        return Response(_STYLE.read_bytes(), mimetype="text/css", headers={"Cache-Control": "max-age=3600"})

    def _folder(self, request: Request) -> Response:
        path, escaped = _asked(request)
        if path and self._item(request).type != FOLDER:
            raise NotFound(f"There is no folder {path!r} in this archive.")
        page = catalogue.folder(self._archive.table, path, escaped, _after(request), LISTED)
        return _html(views.folder(self._site, path, escaped, page))

    def _kind(self, request: Request) -> Response:
        number = request.args.get("number", -1, type=int)
        for kind in self._site.kinds:
            if kind.number == number:
                page = catalogue.of_kind(self._archive.table, number, _after(request), LISTED)
                return _html(views.kind(self._site, kind, page))
        raise NotFound("There is no such kind in this archive.")

    def _search(self, request: Request) -> Response:
        asked = request.args.get("q", "")[:LONGEST_SEARCH]
        page = catalogue.named(self._archive.table, asked, _after(request), LISTED) if asked else None
        return _html(views.search(self._site, asked, page))

    def _file(self, request: Request) -> Response:
        item = self._item(request)
        number: int | None = request.args.get("image", 0, type=int)
        why_none = ""
        if not item.images:
            number = None
        elif (item.width or 0) * (item.height or 0) > MOST_PIXELS:
            number, why_none = None, "The image is too large to be shown here."
        elif not 0 <= (number or 0) < item.images:
            raise NotFound(f"The file has no image {number}.")
        return _html(views.file(self._site, item, number, why_none))

    def _original(self, request: Request) -> Response:
        item = self._item(request)
        if item.type != FILE:
            raise NotFound(f"{item.path} is no file but a {item.type}.")
        name = quote(path_of(item.name, bool(item.escaped)), safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Cache-Control": "no-cache"}
        body = partial(self._bytes, item)
        return _conditional(request, body, _tag(item), item.size or 0, headers, "application/octet-stream")

    def _picture(self, request: Request) -> Response:
        item = self._item(request)
        number = request.args.get("image", 0, type=int)
        if (item.width or 0) * (item.height or 0) > MOST_PIXELS or not 0 <= number < (item.images or 0):
            raise NotFound("There is no such picture.")
        headers = {"Cache-Control": "private, max-age=600"}
        if (kind := _SHOWN_BY_BROWSERS.get(item.format or "")) is not None:
            return _conditional(request, partial(self._bytes, item), _tag(item), item.size or 0, headers, kind)

        def made() -> Iterable[bytes]:
            images = self._archive.images(_name(item))
            if number >= len(images):
                raise NotFound("There is no such picture.")
            return [png_of(picture(images[number]))]

        return _conditional(request, made, f"{_tag(item)}-{number}", None, headers, "image/png")

    def _thumbnail(self, request: Request) -> Response:
        item = self._item(request)
        if not item.images or (item.width or 0) * (item.height or 0) > MOST_PIXELS:
            raise NotFound("There is no such picture.")
        tag = f"{_tag(item)}-{SIDE}"

        def made() -> Iterable[bytes]:
            data = self._thumbnails.get(tag) or png_of(self._small(item))
            self._thumbnails[tag] = data
            while len(self._thumbnails) > HELD_THUMBNAILS:
                self._thumbnails.popitem(last=False)
            return [data]

        return _conditional(request, made, tag, None, {"Cache-Control": "private, max-age=600"}, "image/png")

    def _small(self, item: Item) -> Image:
        if item.format in _SHOWN_BY_BROWSERS and (item.bits or 0) <= 8:
            try:
                return thumbnail(self._archive.read_bytes(_name(item)), SIDE)
            except (OSError, ValueError):
                pass  # which sofc may read all the same
        return picture(self._archive.images(_name(item))[0], SIDE)

    def _bytes(self, item: Item) -> Iterable[bytes]:
        """The original, compared with its SHA-256; a large one as far as it was read, which ends early if it is not."""
        if (item.size or 0) <= MAX_FILE_BYTES:
            return [self._archive.read_bytes(_name(item))]
        return _held_back(self._archive.pieces(_name(item)))

    def _item(self, request: Request) -> Item:
        path, escaped = _asked(request)
        item = catalogue.entry(self._archive.table, path, escaped)
        if item is None:
            raise NotFound(f"There is no {path!r} in this archive.")
        return item


def _asked(request: Request) -> tuple[str, bool]:
    """The path that is asked for, as the manifest has it."""
    return request.args.get("path", ""), request.args.get("escaped") == "1"


def _after(request: Request) -> Cursor | None:
    text = request.args.get("after", "")
    return (text[1:], int(text[0])) if text[:1] in ("0", "1") else None


def _name(item: Item) -> str:
    return os.fsdecode(path_of(item.path, bool(item.escaped)))


def _tag(item: Item) -> str:
    """An ETag: units are named after what is in them."""
    return f"{item.unit}-{item.item}"


def _html(text: str) -> Response:
    return Response(text, mimetype="text/html", headers={"Cache-Control": "no-cache"})


def _conditional(
    request: Request,
    body: Callable[[], Iterable[bytes]],
    tag: str,
    size: int | None,
    headers: dict[str, str],
    kind: str,
) -> Response:
    """What ``body`` gives, or a part of it, unless whoever asks has it already: then it is not made, nor for HEAD where
    the ``size`` is known."""
    response = Response(headers=headers, content_type=kind)
    response.set_etag(tag)
    is_known = not is_resource_modified(request.environ, tag)
    if not is_known and not (request.method == "HEAD" and size is not None):
        response.response = body()
        size = size if size is not None else response.calculate_content_length()
    if size is not None:
        response.content_length = size
    if is_known:
        return response.make_conditional(request)
    complete = size if size is not None and _is_of_one_part(request, size) else None
    return response.make_conditional(request, accept_ranges=True, complete_length=complete)


def _is_of_one_part(request: Request, size: int) -> bool:
    """Whether one part of so many bytes is asked for: all is the answer to a header that says nothing of use, that asks
    for several parts, or for more at the end than there is."""
    wanted = request.range
    return (
        wanted is not None
        and wanted.units == "bytes"
        and len(wanted.ranges) == 1
        and (wanted.ranges[0][0] or 0) >= -size
    )


def _held_back(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces, each when the next is there: what turns out wrong at the end never looks whole."""
    last = b""
    for piece in pieces:
        yield last
        last = piece
    yield last
