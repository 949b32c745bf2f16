"""Codebooks as plain data: a directory of sections, opaque here, and of models that use them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sofc.container.codebook_file import CodebookContents, pack_codebook, unpack_codebook
from sofc.container.records import CHANGE, MAX_NAME_BYTES, CodebookReference, Model, Section, is_plain_text
from sofc.errors import CodebookError, UsageError
from sofc.limits import Limits

REFERENCE_SIZE = 16
"""Bytes of the id that a file which refers to a codebook holds."""
STATEMENTS = ("version", "licence")
"""What the first lines of a provenance may say: spec codebook/codebook file."""


@dataclass(frozen=True, eq=False)
class Codebook:
    """What was mined from a collection. Its id is the SHA-256 of its bytes, so equal bytes mean equal codebooks.

    ``bases``: built-in codebooks whose sections its models may use, too: they stand before its own in ``sections``, and
    not in its bytes.
    """

    name: str
    models: tuple[Model, ...]
    sections: tuple[Section, ...]
    provenance: str = ""
    bases: tuple[Codebook, ...] = ()
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
        contents = unpack_codebook(data, limits or Limits(), lambda reference: len(_builtin(reference.id).sections))
        bases = tuple(_builtin(reference.id) for reference in contents.bases)
        return _with_bases(contents.name, contents.models, contents.sections, contents.provenance, bases, bytes(data))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without what comes with the package: to other processes go some kilobytes, not two megabytes."""
        from sofc.codebook.builtin import is_builtin

        if is_builtin(self):
            return _builtin, (self.reference.id,)
        return _with_bases, (self.name, self.models, self.own_sections, self.provenance, self.bases, self._bytes)

    @property
    def own_sections(self) -> tuple[Section, ...]:
        """Those that are not a base's."""
        return self.sections[len(borrowed(self.bases)) :]

    def owns(self, model: Model) -> bool:
        """Whether a model of it uses no section of a base."""
        borrows = len(borrowed(self.bases))
        return min(model.sections, default=borrows) >= borrows

    def unchanged(self, model: Model) -> tuple[int, ...]:
        """The sections of a model of it without their changes: those of the model as it was before."""
        return tuple(number for number in model.sections if self.sections[number].kind != CHANGE)

    @cached_property
    def is_changed(self) -> bool:
        """Whether it changes sections of its bases, or has all models of these as they stand, besides its own."""
        if any(section.kind == CHANGE for section in self.own_sections):
            return True
        starts = [len(borrowed(self.bases[:number])) for number in range(len(self.bases))]
        return bool(self.bases) and {*self.models}.issuperset(
            replace(model, sections=tuple(start + section for section in model.sections))
            for base, start in zip(self.bases, starts, strict=True)
            for model in base.models
        )

    @property
    def version(self) -> str:
        """The version that its maker gave it; "" for none."""
        return self._stated.get("version", "")

    @property
    def licence(self) -> str:
        """The licence under which it is passed on; "" where it says none."""
        return self._stated.get("licence", "")

    def stating(self, *, version: str = "", licence: str = "") -> Codebook:
        """The same models with a version and a licence, which makes it another codebook: its id is another.

        Raises UsageError for texts of more than one line, or with control characters.
        """
        lines = {name: text for name, text in zip(STATEMENTS, (version, licence), strict=True) if text}
        if any("\n" in text for text in lines.values()):
            raise UsageError("a codebook's version and licence are of one line each")
        begin = "".join(f"{name}: {text}\n" for name, text in lines.items())
        return replace(self, provenance=begin + self.provenance, _bytes=None) if begin else self

    @cached_property
    def _stated(self) -> dict[str, str]:
        """What the first lines of the provenance say."""
        found: dict[str, str] = {}
        for line in self.provenance.splitlines():
            name, separator, text = line.partition(": ")
            if not separator or name not in STATEMENTS:
                break
            found.setdefault(name, text)
        return found

    def to_bytes(self) -> bytes:
        """The codebook file."""
        return self._canonical

    @cached_property
    def _canonical(self) -> bytes:
        if self._bytes is not None:
            return self._bytes
        bases = tuple(base.reference for base in self.bases)
        return pack_codebook(CodebookContents(self.name, self.models, self.own_sections, self.provenance, bases))

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


def borrowed(bases: Sequence[Codebook]) -> tuple[Section, ...]:
    """The sections of bases, as a codebook numbers them before its own."""
    return tuple(section for base in bases for section in base.sections)


def _builtin(id: bytes) -> Codebook:
    """The one whose id begins so."""
    from sofc.codebook.builtin import find_builtin

    found = find_builtin(id)
    if found is None:  # of a process with another version of sofc, as files are asked for their bases before
        raise CodebookError(f"this sofc has no built-in codebook {id.hex()}: are all workers of the same version?")
    return found


def _with_bases(
    name: str,
    models: tuple[Model, ...],
    own: Sequence[Section],
    provenance: str,
    bases: tuple[Codebook, ...],
    data: bytes | None,
) -> Codebook:
    """One with its ``own`` sections behind those of its bases."""
    return Codebook(name, models, (*borrowed(bases), *own), provenance, bases, data)
