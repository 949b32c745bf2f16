"""What an archive holds, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass

from sofc.archive.manifest import Manifest
from sofc.places import Place, sizes_below


@dataclass(frozen=True)
class KindSummary:
    """A kind: files, distinct ``contents``, bytes of all files, and what they take in units."""

    name: str
    store: str
    effort: int
    codebook: str | None
    files: int
    contents: int
    bytes: int
    stored: int


@dataclass(frozen=True)
class Summary:
    """An archive: ``stored`` is all that its folder takes, of which ``manifest`` bytes for the manifest with its copy
    and ``codebooks`` for codebooks with theirs."""

    files: int
    folders: int
    links: int
    bytes: int
    stored: int
    units: int
    manifest: int
    codebooks: int
    kinds: tuple[KindSummary, ...]


def summary(folder: Place, manifest: Manifest) -> Summary:
    """Counts of a manifest that was written to ``folder``."""
    files = [0] * len(manifest.contents)
    for entry in manifest.entries:
        if entry.content is not None:
            files[entry.content] += 1
    rows: list[list[int]] = [[0, 0, 0, 0] for _ in manifest.kinds]
    for count, content in zip(files, manifest.contents, strict=True):
        for place, value in enumerate((count, 1, count * content.size, content.bytes)):
            rows[content.kind][place] += value
    kinds = tuple(
        KindSummary(kind.name, kind.store, kind.effort, kind.codebook, *row)
        for kind, row in zip(manifest.kinds, rows, strict=True)
    )
    sizes = sizes_below(folder)
    return Summary(
        files=sum(files),
        folders=sum(entry.type == "folder" for entry in manifest.entries),
        links=sum(entry.type == "link" for entry in manifest.entries),
        bytes=sum(row[2] for row in rows),
        stored=sum(sizes.values()),
        units=len(manifest.units),
        manifest=sum(size for path, size in sizes.items() if path.name.startswith("manifest.")),
        codebooks=sum(size for path, size in sizes.items() if path.suffix == ".sofcb"),
        kinds=kinds,
    )
