"""What is trained for each kind of image."""

from __future__ import annotations

from typing import NamedTuple

from sofc.coders.base import Descriptor
from sofc.coders.kinds import Kind
from sofc.coders.registry import CODERS
from sofc.errors import UsageError
from sofc.transforms.components import Transform


class Recipe(NamedTuple):
    """A coder to train, and the transforms to choose from."""

    coder: Descriptor
    transforms: tuple[Transform, ...]


def trainable() -> dict[str, Descriptor]:
    """The coders that can be trained, by name."""
    return {coder.name: coder for coder in CODERS.values() if coder.start_training is not None}


def coder_to_train(name: str) -> Descriptor:
    """The coder of a name. Raises UsageError for one that cannot be trained."""
    known = trainable()
    if name not in known:
        raise UsageError(f"coder {name!r} cannot be trained; these can: {', '.join(known)}")
    return known[name]


def recipes(coder: Descriptor | None, kind: Kind) -> list[Recipe]:
    """What to train for images of a kind; ``coder`` None leaves the choice to sofc. Raises UsageError."""
    if coder is not None and not coder.accepts(kind):
        raise UsageError(f"the {coder.name} coder is for {coder.images}, not {kind}")
    coders = [one for one in trainable().values() if one.unasked(kind)] if coder is None else [coder]
    # Where planes of a certain origin are most, what other models hold need not be much: they come later.
    coders.sort(key=lambda one: one.trace is None)
    return [Recipe(one, one.transforms(kind)) for one in coders]
