"""What an encoder puts before samples: codebooks, heads of images, metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sofc.codebook import Codebook
from sofc.codebook.builtin import is_builtin
from sofc.container import schema
from sofc.container.chunks import pack_image_head, pack_metadata, pack_reference
from sofc.container.records import CodedSamples, ImageHead, Metadata
from sofc.container.walker import frame_chunk
from sofc.stream.chunk_queue import ChunkQueue
from sofc.stream.pending import PendingImage


class Heads:
    """Puts each codebook once, before the first image that may need it, and counts them.

    ``embed``: put codebooks themselves, not their names alone. ``on_codebook`` is called with each that is put.
    """

    def __init__(
        self, chunks: ChunkQueue, *, embed: bool, on_codebook: Callable[[Codebook], None] | None = None
    ) -> None:
        self._chunks = chunks
        self._embed = embed
        self._on_codebook = on_codebook
        self.have_image = False
        self._numbers: dict[bytes, int] = {}  # of the codebooks that the file has, by their ids

    @property
    def have_codebook(self) -> bool:
        """Whether the file has a codebook."""
        return bool(self._numbers)

    def put_codebook(self, codebook: Codebook) -> None:
        """Put a codebook that the file does not have."""
        self._numbers[codebook.id] = len(self._numbers) + 1
        self._chunks.put(*self._chunk_of(codebook))
        if self._on_codebook is not None:
            self._on_codebook(codebook)

    def put_metadata(self, metadata: Iterable[Metadata]) -> None:
        """Put metadata, of the file or of the image whose head was put last."""
        for item in metadata:
            self._chunks.put(schema.METADATA, pack_metadata(item))

    def put_image(self, image: PendingImage, number: int, codebooks: Sequence[Codebook]) -> None:
        """Put the head of an image with a number, and before it those of its codebooks that the file does not have."""
        for place, codebook in self.numbered(codebooks).items():
            if codebook.id not in self._numbers:
                self.put_codebook(codebook)
            image.codebooks[place] = codebook
        own = image.selection.codebook
        place = self._numbers[own.id] if own is not None and own in image.codebooks.values() else 0
        self._chunks.put(schema.IMAGE_HEAD, pack_image_head(ImageHead(image.header, place)), number)
        self.put_metadata(image.metadata)
        self.have_image = image.has_head = True

    def numbered(self, codebooks: Iterable[Codebook]) -> dict[int, Codebook]:
        """Codebooks by the numbers that they have in the file, or will have."""
        numbers = dict(self._numbers)
        return {numbers.setdefault(codebook.id, len(numbers) + 1): codebook for codebook in codebooks}

    def added_bytes(self, coded: CodedSamples, codebooks: Iterable[Codebook]) -> int:
        """The bytes of coded samples, and of naming codebooks that the file does not name yet."""
        named = [frame_chunk(*self._chunk_of(one)) for one in codebooks if one.id not in self._numbers]
        return sum(map(len, (*coded.streams, *named)))

    def _chunk_of(self, codebook: Codebook) -> tuple[bytes, bytes]:
        """Type and body of the chunk that holds a codebook or names it."""
        if self._embed and not is_builtin(codebook):
            return schema.EMBEDDED_CODEBOOK, codebook.to_bytes()
        return pack_reference(codebook.reference)
