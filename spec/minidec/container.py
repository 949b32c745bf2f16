"""Spec container: image files, from their bytes to their images."""

from __future__ import annotations

import hashlib
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from .arrangement import Arrangement, Form, Planes
from .chunks import IMAGE_SIGNATURE, Chunk, read_chunks, read_file_head
from .codebook import Codebook, Model, read_codebook
from .coders import LABELS, RAW, SHAPE, decode_planes
from .coders import PROFILES as CODER_PROFILES
from .coders.labels import decode_labels
from .coders.shape import decode_neutral
from .coding_tools import NONE, PAPERS, Area, plane_ranges, undo_transform
from .likeness import GOES_ON, GUIDED, Account, Departures, Field, Reference, features_of, read_plan
from .limits import MAX_IMAGES, MAX_METADATA, MAX_OUTPUT, MAX_VALUES
from .notation import FormatError, MissingCodebookError, ProfileError, Reader, require, write_varint
from .wide import DTYPES, SAMPLES, Part, decode_wide

# Spec container/image-head


@dataclass
class ImageHead:
    """Size and format of the images that follow."""

    width: int
    height: int
    components: int
    signed: bool
    bits: int
    declared_bits: int
    codebook: int
    wide: int = 0
    """The sample type of wide samples; 0 of others (Spec wide-samples)."""
    meaning: int = 0

    @classmethod
    def read(cls, body: bytes, codebooks: int) -> ImageHead:
        reader = Reader(body)
        width, height, components = reader.varint(), reader.varint(), reader.varint()
        depth, declared, meaning, relation, codebook = *(reader.u8() for _ in range(4)), reader.varint()
        reader.end()
        require(1 <= width < 1 << 31 and height < 1 << 31, "image size out of range")
        require(1 <= components <= 4096, "components out of range")
        require(depth < 64, "reserved bits of depth are not zero")
        require(relation == 0, "reserved relation")
        require(codebook <= codebooks, "no such codebook")
        if depth & 32:
            require(depth & 31 in SAMPLES and declared == 0, "head of wide samples out of range")
            bits = SAMPLES[depth & 31][0].bits
            return cls(width, height, components, False, bits, bits, codebook, depth & 31, meaning)
        require(1 <= declared <= 16, "declared_bits out of range")
        return cls(width, height, components, bool(depth & 16), (depth & 15) + 1, declared, codebook, 0, meaning)

    @property
    def words(self) -> int:
        """Numbers in a sample."""
        return SAMPLES[self.wide][1] if self.wide else 1

    @property
    def dtype(self) -> str:
        if self.wide:
            return DTYPES[self.wide]
        bits = max(self.bits, self.declared_bits)
        if bits == 1 and not self.signed:
            return "bool"
        return ("int" if self.signed else "uint") + ("8" if bits <= 8 else "16")

    def sample_bytes(self, samples: Sequence[int], wide: bool) -> bytes:
        """Samples in one byte each, or two where `wide`, little-endian; of wide samples the bytes of their bits."""
        if self.wide:
            return b"".join(number.to_bytes(self.bits // 8, "little") for number in samples)
        code = ("h" if self.signed else "H") if wide else ("b" if self.signed else "B")
        numbers = array(code, samples)
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers.tobytes()


@dataclass
class Image:
    """A decoded image: its samples in the array's type, row by row."""

    shape: tuple[int, ...]
    dtype: str
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def samples(self) -> list[int]:
        """The samples as numbers, of wide samples as the bits of those."""
        if self.dtype in DTYPES and self.dtype != "uint16":
            size = SAMPLES[DTYPES.index(self.dtype)][0].bits // 8
            return [int.from_bytes(self.data[at : at + size], "little") for at in range(0, len(self.data), size)]
        size = 2 if self.dtype.endswith("16") else 1
        numbers = array({"int8": "b", "int16": "h"}.get(self.dtype, "BH"[size - 1]), self.data)
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers.tolist()


@dataclass
class Metadata:
    """A metadata item, unpacked."""

    kind: int
    key: str
    value: bytes


@dataclass
class DecodedFile:
    """What an image file holds."""

    images: list[Image] = field(default_factory=list)
    metadata: list[Metadata] = field(default_factory=list)
    codebooks: list[Codebook | None] = field(default_factory=list)
    """By the order of their chunks; nothing in the place of one that was not given."""
    profiles: set[str] = field(default_factory=lambda: {"core"})
    """Those that its images need."""


# Spec README/profiles

PROFILES = (
    "core",
    "interleaved",
    "bilevel",
    "dct",
    "labels",
    "likeness",
    "wide",
    "shape",
    "arrangement",
    "kept-files",
)
"""What this decoder supports: all."""


# Spec container/chunks

MAY_FOLLOW = {"": "CRKH", "H": "BG", "B": "BE", "G": "GCRKHiZ", "E": "CRKHiZ", "i": "Z", "Z": ""}
MAY_FOLLOW |= dict.fromkeys("CRK", "CRKH")

ORIGINAL_FILE = 6
"""The kind of metadata that restores a file of another format (Spec appendix-kept-files/the-item)."""

# Spec container/codebooks-in-a-file

BUILT_IN = {  # first bytes of their SHA-256
    1: "fef9e01a6342b90b3f5771645800a4c0",
    2: "430f2c4c9cc11461a0afcec76a43f641",
    3: "c2af8d9d87d51880008be9fdac83c151",
}


# Spec container/band

FIRST_CODEBOOK_MODEL = 64
COPY = 4
PREDICTED = 5
NEUTRAL_MODELS = {0: (NONE, RAW), 1: (NONE, SHAPE), 2: (PAPERS, SHAPE), 3: (NONE, LABELS)}
"""Transform and coder of each."""


class FileDecoder:
    """Decodes an image file."""

    def __init__(self, data: bytes, codebooks: Sequence[bytes], profiles: Sequence[str]) -> None:
        self.data = data
        self.profiles = profiles
        self.given = {hashlib.sha256(codebook).digest()[:16]: codebook for codebook in codebooks}
        self.codebooks: list[Codebook | None] = []
        self.file = DecodedFile(codebooks=self.codebooks)
        self.register = 0  # the built-in codebook of a core image of wide samples, 0 for that of the image head
        self.index: list[bytes] = []
        self.index_from = 0
        self.index_size = 0
        self.output = 0
        self.head = ImageHead(1, 1, 1, False, 1, 1, 0)
        self.rows = 0
        self.parts: list[bytes] = []
        self.earlier: dict[int, tuple[int, str, int, int, list[bytes]]] = {}
        """Number, type, mode, model and streams of bands and groups, by where they begin."""
        self.origins: list[tuple[ImageHead, int, bool, int]] = []
        """Of each image its head, where its first band or its group begins, whether others may be predicted from it,
        and what it takes to decode it."""
        self.decoding = 0
        """What it takes to decode the bands or the group of the current image."""
        self.guided: set[int] = set()
        """Numbers of images that have a guide."""
        self.bands: list[tuple[int, int]] = []
        """Where the bands of the current image begin, and their models, that of a guided one being that of its
        plan."""
        self.features: list[list[list[int]]] | None = None  # of the guide of what is being decoded
        self.before: tuple[list[bytes], Area] | None = None
        """The streams and the area of the group that the one that is being decoded goes on from."""
        self.gone_on_from = 0
        """Where the last group begins that one went on from."""
        self.predicted: set[int] = set()
        """The places of predicted images in the current group."""
        self.hash = hashlib.sha256()

    def decode(self) -> DecodedFile:
        """All that the file holds."""
        readers = {
            "C": self.embedded_codebook,
            "R": self.codebook_reference,
            "K": self.builtin_codebook,
            "m": self.metadata,
            "H": self.image_head,
            "B": self.band,
            "G": self.group,
            "E": self.image_end,
            "i": self.index_chunk,
            "Z": self.file_end,
        }
        before = ""
        for chunk in read_chunks(self.data, read_file_head(self.data, IMAGE_SIGNATURE)):
            if chunk.type not in readers or chunk.type == "m":
                require(chunk.ancillary, "unknown critical chunk")
                require(before != "i", "chunk between index and end")
                if chunk.type == "m":
                    self.metadata(chunk)
                continue
            alone = before in ("", *"CRK") and chunk.type == "Z" and self.keeps_file_alone()
            require(chunk.type in MAY_FOLLOW[before] or alone, "chunk out of place")
            readers[chunk.type](chunk)
            before = chunk.type
        return self.file

    # Spec README/profiles

    def need(self, *profiles: str) -> None:
        """End with an error where what follows needs a profile that is not supported."""
        for profile in profiles:
            if profile not in self.profiles:
                raise ProfileError(f"the profile {profile} is not supported")
            self.file.profiles.add(profile)

    # Spec container/chunks

    def keeps_file_alone(self) -> bool:
        """Whether the file may lack images: the first item of kind 6 is of way 2, or of 0 or 3 without codebooks."""
        items = [item for item in self.file.metadata if item.kind == ORIGINAL_FILE]
        ways = (b"\2",) if self.codebooks else (b"\0", b"\2", b"\3")
        return not self.file.images and bool(items) and items[0].value[:1] in ways

    # Spec container/index

    def note(self, chunk: Chunk, image: int, place: int) -> None:
        """Keep the index entry of a chunk."""
        offset = chunk.start - self.index_from
        self.index_from = chunk.start
        self.index.append(chunk.type.encode() + write_varint(offset) + write_varint(image) + write_varint(place))

    # Spec container/codebooks-in-a-file

    def embedded_codebook(self, chunk: Chunk) -> None:
        self.codebooks.append(read_codebook(chunk.body, self.registered))
        self.note(chunk, 0, 0)

    def codebook_reference(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        identity = reader.take(16)
        reader.text(64)
        reader.end()
        self.refer(identity, chunk)

    def builtin_codebook(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        number = reader.u16()
        reader.end()
        self.refer(self.identity(number), chunk)

    def identity(self, number: int) -> bytes:
        """The first 16 bytes of the id of a built-in codebook."""
        require(number in BUILT_IN, "no such built-in codebook")
        return bytes.fromhex(BUILT_IN[number])

    def registered(self, number: int) -> Codebook:
        """A built-in codebook, as one that another is based on."""
        identity = self.identity(number)
        require(identity in self.given, "a built-in codebook that was not given")
        return read_codebook(self.given[identity], self.registered)

    def refer(self, identity: bytes, chunk: Chunk) -> None:
        self.codebooks.append(read_codebook(self.given[identity], self.registered) if identity in self.given else None)
        self.note(chunk, 0, 0)

    # Spec container/metadata

    def metadata(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        kind, key, value = reader.u8(), reader.text(), reader.rest()
        self.file.metadata.append(Metadata(kind & 127, key, unpack_value(value) if kind > 127 else value))

    # Spec container/image-head

    def image_head(self, chunk: Chunk) -> None:
        self.head = ImageHead.read(chunk.body, len(self.codebooks))
        self.rows = 0
        self.parts = []
        self.bands = []
        self.decoding = 0
        self.hash = hashlib.sha256()
        self.note(chunk, len(self.file.images), 0)

    # Spec container/copies

    def without_copies(self, chunk: Chunk, mode: int, model: int, streams: list[bytes]) -> tuple[int, int, list[bytes]]:
        """Mode, model and streams of a band or group; of a copy those of what it copies."""
        if model == COPY:
            require(mode == 0 and len(streams) == 1, "copy with a mapping or of several streams")
            reader = Reader(streams[0])
            distance = reader.varint()
            reader.end()
            require(1 <= distance <= 1 << 25, "copy from out of reach")
            number, kind, mode, model, streams = self.earlier.get(chunk.start - distance, (0, "", 0, 0, []))
            require(kind == chunk.type, "copy of no such chunk")
            require(len(self.earlier) - number <= 1 << 16, "copy from behind too many chunks")
            self.earlier[chunk.start] = len(self.earlier), "", 0, 0, []
        else:
            kind = "" if model == PREDICTED else chunk.type
            self.earlier[chunk.start] = len(self.earlier), kind, mode, model, streams
        return mode, model, streams

    # Spec container/band, Spec container/group

    def coded(self, chunk: Chunk, mode: int, reader: Reader, rows: int, image_rows: int) -> list[int]:
        """The samples of a band or group, from its field `model` on."""
        head = self.head
        size = rows * head.width * head.components * head.words * -(-head.bits // 16)
        require(size <= MAX_VALUES, "band too large for this decoder")
        model, check, count = reader.varint(), reader.u32(), reader.varint()
        require(count <= 65536, "too many streams")
        lengths = [reader.varint() for _ in range(count)]
        streams = [reader.take(length) for length in lengths]
        reader.end()
        self.bands.append((chunk.start, model))
        self.predicted = set()
        mode, model, streams = self.without_copies(chunk, mode, model, streams)
        area = Area(rows, head.width, image_rows)
        if model == PREDICTED:
            require(mode == 0, "predicted band with a mapping")
            self.need("likeness")
            samples = self.decode_predicted(chunk, streams, area)
        else:
            samples = self.decode_samples(mode >> 1, model, streams, area)
            self.count(len(samples))
        written = head.sample_bytes(samples, head.bits > 8)
        require(zlib.crc32(written) == check, "samples do not match their check")
        self.output += max(2, head.bits // 8) * len(samples)
        require(self.output <= MAX_OUTPUT, "too many samples for this decoder")
        self.hash.update(written)
        return samples

    def decode_samples(self, mapping: int, number: int, streams: list[bytes], area: Area) -> list[int]:
        """Find the samples of a band or group, mapped, arranged or neither."""
        head = self.head
        if head.wide:
            self.need("wide", "shape", "labels")
            return self.decode_numbers(mapping, number, streams, area)
        form = Form(head.components, head.bits, area)
        if mapping == ARRANGED:
            require(number == 0, "arranged band names a model")
            self.need("arrangement")
            components = Arrangement(streams, self.decode_part).decode(form)
        else:
            components = self.decode_part(head.codebook, number, mapping, streams, form)
        shift = 1 << (head.bits - 1) if head.signed else 0
        return [value - shift for pixel in zip(*components, strict=True) for value in pixel]

    # Spec likeness

    def count(self, samples: int, cost: int = 0) -> None:
        """Take in that so many samples of a band or group are decoded, which costs so much itself."""
        self.decoding += max(1024, samples) + cost

    def decode_predicted(self, chunk: Chunk, streams: list[bytes], area: Area) -> list[int]:
        """The samples of a band or group of which images are predicted."""
        head, first, size = self.head, len(self.file.images), area.image_rows * area.width * self.head.components
        require(len(streams) >= 1 and not head.wide, "predicted images with too few streams, or wide samples")
        images = area.rows // area.image_rows
        plan = read_plan(streams[0], images)
        field = Field(self.rows, area.image_rows, area.width, head.components, head.bits)
        account = Account(images * size)
        if plan.way == GUIDED:
            require(images == 1 and list(plan.placings) == [0], "guide of a group")
            placing = plan.placings[0]
            self.bands[-1] = chunk.start, plan.model
            self.guided.add(first)
            guide = self.earlier_image(chunk, placing.reference, account, is_guide=True)
            self.features = features_of(placing, guide, field)
            self.count(account.samples, account.cost)
            try:
                return self.decode_samples(plan.mode >> 1, plan.model, streams[1:], area)
            finally:
                self.features = None
        if plan.way == GOES_ON:
            require(chunk.type == "G", "band that goes on")
            self.bands[-1] = chunk.start, plan.model
            self.before = self.earlier_group(chunk, plan.placings[0].reference, plan.model, account)
            self.count(account.samples, account.cost)
            try:
                return self.decode_samples(0, plan.model, streams[1:], area)
            finally:
                self.before = None
        require(len(streams) >= 2, "predicted images with too few streams")
        self.predicted = set(plan.placings)
        left = [place for place in range(images) if place not in plan.placings]
        found: dict[int, list[int]] = {}
        self.count(len(left) * size)
        if left:
            rest = Area(len(left) * area.image_rows, area.width, area.image_rows)
            samples = self.decode_samples(plan.mode >> 1, plan.model, streams[2:], rest)
            found = {place: samples[k * size : (k + 1) * size] for k, place in enumerate(left)}
        else:
            require(plan.mode == 0 and plan.model == 0 and len(streams) == 2, "streams of other images without any")
        departures = Departures(streams[1])
        shift = 1 << (head.bits - 1) if head.signed else 0
        for place, placing in plan.placings.items():
            number = placing.reference
            require(number < first + place, "reference that does not come before")
            if number >= first:
                require(number - first in left and chunk.type == "G", "reference that is predicted")
                account.ask(size, tables=head.components * ((1 << head.bits) + 8192))
                reference = self.reference(head, found[number - first])
            else:
                reference = self.earlier_image(chunk, number, account, is_guide=False)
            components = departures.image(placing, reference, field)
            values = zip(*([value for row in rows for value in row] for rows in components), strict=True)
            found[place] = [value - shift for pixel in values for value in pixel]
        return [value for place in range(images) for value in found[place]]

    def earlier_group(self, chunk: Chunk, number: int, model: int, account: Account) -> tuple[list[bytes], Area]:
        """The streams and the area of the group of an image, from which one of this model goes on."""
        require(number < len(self.file.images), "group that does not come before")
        head, start, _, decoding = self.origins[number]
        place, kind, mode, its, streams = self.earlier[start]
        require(kind == "G" and mode == 0 and its == model, "group that none can go on from")
        require(chunk.start - start <= 1 << 25 and len(self.earlier) - 1 - place <= 1 << 16, "group out of reach")
        require(head == self.head, "group of other images")
        require(start >= self.gone_on_from, "group before one that another went on from")
        self.gone_on_from = start
        account.ask(0, start, decoding)
        images = sum(at == start for _, at, *_ in self.origins)
        return streams, Area(images * head.height, head.width, head.height)

    def earlier_image(self, chunk: Chunk, number: int, account: Account, is_guide: bool) -> Reference:
        """An image of an earlier band or group."""
        require(number < len(self.file.images), "reference that does not come before")
        origin, start, is_own, decoding = self.origins[number]
        require(is_own and not origin.wide, "reference that is predicted, a copy, or of wide samples")
        require(not is_guide or number not in self.guided, "guide that has itself a guide")
        steps = len(self.earlier) - 1 - self.earlier[start][0]
        require(chunk.start - start <= 1 << 25 and steps <= 1 << 16, "reference out of reach")
        samples = self.file.images[number].samples
        tables = 0 if is_guide else self.head.components * ((1 << origin.bits) + 8192)
        account.ask(len(samples), start, decoding, tables)
        return self.reference(origin, samples)

    def reference(self, head: ImageHead, samples: list[int]) -> Reference:
        """An image, sample by sample, as one that others are predicted from."""
        require(len(samples) <= MAX_VALUES, "reference too large for this decoder")
        shift = 1 << (head.bits - 1) if head.signed else 0
        step = head.width * head.components
        rows = [[value + shift for value in samples[at : at + step]] for at in range(0, len(samples), step)]
        return Reference([[row[c :: head.components] for row in rows] for c in range(head.components)], head.bits)

    def decode_part(self, codebook: int, number: int, mapping: int, streams: list[bytes], form: Form) -> Planes:
        """The components of planes of a form, mapped or not."""
        if mapping == NOT_MAPPED:
            return self.decode_components(codebook, number, streams, form)
        self.need("shape")
        table, bits, streams = read_table(mapping, streams, form.components, form.bits)
        count = 1 if mapping == PALETTE else form.components
        numbers = self.decode_components(codebook, number, streams, Form(count, bits, form.area))
        return [use_table(values, numbers[k % count]) for k, values in enumerate(table)]

    # Spec wide-samples/core-image

    def decode_numbers(self, mapping: int, number: int, streams: list[bytes], area: Area) -> list[int]:
        """The bits of the numbers of wide samples."""
        kind, words = SAMPLES[self.head.wide]
        planes = self.head.components * words

        def core(part: Part, codebook: int, count: int) -> list[list[int]]:
            if count > 65536:
                require(part.model == 3 and part.mapping == NOT_MAPPED, "core image of too many numbers")
                require(len(part.streams) == planes, "number of streams is not that of planes")
                return decode_labels(part.streams, [(0, count - 1)] * planes, part.area)
            form = Form(planes, max(1, (count - 1).bit_length()), part.area)
            self.register = codebook
            try:
                return self.decode_part(self.head.codebook, part.model, part.mapping, part.streams, form)
            finally:
                self.register = 0

        found = decode_wide(kind, planes, Part(number, mapping, streams, area), core)
        return [value for pixel in zip(*found, strict=True) for value in pixel]

    def decode_components(self, codebook_number: int, number: int, streams: list[bytes], form: Form) -> Planes:
        """Decode the planes of a band or group with a model, and undo its transform."""
        components, bits, area = form.components, form.bits, form.area
        codebook, model = self.find_model(codebook_number, number, components, bits)
        self.need(CODER_PROFILES.get(model.coder, "core"))
        ranges = plane_ranges(model.transform, components, bits)
        require(len(streams) == len(ranges), "number of streams is not that of planes")
        require(len(ranges) * area.size <= MAX_VALUES, "band too large for this decoder")
        if self.features is not None:
            require(codebook is not None, "neutral model that cannot be guided")
            require((area.rows, area.width) == (len(self.features[0]), len(self.features[0][0])), "size of a guide")
        require(self.before is None or codebook is not None, "neutral model that goes on")
        if model.coder == SHAPE and codebook is None:
            planes = decode_neutral(streams, ranges, area)
        elif model.coder == LABELS and codebook is None:
            planes = decode_labels(streams, ranges, area)
        else:
            planes = decode_planes(codebook, model, streams, ranges, area, self.features, self.before)
        for plane, (low, high) in zip(planes, ranges, strict=True):
            require(low <= min(plane) and max(plane) <= high, "plane value out of range")
        return undo_transform(model.transform, planes, bits)

    def find_model(
        self, codebook_number: int, number: int, components: int, bits: int
    ) -> tuple[Codebook | None, Model]:
        """A neutral model, or one of a codebook of the file."""
        if number < FIRST_CODEBOOK_MODEL:
            require(number in NEUTRAL_MODELS, "unknown neutral model")
            transform, coder = NEUTRAL_MODELS[number]
            return None, Model(components, 16, transform, coder, 0, [])
        if self.register:  # Spec wide-samples/the-plan
            identity = self.identity(self.register)
            codebook = read_codebook(self.given[identity], self.registered) if identity in self.given else None
        else:
            require(1 <= codebook_number <= len(self.codebooks), "model of a codebook that is not named")
            codebook = self.codebooks[codebook_number - 1]
        if codebook is None:
            raise MissingCodebookError("the codebook is not at hand")
        require(number - FIRST_CODEBOOK_MODEL < len(codebook.models), "no such model")
        model = codebook.models[number - FIRST_CODEBOOK_MODEL]
        require(model.components in (1, components), "model is for other components")
        require(bits <= model.max_bits, "model is for fewer bits")
        return codebook, model

    def add_image(self, height: int, data: bytes, is_own: bool) -> None:
        head = self.head
        self.origins.append((head, self.bands[0][0], is_own, self.decoding))
        shape = (height, head.width) if head.components == 1 else (height, head.width, head.components)
        require(len(self.file.images) < MAX_IMAGES, "too many images for this decoder")
        self.file.images.append(Image(shape, head.dtype, data))

    def band(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        mode, image, first_row, rows = reader.u8(), reader.varint(), reader.varint(), reader.varint()
        require(mode in (0, 2, 4, 6), "reserved mode")
        require(image == len(self.file.images), "band of another image")
        require(first_row == self.rows, "band does not follow the one before")
        require(rows >= 1 and first_row + rows <= (self.head.height or (1 << 31) - 1), "rows out of range")
        samples = self.coded(chunk, mode, reader, rows, rows)
        self.parts.append(self.head.sample_bytes(samples, self.head.dtype.endswith("16")))
        self.rows += rows
        self.note(chunk, image, first_row)

    def group(self, chunk: Chunk) -> None:
        head = self.head
        reader = Reader(chunk.body)
        mode, image, images = reader.u8(), reader.varint(), reader.varint()
        require(mode in (0, 2, 4, 6), "reserved mode")
        require(image == len(self.file.images), "group begins with another image")
        require(images >= 1, "group of no images")
        require(head.height > 0, "group of images of unknown height")
        self.bands = []
        self.decoding = 0
        samples = self.coded(chunk, mode, reader, images * head.height, head.height)
        step = head.height * head.width * head.components * head.words
        for start in range(0, len(samples), step):
            is_own = self.bands[0][1] != COPY and start // step not in self.predicted
            data = head.sample_bytes(samples[start : start + step], head.dtype.endswith("16"))
            self.add_image(head.height, data, is_own)
        self.note(chunk, image, images)

    # Spec container/image-end

    def image_end(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        height, digest = reader.varint(), reader.rest()
        require(height == self.rows and self.head.height in (0, height), "height is not that of the bands")
        require(len(digest) in (0, 32), "digest of another size")
        require(digest in (b"", self.hash.digest()), "samples do not match their digest")
        is_own = all(model not in (COPY, PREDICTED) for _, model in self.bands)
        self.add_image(height, b"".join(self.parts), is_own)

    def index_chunk(self, chunk: Chunk) -> None:
        require(chunk.body == write_varint(len(self.index)) + b"".join(self.index), "index does not fit the chunks")
        self.index_size = chunk.end - chunk.start

    # Spec container/file-end

    def file_end(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        require(reader.u32() == self.index_size, "index_size is not that of the index")
        reader.end()


def decode_file(data: bytes, codebooks: Sequence[bytes] = (), profiles: Sequence[str] = PROFILES) -> DecodedFile:
    """What an image file holds; raises FormatError where it breaks a rule, or needs other profiles than these."""
    return FileDecoder(data, codebooks, profiles).decode()


def unpack_value(packed: bytes) -> bytes:
    """The value of a packed metadata item."""
    inflater = zlib.decompressobj()
    try:
        value = inflater.decompress(packed, MAX_METADATA + 1)
    except zlib.error as error:
        raise FormatError("packed metadata is damaged") from error
    whole = inflater.eof and not inflater.unused_data and len(value) <= MAX_METADATA
    require(whole, "packed metadata is cut off, too long or too large")
    return value


# Spec container/mapped-samples

NOT_MAPPED, VALUES, PALETTE, ARRANGED = range(4)


def read_table(
    mapping: int, streams: list[bytes], components: int, bits: int
) -> tuple[list[list[int]], int, list[bytes]]:
    """What numbers stand for, by component; their bits; and the streams behind those of the table."""
    own = components + 1
    require(len(streams) >= own, "streams of the table are missing")
    if mapping == VALUES:
        require(components << bits <= 1 << 20, "table too large")
        require(len(streams[0]) == 4, "bounds of another size")
        first, last = (int.from_bytes(streams[0][at : at + 2], "little") for at in (0, 2))
        require(first <= last < 1 << bits, "bounds out of range")
        area = Area(1, last - first + 1, 1)
        flags = decode_neutral(streams[1:own], [(0, 1)] * components, area)
        table = [[value for value, taken in enumerate(component, first) if taken] for component in flags]
        require(min(map(len, table)) > 0, "a component takes no value")
    else:
        require(len(streams[0]) == 2, "count of another size")
        area = Area(1, int.from_bytes(streams[0], "little") + 1, 1)
        transform = PAPERS if components == 3 else NONE
        ranges = plane_ranges(transform, components, bits)
        planes = decode_neutral(streams[1:own], ranges, area)
        for plane, (low, high) in zip(planes, ranges, strict=True):
            require(low <= min(plane) and max(plane) <= high, "plane value out of range")
        table = undo_transform(transform, planes, bits)
    return table, max(1, (max(map(len, table)) - 1).bit_length()), streams[own:]


def use_table(values: list[int], numbers: list[int]) -> list[int]:
    """What the numbers stand for."""
    require(max(numbers) < len(values), "number outside the table")
    return [values[number] for number in numbers]
