"""Codebooks as plain data: a directory of sections, opaque here, and of models that use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from sofc.container.codebook_file import pack_codebook, unpack_codebook
from sofc.container.records import MAX_NAME_BYTES, CodebookReference, Model, Section, is_plain_text
from sofc.errors import UsageError
from sofc.limits import Limits

REFERENCE_SIZE = 16
"""Bytes of the id that a file which refers to a codebook holds."""


@dataclass(frozen=True, eq=False)
class Codebook:
    """What was mined from a collection. Its id is the SHA-256 of its bytes, so equal bytes mean equal codebooks."""

    name: str
    models: tuple[Model, ...]
    sections: tuple[Section, ...]
    provenance: str = ""
    _bytes: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            size = len(self.name.encode())
        except UnicodeEncodeError:
            raise UsageError(f"a codebook's name cannot be written as UTF-8: {self.name!r}") from None
        if size > MAX_NAME_BYTES or not is_plain_text(self.name):
            raise UsageError(
                f"a codebook's name has no control characters and at most {MAX_NAME_BYTES} bytes: {self.name!r}"
            )

        if not is_plain_text(self.provenance.replace("\n", "")):
            raise UsageError("a codebook's provenance has control characters other than line feeds")

    @classmethod
    def from_bytes(cls, data: bytes, *, limits: Limits | None = None) -> Codebook:
        """Read a codebook file. Raises FormatError, UnsupportedError or LimitError."""
        name, models, sections, provenance = unpack_codebook(data, limits or Limits())
        return cls(name, models, sections, provenance, bytes(data))

    def to_bytes(self) -> bytes:
        """The codebook file."""
        return self._canonical

    @cached_property
    def _canonical(self) -> bytes:
        if self._bytes is not None:
            return self._bytes
        return pack_codebook(self.name, self.models, self.sections, self.provenance)

    @property
    def reference(self) -> CodebookReference:
        """How a file names the codebook."""
        return CodebookReference(self.id[:REFERENCE_SIZE], self.name)

    @cached_property
    def id(self) -> bytes:
        """SHA-256 of the codebook's bytes (32 bytes)."""
        return hashlib.sha256(self.to_bytes()).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Codebook) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)
