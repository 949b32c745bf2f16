"""Every layout of the container, declared with construct. The tables of the specification are generated from here.

Integers are little-endian. ``VarInt`` is unsigned LEB128 in its shortest form, below 2**53. A chunk type
with bit 5 set (a lower-case letter) is ancillary: a decoder that does not know it skips it.
"""

from __future__ import annotations

from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Const,
    Construct,
    Flag,
    GreedyBytes,
    Int8ul,
    Int16ul,
    Int32ul,
    Int64ul,
    IntegerError,
    PascalString,
    PrefixedArray,
    Struct,
    this,
)
from construct.core import stream_read, stream_write

MAX_INTEGER = (1 << 53) - 1
VARINT_BYTES = 8
MAX_STREAMS = 1 << 16


class VarInteger(Construct):  # type: ignore[misc]
    """Unsigned LEB128, 0 to ``maximum``. Unlike construct's VarInt, it takes only the shortest form."""

    def __init__(self, maximum: int = MAX_INTEGER) -> None:
        super().__init__()
        self.maximum = maximum

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        value: int = 0
        for shift in range(0, 7 * VARINT_BYTES, 7):
            byte = int(stream_read(stream, 1, path)[0])
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            raise IntegerError(f"an integer of more than {VARINT_BYTES} bytes", path=path)
        if byte == 0 and shift > 0:
            raise IntegerError("an integer that is not in its shortest form", path=path)
        if value > self.maximum:
            raise IntegerError(f"{value} is above {self.maximum}", path=path)
        return value

    def _build(self, obj: int, stream: Any, context: Any, path: str) -> int:
        if not 0 <= obj <= self.maximum:
            raise IntegerError(f"{obj} is not in 0 to {self.maximum}", path=path)
        value, coded = obj, bytearray()
        while value >= 0x80:
            coded.append(value & 0x7F | 0x80)
            value >>= 7
        coded.append(value)
        stream_write(stream, bytes(coded), len(coded), path)
        return obj


VarInt = VarInteger()
Count = VarInteger(MAX_STREAMS)

SIGNATURE = b"\xabSOFC\r\n\n"
CODEBOOK_SIGNATURE = b"\xabSOFB\r\n\n"
VERSION_MAJOR = 0
VERSION_MINOR = {SIGNATURE: 7, CODEBOOK_SIGNATURE: 4}
"""Of image files (and archives of them) and of codebooks: each draft has its own, and readers know no other."""
ANCILLARY = 0x20

# Chunk types of an image file, in the order in which they may stand.
EMBEDDED_CODEBOOK = b"C"
CODEBOOK_REFERENCE = b"R"
BUILTIN_CODEBOOK = b"K"
METADATA = b"m"
IMAGE_HEAD = b"H"
BAND = b"B"
GROUP = b"G"
IMAGE_END = b"E"
INDEX = b"i"
FILE_END = b"Z"

# Chunk types of a codebook file; it ends with FILE_END too.
CODEBOOK_HEAD = b"N"
PROVENANCE = b"p"
SECTION = b"S"
MODEL = b"M"

CHUNK = Struct(
    "type" / Bytes(1) * "A letter; lower case = ancillary.",
    "length" / VarInt * "Bytes of the body.",
    "body" / Bytes(this.length) * "As the type says.",
    "crc" / Int32ul * "CRC-32 (as in zlib) of type, length and body.",
)

FILE_HEAD_BODY = Struct(
    "signature" / Bytes(8) * "`AB 53 4F 46 43 0D 0A 0A` for an image file, `AB 53 4F 46 42 0D 0A 0A` for a codebook.",
    "major" / Int8ul * "Version of the format.",
    "minor" / Int8ul * "Draft of that version.",
)

CODEBOOK_REFERENCE_BODY = Struct(
    "id" / Bytes(16) * "First 16 bytes of the SHA-256 of the codebook file.",
    "name" / PascalString(VarInt, "utf8") * "Name for people; never used to identify the codebook.",
)

BUILTIN_CODEBOOK_BODY = Struct(
    "number" / Int16ul * "Number in the register of built-in codebooks.",
)

IMAGE_HEAD_BODY = Struct(
    "width" / VarInt * "Samples in a row of one component, at least 1.",
    "height" / VarInt * "Rows; 0 = not known yet, then the image's end has it (never before groups).",
    "components" / VarInt * "Components, at least 1.",
    "depth"
    / BitStruct(
        "reserved" / Const(0, BitsInteger(2)) * "Zero.",
        "wide" / Flag * "1 = wide samples (Spec wide-samples).",
        "signed" / Flag * "1 = two's complement samples; of wide ones 0.",
        "coded_bits_minus_1"
        / BitsInteger(4)
        * "coded_bits - 1: bounds every sample of the image; of wide ones their sample type.",
    )
    * "Bits 7-6 zero; bit 5 wide; bit 4 signed; bits 3-0 coded_bits - 1.",
    "declared_bits"
    / Int8ul
    * "Bits a sample as the source said, 1-16; advisory, chooses only the array type. Of wide samples 0.",
    "meaning" / Int8ul * "What the components stand for; advisory, an unknown number counts as 0.",
    "relation" / Int8ul * "Frame relation: 0 = independent; others reserved for predicted frames.",
    "codebook" / VarInt * "1 = first codebook chunk of the file, and so on; 0 = none.",
)

BAND_BODY = Struct(
    "mode"
    / Int8ul
    * "Bit 0: 1 = continues from the band before; bits 1-2: mapping (Spec container/mapped-samples); rest zero.",
    "image" / VarInt * "Number of the image in the file, from 0.",
    "first_row" / VarInt * "First row of the band.",
    "rows" / VarInt * "Rows in the band, at least 1.",
    "model" / VarInt * "Model that codes the band.",
    "check" / Int32ul * "CRC-32 of the decoded samples.",
    "lengths" / PrefixedArray(Count, VarInt) * "Number of streams (at most 65536), then the bytes of each.",
    "streams" / GreedyBytes * "The streams, one after the other.",
)

GROUP_BODY = Struct(
    "mode"
    / Int8ul
    * "Bit 0: 1 = continues from the group before; bits 1-2: mapping (Spec container/mapped-samples); rest zero.",
    "image" / VarInt * "Number of the first image in the file, from 0.",
    "images" / VarInt * "Whole images in the group, at least 1.",
    "model" / VarInt * "Model that codes the group.",
    "check" / Int32ul * "CRC-32 of the decoded samples of all images.",
    "lengths" / PrefixedArray(Count, VarInt) * "Number of streams (at most 65536), then the bytes of each.",
    "streams" / GreedyBytes * "The streams, one after the other.",
)

# How the bodies of bands and groups begin: enough to know their place in the file.
PlacePrefix = Struct("mode" / Int8ul, "image" / VarInt, "place" / VarInt)
PLACE_PREFIX_MAX_SIZE = 1 + 2 * VARINT_BYTES

IMAGE_END_BODY = Struct(
    "height" / VarInt * "Rows of the image; equals the head's height where that is known.",
    "digest" / GreedyBytes * "Empty, or the SHA-256 of the image's samples (32 bytes).",
)

METADATA_BODY = Struct(
    "kind" / Int8ul * "Bits 0-6: registry of metadata kinds. Bit 7: the value is packed.",
    "key" / PascalString(VarInt, "utf8") * "Name of the item; may be empty.",
    "value" / GreedyBytes * "Opaque bytes as they are, or packed: zlib data (RFC 1950) of them.",
)

# The value of a metadata item that restores an original file: ORIGINAL_FILE, whose stream holds, where the file is
# made from samples, the parts of the file. Each part is a kind and one of the layouts below.

ORIGINAL_FILE = Struct(
    "way"
    / Int8ul
    * "0 = the stream is the file; 1 = it is a recipe that takes samples from the images; 2 = a recipe without images.",
    "size" / VarInt * "Bytes of the original file.",
    "digest" / Bytes(32) * "SHA-256 of the original file.",
    "coding"
    / Int8ul
    * "How the stream is packed: 0 = not, 1 = zlib (RFC 1950), 2 = LZMA (an .lzma file), 3 = deflate of heads of JPEG.",
    "stream" / GreedyBytes * "The packed stream.",
)

ORIGINAL_LITERAL = Struct(
    "length" / VarInt * "Bytes to take from the literals.",
)

ORIGINAL_SAMPLES = Struct(
    "image" / VarInt * "Number of the image.",
    "first_row" / VarInt * "First row to take.",
    "row_step" / VarInt * "Distance of the rows to take, at least 1.",
    "rows" / VarInt * "How many rows to take; they may reach out of the image.",
    "first_column" / VarInt * "First column to take.",
    "column_step" / VarInt * "Distance of the columns to take, at least 1.",
    "columns" / VarInt * "How many columns to take; they may reach out of the image.",
    "first_component" / VarInt * "First component to take.",
    "components" / VarInt * "Components to take.",
    "bits" / Int8ul * "Bits that each sample takes in the file, 1-32.",
    "shift" / Int8ul * "Lowest bits of each sample that are left out, 0-31.",
    "flags" / Int8ul * "Bits 0-5, see the text; other bits zero.",
    "alignment" / VarInt * "Rows are filled up with zero bits to a multiple of so many bytes; 0 = not at all.",
    "prediction" / Int8ul * "0 = none; 1 = difference to the sample on the left (TIFF); 2 = PNG filters.",
    "table" / PrefixedArray(VarInt, VarInt) * "Samples of table entry 0, then of entry 1, and so on; often empty.",
)

ORIGINAL_DEFLATE = Struct(
    "level" / Int8ul * "Compression level of zlib, 0-9.",
    "window" / Int8ul * "Base-2 logarithm of the window, 9-15.",
    "memory" / Int8ul * "Memory level of zlib, 1-9.",
    "strategy" / Int8ul * "Strategy of zlib: 0 default, 1 filtered, 2 Huffman only, 3 run lengths, 4 fixed codes.",
    "parts" / VarInt * "How many of the parts that follow are compressed.",
)

ORIGINAL_CHUNKS = Struct(
    "lengths" / PrefixedArray(VarInt, VarInt) * "Bytes of the body of each IDAT chunk.",
    "parts" / VarInt * "How many of the parts that follow are cut into the chunks.",
)

ORIGINAL_LZW = Struct(
    "rule" / Int8ul * "0 = as libtiff writes, 1 = as imagecodecs does.",
    "parts" / VarInt * "How many of the parts that follow are compressed.",
)

ORIGINAL_FRAGMENTS = Struct(
    "lengths" / PrefixedArray(VarInt, VarInt) * "Bytes of each fragment.",
    "parts" / VarInt * "How many of the parts that follow are cut into the fragments.",
)

ORIGINAL_RUNS = Struct(
    "form" / Int8ul * "Form of the packets: 0 = PackBits, 1 = TGA, 2 = SGI, 3 = PCX.",
    "unit" / Int8ul * "Bytes of a value, 1-4.",
    "row" / VarInt * "Values after which a new row begins; 0 = never.",
    "pairs" / Int8ul * "Runs that have packets of their own by the rule: 0 = all, 1 = not all pairs, 2 = no pairs.",
    "heads" / VarInt * "Bytes to take from the literals: how the first bytes of packets differ from the rule.",
    "parts" / VarInt * "How many of the parts that follow are compressed.",
)

ORIGINAL_STORED = Struct(
    "lengths" / PrefixedArray(VarInt, VarInt) * "Bytes of each block, at most 65535.",
    "parts" / VarInt * "How many of the parts that follow are cut into the blocks.",
)

ORIGINAL_TOKENS = Struct(
    "way" / Int8ul * "How matches are searched: 0 = lists by three bytes, 1 = lists by four bytes, 2 = trees.",
    "depth" / VarInt * "Places that a search looks at, 1-1024.",
    "nice" / VarInt * "Bytes of a match that ends a search, 3-258.",
    "haste" / Int8ul * "Power of two by which fewer places count in haste, 0-8.",
    "probes" / VarInt * "Places that are looked at for a match of three bytes first, 0-64.",
    "rounds" / Int8ul * "How often costs are refined, 0-2.",
    "size" / VarInt * "Bytes of the deflate data.",
    "remainder" / VarInt * "Bytes to take from the literals: the decisions of the encoder.",
    "parts" / VarInt * "How many of the parts that follow are compressed.",
)

ORIGINAL_GIF_LZW = Struct(
    "bits" / Int8ul * "Bits of a sample, 2-8.",
    "run" / VarInt * "Codes after which the table is cleared; 0 = it is not.",
    "changes" / VarInt * "Bytes to take from the literals: where that is otherwise, or a string is not the longest.",
    "parts" / VarInt * "How many of the parts that follow are compressed.",
)

ORIGINAL_SUB_BLOCKS = Struct(
    "lengths" / PrefixedArray(VarInt, VarInt) * "Bytes of each block, 1-255.",
    "parts" / VarInt * "How many of the parts that follow are cut into the blocks.",
)

ORIGINAL_FACSIMILE = Struct(
    "columns" / VarInt * "Pixels of a row, at least 1.",
    "parts" / VarInt * "How many of the parts that follow are compressed.",
)

ORIGINAL_SCAN = Struct(
    "head" / VarInt * "Bytes of the heads that come before its data.",
    "flags" / Int8ul * "Bits 0-3, see the text; other bits zero.",
    "units" / VarInt * "0 = all units of the scan are coded, else 1 + how many are.",
    "ends" / VarInt * "Bytes to take from the literals: what stands at the ends of intervals.",
    "notes" / VarInt * "Bytes to take from the literals then: what is unusual in blocks.",
)

ORIGINAL_JPEG = Struct(
    "tables" / VarInt * "0, or 1 + the place of an abbreviated stream of tables in the literals.",
    "tables_size" / VarInt * "Bytes of that stream.",
    "scans" / PrefixedArray(VarInt, ORIGINAL_SCAN) * "The scans, one after the other.",
    "parts" / VarInt * "How many of the parts that follow are the heads.",
)

ORIGINAL_CODED = Struct(
    "codebook" / VarInt * "Number of the codebook chunk in the file; 0 = none.",
    "model" / VarInt * "Number of the model in that codebook.",
    "recipe" / VarInt * "Bytes of the packed recipe, which follow; the rest are coefficients.",
)

# The first stream of a band or group that is predicted from earlier images: LIKENESS_PLAN.

LIKENESS_PLACING = Struct(
    "skipped" / VarInt * "Images of the group between the one before in this list (first: from its start) and this.",
    "reference" / VarInt * "Number of the image in the file that it is predicted from.",
    "turning"
    / Int8ul
    * "Bits 0-2: arrangement; bits 3-4: what stands outside; bits 5-6: reduction; bit 7 zero. See the text.",
    "component" / VarInt * "Component of the reference that the first component is predicted from.",
    "down" / VarInt * "Row of the arranged reference that stands in row 0, as a zigzag value.",
    "across" / VarInt * "Column of the arranged reference that stands in column 0, as a zigzag value.",
)

LIKENESS_PLAN = Struct(
    "way" / Int8ul * "0 = departures; 1 = guide; 2 = going on, of which `LIKENESS_GOING_ON` is the plan.",
    "mode" / Int8ul * "As of a band, for the images that the list leaves out; of way 1 for all.",
    "model" / VarInt * "As of a band, for the images that the list leaves out; of way 1 for all.",
    "images" / PrefixedArray(Count, LIKENESS_PLACING) * "The images that are predicted, in their order.",
)

LIKENESS_GOING_ON = Struct(
    "way" / Int8ul * "2.",
    "model" / VarInt * "Model that codes the group, and coded the earlier one.",
    "reference" / VarInt * "Number of an image in the file, which is in the earlier group.",
)

# The first stream of a band or group of wide samples: WIDE_PLAN, whose body is one of the layouts after it.

WIDE_PLAN = Struct(
    "type" / Int8ul * "Sample type of the keys: that of the samples, or a narrower one.",
    "codebook" / Int16ul * "Codebook of the core image: 0 = the image head's, else a number of the register.",
    "way" / Int8ul * "0 = steps, 1 = tables, 2 = mirrored, 3 = predicted, 4 = lines, 5 = filtered, 6 = resampled.",
    "body" / GreedyBytes * "The layout of that name: WIDE_STEPS, WIDE_TABLES and so on.",
)

WIDE_SEGMENT = Struct(
    "shift" / Int8ul * "Bits of each remainder in the segment, 0-52.",
    "gap" / VarInt * "Steps of that size from the end of the segment before (first: from origin) to this one.",
    "steps" / VarInt * "Steps in the segment, at least 1.",
)

WIDE_STEPS = Struct(
    "origin" / Int64ul * "Key from which the gap of the first segment counts.",
    "masks"
    / PrefixedArray(Count, VarInt)
    * "Of remainders of 0, 1, 2 and so on bits, which bits are coded with models; past the last none.",
    "segments" / PrefixedArray(Count, WIDE_SEGMENT) * "From the lowest keys to the highest.",
)

WIDE_SCALING = Struct(
    "form" / Int8ul * "How a number i becomes a value, see the text.",
    "scale" / Int64ul * "a: an integer, or the bits of a float64.",
    "offset" / Int64ul * "b: an integer, or the bits of a float64.",
    "first" / VarInt * "The least i, as a zigzag value.",
    "count" / VarInt * "How many i, at least 1.",
    "corrected" / Int8ul * "1 = the stream of tables has a correction for each; else 0.",
)

WIDE_TABLE = Struct(
    "scalings" / PrefixedArray(Count, WIDE_SCALING) * "Entries that are computed.",
    "listed" / VarInt * "Entries that follow them, whose keys the stream of tables has.",
)

WIDE_MIRRORED = Struct(
    "down" / VarInt * "Row that row 0 reflects: 0 or the last.",
    "across" / VarInt * "Column that column 0 reflects, in the image.",
    "negated" / Int8ul * "Bit 0: planes of even number reflect with the other sign; bit 1: those of odd number.",
    "mode" / Int8ul * "As of a band, for the rows that are kept.",
    "model" / VarInt * "As of a band, for the rows that are kept.",
    "streams" / VarInt * "How many of the streams that follow are those of the rows that are kept.",
)

WIDE_PREDICTED = Struct(
    "side" / Int8ul * "Tiles have 2^side rows and columns, 2-8.",
    "tiles" / GreedyBytes * "A bit for each tile, the highest of a byte first: 1 = predicted.",
)

WIDE_LINES = Struct(
    "exponent" / Int16ul * "The highest, of numbers with a fixed point: 1 up to that of infinities less 1.",
    "shared" / Int8ul * "Bit 0: all images have the same weights; bit 1: all rows; bit 2: all columns; 3-7: depth.",
    "fraction" / Int8ul * "Weights are in 1 / 2^fraction, 0-44.",
    "through" / Int8ul * "Images before that each is predicted from, 0-8.",
    "down" / Int8ul * "Rows before that each is predicted from, 0-8.",
    "across" / Int8ul * "Columns before that each is predicted from, 0-8.",
)

WIDE_FILTERED = Struct(
    "between" / Int8ul * "Sample type of the numbers that are filtered: 7 or 8.",
    "border"
    / Int8ul
    * "Beyond borders: 0 = all in reverse, 1 = all but the last, 2 = the last, 3 = nothing; 4 = the last, a recursion.",
    "function" / Int8ul * "What is made of the filtered numbers: 0 = nothing else, 1 = their square roots.",
    "through" / PrefixedArray(Count, Int64ul) * "Weights along images, the bits of float64 each.",
    "down" / PrefixedArray(Count, Int64ul) * "Weights along rows.",
    "across" / PrefixedArray(Count, Int64ul) * "Weights along columns.",
    "mode" / Int8ul * "As of a band, for the numbers that are filtered.",
    "model" / VarInt * "As of a band, for the numbers that are filtered.",
    "streams" / VarInt * "How many of the streams that follow are those of the numbers that are filtered.",
)

WIDE_GRID = Struct(
    "samples" / VarInt * "Numbers along the axis between which others are interpolated, at least 1.",
    "first" / VarInt * "Number of the sample before which all are 0.",
    "end" / VarInt * "Number of the sample from which on all are 0.",
    "is_single" / Int8ul * "1 = places are rounded to binary32, else 0.",
    "shift" / Int64ul * "The bits of a float64, as of the next three.",
    "divisor" / Int64ul * "See the text.",
    "step" / Int64ul * "See the text.",
    "offset" / Int64ul * "See the text.",
)

WIDE_RESAMPLED = Struct(
    "between" / Int8ul * "Sample type of the numbers that are interpolated: 7 or 8.",
    "kind" / Int8ul * "0 = shares of two numbers, 1 = one and a share of the change, 2 = splines of third degree.",
    "through" / PrefixedArray(Count, WIDE_GRID) * "Places along images: none, or one grid.",
    "down" / PrefixedArray(Count, WIDE_GRID) * "Places along rows.",
    "across" / PrefixedArray(Count, WIDE_GRID) * "Places along columns.",
    "mode" / Int8ul * "As of a band, for the numbers that are interpolated.",
    "model" / VarInt * "As of a band, for the numbers that are interpolated.",
    "streams" / VarInt * "How many of the streams that follow are those of the numbers that are interpolated.",
)

WIDE_TABLES = Struct(
    "sharing" / Int8ul * "Bit 0: a table for each component; bit 1: for each image; other bits zero.",
    "tables" / PrefixedArray(Count, WIDE_TABLE) * "The tables, those of an image next to each other.",
)

INDEX_ENTRY = Struct(
    "type" / Bytes(1) * "Type of the chunk: C, R, K, H, B or G.",
    "offset" / VarInt * "Bytes from the start of the chunk of the entry before (first: of the file) to this one's.",
    "image" / VarInt * "Number of the (first) image.",
    "place" / VarInt * "B: first row. G: images in the group. Otherwise 0.",
)

INDEX_BODY = Struct(
    "entries" / PrefixedArray(VarInt, INDEX_ENTRY) * "One entry for each C, R, K, H, B and G chunk, in file order.",
)

FILE_END_BODY = Struct(
    "index_size" / Int32ul * "Whole size of the index chunk, which stands right before; 0 = no index.",
)

CODEBOOK_HEAD_BODY = Struct(
    "name" / PascalString(VarInt, "utf8") * "Name for people, at most 64 bytes.",
)

PROVENANCE_BODY = Struct(
    "text"
    / GreedyBytes
    * "UTF-8 text without control characters but line feeds: what the codebook was trained on, and how.",
)

SECTION_BODY = Struct(
    "coder" / Int8ul * "Coder that owns the section.",
    "kind" / Int8ul * "Kind of the section, by coder.",
    "data" / GreedyBytes * "The section; its layout is the coder's.",
)

MODEL_BODY = Struct(
    "components" / VarInt * "Components of the images that the model accepts.",
    "max_bits" / Int8ul * "Largest coded_bits that it accepts.",
    "transform" / Int8ul * "Component transform.",
    "coder" / Int8ul * "Coder.",
    "effort" / Int8ul * "Effort (1-9) at which an encoder picks the model; 0 = only by name. Advisory.",
    "sections" / PrefixedArray(Count, VarInt) * "Numbers of the sections that it uses, from 0, in the coder's order.",
)
