"""The heads of a sofc file. Reads neither samples nor anything that needs numpy."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, BinaryIO

from sofc.api.positions import positioned
from sofc.cli.console import size
from sofc.cli.reading import not_sofc
from sofc.codebook import Codebook
from sofc.codebook.builtin import find_builtin
from sofc.codebook.store import find_codebook
from sofc.container import schema
from sofc.container.chunks import (
    FILE_HEAD_SIZE,
    REFERENCE_TYPES,
    unpack_file_head,
    unpack_image_end,
    unpack_image_head,
    unpack_metadata,
    unpack_reference,
)
from sofc.container.layouts import parse
from sofc.container.likeness import GOING_ON, GUIDE, Plan, unpack_plan
from sofc.container.original import read_head
from sofc.container.records import (
    ARRANGED,
    COPY_MODEL,
    FIRST_CODEBOOK_MODEL,
    LIKENESS_MODEL,
    RAW_MODEL,
    CodebookReference,
    MetadataKind,
)
from sofc.container.registered import REGISTERED
from sofc.container.walker import walk
from sofc.container.wide import registered_codebooks
from sofc.errors import CodebookError, FormatError
from sofc.image import ImageHeader
from sofc.limits import Limits

PREFIX_BYTES = 1 << 16
"""How much of a chunk of samples is read: enough for the lengths of thousands of streams."""
TEXT_LETTERS = 60
READABLE = (MetadataKind.TEXT, MetadataKind.XMP, MetadataKind.NAMES, MetadataKind.RESOLUTION, MetadataKind.PHOTOMETRIC)
NAMES = {
    schema.EMBEDDED_CODEBOOK: "codebook",
    schema.CODEBOOK_REFERENCE: "codebook reference",
    schema.BUILTIN_CODEBOOK: "built-in codebook",
    schema.METADATA: "metadata",
    schema.IMAGE_HEAD: "image head",
    schema.BAND: "band",
    schema.GROUP: "group",
    schema.IMAGE_END: "image end",
    schema.INDEX: "index",
    schema.FILE_END: "file end",
}


@dataclass
class Run:
    """Images under one image head."""

    first: int
    header: ImageHeader
    images: int = 0
    rows: int = 0
    height: int | None = None
    codebook: int = 0

    @property
    def sample_bytes(self) -> int:
        """Bytes of the samples: 1 bit each for binary images, else 1 or 2 bytes, or those of wide ones."""
        samples = self.header.row_words
        rows = self.rows or self.images * (self.height or 0)
        if self.header.format.dtype_name == "bool":
            return (samples * rows + 7) // 8
        return samples * rows * (1 if self.header.format.dtype_name in ("uint8", "int8") else 2)


@dataclass(frozen=True)
class NeededCodebook:
    """A codebook of the file and where it is."""

    id: bytes
    name: str
    embedded: bool
    where: str
    found: bool


@dataclass(frozen=True)
class MetadataSummary:
    """A metadata item without its value, but for what a person can read of it, shortened."""

    kind: int
    key: str
    size: int
    text: str = ""

    @property
    def label(self) -> str:
        """Kind and key."""
        kind = MetadataKind(self.kind).name if self.kind in list(MetadataKind) else f"kind {self.kind}"
        return f"{kind} {self.key!r}" if self.key else kind


@dataclass(frozen=True)
class ChunkSummary:
    """One chunk: ``size`` with its framing."""

    offset: int
    type: str
    size: int
    text: str


@dataclass
class Overview:
    """What ``info`` tells."""

    name: str
    version: tuple[int, int]
    size: int = 0
    runs: list[Run] = field(default_factory=list)
    codebooks: list[NeededCodebook] = field(default_factory=list)
    metadata: list[MetadataSummary] = field(default_factory=list)
    chunks: list[ChunkSummary] = field(default_factory=list)
    models: Counter[tuple[int, int]] = field(default_factory=Counter)
    """How often each model is used, by the number of its codebook and its own. 0: no codebook; below: minus the number
    in the register of one that is built in, which is named for wide samples alone."""
    arrangements: Counter[str] = field(default_factory=Counter)
    bands: int = 0
    groups: int = 0
    original_bytes: int | None = None
    """Of the file of another format that is kept, where there is one and its head can be read."""
    complete: bool = False

    @property
    def images(self) -> int:
        """Images in the file."""
        return sum(run.images for run in self.runs)

    @property
    def sample_bytes(self) -> int:
        """Bytes of all samples."""
        return sum(run.sample_bytes for run in self.runs)

    def models_used(self) -> list[str]:
        """The models of bands and groups, with counts where there is more than one."""
        names = {model: self.name_of(*model) for model in self.models}
        if len(names) == 1:
            return list(names.values())
        return [f"{names[model]} ({self.models[model]})" for model in sorted(names)]

    def name_of(self, codebook: int, model: int) -> str:
        """A model in words: those of a codebook are counted from 0, as ``sofc codebook show`` does."""
        if model == RAW_MODEL:
            return "the raw coder"
        if model == COPY_MODEL:
            return "copies of earlier samples"
        if model == LIKENESS_MODEL:
            return "likeness to earlier images"
        if model < FIRST_CODEBOOK_MODEL:
            return f"neutral model {model}"
        several = len(self.codebooks) > 1 and 1 <= codebook <= len(self.codebooks)
        name = f"codebook {self.codebooks[codebook - 1].name!r}" if several else "the codebook"
        if codebook < 0:
            name = f"the built-in codebook {REGISTERED[-codebook].name!r}"
        return f"model {model - FIRST_CODEBOOK_MODEL} of {name}"

    @property
    def ratio(self) -> float:
        """Bytes that come out, of the file that is kept or of samples, for each of the file."""
        return (self.sample_bytes if self.original_bytes is None else self.original_bytes) / self.size

    def as_json(self, *, chunks: bool) -> dict[str, Any]:
        """A value for ``json.dumps``."""
        counts: Counter[int] = Counter()
        for (_, number), count in self.models.items():
            counts[number] += count
        value: dict[str, Any] = {
            "name": self.name,
            "version": ".".join(map(str, self.version)),
            "size": self.size,
            "complete": self.complete,
            "images": self.images,
            "bands": self.bands,
            "groups": self.groups,
            "sample_bytes": self.sample_bytes,
            "original_bytes": self.original_bytes,
            "ratio": round(self.ratio, 4),
            "models": {str(number): count for number, count in sorted(counts.items())},
            "arrangements": dict(sorted(self.arrangements.items())),
            "codebooks": [
                {
                    "id": book.id.hex(),
                    "name": book.name,
                    "embedded": book.embedded,
                    "found": book.found,
                    "where": book.where,
                }
                for book in self.codebooks
            ],
            "headers": [
                {
                    "first_image": run.first,
                    "images": run.images,
                    "width": run.header.width,
                    "height": run.height,
                    "components": run.header.format.components,
                    "coded_bits": run.header.format.coded_bits,
                    "declared_bits": run.header.format.declared_bits,
                    "signed": run.header.format.signed,
                    "meaning": run.header.format.meaning.name.lower(),
                    "dtype": run.header.format.dtype_name,
                    "sample_type": run.header.format.type_name,
                }
                for run in self.runs
            ],
            "metadata": [vars(item) for item in self.metadata],
        }
        if chunks:
            value["chunks"] = [vars(chunk) for chunk in self.chunks]
        return value


def read_overview(file: BinaryIO, name: str, *, beside: Path | None = None) -> Overview:
    """Read the heads of all chunks. A cut file gives what stands before the cut, with ``complete`` False.

    Raises NotSofcError, and what the chunks' parsers raise.
    """
    if not file.seekable() or file.tell():
        file = io.BytesIO(file.read())
    read = positioned(file).read
    head = read(0, FILE_HEAD_SIZE)
    if head[:8] != schema.SIGNATURE:
        raise not_sofc(head, name)
    overview = Overview(name, unpack_file_head(head), len(head))
    for chunk_type, body, offset, chunk_size in walk(read, overview.size, Limits().max_chunk_bytes, part=_wanted_bytes):
        summary = _note(overview, chunk_type, body, beside)
        overview.chunks.append(ChunkSummary(offset, chunk_type.decode(), chunk_size, summary))
        overview.size += chunk_size
        if chunk_type == schema.FILE_END:
            overview.complete = True
            break
    return overview


def _wanted_bytes(chunk_type: bytes) -> int:
    """How much of a chunk's body is read: of samples only the beginning."""
    return PREFIX_BYTES if chunk_type in (schema.BAND, schema.GROUP) else Limits().max_chunk_bytes


def _note(overview: Overview, chunk_type: bytes, body: bytes, beside: Path | None) -> str:
    """Take in one chunk and say in a few words what it is."""
    text = NAMES.get(chunk_type, "unknown")
    if chunk_type == schema.EMBEDDED_CODEBOOK:
        codebook = Codebook.from_bytes(body)
        overview.codebooks.append(NeededCodebook(codebook.id[:16], codebook.name, True, "embedded", True))
        return f"{text} {codebook.name!r}"
    if chunk_type in REFERENCE_TYPES:
        reference = unpack_reference(chunk_type, body)
        overview.codebooks.append(_located(reference, beside))
        return f"{text} {reference.name!r}"
    if chunk_type == schema.METADATA:
        parsed = unpack_metadata(body)
        item = MetadataSummary(parsed.kind, parsed.key, len(parsed.value), _readable(parsed.kind, parsed.value))
        overview.metadata.append(item)
        if parsed.kind == MetadataKind.ORIGINAL and overview.original_bytes is None:
            original = read_head(parsed.value)
            overview.original_bytes = None if original is None else original.size
        return f"{text} {item.label}"
    if chunk_type == schema.IMAGE_HEAD:
        head = unpack_image_head(body)
        header = head.header
        overview.runs.append(Run(overview.images, header, height=header.height, codebook=head.codebook))
        return f"{text} {header.width} x {header.height or 'unknown'}"
    if chunk_type == schema.BAND:
        band = parse(schema.BAND_BODY, body, chunk_type, whole=False)
        overview.bands += 1
        how = _note_models(overview, band, band.rows)
        if overview.runs:
            overview.runs[-1].images = 1
            overview.runs[-1].rows += band.rows
        return f"{text} rows {band.first_row}-{band.first_row + band.rows - 1}, {how}"
    if chunk_type == schema.GROUP:
        group = parse(schema.GROUP_BODY, body, chunk_type, whole=False)
        overview.groups += 1
        height = overview.runs[-1].height or 1 if overview.runs else 1
        how = _note_models(overview, group, height, group.images)
        if overview.runs:
            overview.runs[-1].images += group.images
        return f"{text} of {count_images(group.images)} from {group.image}, {how}"
    if chunk_type == schema.IMAGE_END:
        end = unpack_image_end(body)
        if overview.runs:
            overview.runs[-1].height = end.height
        return f"{text}, height {end.height}{', with SHA-256' if end.digest else ''}"
    return text


def _note_models(overview: Overview, coded: Any, image_rows: int, images: int = 1) -> str:
    """Take in how a band or group is coded, and say it."""
    run = overview.runs[-1] if overview.runs else None
    if coded.model == LIKENESS_MODEL and coded.lengths:
        overview.models[0, LIKENESS_MODEL] += 1
        return likeness_text(unpack_plan(coded.streams[: coded.lengths[0]], images))
    if run is not None and run.header.format.wide is not None and coded.model not in (RAW_MODEL, COPY_MODEL):
        return _note_wide(overview, coded, run)
    if coded.mode >> 1 != ARRANGED or run is None or not coded.lengths:
        overview.models[run.codebook if run else 0, coded.model] += 1
        return overview.name_of(run.codebook if run else 0, coded.model)
    # Only a file that has such bands needs numpy.
    from sofc.band.arrangement import describe, parts_of, unpack_arrangement
    from sofc.band.steps import Form

    samples = run.header.format
    form = Form(samples.components, samples.coded_bits, image_rows * images, run.header.width, image_rows)
    arrangement = unpack_arrangement(coded.streams[: coded.lengths[0]], form)
    text = describe(arrangement)
    overview.arrangements[text] += 1
    for part in parts_of(arrangement):
        overview.models[part.codebook, part.model] += 1
    names = dict.fromkeys(overview.name_of(part.codebook, part.model) for part in parts_of(arrangement))
    return f"{', '.join(names)}, arranged: {text}"


def _note_wide(overview: Overview, coded: Any, run: Run) -> str:
    """Take in the model of wide samples, whose plans may name a built-in codebook."""
    ends = list(accumulate(coded.lengths))
    try:
        streams = [coded.streams[start:end] for start, end in pairwise([0, *ends])]
        named = registered_codebooks(streams) & set(REGISTERED)
    except FormatError:  # a plan behind what is read of the chunk
        named = set()
    codebook = -max(named) if named else run.codebook
    overview.models[codebook, coded.model] += 1
    return overview.name_of(codebook, coded.model)


def likeness_text(plan: Plan) -> str:
    """What a plan of predicted images says, in a few words."""
    numbers = sorted({one.reference for one in plan.placings.values()})
    named = f"image{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers[:4]))}{' ...' if numbers[4:] else ''}"
    if plan.way == GOING_ON:
        return f"model {plan.model}, going on from the group of {named}"
    if plan.way == GUIDE:
        return f"model {plan.model}, guided by {named}"
    return f"model {plan.model}, {count_images(len(plan.placings))} predicted from {named}"


def _readable(kind: int, value: bytes) -> str:
    if kind == MetadataKind.ORIGINAL:
        head = read_head(value)
        return "" if head is None else f"original file of {size(head.size)}, {head.description}"
    if kind not in READABLE:
        return ""
    text = value[: 8 * TEXT_LETTERS].decode(errors="replace")
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= TEXT_LETTERS else f"{text[: TEXT_LETTERS - 1]}…"


def count_images(number: int) -> str:
    """``1 image``, ``2 images``."""
    return f"{number} image{'' if number == 1 else 's'}"


def _located(reference: CodebookReference, beside: Path | None) -> NeededCodebook:
    if find_builtin(reference.id) is not None:
        return NeededCodebook(reference.id, reference.name, False, "built in", True)
    try:
        find_codebook(reference, beside=beside)
    except CodebookError:
        return NeededCodebook(reference.id, reference.name, False, "referred to, not found here", False)
    return NeededCodebook(reference.id, reference.name, False, "referred to, found", True)
