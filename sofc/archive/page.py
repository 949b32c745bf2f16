"""A report of an archive as one HTML file without outside parts."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sofc.archive.access import Archive
from sofc.archive.manifest import EntryRow, Manifest
from sofc.archive.pictures import picture, png_of
from sofc.archive.report import KindSummary, Summary
from sofc.archive.tree import path_of
from sofc.errors import SofcError
from sofc.places import Place

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
THUMBNAILS = 6
"""Of a kind."""
THUMBNAIL_SIDE = 96
EXTREMES = 5
"""Files that gained most, and least."""
LISTED = 200
LEAST_SHARE = 0.01
"""Of what is stored: kinds that take less are shown where somebody asks for them."""
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #8885}
td:first-child,th:first-child{text-align:left}h2{margin-top:2.5rem}
.bar{height:.8rem;background:#8883;border-radius:.2rem}.bar div{height:100%;background:#3a7ca5;border-radius:.2rem}
img{image-rendering:pixelated;margin:.2rem;border-radius:.2rem;vertical-align:middle}code{word-break:break-all}
.kind{margin:1.5rem 0}small{opacity:.7}summary{cursor:pointer}
.drawn{max-width:100%;image-rendering:auto}
"""


@dataclass(frozen=True)
class Peer:
    """A sample of images of a kind as lossless WebP: how many files, their bytes, as WebP, and here."""

    files: int
    size: int
    webp: int
    stored: int


def page(
    folder: Place,
    manifest: Manifest,
    summary: Summary,
    drawn: Mapping[str, bytes],
    named: Mapping[str, Sequence[tuple[str, str]]],
) -> str:
    """The report of an archive that was written to ``folder``. ``drawn``: by the id of a codebook what was mined, as a
    PNG file. ``named``: under a heading paths, and what is to be said of each."""
    ordered = sorted(enumerate(summary.kinds), key=lambda pair: -pair[1].stored)
    with Archive(folder) as archive:
        shown = [(kind, _kind(archive, manifest, number, kind, drawn)) for number, kind in ordered]
    least = LEAST_SHARE * sum(kind.stored for kind in summary.kinds)
    large = "".join(text for kind, text in shown if kind.stored >= least)
    small = [text for kind, text in shown if kind.stored < least]
    heading = f"{_count(len(small), 'kind')} of less than {LEAST_SHARE:.0%}"
    others = f"<details><summary>{heading}</summary>{''.join(small)}</details>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(folder.name)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(folder.name)}</h1>"
        f"<p>{summary.files} files in {summary.folders} folders, {_size(summary.bytes)}, take "
        f"{_size(summary.stored)}: {_ratio(summary.bytes, summary.stored)} times less. Of that the manifest takes "
        f"{_size(summary.manifest)}, codebooks {_size(summary.codebooks)}.</p>{_bar(summary.stored, summary.bytes)}"
        f"<h2>Kinds</h2>{large}{others if small else ''}<h2>Gained most and least</h2>{_extremes(manifest)}"
        f"{''.join(_listed(heading, paths) for heading, paths in named.items())}</html>\n"
    )


def _listed(heading: str, paths: Sequence[tuple[str, str]]) -> str:
    lines = "".join(f"<li><code>{escape(path)}</code>: {escape(reason)}</li>" for path, reason in paths[:LISTED])
    more = f"<p>{len(paths) - LISTED} more</p>" if len(paths) > LISTED else ""
    return f"<h2>{escape(heading)}</h2>{f'<ul>{lines}</ul>{more}' if paths else '<p>None.</p>'}"


def _kind(archive: Archive, manifest: Manifest, number: int, kind: KindSummary, drawn: Mapping[str, bytes]) -> str:
    book = f", codebook <code>{kind.codebook[:8]}</code> mined from them" if kind.codebook else ""
    effort = f", effort {kind.effort}" if kind.effort else ""
    pictures = []
    for path in _spread(manifest, number):
        try:
            images = archive.images(path)
            middle = images[len(images) // 2]  # the first slice of a volume is dark
            pictures.append(f'<img alt="" title="{escape(path)}" src="{_thumbnail(middle)}">')
        except (SofcError, OSError, ValueError):
            continue  # no image, or one that cannot be shown
    peer = _peer(archive, manifest, number) if pictures else None
    compared = ""
    if peer is not None:
        compared = (
            f"<br><small>{peer.files} of them, {_size(peer.size)}: {_size(peer.stored)} here, {_size(peer.webp)} as "
            "lossless WebP, which does not give the files back</small>"
        )
    mined = ""
    if kind.codebook is not None and kind.codebook in drawn:
        source = _uri(drawn[kind.codebook])
        mined = f'<details><summary>What was mined</summary><img class="drawn" alt="" src="{source}"></details>'
    return (
        f'<div class="kind"><b>{escape(kind.name)}</b>: {_count(kind.files, "file")}, {_size(kind.bytes)} &rarr; '
        f"{_size(kind.stored)}, ratio {_ratio(kind.bytes, kind.stored)} <small>({escape(kind.store)}{effort}{book})"
        f"</small>{_bar(kind.stored, kind.bytes)}{''.join(pictures)}{compared}{mined}</div>"
    )


def _spread(manifest: Manifest, kind: int) -> list[str]:
    """Names of files spread over a kind."""
    found = [(entry.path, entry.escaped) for entry in _files(manifest, kind)]
    step = max(1, -(-len(found) // THUMBNAILS))
    return [os.fsdecode(path_of(*one)) for one in found[::step]]


def _files(manifest: Manifest, kind: int) -> Iterator[EntryRow]:
    """The files of a kind, each content once."""
    seen: set[int] = set()
    for entry in manifest.entries:
        if entry.content is not None and entry.content not in seen and manifest.contents[entry.content].kind == kind:
            seen.add(entry.content)
            yield entry


def _thumbnail(image: npt.NDArray[np.generic]) -> str:
    """A small picture as a URI. Raises ValueError for what cannot be shown as gray or RGB."""
    return _uri(png_of(picture(image, THUMBNAIL_SIDE)))


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _peer(archive: Archive, manifest: Manifest, kind: int) -> Peer | None:
    """A sample as WebP; None where that takes no such images."""
    import numpy as np
    from PIL import Image, features

    if not features.check("webp"):
        return None
    files = list(_files(manifest, kind))
    count = size = webp = stored = 0
    for entry in files[:: max(1, -(-len(files) // THUMBNAILS))]:
        assert entry.content is not None
        content = manifest.contents[entry.content]
        try:
            images = archive.images(os.fsdecode(path_of(entry.path, entry.escaped)))
        except (SofcError, OSError):
            continue
        if len(images) != 1 or images[0].dtype != np.uint8 or images[0].shape[2:] not in ((), (3,), (4,)):
            return None
        if max(images[0].shape) > 1 << 13:
            return None
        buffer = io.BytesIO()
        Image.fromarray(images[0]).save(buffer, "WEBP", lossless=True, method=4, exact=True)
        count, size = count + 1, size + content.size
        webp, stored = webp + len(buffer.getvalue()), stored + content.bytes
    return Peer(count, size, webp, stored) if count else None


def _extremes(manifest: Manifest) -> str:
    """Files that gained most and least, those of a few bytes left out."""
    ratios = sorted(
        (content.bytes / content.size, entry.path, content.size, content.bytes)
        for entry in manifest.entries
        if entry.content is not None and (content := manifest.contents[entry.content]).size >= 1 << 10
    )
    chosen = ratios if len(ratios) <= 2 * EXTREMES else ratios[:EXTREMES] + ratios[-EXTREMES:]
    rows = "".join(
        f"<tr><td><code>{escape(path)}</code><td>{_size(size)}<td>{_size(stored)}<td>{_ratio(size, stored)}</tr>"
        for _, path, size, stored in chosen
    )
    return f"<table><tr><th>file<th>before<th>here<th>ratio</tr>{rows}</table>"


def _bar(part: int, whole: int) -> str:
    share = min(100.0, 100 * part / max(1, whole))
    return f'<div class="bar"><div style="width:{share:.1f}%"></div></div>'


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _ratio(before: int, after: int) -> str:
    return f"{before / max(1, after):.2f}"


def _size(count: int) -> str:
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return f"{count} bytes"
