"""The pages that ``serving`` gives: HTML without scripts or outside parts. What comes from an archive is escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup

from sofc.archive.catalogue import Cursor, Item, KindCount, Page
from sofc.archive.tree import FILE, FOLDER

_SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_WAYS = {"i": "in a collection", "f": "by a file of its own", "c": "as a part of another image", "p": "packed"}
_LAYOUT = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head><body>'
    '<header><div><a class="home" href="/">{archive}</a><form action="/search" role="search">'
    '<input type="search" name="q" value="{asked}" aria-label="Search by name" placeholder="Search by name">'
    "<button>Search</button></form></div></header><main>{body}</main></body></html>\n"
)


class Site(NamedTuple):
    """What all pages tell: the name of the archive, and its kinds."""

    name: str
    kinds: Sequence[KindCount]


def overview(site: Site, page: Page) -> str:
    """The first page: kinds, and what stands in the tree's own folder."""
    rows = Markup().join(
        Markup(
            '<tr><td><a href="{url}">{name}</a></td><td>{contents}</td><td>{size}</td><td>{stored}</td><td>{ratio}</td>'
            '<td><meter value="{share}" title="{share} of what it was"></meter></td></tr>'
        ).format(
            url=url("kind", number=kind.number),
            name=visible(kind.name),
            contents=f"{kind.contents:,}",
            size=size(kind.size),
            stored=size(kind.stored),
            ratio=f"{kind.size / max(1, kind.stored):.2f}",
            share=f"{min(1, kind.stored / max(1, kind.size)):.3f}",
        )
        for kind in site.kinds
    )
    before, after = sum(kind.size for kind in site.kinds), sum(kind.stored for kind in site.kinds)
    body = Markup(
        '<h1>{name}</h1><p class="dim">{contents} files of different contents, {before}, stored in {after}</p>'
        "<h2>Kinds</h2><table><tr><th>kind<th>files<th>before<th>here<th>ratio<th></tr>{rows}</table>"
        "<h2>Files</h2>{listing}"
    ).format(
        name=visible(site.name),
        contents=f"{sum(kind.contents for kind in site.kinds):,}",
        before=size(before),
        after=size(after),
        rows=rows,
        listing=_listing(page, partial(url, "folder", path="")),
    )
    return _page(site, site.name, body)


def folder(site: Site, path: str, escaped: bool, page: Page) -> str:
    """What stands in a folder."""
    body = Markup("{path}<h1>{name}</h1>{listing}").format(
        path=_path(path, escaped),
        name=visible(path.rpartition("/")[2]) or "Files",
        listing=_listing(page, partial(url, "folder", **_named(path, escaped))),
    )
    return _page(site, path, body)


def kind(site: Site, found: KindCount, page: Page) -> str:
    """Files of a kind."""
    body = Markup(
        '<h1>{name}</h1><p class="dim">{count} of different contents, {before}, stored in {after}</p>{listing}'
    )
    listing = _listing(page, partial(url, "kind", number=found.number))
    before, after = size(found.size), size(found.stored)
    name = visible(found.name)
    return _page(
        site,
        found.name,
        body.format(name=name, count=f"{found.contents:,}", before=before, after=after, listing=listing),
    )


def search(site: Site, asked: str, page: Page | None) -> str:
    """What a search by name has found; ``page`` None where nothing was asked for."""
    body = Markup("<h1>Search by name</h1><p>Parts of paths; * stands for any characters, ? for one.</p>")
    if page is not None:
        body = Markup("<h1>Names with “{asked}”</h1>{listing}").format(
            asked=visible(asked), listing=_listing(page, partial(url, "search", q=asked))
        )
    return _page(site, asked or "Search", body, asked)


def file(site: Site, item: Item, picture: int | None, why_none: str) -> str:
    """One file: the picture of its image with this number, if there is one to show, and what is known of it."""
    named = _named(item.path, bool(item.escaped))
    shown = Markup('<p class="dim">{}</p>').format(why_none) if why_none else Markup()
    if picture is not None:
        shown = Markup('<figure><a href="{url}"><img src="{url}" alt="{name}"></a></figure>{others}').format(
            url=url("picture", **named, image=picture), name=visible(item.name), others=_others(item, picture, named)
        )
    facts = Markup().join(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in _facts(site, item))
    button = Markup('<p><a class="button" href="{}" download>Download the original, {}</a></p>')
    body = Markup("{path}<h1>{name}</h1>{shown}{button}<dl>{facts}</dl>").format(
        path=_path(item.path, bool(item.escaped)),
        name=visible(item.name),
        shown=shown,
        button=button.format(url("original", **named), size(item.size or 0)) if item.type == FILE else "",
        facts=facts,
    )
    return _page(site, item.path, body)


def failed(site: Site, title: str, why: str) -> str:
    """What is said instead of a page."""
    return _page(site, title, Markup("<h1>{}</h1><p>{}</p>").format(title, visible(why)))


def url(view: str, **parameters: object) -> str:
    """Of a page with these parameters."""
    return f"/{view}?{urlencode(parameters)}"


def visible(text: str) -> str:
    """Text with escapes for what cannot be seen, or would turn what stands after it around."""
    return "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") else letter
        for letter in text
    )


def size(count: int) -> str:
    """Bytes for people."""
    for factor, unit in _SIZES:
        if count >= factor:
            return f"{count / factor:.3g} {unit}" if count < 1000 * factor else f"{count / factor:,.0f} {unit}"
    return f"{count} bytes"


def _page(site: Site, title: str, body: Markup, asked: str = "") -> str:
    return str(_LAYOUT.format(title=visible(title), archive=visible(site.name), asked=asked, body=body))


def _named(path: str, escaped: bool) -> dict[str, object]:
    return {"path": path, "escaped": 1} if escaped else {"path": path}


def _path(path: str, escaped: bool) -> Markup:
    """The folders that lead to a path, as links."""
    names = path.split("/")
    links = [Markup('<a href="/">files</a>')]
    for count in range(1, len(names)):
        # A folder's own name may need no escape where that of what is in it does.
        above, name = "/".join(names[:count]), names[count - 1]
        plain = not escaped or "\\x" not in above.replace("\\\\", "")
        target = _named(above.replace("\\\\", "\\") if escaped and plain else above, not plain)
        links.append(Markup('<a href="{}">{}</a>').format(url("folder", **target), visible(name)))
    return Markup('<nav class="path" aria-label="Folders">{} /</nav>').format(Markup(" / ").join(links))


def _listing(page: Page, here: Callable[..., str]) -> Markup:
    """Folders, and files as a grid, with a link to what comes after; ``here``: gives the URL of this page, with more
    parameters."""
    folders = Markup().join(map(_folder, (item for item in page.items if item.type == FOLDER)))
    files = Markup().join(map(_card, (item for item in page.items if item.type != FOLDER)))
    more = Markup()
    if page.after is not None:
        more = Markup('<p class="pages"><a class="button" rel="next" href="{}">Next page</a></p>').format(
            here(after=cursor_text(page.after))
        )
    if not page.items:
        nothing = "Nothing among those that were looked at" if page.after is not None else "Nothing here"
        return Markup('<p class="dim">{}</p>{}').format(nothing, more)
    listed = Markup('<ul class="folders">{}</ul>').format(folders) if folders else Markup()
    return listed + (Markup('<ul class="grid">{}</ul>').format(files) if files else Markup()) + more


def cursor_text(cursor: Cursor) -> str:
    """A cursor as a parameter."""
    return f"{cursor[1]}{cursor[0]}"


def _folder(item: Item) -> Markup:
    target = url("folder", **_named(item.path, bool(item.escaped)))
    return Markup('<li><a href="{}">{}/</a></li>').format(target, visible(item.name))


def _card(item: Item) -> Markup:
    named = _named(item.path, bool(item.escaped))
    seen = Markup("{}").format(item.format or item.type)
    if item.images:
        seen = Markup('<img loading="lazy" alt="" src="{}">').format(url("thumbnail", **named))
    about = size(item.size or 0) if item.type == FILE else item.type
    if item.images:
        about = f"{item.width} × {item.height}, {about}"  # noqa: RUF001
    return Markup(
        '<li><a href="{url}" title="{path}"><div class="seen">{seen}</div><span>{name}</span>'
        '<span class="dim">{about}</span></a></li>'
    ).format(url=url("file", **named), path=visible(item.path), seen=seen, name=visible(item.name), about=about)


def _others(item: Item, picture: int, named: dict[str, object]) -> Markup:
    """Links to the images before and after one of several."""
    images = item.images or 1
    if images == 1:
        return Markup()
    links = [
        Markup('<a class="button" href="{}">{}</a>').format(url("file", **named, image=number), text)
        for number, text in ((picture - 1, "Image before"), (picture + 1, "Next image"))
        if 0 <= number < images
    ]
    return Markup('<p class="pages">Image {} of {} {}</p>').format(picture + 1, images, Markup(" ").join(links))


def _facts(site: Site, item: Item) -> Iterable[tuple[str, object]]:
    if item.type == FILE:
        stored = f"{size(item.bytes or 0)} of {size(item.size or 0)}, {_WAYS.get(item.way or '', 'somehow')}"
        yield "stored", stored
        for found in site.kinds:
            if found.number == item.kind:
                yield (
                    "kind",
                    Markup('<a href="{}">{}</a>').format(url("kind", number=found.number), visible(found.name)),
                )
    else:
        yield "type", item.type
    if item.format:
        yield "format", item.format
    if item.images:
        samples = f"{item.components} component{'s' if item.components != 1 else ''} of {item.bits} bits"
        yield "images", f"{item.images:,} of {item.width} × {item.height}, {samples}"  # noqa: RUF001
    yield "changed", _time(item.time)
    yield "permissions", f"{item.mode:04o}"


def _time(nanoseconds: int) -> str:
    try:
        found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return f"{nanoseconds} ns after 1970"
    return f"{found:%Y-%m-%d %H:%M:%S} UTC"
