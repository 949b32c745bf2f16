"""Spec codebook: codebook files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from .chunks import CODEBOOK_SIGNATURE, read_chunks, read_file_head
from .limits import MAX_CODEBOOK, MAX_SECTIONS
from .notation import Reader, check_text, require

# Spec codebook/codebook-file


@dataclass(frozen=True)
class Section:
    """A section of a codebook."""

    coder: int
    kind: int
    data: bytes
    change: bytes = b""
    """The data of the change that follows it in a model."""


@dataclass(frozen=True)
class Model:
    """A model of a codebook."""

    components: int
    max_bits: int
    transform: int
    coder: int
    effort: int
    sections: list[int]


class Codebook:
    """A codebook file; models are looked into where a band needs them."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.models: list[Model] = []
        self.ready: dict[int, Any] = {}

    def parameters(self, model: Model, planes: int, read: Callable[[list[Section], int], Any]) -> Any:
        """What a model's coder reads from its sections, for so many planes; kept for the next band."""
        if id(model) not in self.ready:
            require(len(model.sections) <= MAX_SECTIONS, "too many sections for this decoder")
            sections = [self.sections[number] for number in model.sections]
            require(all(section.coder == model.coder for section in sections), "section of another coder")
            self.ready[id(model)] = read(take_changes(sections), planes)
        return self.ready[id(model)]


# Spec codebook/changes

CHANGE = 255
CHANGEABLE = (2, 5)
"""The coders whose sections may be changed."""


def take_changes(sections: list[Section]) -> list[Section]:
    """The sections of a model, each with its change."""
    taken: list[Section] = []
    for section in sections:
        if section.kind != CHANGE:
            taken.append(section)
            continue
        require(section.coder in CHANGEABLE, "sections of this coder cannot be changed")
        require(not taken or taken[-1].kind != 1, "bit models cannot be changed")
        require(bool(section.data and taken and not taken[-1].change), "a change of nothing, or without bytes")
        taken[-1] = replace(taken[-1], change=section.data)
    return taken


@lru_cache(maxsize=64)
def read_codebook(data: bytes, built_in: Callable[[int], Codebook]) -> Codebook:
    """A codebook file, embedded or not; built_in gives a registered one by its number."""
    require(len(data) <= MAX_CODEBOOK, "codebook too large for this decoder")
    codebook = Codebook()
    bases: list[int] = []
    order = ""
    for chunk in read_chunks(data, read_file_head(data, CODEBOOK_SIGNATURE)):
        reader = Reader(chunk.body)
        if chunk.type not in "NpKSMZ":
            require(chunk.ancillary, "unknown critical chunk")
            continue
        allowed = {"": "N", "N": "pKSMZ", "p": "KSMZ", "K": "KSMZ", "S": "SMZ", "M": "MZ"}[order]
        require(chunk.type in allowed, "chunk out of place")
        order = chunk.type
        if chunk.type == "N":
            reader.text(64)
        elif chunk.type == "p":
            check_text(reader.rest(), "\n")
        elif chunk.type == "K":
            number = reader.u16()
            require(number not in bases, "built-in codebook named twice")
            bases.append(number)
            codebook.sections += built_in(number).sections
        elif chunk.type == "S":
            codebook.sections.append(Section(reader.u8(), reader.u8(), reader.rest()))
        elif chunk.type == "M":
            components, max_bits = reader.varint(), reader.u8()
            transform, coder, effort = reader.u8(), reader.u8(), reader.u8()
            numbers = [reader.varint() for _ in range(reader.varint())]
            model = Model(components, max_bits, transform, coder, effort, numbers)
            require(components >= 1 and 1 <= model.max_bits <= 16 and model.effort <= 9, "model out of range")
            require(all(number < len(codebook.sections) for number in numbers), "no such section")
            codebook.models.append(model)
        else:
            require(reader.u32() == 0, "index in a codebook")
            require(chunk.end == len(data), "bytes after the end of a codebook")
        reader.end()
    return codebook
