"""The coders, and which decodes what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..codebook import Codebook, Model, Section
from ..coding_tools import CHAIN, JFIF_YCBCR, NONE, Area, Range, plane_ranges
from ..notation import require
from .bilevel import decode_bilevel, read_bilevel_model
from .context import CHAIN_PLANES, decode_chain, decode_context, read_context_model
from .dct import decode_dct, read_dct_model
from .interleaved import decode_interleaved, read_interleaved_model
from .raw import decode_raw
from .shape import decode_shape, read_shape_model

RAW, SHAPE, CONTEXT, BILEVEL, DCT, LABELS, INTERLEAVED = 0, 1, 2, 4, 5, 6, 7
TRAINED: dict[int, tuple[Callable[[list[Section], int], Any], Callable[..., list[list[int]]]]] = {
    SHAPE: (read_shape_model, decode_shape),
    CONTEXT: (read_context_model, decode_context),
    BILEVEL: (read_bilevel_model, decode_bilevel),
    DCT: (read_dct_model, decode_dct),
    INTERLEAVED: (read_interleaved_model, decode_interleaved),
}
"""How a coder reads its sections, and how it decodes with them."""
PROFILES = {
    RAW: "core",
    SHAPE: "shape",
    CONTEXT: "core",
    BILEVEL: "bilevel",
    DCT: "dct",
    LABELS: "labels",
    INTERLEAVED: "interleaved",
}
"""Spec README/profiles: that of each coder."""


def decode_planes(
    codebook: Codebook | None,
    model: Model,
    streams: list[bytes],
    ranges: list[Range],
    area: Area,
    features: list[list[list[int]]] | None = None,
    before: tuple[list[bytes], Area] | None = None,
) -> list[list[int]]:
    """The planes of a band or group of a model that is not neutral, by the model's coder; `features` are those of a
    guide (Spec likeness/guide), `before` what a group goes on from (Spec likeness/going-on)."""
    together = model.components > 1 or len(ranges) == 1
    require(before is None or (model.coder == DCT and together), "coder that cannot go on")
    require(features is None or model.coder == BILEVEL, "coder that cannot be guided")
    if model.coder == RAW:
        require(not model.sections, "the raw coder has no sections")
        return [decode_raw(stream, *bounds, area.size) for stream, bounds in zip(streams, ranges, strict=True)]
    require(model.coder in TRAINED and codebook is not None, "unknown coder")
    assert codebook is not None
    chained = model.transform == CHAIN
    require(not chained or model.coder == CONTEXT, "a chain is for the context coder")
    if model.components == 1 and len(ranges) > 1 and not chained:
        alone = zip(streams, ranges, strict=True)
        return [decode_planes(codebook, model, [stream], [bounds], area, features)[0] for stream, bounds in alone]
    wanted = JFIF_YCBCR if len(ranges) > 1 else NONE
    require(model.coder != DCT or model.transform == wanted, "transform is not for the dct coder")
    read, decode = TRAINED[model.coder]
    planes = CHAIN_PLANES if chained else len(plane_ranges(model.transform, model.components, 8))
    parameters = codebook.parameters(model, planes, read)
    if chained:
        return decode_chain(parameters, streams, ranges, area)
    if features is not None:
        return decode_bilevel(parameters, streams, ranges, area, features)
    if before is not None:
        return decode_dct(parameters, streams, ranges, area, before)
    return decode(parameters, streams, ranges, area)
